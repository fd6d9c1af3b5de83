package sqlite

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// fileAt returns the device and the inode of the file that a path names. It does not ask for the file's times: once they
// were asked for, Linux from 6.13 on notes the exact time of the next write ("multigrain timestamps"), and the sync of
// that write must make a change of the inode durable as well. After each commit, that would cost about a tenth of them.
func fileAt(path string) (dev, ino uint64, err error) {
	var st unix.Statx_t
	err = unix.Statx(unix.AT_FDCWD, path, unix.AT_STATX_DONT_SYNC, unix.STATX_INO, &st)
	switch err { // system calls return plain numbers
	case nil:
		return unix.Mkdev(st.Dev_major, st.Dev_minor), st.Ino, nil
	case unix.ENOSYS, unix.EPERM: // older kernels do not know the call, older sandboxes forbid it
		return statFile(path)
	}
	return 0, 0, err
}

func statFile(path string) (dev, ino uint64, err error) {
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		return 0, 0, err
	}
	return uint64(st.Dev), st.Ino, nil //nolint:unconvert // on some machines a device has another type
}

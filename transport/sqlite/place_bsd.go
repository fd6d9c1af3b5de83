//go:build unix && !linux

package sqlite

import "syscall"

// fileAt returns the device and the inode of the file that a path names.
func fileAt(path string) (dev, ino uint64, err error) {
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		return 0, 0, err
	}
	return uint64(st.Dev), st.Ino, nil //nolint:unconvert // on some systems a device has another type
}

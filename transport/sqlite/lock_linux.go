package sqlite

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// inodeLock locks a database's file itself, by a lock that belongs to an open file description (fcntl(2), "open file
// description locks"). SQLite's own locks are the older kind, which a process loses when it closes any descriptor of the
// file: while a connection is open in this process, no descriptor of the file may be closed that SQLite has not opened.
type inodeLock struct {
	fd   int
	held bool
}

// The commands of fcntl(2) for these locks, which package syscall does not name.
const (
	fOFDGetLock = 36
	fOFDSetLock = 37
)

// SQLite locks the bytes from 1 GiB on: the pending byte, the reserved byte, and 510 shared ones. lockByte lies behind
// them, in the page that holds no data.
const (
	sqliteLocks   = 1 << 30
	sqliteLockLen = 512
	lockByte      = sqliteLocks + sqliteLockLen
)

// acquire locks the file. The error is a *LockedError if another open file description has the lock. Where the file
// system knows no such locks, and where there is no file and none shall be made, nothing is locked.
func (l *inodeLock) acquire(path string, create bool) error {
	flags := syscall.O_RDWR | syscall.O_CLOEXEC
	if create {
		flags |= syscall.O_CREAT
	}
	fd, err := syscall.Open(path, flags, 0o600)
	if errors.Is(err, fs.ErrNotExist) && !create {
		return nil
	}
	if err != nil {
		return fmt.Errorf("sqlite: %w", &os.PathError{Op: "open", Path: path, Err: err})
	}
	lock := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart, Start: lockByte, Len: 1}
	switch err := control(fd, fOFDSetLock, &lock); {
	case err == nil, errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.ENOLCK), errors.Is(err, syscall.EOPNOTSUPP):
		l.fd, l.held = fd, true
		return nil
	case !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EACCES):
		return errors.Join(fmt.Errorf("sqlite: lock: %w", &os.PathError{Op: "fcntl", Path: path, Err: err}), syscall.Close(fd))
	}
	// Who has it is seen by SQLite's own locks, which every open connection holds one of.
	locked := &LockedError{Path: path}
	shared := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart, Start: sqliteLocks, Len: sqliteLockLen}
	if control(fd, fOFDGetLock, &shared) == nil && shared.Type != syscall.F_UNLCK && shared.Pid > 0 {
		locked.PID = int(shared.Pid)
	}
	if locked.PID == os.Getpid() {
		return locked // to close the descriptor would take SQLite's locks from the connections of this process
	}
	if err := syscall.Close(fd); err != nil {
		return errors.Join(locked, err)
	}
	return locked
}

// release gives up the lock. No connection may be open in this process.
func (l *inodeLock) release() error {
	if !l.held {
		return nil
	}
	l.held = false
	if err := syscall.Close(l.fd); err != nil {
		return fmt.Errorf("sqlite: unlock: %w", err)
	}
	return nil
}

// control is fcntl, again when a signal interrupts it.
func control(fd, command int, lock *syscall.Flock_t) error {
	for {
		if err := syscall.FcntlFlock(uintptr(fd), command, lock); !errors.Is(err, syscall.EINTR) { //nolint:gosec // a descriptor is not negative
			return err
		}
	}
}

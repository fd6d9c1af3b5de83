//go:build !linux

package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// inodeLock would lock a database's file itself. Elsewhere than on Linux the lock file is all there is: the locks that
// remain are lost when a process closes any descriptor of the file, as SQLite does.
type inodeLock struct{}

// acquire makes the file if it shall.
func (*inodeLock) acquire(path string, create bool) error {
	flags := os.O_RDWR
	if create {
		flags |= os.O_CREATE
	}
	f, err := os.OpenFile(path, flags, 0o600)
	if errors.Is(err, fs.ErrNotExist) && !create {
		return nil
	}
	if err != nil {
		return fmt.Errorf("sqlite: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("sqlite: %w", err)
	}
	return nil
}

func (*inodeLock) release() error { return nil }

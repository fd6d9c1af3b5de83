//go:build unix

package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// placed is a path and the file that it named.
type placed struct {
	path     string
	dev, ino uint64
}

// note notes which file the path names.
func (p *placed) note() (found bool, err error) {
	dev, ino, err := fileAt(p.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w", p.path, err)
	}
	p.dev, p.ino = dev, ino
	return true, nil
}

// look reports whether the path names a file, and whether it is the same one. One system call: it is made for each commit.
func (p *placed) look() (found, same bool) {
	for {
		switch dev, ino, err := fileAt(p.path); {
		case err == nil:
			return true, ino == p.ino && dev == p.dev
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
			return false, false
		default:
			return false, true // not known
		}
	}
}

// syncFolder makes the names in a folder durable.
func syncFolder(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("sqlite: %w", err)
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return fmt.Errorf("sqlite: %w", err)
	}
	return nil
}

//go:build !unix

package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// placed is a path and the file that it named.
type placed struct {
	path string
	info os.FileInfo
}

// note notes which file the path names.
func (p *placed) note() (found bool, err error) {
	info, err := os.Stat(p.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w", p.path, err)
	}
	p.info = info
	return true, nil
}

// look reports whether the path names a file, and whether it is the same one.
func (p *placed) look() (found, same bool) {
	info, err := os.Stat(p.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, false
	case err != nil:
		return false, true // not known
	}
	return true, os.SameFile(info, p.info)
}

// syncFolder would make the names in a folder durable; elsewhere the file system does that by itself.
func syncFolder(string) error { return nil }

// Package scratch gives what a process needs for a while only, such as a socket or what a program leaves, a folder of
// its own among the system's temporary files. A process that is killed cannot clean up; the next one that calls Sweep
// does it.
//
// Whether a folder is still in use is told by the lock on a file in it, which the operating system drops when the
// process ends, however it ends. Process ids would not tell: containers that share a folder for temporary files each
// count their own.
package scratch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"
)

const (
	prefix   = "symphony-run-"
	lockFile = "lock"
	attempts = 10 // to make a folder; each but the first is after another process has swept it away
)

// Folder is a folder that only this user may enter. It is deleted by Close, or by Sweep of another process once this
// one has ended.
type Folder struct {
	path string
	lock *flock.Flock
}

// Make makes an empty folder in base, or where base is empty, in the system's folder for temporary files (TMPDIR). The
// names in it are the caller's, but for "lock".
func Make(base string) (*Folder, error) {
	for range attempts {
		path, err := os.MkdirTemp(base, prefix)
		if err != nil {
			return nil, fmt.Errorf("scratch: %w", err)
		}
		f := &Folder{path, flock.New(filepath.Join(path, lockFile), flock.SetPermissions(0o600))}
		// Another process may have looked at the folder before it was locked, and taken it for one that was left.
		switch held, err := f.lock.TryLock(); {
		case held && f.stands():
			return f, nil
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return nil, errors.Join(fmt.Errorf("scratch: lock: %w", err), os.RemoveAll(path))
		case held:
			_ = f.lock.Unlock() // of a file that is gone
		}
	}
	return nil, errors.New("scratch: other processes delete each folder as it is made")
}

// stands reports whether the file that is locked is still the one in the folder.
func (f *Folder) stands() bool {
	locked, err := f.lock.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(f.lock.Path())
	return err == nil && os.SameFile(locked, there)
}

// Path is where the folder is.
func (f *Folder) Path() string { return f.path }

// Close deletes the folder with all that is in it. Closing again does nothing.
func (f *Folder) Close() error { return remove(f.path, f.lock) }

// remove deletes a folder whose lock is held, and drops the lock.
func remove(path string, lock *flock.Flock) error {
	first := os.RemoveAll(path) // before the lock is dropped, so that nobody takes what is being deleted
	if err := lock.Unlock(); err != nil || first == nil {
		return errors.Join(first, err)
	}
	return os.RemoveAll(path) // some systems delete no file that is open
}

// Sweep deletes the folders that processes of this user have left in base, the folder that was given to Make, and no
// folder of a process that runs. What cannot be looked at or deleted stays.
func Sweep(base string) {
	if base == "" {
		base = os.TempDir()
	}
	entries, err := os.ReadDir(base)
	if err != nil {
		return // making a folder tells what is wrong with it
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), prefix) || !e.IsDir() {
			continue
		}
		if info, err := e.Info(); err == nil && ours(info) {
			sweep(filepath.Join(base, e.Name()))
		}
	}
}

// sweep deletes a folder unless a process holds it.
func sweep(path string) {
	lock := flock.New(filepath.Join(path, lockFile), flock.SetFlag(os.O_RDONLY))
	switch held, err := lock.TryLock(); {
	case held:
		_ = remove(path, lock)
	case errors.Is(err, fs.ErrNotExist):
		// Its process died before it locked it, or has yet to: then it makes another one.
		_ = os.Remove(path)
	}
}

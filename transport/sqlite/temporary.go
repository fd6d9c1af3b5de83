package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/symphony-messenger/symphony"
)

// A temporary database stands in a folder of its own, named so, among the system's temporary files. A process that dies
// leaves it there; the next one that opens a temporary database deletes it, once nothing in it has changed for
// temporaryGrace: a younger one may be of a process that has not locked it yet.
const (
	temporaryFolder = "symphony-memory-"
	temporaryFile   = "symphony.db"
	temporaryGrace  = time.Minute
)

// OpenTemporary opens an empty database that forgets everything when it is closed: for tests, for development, and for
// what need not survive the process. It is the database that Open opens, in a folder of its own for temporary files
// (TMPDIR) that only this user can read and that Close deletes. It waits for no disk, so Capabilities.Durable is false.
func OpenTemporary(ctx context.Context, o Options) (*Transport, error) {
	sweepTemporary(os.TempDir())
	folder, err := os.MkdirTemp("", temporaryFolder)
	if err != nil {
		return nil, fmt.Errorf("sqlite: folder for a temporary database: %w", err)
	}
	t, err := open(ctx, filepath.Join(folder, temporaryFile), o, folder)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	return t, nil
}

// sweepTemporary deletes the temporary databases that processes of this user have left in a folder. What cannot be looked at
// or deleted stays.
func sweepTemporary(folder string) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return // making the new one tells what is wrong with the folder
	}
	for _, e := range entries {
		left := filepath.Join(folder, e.Name())
		if e.IsDir() && strings.HasPrefix(e.Name(), temporaryFolder) && abandonedTemporary(left) {
			_ = os.RemoveAll(left)
		}
	}
}

// abandonedTemporary reports whether no process has the temporary database in a folder open, nor is about to.
func abandonedTemporary(folder string) bool {
	path := filepath.Join(folder, temporaryFile)
	info, err := os.Stat(path)
	made := err == nil
	if errors.Is(err, fs.ErrNotExist) {
		info, err = os.Stat(folder)
	}
	if err != nil || symphony.SystemClock().Now().Sub(info.ModTime()) < temporaryGrace {
		return false
	}
	if !made {
		return true
	}
	lock, err := acquire(path, false)
	return err == nil && lock.release() == nil
}

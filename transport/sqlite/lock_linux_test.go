package sqlite_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/symphony-messenger/symphony/transport/sqlite"
)

// One process may have a database's file open, whatever its name and whatever became of the lock file.
func TestLock_is_on_the_file(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "queue.db")
	tr := open(t, path, sqlite.Options{})
	refused := func(what, path string) {
		t.Helper()
		opened, err := sqlite.Open(context.Background(), path, sqlite.Options{})
		var locked *sqlite.LockedError
		switch {
		case err == nil:
			t.Errorf("%s: it was opened a second time", what)
			if err := opened.Close(); err != nil {
				t.Error(err)
			}
		case !errors.As(err, &locked):
			t.Errorf("%s: got %v, want a LockedError", what, err)
		case locked.PID != os.Getpid():
			// It is found by the locks of SQLite's connections, which are therefore still held.
			t.Errorf("%s: process %d has it, want %d", what, locked.PID, os.Getpid())
		}
	}
	link := filepath.Join(dir, "link.db")
	if err := os.Link(path, link); err != nil {
		t.Fatal(err)
	}
	refused("a hard link", link)
	refused("a hard link once more", link)
	if err := os.Remove(path + ".lock"); err != nil {
		t.Fatal(err)
	}
	refused("a removed lock file", path)
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, link, sqlite.Options{})
}

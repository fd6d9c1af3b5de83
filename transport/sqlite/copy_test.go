package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/transport/sqlite"
	"github.com/symphony-messenger/symphony/transport/transporttest"
)

// A backup made while others dispatch has everything that was answered before it began, and opens as it is.
func TestBackup_beside_a_server(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	path, to := filepath.Join(dir, "queue.db"), filepath.Join(dir, "copy.db")
	tr := open(t, path, sqlite.Options{})
	bus := newBus(t, tr)
	var before []string
	for range 50 {
		before = append(before, dispatch(t, bus, "Order", `{}`, symphony.DispatchOptions{}).ID)
	}
	stop := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				if _, err := bus.Dispatch(ctx, "Later", struct{}{}, symphony.DispatchOptions{}); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	size, err := sqlite.Backup(ctx, path, to, false, nil)
	close(stop)
	all.Wait()
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(to)
	if err != nil || info.Size() != size || info.Mode().Perm() != 0o600 {
		t.Fatalf("the copy is %+v, %v; want %d bytes that only the owner reads", info, err, size)
	}
	copied := open(t, to, sqlite.Options{})
	for _, id := range before {
		if _, err := transporttest.GetMessage(ctx, copied, id); err != nil {
			t.Errorf("message %s: %v", id, err)
		}
	}
	if _, err := sqlite.Backup(ctx, path, to, true, nil); err == nil {
		t.Error("a backup replaced a database that is open")
	}
}

func TestRestore(t *testing.T) {
	ctx := context.Background()
	backup := func(t *testing.T, n int) string {
		t.Helper()
		path := filepath.Join(t.TempDir(), "backup.db")
		tr := open(t, path, sqlite.Options{})
		for range n {
			dispatch(t, newBus(t, tr), "Order", `{"pad":"`+strings.Repeat("x", 2000)+`"}`, symphony.DispatchOptions{})
		}
		if err := tr.Close(); err != nil {
			t.Fatal(err)
		}
		return path
	}
	pending := func(t *testing.T, path string) int64 {
		t.Helper()
		tr := open(t, path, sqlite.Options{})
		st, err := tr.Stats(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return st.Pending
	}

	t.Run("a log that a crash left is not taken for the backup's", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "queue.db")
		tr := open(t, path, sqlite.Options{})
		for range 7 {
			dispatch(t, newBus(t, tr), "Order", `{}`, symphony.DispatchOptions{})
		}
		wal, err := os.ReadFile(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		if err := tr.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path+"-wal", wal, 0o600); err != nil {
			t.Fatal(err)
		}
		kept, err := sqlite.Restore(ctx, backup(t, 3), path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if n := pending(t, path); n != 3 {
			t.Errorf("%d messages are there, want the 3 of the backup", n)
		}
		if raw, err := os.ReadFile(kept + "-wal"); err != nil || len(raw) != len(wal) {
			t.Errorf("of the old log %d bytes are kept, %v; want %d", len(raw), err, len(wal))
		}
	})

	t.Run("a damaged backup changes nothing", func(t *testing.T) {
		from := backup(t, 40)
		raw, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		for i := 3 * 4096; i < len(raw); i++ {
			raw[i] ^= 0xa5
		}
		if err := os.WriteFile(from, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		path := backup(t, 2)
		if _, err := sqlite.Restore(ctx, from, path, nil); !errors.Is(err, sqlite.ErrCorrupt) {
			t.Errorf("got %v, want ErrCorrupt", err)
		}
		if n := pending(t, path); n != 2 {
			t.Errorf("%d messages are there, want 2", n)
		}
	})

	t.Run("other databases and missing ones are refused", func(t *testing.T) {
		theirs := filepath.Join(t.TempDir(), "theirs.db")
		script(t, theirs, "CREATE TABLE t (x)")
		path := backup(t, 1)
		if _, err := sqlite.Restore(ctx, theirs, path, nil); err == nil || !strings.Contains(err.Error(), "not a database of this program") {
			t.Errorf("got %v", err)
		}
		if _, err := sqlite.Restore(ctx, theirs+"x", path, nil); !errors.Is(err, symphony.ErrNotFound) {
			t.Errorf("got %v, want ErrNotFound", err)
		}
		if _, err := os.Stat(theirs + "x"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("asking made a file: %v", err)
		}
	})

	t.Run("a backup of a newer release is refused", func(t *testing.T) {
		from := backup(t, 1)
		script(t, from, "PRAGMA user_version=999")
		var version *sqlite.VersionError
		if _, err := sqlite.Restore(ctx, from, backup(t, 1), nil); !errors.As(err, &version) {
			t.Errorf("got %v, want a VersionError", err)
		}
	})
}

func TestCompact(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "queue.db")
	tr := open(t, path, sqlite.Options{})
	bus := newBus(t, tr)
	for i := range 300 {
		dispatch(t, bus, fmt.Sprintf("T%d", i%3), `{"pad":"`+strings.Repeat("x", 3000)+`"}`, symphony.DispatchOptions{})
	}
	if _, err := tr.Purge(ctx, flow.PurgeFilter{Type: "T1"}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := tr.Purge(ctx, flow.PurgeFilter{Type: "T2"}, nil); err != nil {
		t.Fatal(err)
	}
	var locked *sqlite.LockedError
	if _, _, err := sqlite.Compact(ctx, path, nil); !errors.As(err, &locked) {
		t.Fatalf("compacting an open database got %v, want a LockedError", err)
	}
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	before, after, err := sqlite.Compact(ctx, path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() != after || after > before/2 {
		t.Errorf("compacting turned %d bytes into %d (%+v, %v), want less than half", before, after, info, err)
	}
	if st, err := open(t, path, sqlite.Options{}).Stats(ctx); err != nil || st.Pending != 100 {
		t.Errorf("%d messages are left, %v; want 100", st.Pending, err)
	}
}

package sqlite_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/transport/sqlite"
	zombie "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

func TestOpen(t *testing.T) {
	ctx := context.Background()
	path := func(t *testing.T) string { return filepath.Join(t.TempDir(), "queue.db") }

	t.Run("a second process is told who holds the file", func(t *testing.T) {
		p := path(t)
		tr := open(t, p, sqlite.Options{})
		if err := tr.Announce("/run/symphony.sock"); err != nil {
			t.Fatal(err)
		}
		link := filepath.Join(t.TempDir(), "link.db")
		if err := os.Symlink(p, link); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{p, link} {
			_, err := sqlite.Open(ctx, name, sqlite.Options{})
			var locked *sqlite.LockedError
			if !errors.As(err, &locked) {
				t.Fatalf("Open(%s) = %v, want a LockedError", name, err)
			}
			if locked.PID != os.Getpid() || locked.Socket != "/run/symphony.sock" {
				t.Errorf("got %+v, want this process and its socket", locked)
			}
		}
		if err := tr.Close(); err != nil {
			t.Fatal(err)
		}
		open(t, p, sqlite.Options{})
	})

	t.Run("a newer schema is refused and left alone", func(t *testing.T) {
		p := path(t)
		open(t, p, sqlite.Options{}).Close()
		script(t, p, "PRAGMA user_version=999")
		_, err := sqlite.Open(ctx, p, sqlite.Options{})
		var version *sqlite.VersionError
		if !errors.As(err, &version) || version.Found != 999 {
			t.Fatalf("got %v, want a VersionError about 999", err)
		}
	})

	t.Run("a file that is no database is refused and left alone", func(t *testing.T) {
		p := path(t)
		text := strings.Repeat("these are not the pages you are looking for\n", 200)
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := sqlite.Open(ctx, p, sqlite.Options{}); !errors.Is(err, sqlite.ErrCorrupt) {
			t.Fatalf("got %v, want ErrCorrupt", err)
		}
		if got, _ := os.ReadFile(p); string(got) != text {
			t.Error("the file was changed")
		}
	})

	t.Run("somebody else's database is refused", func(t *testing.T) {
		p := path(t)
		script(t, p, "PRAGMA application_id=4711; CREATE TABLE theirs (x);")
		if tr, err := sqlite.Open(ctx, p, sqlite.Options{}); err == nil {
			tr.Close()
			t.Fatal("opened a database of another application")
		}
	})

	t.Run("a missing folder is an error that names it", func(t *testing.T) {
		_, err := sqlite.Open(ctx, filepath.Join(t.TempDir(), "missing", "queue.db"), sqlite.Options{})
		if err == nil || !strings.Contains(err.Error(), "missing") {
			t.Fatalf("got %v", err)
		}
	})

	t.Run("no file is refused", func(t *testing.T) {
		for _, p := range []string{"", ":memory:"} {
			if _, err := sqlite.Open(ctx, p, sqlite.Options{}); err == nil {
				t.Errorf("Open(%q) succeeded", p)
			}
		}
	})

	t.Run("others cannot read the file", func(t *testing.T) {
		p := path(t)
		open(t, p, sqlite.Options{})
		for _, suffix := range []string{"", "-wal", ".lock"} {
			info, err := os.Stat(p + suffix)
			if err != nil {
				t.Fatal(err)
			}
			if info.Mode().Perm() != 0o600 {
				t.Errorf("%s has rights %v, want 0600", p+suffix, info.Mode().Perm())
			}
		}
	})

	t.Run("damaged pages are reported as such", func(t *testing.T) {
		p := path(t)
		tr := open(t, p, sqlite.Options{})
		bus := newBus(t, tr)
		for range 200 {
			dispatch(t, bus, "Order", `{"pad":"`+strings.Repeat("x", 900)+`"}`, symphony.DispatchOptions{})
		}
		if err := tr.Close(); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(p, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		info, _ := f.Stat()
		junk := []byte(strings.Repeat("\xff\x00junk", 4096/6))
		for at := int64(4096); at < info.Size(); at += 4096 { // all but the header, so that it still looks like a database
			if _, err := f.WriteAt(junk, at); err != nil {
				t.Fatal(err)
			}
		}
		f.Close()
		if _, err := sqlite.Open(ctx, p, sqlite.Options{}); !errors.Is(err, sqlite.ErrCorrupt) || !strings.Contains(err.Error(), "backup") {
			t.Fatalf("got %v, want ErrCorrupt with advice", err)
		}
	})
}

func TestMigrations(t *testing.T) {
	p := filepath.Join(t.TempDir(), "queue.db")
	pending := func() (n int) {
		steps, err := sqlite.Migrations(context.Background(), p)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range steps {
			if !s.Applied {
				n++
			}
		}
		return n
	}
	if pending() == 0 {
		t.Error("nothing to do for a file that does not exist")
	}
	if _, err := os.Stat(p); err == nil {
		t.Error("asking created the file")
	}
	tr := open(t, p, sqlite.Options{})
	if n := pending(); n != 0 {
		t.Errorf("%d steps pending while open, want none", n)
	}
	tr.Close()
	if n := pending(); n != 0 {
		t.Errorf("%d steps pending after Open, want none", n)
	}
}

func open(t *testing.T, path string, o sqlite.Options) *sqlite.Transport {
	t.Helper()
	tr, err := sqlite.Open(context.Background(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tr.Close(); err != nil {
			t.Error(err)
		}
	})
	return tr
}

func newBus(t *testing.T, tr symphony.Transport) *symphony.Bus {
	t.Helper()
	bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return bus
}

func dispatch(t *testing.T, bus *symphony.Bus, typ, payload string, o symphony.DispatchOptions) symphony.Receipt {
	t.Helper()
	r, err := bus.DispatchMessage(context.Background(), symphony.Message{Type: typ, Payload: []byte(payload)}, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// script runs SQL on a file that nobody has open.
func script(t *testing.T, path, sql string) {
	t.Helper()
	conn, err := zombie.OpenConn(path, zombie.OpenReadWrite|zombie.OpenCreate)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := sqlitex.ExecuteScript(conn, sql, nil); err != nil {
		t.Fatal(err)
	}
}

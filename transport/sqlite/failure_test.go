package sqlite_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/symphonytest/testclock"
	"github.com/symphony-messenger/symphony/transport/sqlite"
	"github.com/symphony-messenger/symphony/transport/transporttest"
)

// What is written to a file that has lost its name is gone with the process, so nothing may be answered as stored.
func TestMovedFiles(t *testing.T) {
	mustDo := func(t *testing.T, errs ...error) {
		t.Helper()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	tests := map[string]struct {
		move func(t *testing.T, path string)
		says string
	}{
		"the database is deleted": {func(t *testing.T, p string) { mustDo(t, os.Remove(p)) }, "queue.db was deleted or moved away"},
		"the database is renamed": {func(t *testing.T, p string) { mustDo(t, os.Rename(p, p+".old")) }, "queue.db was deleted or moved away"},
		"the database is replaced": {func(t *testing.T, p string) {
			mustDo(t, os.WriteFile(p+".new", nil, 0o600), os.Rename(p+".new", p))
		}, "queue.db was replaced by another file"},
		"the log is deleted": {func(t *testing.T, p string) { mustDo(t, os.Remove(p+"-wal")) }, "queue.db-wal was deleted or moved away"},
		"the log is replaced": {func(t *testing.T, p string) {
			mustDo(t, os.Remove(p+"-wal"), os.WriteFile(p+"-wal", []byte("theirs"), 0o600))
		}, "queue.db-wal was replaced by another file"},
		"the folder is renamed": {func(t *testing.T, p string) { mustDo(t, os.Rename(filepath.Dir(p), filepath.Dir(p)+"-old")) }, "queue.db was deleted or moved away"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			mustDo(t, os.Mkdir(dir, 0o700))
			path := filepath.Join(dir, "queue.db")
			var log bytes.Buffer
			clock := testclock.New(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
			housekept := clock.TimerAt(clock.Now().Add(5 * time.Minute))
			tr := open(t, path, sqlite.Options{Clock: clock, Logger: slog.New(slog.NewTextHandler(&log, nil))})
			<-housekept
			bus := newBus(t, tr)
			dispatch(t, bus, "Order", `{"n":1}`, symphony.DispatchOptions{})
			test.move(t, path)

			// The look before the commit was made at this very time, so it is the look after it that finds out.
			_, err := bus.DispatchMessage(context.Background(), symphony.Message{Type: "Order", Payload: []byte(`{"n":2}`)}, symphony.DispatchOptions{})
			if !errors.Is(err, symphony.ErrOutcomeUnknown) || errors.Is(err, symphony.ErrUnavailable) || !strings.Contains(err.Error(), test.says) {
				t.Fatalf("the dispatch whose commit went to the lost file got %v", err)
			}
			for range 2 {
				clock.Advance(time.Second)
				_, err = bus.DispatchMessage(context.Background(), symphony.Message{Type: "Order", Payload: []byte(`{"n":3}`)}, symphony.DispatchOptions{})
				if !errors.Is(err, symphony.ErrUnavailable) || errors.Is(err, symphony.ErrOutcomeUnknown) || !strings.Contains(err.Error(), test.says) {
					t.Errorf("a later dispatch got %v, want ErrUnavailable", err)
				}
			}
			if _, err := tr.Stats(context.Background()); !errors.Is(err, symphony.ErrUnavailable) {
				t.Errorf("stats, by which health judges, got %v", err)
			}
			if text := log.String(); !strings.Contains(text, "nothing more is written") || !strings.Contains(text, test.says) {
				t.Errorf("the log says %q", text)
			}
			if err := tr.Close(); err != nil {
				t.Errorf("closing: %v", err)
			}
			if name == "the log is replaced" {
				if raw, err := os.ReadFile(path + "-wal"); string(raw) != "theirs" {
					t.Errorf("closing touched somebody else's file: %q, %v", raw, err)
				}
			}
		})
	}

	t.Run("it shows before anything is stored where nothing was written lately, and to health alone", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "queue.db")
		clock := testclock.New(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
		o := sqlite.Options{Clock: clock, Logger: slog.New(slog.DiscardHandler)}
		housekept := clock.TimerAt(clock.Now().Add(5 * time.Minute))
		tr := open(t, path, o)
		<-housekept
		clock.Advance(time.Second)
		mustDo(t, os.Rename(path, path+".old"), os.Rename(path+"-wal", path+".old-wal"))
		_, err := newBus(t, tr).DispatchMessage(context.Background(), symphony.Message{Type: "Order", Payload: []byte(`{}`)}, symphony.DispatchOptions{})
		if !errors.Is(err, symphony.ErrUnavailable) || errors.Is(err, symphony.ErrOutcomeUnknown) {
			t.Fatalf("got %v, want ErrUnavailable", err)
		}
		mustDo(t, tr.Close(), os.Rename(path+".old", path), os.Rename(path+".old-wal", path+"-wal"))
		tr = open(t, path, o)
		if st, err := tr.Stats(context.Background()); err != nil || st.Pending != 0 {
			t.Errorf("after the files came back there are %d messages, %v; want what was refused not to be there", st.Pending, err)
		}
		mustDo(t, os.Rename(path, path+".old"))
		if _, err := tr.Stats(context.Background()); !errors.Is(err, symphony.ErrUnavailable) {
			t.Errorf("stats of an idle storage got %v", err)
		}
	})
}

func TestDamage_stops_the_writer(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "queue.db")
	tr := open(t, path, sqlite.Options{})
	pad := `{"pad":"` + strings.Repeat("x", 3000) + `"}`
	for range 20 {
		var list []symphony.Outgoing
		for range 100 {
			list = append(list, symphony.Outgoing{Message: symphony.Message{Type: "Order", Payload: []byte(pad)}})
		}
		if _, err := newBus(t, tr).DispatchBatch(ctx, list); err != nil {
			t.Fatal(err)
		}
	}
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	tr = open(t, path, sqlite.Options{Logger: slog.New(slog.DiscardHandler)})
	bus := newBus(t, tr)
	dispatch(t, bus, "Order", `{}`, symphony.DispatchOptions{})
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	junk := bytes.Repeat([]byte{0xff, 0x00, 'j', 'k'}, 1024)
	for at := info.Size() / 2; at+4096 <= info.Size(); at += 4096 {
		if _, err := f.WriteAt(junk, at/4096*4096); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for n := 0; ; n++ {
		if _, err = tr.Receive(ctx, symphony.ReceiveOptions{Max: 100, MaxBytes: 1 << 30}); err != nil {
			break
		}
		if n > 30 {
			t.Fatal("the damage was never met")
		}
	}
	if !errors.Is(err, sqlite.ErrCorrupt) {
		t.Fatalf("got %v, want ErrCorrupt", err)
	}
	for range 3 {
		if r, err := bus.DispatchMessage(ctx, symphony.Message{Type: "Order", Payload: []byte(`{}`)}, symphony.DispatchOptions{}); !errors.Is(err, sqlite.ErrCorrupt) || !errors.Is(err, symphony.ErrUnavailable) {
			t.Errorf("a dispatch after it got %v, %v; want ErrCorrupt", r, err)
		}
	}
	if _, err := tr.Stats(ctx); !errors.Is(err, sqlite.ErrCorrupt) {
		t.Errorf("stats got %v", err)
	}
}

// After a clean stop the one file is the whole database: whoever copies it has everything.
func TestClose_leaves_one_file(t *testing.T) {
	path := filepath.Join(t.TempDir(), "queue.db")
	tr := open(t, path, sqlite.Options{})
	id := dispatch(t, newBus(t, tr), "Order", `{"n":1}`, symphony.DispatchOptions{}).ID
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path + "-wal"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a log of %d bytes is left", info.Size())
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "copy.db")
	if err := os.WriteFile(other, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if m, err := transporttest.GetMessage(context.Background(), open(t, other, sqlite.Options{}), id); err != nil || m.Status != symphony.Pending {
		t.Errorf("a copy of the file has %+v, %v", m, err)
	}
}

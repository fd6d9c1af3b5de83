package sqlite_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

func TestOpenTemporary(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	tr, err := sqlite.OpenTemporary(t.Context(), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if tr.Capabilities().Durable || tr.Named("mail").Capabilities().Durable {
		t.Error("it says that it survives")
	}
	info, err := os.Stat(filepath.Dir(tr.Path()))
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o700 {
		t.Errorf("others may look into the folder: %v", got)
	}
	bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bus.Dispatch(t.Context(), "A", map[string]any{}, symphony.DispatchOptions{}); err != nil {
		t.Fatal(err)
	}
	for range 2 { // closing again does nothing
		if err := tr.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if left := list(t, folder); len(left) > 0 {
		t.Errorf("Close leaves %v", left)
	}
}

func TestOpenTemporary_tells_why_it_cannot(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	t.Setenv("TMPDIR", missing)
	if _, err := sqlite.OpenTemporary(t.Context(), sqlite.Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a folder for temporary files: %v", err)
	}
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	if _, err := sqlite.OpenTemporary(t.Context(), sqlite.Options{Name: "no name"}); err == nil {
		t.Error("it takes any name")
	}
	if left := list(t, folder); len(left) > 0 {
		t.Errorf("it leaves %v", left)
	}
}

// A process that was killed leaves its database. The next one deletes it, and nothing that is in use.
func TestOpenTemporary_deletes_what_dead_processes_left(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	live, err := sqlite.OpenTemporary(t.Context(), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer live.Close()
	// A copy of a folder in use is what its process leaves when it is killed: nobody holds its lock.
	dead := filepath.Dir(live.Path()) + "-dead"
	if err := os.CopyFS(dead, os.DirFS(filepath.Dir(live.Path()))); err != nil {
		t.Fatal(err)
	}
	next, err := sqlite.OpenTemporary(t.Context(), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	got := list(t, folder)
	want := []string{filepath.Base(filepath.Dir(live.Path())), filepath.Base(filepath.Dir(next.Path()))}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("there are %v, want those in use, %v", got, want)
	}
}

func list(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

package sqlite

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestFileAt_tells_files_apart_by_either_call holds that both calls tell the same of a file: which of them works depends on the kernel.
func TestFileAt_tells_files_apart_by_either_call(t *testing.T) {
	type file struct{ dev, ino uint64 }
	dir := t.TempDir()
	seen := make(map[file]bool)
	for _, name := range []string{"a", "b"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		var f, old file
		var err error
		if f.dev, f.ino, err = fileAt(path); err != nil {
			t.Fatal(err)
		}
		if old.dev, old.ino, err = statFile(path); err != nil {
			t.Fatal(err)
		}
		if f != old || f.ino == 0 {
			t.Errorf("%s is %v by one call and %v by the other", name, f, old)
		}
		seen[f] = true
	}
	if len(seen) != 2 {
		t.Errorf("two files look like %d", len(seen))
	}
	for name, call := range map[string]func(string) (uint64, uint64, error){"statx": fileAt, "stat": statFile} {
		if _, _, err := call(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s of no file: %v", name, err)
		}
	}
}

package server

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFileThatOthersMayReadIsTold(t *testing.T) {
	for mode, want := range map[os.FileMode]bool{0o600: false, 0o400: false, 0o644: true, 0o640: true, 0o602: true} {
		for _, name := range []string{"queue.db", "queue.db-wal"} {
			path := filepath.Join(t.TempDir(), "queue.db")
			for _, file := range []string{path, path + "-wal"} {
				if err := os.WriteFile(file, nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Chmod(filepath.Join(filepath.Dir(path), name), mode); err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			warnExposedFile(path, slog.New(slog.NewTextHandler(&log, nil)))
			if got := strings.Contains(log.String(), "chmod 600"); got != want {
				t.Errorf("%s with mode %04o: told is %t, want %t: %s", name, mode, got, want, log.String())
			}
		}
	}
}

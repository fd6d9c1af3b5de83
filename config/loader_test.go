package config

import (
	"os"
	"path/filepath"
	"testing"
)

// The largest message can be dispatched, unless a smaller body was asked for.
func TestLoad_lets_the_largest_message_in(t *testing.T) {
	for yaml, want := range map[string]int64{
		"":                                     1 << 20,
		"limits: {max_message_bytes: 1MiB}\n":  1 << 20,
		"limits: {max_message_bytes: 64MiB}\n": 64<<20 + 64<<10,
		"limits: {max_message_bytes: 64MiB}\nserver: {max_body_bytes: 2MiB}\n": 2 << 20,
	} {
		file := filepath.Join(t.TempDir(), "symphony.yaml")
		if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Load(Sources{File: file})
		if err != nil || c.Server.MaxBodyBytes != want {
			t.Errorf("%q: %d bytes, %v; want %d", yaml, c.Server.MaxBodyBytes, err, want)
		}
	}
}

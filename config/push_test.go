package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/symphony-messenger/symphony/handler/httppush"
)

func TestLoad_of_push(t *testing.T) {
	load := func(yaml string) (*Config, error) {
		file := filepath.Join(t.TempDir(), "symphony.yaml")
		if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
			t.Fatal(err)
		}
		return Load(Sources{File: file})
	}
	c, err := load("push: {allowed_origins: [https://hooks.example.com]}\n")
	if err != nil || !c.Push.Enabled() || c.Push.Timeout != httppush.DefaultTimeout ||
		c.Push.Origins().Allows("https://hooks.example.com/a") != nil {
		t.Errorf("got %+v, %v", c.Push, err)
	}
	if c, err = load(""); err != nil || c.Push.Enabled() || c.BusOptions().URLs("https://hooks.example.com/a") == nil {
		t.Errorf("without origins: %+v, %v", c.Push, err)
	}
	for yaml, want := range map[string]string{
		"push: {allowed_origins: [hooks.example.com]}\n":      "must be an origin like",
		"push: {allowed_origins: [\"https://*.a.test\"]}\n":   "no wildcards",
		"push: {allowed_origins: [\"http://127.0.0.1:1\"]}\n": "push.allow_private",
		"push: {secret: hunter2}\n":                           "push.secret",
	} {
		if _, err := load(yaml); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", yaml, err, want)
		}
	}
}

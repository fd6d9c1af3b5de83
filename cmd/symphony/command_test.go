package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Whether an answer is printed for programs or for people is decided in one place. Others have no answer to print: errors,
// and what is told line by line while it happens.
func TestOnePlaceTellsAnswers(t *testing.T) {
	paths, err := filepath.Glob("*.go")
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") || slices.Contains([]string{"app.go", "command.go", "config.go", "events.go"}, path) {
			continue
		}
		source, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(source), "if a.json") || strings.Contains(string(source), "printJSON(") && path != "output.go" {
			t.Errorf("%s prints JSON by itself: use query, act or tell", path)
		}
	}
}

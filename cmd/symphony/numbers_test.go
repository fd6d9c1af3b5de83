package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// What help texts say of bounds and defaults is made from the constants that hold, as by within.
func TestHelpHasNoBoundsOfItsOwn(t *testing.T) {
	bound := regexp.MustCompile(`\b\d+\w* (to|–) \d|\bup to \d|\bat most \d|\(default \d`)
	paths, err := filepath.Glob("*.go")
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if text, ok := n.(*ast.BasicLit); ok && text.Kind == token.STRING && bound.MatchString(text.Value) {
				t.Errorf("%s: a bound of its own in %s", files.Position(text.Pos()), text.Value)
			}
			return true
		})
	}
}

func TestWithin(t *testing.T) {
	for want, got := range map[string]string{
		"1 to 100 (default 10)": within(1, 100, 10), "1s to 1h (default 30s)": within(time.Second, time.Hour, 30*time.Second),
		"1m to 1h30m (default 1m30s)": within(time.Minute, 90*time.Minute, 90*time.Second),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

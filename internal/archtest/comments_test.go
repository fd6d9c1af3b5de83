package archtest

import (
	"fmt"
	"go/parser"
	"go/token"
	"path"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var filePattern = regexp.MustCompile(`\b(?:[a-z0-9_]+/)*[a-z0-9_]+\.go\b`)

// checkComments returns the files that comments of a Go file name and that do not exist, in its folder or, with their
// folders, in the repository.
func checkComments(name, text string, files map[string]bool) ([]string, error) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, name, text, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	var violations []string
	for _, group := range f.Comments {
		for _, named := range filePattern.FindAllString(group.Text(), -1) {
			if !files[path.Join(path.Dir(name), named)] && !files[named] {
				violations = append(violations,
					fmt.Sprintf("%s: a comment names %s, which does not exist", fset.Position(group.Pos()), named))
			}
		}
	}
	return violations, nil
}

// Package comments say where to begin to read; what they name must be there.
func TestComments(t *testing.T) {
	tr := readTree(t)
	for _, f := range tr.goes {
		violations, err := checkComments(f.path, tr.read(t, f.path), tr.files)
		if err != nil {
			t.Fatal(err)
		}
		report(t, violations)
	}
}

func TestCheckComments(t *testing.T) {
	const text = "// Package p begins in\n// a.go, then sub/b.go; c.go is gone.\npackage p\n\nvar s = \"d.go\" // see /x/e.go\n"
	files := map[string]bool{"p/p.go": true, "p/a.go": true, "p/sub/b.go": true, "x/e.go": true}
	got, err := checkComments("p/p.go", text, files)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"p/p.go:1:1: a comment names c.go, which does not exist"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

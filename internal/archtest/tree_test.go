// Package archtest holds tests of the source itself: who imports whom, sizes, names, who reads the clock, and that the
// documents name only what exists. Each rule is a function of data, with a test of its own that shows it can fail.
package archtest

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/symphony-messenger/symphony"

// tree is what the rules look at. Paths have slashes and are relative to the repository's root.
type tree struct {
	root  string
	files map[string]bool // folders too
	goes  []*goFile
}

// goFile is one file of Go source.
type goFile struct {
	path    string
	nested  bool // in a module of its own, such as bench
	lines   int
	fset    *token.FileSet
	syntax  *ast.File
	imports []string
}

// dir is the folder, "." for the root package.
func (f *goFile) dir() string { return path.Dir(f.path) }

func (f *goFile) isTest() bool { return strings.HasSuffix(f.path, "_test.go") }

// line says where something stands in the file, as "path:line".
func (f *goFile) line(pos token.Pos) string {
	return f.path + ":" + strconv.Itoa(f.fset.Position(pos).Line)
}

func parseGo(name string, source []byte) (*goFile, error) {
	f := &goFile{path: name, lines: strings.Count(string(source), "\n"), fset: token.NewFileSet()}
	var err error
	if f.syntax, err = parser.ParseFile(f.fset, name, source, parser.ParseComments); err != nil {
		return nil, err
	}
	for _, spec := range f.syntax.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		f.imports = append(f.imports, imported)
	}
	return f, nil
}

// readTree reads the repository.
func readTree(t *testing.T) *tree {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	tr := &tree{root: root, files: make(map[string]bool)}
	var nested []string
	err = filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil // a test of another package has just removed it
			}
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		switch base := entry.Name(); {
		case entry.IsDir() && (base == ".git" || base == "node_modules" || base == "testdata" || rel == "bin"):
			return fs.SkipDir
		case base == "go.mod" && rel != "go.mod":
			nested = append(nested, path.Dir(rel)+"/")
		}
		tr.files[rel] = true
		if entry.IsDir() || path.Ext(rel) != ".go" {
			return nil
		}
		source, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		f, err := parseGo(rel, source)
		if err != nil {
			return err
		}
		tr.goes = append(tr.goes, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range tr.goes {
		for _, dir := range nested {
			f.nested = f.nested || strings.HasPrefix(f.path, dir)
		}
	}
	if !tr.files["go.mod"] || len(tr.goes) < 10 {
		t.Fatalf("%s does not look like the repository", root)
	}
	return tr
}

// read returns the text of a file of the repository.
func (tr *tree) read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(tr.root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// report fails the test with each violation.
func report(t *testing.T, violations []string) {
	t.Helper()
	for _, v := range violations {
		t.Error(v)
	}
}

// fake parses pieces of source, by path, as the rules' own tests need them.
func fake(t *testing.T, sources map[string]string) []*goFile {
	t.Helper()
	var files []*goFile
	for name, source := range sources {
		f, err := parseGo(name, []byte(source))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return files
}

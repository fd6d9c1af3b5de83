package httpapi

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// parsed are the files of a folder that are no tests.
func parsed(t *testing.T, dir string) map[string]*ast.File {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: %d files, %v", dir, len(paths), err)
	}
	files := make(map[string]*ast.File)
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(path)] = file
	}
	return files
}

// Handlers return errors; what callers are told of them stands in the table, and nowhere else.
func TestAnswersAreMadeInOnePlace(t *testing.T) {
	for name, file := range parsed(t, ".") {
		if name == "errors.go" {
			continue
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if made, ok := n.(*ast.CompositeLit); ok {
				if typ, ok := made.Type.(*ast.Ident); ok && (typ.Name == "failure" || typ.Name == "row") {
					t.Errorf("%s makes a %s: return an error, and say in errors.go what callers are told of it", name, typ.Name)
				}
			}
			return true
		})
	}
}

// Every kind that this package has for its errors is told by a row of the table.
func TestEveryKindHasARow(t *testing.T) {
	file, uses := parsed(t, ".")["errors.go"], make(map[string]int)
	ast.Inspect(file, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			uses[id.Name]++
		}
		return true
	})
	kinds := 0
	for _, decl := range file.Decls {
		if vars, ok := decl.(*ast.GenDecl); ok && vars.Tok == token.VAR {
			for _, spec := range vars.Specs {
				name := spec.(*ast.ValueSpec).Names[0].Name
				if !strings.HasPrefix(name, "err") {
					continue
				}
				if kinds++; uses[name] < 2 {
					t.Errorf("%s has no row", name)
				}
			}
		}
	}
	if kinds == 0 {
		t.Error("there are no kinds")
	}
}

// docs/api.md lists the codes of all errors by their statuses.
func TestCodesAreDocumented(t *testing.T) {
	want := make(map[string][]int)
	add := func(code string, status int) {
		if !slices.Contains(want[code], status) {
			want[code] = append(want[code], status)
		}
	}
	for _, row := range answers {
		if row.code != "" {
			add(row.code, row.status)
		}
	}
	for code, status := range authCodes(t) {
		add(code, status)
	}
	page, err := os.ReadFile("../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string][]int)
	line := regexp.MustCompile(`(?m)^\| ([0-9, ]+) \| (.*) \|$`)
	for _, found := range line.FindAllStringSubmatch(string(page), -1) {
		var statuses []int
		for text := range strings.SplitSeq(found[1], ", ") {
			status, err := strconv.Atoi(text)
			if err != nil {
				t.Fatal(err)
			}
			statuses = append(statuses, status)
		}
		for _, code := range regexp.MustCompile("`([a-z]+(?:_[a-z]+)*)`").FindAllStringSubmatch(found[2], -1) {
			if code[1] == "details" {
				continue
			}
			for _, status := range statuses { // of a line with several, the code's own
				if len(statuses) == 1 || slices.Contains(want[code[1]], status) || want[code[1]] == nil {
					got[code[1]] = append(got[code[1]], status)
				}
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("codes of the table and of docs/api.md (-table +page)\n%s", diff)
	}
}

// authCodes are the codes of package auth with the statuses of their kinds.
func authCodes(t *testing.T) map[string]int {
	t.Helper()
	files := parsed(t, "../auth")
	texts, statuses := make(map[string]string), make(map[string]int)
	kinds := map[string]int{"unauthenticated": 401, "forbidden": 403, "unavailable": 503}
	for _, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec:
				for i, name := range n.Names {
					kind, ok := strings.CutPrefix(name.Name, "Code")
					if !ok || kind == "" || i >= len(n.Values) {
						continue
					}
					if text, ok := n.Values[i].(*ast.BasicLit); ok && text.Kind == token.STRING { // not CodeTTL
						texts[name.Name], _ = strconv.Unquote(text.Value)
					}
				}
			case *ast.CallExpr:
				made, ok := n.Fun.(*ast.Ident)
				if !ok || kinds[made.Name] == 0 {
					break
				}
				if code, ok := n.Args[0].(*ast.Ident); ok && strings.HasPrefix(code.Name, "Code") {
					statuses[code.Name] = kinds[made.Name]
				}
			}
			return true
		})
	}
	codes := make(map[string]int)
	for name, text := range texts {
		if statuses[name] == 0 {
			t.Errorf("auth.%s is of no kind", name)
		}
		codes[text] = statuses[name]
	}
	return codes
}

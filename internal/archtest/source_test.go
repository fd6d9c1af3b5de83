package archtest

import (
	"fmt"
	"go/ast"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// maxLines is the most lines that a file may have.
const maxLines = 500

// maxConformance is the most lines of a transport's conformance test: what goes beyond belongs into the suite.
const maxConformance = 80

// clockReaders are the files, outside of tests, that read the wall clock, and why.
func clockReaders() map[string]string {
	return map[string]string{
		"clock.go":           "is the clock",
		"auth/auth.go":       "its default clock",
		"httpapi/api.go":     "when a request came, for the access log",
		"httpapi/respond.go": "how long a request took, for the access log",
		"httpapi/pull.go":    "the deadline of a connection that waits",
		"httpapi/consume.go": "deadlines of a connection, which the kernel keeps by the wall clock",
	}
}

// checkSource returns what is wrong with files one by one: their size, their names, func init, sleeping, and reading
// the wall clock elsewhere than in readers. Modules of their own, which measure, may sleep and read the clock.
func checkSource(files []*goFile, readers map[string]string) []string {
	var violations []string
	reads := make(map[string]bool)
	for _, f := range files {
		bad := func(where, format string, args ...any) {
			violations = append(violations, where+" "+fmt.Sprintf(format, args...))
		}
		if f.lines > maxLines {
			bad(f.path, "has %d lines, more than %d: split it by concept", f.lines, maxLines)
		}
		if path.Base(f.path) == "conformance_test.go" && f.lines > maxConformance {
			bad(f.path, "has %d lines, more than %d: let the suite do it", f.lines, maxConformance)
		}
		for _, name := range []string{
			strings.TrimSuffix(f.syntax.Name.Name, "_test"),
			strings.TrimSuffix(strings.TrimSuffix(path.Base(f.path), ".go"), "_test"),
		} {
			switch name {
			case "util", "utils", "common", "helper", "helpers", "manager", "misc":
				bad(f.path, "is named %s: name the concept", name)
			}
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Recv == nil && n.Name.Name == "init" {
					bad(f.line(n.Pos()), "has a func init: construct it where it is used")
				}
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); !ok || x.Name != timeName(f) || f.nested {
					return true
				}
				switch n.Sel.Name {
				case "Sleep":
					bad(f.line(n.Pos()), "sleeps: wait for what it waits for, or use testing/synctest")
				case "Now", "Since", "Until":
					if reads[f.path] = true; !f.isTest() && readers[f.path] == "" {
						bad(f.line(n.Pos()), "reads the wall clock: take a symphony.Clock")
					}
				}
			}
			return true
		})
	}
	for name := range readers {
		if !reads[name] {
			violations = append(violations, fmt.Sprintf("%s does not read the clock: remove it from clockReaders", name))
		}
	}
	slices.Sort(violations)
	return violations
}

// timeName is what the file calls package time.
func timeName(f *goFile) string {
	for _, spec := range f.syntax.Imports {
		if imported, _ := strconv.Unquote(spec.Path.Value); imported != "time" {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return "time"
	}
	return ""
}

func TestSource(t *testing.T) {
	report(t, checkSource(readTree(t).goes, clockReaders()))
}

func TestCheckSource(t *testing.T) {
	const imports = "\nimport \"time\"\n"
	for name, test := range map[string]struct {
		path, source string
		nested       bool
		want         []string
	}{
		"nothing wrong":      {"worker/run.go", "package worker" + imports + "func run() { <-time.After(1) }\n// time.Now\n", false, nil},
		"as long as allowed": {"a.go", "package a\n" + strings.Repeat("\n", maxLines-1), false, nil},
		"too long":           {"a.go", "package a\n" + strings.Repeat("\n", maxLines), false, []string{"a.go has 501 lines, more than 500: split it by concept"}},
		"a test too long":    {"a_test.go", "package a\n" + strings.Repeat("\n", maxLines), false, []string{"a_test.go has 501 lines, more than 500: split it by concept"}},
		"a long conformance": {
			"transport/x/conformance_test.go", "package x\n" + strings.Repeat("\n", maxConformance), false,
			[]string{"transport/x/conformance_test.go has 81 lines, more than 80: let the suite do it"},
		},
		"a package's name":      {"x/a.go", "package helpers\n", false, []string{"x/a.go is named helpers: name the concept"}},
		"a test package's name": {"x/a.go", "package util_test\n", false, []string{"x/a.go is named util: name the concept"}},
		"a file's name":         {"x/common.go", "package x\n", false, []string{"x/common.go is named common: name the concept"}},
		"init":                  {"a.go", "package a\nfunc init() {}\n", false, []string{"a.go:2 has a func init: construct it where it is used"}},
		"a method named init":   {"a.go", "package a\ntype T int\nfunc (T) init() {}\n", false, nil},
		"sleeping in a test":    {"a_test.go", "package a" + imports + "func f() { time.Sleep(1) }\n", false, []string{"a_test.go:3 sleeps: wait for what it waits for, or use testing/synctest"}},
		"sleeping elsewhere":    {"a.go", "package a" + imports + "func f() { time.Sleep(1) }\n", false, []string{"a.go:3 sleeps: wait for what it waits for, or use testing/synctest"}},
		"sleeping by an alias":  {"a_test.go", "package a\nimport tm \"time\"\nvar f = tm.Sleep\n", false, []string{"a_test.go:3 sleeps: wait for what it waits for, or use testing/synctest"}},
		"sleeping in a module":  {"bench/a.go", "package a" + imports + "func f() { time.Sleep(1) }\n", true, nil},
		"reading the clock":     {"a.go", "package a" + imports + "var f = time.Now\n", false, []string{"a.go:3 reads the wall clock: take a symphony.Clock"}},
		"reading what is past":  {"a.go", "package a" + imports + "var d = time.Since(x)\n", false, []string{"a.go:3 reads the wall clock: take a symphony.Clock"}},
		"reading what is left":  {"a.go", "package a" + imports + "var d = time.Until(x)\n", false, []string{"a.go:3 reads the wall clock: take a symphony.Clock"}},
		"reading it in a test":  {"a_test.go", "package a" + imports + "var f = time.Now\n", false, nil},
		"another package's Now": {"a.go", "package a\nimport time \"other/clock\"\nvar f = time.Now\n", false, nil},
		"an entry of the list":  {"clock.go", "package a" + imports + "var f = time.Now\n", false, nil},
		"a stale entry":         {"clock.go", "package a\n", false, []string{"clock.go does not read the clock: remove it from clockReaders"}},
	} {
		t.Run(name, func(t *testing.T) {
			sources := map[string]string{"clock.go": "package symphony" + imports + "var now = time.Now\n"}
			sources[test.path] = test.source
			files := fake(t, sources)
			for _, f := range files {
				f.nested = test.nested && f.path == test.path
			}
			got := checkSource(files, map[string]string{"clock.go": "is the clock"})
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	}
}

package archtest

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// documents are the files that must name only what exists.
func documents(tr *tree) []string {
	var names []string
	for name := range tr.files {
		top, _, _ := strings.Cut(name, "/")
		inOwnFolder := top == "docs" || top == "bench" || top == "examples"
		if path.Ext(name) == ".md" && (path.Dir(name) == "." || inOwnFolder) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// checkDocument returns what a Markdown document names that does not exist: the targets of relative links, in code
// spans files with the extensions of this repository and paths that begin with one of its folders, and targets of
// make. A file may be named from the root, from the document's folder, or, without any folder, from wherever it is.
// Blocks of code are examples, in which only targets of make are looked at.
func checkDocument(name, text string, files map[string]bool, targets []string) []string {
	var violations []string
	for i, l := range documentLines(text) {
		bad := func(format string, args ...any) {
			violations = append(violations, fmt.Sprintf("%s:%d ", name, i+1)+fmt.Sprintf(format, args...))
		}
		for _, target := range makeTargets(l) {
			if !slices.Contains(targets, target) {
				bad("says make %s, which the Makefile lacks", target)
			}
		}
		if l.block {
			continue
		}
		for _, m := range linkPattern.FindAllStringSubmatch(l.text, -1) {
			target, _, _ := strings.Cut(m[1], "#")
			if target == "" || strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			if !files[path.Join(path.Dir(name), target)] {
				bad("links to %s, which does not exist", target)
			}
		}
		for _, m := range spanPattern.FindAllStringSubmatch(l.text, -1) {
			if span := m[1]; looksLikePath(span, files) && !exists(span, name, files) {
				bad("names %s, which does not exist", span)
			}
		}
	}
	return violations
}

var (
	linkPattern = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	spanPattern = regexp.MustCompile("`([^`]+)`")
	makePattern = regexp.MustCompile(`(?:^|[\x60$&;] ?)make ([a-z][a-z0-9-]*)`)
)

// documentLine is a line of Markdown, and whether it stands in a block of code.
type documentLine struct {
	text  string
	block bool
}

func documentLines(text string) []documentLine {
	var lines []documentLine
	block := false
	for l := range strings.Lines(text) {
		l = strings.TrimRight(l, "\r\n")
		fence := strings.HasPrefix(strings.TrimSpace(l), "```")
		lines = append(lines, documentLine{l, block || fence})
		block = block != fence
	}
	return lines
}

// makeTargets returns what a line tells to make: in a code span anywhere, in a block at the beginning of a command.
func makeTargets(l documentLine) []string {
	text := l.text
	if !l.block {
		text = strings.Join(spanPattern.FindAllString(text, -1), "\n")
	}
	var targets []string
	for _, m := range makePattern.FindAllStringSubmatch(strings.TrimSpace(text), -1) {
		targets = append(targets, m[1])
	}
	return targets
}

// looksLikePath reports whether a code span means a file or folder of the repository. Placeholders do not.
func looksLikePath(span string, files map[string]bool) bool {
	if strings.ContainsAny(span, " <>*{}$()=…'\"") || strings.Contains(span, "://") {
		return false
	}
	switch path.Ext(span) {
	case ".go", ".mjs", ".mod":
		return true
	}
	top, _, several := strings.Cut(strings.TrimPrefix(span, "./"), "/")
	return several && files[top]
}

func exists(span, document string, files map[string]bool) bool {
	if files[path.Clean(span)] || files[path.Join(path.Dir(document), span)] {
		return true
	}
	if strings.Contains(span, "/") {
		return false
	}
	for name := range files {
		if path.Base(name) == span {
			return true
		}
	}
	return false
}

// checkMap returns what the map in ARCHITECTURE.md (the first column of its tables) lacks of the packages, and what it
// names that does not exist. A package counts as mapped if the folder above it is.
func checkMap(text string, files map[string]bool, packages []string) []string {
	var violations []string
	mapped := make(map[string]bool)
	for i, l := range documentLines(text) {
		first, ok := strings.CutPrefix(l.text, "|")
		if !ok || l.block {
			continue
		}
		first, _, _ = strings.Cut(first, "|")
		for _, m := range spanPattern.FindAllStringSubmatch(first, -1) {
			mapped[m[1]] = true
			if !files[m[1]] {
				violations = append(violations, fmt.Sprintf("ARCHITECTURE.md:%d maps %s, which does not exist", i+1, m[1]))
			}
		}
	}
	for _, p := range packages {
		if !mapped[p] && (p == "." || !mapped[path.Dir(p)] || path.Dir(p) == ".") {
			violations = append(violations, fmt.Sprintf("ARCHITECTURE.md does not map package %s", p))
		}
	}
	return violations
}

// checkMakefile returns the folders that a Makefile or script names as ./folder and that do not exist.
func checkMakefile(name, text string, files map[string]bool) []string {
	var violations []string
	for _, m := range regexp.MustCompile(`(?:^|[\s=])\./([A-Za-z0-9_./-]+)`).FindAllStringSubmatch(text, -1) {
		folder := strings.TrimSuffix(strings.TrimSuffix(m[1], "..."), "/")
		if folder != "" && !files[path.Clean(folder)] {
			violations = append(violations, fmt.Sprintf("%s names ./%s, which does not exist", name, m[1]))
		}
	}
	return violations
}

// makefileTargets returns the targets that a Makefile defines.
func makefileTargets(text string) []string {
	var targets []string
	for _, m := range regexp.MustCompile(`(?m)^([a-z][a-z0-9-]*):`).FindAllStringSubmatch(text, -1) {
		targets = append(targets, m[1])
	}
	return targets
}

func TestDocuments(t *testing.T) {
	tr := readTree(t)
	makefile := tr.read(t, "Makefile")
	targets := makefileTargets(makefile)
	if len(targets) == 0 {
		t.Fatal("the Makefile has no targets")
	}
	for _, name := range documents(tr) {
		report(t, checkDocument(name, tr.read(t, name), tr.files, targets))
	}
	report(t, checkMakefile("Makefile", makefile, tr.files))
	var packages []string
	for _, f := range tr.goes {
		if !f.nested && !slices.Contains(packages, f.dir()) {
			packages = append(packages, f.dir())
		}
	}
	slices.Sort(packages)
	report(t, checkMap(tr.read(t, "ARCHITECTURE.md"), tr.files, packages))
}

func TestCheckDocument(t *testing.T) {
	files := map[string]bool{
		".": true, "README.md": true, "bus.go": true, "docs": true, "docs/guide.md": true, "docs/adr": true,
		"transport": true, "transport/sqlite": true, "transport/sqlite/send.go": true,
	}
	for name, test := range map[string]struct {
		document, text string
		want           []string
	}{
		"a link":                      {"README.md", "see [guide](docs/guide.md#retries) and [adr](docs/adr)", nil},
		"a link to nothing":           {"README.md", "x\nsee [a](docs/a.md)", []string{"README.md:2 links to docs/a.md, which does not exist"}},
		"a link from a folder":        {"docs/guide.md", "[up](../README.md) [beside](adr) [wrong](docs/adr)", []string{"docs/guide.md:1 links to docs/adr, which does not exist"}},
		"a link elsewhere":            {"README.md", "[x](https://example.com/a.md) [y](#part) <http://127.0.0.1/docs>", nil},
		"paths":                       {"README.md", "`bus.go` `transport/sqlite/send.go` `send.go` `./transport/sqlite` `transport/sqlite/`", nil},
		"a file that is not there":    {"README.md", "`buss.go`", []string{"README.md:1 names buss.go, which does not exist"}},
		"a path that is not there":    {"README.md", "`transport/nats`", []string{"README.md:1 names transport/nats, which does not exist"}},
		"a file not where it is said": {"README.md", "`transport/send.go`", []string{"README.md:1 names transport/send.go, which does not exist"}},
		"what only looks like a path": {"README.md", "`application/json` `/api/symphony` `transport/<name>` `symphony.db` `go run x.go`", nil},
		"a path in an example":        {"README.md", "```sh\n`buss.go` [a](b.md)\n```\n`buss.go`", []string{"README.md:4 names buss.go, which does not exist"}},
		"targets":                     {"README.md", "run `make test`, which does not make sense\n```sh\nmake test\ncd x && make test\n```", nil},
		"a target that is not there":  {"README.md", "run `make coffee`", []string{"README.md:1 says make coffee, which the Makefile lacks"}},
		"a target missing in a block": {"README.md", "```\nmake coffee\n```", []string{"README.md:2 says make coffee, which the Makefile lacks"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := checkDocument(test.document, test.text, files, []string{"test"})
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCheckMap(t *testing.T) {
	files := map[string]bool{".": true, "worker": true, "transport": true, "transport/sqlite": true, "auth": true, "auth/keystoretest": true, "bus.go": true}
	const head = "| folder | what |\n| --- | --- |\n"
	for name, test := range map[string]struct {
		text     string
		packages []string
		want     []string
	}{
		"complete":             {head + "| `.` | root |\n| `worker`, `auth` | `nothing/here` |\n| `bus.go` | x |\n", []string{".", "worker", "auth", "auth/keystoretest"}, nil},
		"a folder that is not": {head + "| `.`, `nats` | x |\n", []string{"."}, []string{"ARCHITECTURE.md:3 maps nats, which does not exist"}},
		"a package not mapped": {head + "| `.` | x |\n", []string{".", "worker", "transport/sqlite"}, []string{"ARCHITECTURE.md does not map package worker", "ARCHITECTURE.md does not map package transport/sqlite"}},
		"the root not mapped":  {head + "| `worker` | x |\n", []string{".", "worker"}, []string{"ARCHITECTURE.md does not map package ."}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, checkMap(test.text, files, test.packages)); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCheckMakefile(t *testing.T) {
	files := map[string]bool{".": true, "config": true, "cmd": true, "cmd/symphony": true}
	text := "test: x\n\tgo test ./... ./config ./cmd/symphony ./cmd/... ./httpapi ../elsewhere\n\tX=./nats/... run\n"
	want := []string{"Makefile names ./httpapi, which does not exist", "Makefile names ./nats/..., which does not exist"}
	if diff := cmp.Diff(want, checkMakefile("Makefile", text, files)); diff != "" {
		t.Errorf("violations (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"test", "a-b"}, makefileTargets("A = 1\n.PHONY: test\ntest: x ## y\n\tz: no\na-b:\n")); diff != "" {
		t.Errorf("targets (-want +got):\n%s", diff)
	}
}

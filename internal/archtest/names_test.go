package archtest

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// layers are the folders that a concept walks through, with the columns that they have in the table of ARCHITECTURE.md.
var layers = []struct{ column, folder string }{
	{"sqlite", "transport/sqlite"}, {"postgres", "transport/postgres"}, {"suite", "transport/transporttest"},
	{"httpapi", "httpapi"}, {"wire", "httpapi/wire"}, {"client", "client"}, {"cmd", "cmd/symphony"},
}

// namesHeading is the section of ARCHITECTURE.md that has the two tables: of concepts that several layers have, each
// with a mark where it has a file of that name, and of those that one layer has.
const namesHeading = "## One name walks the stack"

// mark stands in the table where a layer has files of a concept.
const mark = "•"

// names are what the tables say.
type names struct {
	rows    []nameRow
	singles map[string][]string // by folder
}

type nameRow struct {
	concept, decided string
	marks            []bool // by layer
}

// String is the row as it stands in the table.
func (r nameRow) String() string {
	cells := []string{"", r.concept, r.decided}
	for _, has := range r.marks {
		if has {
			cells = append(cells, mark)
		} else {
			cells = append(cells, "")
		}
	}
	return strings.TrimSpace(strings.Join(append(cells, ""), " | "))
}

func readNames(text string) names {
	n := names{singles: make(map[string][]string)}
	_, section, _ := strings.Cut(text, namesHeading)
	section, _, _ = strings.Cut(section, "\n## ")
	for l := range strings.Lines(section) {
		cells := strings.Split(strings.TrimSpace(l), "|")
		if len(cells) < 4 || strings.HasPrefix(strings.TrimSpace(cells[1]), "---") {
			continue
		}
		cells = cells[1 : len(cells)-1]
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case cells[0] == "concept", cells[0] == "folder":
		case len(cells) == 2:
			for _, single := range strings.Split(cells[1], ",") {
				folder := strings.Trim(cells[0], "`")
				n.singles[folder] = append(n.singles[folder], strings.TrimSpace(single))
			}
		case len(cells) == len(layers)+2:
			row := nameRow{concept: cells[0], decided: cells[1]}
			for _, cell := range cells[2:] {
				row.marks = append(row.marks, cell == mark)
			}
			n.rows = append(n.rows, row)
		}
	}
	return n
}

// family is the name that a file is of: its own, or the one that it begins with, in the singular or plural.
func (n names) family(folder, stem string) (concept string, ok bool) {
	known := slices.Clone(n.singles[folder])
	for _, r := range n.rows {
		known = append(known, r.concept)
	}
	if slices.Contains(known, stem) {
		return stem, true
	}
	for begin := stem; strings.Contains(begin, "_"); {
		begin = begin[:strings.LastIndex(begin, "_")]
		for _, name := range []string{begin, begin + "s"} {
			if slices.Contains(known, name) {
				return name, true
			}
		}
	}
	return "", false
}

// check returns what the tables say otherwise than the folders, whose files are given without ".go".
func (n names) check(stems map[string][]string, files map[string]bool) []string {
	var violations []string
	bad := func(format string, args ...any) {
		violations = append(violations, "ARCHITECTURE.md: "+fmt.Sprintf(format, args...))
	}
	has := make(map[string]map[string]bool) // layers by concept
	for _, layer := range layers {
		for _, stem := range stems[layer.folder] {
			concept, ok := n.family(layer.folder, stem)
			if !ok {
				bad("name %s/%s.go in a table: its concept's name, as other layers have it, or in the line of its folder", layer.folder, stem)
				continue
			}
			if has[concept] == nil {
				has[concept] = make(map[string]bool)
			}
			has[concept][layer.folder] = true
		}
	}
	for _, row := range n.rows {
		want := nameRow{concept: row.concept, decided: row.decided}
		count := 0
		for _, layer := range layers {
			want.marks = append(want.marks, has[row.concept][layer.folder])
			if has[row.concept][layer.folder] {
				count++
			}
		}
		switch {
		case count == 0:
			bad("%s has no file", row.concept)
		case count == 1 && row.decided == "":
			bad("%s is of one layer: it belongs into the line of its folder", row.concept)
		case !slices.Equal(row.marks, want.marks):
			bad("the row must be: %s", want)
		}
		for _, m := range spanPattern.FindAllStringSubmatch(row.decided, -1) {
			if strings.HasSuffix(m[1], ".go") && path.Base(m[1]) != row.concept+".go" {
				bad("%s is decided in %s, which has another name", row.concept, m[1])
			}
			if !files[m[1]] {
				bad("%s is decided in %s, which does not exist", row.concept, m[1])
			}
		}
	}
	for _, layer := range layers {
		for _, single := range n.singles[layer.folder] {
			switch of := has[single]; {
			case !of[layer.folder]:
				bad("%s has no %s.go", layer.folder, single)
			case len(of) > 1:
				bad("%s is of several layers: it belongs into the table of concepts", single)
			}
		}
	}
	// One concept must not be called after one and after many of it, unless these are two in one folder.
	all := make(map[string][]string) // folders by exact name
	for _, layer := range layers {
		for _, stem := range stems[layer.folder] {
			all[stem] = append(all[stem], layer.folder)
		}
	}
	for stem, folders := range all {
		many := all[stem+"s"]
		if len(many) > 0 && !slices.ContainsFunc(folders, func(f string) bool { return slices.Contains(many, f) }) {
			bad("%s/%s.go and %s/%ss.go are of one concept, and must have one name", folders[0], stem, many[0], stem)
		}
	}
	slices.Sort(violations)
	return violations
}

// checkNamed returns the files of a folder that no table of ARCHITECTURE.md names.
func checkNamed(text string, goes []string) []string {
	var violations []string
	named := make(map[string]bool)
	for _, l := range documentLines(text) {
		if strings.HasPrefix(l.text, "|") && !l.block {
			for _, m := range spanPattern.FindAllStringSubmatch(l.text, -1) {
				named[m[1]] = true
			}
		}
	}
	for _, file := range goes {
		if !named[file] {
			violations = append(violations, "ARCHITECTURE.md: no table names "+file)
		}
	}
	return violations
}

// domain are the folders whose files ARCHITECTURE.md names one by one.
var domain = []string{".", "flow", "schedule", "storage", "operation"}

func TestNames(t *testing.T) {
	tr := readTree(t)
	text := tr.read(t, "ARCHITECTURE.md")
	stems := make(map[string][]string)
	var named []string
	for _, f := range tr.goes {
		if f.isTest() || f.nested {
			continue
		}
		stems[f.dir()] = append(stems[f.dir()], strings.TrimSuffix(path.Base(f.path), ".go"))
		if slices.Contains(domain, f.dir()) && path.Base(f.path) != "doc.go" {
			named = append(named, f.path)
		}
	}
	n := readNames(text)
	if len(n.rows) == 0 || len(n.singles) != len(layers) {
		t.Fatalf("ARCHITECTURE.md has %d concepts and lines of %d folders under %q", len(n.rows), len(n.singles), namesHeading)
	}
	report(t, n.check(stems, tr.files))
	report(t, checkNamed(text, named))
}

func TestCheckNames(t *testing.T) {
	files := map[string]bool{"messages.go": true, "flow/holds.go": true, "audit": true}
	head := "x\n" + namesHeading + "\n\n| concept | decided in | sqlite | postgres | suite | httpapi | wire | client | cmd |\n" +
		"| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
	const messages, only = "| messages | `messages.go` | • | | | • | | | |\n", "\n| folder | files |\n| --- | --- |\n| `transport/sqlite` | writer |\n\n## Next\n"
	stems := map[string][]string{"transport/sqlite": {"messages", "message_search", "writer", "writer_linux"}, "httpapi": {"messages"}}
	with := func(folder string, more ...string) map[string][]string {
		out := map[string][]string{folder: append(slices.Clone(stems[folder]), more...)}
		for f, list := range stems {
			if f != folder {
				out[f] = list
			}
		}
		return out
	}
	for name, test := range map[string]struct {
		text  string
		stems map[string][]string
		want  []string
	}{
		"complete": {head + messages + only, stems, nil},
		"a file that nobody names": {head + messages + only, with("client", "holds"),
			[]string{"ARCHITECTURE.md: name client/holds.go in a table: its concept's name, as other layers have it, or in the line of its folder"}},
		"a layer that is not marked": {head + messages + only, with("client", "messages"),
			[]string{"ARCHITECTURE.md: the row must be: | messages | `messages.go` | • |  |  | • |  | • |  |"}},
		"a concept without files": {head + messages + "| holds | | • | | | • | | | |\n" + only, stems, []string{"ARCHITECTURE.md: holds has no file"}},
		"a name without a file": {head + messages + strings.Replace(only, "writer", "writer, lane", 1), stems,
			[]string{"ARCHITECTURE.md: transport/sqlite has no lane.go"}},
		"another name in the domain": {head + strings.Replace(messages, "messages.go", "flow/holds.go", 1) + only, stems,
			[]string{"ARCHITECTURE.md: messages is decided in flow/holds.go, which has another name"}},
		"one and many": {head + messages + strings.Replace(only, "writer", "writer, log", 1) + "| `client` | logs |\n",
			map[string][]string{"transport/sqlite": append(slices.Clone(stems["transport/sqlite"]), "log"), "httpapi": {"messages"}, "suite": nil},
			[]string{"ARCHITECTURE.md: transport/sqlite/log.go and client/logs.go are of one concept, and must have one name"}},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "one and many" {
				test.text = head + messages + strings.Replace(only, "| writer |", "| writer, log |\n| `client` | logs |", 1)
				test.stems["client"] = []string{"logs"}
			}
			if diff := cmp.Diff(test.want, readNames(test.text).check(test.stems, files)); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	}
	if got := checkNamed("| `bus.go` | x |\n`batch.go`\n", []string{"bus.go", "batch.go"}); !slices.Equal(got, []string{"ARCHITECTURE.md: no table names batch.go"}) {
		t.Errorf("got %q", got)
	}
}

package archtest

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// promise is an interface that storages implement, with the number of its methods.
type promise struct {
	pkg, name string
	methods   int
}

// promises are all that a storage may implement. A method costs every storage an implementation and the conformance
// suite a test, so the numbers only go down.
func promises() []promise {
	return []promise{
		{".", "Transport", 8},
		{".", "MessageStore", 8},
		{"flow", "Control", 7},
		{"schedule", "Store", 4},
		{"triage", "Store", 1},
		{"storage", "Records", 3},
		{"storage", "Log", 3},
		{"storage", "Steps", 1},
		{"storage", "Nodes", 1},
		{"storage", "Cancels", 1},
		{"storage", "Sizes", 1},
		{"storage", "Types", 1},
	}
}

// mostPromised is how many methods all promises have together, at most. Two of them came with cancelling: no method
// that was there changes a message in hand without its lease, and none tells workers anything. One came with editing,
// for all that can be changed of a message that waits, and one with the groups of failures, which are counted there.
// Two came with limits at run time: one changes them, in the transaction that decides on it, and one tells how much of
// each is used. Two came with results: what is told of a message in hand is fenced by its lease and ends nothing, and
// the ends of many messages are asked for in one go. One came with why a message waits: that is decided by the engine,
// within the storage's transaction. One came with retention: only a storage knows what its bytes are used for. One came
// with counts by type: a query counts what one filter selects, and one for each type would cost hundreds of walks.
const mostPromised = 39

// mostRootTypes is how many exported types the root package has, at most: it is for applications. What only storages
// and the server use belongs elsewhere. The last one came with handlers at run time: a Mux that is never changed cannot
// be told of them, and its routes are its own.
const mostRootTypes = 75

// checkPromises returns the interfaces that have another number of methods than promised, and whether all have too
// many.
func checkPromises(files []*goFile, promises []promise, most int) []string {
	var violations []string
	total := 0
	for _, p := range promises {
		methods := -1
		for name, spec := range exportedTypes(files, p.pkg) {
			if iface, ok := spec.Type.(*ast.InterfaceType); ok && name == p.name {
				methods = iface.Methods.NumFields()
			}
		}
		if methods != p.methods {
			violations = append(violations, fmt.Sprintf("%s.%s has %d methods, not %d", p.pkg, p.name, methods, p.methods))
		}
		total += p.methods
	}
	if total > most {
		violations = append(violations, fmt.Sprintf("what storages promise has %d methods, at most %d", total, most))
	}
	return violations
}

// checkRootTypes returns whether the root package has more exported types than it may, or fewer: then the number is
// lowered.
func checkRootTypes(files []*goFile, most int) []string {
	if n := len(exportedTypes(files, ".")); n != most {
		return []string{fmt.Sprintf("the root package has %d exported types, not %d: with more, find them another home; with fewer, lower the number", n, most)}
	}
	return nil
}

// exportedTypes are the exported types of a package, by name.
func exportedTypes(files []*goFile, pkg string) map[string]*ast.TypeSpec {
	types := make(map[string]*ast.TypeSpec)
	for _, f := range files {
		if f.nested || f.isTest() || f.dir() != pkg {
			continue
		}
		for _, d := range f.syntax.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.TYPE {
				for _, s := range g.Specs {
					if spec := s.(*ast.TypeSpec); spec.Name.IsExported() {
						types[spec.Name.Name] = spec
					}
				}
			}
		}
	}
	return types
}

func TestPromises(t *testing.T) {
	files := readTree(t).goes
	report(t, checkPromises(files, promises(), mostPromised))
	report(t, checkRootTypes(files, mostRootTypes))
}

func TestCheckPromises(t *testing.T) {
	files := fake(t, map[string]string{
		"a.go":           "package symphony\ntype A struct{}\ntype (\n\tB int\n\tc string\n)\ntype Store interface {\n\tGet()\n\tPut()\n}",
		"a_test.go":      "package symphony\ntype Tested struct{}",
		"storage/log.go": "package storage\ntype Log interface{ Read() }",
	})
	for name, test := range map[string]struct {
		promises []promise
		most     int
		want     []string
	}{
		"kept":              {[]promise{{".", "Store", 2}, {"storage", "Log", 1}}, 3, nil},
		"one method more":   {[]promise{{".", "Store", 1}}, 3, []string{"..Store has 2 methods, not 1"}},
		"one method fewer":  {[]promise{{"storage", "Log", 2}}, 3, []string{"storage.Log has 1 methods, not 2"}},
		"not there":         {[]promise{{"storage", "Store", 2}}, 3, []string{"storage.Store has -1 methods, not 2"}},
		"no interface":      {[]promise{{".", "A", 0}}, 3, []string{"..A has -1 methods, not 0"}},
		"too many together": {[]promise{{".", "Store", 2}, {"storage", "Log", 1}}, 2, []string{"what storages promise has 3 methods, at most 2"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, checkPromises(files, test.promises, test.most)); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	}
	for most, want := range map[int]int{3: 0, 2: 1, 4: 1} {
		if got := checkRootTypes(files, most); len(got) != want {
			t.Errorf("of at most %d types: got %v", most, got)
		}
	}
	if !slices.ContainsFunc(promises(), func(p promise) bool { return p.name == "Transport" }) {
		t.Error("what a transport promises is not counted")
	}
}

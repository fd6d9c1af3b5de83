package archtest

import (
	"go/ast"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// String is the interface as Go code outside of its package names it.
func (p promise) String() string {
	if p.pkg == "." {
		return "symphony." + p.name
	}
	return p.pkg + "." + p.name
}

// kept are the interfaces that storages say they implement, by lines such as var _ storage.Log = (*Transport)(nil).
func kept(files []*goFile) []string {
	var list []string
	for _, f := range files {
		if f.isTest() || !strings.HasPrefix(f.dir(), "transport/") {
			continue
		}
		for _, decl := range f.syntax.Decls {
			vars, ok := decl.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range vars.Specs {
				v, ok := spec.(*ast.ValueSpec)
				if !ok || v.Names[0].Name != "_" {
					continue
				}
				if of, ok := v.Type.(*ast.SelectorExpr); ok {
					list = append(list, of.X.(*ast.Ident).Name+"."+of.Sel.Name)
				}
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// addTransport begins the section of CONTRIBUTING.md that lists what a transport may implement.
const addTransport = "## Add a transport"

// checkContributing returns what the page lacks of the promises, what it names that is none, and what no storage says
// it implements.
func checkContributing(page string, promises []promise, kept []string) []string {
	var violations []string
	_, section, _ := strings.Cut(page, addTransport+"\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var named []string
	for _, m := range regexp.MustCompile("`([a-z]+\\.[A-Z]\\w*)`").FindAllStringSubmatch(section, -1) {
		named = append(named, m[1])
	}
	for _, p := range promises {
		if !slices.Contains(named, p.String()) {
			violations = append(violations, "CONTRIBUTING.md does not say that a transport may be a "+p.String())
		}
		if !slices.Contains(kept, p.String()) {
			violations = append(violations, "no storage says that it is a "+p.String())
		}
	}
	for _, name := range append(named, kept...) {
		isPromise := slices.ContainsFunc(promises, func(p promise) bool { return p.String() == name })
		if !isPromise && !slices.Contains([]string{"symphony.StoreClock", "transporttest.Run"}, name) { // functions
			violations = append(violations, name+" is not among the promises of storages")
		}
	}
	return violations
}

func TestContributing(t *testing.T) {
	tr := readTree(t)
	report(t, checkContributing(tr.read(t, "CONTRIBUTING.md"), promises(), kept(tr.goes)))
}

func TestCheckContributing(t *testing.T) {
	const page = "x\n" + addTransport + "\n\n`symphony.Transport`, `storage.Log` and `symphony.StoreClock`\n\n## Next\n`storage.Nodes`"
	of := func(names ...string) (list []promise) {
		for _, name := range names {
			pkg, name, _ := strings.Cut(name, ".")
			list = append(list, promise{pkg: pkg, name: name})
		}
		return list
	}
	for name, test := range map[string]struct {
		promises []promise
		kept     []string
		want     []string
	}{
		"complete": {of(".Transport", "storage.Log"), []string{"symphony.Transport", "storage.Log"}, nil},
		"one that the page lacks": {of("symphony.Transport", "storage.Log", "storage.Nodes"), []string{"symphony.Transport", "storage.Log", "storage.Nodes"},
			[]string{"CONTRIBUTING.md does not say that a transport may be a storage.Nodes"}},
		"one that nobody implements": {of("symphony.Transport", "storage.Log"), []string{"symphony.Transport"},
			[]string{"no storage says that it is a storage.Log"}},
		"one that is none": {of("symphony.Transport"), []string{"symphony.Transport"}, []string{"storage.Log is not among the promises of storages"}},
	} {
		for i, p := range test.promises {
			if p.pkg == "" {
				test.promises[i].pkg = "."
			}
		}
		if diff := cmp.Diff(test.want, checkContributing(page, test.promises, test.kept)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

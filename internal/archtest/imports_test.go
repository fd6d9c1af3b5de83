package archtest

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// rule says which of our own packages the packages of a folder may import outside of their tests. Patterns are those of
// path.Match; "." is the root package.
type rule struct {
	pkg          string
	may          []string
	standardOnly bool // nothing from other modules either
}

// importRules is the map of ARCHITECTURE.md. The first rule that matches a package counts.
func importRules() []rule {
	return []rule{
		{pkg: ".", standardOnly: true},
		{pkg: "flow", may: []string{"."}, standardOnly: true},
		{pkg: "storage", may: []string{"."}, standardOnly: true},
		{pkg: "schedule", may: []string{".", "storage"}, standardOnly: true},
		{pkg: "triage", may: []string{".", "storage"}},
		{pkg: "retention", may: []string{"."}},
		{pkg: "transport/transporttest", may: []string{".", "flow", "retention", "schedule", "storage", "triage",
			"internal/*", "symphonytest/testclock"}},
		{pkg: "transport/*", may: []string{".", "flow", "retention", "schedule", "storage", "triage", "internal/*"}},
		{pkg: "symphonytest", may: []string{".", "flow", "symphonytest/testclock", "transport/sqlite", "worker"}},
		{pkg: "symphonytest/testclock", may: []string{"."}},
		{pkg: "worker", may: []string{".", "storage", "internal/*"}},
		{pkg: "scheduler", may: []string{".", "schedule"}},
		{pkg: "operation", may: []string{".", "storage", "flow", "triage"}},
		{pkg: "codec", may: []string{"."}, standardOnly: true},
		{pkg: "schema", may: []string{"."}},
		{pkg: "redact", may: []string{"."}},
		{pkg: "handler", may: []string{"."}},
		{pkg: "handler/pressure", may: []string{".", "flow"}},
		{pkg: "handler/dynamic", may: []string{".", "flow", "handler/*", "storage", "worker"}},
		{pkg: "handler/command", may: []string{".", "handler", "internal/scratch"}},
		{pkg: "handler/*", may: []string{".", "handler"}},
		{pkg: "audit", may: []string{".", "storage"}},
		{pkg: "alert", may: []string{".", "storage", "handler/*", "monitor"}},
		{pkg: "auth", may: []string{".", "storage"}},
		{pkg: "dashboard", may: []string{"auth"}},
		{pkg: "auth/keystoretest", may: []string{".", "auth"}},
		{pkg: "event", may: []string{".", "flow", "storage"}},
		{pkg: "httpapi/wire", may: []string{".", "redact"}},
		{pkg: "httpapi/archive", may: []string{"httpapi/wire"}},
		{pkg: "metrics", may: []string{".", "storage"}},
		{pkg: "metrics/exposition", may: []string{".", "schedule", "metrics", "storage", "worker"}},
		{pkg: "monitor", may: []string{".", "schedule", "storage", "flow", "metrics", "worker"}},
		{pkg: "httpapi", may: []string{".", "schedule", "storage", "triage", "alert", "audit", "auth", "dashboard", "event", "flow", "handler/dynamic", "worker", "scheduler", "operation", "metrics", "monitor", "redact", "tracing", "httpapi/*"}},
		{pkg: "local", may: []string{".", "redact", "storage", "audit", "auth", "httpapi", "httpapi/wire", "internal/scratch",
			"metrics", "monitor", "operation", "scheduler", "transport/sqlite", "worker"}},
		{pkg: "tracing", may: []string{"."}},
		{pkg: "tracing/*", may: []string{"."}},
		{pkg: "client", may: []string{".", "httpapi/wire"}},
		{pkg: "config", may: []string{".", "redact", "retention", "schedule", "storage", "alert", "audit", "auth", "dashboard",
			"flow", "metrics", "monitor", "worker", "httpapi/wire", "handler/*"}},
		{pkg: "server", may: []string{".", "*", "*/*"}},
		{pkg: "cmd/*", may: []string{".", "*", "*/*"}},
		{pkg: "examples/*", may: []string{".", "config", "server", "transport/*", "worker"}},
		{pkg: "examples/*/api", may: []string{".", "config", "server"}},
		{pkg: "internal/pgtest", may: []string{"internal/testtier"}},
		{pkg: "internal/scratch"},
		{pkg: "internal/*", standardOnly: true},
		{pkg: "e2e"},
	}
}

// checkImports returns what breaks the rules. Tests may import anything but a command, or, in the tests of a
// transport, another transport.
func checkImports(files []*goFile, rules []rule) []string {
	var violations []string
	used := make([]bool, len(rules))
	unknown := make(map[string]bool)
	for _, f := range files {
		if f.nested {
			continue
		}
		at := slices.IndexFunc(rules, func(r rule) bool { return matches([]string{r.pkg}, f.dir()) })
		if at < 0 {
			unknown[f.dir()] = true
			continue
		}
		used[at] = true
		for _, imported := range f.imports {
			own, isOwn := ownPackage(imported)
			bad := func(format string, args ...any) {
				violations = append(violations, fmt.Sprintf("%s imports %s: ", f.path, imported)+fmt.Sprintf(format, args...))
			}
			switch {
			case isOwn && strings.HasPrefix(own, "cmd/"):
				bad("nothing imports a command")
			case f.isTest():
				if isOwn && isTransport(f.dir()) && isTransport(own) && own != f.dir() {
					bad("a transport does not know another")
				}
			// Templates call methods by their names: with them, all that are exported stay, a sixth of the program.
			case imported == "text/template" || imported == "html/template":
				bad("the linker keeps all methods then")
			case own == "internal/pgtest", own == "internal/testtier" && f.dir() != "internal/pgtest" && f.dir() != "transport/transporttest":
				bad("it is for tests")
			case isOwn && !matches(rules[at].may, own):
				bad("%s may import %s of ours", f.dir(), orNothing(rules[at].may))
			case !isOwn && rules[at].standardOnly && isForeign(imported):
				bad("%s imports the standard library only", f.dir())
			case isOwn && isTransport(f.dir()) && isTransport(own):
				bad("a transport does not know another")
			}
		}
	}
	for dir := range unknown {
		violations = append(violations, fmt.Sprintf("package %s has no rule: add it to importRules and to ARCHITECTURE.md", dir))
	}
	for i, r := range rules {
		if !used[i] {
			violations = append(violations, fmt.Sprintf("rule %q matches no package: remove it", r.pkg))
		}
	}
	slices.Sort(violations)
	return violations
}

// ownPackage returns the folder of a package of this module.
func ownPackage(imported string) (dir string, ok bool) {
	if imported == module {
		return ".", true
	}
	return strings.CutPrefix(imported, module+"/")
}

// isForeign reports whether a package is of another module: its path begins with a host's name.
func isForeign(imported string) bool {
	host, _, _ := strings.Cut(imported, "/")
	return strings.Contains(host, ".") || imported == "C"
}

func isTransport(dir string) bool {
	return strings.HasPrefix(dir, "transport/") && dir != "transport/transporttest"
}

func matches(patterns []string, dir string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, err := path.Match(p, dir)
		return ok && err == nil && (dir != "." || p == ".")
	})
}

func orNothing(list []string) string {
	if len(list) == 0 {
		return "nothing"
	}
	return strings.Join(list, ", ")
}

func TestImports(t *testing.T) {
	report(t, checkImports(readTree(t).goes, importRules()))
}

func TestCheckImports(t *testing.T) {
	rules := []rule{
		{pkg: ".", standardOnly: true},
		{pkg: "transport/*", may: []string{".", "transport/*"}},
		{pkg: "client", may: []string{"httpapi/wire"}},
		{pkg: "cmd/*", may: []string{".", "*", "*/*"}},
		{pkg: "internal/*"},
	}
	source := func(name string, imports ...string) string {
		text := "package " + name + "\n"
		for _, i := range imports {
			text += "import _ \"" + strings.Replace(i, "own", module, 1) + "\"\n"
		}
		return text
	}
	obedient := map[string]string{
		"bus.go":                       source("symphony", "fmt", "encoding/json"),
		"bus_test.go":                  source("symphony_test", "own", "own/transport/a", "github.com/other/module"),
		"transport/a/a.go":             source("a", "own", "github.com/other/module"),
		"transport/a/a_test.go":        source("a_test", "own/transport/a", "own/transport/transporttest"),
		"transport/transporttest/t.go": source("transporttest", "own"),
		"client/client.go":             source("client", "own/httpapi/wire", "net/http"),
		"cmd/symphony/main.go":         source("main", "own", "own/client", "own/transport/a"),
		"internal/queue/queue.go":      source("queue", "sync"),
	}
	for name, test := range map[string]struct {
		path, source string
		want         []string
	}{
		"nothing wrong":                      {"client/other.go", source("client", "errors"), nil},
		"root imports ours":                  {"bus.go", source("symphony", "own/client"), []string{"bus.go imports " + module + "/client: . may import nothing of ours"}},
		"root imports another module":        {"bus.go", source("symphony", "github.com/google/uuid"), []string{"bus.go imports github.com/google/uuid: . imports the standard library only"}},
		"root imports C":                     {"bus.go", source("symphony", "C"), []string{"bus.go imports C: . imports the standard library only"}},
		"a transport imports another":        {"transport/a/b.go", source("a", "own/transport/b"), []string{"transport/a/b.go imports " + module + "/transport/b: a transport does not know another"}},
		"a transport's test imports another": {"transport/a/b_test.go", source("a", "own/transport/b"), []string{"transport/a/b_test.go imports " + module + "/transport/b: a transport does not know another"}},
		"a client imports the server":        {"client/x.go", source("client", "own/httpapi"), []string{"client/x.go imports " + module + "/httpapi: client may import httpapi/wire of ours"}},
		"a client imports the root":          {"client/x.go", source("client", "own"), []string{"client/x.go imports " + module + ": client may import httpapi/wire of ours"}},
		"a command is imported":              {"client/x_test.go", source("client", "own/cmd/symphony"), []string{"client/x_test.go imports " + module + "/cmd/symphony: nothing imports a command"}},
		"a product uses the tests' servers":  {"client/x.go", source("client", "own/internal/pgtest"), []string{"client/x.go imports " + module + "/internal/pgtest: it is for tests"}},
		"a product writes by templates": {"client/x.go", source("client", "text/template"), []string{
			"client/x.go imports text/template: the linker keeps all methods then"}},
		"a package without a rule":        {"util/x.go", source("util"), []string{"package util has no rule: add it to importRules and to ARCHITECTURE.md"}},
		"a package below one with a rule": {"client/deep/x.go", source("deep"), []string{"package client/deep has no rule: add it to importRules and to ARCHITECTURE.md"}},
	} {
		t.Run(name, func(t *testing.T) {
			sources := map[string]string{}
			for p, s := range obedient {
				sources[p] = s
			}
			sources[test.path] = test.source
			if diff := cmp.Diff(test.want, checkImports(fake(t, sources), rules)); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("a rule without a package", func(t *testing.T) {
		want := []string{`rule "scheduler" matches no package: remove it`}
		got := checkImports(fake(t, obedient), append(rules, rule{pkg: "scheduler"}))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("violations (-want +got):\n%s", diff)
		}
	})
}

// The rules themselves must forbid what the architecture forbids, whatever is rewritten in them.
func TestImportRules(t *testing.T) {
	rules := importRules()
	for _, forbidden := range [][2]string{
		{".", "worker"}, {".", "flow"}, {".", "internal/groupcommit"}, {"flow", "transport/sqlite"}, {"flow", "worker"}, {".", "storage"}, {".", "schedule"}, {"storage", "schedule"}, {"schedule", "scheduler"},
		{"transport/sqlite", "worker"}, {"transport/sqlite", "httpapi"}, {"transport/postgres", "auth"}, {"transport/inline", "client"},
		{"worker", "transport/sqlite"}, {"worker", "httpapi"}, {"worker", "config"},
		{"handler/httppush", "worker"}, {"handler/command", "handler/httppush"}, {"handler", "handler/command"},
		{"client", "httpapi"}, {"client", "auth"}, {"client", "worker"}, {"client", "config"}, {"client", "transport/sqlite"},
		{"httpapi", "server"}, {"local", "server"}, {"httpapi", "config"}, {"httpapi", "transport/sqlite"}, {"httpapi/wire", "httpapi"}, {"httpapi/wire", "auth"},
		{"auth", "httpapi"}, {"auth", "worker"}, {"config", "httpapi"}, {"config", "transport/sqlite"},
	} {
		at := slices.IndexFunc(rules, func(r rule) bool { return matches([]string{r.pkg}, forbidden[0]) })
		if at < 0 || matches(rules[at].may, forbidden[1]) {
			t.Errorf("%s may import %s", forbidden[0], forbidden[1])
		}
	}
}

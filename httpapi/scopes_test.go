package httpapi

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony/auth"
)

// What each scope opens, as the contract has it. read opens every other GET.
var contract = map[auth.Scope][]string{
	auth.ScopeDispatch: {"POST dispatch", "POST dispatch/batch", "POST messages/{id}/token"},
	auth.ScopeConsume: {"POST consume", "POST receive", "POST ack", "POST nack", "POST extend",
		"POST failed/{id}/retry", "DELETE failed/{id}"},
	auth.ScopeOperate: {
		"POST pause", "POST drain", "POST resume", "POST workers/stop", "POST workers/start",
		"POST nodes/{id}/workers/stop", "POST nodes/{id}/workers/start",
		"PATCH messages/{id}", "POST messages/{id}/cancel",
		"DELETE messages/{id}", "POST messages/{id}/run-now", "POST messages/{id}/replay", "POST messages/replay", "POST messages/import",
		"POST messages/cancel", "POST messages/edit", "POST messages/delete",
		"POST failed/retry", "POST failed/groups/{id}/retry", "POST failed/groups/{id}/delete",
		"POST failed/groups/{id}/ignore", "POST failed/groups/{id}/resolve",
		"POST failed/delete", "POST operations/{id}/stop", "POST operations/{id}/resume",
		"GET handlers", "GET handlers/{id}", "PUT handlers/{id}", "DELETE handlers/{id}",
		"POST handlers/{id}/rotate", "POST handlers/{id}/retire",
		"PUT limits/type/{id}", "DELETE limits/type/{id}", "PUT limits/key/{id}", "DELETE limits/key/{id}",
		"PUT limits/queue/{transport}/{id}", "DELETE limits/queue/{transport}/{id}",
		"POST schedules", "POST schedules/preview", "PATCH schedules/{id}", "DELETE schedules/{id}",
		"POST schedules/{id}/enable", "POST schedules/{id}/disable", "POST schedules/{id}/run",
		"POST schedules/{id}/skip",
	},
	auth.ScopeAdmin: {"GET keys", "POST keys", "DELETE keys/{id}", "POST purge", "GET audit", "GET config", "POST alerts/test"},
}

func TestScopesAreThoseOfTheContract(t *testing.T) {
	routes := (&API{}).table()
	for i := range routes {
		rt := &routes[i]
		if rt.access != userAccess {
			continue
		}
		for _, method := range rt.methods {
			name := method + " " + strings.TrimPrefix(rt.path, "/api/symphony/")
			var want auth.Scope
			for scope, list := range contract {
				if slices.Contains(list, name) {
					want = scope
				}
			}
			if want == 0 && method == http.MethodGet {
				want = auth.ScopeRead
			}
			if rt.scope != want {
				t.Errorf("%s needs %s, want %s", name, rt.scope, want)
			}
			if masked := want == auth.ScopeRead && !strings.HasSuffix(name, "/export"); rt.observable() != masked {
				t.Errorf("%s with observe: %t, want %t", name, rt.observable(), masked)
			}
		}
	}
}

const (
	apiPage    = "../docs/api.md"
	tableBegin = "<!-- Routes and scopes, made by make docs. -->\n"
	tableEnd   = "<!-- End of what is made. -->\n"
)

// TestReference_routes fails when docs/api.md does not say of each route what the table says. With -update it writes
// it.
func TestReference_routes(t *testing.T) {
	raw, err := os.ReadFile(apiPage)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(raw), tableBegin)
	got, after, ok2 := strings.Cut(rest, tableEnd)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the routes", apiPage)
	}
	want := routesReference()
	if flag.Lookup("update").Value.String() == "true" { // the flag of the golden files
		if err := os.WriteFile(apiPage, []byte(before+tableBegin+want+tableEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s is out of date; run make docs (-want +got):\n%s", apiPage, diff)
	}
}

// routesReference describes scopes and routes in Markdown.
func routesReference() string {
	var b strings.Builder
	b.WriteString("| scope | opens |\n| --- | --- |\n")
	for _, name := range auth.ScopeNames() {
		scope, _ := auth.ParseScope(name)
		fmt.Fprintf(&b, "| `%s` | %s |\n", name, scope.Opens())
	}
	b.WriteString("\n| route | scope | under `auth.visibility: own`, for a user without `operate` " +
		"| a key that is bound |\n| --- | --- | --- | --- |\n")
	routes := (&API{}).table()
	for i := range routes {
		rt := &routes[i]
		needs, own := "`"+rt.scope.String()+"`", "refused"
		if rt.or != 0 {
			needs += " or `" + rt.or.String() + "`"
		}
		switch {
		case rt.own.scope != 0:
			own = "his own, with `" + rt.own.scope.String() + "`"
		case rt.own.open && rt.scope == auth.ScopeRead:
			own = "his own"
		case rt.own.open:
			own = "as others"
		}
		switch rt.access {
		case cronAccess:
			needs, own = "the cron secret", "–"
		case callerAccess:
			needs, own = "any", "as others"
		case openAccess:
			needs, own = "open", "as others"
		case userAccess:
			if rt.observable() {
				needs = "`observe`, masked; `read`"
			}
		}
		bound := "refused"
		switch {
		case rt.access == openAccess || rt.binding && rt.access == callerAccess:
			bound = "as others"
		case rt.access == cronAccess:
			bound = "–"
		case rt.binding:
			bound = "within that"
		}
		fmt.Fprintf(&b, "| `%s %s` | %s | %s | %s |\n", strings.Join(rt.methods, ", "), rt.path, needs, own, bound)
	}
	return b.String()
}

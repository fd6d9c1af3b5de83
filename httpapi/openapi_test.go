package httpapi_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	pathpkg "path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/monitor"
)

var update = flag.Bool("update", false, "renew the golden files")

const golden = "testdata/openapi.json"

// describedRoutes are the document's routes, as "METHOD /path".
func describedRoutes(t *testing.T, doc map[string]any) []string {
	t.Helper()
	var list []string
	for path, item := range doc["paths"].(map[string]any) {
		for method := range item.(map[string]any) {
			list = append(list, strings.ToUpper(method)+" "+path)
		}
	}
	slices.Sort(list)
	return list
}

func document(t *testing.T, f *fixture) (doc map[string]any, raw string) {
	t.Helper()
	a := f.call("GET", "/openapi.json", "", "Authorization", "")
	if a.status != 200 {
		t.Fatalf("got %d", a.status)
	}
	return a.body, a.raw
}

func TestOpenAPI_golden(t *testing.T) {
	_, raw := document(t, newFixture(t, nil))
	if *update {
		if err := os.WriteFile(golden, []byte(raw+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.TrimSpace(string(want)), raw); diff != "" {
		t.Errorf("the document changed; if that is meant, run make docs (-want +got):\n%s", diff)
	}
}

// Each route of the document is served, and each method that is served stands in it.
func TestOpenAPI_has_the_routes_that_are_served(t *testing.T) {
	f := newFixture(t, nil)
	doc, _ := document(t, f)
	described := describedRoutes(t, doc)
	paths := slices.Sorted(maps.Keys(doc["paths"].(map[string]any)))
	// The routes of the contract that are due.
	for _, path := range []string{"/api/symphony/dispatch", "/api/symphony/dispatch/batch", "/api/symphony/consume", "/api/symphony/status", "/api/symphony/failed",
		"/api/symphony/failed/{id}", "/api/symphony/failed/{id}/retry", "/api/symphony/failed/retry", "/api/symphony/failed/delete", "/api/cron/symphony-worker", "/healthz", "/readyz"} {
		if !slices.Contains(paths, path) {
			t.Errorf("the document has no %s", path)
		}
	}
	for _, path := range paths {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
			a := f.call(method, strings.ReplaceAll(path, "{id}", "0197"), "", "Authorization", "")
			served := a.status != 405 && a.code() != "method_not_allowed"
			if strings.Contains(a.raw, "There is no such route") {
				served = false
			}
			// A path such as failed/retry is also an id, to the methods that only failed/{id} has.
			want := slices.ContainsFunc(described, func(route string) bool {
				m, p, _ := strings.Cut(route, " ")
				same, err := pathpkg.Match(strings.ReplaceAll(p, "{id}", "*"), path)
				return err == nil && same && m == method
			})
			if served != want {
				t.Errorf("%s %s: served %v, described %v (%d %s)", method, path, served, want, a.status, a.raw)
			}
		}
	}
}

// responseRef is where the document has an answer that several operations share, empty for one of its own and none.
func responseRef(doc map[string]any, route, method, status string) string {
	op := doc["paths"].(map[string]any)[route].(map[string]any)[strings.ToLower(method)].(map[string]any)
	response, _ := op["responses"].(map[string]any)[status].(map[string]any)
	ref, _ := response["$ref"].(string)
	return ref
}

// Real answers of every route fit the document, and each status that comes back is one it names.
func TestOpenAPI_describes_real_answers(t *testing.T) {
	f := monitoredFixture(t, &monitor.NodeInfo{Workers: []monitor.NodeWorker{{Name: "w", Transport: "default", AtWork: []monitor.AtWork{{MessageID: "m", Since: time.Now()}}}}}, nil)
	doc, raw := document(t, f)
	parsed, err := jsonschema.UnmarshalJSON(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("openapi.json", parsed); err != nil {
		t.Fatal(err)
	}
	failed := f.fail("Bad", `{"n":1}`)
	grouped := f.call("GET", groupsPath, "").body["groups"].([]any)[0].(map[string]any)["group"].(string)
	other := f.fail("Other", `{"n":2}`)
	for range 2 {
		f.dispatch("Pull", `{"queue":"pull"}`)
	}
	pulled := f.receive(`{"queues":["pull"]}`)
	first, both := pulled[0]["receipt"].(string), receiptsOf(pulled)
	made := f.call("POST", "/api/symphony/schedules", `{"name":"other","interval":60000,"message":{"type":"Report","payload":{}}}`)
	const limitsPath, handlersPath = "/api/symphony/limits/", "/api/symphony/handlers/"
	const scheduleRoute = "/api/symphony/schedules/{id}"
	schedulePath := "/api/symphony/schedules/" + made.body["schedule"].(map[string]any)["id"].(string)
	const messageRoute, operationRoute = "/api/symphony/messages/{id}", "/api/symphony/operations/{id}"
	slow := f.call("POST", "/api/symphony/failed/retry", `{"ids":["a","b","c","d","e"],"background":true,"rate":1}`)
	operationPath := "/api/symphony/operations/" + slow.body["operation"].(map[string]any)["id"].(string)
	replayed, pending := "/api/symphony/messages/"+f.complete("Done", `{}`, `{"queue":"done"}`), "/api/symphony/messages/"+f.send("Later", `{}`, `{"scheduledAt":"2100-01-01T00:00:00Z"}`)
	cancelled := "/api/symphony/messages/" + f.send("Later", `{}`, `{"scheduledAt":"2100-01-01T00:00:00Z"}`)
	replayedSearch := "/api/symphony/search?id=" + strings.TrimPrefix(replayed, "/api/symphony/messages/")
	f.dispatch("Count", `{"queue":"count"}`)
	counted := f.receive(`{"queues":["count"]}`)[0]
	ackOfNumber := fmt.Sprintf(`{"items":[{"receipt":%q,"output":42}]}`, counted["receipt"])
	calls := []struct{ method, path, route, body string }{
		{"POST", "/api/symphony/ack", "", ackOfNumber}, // an output is any JSON value
		{"GET", "/api/symphony/messages/" + counted["id"].(string), messageRoute, ""},
		{"GET", "/api/symphony/messages", "", ""},
		{"GET", replayedSearch, "/api/symphony/search", ""},
		{"GET", "/api/symphony/messages/counts?status=failed&status=pending&exact=true", "/api/symphony/messages/counts", ""},
		{"GET", replayed, messageRoute, ""},
		{"POST", replayed + "/replay", messageRoute + "/replay", `{"payload":{"n":1},"idempotencyKey":"replay"}`},
		{"PATCH", pending, messageRoute, `{"priority":7,"metadata":{"a":[1]}}`},
		{"POST", pending + "/run-now", messageRoute + "/run-now", ""},
		{"POST", cancelled + "/cancel", messageRoute + "/cancel", `{"reason":"ordered twice"}`},
		{"POST", cancelled + "/cancel", messageRoute + "/cancel", ""},
		{"GET", cancelled, messageRoute, ""},
		{"POST", pending + "/token", messageRoute + "/token", `{"ttl":60}`},
		{"POST", pending + "/token", messageRoute + "/token", `{"ttl":1}`},
		{"GET", pending + "/public", messageRoute + "/public", ""},
		{"GET", pending + "/public/events", messageRoute + "/public/events", ""},
		{"DELETE", pending, messageRoute, ""},
		{"DELETE", replayed, messageRoute, ""},
		{"GET", "/api/symphony/session", "", ""},
		{"GET", "/api/symphony/session/ways", "", ""},
		{"POST", "/api/symphony/session", "", ""},
		{"POST", "/api/symphony/session/code", "", ""},
		{"DELETE", "/api/symphony/session", "", ""},
		{"POST", "/api/symphony/session/password", "", `{"email":"ada@example.com","password":"x"}`}, // no Supabase
		{"POST", "/api/symphony/session/magic-link", "", `{"email":"ada@example.com"}`},
		{"GET", "/api/symphony/config", "", ""},
		{"GET", "/api/symphony/nodes", "", ""},
		{"POST", "/api/symphony/nodes/none/workers/stop", "/api/symphony/nodes/{id}/workers/stop", ""},
		{"POST", "/api/symphony/nodes/none/workers/start", "/api/symphony/nodes/{id}/workers/start", ""},
		{"POST", schedulePath + "/skip", scheduleRoute + "/skip", "{}"},
		{"GET", "/api/symphony/messages/export", "", ""},
		{"GET", "/api/symphony/failed/export?format=csv", "/api/symphony/failed/export", ""},
		{"POST", "/api/symphony/messages/import", "", `{"message":{"type":"a","payload":{}}}`},
		{"POST", "/api/symphony/messages/replay", "", `{"filter":{"type":"None","priority":3},"rate":10}`},
		{"POST", "/api/symphony/messages/replay", "", `{"ids":["none"],"dryRun":true}`},
		{"POST", "/api/symphony/messages/cancel", "", `{"filter":{"type":"None"},"reason":"over"}`},
		{"POST", "/api/symphony/messages/cancel", "", `{"filter":{"type":"None"},"dryRun":true}`},
		{"POST", "/api/symphony/messages/edit", "", `{"filter":{"type":"None"},"set":{"priority":1}}`},
		{"POST", "/api/symphony/messages/edit", "", `{"filter":{"type":"None"},"set":{"tags":null},"dryRun":true}`},
		{"POST", "/api/symphony/messages/delete", "", `{"filter":{"type":"None"},"rate":10}`},
		{"POST", "/api/symphony/messages/delete", "", `{"ids":["none"],"dryRun":true}`},
		{"POST", "/api/symphony/failed/retry", "", `{"filter":{"type":"None"},"background":true,"rate":10}`},
		{"POST", "/api/symphony/failed/retry", "", `{"filter":{"type":"None"},"patch":{"a":1},"dryRun":true}`},
		{"GET", "/api/symphony/operations", "", ""},
		{"GET", operationPath, operationRoute, ""},
		{"POST", operationPath + "/stop", operationRoute + "/stop", ""},
		{"POST", operationPath + "/resume", operationRoute + "/resume", ""},
		{"POST", "/api/symphony/operations/nope/resume", operationRoute + "/resume", ""},
		{"POST", "/api/symphony/dispatch", "", `{"message":{"type":"a","payload":{},"metadata":{"x":1}},"options":{"idempotencyKey":"k","scheduledAt":"2030-01-01T00:00:00Z","headers":{"a":"b"}}}`},
		{"POST", "/api/symphony/dispatch", "", `{"message":{"type":"a","payload":{},"metadata":{"x":1}},"options":{"idempotencyKey":"k"}}`},
		{"POST", "/api/symphony/dispatch", "", `{"message":{"type":"b","payload":{}},"options":{"idempotencyKey":"k"}}`},
		{"POST", "/api/symphony/dispatch", "", `{"message":{"type":"Both","payload":{}}}`},
		{"POST", "/api/symphony/dispatch", "", `{}`},
		{"POST", "/api/symphony/dispatch", "", `not json`},
		{"POST", "/api/symphony/dispatch/batch", "", `{"messages":[` + hello + `]}`},
		{"GET", "/api/symphony/status", "", ""},
		{"GET", "/api/symphony/failed", "", ""},
		{"GET", "/api/symphony/failed/" + failed, "/api/symphony/failed/{id}", ""},
		{"GET", "/api/symphony/failed/nope", "/api/symphony/failed/{id}", ""},
		{"GET", groupsPath, "", ""},
		{"POST", groupsPath + "/" + grouped + "/retry", groupsPath + "/{id}/retry", `{"patch":{"a":1},"dryRun":true}`},
		{"POST", groupsPath + "/" + grouped + "/delete", groupsPath + "/{id}/delete", `{"dryRun":true}`},
		{"POST", groupsPath + "/" + grouped + "/ignore", groupsPath + "/{id}/ignore",
			`{"until":"2100-01-01T00:00:00Z"}`},
		{"POST", groupsPath + "/" + grouped + "/resolve", groupsPath + "/{id}/resolve", `{"note":"done"}`},
		{"POST", groupsPath + "/1:ff/resolve", groupsPath + "/{id}/resolve", ``},
		{"POST", "/api/symphony/failed/" + failed + "/retry", "/api/symphony/failed/{id}/retry", ""},
		{"DELETE", "/api/symphony/failed/" + other, "/api/symphony/failed/{id}", ""},
		{"POST", "/api/symphony/failed/retry", "", `{"filter":{}}`},
		{"POST", "/api/symphony/failed/delete", "", `{"ids":["x"]}`},
		{"POST", "/api/symphony/consume", "", `{"messageLimit":1}`},
		{"POST", "/api/symphony/consume", "", `{"transport":"sync"}`},
		{"POST", "/api/symphony/dispatch", "", `{"message":{"type":"b","payload":{}},"options":{"delay":5,"expiresAt":"2100-01-01T00:00:00Z","concurrencyKey":"c","groupKey":"g","ordered":true,"throttleKey":"t","correlationId":"x","causationId":"y"}}`},
		{"POST", "/api/symphony/dispatch", "", `{"message":{"type":"b","payload":{}},"options":{"throttleKey":"t"}}`},
		{"POST", "/api/symphony/pause", "", `{"queue":"a","reason":"deploy"}`},
		{"POST", "/api/symphony/drain", "", `{"queue":"b"}`},
		{"POST", "/api/symphony/dispatch", "", `{"message":{"type":"b","payload":{}},"options":{"queue":"b"}}`},
		{"GET", "/api/symphony/holds", "", ""},
		{"GET", "/api/symphony/queues", "", ""},
		{"GET", "/api/symphony/types", "", ""},
		{"PUT", limitsPath + "type/Mail.*", limitsPath + "type/{id}", `{"rate":"10/s","until":"2100-01-01T00:00:00Z"}`},
		{"PUT", limitsPath + "type/Mail.*", limitsPath + "type/{id}", `{"rate":"soon"}`},
		{"PUT", limitsPath + "queue/default/a", limitsPath + "queue/{transport}/{id}", `{"concurrency":1}`},
		{"PUT", limitsPath + "key/k", limitsPath + "key/{id}", `{"concurrency":2}`},
		{"GET", "/api/symphony/limits", "", ""},
		{"DELETE", limitsPath + "type/Mail.*", limitsPath + "type/{id}", ""},
		{"DELETE", limitsPath + "queue/default/a", limitsPath + "queue/{transport}/{id}", ""},
		{"DELETE", limitsPath + "key/k", limitsPath + "key/{id}", ""},
		{"DELETE", limitsPath + "key/k", limitsPath + "key/{id}", ""},
		{"PUT", handlersPath + "Mail.*", handlersPath + "{id}", `{"url":"https://app.example.com/a",` +
			`"retry":{"maxRetries":3,"retryDelay":[0,1000]},"timeout":1000,"keepOutput":true,` +
			`"concurrency":2,"queues":["a"]}`},
		{"PUT", handlersPath + "Mail.*", handlersPath + "{id}", `{"url":"https://app.example.com/b"}`},
		{"PUT", handlersPath + "Mail.*?queue=b", handlersPath + "{id}", `{"url":"https://elsewhere.example.com/b"}`},
		{"GET", "/api/symphony/handlers", "", ""},
		{"GET", handlersPath + "Mail.*", handlersPath + "{id}", ""},
		{"POST", handlersPath + "Mail.*/retire", handlersPath + "{id}/retire", ""},
		{"POST", handlersPath + "Mail.*/rotate", handlersPath + "{id}/rotate", ""},
		{"POST", handlersPath + "Mail.*/retire", handlersPath + "{id}/retire", ""},
		{"POST", handlersPath + "none/rotate", handlersPath + "{id}/rotate", `{}`},
		{"DELETE", handlersPath + "Mail.*", handlersPath + "{id}", ""},
		{"GET", handlersPath + "Mail.*", handlersPath + "{id}", ""},
		{"GET", "/api/symphony/status", "", ""},
		{"POST", "/api/symphony/resume", "", `{"queue":"a"}`},
		{"POST", "/api/symphony/resume", "", `{"queue":"a"}`},
		{"POST", "/api/symphony/purge", "", `{"queue":"b","confirm":"b"}`},
		{"POST", "/api/symphony/purge", "", `{"queue":"b","confirm":"no"}`},
		{"POST", "/api/symphony/workers/stop", "", ""},
		{"POST", "/api/symphony/workers/start", "", ""},
		{"POST", "/api/symphony/receive", "", `{"queues":["Hello"],"max":1,"lease":5000}`},
		{"POST", "/api/symphony/extend", "", `{"receipts":` + both + `,"lease":60000}`},
		{"POST", "/api/symphony/nack", "", `{"receipt":"` + first + `","error":"e","retryAfter":1000}`},
		{"POST", "/api/symphony/ack", "", `{"receipts":` + both + `}`},
		{"POST", "/api/symphony/ack", "", `{"receipts":["` + first + `"]}`},
		{"POST", "/api/symphony/schedules", "", `{"name":"daily","cron":"0 9 * * *","timezone":"Europe/Berlin","message":{"type":"Report","payload":{}},"options":{"queue":"low"}}`},
		{"POST", "/api/symphony/schedules", "", `{"name":"daily","interval":60000,"message":{"type":"Report","payload":{}}}`},
		{"POST", "/api/symphony/schedules", "", `{"cron":"often"}`},
		{"POST", "/api/symphony/schedules/preview", "", `{"interval":60000,"next":3}`},
		{"GET", "/api/symphony/schedules", "", ""},
		{"GET", schedulePath + "?next=3", scheduleRoute, ""},
		{"PATCH", schedulePath, scheduleRoute, `{"cron":"@hourly","options":{"priority":7}}`},
		{"POST", schedulePath + "/disable", scheduleRoute + "/disable", ""},
		{"POST", schedulePath + "/enable", scheduleRoute + "/enable", ""},
		{"POST", schedulePath + "/run", scheduleRoute + "/run", ""},
		{"GET", schedulePath + "/runs", scheduleRoute + "/runs", ""},
		{"DELETE", schedulePath, scheduleRoute, ""},
		{"GET", schedulePath, scheduleRoute, ""},
		{"GET", "/api/cron/symphony-scheduler", "", ""},
		{"GET", "/api/symphony/keys", "", ""},
		{"POST", "/api/symphony/keys", "", `{"name":"n","scopes":["read"],"expiresAt":"2100-01-01T00:00:00Z"}`},
		{"DELETE", "/api/symphony/keys/nope", "/api/symphony/keys/{id}", ""},
		{"GET", "/api/symphony/audit", "", ""},
		{"GET", "/api/symphony/alerts", "", ""},
		{"POST", "/api/symphony/alerts/test", "", ""},
		{"GET", "/api/symphony/metrics", "", ""},
		{"GET", "/api/symphony/metrics?groupBy=queue", "/api/symphony/metrics", ""},
		{"GET", "/api/symphony/scale?queue=mail", "/api/symphony/scale", ""},
		{"GET", "/api/symphony/metrics?minutes=0", "/api/symphony/metrics", ""},
		{"GET", "/api/symphony/health", "", ""},
		{"GET", "/api/symphony/workers", "", ""},
		{"GET", "/api/cron/symphony-worker", "", ""},
		{"GET", "/healthz", "", ""},
		{"GET", "/readyz", "", ""},
	}
	seen := make(map[string]bool)
	for _, c := range calls {
		if c.route == "" {
			c.route = c.path
		}
		seen[c.method+" "+c.route] = true
		var headers []string
		if strings.HasPrefix(c.path, "/api/cron") {
			headers = []string{"Authorization", "Bearer " + cronSecret}
		}
		takes := "application/json"
		if strings.HasSuffix(c.path, "/import") {
			takes = "application/x-ndjson"
			headers = []string{"Content-Type", takes}
		}
		a := f.call(c.method, c.path, c.body, headers...)
		media, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
		pointer := func(parts ...string) string {
			p := "openapi.json#"
			for _, part := range parts {
				p += "/" + strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(part)
			}
			return p
		}
		status := strings.Fields(words(a.status))[0]
		at := pointer("paths", c.route, strings.ToLower(c.method), "responses", status, "content", media, "schema")
		if ref := responseRef(doc, c.route, c.method, status); ref != "" {
			at = "openapi.json" + ref + strings.TrimPrefix(pointer("content", media, "schema"), "openapi.json#")
		}
		schema, err := compiler.Compile(at)
		if err != nil {
			t.Errorf("%s %s answered %s, which the document does not describe: %v", c.method, c.route, status, err)
			continue
		}
		if media != "application/json" {
			continue
		}
		body, err := jsonschema.UnmarshalJSON(strings.NewReader(a.raw))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(body); err != nil {
			t.Errorf("%s %s answered what the document does not describe: %v\n%s", c.method, c.route, err, a.raw)
		}
		// What is accepted must fit the document's shape of the request.
		if a.status < 300 && strings.HasPrefix(c.body, "{") {
			schema, err := compiler.Compile(pointer("paths", c.route, strings.ToLower(c.method), "requestBody", "content", takes, "schema"))
			if err != nil {
				t.Errorf("%s %s takes a body, which the document does not describe: %v", c.method, c.route, err)
				continue
			}
			if takes != "application/json" {
				continue
			}
			request, err := jsonschema.UnmarshalJSON(strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(request); err != nil {
				t.Errorf("%s %s took what the document does not describe: %v", c.method, c.route, err)
			}
		}
	}
	for _, route := range describedRoutes(t, doc) {
		if !seen[route] && route != "GET /api/symphony/events" && !strings.HasPrefix(route, "POST /api/cron/") { // the same as GET
			t.Errorf("no answer of %s was looked at", route)
		}
	}
}

func TestOpenAPI_page(t *testing.T) {
	f := newFixture(t, nil)
	if a := f.call("GET", "/docs", "", "Authorization", ""); a.status != 302 || a.header.Get("Location") != "/docs/" {
		t.Errorf("/docs: %d %v", a.status, a.header)
	}
	a := f.call("GET", "/docs/", "", "Authorization", "")
	csp := a.header.Get("Content-Security-Policy")
	if a.status != 200 || !strings.Contains(csp, "default-src 'self'") || strings.Contains(csp, "script-src") {
		t.Errorf("the page: %d, policy %q", a.status, csp)
	}
	files := regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(a.raw, -1)
	if len(files) < 4 {
		t.Fatalf("the page loads %d files\n%s", len(files), a.raw)
	}
	for _, file := range files { // none from elsewhere
		at := pathpkg.Join("/docs", file[1])
		if a := f.call("GET", at, "", "Authorization", ""); a.status != 200 || len(a.raw) == 0 {
			t.Errorf("%s: %d, %d bytes", at, a.status, len(a.raw))
		}
	}
	if a := f.call("GET", "/docs/openapi.js", "", "Authorization", ""); !strings.Contains(a.raw, `"../openapi.json"`) ||
		!strings.HasPrefix(a.header.Get("Content-Type"), "text/javascript") {
		t.Errorf("the script of the page: %v\n%s", a.header, a.raw)
	}
	if a := f.call("GET", "/docs/none.js", "", "Authorization", ""); a.status != 404 {
		t.Errorf("a file that is not there: %d", a.status)
	}
	if a := f.call("GET", "/openapi.yaml", "", "Authorization", ""); a.status != 200 || !strings.HasPrefix(a.raw, "openapi: ") {
		t.Errorf("/openapi.yaml: %d %.50s", a.status, a.raw)
	}
	var buf bytes.Buffer
	doc, _ := document(t, f)
	if err := json.NewEncoder(&buf).Encode(doc); err != nil || !strings.Contains(buf.String(), `"openapi":"3.1`) {
		t.Errorf("not OpenAPI 3.1: %v", err)
	}
}

var scopeOfRoute = regexp.MustCompile(`Needs the scope (\w+)\.`)

// The scope that the document names for a route is the one that opens it, and no other does but admin, and
// where it says so, observe.
func TestRoutesNeedTheScopesThatTheDocumentNames(t *testing.T) {
	f := newFixture(t, nil)
	doc, _ := document(t, f)
	for path, item := range doc["paths"].(map[string]any) {
		for method, op := range item.(map[string]any) {
			description := fmt.Sprint(op.(map[string]any)["description"])
			found := scopeOfRoute.FindStringSubmatch(description)
			if found == nil {
				continue // open to everybody, or to the cron secret
			}
			for _, scope := range auth.ScopeNames() {
				a := f.call(strings.ToUpper(method), strings.ReplaceAll(path, "{id}", "x"), "", "Authorization", "Bearer "+f.keys[scope])
				opens := scope == found[1] || scope == "admin" ||
					strings.Contains(description, "The scope "+scope+" opens it, too.") ||
					scope == "observe" && strings.Contains(description, "With observe alone")
				if refused := a.code() == "insufficient_scope"; refused == opens {
					t.Errorf("%s %s with %s: %d %s; it needs %s", method, path, scope, a.status, a.code(), found[1])
				}
			}
		}
	}
}

package httpapi_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi"
	"github.com/symphony-messenger/symphony/redact"
)

// secret is what must not be seen.
const secret = "4111-1111-1111-1111"

// filled is a server with a message of each status and a schedule, which all have bodies, and the paths of all GETs of
// the document that are about them.
func filled(t *testing.T, bodies string, change func(*httpapi.Options)) (f *fixture, gets []string) {
	t.Helper()
	f = newFixture(t, change)
	done := func(method, path, body string) answer {
		t.Helper()
		a := f.call(method, path, body)
		if a.status >= 300 {
			t.Fatalf("%s %s: %d %s", method, path, a.status, a.raw)
		}
		return a
	}
	send := func(queue string) string {
		t.Helper()
		a := done("POST", "/api/symphony/dispatch", fmt.Sprintf(bodies, queue))
		return a.body["messageId"].(string)
	}
	take := func(queue string) string {
		t.Helper()
		a := done("POST", "/api/symphony/receive", `{"queues":["`+queue+`"],"max":1}`)
		if !strings.Contains(a.raw, secret) {
			t.Fatalf("who handles the message must see all of it: %s", a.raw)
		}
		return a.body["messages"].([]any)[0].(map[string]any)["receipt"].(string)
	}
	ids := []string{send("waiting")}
	for _, end := range []string{"inhand", "completed", "failed"} {
		ids = append(ids, send(end))
		receipt := take(end)
		switch end {
		case "completed":
			done("POST", "/api/symphony/ack", `{"receipts":["`+receipt+`"]}`)
		case "failed":
			done("POST", "/api/symphony/nack", `{"receipt":"`+receipt+`","error":"boom","permanent":true}`)
		}
	}
	failed := done("GET", "/api/symphony/failed", "").body["messages"].([]any)[0].(map[string]any)["id"].(string)
	scheduled := strings.Replace(fmt.Sprintf(bodies, "later"), `"idempotencyKey":"`+secret+`-later",`, "", 1)
	schedule := done("POST", "/api/symphony/schedules", `{"cron":"0 9 * * *",`+strings.TrimPrefix(scheduled, "{"))
	scheduleID := schedule.body["schedule"].(map[string]any)["id"].(string)
	doc, _ := document(t, f)
	for _, route := range describedRoutes(t, doc) {
		path, ok := strings.CutPrefix(route, "GET /api/symphony/")
		switch path = "/api/symphony/" + path; {
		case !ok, strings.HasSuffix(path, "/events"):
		case strings.Contains(path, "/schedules/{id}"):
			gets = append(gets, strings.Replace(path, "{id}", scheduleID, 1))
		case strings.Contains(path, "/failed/{id}"):
			gets = append(gets, strings.Replace(path, "{id}", failed, 1))
		case strings.Contains(path, "/messages/{id}"):
			for _, id := range ids {
				gets = append(gets, strings.Replace(path, "{id}", id, 1))
			}
		default:
			gets = append(gets, path)
		}
	}
	return f, gets
}

func TestObserve_sees_nothing_that_messages_say(t *testing.T) {
	f, gets := filled(t, `{"message":{"type":"Order","payload":{"card":"`+secret+`"},"metadata":{"m":"`+secret+`"}},`+
		`"options":{"queue":"%[1]s","idempotencyKey":"`+secret+`-%[1]s","headers":{"h":"`+secret+`"},`+
		`"concurrencyKey":"`+secret+`-%[1]s","groupKey":"`+secret+`"}}`, nil)
	receipt := f.call("POST", "/api/symphony/dispatch",
		`{"message":{"type":"Error","payload":{}},"options":{"queue":"error"}}`)
	got := f.call("POST", "/api/symphony/receive", `{"queues":["error"]}`).body["messages"].([]any)[0].(map[string]any)
	f.call("POST", "/api/symphony/nack",
		fmt.Sprintf(`{"receipt":%q,"error":"no card %s","permanent":true}`, got["receipt"], secret))
	gets = append(gets, "/api/symphony/messages/"+receipt.body["messageId"].(string))
	told := 0
	for _, path := range gets {
		whole := f.call("GET", path, "", "Authorization", "Bearer "+f.keys["read"])
		masked := f.call("GET", path, "", "Authorization", "Bearer "+f.keys["observe"])
		told += strings.Count(whole.raw, secret)
		if strings.Contains(masked.raw, secret) {
			t.Errorf("GET %s tells the scope observe: %s", path, masked.raw)
		}
		refused := strings.HasSuffix(path, "/export") || whole.status == 403
		if masked.status != whole.status && !refused || refused && masked.status != 403 {
			t.Errorf("GET %s: %d with observe, %d with read", path, masked.status, whole.status)
		}
	}
	if told < 20 {
		t.Errorf("the scope read was told %d times only: the test looks at too little", told)
	}
	a := f.call("GET", gets[len(gets)-1], "", "Authorization", "Bearer "+f.keys["observe"])
	m := a.message()
	body, _ := m["message"].(map[string]any)["payload"].(map[string]any)
	if body["redacted"] != true || m["error"] != redact.Text || m["masked"] != true {
		t.Errorf("got %s", a.raw)
	}
	for path, want := range map[string]int{
		"messages?q=4111": 403, "failed?q=4111": 403, "messages/export": 403, "keys": 403, "audit": 403,
		"messages?status=failed": 200,
	} {
		a := f.call("GET", "/api/symphony/"+path, "", "Authorization", "Bearer "+f.keys["observe"])
		if a.status != want || want == 403 && a.code() != "insufficient_scope" {
			t.Errorf("GET %s: %d %s, want %d", path, a.status, a.raw, want)
		}
	}
}

func TestRedact_hides_from_everybody_but_who_handles(t *testing.T) {
	rules, err := redact.New(map[string][]string{"Order": {"card.number"}})
	if err != nil {
		t.Fatal(err)
	}
	f, gets := filled(t, `{"message":{"type":"Order","payload":{"card":{"number":"`+secret+`","name":"Ada"}},`+
		`"metadata":{"card":{"number":"`+secret+`"}}},`+
		`"options":{"queue":"%[1]s","headers":{"card":{"number":"`+secret+`"}}}}`,
		func(o *httpapi.Options) { o.Redact = rules })
	named := 0
	for _, path := range gets {
		for _, scope := range []string{"read", "operate", "admin", "observe"} {
			a := f.call("GET", path, "", "Authorization", "Bearer "+f.keys[scope])
			named += strings.Count(a.raw, "Ada")
			if strings.Contains(a.raw, secret) {
				t.Errorf("GET %s tells the scope %s: %s", path, scope, a.raw)
			}
		}
	}
	if named < 20 {
		t.Errorf("what is beside it was told %d times only", named)
	}
	previews := 0
	for _, g := range f.call("GET", groupsPath, "").body["groups"].([]any) {
		group := g.(map[string]any)
		path := groupsPath + "/" + group["group"].(string) + "/retry?transport=" + group["transport"].(string)
		a := f.call("POST", path, `{"dryRun":true,"patch":{"note":"x"}}`)
		if a.status != 200 || strings.Contains(a.raw, secret) {
			t.Errorf("a preview: %d %s", a.status, a.raw)
		}
		previews += strings.Count(a.raw, "Ada")
	}
	if previews == 0 {
		t.Error("no preview had a payload")
	}
	unmasked := 0
	for _, path := range gets {
		for scope, want := range map[string]int{"read": 403, "operate": 403, "admin": 200} {
			a := f.call("GET", path+"?unmask=true", "", "Authorization", "Bearer "+f.keys[scope])
			if a.status == 400 { // not of this route
				continue
			}
			if strings.Contains(a.raw, secret) != (want == 200) || a.status != want {
				t.Errorf("GET %s?unmask=true with %s: %d %s", path, scope, a.status, a.raw)
			}
			if a.status == 200 {
				unmasked++
			}
		}
	}
	trail := f.call("GET", "/api/symphony/audit?limit=100", "").raw
	if n := strings.Count(trail, `"message.unmask"`); n != unmasked || n < 6 {
		t.Errorf("%d entries in the audit trail of %d readings", n, unmasked)
	}
	// What is hidden is not found by guessing, unless by who may see it.
	for path, found := range map[string]bool{"messages?q=4111": false, "messages?q=Ada": false, "failed?q=4111": false,
		"messages?metadata.card.number=" + secret: false, "messages?type=Order": true} {
		for scope, found := range map[string]bool{"read": found, "admin": true} {
			a := f.call("GET", "/api/symphony/"+path, "", "Authorization", "Bearer "+f.keys[scope])
			if list, _ := a.body["messages"].([]any); a.status != 200 || (len(list) > 0) != found {
				t.Errorf("GET %s with %s: %d, %d messages", path, scope, a.status, len(list))
			}
		}
	}
	if a := f.call("GET", gets[0]+"?unmask=perhaps", ""); a.status != 400 {
		t.Errorf("unmask=perhaps: %d", a.status)
	}
}

// What a message of a redacted type leaves is in the payload of the callback that follows it, which has another type.
func TestRedact_hides_the_output_in_a_callback(t *testing.T) {
	rules, err := redact.New(map[string][]string{"Order": {"card.number"}})
	if err != nil {
		t.Fatal(err)
	}
	f := newFixture(t, func(o *httpapi.Options) { o.Redact = rules })
	f.call("POST", "/api/symphony/dispatch", `{"message":{"type":"Order","payload":{}},"options":{"queue":"pull",`+
		`"onSuccess":{"type":"Report","queue":"after"}}}`)
	got := f.call("POST", "/api/symphony/receive", `{"queues":["pull"]}`).body["messages"].([]any)[0].(map[string]any)
	f.call("POST", "/api/symphony/ack", fmt.Sprintf(
		`{"items":[{"receipt":%q,"output":{"card":{"number":%q,"name":"Ada"}}}]}`, got["receipt"], secret))
	for path, found := range map[string]bool{"messages?queue=after": true, "messages/export?queue=after": true,
		"messages?queue=after&q=4111": false} {
		a := f.call("GET", "/api/symphony/"+path, "", "Authorization", "Bearer "+f.keys["read"])
		if strings.Contains(a.raw, secret) || strings.Contains(a.raw, "Ada") != found || a.status != 200 {
			t.Errorf("GET %s: %d %s", path, a.status, a.raw)
		}
	}
	if a := f.call("POST", "/api/symphony/receive", `{"queues":["after"]}`); !strings.Contains(a.raw, secret) {
		t.Errorf("who handles the callback must see all of it: %s", a.raw)
	}
}

func TestImport_refuses_what_was_masked(t *testing.T) {
	rules, err := redact.New(map[string][]string{"*": {"card"}})
	if err != nil {
		t.Fatal(err)
	}
	f := newFixture(t, func(o *httpapi.Options) { o.Redact = rules })
	f.call("POST", "/api/symphony/dispatch", `{"message":{"type":"Order","payload":{"card":1}}}`)
	for format, media := range map[string]string{"jsonl": "application/x-ndjson", "csv": "text/csv"} {
		export := f.call("GET", "/api/symphony/messages/export?format="+format, "")
		a := f.call("POST", "/api/symphony/messages/import", export.raw, "Content-Type", media)
		if a.status != 200 || fmt.Sprint(a.body["invalid"]) != "1" || !strings.Contains(a.raw, "unmask=true") {
			t.Errorf("%s: %d %s\n%s", format, a.status, a.raw, export.raw)
		}
	}
	page, err := f.bus.Messages("default")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := page.Count(t.Context(), symphony.MessageFilter{}); n != 1 || err != nil {
		t.Errorf("%d messages, %v: want 1", n, err)
	}
}

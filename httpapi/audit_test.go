package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/audit"
	"github.com/symphony-messenger/symphony/httpapi"
	"github.com/symphony-messenger/symphony/storage"
)

// trail lists the audit trail, oldest first: action, outcome, code, target, result.
func (f *fixture) trail(query string) (list []string) {
	f.Helper()
	a := f.call("GET", "/api/symphony/audit?"+query, "")
	if a.status != 200 {
		f.Fatalf("got %d %s", a.status, a.raw)
	}
	for _, e := range a.body["entries"].([]any) {
		e := e.(map[string]any)
		line := fmt.Sprintf("%v %v", e["action"], e["outcome"])
		for _, name := range []string{"code", "target", "result"} {
			if e[name] != nil {
				line += fmt.Sprintf(" %v", e[name])
			}
		}
		list = append([]string{line}, list...)
	}
	return list
}

func TestAudit_records_every_action_with_its_outcome(t *testing.T) {
	f := newFixture(t, nil)
	failed, other := f.fail("Bad", `{"secret":"hunter2"}`), f.fail("Bad", `{"n":2}`)
	before := len(f.trail(""))
	calls := []struct {
		method, path, body string
		headers            []string
		status             int
		want               string
	}{
		{"POST", "/api/symphony/failed/" + failed + "/retry", `{"payload":{"secret":"hunter3"}}`, nil, 200, "failed.retry ok map[id:" + failed + " payloadGiven:true] map[newMessageId:*]"},
		{"POST", "/api/symphony/failed/" + failed + "/retry", "", nil, 404, "failed.retry refused not_found map[id:" + failed + "]"},
		{"DELETE", "/api/symphony/failed/" + other + "?transport=default", "", nil, 200, "failed.delete ok map[id:" + other + " transport:default]"},
		{"POST", "/api/symphony/failed/retry", `{"filter":{}}`, nil, 200, "failed.retry_bulk ok map[filter:map[]] map[count:0 notFound:0]"},
		{"POST", "/api/symphony/failed/delete", `{"ids":["x"],"transport":"email"}`, nil, 200, "failed.delete_bulk ok map[ids:[x] transport:email] map[count:0 notFound:1]"},
		{"POST", "/api/symphony/messages/cancel", `{"filter":{"type":"Bad"},"reason":"hunter2"}`, nil, 202,
			"message.cancel_bulk ok map[filter:map[type:Bad] reasonGiven:true] " +
				"map[operation:map[done:0 id:* kind:messages.cancel total:1]]"},
		{"POST", "/api/symphony/messages/edit",
			`{"filter":{"type":"None"},"set":{"payload":{"secret":"hunter2"},"priority":1}}`, nil, 202,
			"message.edit_bulk ok map[filter:map[type:None] setGiven:true] " +
				"map[operation:map[done:0 id:* kind:messages.edit set:[payload priority] total:0]]"},
		{"POST", "/api/symphony/messages/delete", `{"filter":{"type":"None"},"dryRun":true}`, nil, 200,
			"message.delete_bulk ok map[dryRun:true filter:map[type:None]] map[count:0 dryRun:true]"},
		{"POST", "/api/symphony/pause", "", nil, 200, "queue.pause ok"},
		{"POST", "/api/symphony/resume", `{}`, nil, 200, "queue.resume ok"},
		{"POST", "/api/symphony/drain", `{"queue":"q","reason":"deploy"}`, nil, 200, "queue.drain ok map[queue:q reason:deploy]"},
		{"POST", "/api/symphony/purge", `{"queue":"q","confirm":"no"}`, nil, 400, "queue.purge refused validation_failed map[queue:q]"},
		{"POST", "/api/symphony/purge", `{"queue":"q","confirm":"q"}`, nil, 200, "queue.purge ok map[queue:q] map[count:0]"},
		{"POST", "/api/symphony/workers/stop", "", nil, 200, "workers.stop ok"},
		{"POST", "/api/symphony/workers/start", "", nil, 200, "workers.start ok"},
		{"POST", "/api/symphony/schedules", `{"name":"s","interval":60000,"enabled":false,"message":{"type":"R","payload":{"secret":"hunter2"},"metadata":{"m":"hunter2"}},"options":{"headers":{"h":"hunter2"}}}`, nil, 201,
			"schedule.create ok map[enabled:false interval:60000 message:map[payloadGiven:true type:R] name:s] map[schedule:map[enabled:false id:* interval:60000 message:map[payloadGiven:true type:R] missed:last name:s overlap:allow]]"},
		{"POST", "/api/symphony/keys", `{"name":"k","scopes":["read"]}`, nil, 201, "key.create ok map[name:k scopes:[read]] map[key:map[id:*]]"},
		{"DELETE", "/api/symphony/keys/nope", "", nil, 404, "key.revoke refused not_found map[id:nope]"},
		{"POST", "/api/symphony/purge", `{"confirm":"default"}`, []string{"Authorization", "Bearer " + f.keys["consume"]}, 403, "queue.purge refused insufficient_scope"},
	}
	var want []string
	for _, c := range calls {
		if a := f.call(c.method, c.path, c.body, c.headers...); a.status != c.status {
			t.Fatalf("%s %s answered %d %s", c.method, c.path, a.status, a.raw)
		}
		want = append(want, c.want)
	}
	got := f.trail("")[before:]
	for i := range got {
		if i < len(want) && strings.Contains(want[i], "*") {
			left, right, _ := strings.Cut(want[i], "*")
			if strings.HasPrefix(got[i], left) && strings.HasSuffix(got[i], right) && len(got[i]) > len(left)+len(right) {
				got[i] = want[i]
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	a := f.call("GET", "/api/symphony/audit?action=key.create", "")
	e := a.body["entries"].([]any)[0].(map[string]any)
	who := e["who"].(map[string]any)
	if who["kind"] != "api_key" || who["name"] != "admin" || who["id"] == "" || e["remote"] != "127.0.0.1" || e["requestId"] == "" || e["finishedAt"] == nil {
		t.Errorf("got %v", e)
	}
	if whole := f.call("GET", "/api/symphony/audit?limit=200", "").raw; strings.Contains(whole, "hunter") || strings.Contains(whole, "sym_") {
		t.Errorf("a payload or a secret is in the trail: %s", whole)
	}
}

func TestAudit_has_no_traffic_and_no_nonsense(t *testing.T) {
	f := newFixture(t, nil)
	f.call("POST", dispatchPath, hello)
	f.call("POST", "/api/symphony/receive", "")
	f.call("POST", "/api/symphony/consume", "")
	f.call("POST", "/api/symphony/purge", "{")
	f.call("POST", "/api/symphony/purge", hello, "Authorization", "")
	f.call("GET", "/api/cron/symphony-worker", "", "Authorization", "Bearer "+cronSecret)
	if got := f.trail(""); got != nil {
		t.Errorf("got %q", got)
	}
}

func TestAudit_is_for_administrators(t *testing.T) {
	f := newFixture(t, nil)
	for _, scope := range []string{"read", "consume", "dispatch"} {
		if a := f.call("GET", "/api/symphony/audit", "", "Authorization", "Bearer "+f.keys[scope]); a.status != 403 {
			t.Errorf("with scope %s got %d", scope, a.status)
		}
	}
	if a := f.call("GET", "/api/symphony/audit?limit=0&cursor=x&since=y", ""); a.status != 400 {
		t.Errorf("got %d %s", a.status, a.raw)
	}
}

// brokenLog fails to append from the n-th time on.
type brokenLog struct {
	storage.Log
	left int
}

func (b *brokenLog) AppendLog(ctx context.Context, log string, entries []storage.Entry) (int64, error) {
	if b.left--; b.left < 0 {
		return 0, fmt.Errorf("disk full: %w", symphony.ErrUnavailable)
	}
	return b.Log.AppendLog(ctx, log, entries)
}

func TestAudit_that_cannot_be_written_stops_the_action(t *testing.T) {
	var log *brokenLog
	f := newFixture(t, func(o *httpapi.Options) {
		log = &brokenLog{o.Records.(storage.Log), 0}
		o.Audit = audit.New(log, audit.Options{})
	})
	id := f.fail("Bad", `{}`)
	for _, c := range [][3]string{{"DELETE", "/api/symphony/failed/" + id, ""}, {"POST", "/api/symphony/failed/delete", `{"filter":{}}`}, {"POST", "/api/symphony/failed/" + id + "/retry", ""}} {
		a := f.call(c[0], c[1], c[2])
		if a.status != 503 || a.code() != "audit_unavailable" || a.header.Get("Retry-After") == "" {
			t.Errorf("%s: got %d %s", c[1], a.status, a.raw)
		}
	}
	if a := f.call("GET", "/api/symphony/failed/"+id, ""); a.status != 200 {
		t.Errorf("the message is gone: %d %s", a.status, a.raw)
	}
	// What could be recorded is done, also where its outcome cannot be.
	log.left = 1
	if a := f.call("DELETE", "/api/symphony/failed/"+id, ""); a.status != 200 {
		t.Errorf("got %d %s", a.status, a.raw)
	}
	if got := f.trail(""); len(got) != 1 || !strings.HasPrefix(got[0], "failed.delete unfinished") {
		t.Errorf("got %q", got)
	}
	if !strings.Contains(f.log.String(), "the outcome of an action is missing") {
		t.Error("the log says nothing")
	}
}

func TestAudit_names_local_users(t *testing.T) {
	f := newFixture(t, func(o *httpapi.Options) { o.LocalUser = func(*http.Request) string { return "ada" } })
	local := *f
	local.server = newServer(t, f.api.LocalHandler())
	local.call("POST", "/api/symphony/pause", "")
	a := f.call("GET", "/api/symphony/audit?who=ada", "")
	if list := a.body["entries"].([]any); len(list) != 1 {
		t.Errorf("got %s", a.raw)
	}
}

// An action goes on for long; its entry is there meanwhile.
func TestAudit_shows_actions_in_progress(t *testing.T) {
	started, finish := make(chan struct{}), make(chan struct{})
	f := newFixture(t, func(o *httpapi.Options) {
		o.Audit = audit.New(&slowLog{o.Records.(storage.Log), started, finish}, audit.Options{})
	})
	done := make(chan answer)
	go func() { done <- f.call("POST", "/api/symphony/pause", "") }()
	select {
	case <-started:
	case <-time.After(time.Minute):
		t.Fatal("nothing happens")
	}
	if got := f.trail(""); len(got) != 1 || got[0] != "queue.pause unfinished" {
		t.Errorf("got %q", got)
	}
	close(finish)
	if a := <-done; a.status != 200 {
		t.Errorf("got %d", a.status)
	}
	if got := f.trail(""); len(got) != 1 || got[0] != "queue.pause ok" {
		t.Errorf("got %q", got)
	}
}

// slowLog holds up the second step of an action.
type slowLog struct {
	storage.Log
	started, finish chan struct{}
}

func (s *slowLog) AppendLog(ctx context.Context, log string, entries []storage.Entry) (int64, error) {
	if entries[0].Kind == "outcome" {
		close(s.started)
		<-s.finish
	}
	return s.Log.AppendLog(ctx, log, entries)
}

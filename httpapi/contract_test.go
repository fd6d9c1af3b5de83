package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi"
)

const (
	dispatchPath = "/api/symphony/dispatch"
	hello        = `{"message":{"type":"Hello","payload":{"n":1}}}`
)

// Each test states a sentence of the contract.

func TestCommon(t *testing.T) {
	f := newFixture(t, nil)
	tests := map[string]struct {
		method, path, body string
		headers            []string
		status             int
		code               string
		paths              []string
	}{
		"an unknown path is 404":                                {"GET", "/api/symphony/nothing", "", nil, 404, "not_found", nil},
		"a wrong method is 405":                                 {"GET", dispatchPath, "", nil, 405, "method_not_allowed", nil},
		"without credentials it is 401":                         {"GET", "/api/symphony/status", "", []string{"Authorization", ""}, 401, "missing_credentials", nil},
		"with a bad key it is 401":                              {"GET", "/api/symphony/status", "", []string{"Authorization", "Bearer sym_nonsense"}, 401, "api_key_invalid", nil},
		"without the scope it is 403":                           {"POST", dispatchPath, hello, []string{"Authorization", "Bearer " + f.keys["read"]}, 403, "insufficient_scope", nil},
		"a body that is a form is 415":                          {"POST", dispatchPath, hello, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, "unsupported_media_type", nil},
		"a body that is multipart is 415":                       {"POST", dispatchPath, hello, []string{"Content-Type", "multipart/form-data; boundary=x"}, 415, "unsupported_media_type", nil},
		"a body that is some other text is 415":                 {"POST", dispatchPath, hello, []string{"Content-Type", "text/html"}, 415, "unsupported_media_type", nil},
		"a body in an encoding other than gzip is 415":          {"POST", dispatchPath, hello, []string{"Content-Encoding", "br"}, 415, "unsupported_media_type", nil},
		"a body that is no gzip, though it says so, is 400":     {"POST", dispatchPath, hello, []string{"Content-Encoding", "gzip"}, 400, "body_unreadable", nil},
		"a body in another charset is 415":                      {"POST", dispatchPath, hello, []string{"Content-Type", "application/json; charset=latin1"}, 415, "unsupported_media_type", nil},
		"a body that is no JSON is 400":                         {"POST", dispatchPath, `{"message"`, nil, 400, "invalid_json", []string{"message"}},
		"anything after the value is 400":                       {"POST", dispatchPath, hello + `{}`, nil, 400, "invalid_json", []string{""}},
		"duplicate keys are 400, also in the payload":           {"POST", dispatchPath, `{"message":{"type":"a","payload":{"x":1,"x":2}}}`, nil, 400, "invalid_json", []string{"message.payload.x"}},
		"invalid UTF-8 is 400":                                  {"POST", dispatchPath, "{\"message\":{\"type\":\"a\xff\",\"payload\":{}}}", nil, 400, "invalid_json", []string{"message.type"}},
		"unknown fields are named":                              {"POST", dispatchPath, `{"message":{"type":"a","payload":{},"tpye":"b"},"optoins":{}}`, nil, 400, "validation_failed", []string{"message.tpye", "optoins"}},
		"unknown query parameters are named":                    {"GET", "/api/symphony/status?transprot=default&x=1", "", nil, 400, "validation_failed", []string{"transprot", "x"}},
		"query parameters where there are none are named":       {"POST", dispatchPath + "?dry=1", hello, nil, 400, "validation_failed", []string{"dry"}},
		"a query parameter given twice is 400":                  {"GET", "/api/symphony/status?transport=a&transport=b", "", nil, 400, "validation_failed", []string{"transport"}},
		"a limit above its maximum is an error, not a clamp":    {"GET", "/api/symphony/failed?limit=201", "", nil, 400, "validation_failed", []string{"limit"}},
		"a limit of 0 is an error":                              {"GET", "/api/symphony/failed?limit=0", "", nil, 400, "validation_failed", []string{"limit"}},
		"numbers and times in queries are checked, all at once": {"GET", "/api/symphony/failed?limit=x&offset=y&since=z", "", nil, 400, "validation_failed", []string{"since", "limit", "offset"}},
		"an unknown transport is 400 and lists the known ones":  {"GET", "/api/symphony/status?transport=nope", "", nil, 400, "validation_failed", []string{"transport"}},
		"an unknown failed message is 404":                      {"GET", "/api/symphony/failed/0197", "", nil, 404, "not_found", nil},
		"deleting an unknown failed message is 404":             {"DELETE", "/api/symphony/failed/0197", "", nil, 404, "not_found", nil},
		"what a transport cannot do is 501":                     {"GET", "/api/symphony/failed?transport=sync", "", nil, 501, "not_supported", nil},
		"a cron route does not take API keys":                   {"POST", "/api/cron/symphony-worker", "", nil, 401, "cron_secret_invalid", nil},
		"message and its members are required":                  {"POST", dispatchPath, `{}`, nil, 400, "validation_failed", []string{"message.type", "message.payload"}},
		"all problems are told at once, of shape and of domain": {"POST", dispatchPath, `{"options":{"priority":"high","queue":"","scheduledAt":"tomorrow","headers":{"a":"` + strings.Repeat("x", 4097) + `"},"zzz":1},"message":{"type":"","payload":[]}}`, nil, 400, "validation_failed", []string{"options.headers.a", "options.priority", "options.scheduledAt", "options.zzz", "options.queue", "message.type", "message.payload"}},
		"priority is 1 to 10, and 0 is not a default":           {"POST", dispatchPath, `{"message":{"type":"a","payload":{}},"options":{"priority":0}}`, nil, 400, "validation_failed", []string{"options.priority"}},
		"priority is an integer":                                {"POST", dispatchPath, `{"message":{"type":"a","payload":{}},"options":{"priority":1.5}}`, nil, 400, "validation_failed", []string{"options.priority"}},
		"an empty idempotency key is an error":                  {"POST", dispatchPath, `{"message":{"type":"a","payload":{}},"options":{"idempotencyKey":""}}`, nil, 400, "validation_failed", []string{"options.idempotencyKey"}},
		"metadata are objects":                                  {"POST", dispatchPath, `{"message":{"type":"a","payload":{},"metadata":[]},"options":{"metadata":3}}`, nil, 400, "validation_failed", []string{"message.metadata", "options.metadata"}},
		"a type has at most 255 characters":                     {"POST", dispatchPath, `{"message":{"type":"` + strings.Repeat("ä", 256) + `","payload":{}}}`, nil, 400, "validation_failed", []string{"message.type"}},
		"dispatching to an unknown transport is 400":            {"POST", dispatchPath, `{"message":{"type":"a","payload":{}},"options":{"transport":"nope"}}`, nil, 400, "validation_failed", []string{"options.transport"}},
		"a batch has at least one message":                      {"POST", dispatchPath + "/batch", `{"messages":[]}`, nil, 400, "validation_failed", []string{"messages"}},
		"a batch has at most 1000 messages":                     {"POST", dispatchPath + "/batch", `{"messages":[` + strings.Repeat(hello+",", 1000) + hello + `]}`, nil, 400, "validation_failed", []string{"messages"}},
		"a batch's problems name their message":                 {"POST", dispatchPath + "/batch", `{"messages":[` + hello + `,{"message":{"type":"","payload":{}}},{"message":{"type":"a","payload":{}},"options":{"priority":11,"x":1}}]}`, nil, 400, "validation_failed", []string{"messages[2].options.x", "messages[1].message.type", "messages[2].options.priority"}},
		"consume's numbers have ranges":                         {"POST", "/api/symphony/consume", `{"batchSize":101,"maxConcurrency":0,"timeLimit":999,"messageLimit":0,"transport":"nope"}`, nil, 400, "validation_failed", []string{"batchSize", "maxConcurrency", "timeLimit", "messageLimit", "transport"}},
		"an invalid consume body is 400, never ignored":         {"POST", "/api/symphony/consume", `{"batchSize":"ten"}`, nil, 400, "validation_failed", []string{"batchSize"}},
		"consume on a transport without messages is 501":        {"POST", "/api/symphony/consume", `{"transport":"sync"}`, nil, 501, "not_supported", nil},
		"bulk needs ids or a filter":                            {"POST", "/api/symphony/failed/retry", `{}`, nil, 400, "validation_failed", []string{"ids"}},
		"bulk takes ids or a filter, not both":                  {"POST", "/api/symphony/failed/delete", `{"ids":["a"],"filter":{}}`, nil, 400, "validation_failed", []string{"filter"}},
		"a corrected payload is an object":                      {"POST", "/api/symphony/failed/0197/retry", `{"payload":7}`, nil, 400, "validation_failed", []string{"payload"}},
		"a key needs a name and known scopes":                   {"POST", "/api/symphony/keys", `{"name":"","scopes":["everything"]}`, nil, 400, "validation_failed", nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := &fixture{T: t, server: f.server, keys: f.keys}
			a := f.call(test.method, test.path, test.body, test.headers...)
			if a.status != test.status || a.code() != test.code {
				t.Fatalf("got %d %s %s, want %d %s", a.status, a.code(), a.raw, test.status, test.code)
			}
			if test.paths != nil {
				got, want := slices.Sorted(slices.Values(a.paths())), slices.Sorted(slices.Values(test.paths))
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("paths (-want +got):\n%s%s", diff, a.raw)
				}
			}
			if sentence, _ := a.body["error"].(string); sentence == "" || a.body["success"] != nil {
				t.Errorf("error body %s", a.raw)
			}
			if h := a.header; h.Get("X-Request-Id") == "" || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "no-store" {
				t.Errorf("headers %v", a.header)
			}
			if a.status == 405 && a.header.Get("Allow") != "POST" {
				t.Errorf("Allow is %q", a.header.Get("Allow"))
			}
			if a.status == 401 && a.header.Get("WWW-Authenticate") == "" {
				t.Error("no WWW-Authenticate")
			}
		})
	}
	if s, _ := f.tr.Stats(context.Background()); s.Depth() != 0 {
		t.Errorf("bad requests left %+v", s)
	}
}

// However a request names its transport, an unknown one is answered with the same words.
func TestUnknownTransport(t *testing.T) {
	f := newFixture(t, nil)
	const want = `unknown transport "nope" (known: default, email, sync)`
	for _, request := range [][3]string{
		{"GET", "/api/symphony/status?transport=nope", ""},
		{"GET", "/api/symphony/failed?transport=nope", ""},
		{"POST", "/api/symphony/failed/0197/retry?transport=nope", ""},
		{"POST", "/api/symphony/failed/delete", `{"filter":{},"transport":"nope"}`},
		{"POST", "/api/symphony/consume", `{"transport":"nope"}`},
		{"POST", dispatchPath, `{"message":{"type":"a","payload":{}},"options":{"transport":"nope"}}`},
		{"POST", dispatchPath + "/batch", `{"messages":[{"message":{"type":"a","payload":{}},"options":{"transport":"nope"}}]}`},
	} {
		a := f.call(request[0], request[1], request[2])
		details, _ := a.body["details"].([]any)
		if a.status != 400 || len(details) != 1 || details[0].(map[string]any)["message"] != want {
			t.Errorf("%s %s: got %d %s", request[0], request[1], a.status, a.raw)
		}
	}
}

func TestBodyLimit(t *testing.T) {
	f := newFixture(t, func(o *httpapi.Options) { o.MaxBodyBytes = 1000 })
	a := f.call("POST", dispatchPath, `{"message":{"type":"a","payload":{"x":"`+strings.Repeat("x", 1000)+`"}}}`)
	if a.status != http.StatusRequestEntityTooLarge || a.code() != "body_too_large" {
		t.Errorf("got %d %s", a.status, a.raw)
	}
}

func TestRequestID(t *testing.T) {
	f := newFixture(t, nil)
	a := f.call("GET", "/healthz", "", "X-Request-Id", "mine-42")
	if got := a.header.Get("X-Request-Id"); got != "mine-42" {
		t.Errorf("a sane id came back as %q", got)
	}
	a = f.call("GET", "/healthz", "", "X-Request-Id", "not; sane")
	if got := a.header.Get("X-Request-Id"); got == "" || strings.Contains(got, ";") {
		t.Errorf("an insane id came back as %q", got)
	}
	if a := f.call("GET", "/api/symphony/status", "", "X-Request-Id", "logged-1"); a.status != 200 || !strings.Contains(f.log.String(), `"request_id":"logged-1"`) {
		t.Errorf("the log does not have the id: %s", f.log.String())
	}
}

func TestDispatch(t *testing.T) {
	f := newFixture(t, nil)
	payload := `{ "big": 12345678901234567890123.10, "text": "\u00e4ß\"", "nested": {"a": [1, 2.50]} }`
	a := f.call("POST", dispatchPath, `{"message":{"type":"Order","payload":`+payload+`,"metadata":{"a":1,"b":12345678901234567890}},
		"options":{"queue":"fast","priority":7,"scheduledAt":"2020-01-01T01:00:00+01:00","metadata":{"a":2},"headers":{"x":"y"},"idempotencyKey":"k1"}}`,
		"Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	if a.status != 201 || a.body["success"] != true || a.body["transport"] != "default" || a.body["queue"] != "fast" || a.body["idempotencyKey"] != "k1" ||
		a.body["scheduledAt"] != "2020-01-01T00:00:00Z" || a.body["duplicate"] != nil {
		t.Fatalf("got %d %s", a.status, a.raw)
	}
	got, err := f.tr.Receive(context.Background(), symphony.ReceiveOptions{})
	if err != nil || len(got) != 1 {
		t.Fatalf("got %d messages, %v", len(got), err)
	}
	d := got[0]
	if d.ID != a.body["messageId"] || string(d.Payload) != payload || d.Priority != 7 || fmt.Sprint(d.Metadata) != "map[a:2 b:12345678901234567890]" ||
		d.Headers["x"] != "y" || !strings.HasPrefix(d.Header("traceparent"), "00-4bf9") {
		t.Errorf("stored %+v", d)
	}

	t.Run("defaults and routes", func(t *testing.T) {
		f := &fixture{T: t, server: f.server, keys: f.keys}
		a := f.call("POST", dispatchPath, `{"message":{"type":"Mail.Welcome","payload":{}}}`)
		if a.status != 201 || a.body["transport"] != "email" || a.body["queue"] != "default" || a.body["scheduledAt"] != nil || a.body["idempotencyKey"] != nil {
			t.Errorf("got %d %s", a.status, a.raw)
		}
		a = f.call("POST", dispatchPath, `{"message":{"type":"Both","payload":{}}}`)
		if also, _ := a.body["also"].([]any); a.status != 201 || len(also) != 1 {
			t.Errorf("got %d %s", a.status, a.raw)
		}
	})
	t.Run("a failing handler of the sync transport", func(t *testing.T) {
		f := &fixture{T: t, server: f.server, keys: f.keys}
		if a := f.call("POST", dispatchPath, `{"message":{"type":"a","payload":{}},"options":{"transport":"sync"}}`); a.status != 500 || a.code() != "handler_failed" || a.body["details"] != nil {
			t.Errorf("got %d %s", a.status, a.raw)
		}
	})
}

func TestIdempotency(t *testing.T) {
	f := newFixture(t, nil)
	body := func(typ, payload string) string {
		return `{"message":{"type":"` + typ + `","payload":` + payload + `},"options":{"idempotencyKey":"order-42"}}`
	}
	var all sync.WaitGroup
	answers := make([]answer, 50)
	for i := range answers {
		all.Go(func() { answers[i] = f.call("POST", dispatchPath, body("Order", `{"a":1,"b":2.0}`)) })
	}
	all.Wait()
	created := 0
	for _, a := range answers {
		if a.status == 201 {
			created++
		} else if a.status != 200 || a.body["duplicate"] != true {
			t.Errorf("got %d %s", a.status, a.raw)
		}
		if a.body["messageId"] != answers[0].body["messageId"] {
			t.Errorf("two messages: %v and %v", a.body["messageId"], answers[0].body["messageId"])
		}
	}
	if created != 1 {
		t.Errorf("%d dispatches made a message, want 1", created)
	}
	if a := f.call("POST", dispatchPath, body("Order", `{ "b" : 2, "a" : 1 }`)); a.status != 200 {
		t.Errorf("the same JSON value in other spelling: %d %s", a.status, a.raw)
	}
	for _, other := range []string{body("Order", `{"a":1}`), body("Other", `{"a":1,"b":2}`)} {
		if a := f.call("POST", dispatchPath, other); a.status != 409 || a.code() != "idempotency_conflict" {
			t.Errorf("another message under the key: %d %s", a.status, a.raw)
		}
	}
	a := f.call("POST", dispatchPath+"/batch", `{"messages":[`+hello+`,`+body("Other", `{}`)+`]}`)
	if s, _ := f.tr.Stats(context.Background()); a.status != 409 || s.Depth() != 1 {
		t.Errorf("a batch with a conflict: %d, %d messages", a.status, s.Depth())
	}
}

func TestBatch(t *testing.T) {
	f := newFixture(t, nil)
	a := f.call("POST", dispatchPath+"/batch", `{"messages":[`+hello+`,{"message":{"type":"Mail.X","payload":{}},"options":{"queue":"q2"}}]}`)
	results, _ := a.body["results"].([]any)
	if a.status != 201 || len(results) != 2 {
		t.Fatalf("got %d %s", a.status, a.raw)
	}
	if second := results[1].(map[string]any); second["transport"] != "email" || second["queue"] != "q2" {
		t.Errorf("out of order: %s", a.raw)
	}
	f.call("POST", dispatchPath+"/batch", `{"messages":[`+hello+`,{"message":{"type":"","payload":{}}}]}`)
	if s, _ := f.tr.Stats(context.Background()); s.Depth() != 1 {
		t.Errorf("a bad batch stored something: %+v", s)
	}
}

func TestConsume(t *testing.T) {
	f := newFixture(t, nil)
	f.mux.HandleFunc("Hello", func(context.Context, *symphony.Delivery) error { return nil })
	for range 14 {
		f.call("POST", dispatchPath, hello)
	}
	f.call("POST", dispatchPath, `{"message":{"type":"Unknown","payload":{}}}`)
	for _, body := range []string{`{"messageLimit":5,"queues":["default"]}`, ``} {
		a := f.call("POST", "/api/symphony/consume", body)
		stats, _ := a.body["stats"].(map[string]any)
		health, _ := a.body["health"].(map[string]any)
		want := map[string]string{"": "map[averageProcessingTime currentQueueDepth:0 totalCancelled:0 totalFailed:1 totalProcessed:10 totalSucceeded:9]"}[body]
		if body != "" {
			want = "map[averageProcessingTime currentQueueDepth:10 totalCancelled:0 totalFailed:0 totalProcessed:5 totalSucceeded:5]"
		}
		average := fmt.Sprint(stats["averageProcessingTime"])
		if got := strings.Replace(fmt.Sprint(stats), ":"+average, "", 1); a.status != 200 || got != want {
			t.Errorf("got %d %s, want %s", a.status, got, want)
		}
		if health["running"] != false || health["processing"] != false || health["uptime"] == nil || fmt.Sprint(health["memoryUsage"]) == "0" {
			t.Errorf("health %v", health)
		}
	}
}

func TestConsume_ends_when_its_caller_is_gone(t *testing.T) {
	f := newFixture(t, nil)
	ctx, cancel := context.WithCancel(context.Background())
	started := make(chan struct{})
	f.mux.HandleFunc("Hello", func(context.Context, *symphony.Delivery) error {
		close(started)
		<-ctx.Done()
		return nil
	})
	f.call("POST", dispatchPath, hello)
	req, _ := http.NewRequestWithContext(ctx, http.MethodPost, f.server.URL+"/api/symphony/consume", strings.NewReader(`{"waitForMessages":true}`))
	req.Header.Set("Authorization", "Bearer "+f.keys["consume"])
	req.Header.Set("Content-Type", "application/json")
	go func() {
		<-started
		cancel()
	}()
	if _, err := http.DefaultTransport.RoundTrip(req); err == nil {
		t.Error("the call was answered")
	}
	f.server.Close() // waits for the run, which must end though it was told to wait for messages
	if s, _ := f.tr.Stats(context.Background()); s.Completed != 1 || s.Depth() != 0 {
		t.Errorf("what was in hand is lost or left: %+v", s.QueueStats)
	}
}

func TestCron(t *testing.T) {
	f := newFixture(t, nil)
	f.mux.HandleFunc("*", func(context.Context, *symphony.Delivery) error { return nil })
	for _, h := range [][]string{{"Authorization", "Bearer " + cronSecret}, {"Authorization", "", "x-vercel-cron-secret", cronSecret}, {"Authorization", "", "x-service-key", cronSecret}} {
		for _, method := range []string{"GET", "POST"} {
			f.call("POST", dispatchPath, hello)
			f.call("POST", dispatchPath, `{"message":{"type":"Mail.X","payload":{}}}`)
			a := f.call(method, "/api/cron/symphony-worker", "", h...)
			if stats, _ := a.body["stats"].(map[string]any); a.status != 200 || words(a.body["processed"], stats["totalProcessed"], a.body["health"] != nil) != "2 2 true" {
				t.Errorf("%s with %s: %d %s", method, h[0], a.status, a.raw)
			}
		}
	}
	f.call("POST", dispatchPath, hello)
	for _, path := range []string{"/api/cron/symphony-worker", "/api/cron/symphony-scheduler"} {
		r := httptest.NewRequest(http.MethodHead, path, nil)
		r.Header.Set("Authorization", "Bearer "+cronSecret)
		w := httptest.NewRecorder()
		f.api.Handler().ServeHTTP(w, r)
		if w.Code != 405 || w.Header().Get("Allow") != "GET, POST" {
			t.Errorf("HEAD %s: got %d, Allow %q", path, w.Code, w.Header().Get("Allow"))
		}
	}
	if s, _ := f.tr.Stats(t.Context()); s.Pending != 1 {
		t.Errorf("HEAD ran the worker: %+v", s.QueueStats)
	}
	closed := newFixture(t, func(o *httpapi.Options) { o.Cron = nil })
	if a := closed.call("POST", "/api/cron/symphony-worker", ""); a.status != 503 || a.code() != "cron_secret_not_configured" || a.header.Get("Retry-After") == "" {
		t.Errorf("without a secret: %d %s", a.status, a.raw)
	}
}

func TestStatus(t *testing.T) {
	f := newFixture(t, nil)
	f.fail("Bad", `{}`)
	f.call("POST", dispatchPath, hello)
	f.call("POST", dispatchPath, `{"message":{"type":"a","payload":{}},"options":{"queue":"q2","scheduledAt":"`+time.Now().Add(time.Hour).Format(time.RFC3339)+`"}}`)
	a := f.call("GET", "/api/symphony/status?transport=default", "")
	want := "map[cancelled:0 completed:0 depth:2 failed:1 pending:2 processing:0]"
	if a.status != 200 || fmt.Sprint(a.body["queue"]) != want || words(a.body["failedMessages"], a.body["scheduledMessages"], a.body["transport"]) != "1 1 default" {
		t.Errorf("got %d %s", a.status, a.raw)
	}
	if _, err := time.Parse("2006-01-02T15:04:05.999999999Z", fmt.Sprint(a.body["timestamp"])); err != nil {
		t.Errorf("timestamp: %v", err)
	}
	queues, _ := a.body["queues"].(map[string]any)
	if len(queues) != 2 || queues["q2"].(map[string]any)["scheduledMessages"] == nil || a.body["oldestPendingAge"] == nil {
		t.Errorf("queues %v", queues)
	}
}

func TestFailed(t *testing.T) {
	f := newFixture(t, nil)
	first, second := f.fail("First", `{"n": 1.50}`), f.fail("Second", `{"n":2}`)
	a := f.call("GET", "/api/symphony/failed?limit=1", "")
	messages, _ := a.body["messages"].([]any)
	if a.status != 200 || len(messages) != 1 || messages[0].(map[string]any)["id"] != second || words(a.body["pagination"].(map[string]any)["hasMore"], a.body["pagination"].(map[string]any)["total"]) != "true 2" {
		t.Fatalf("got %d %s", a.status, a.raw)
	}
	if a = f.call("GET", "/api/symphony/failed?cursor="+second, ""); !strings.Contains(a.raw, first) || strings.Contains(a.raw, `"id":"`+second) {
		t.Errorf("cursor: %s", a.raw)
	}
	for query, n := range map[string]int{"type=First": 1, "q=BOOM": 2, "q=%25": 0, "errorClass=test&queue=default": 2, "errorClass=x": 0, "since=2100-01-01T00:00:00Z": 0, "until=2100-01-01T00:00:00Z": 2, "offset=1": 1} {
		a := f.call("GET", "/api/symphony/failed?"+query, "")
		if messages, _ := a.body["messages"].([]any); len(messages) != n {
			t.Errorf("%s: %d messages, want %d", query, len(messages), n)
		}
	}
	a = f.call("GET", "/api/symphony/failed/"+first, "")
	for _, field := range []string{"id", "messageId", "transport", "queue", "message", "headers", "priority", "idempotencyKey", "error", "errorClass", "retryCount", "maxRetries", "failedAt", "createdAt", "attempts"} {
		if _, ok := a.body[field]; !ok {
			t.Errorf("failed message has no %s: %s", field, a.raw)
		}
	}
	if !strings.Contains(a.raw, `"payload":{"n": 1.50}`) && !strings.Contains(a.raw, `"payload":{"n":1.50}`) {
		t.Errorf("payload changed: %s", a.raw)
	}
	a = f.call("POST", "/api/symphony/failed/"+first+"/retry", `{"payload":{"n":3}}`)
	if a.status != 200 || a.body["success"] != true || a.body["originalFailedMessageId"] != first || a.body["newMessageId"] == "" || a.body["message"] == "" {
		t.Errorf("retry: %d %s", a.status, a.raw)
	}
	if a = f.call("POST", "/api/symphony/failed/"+first+"/retry", ""); a.status != 404 {
		t.Errorf("second retry: %d %s", a.status, a.raw)
	}
	if a = f.call("DELETE", "/api/symphony/failed/"+second, ""); a.status != 200 || a.body["success"] != true {
		t.Errorf("delete: %d %s", a.status, a.raw)
	}
	got, _ := f.tr.Receive(context.Background(), symphony.ReceiveOptions{})
	if len(got) != 1 || string(got[0].Payload) != `{"n":3}` {
		t.Errorf("got %+v, want the corrected message", got)
	}
}

func TestFailedBulk(t *testing.T) {
	f := newFixture(t, nil)
	var ids []string
	for i := range 3 {
		ids = append(ids, f.fail(fmt.Sprintf("T%d", i), `{}`))
	}
	if a := f.call("POST", "/api/symphony/failed/delete", `{"ids":["`+ids[0]+`","unknown"]}`); a.status != 200 || words(a.body["count"], a.body["notFound"], a.body["failed"]) != "1 1 2" {
		t.Errorf("delete by ids: %d %s", a.status, a.raw)
	}
	if a := f.call("POST", "/api/symphony/failed/retry", `{"filter":{"type":"T1"}}`); a.status != 200 || words(a.body["count"], a.body["failed"]) != "1 1" {
		t.Errorf("retry by filter: %d %s", a.status, a.raw)
	}
	if a := f.call("POST", "/api/symphony/failed/retry", `{"filter":{}}`); a.status != 200 || words(a.body["count"], a.body["failed"]) != "1 0" {
		t.Errorf("retry all: %d %s", a.status, a.raw)
	}
}

func TestKeys(t *testing.T) {
	f := newFixture(t, nil)
	a := f.call("POST", "/api/symphony/keys", `{"name":"shop","scopes":["dispatch","read"]}`)
	secret, _ := a.body["secret"].(string)
	key, _ := a.body["key"].(map[string]any)
	if a.status != 201 || !strings.HasPrefix(secret, "sym_") || key["name"] != "shop" {
		t.Fatalf("create: %d %s", a.status, a.raw)
	}
	if a := f.call("GET", "/api/symphony/status", "", "Authorization", "", "X-API-Key", secret); a.status != 200 {
		t.Errorf("the new key does not work: %d %s", a.status, a.raw)
	}
	if a := f.call("GET", "/api/symphony/keys", ""); a.status != 200 || strings.Contains(a.raw, secret) || !strings.Contains(a.raw, `"shop"`) {
		t.Errorf("list: %d %s", a.status, a.raw)
	}
	if a := f.call("DELETE", "/api/symphony/keys/"+fmt.Sprint(key["id"]), ""); a.status != 200 {
		t.Errorf("revoke: %d %s", a.status, a.raw)
	}
	if a := f.call("GET", "/api/symphony/status", "", "Authorization", "Bearer "+secret); a.status != 401 || a.code() != "api_key_revoked" {
		t.Errorf("a revoked key: %d %s", a.status, a.raw)
	}
}

func TestHealth(t *testing.T) {
	f := newFixture(t, nil)
	for _, path := range []string{"/healthz", "/readyz"} {
		if a := f.call("GET", path, "", "Authorization", ""); a.status != 200 || a.body["success"] != true {
			t.Errorf("%s: %d %s", path, a.status, a.raw)
		}
	}
	f.tr.Close()
	if a := f.call("GET", "/healthz", ""); a.status != 200 {
		t.Errorf("/healthz without storage: %d", a.status)
	}
	for _, path := range []string{"/readyz", "/api/symphony/status"} {
		if a := f.call("GET", path, ""); a.status != 503 || a.header.Get("Retry-After") == "" {
			t.Errorf("%s without storage: %d %v", path, a.status, a.header)
		}
	}
	if a := f.call("POST", dispatchPath, hello); a.status != 503 || a.header.Get("Retry-After") == "" {
		t.Errorf("dispatch without storage: %d %s", a.status, a.raw)
	}
}

func TestCauses_are_told_in_development_only(t *testing.T) {
	for _, development := range []bool{false, true} {
		f := newFixture(t, func(o *httpapi.Options) { o.Development = development })
		f.mux.HandleFunc("a", func(context.Context, *symphony.Delivery) error { return fmt.Errorf("the secret cause") })
		a := f.call("POST", dispatchPath, `{"message":{"type":"a","payload":{}},"options":{"transport":"sync"}}`)
		if a.status != 500 || strings.Contains(a.raw, "the secret cause") != development {
			t.Errorf("development %v: %d %s", development, a.status, a.raw)
		}
	}
}

func TestCORS(t *testing.T) {
	preflight := []string{"Origin", "https://app.example.com", "Access-Control-Request-Method", "POST", "Authorization", ""}
	off := newFixture(t, nil)
	if a := off.call("OPTIONS", dispatchPath, "", preflight...); a.status != 405 || a.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("off: %d %v", a.status, a.header)
	}
	on := newFixture(t, func(o *httpapi.Options) { o.CORSOrigins = []string{"https://app.example.com"} })
	if a := on.call("OPTIONS", dispatchPath, "", preflight...); a.status != 204 || a.header.Get("Access-Control-Allow-Origin") != "https://app.example.com" {
		t.Errorf("preflight: %d %v", a.status, a.header)
	}
	if a := on.call("GET", "/healthz", "", "Origin", "https://evil.example.com"); a.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("another origin: %v", a.header)
	}
}

func TestLocalHandler_asks_for_nothing(t *testing.T) {
	f := newFixture(t, nil)
	local := &fixture{T: t, keys: f.keys}
	local.server = newServer(t, f.api.LocalHandler())
	for _, path := range []string{"/api/symphony/status", "/api/symphony/keys", "/api/cron/symphony-worker"} {
		if a := local.call("GET", path, "", "Authorization", ""); a.status != 200 {
			t.Errorf("%s: %d %s", path, a.status, a.raw)
		}
	}
}

package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/audit"
	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/httpapi"
	"github.com/symphony-messenger/symphony/internal/pgtest"
	"github.com/symphony-messenger/symphony/operation"
	"github.com/symphony-messenger/symphony/schedule"
	"github.com/symphony-messenger/symphony/scheduler"
	"github.com/symphony-messenger/symphony/storage"
	"github.com/symphony-messenger/symphony/transport/postgres"
	"github.com/symphony-messenger/symphony/transport/sqlite"
	"github.com/symphony-messenger/symphony/worker"
)

// keeper is a transport that keeps everything that the API shows.
type keeper interface {
	symphony.Transport
	schedule.Store
	storage.Records
	storage.Log
}

// onEachStorage runs a test on an API over each storage.
func onEachStorage(t *testing.T, test func(t *testing.T, tr keeper, f *fixture)) {
	for name, open := range map[string]func(*testing.T) (keeper, error){
		"SQLite": func(t *testing.T) (keeper, error) {
			return sqlite.Open(context.Background(), filepath.Join(t.TempDir(), "queue.db"), sqlite.Options{})
		},
		"PostgreSQL": func(t *testing.T) (keeper, error) {
			return postgres.Open(context.Background(), pgtest.URL(t), postgres.Options{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			tr, err := open(t)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { tr.Close() })
			test(t, tr, over(t, tr))
		})
	}
}

// over is a fixture over a storage of the caller's. Its field tr is nil.
func over(t *testing.T, tr keeper) *fixture {
	t.Helper()
	f := &fixture{T: t, mux: symphony.NewMux(), log: new(bytes.Buffer)}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	f.bus, err = symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{})
	must(err)
	store := auth.NewRecordKeys(tr)
	plain, key, err := auth.GenerateKey("admin", auth.Scopes(auth.ScopeAdmin), time.Now())
	must(err)
	must(store.CreateKey(context.Background(), key))
	f.keys = map[string]string{"admin": plain}
	a, err := auth.New(auth.Options{Keys: store})
	must(err)
	t.Cleanup(func() { a.Close(context.Background()) })
	schedules, err := scheduler.New(tr, f.bus, scheduler.Options{})
	must(err)
	ops, err := operation.New(f.bus, operation.Options{})
	must(err)
	ctx, end := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		ops.Run(ctx)
	}()
	t.Cleanup(func() {
		end()
		<-ended
	})
	f.api, err = httpapi.New(httpapi.Options{Scheduler: schedules, Operations: ops, Bus: f.bus, Mux: f.mux, Auth: a, Keys: store, Records: tr, Version: "test",
		CronWorker: func(string) worker.Options { return worker.Options{} }, Audit: audit.New(tr, audit.Options{})})
	must(err)
	f.server = httptest.NewServer(f.api.Handler())
	t.Cleanup(f.server.Close)
	return f
}

// odd makes values that have gone wrong somewhere, and their neighbours that have not.
type odd struct{ *rand.Rand }

func pick[T any](o odd, list ...T) T { return list[o.IntN(len(list))] }

func (o odd) time() string {
	return pick(o, "0000-01-01T00:00:00+12:00", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+01:00", "1969-12-31T23:59:59.999999999Z", "1970-01-01T00:00:00Z",
		"1970-01-01T00:00:00.0000001Z", "1970-01-01T12:00:00+12:00", "9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59-00:01", "9998-12-31T23:59:59Z",
		"9999-12-31T23:59:59.9999995Z", "2000-01-01T00:00:00Z", "2000-02-29T23:59:59.999+23:59", "2262-04-12T00:00:00Z",
		time.Now().UTC().Format(time.RFC3339Nano), time.Now().Add(time.Hour).UTC().Format(time.RFC3339Nano))
}

func (o odd) value() string {
	switch o.IntN(8) {
	case 0:
		n := pick(o, 1, 990, 994, 996, 997, 998, 999, 1000, 1001, 9996, 9997)
		return strings.Repeat("[", n) + strings.Repeat("]", n)
	case 1:
		n := pick(o, 300, 990, 995, 999, 4000)
		return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n)
	case 2:
		return pick(o, "1e400", "-0", "123456789012345678901234567", "0.1e-400", "1.000", "-9223372036854775809", "1E+2")
	case 3:
		return pick(o, "null", "true", "[]", "{}", `""`)
	case 4:
		return pick(o, `"\u0000"`, `"\ud800"`, `"\udc00x"`, `"é\u00e9\ud83d\ude00"`, "\"\xff\"", `"a\/b<>&\u2028"`, `"`+strings.Repeat("x", 5000)+`"`)
	}
	return `"plain"`
}

func (o odd) object() string {
	if o.IntN(4) == 0 {
		return o.value()
	}
	return `{"a":` + o.value() + pick(o, `}`, `,"b":`+o.value()+`}`, `,"a":1}`)
}

func (o odd) text() string {
	return pick(o, `"plain"`, `"\u0000"`, `"\ud800"`, `"é"`, `""`, `"=1+1"`, `"a\nb"`, `"`+strings.Repeat("x", 300)+`"`, "\"\xff\"", `"\u202e"`)
}

// some are members of an object: a few of those given.
func (o odd) some(members ...string) string {
	o.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	return strings.Join(members[:o.IntN(min(len(members), 4)+1)], ",")
}

func (o odd) options() string {
	return "{" + o.some(`"scheduledAt":"`+o.time()+`"`, `"expiresAt":"`+o.time()+`"`, `"metadata":`+o.object(), `"headers":`+pick(o, o.object(), `{"h":`+o.value()+`}`),
		`"idempotencyKey":`+o.text(), `"groupKey":`+o.text(), `"delay":`+pick(o, "0", "1", "315360000000", "9223372036854775807"), `"correlationId":`+o.text(), `"priority":7`) + "}"
}

func (o odd) message() string {
	return `{"type":` + pick(o, `"T"`, o.text()) + `,"payload":` + o.object() + pick(o, "", `,"metadata":`+o.object()) + "}"
}

func (o odd) schedule() string {
	return "{" + pick(o, `"cron":"0 0 1 1 *"`, `"cron":"*/5 * * * * *"`, `"interval":1000`, `"interval":315360000000`, `"at":"`+o.time()+`"`) + "," +
		strings.TrimPrefix(o.some(`"startAt":"`+o.time()+`"`, `"endAt":"`+o.time()+`"`, `"jitter":86400000`, `"maxRuns":2`, `"name":`+o.text())+",", ",") +
		`"message":` + pick(o, `{"type":"T","payload":{}}`, o.message()) + `,"options":` + pick(o, "{}", o.options()) + "}"
}

func (o odd) filter() string {
	return "{" + o.some(`"since":"`+o.time()+`"`, `"until":"`+o.time()+`"`, `"type":`+o.text(), `"q":`+o.text(), `"queue":"default"`) + "}"
}

// request is one that changes something: method, path, body and content type.
func (o odd) request(receipts, schedules *[]string) (method, path, body, kind string) {
	any := func(list *[]string) string { return (*list)[o.IntN(len(*list))] }
	kind = "application/json"
	switch n := o.IntN(20); {
	case n < 8:
		return "POST", dispatchPath, `{"message":` + o.message() + `,"options":` + o.options() + "}", kind
	case n < 9:
		return "POST", dispatchPath + "/batch", `{"messages":[{"message":` + o.message() + `},{"message":{"type":"T","payload":{}},"options":` + o.options() + `}]}`, kind
	case n < 11:
		return "POST", "/api/symphony/schedules", o.schedule(), kind
	case n < 12:
		return "POST", "/api/symphony/schedules/preview", pick(o, o.schedule(), `{"next":5,`+o.schedule()[1:]), kind
	case n < 13:
		return "POST", "/api/symphony/keys", `{"name":` + pick(o, `"k"`, o.text()) + `,"scopes":["read"],"expiresAt":"` + o.time() + `"}`, kind
	case n < 14:
		return "POST", "/api/symphony/failed/retry", `{"background":true,"filter":` + o.filter() + "}", kind
	case n < 15:
		return "POST", "/api/symphony/messages/" + pick(o, "replay", "cancel"), `{"filter":` + o.filter() + "}", kind
	case n < 16:
		return "POST", "/api/symphony/messages/import?status=all", `{"id":"` + symphony.NewID(time.Now()) + `","message":` + o.message() + `,"scheduledAt":"` + o.time() +
			`","expiresAt":"` + o.time() + `","headers":` + o.object() + "}\n", "application/x-ndjson"
	case n < 18 && len(*receipts) > 0:
		return "POST", "/api/symphony/nack", `{"receipt":"` + any(receipts) + `","permanent":` + pick(o, "true", "false") + `,"error":` + o.text() + `,"errorClass":` + o.text() + "}", kind
	case n < 19 && len(*schedules) > 0:
		id := any(schedules)
		return pick(o, "PATCH", "POST"), "/api/symphony/schedules/" + id + pick(o, "", "/run", "/enable", "/disable"), o.schedule(), kind
	}
	return "POST", "/api/symphony/receive", `{"max":3,"lease":60000}`, kind
}

// Whatever any entrance takes, every list, export and receive can show: no answer is the server's fault, and no row is
// cut.
func TestAPI_shows_whatever_it_takes(t *testing.T) {
	onEachStorage(t, func(t *testing.T, tr keeper, f *fixture) {
		for seed := range uint64(3) {
			o := odd{rand.New(rand.NewPCG(seed, 12))}
			var receipts, schedules []string
			taken := 0
			for range 150 {
				method, path, body, kind := o.request(&receipts, &schedules)
				a := f.call(method, path, body, "Content-Type", kind)
				if a.status >= 500 {
					t.Fatalf("seed %d: %s %s %.300s answered %d %.300s", seed, method, path, body, a.status, a.raw)
				}
				if a.status < 300 {
					taken++
				}
				list, _ := a.body["messages"].([]any)
				for _, m := range list {
					receipts = append(receipts, m.(map[string]any)["receipt"].(string))
				}
				if s, ok := a.body["schedule"].(map[string]any); ok {
					schedules = append(schedules, s["id"].(string))
				}
			}
			if taken < 30 {
				t.Errorf("seed %d: only %d requests were taken", seed, taken)
			}
			goDispatch(f, o)
			f.walk(seed)
		}
	})
}

// goDispatch dispatches in Go what the API would refuse, or could not tell.
func goDispatch(f *fixture, o odd) {
	for range 40 {
		at := func() time.Time {
			t, err := time.Parse(time.RFC3339, o.time())
			if err != nil {
				f.Fatal(err)
			}
			return t
		}
		m := symphony.Message{Type: "Go", Payload: json.RawMessage(o.object()), Metadata: map[string]any{"v": json.RawMessage(o.value()), "s": "a\x00\xff"}}
		_, err := f.bus.DispatchMessage(f.Context(), m, symphony.DispatchOptions{ScheduledAt: at(), Headers: map[string]any{"h": json.RawMessage(o.value()), "n": 1.5}})
		if err != nil && !strings.HasPrefix(err.Error(), "invalid message") {
			f.Fatalf("%+v: %v", m, err)
		}
	}
}

// walk looks at everything that can be listed.
func (f *fixture) walk(seed uint64) {
	f.Helper()
	get := func(path string) answer {
		f.Helper()
		a := f.call("GET", path, "")
		if a.status != http.StatusOK || strings.Contains(a.raw, `"unreadable":true`) {
			f.Fatalf("seed %d: GET %s answered %d %.500s", seed, path, a.status, a.raw)
		}
		return a
	}
	pages := func(path, list string, each func(map[string]any)) {
		f.Helper()
		for cursor, more := "", true; more; {
			a := get(path + cursor)
			rows, ok := a.body[list].([]any)
			if !ok {
				f.Fatalf("GET %s has no %s: %.200s", path, list, a.raw)
			}
			for _, r := range rows {
				if each != nil {
					each(r.(map[string]any))
				}
			}
			next, _ := a.body["nextCursor"].(string)
			if p, ok := a.body["pagination"].(map[string]any); ok {
				next, _ = p["nextCursor"].(string)
			}
			cursor, more = "&cursor="+url.QueryEscape(next), next != ""
		}
	}
	settled := time.NewTicker(5 * time.Millisecond)
	defer settled.Stop()
	for range 2000 { // operations still move what is about to be looked at
		if list, _ := get("/api/symphony/operations?state=running").body["operations"].([]any); len(list) == 0 {
			break
		}
		<-settled.C
	}
	messages := 0
	pages("/api/symphony/messages?limit=20", "messages", func(m map[string]any) {
		messages++
		get("/api/symphony/messages/" + m["id"].(string))
	})
	pages("/api/symphony/failed?limit=20", "messages", func(m map[string]any) { get("/api/symphony/failed/" + m["id"].(string)) })
	pages("/api/symphony/schedules?limit=20", "schedules", func(m map[string]any) {
		get("/api/symphony/schedules/" + m["id"].(string) + "?next=5")
		get("/api/symphony/schedules/" + m["id"].(string) + "/runs")
	})
	pages("/api/symphony/operations?limit=20", "operations", func(m map[string]any) { get("/api/symphony/operations/" + m["id"].(string)) })
	pages("/api/symphony/audit?limit=20", "entries", nil)
	for _, path := range []string{"keys", "status", "messages/export?format=csv", "failed/export", "failed/export?format=csv"} {
		get("/api/symphony/" + path)
	}
	if got := strings.Count(get("/api/symphony/messages/export").raw, "\n"); got != messages {
		f.Errorf("seed %d: the export has %d messages, the list %d", seed, got, messages)
	}
	for {
		a := f.call("POST", "/api/symphony/receive", `{"max":100,"lease":3600000}`)
		if a.status != http.StatusOK || a.body == nil {
			f.Fatalf("seed %d: receive answered %d %.300s", seed, a.status, a.raw)
		}
		if list, _ := a.body["messages"].([]any); len(list) == 0 {
			return
		}
	}
}

// What is stored already and cannot be shown costs its own row.
func TestAPI_shows_what_is_left_of_a_record(t *testing.T) {
	onEachStorage(t, func(t *testing.T, tr keeper, f *fixture) {
		deep := json.RawMessage(`{"a":` + strings.Repeat("[", 9999) + strings.Repeat("]", 9999) + `}`)
		far := time.Date(10000, 1, 2, 0, 0, 0, 0, time.UTC)
		send := func(change func(*symphony.Envelope)) string {
			e := &symphony.Envelope{ID: symphony.NewID(time.Now()), Type: "Old", Payload: json.RawMessage(`{"a":1}`), Transport: tr.Name(), Queue: "q", Priority: 5, CreatedAt: time.Now()}
			change(e)
			if _, err := tr.Send(t.Context(), []*symphony.Envelope{e}); err != nil {
				t.Fatal(err)
			}
			return e.ID
		}
		good := send(func(*symphony.Envelope) {})
		bad := []string{
			send(func(e *symphony.Envelope) { e.Payload = deep }),
			send(func(e *symphony.Envelope) { e.CreatedAt = far }),
			send(func(e *symphony.Envelope) { e.ScheduledAt = time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC) }),
		}
		waiting := send(func(e *symphony.Envelope) { e.ScheduledAt = far })
		rows := func(a answer) map[string]bool {
			t.Helper()
			if a.status != http.StatusOK {
				t.Fatalf("got %d %.300s", a.status, a.raw)
			}
			found := make(map[string]bool)
			for _, m := range a.body["messages"].([]any) {
				m := m.(map[string]any)
				id, ok := m["messageId"].(string)
				if !ok {
					id = m["id"].(string)
				}
				found[id] = m["unreadable"] == true
			}
			return found
		}
		want := map[string]bool{good: false, waiting: true}
		for _, id := range bad {
			want[id] = true
		}
		if got := rows(f.call("GET", "/api/symphony/messages", "")); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("the list has %v, want %v", got, want)
		}
		for id := range want {
			if a := f.call("GET", "/api/symphony/messages/"+id, ""); a.status != 200 || a.message()["id"] != id || (a.message()["unreadable"] == true) != want[id] {
				t.Errorf("message %s: %d %.300s", id, a.status, a.raw)
			}
		}
		for _, format := range []string{"jsonl", "csv"} {
			a := f.call("GET", "/api/symphony/messages/export?format="+format, "")
			for id := range want {
				if a.status != 200 || !strings.Contains(a.raw, id) {
					t.Errorf("the export as %s answered %d without %s: %.500s", format, a.status, id, a.raw)
				}
			}
		}
		if a := f.call("DELETE", "/api/symphony/messages/"+waiting, ""); a.status != 200 {
			t.Errorf("it cannot be deleted: %d %s", a.status, a.raw)
		}
		var got []string
		for {
			a := f.call("POST", "/api/symphony/receive", `{"max":100}`)
			list := rows(a)
			if len(list) == 0 {
				break
			}
			for id := range list {
				got = append(got, id)
			}
		}
		if !slices.Equal(got, []string{good}) {
			t.Errorf("received %v, want %s alone", got, good)
		}
		failed := f.call("GET", "/api/symphony/failed", "")
		for id, unreadable := range rows(failed) {
			if !slices.Contains(bad, id) || !unreadable {
				t.Errorf("%s failed, unreadable: %v; want those of %v", id, unreadable, bad)
			}
		}
		if list := failed.body["messages"].([]any); len(list) != len(bad) {
			t.Errorf("%d messages failed, want %d", len(list), len(bad))
		} else {
			for _, m := range list {
				if a := f.call("DELETE", "/api/symphony/failed/"+m.(map[string]any)["id"].(string), ""); a.status != 200 {
					t.Errorf("a failed message cannot be deleted: %d %s", a.status, a.raw)
				}
			}
		}
		damagedRecords(t, tr, f)
	})
}

// damagedRecords puts records into storage that cannot be read.
func damagedRecords(t *testing.T, tr keeper, f *fixture) {
	t.Helper()
	const key = "aaaaaaaaaaaaaaaa"
	op := symphony.NewID(time.Now())
	for _, r := range [][3]string{{"api_key", key, `{"id":1}`}, {"operation", op, `{"id":`}} {
		if err := storage.Put(t.Context(), tr, r[0], r[1], []byte(r[2])); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := tr.AppendLog(t.Context(), audit.LogName, []storage.Entry{{Kind: "keys.create", Data: []byte(`"no object"`)}}); err != nil {
		t.Fatal(err)
	}
	for path, list := range map[string]string{"keys": "keys", "operations": "operations", "audit": "entries"} {
		a := f.call("GET", "/api/symphony/"+path, "")
		rows, _ := a.body[list].([]any)
		unreadable := 0
		for _, r := range rows {
			if r.(map[string]any)["unreadable"] == true {
				unreadable++
			}
		}
		if a.status != 200 || unreadable != 1 {
			t.Errorf("%s: %d with %d rows that cannot be read, want 1: %.500s", path, a.status, unreadable, a.raw)
		}
	}
	if a := f.call("GET", "/api/symphony/operations/"+op, ""); a.status != 200 {
		t.Errorf("an operation that cannot be read: %d %s", a.status, a.raw)
	}
	if a := f.call("DELETE", "/api/symphony/keys/"+key, ""); a.status != 200 {
		t.Errorf("a key that cannot be read cannot be revoked: %d %s", a.status, a.raw)
	}
}

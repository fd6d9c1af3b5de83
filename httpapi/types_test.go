package httpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/metrics"
	"github.com/symphony-messenger/symphony/monitor"
	"github.com/symphony-messenger/symphony/storage"
	"github.com/symphony-messenger/symphony/symphonytest"
	"github.com/symphony-messenger/symphony/symphonytest/testclock"
	"github.com/symphony-messenger/symphony/transport/sqlite"
	"github.com/symphony-messenger/symphony/worker"
)

// typesFixture is a server whose types have handlers, a schema and figures.
func typesFixture(t *testing.T) *fixture {
	var recorder interface {
		MessagesDispatched([]*symphony.Envelope, []symphony.Receipt)
	}
	f := monitoredFixture(t, &monitor.NodeInfo{}, func(o *httpapi.Options) {
		handle := func(context.Context, *symphony.Delivery) error { return nil }
		o.Mux.HandleFunc("Mail.*", handle)
		o.Mux.Handle("Order", symphony.HandlerFunc(handle), symphony.HandlerOptions{Name: "stock"})
		o.Mux.Handle("Order", symphony.HandlerFunc(handle), symphony.HandlerOptions{Name: "bill"})
		o.Schemas = map[string][]byte{"Order": []byte(`{"type": "object", "maxProperties": 10000000000000000000001}`)}
		o.Breakers = func() []monitor.OpenBreaker {
			return []monitor.OpenBreaker{{Handler: "Order bill", State: "open"}, {Handler: "Mail.*", State: "open"}}
		}
		recorder = o.Metrics
	})
	for _, typ := range []string{"Order", "Order", "Mail.New", "Job"} {
		recorder.MessagesDispatched([]*symphony.Envelope{{Transport: "default", Type: typ}}, nil)
	}
	recorder.MessagesDispatched([]*symphony.Envelope{{Transport: "email", Type: "Mail.New"}}, nil)
	return f
}

func (f *fixture) types(query string, headers ...string) (wire.TypesResponse, answer) {
	f.Helper()
	var got wire.TypesResponse
	a := f.call("GET", "/api/symphony/types"+query, "", headers...)
	if err := json.Unmarshal([]byte(a.raw), &got); err != nil || a.status != 200 {
		f.Fatal(a.status, a.raw, err)
	}
	return got, a
}

// names are the names of types, with what is told of them.
func names(of wire.TypesResponse) string {
	var list []string
	for _, t := range of.Types {
		handler, dispatched := "-", int64(-1)
		if t.Handler != nil {
			handler = fmt.Sprintf("%s%v%d", t.Handler.Pattern, t.Handler.Names, len(t.Handler.Breakers))
		}
		if t.Figures != nil {
			dispatched = t.Figures.Dispatched
		}
		list = append(list, fmt.Sprintf("%s%v %s %q %d", t.Type, t.Transports, handler, t.Schema, dispatched))
	}
	return strings.Join(list, ", ")
}

func TestTypes_are_those_seen_and_those_configured(t *testing.T) {
	f := typesFixture(t)
	got, a := f.types("")
	want := `Job[default] - "" 1, Mail.*[] Mail.*[1]1 "" 0, Mail.New[default email] Mail.*[1]1 "" 2, ` +
		`Order[default] Order[stock bill]1 "Order" 2`
	if names(got) != want {
		t.Errorf("got  %s\nwant %s", names(got), want)
	}
	if got.Types[0].FirstSeen == nil || got.Types[0].LastSeen == nil || got.Types[1].FirstSeen != nil {
		t.Errorf("when they were seen: %+v", got.Types)
	}
	if !strings.Contains(a.raw, "10000000000000000000001") || len(got.Schemas) != 1 {
		t.Errorf("schemas: %s", a.raw)
	}
	for query, want := range map[string]string{
		"?type=Mail.*":                   `Mail.*[] Mail.*[1]1 "" 0, Mail.New[default email] Mail.*[1]1 "" 2`,
		"?type=Job":                      `Job[default] - "" 1`,
		"?type=Job&transport=email":      ``,
		"?type=Mail.New&transport=email": `Mail.New[email] Mail.*[1]1 "" 1`,
		"?limit=1":                       `Job[default] - "" 1`,
		"?limit=1&cursor=Mail.New":       `Order[default] Order[stock bill]1 "Order" 2`,
		"?limit=1&cursor=Mail.Nf":        `Order[default] Order[stock bill]1 "Order" 2`,
		"?cursor=Order":                  ``,
		"?transport=sync&type=Mail.*":    `Mail.*[] Mail.*[1]1 "" 0`,
		"?limit=200&type=*&cursor=Mail.*": `Mail.New[default email] Mail.*[1]1 "" 2, ` +
			`Order[default] Order[stock bill]1 "Order" 2`,
	} {
		if got, _ := f.types(query); names(got) != want {
			t.Errorf("%s: got %s, want %s", query, names(got), want)
		}
	}
	if got, _ := f.types("?limit=1"); !got.Pagination.HasMore || got.Pagination.NextCursor != "Job" {
		t.Errorf("pagination %+v", got.Pagination)
	}
}

func TestTypes_have_what_stops_and_limits_them(t *testing.T) {
	f := typesFixture(t)
	f.call("POST", "/api/symphony/pause", `{"type":"Mail.*","reason":"tea"}`)
	f.call("POST", "/api/symphony/pause", `{"transport":"email"}`)
	f.call("PUT", "/api/symphony/limits/type/Mail.*", `{"rate":"5/s"}`)
	f.call("PUT", "/api/symphony/limits/type/Later", `{"concurrency":1}`)
	f.call("PUT", "/api/symphony/limits/key/k", `{"concurrency":1}`)
	got, _ := f.types("?type=Mail.New")
	mail := got.Types[0]
	if len(mail.Holds) != 2 || mail.Holds[0].Type != "Mail.*" || mail.Holds[1].Transport != "email" ||
		len(mail.Limits) != 1 || mail.Limits[0].Now.Rate != "5/s" {
		t.Errorf("got %+v", mail)
	}
	if got, _ := f.types("?type=Later"); len(got.Types) != 1 || got.Types[0].Limits[0].Now.Concurrency != 1 {
		t.Errorf("what is only limited: %+v", got)
	}
	if got, _ := f.types("?type=Job"); len(got.Types[0].Holds)+len(got.Types[0].Limits) != 0 {
		t.Errorf("of another type: %+v", got)
	}
}

func TestTypes_and_queues_are_shown_to_who_may_look(t *testing.T) {
	f := typesFixture(t)
	for _, path := range []string{"/api/symphony/types", "/api/symphony/queues"} {
		for scope, want := range map[string]int{"observe": 200, "read": 200, "dispatch": 403} {
			if a := f.call("GET", path, "", "Authorization", "Bearer "+f.keys[scope]); a.status != want {
				t.Errorf("%s with %s: %d %s, want %d", path, scope, a.status, a.raw, want)
			}
		}
		for query, want := range map[string]string{"?limit=0": "limit", "?limit=201": "limit",
			"?transport=none": "transport", "?cursor=%01": "cursor", "?queue=a": "queue"} {
			if a := f.call("GET", path+query, ""); a.status != 400 || fmt.Sprint(a.paths()) != "["+want+"]" {
				t.Errorf("%s%s: %d %v, want 400 at %s", path, query, a.status, a.paths(), want)
			}
		}
	}
	if a := f.call("GET", "/api/symphony/types?type=a*", ""); a.status != 400 {
		t.Errorf("a type that is no pattern: %d %s", a.status, a.raw)
	}
	w := newOwn(t)
	for _, path := range []string{"/api/symphony/types", "/api/symphony/queues"} {
		if a := w.as(w.user("ann"), "GET", path, ""); a.status != 403 {
			t.Errorf("%s of a user who sees his own messages: %d %s", path, a.status, a.raw)
		}
	}
	if a := w.as(w.user("ann"), "GET", "/api/symphony/types?counts=true", ""); a.status != 403 {
		t.Errorf("counts for a user who sees his own messages: %d %s", a.status, a.raw)
	}
}

// counted has how many messages types have, as far as that is told.
func counted(of wire.TypesResponse) string {
	var list []string
	for _, t := range of.Types {
		text := t.Type
		if t.Pending != nil && t.Processing != nil {
			text = fmt.Sprintf("%s %d %d", t.Type, *t.Pending, *t.Processing)
		}
		list = append(list, text)
	}
	return strings.Join(list, ", ")
}

func TestTypes_count_what_waits_and_is_in_hand_where_that_is_asked_for(t *testing.T) {
	clock := testclock.New(time.Now())
	f := monitoredFixture(t, &monitor.NodeInfo{}, func(o *httpapi.Options) {
		o.Clock = clock
		o.Metrics.MessagesDispatched([]*symphony.Envelope{{Transport: "default", Type: "Order"},
			{Transport: "email", Type: "Mail.New"}}, nil)
		o.Mux.HandleFunc("Mail.*", func(context.Context, *symphony.Delivery) error { return nil })
		o.Mux.HandleFunc("Never", func(context.Context, *symphony.Delivery) error { return nil })
	})
	f.dispatch("Order", `{}`)
	f.dispatch("Order", `{"delay":60000}`)
	f.receive(`{}`)
	f.dispatch("Mail.New", `{"transport":"email"}`)
	if got, a := f.types(""); counted(got) != "Mail.*, Mail.New, Never, Order" || strings.Contains(a.raw, "AtLeast") {
		t.Errorf("nobody has asked for counts: %s", a.raw)
	}
	look := func(query, want string) {
		t.Helper()
		got, a := f.types(query)
		if counted(got) != want || got.PendingAtLeast || got.ProcessingAtLeast {
			t.Errorf("%s: got %s, want %s: %s", query, counted(got), want, a.raw)
		}
	}
	look("?counts=true", "Mail.*, Mail.New 1 0, Never 0 0, Order 1 1")
	look("?counts=true&type=Mail.*", "Mail.*, Mail.New 1 0")
	look("?counts=true&transport=email", "Mail.*, Mail.New 1 0, Never 0 0")
	look("?counts=true&limit=1&cursor=Never", "Order 1 1")
	look("?counts=true&transport=sync", "Mail.*, Never")
	look("?counts=false", "Mail.*, Mail.New, Never, Order")
	f.dispatch("Order", `{}`)
	clock.Advance(wire.TypeCountsFor - time.Millisecond)
	look("?counts=true", "Mail.*, Mail.New 1 0, Never 0 0, Order 1 1") // of a moment ago
	clock.Advance(time.Millisecond)
	look("?counts=true", "Mail.*, Mail.New 1 0, Never 0 0, Order 2 1")
	if a := f.call("GET", "/api/symphony/types?counts=yes", ""); a.status != 400 {
		t.Errorf("counts=yes: %d %s", a.status, a.raw)
	}
}

func TestTypes_tell_in_which_queues_they_were_seen(t *testing.T) {
	f := monitoredFixture(t, &monitor.NodeInfo{}, func(o *httpapi.Options) {
		o.Metrics.MessagesDispatched([]*symphony.Envelope{{Transport: "email", Type: "Mail", Queue: "a"},
			{Transport: "default", Type: "Mail", Queue: "b"}, {Transport: "default", Type: "Mail", Queue: "a"}}, nil)
		for i := range metrics.MaxTypeQueues + 1 {
			o.Metrics.MessagesDispatched([]*symphony.Envelope{{Transport: "default", Type: "Wide",
				Queue: fmt.Sprint("q", i)}}, nil)
		}
	})
	got, _ := f.types("")
	want := []wire.TypeQueue{{Transport: "default", Queue: "a"}, {Transport: "default", Queue: "b"},
		{Transport: "email", Queue: "a"}}
	if diff := cmp.Diff(want, got.Types[0].Queues); diff != "" || got.Types[0].MoreQueues {
		t.Errorf("%+v (-want +got)\n%s", got.Types[0], diff)
	}
	if wide := got.Types[1]; len(wide.Queues) != metrics.MaxTypeQueues || !wide.MoreQueues {
		t.Errorf("one in many queues: %+v", wide)
	}
	if got, _ = f.types("?transport=email"); len(got.Types) != 1 || len(got.Types[0].Queues) != 1 {
		t.Errorf("on one transport: %+v", got.Types)
	}
}

// crowded is a transport of which more waits, or is in hand, than may be looked at.
type crowded struct {
	*sqlite.Transport
	counts chan storage.TypeCounts
}

func (c crowded) CountTypes(context.Context, []string, int) (storage.TypeCounts, error) {
	return <-c.counts, nil
}

func TestTypes_are_counted_once_for_all_who_look(t *testing.T) {
	counts := make(chan storage.TypeCounts, 1)
	f := monitoredFixture(t, &monitor.NodeInfo{}, func(o *httpapi.Options) {
		bus, err := symphony.NewBus([]symphony.Transport{
			crowded{symphonytest.Storage(t, sqlite.Options{}), counts}}, symphony.BusOptions{})
		if err != nil {
			t.Fatal(err)
		}
		o.Bus = bus
		o.Mux.HandleFunc("Order", func(context.Context, *symphony.Delivery) error { return nil })
	})
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() {
			got, a := f.types("?counts=true")
			if counted(got) != "Order 7 1" || !got.PendingAtLeast || got.ProcessingAtLeast {
				t.Errorf("got %s", a.raw)
			}
		})
	}
	counts <- storage.TypeCounts{MorePending: true,
		Types: map[string]storage.Live{"Order": {Pending: 7, Processing: 1}}}
	all.Wait()
}

func TestTypes_without_metrics_are_those_configured(t *testing.T) {
	f := newFixture(t, func(o *httpapi.Options) {
		o.Mux.HandleFunc("Mail.*", func(context.Context, *symphony.Delivery) error { return nil })
	})
	if got, _ := f.types(""); names(got) != `Mail.*[] Mail.*[1]0 "" -1` {
		t.Errorf("got %s", names(got))
	}
}

func TestTypes_tell_when_failed_messages_are_retried(t *testing.T) {
	f := newFixture(t, func(o *httpapi.Options) {
		handle := func(context.Context, *symphony.Delivery) error { return nil }
		for _, typ := range []string{"Default", "Listed", "Never"} {
			o.Mux.HandleFunc(typ, handle)
		}
		listed := []time.Duration{time.Second, time.Minute}
		o.Mux.Retry("Listed", symphony.Policy{Delays: listed, Jitter: symphony.NoJitter})
		o.Mux.Retry("Never", symphony.Policy{MaxRetries: symphony.NoRetries})
		o.ConsumeWorker = func(transport string) worker.Options {
			if transport == "email" {
				return worker.Options{Policy: symphony.Policy{MaxRetries: 200, Backoff: symphony.Fixed}}
			}
			return worker.Options{}
		}
	})
	got, _ := f.types("")
	var told []string
	for _, y := range got.Types {
		for _, r := range y.Retries {
			delays := fmt.Sprint(r.Delays[:min(len(r.Delays), 3)])
			told = append(told, fmt.Sprintf("%s%v %d %s of %d %g",
				y.Type, r.Transports, r.MaxRetries, delays, len(r.Delays), r.Jitter))
		}
	}
	want := "Default[default sync] 3 [1000 2000 4000] of 3 0.1, Default[email] 200 [1000 1000 1000] of 100 0.1, " +
		"Listed[default email sync] 2 [1000 60000] of 2 0, Never[default email sync] 0 [] of 0 0.1"
	if strings.Join(told, ", ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(told, ", "), want)
	}
}

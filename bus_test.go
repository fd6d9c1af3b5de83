package symphony_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/transport/inline"
)

func TestDispatch_fills_in_defaults(t *testing.T) {
	transports := open(t, newClock(0), "default", "email")
	bus := newBus(t, symphony.BusOptions{
		Clock:    newClock(0),
		Defaults: map[string]symphony.TransportDefaults{"email": {Queue: "outbox", Priority: 8}},
	}, transports...)
	later := noon.Add(time.Hour)
	for name, test := range map[string]struct {
		options symphony.DispatchOptions
		want    symphony.Envelope
	}{
		"of the system":       {symphony.DispatchOptions{}, symphony.Envelope{Transport: "default", Queue: "default", Priority: 5}},
		"of the transport":    {symphony.DispatchOptions{Transport: "email"}, symphony.Envelope{Transport: "email", Queue: "outbox", Priority: 8}},
		"of the caller":       {symphony.DispatchOptions{Transport: "email", Queue: "bulk", Priority: 1}, symphony.Envelope{Transport: "email", Queue: "bulk", Priority: 1}},
		"with a time":         {symphony.DispatchOptions{ScheduledAt: noon.Add(-time.Hour)}, symphony.Envelope{Transport: "default", Queue: "default", Priority: 5}},
		"with metadata":       {symphony.DispatchOptions{Metadata: map[string]any{"b": "new", "c": "3"}}, symphony.Envelope{Transport: "default", Queue: "default", Priority: 5, Metadata: map[string]any{"a": "1", "b": "new", "c": "3"}}},
		"with headers, a key": {symphony.DispatchOptions{Headers: map[string]any{"h": "v"}, IdempotencyKey: "k"}, symphony.Envelope{Transport: "default", Queue: "default", Priority: 5, Headers: map[string]any{"h": "v"}, IdempotencyKey: "k"}},
	} {
		t.Run(name, func(t *testing.T) {
			metadata := map[string]any{"a": "1", "b": "2"}
			r, err := bus.DispatchMessage(t.Context(), symphony.Message{Type: "t", Payload: json.RawMessage(`{"n": 1.0}`), Metadata: metadata}, test.options)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(map[string]any{"a": "1", "b": "2"}, metadata); diff != "" {
				t.Errorf("the caller's metadata was changed (-want +got):\n%s", diff)
			}
			tr, err := bus.Transport(test.want.Transport)
			if err != nil {
				t.Fatal(err)
			}
			got := receive(t, tr)
			if len(got) != 1 {
				t.Fatalf("%d messages on %s, want 1", len(got), test.want.Transport)
			}
			want := test.want
			want.ID, want.Type, want.Payload, want.CreatedAt = r.ID, "t", json.RawMessage(`{"n": 1.0}`), noon
			if want.Metadata == nil {
				want.Metadata = metadata
			}
			if diff := cmp.Diff(want, got[0].Envelope, cmpopts.IgnoreFields(symphony.Envelope{}, "ScheduledAt", "Fingerprint", "IdempotencyWindow")); diff != "" {
				t.Errorf("envelope (-want +got):\n%s", diff)
			}
			if r.Transport != want.Transport || r.Queue != want.Queue || r.IdempotencyKey != want.IdempotencyKey || r.Duplicate || r.Also != nil {
				t.Errorf("receipt = %+v", r)
			}
		})
	}
	t.Run("for later", func(t *testing.T) {
		r, err := bus.Dispatch(t.Context(), "t", struct{}{}, symphony.DispatchOptions{ScheduledAt: later})
		if err != nil {
			t.Fatal(err)
		}
		if !r.ScheduledAt.Equal(later) {
			t.Errorf("receipt's time = %s, want %s", r.ScheduledAt, later)
		}
		if got := receive(t, transports[0]); len(got) != 0 {
			t.Error("a message for later is ready now")
		}
	})
}

func TestDispatch_marshals_the_payload(t *testing.T) {
	transports := open(t, symphony.SystemClock(), "default")
	bus := newBus(t, symphony.BusOptions{}, transports...)
	for want, payload := range map[string]any{
		`{"id":7,"total":1.10}`: order{7, "1.10"},
		`{ "a" : 1.0 }`:         json.RawMessage(`{ "a" : 1.0 }`),
	} {
		if _, err := bus.Dispatch(t.Context(), "t", payload, symphony.DispatchOptions{}); err != nil {
			t.Fatal(err)
		}
		if got := receive(t, transports[0]); len(got) != 1 || string(got[0].Payload) != want {
			t.Errorf("received %v, want payload %s", got, want)
		}
	}
}

func TestDispatch_routes(t *testing.T) {
	transports := open(t, symphony.SystemClock(), "default", "email", "audit", "bulk")
	bus := newBus(t, symphony.BusOptions{
		Default: "bulk",
		Routes:  map[string][]string{"mail.*": {"email"}, "mail.digest": {"bulk"}, "order.paid": {"email", "audit"}},
	}, transports...)
	for name, test := range map[string]struct {
		typ       string
		transport string
		want      []string
	}{
		"without a route":           {"user.created", "", []string{"bulk"}},
		"by prefix":                 {"mail.welcome", "", []string{"email"}},
		"by the exact type":         {"mail.digest", "", []string{"bulk"}},
		"to several":                {"order.paid", "", []string{"email", "audit"}},
		"by the caller":             {"order.paid", "default", []string{"default"}},
		"by the caller, to default": {"user.created", "bulk", []string{"bulk"}},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := bus.Dispatch(t.Context(), test.typ, struct{}{}, symphony.DispatchOptions{Transport: test.transport, IdempotencyKey: name})
			if err != nil {
				t.Fatal(err)
			}
			receipts := append([]symphony.Receipt{r}, r.Also...)
			var got []string
			for _, r := range receipts {
				got = append(got, r.Transport)
				tr, err := bus.Transport(r.Transport)
				if err != nil {
					t.Fatal(err)
				}
				deliveries := receive(t, tr)
				if len(deliveries) != 1 || deliveries[0].ID != r.ID || deliveries[0].Type != test.typ {
					t.Errorf("on %s: %+v, want the message %s", r.Transport, deliveries, r.ID)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("transports (-want +got):\n%s", diff)
			}
			if len(receipts) == 2 && receipts[0].ID == receipts[1].ID {
				t.Error("two messages have one id")
			}
		})
	}
	if diff := cmp.Diff([]string{"default", "email", "audit", "bulk"}, bus.Names()); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	if got := bus.DefaultTransport(); got != "bulk" {
		t.Errorf("default transport = %q", got)
	}
}

func TestDispatch_once_for_a_key(t *testing.T) {
	c := newClock(0)
	bus := newBus(t, symphony.BusOptions{Clock: c, IdempotencyWindow: time.Hour}, open(t, c, "default", "email")...)
	send := func(payload, transport string) (symphony.Receipt, error) {
		return bus.Dispatch(t.Context(), "order.paid", json.RawMessage(payload), symphony.DispatchOptions{IdempotencyKey: "order-42", Transport: transport})
	}
	first, err := send(`{"a": 1, "b": 2}`, "")
	if err != nil {
		t.Fatal(err)
	}
	again, err := send(`{"b":2.0,"a":1e0}`, "")
	if err != nil {
		t.Fatal(err)
	}
	if !again.Duplicate || again.ID != first.ID || first.Duplicate {
		t.Errorf("first = %+v, again = %+v", first, again)
	}
	elsewhere, err := send(`{"a": 1}`, "email")
	if err != nil || elsewhere.Duplicate || elsewhere.ID == first.ID {
		t.Errorf("on another transport: %+v, %v", elsewhere, err)
	}
	_, err = send(`{"a": 2}`, "")
	want := &symphony.IdempotencyConflictError{Key: "order-42", Transport: "default", MessageID: first.ID}
	var conflict *symphony.IdempotencyConflictError
	if !errors.As(err, &conflict) || !errors.Is(err, symphony.ErrConflict) {
		t.Fatalf("error = %v, want a conflict", err)
	}
	if diff := cmp.Diff(want, conflict); diff != "" {
		t.Errorf("conflict (-want +got):\n%s", diff)
	}
	c.pass(time.Hour)
	if late, err := send(`{"a": 2}`, ""); err != nil || late.Duplicate {
		t.Errorf("after the window: %+v, %v", late, err)
	}
}

func TestDispatchBatch(t *testing.T) {
	transports := open(t, symphony.SystemClock(), "default", "email", "audit")
	bus := newBus(t, symphony.BusOptions{Routes: map[string][]string{"both": {"email", "audit"}}}, transports...)
	message := func(typ string) symphony.Message {
		return symphony.Message{Type: typ, Payload: json.RawMessage(`{}`)}
	}
	receipts, err := bus.DispatchBatch(t.Context(), []symphony.Outgoing{
		{Message: message("a")}, {Message: message("both")}, {Message: message("b"), Options: symphony.DispatchOptions{Transport: "audit", Queue: "q"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []symphony.Receipt{
		{Transport: "default", Queue: "default"},
		{Transport: "email", Queue: "default", Also: []symphony.Receipt{{Transport: "audit", Queue: "default"}}},
		{Transport: "audit", Queue: "q"},
	}
	if diff := cmp.Diff(want, receipts, cmpopts.IgnoreFields(symphony.Receipt{}, "ID")); diff != "" {
		t.Errorf("receipts (-want +got):\n%s", diff)
	}
	stored := map[string]string{}
	for _, tr := range transports {
		for _, d := range receive(t, tr) {
			stored[d.ID] = d.Type + " on " + d.Transport
		}
	}
	wantStored := map[string]string{receipts[0].ID: "a on default", receipts[1].ID: "both on email", receipts[1].Also[0].ID: "both on audit", receipts[2].ID: "b on audit"}
	if diff := cmp.Diff(wantStored, stored); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
}

func TestDispatchBatch_refuses(t *testing.T) {
	main, other := open(t, symphony.SystemClock(), "default"), open(t, symphony.SystemClock(), "other")
	bus := newBus(t, symphony.BusOptions{}, main[0], other[0])
	good := symphony.Outgoing{Message: symphony.Message{Type: "t", Payload: json.RawMessage(`{}`)}}
	elsewhere := good
	elsewhere.Options.Transport = "other"
	for name, test := range map[string]struct {
		batch []symphony.Outgoing
		want  []symphony.Problem
	}{
		"nothing":  {nil, []symphony.Problem{{"messages", "must have 1 to 1000 entries, has 0"}}},
		"too many": {make([]symphony.Outgoing, 1001), []symphony.Problem{{"messages", "must have 1 to 1000 entries, has 1001"}}},
		"every problem, with its message": {
			[]symphony.Outgoing{good, {Message: symphony.Message{Payload: json.RawMessage(`[]`)}}, good, {Message: good.Message, Options: symphony.DispatchOptions{Priority: 11, Transport: "none"}}},
			[]symphony.Problem{
				{"messages[1].message.type", "is required"},
				{"messages[1].message.payload", "must be a JSON object"},
				{"messages[3].options.priority", "must be 1 to 10"},
				{"messages[3].options.transport", `unknown transport "none" (known: default, other)`},
			},
		},
		"two storages": {
			[]symphony.Outgoing{good, elsewhere},
			[]symphony.Problem{{"messages[1].options.transport", `"other" is kept in another storage than "default" of the messages before; a batch is stored all or nothing`}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := bus.DispatchBatch(t.Context(), test.batch)
			if diff := cmp.Diff(test.want, problemsOf(t, err)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			if n := len(receive(t, main[0])) + len(receive(t, other[0])); n != 0 {
				t.Errorf("%d messages of a refused batch were stored", n)
			}
		})
	}
}

func TestDispatchBatch_is_refused_as_a_whole_for_a_conflict(t *testing.T) {
	transports := open(t, symphony.SystemClock(), "default")
	bus := newBus(t, symphony.BusOptions{}, transports...)
	keyed := func(key, payload string) symphony.Outgoing {
		return symphony.Outgoing{Message: symphony.Message{Type: "t", Payload: json.RawMessage(payload)}, Options: symphony.DispatchOptions{IdempotencyKey: key}}
	}
	if _, err := bus.DispatchBatch(t.Context(), []symphony.Outgoing{keyed("a", `{"n":1}`), keyed("b", `{}`), keyed("a", `{"n":2}`)}); !errors.Is(err, symphony.ErrConflict) {
		t.Fatalf("error = %v, want ErrConflict", err)
	}
	if got := receive(t, transports[0]); len(got) != 0 {
		t.Errorf("%d messages were stored", len(got))
	}
	receipts, err := bus.DispatchBatch(t.Context(), []symphony.Outgoing{keyed("a", `{"n":1}`), keyed("a", `{"n":1.0}`)})
	if err != nil {
		t.Fatal(err)
	}
	if receipts[0].Duplicate || !receipts[1].Duplicate || receipts[0].ID != receipts[1].ID {
		t.Errorf("receipts = %+v, want one message", receipts)
	}
}

func TestNewBus_refuses(t *testing.T) {
	main, other := open(t, symphony.SystemClock(), "default", "email"), open(t, symphony.SystemClock(), "other")
	all := append(main, other...)
	for name, test := range map[string]struct {
		transports []symphony.Transport
		options    symphony.BusOptions
		want       []string
	}{
		"no transports":        {nil, symphony.BusOptions{}, []string{"a bus needs at least one transport"}},
		"no transport":         {append(all[:len(all):len(all)], nil), symphony.BusOptions{}, []string{"transport 4 of 4 is nil"}},
		"one name twice":       {append(all, main[1]), symphony.BusOptions{}, []string{`transport "email" is given twice`}},
		"a bad name":           {[]symphony.Transport{main[0], inline.Open(symphony.NewMux(), inline.Options{Name: "a b"})}, symphony.BusOptions{}, []string{`transport "a b": name must consist of letters, digits and . _ - : only`}},
		"an unknown default":   {all, symphony.BusOptions{Default: "x"}, []string{`default transport: unknown transport "x" (known: default, email, other)`}},
		"a bad pattern":        {all, symphony.BusOptions{Routes: map[string][]string{"a*": {"email"}}}, []string{`route: pattern "a*": "*" may stand alone or end a pattern as ".*"`}},
		"an unknown route":     {all, symphony.BusOptions{Routes: map[string][]string{"a": {"email", "x"}}}, []string{`route a: unknown transport "x" (known: default, email, other)`}},
		"a route to nowhere":   {all, symphony.BusOptions{Routes: map[string][]string{"a": {}}}, []string{"route a: names no transport"}},
		"a route to one twice": {all, symphony.BusOptions{Routes: map[string][]string{"a": {"email", "email"}}}, []string{`route a: names transport "email" twice`}},
		"two storages":         {all, symphony.BusOptions{Routes: map[string][]string{"a": {"email", "other"}}}, []string{`route a: transports "email" and "other" are kept in different storages, so a message for both could not be stored all or nothing`}},
		"unknown defaults":     {all, symphony.BusOptions{Defaults: map[string]symphony.TransportDefaults{"x": {}}}, []string{`defaults: unknown transport "x" (known: default, email, other)`}},
		"bad defaults":         {all, symphony.BusOptions{Defaults: map[string]symphony.TransportDefaults{"email": {Queue: "a b", Priority: 11}}}, []string{`transport "email": queue must consist of letters, digits and . _ - : only`, `transport "email": priority must be 1 to 10`}},
		"negative limits":      {all, symphony.BusOptions{MaxMessageBytes: -1}, []string{"limits must not be negative"}},
		"a negative window":    {all, symphony.BusOptions{IdempotencyWindow: -1}, []string{"limits must not be negative"}},
		"everything at once": {
			nil, symphony.BusOptions{Default: "x", Routes: map[string][]string{"b": {"y"}, "a": nil}, IdempotencyWindow: -1},
			[]string{"a bus needs at least one transport", `default transport: unknown transport "x"`, "route a: names no transport", `route b: unknown transport "y"`, "limits must not be negative"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := symphony.NewBus(test.transports, test.options)
			if err == nil {
				t.Fatal("no error")
			}
			if diff := cmp.Diff(test.want, strings.Split(err.Error(), "\n")); diff != "" {
				t.Errorf("mistakes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBus_knows_its_transports(t *testing.T) {
	main := open(t, symphony.SystemClock(), "default")
	bus := newBus(t, symphony.BusOptions{}, main[0], inline.Open(symphony.NewMux(), inline.Options{}))
	if tr, err := bus.Transport("default"); err != nil || tr != main[0] {
		t.Errorf("Transport(default) = %v, %v", tr, err)
	}
	_, err := bus.Transport("x")
	var unknown *symphony.UnknownTransportError
	if !errors.As(err, &unknown) || !errors.Is(err, symphony.ErrUnknownTransport) || err.Error() != `unknown transport "x" (known: default, sync)` {
		t.Errorf("Transport(x): error = %v", err)
	} else if want := (symphony.UnknownTransportError{Name: "x", Known: []string{"default", "sync"}}); !cmp.Equal(*unknown, want) {
		t.Errorf("Transport(x): error = %+v, want %+v", *unknown, want)
	}
	if _, err := bus.Failed("x"); !errors.Is(err, symphony.ErrUnknownTransport) {
		t.Errorf("Failed(x): error = %v", err)
	}
	if _, err := bus.Failed("sync"); !errors.Is(err, symphony.ErrUnsupported) {
		t.Errorf("Failed(sync): error = %v", err)
	}
	if _, err := bus.Failed("default"); err != nil {
		t.Errorf("Failed(default): error = %v", err)
	}
}

func TestDispatch_passes_on_the_errors_of_the_transport(t *testing.T) {
	transports := open(t, symphony.SystemClock(), "default")
	bus := newBus(t, symphony.BusOptions{}, transports...)
	if err := transports[0].Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := bus.Dispatch(t.Context(), "t", struct{}{}, symphony.DispatchOptions{}); !errors.Is(err, symphony.ErrClosed) {
		t.Errorf("Dispatch: error = %v, want ErrClosed", err)
	}
	batch := []symphony.Outgoing{{Message: symphony.Message{Type: "t", Payload: json.RawMessage(`{}`)}}}
	if _, err := bus.DispatchBatch(t.Context(), batch); !errors.Is(err, symphony.ErrClosed) {
		t.Errorf("DispatchBatch: error = %v, want ErrClosed", err)
	}
}

// The ids of a batch are in its order, so that it is listed, exported and replayed in it.
func TestDispatchBatch_ids_are_in_order(t *testing.T) {
	bus := newBus(t, symphony.BusOptions{}, open(t, newClock(0), "default")...)
	batch := make([]symphony.Outgoing, symphony.MaxBatch)
	for i := range batch {
		batch[i] = symphony.Outgoing{Message: symphony.Message{Type: "T", Payload: json.RawMessage(`{}`)}}
	}
	receipts, err := bus.DispatchBatch(t.Context(), batch)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSortedFunc(receipts, func(a, b symphony.Receipt) int { return strings.Compare(a.ID, b.ID) }) {
		t.Error("they are not")
	}
}

// positive is a schema: the member n of a payload is above 0.
type positive struct{}

func (positive) CheckPayload(_ string, payload json.RawMessage) []symphony.Problem {
	var p struct{ N int }
	if json.Unmarshal(payload, &p) != nil || p.N <= 0 {
		return []symphony.Problem{{Path: "n", Message: "must be above 0"}}
	}
	return nil
}

func TestDispatch_checks_payloads_by_their_schemas(t *testing.T) {
	transports := open(t, newClock(0), "default")
	bus := newBus(t, symphony.BusOptions{Schemas: positive{}}, transports...)
	for payload, want := range map[string][]string{`{"N": 1}`: nil, `{"N": 0}`: {"message.payload.n"}} {
		_, err := bus.DispatchMessage(t.Context(), symphony.Message{Type: "t", Payload: json.RawMessage(payload)}, symphony.DispatchOptions{})
		var got []string
		if invalid := new(symphony.ValidationError); errors.As(err, &invalid) {
			for _, p := range invalid.Problems {
				got = append(got, p.Path)
			}
		} else if err != nil {
			t.Errorf("%s: %v", payload, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: problems (-want +got):\n%s", payload, diff)
		}
	}
	if got := receive(t, transports[0]); len(got) != 1 || string(got[0].Payload) != `{"N": 1}` {
		t.Errorf("stored are %v", got)
	}
}

// of is a transport that is of some storage.
type of struct {
	symphony.Transport
	name    string
	storage any
}

func (o of) Name() string                        { return o.name }
func (o of) Capabilities() symphony.Capabilities { return symphony.Capabilities{Storage: o.storage} }

func TestBus_a_transport_that_names_no_storage_shares_none(t *testing.T) {
	bus := newBus(t, symphony.BusOptions{}, of{name: "a", storage: 1}, of{name: "b", storage: 1}, of{name: "c", storage: 2}, of{name: "none"}, of{name: "nor"})
	for _, test := range []struct {
		first, second string
		want          bool
	}{
		{"a", "b", true}, {"a", "a", true}, {"a", "c", false}, {"none", "nor", false}, {"none", "none", true}, {"a", "none", false},
		{"a", "unknown", false}, {"unknown", "unknown", false},
	} {
		if got := bus.SameStorage(test.first, test.second); got != test.want {
			t.Errorf("%s and %s: got %v, want %v", test.first, test.second, got, test.want)
		}
	}
	_, err := symphony.NewBus([]symphony.Transport{of{name: "none"}, of{name: "nor"}}, symphony.BusOptions{Routes: map[string][]string{"*": {"none", "nor"}}})
	if err == nil {
		t.Error("a route to both was accepted")
	}
}

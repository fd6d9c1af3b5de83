package postgres

import (
	"slices"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/internal/pgtest"
	"github.com/symphony-messenger/symphony/symphonytest/testclock"
)

// What an older release has stored has no marks, and is found all the same, once. Marks go when their messages have
// gone, and not before.
func TestMarks_of_older_releases_and_of_what_is_gone(t *testing.T) {
	t.Parallel()
	clock := testclock.New(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
	tr, err := Open(t.Context(), pgtest.URL(t), quiet(Options{Clock: clock}))
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	bus := busOf(t, tr)
	do := func(sql string, params ...[]byte) (n int) {
		t.Helper()
		err := tr.do(t.Context(), "test", call{query: &query{sql: sql}, params: params, row: func(v [][]byte) error {
			n = int(int8Column(v[0]))
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	const marks = "SELECT count(*) FROM {schema}.messenger_marks"
	var want []string
	send := func(n int) {
		t.Helper()
		for i := range n {
			o := symphony.DispatchOptions{Tags: []string{"b"}}
			if i%3 == 1 {
				o = symphony.DispatchOptions{}
			}
			r, err := bus.Dispatch(t.Context(), "Job", map[string]any{}, o)
			if err != nil {
				t.Fatal(err)
			}
			clock.Advance(time.Millisecond)
			if o.Tags != nil {
				want = append(want, r.ID)
			}
		}
	}
	send(9)
	got, err := tr.Receive(t.Context(), symphony.ReceiveOptions{Max: 4})
	if err != nil || len(got) != 4 {
		t.Fatal(got, err)
	}
	for i, outcome := range []symphony.Outcome{symphony.Fail, symphony.Ack, symphony.Ack, symphony.Retry} {
		tr.Settle(t.Context(), []symphony.Settlement{{Lease: got[i].Lease, Outcome: outcome, Error: "e"}})
	}
	if _, err := tr.CancelMessage(t.Context(), want[len(want)-1], symphony.Cancellation{}); err != nil {
		t.Fatal(err)
	}
	if tr.Unmark(t, want[len(want)-1]); do(marks) != 0 {
		t.Fatal("there are marks still")
	}
	send(4)
	for steps := 0; ; steps++ {
		for _, oldest := range []bool{false, true} {
			var found []string
			f := symphony.MessageFilter{Tags: []string{"b"}}
			q := symphony.MessageQuery{MessageFilter: f, Oldest: oldest, Limit: 2}
			for more := true; more; more = q.After != "" {
				page, err := tr.ListMessages(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range page.Messages {
					found = append(found, m.ID)
				}
				q.After = page.Next
			}
			if !oldest {
				slices.Reverse(found)
			}
			if !slices.Equal(found, want) {
				t.Fatalf("after %d steps, oldest first %t: got %v, want %v", steps, oldest, found, want)
			}
		}
		after, err := tr.markedAfter(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if after == "" {
			break
		}
		if steps > 20 {
			t.Fatal("the older messages get no marks")
		}
		if _, err := tr.markSome(t.Context(), 3); err != nil {
			t.Fatal(err)
		}
	}
	if err := tr.forgetMarks(t.Context()); err != nil || do(marks) != len(want) {
		t.Errorf("%d marks while all are kept, %v; want %d", do(marks), err, len(want))
	}
	gone, _ := parseUUID(want[len(want)-1])
	do("DELETE FROM {schema}.messenger_messages WHERE id = $1::uuid", gone[:])
	if err := tr.forgetMarks(t.Context()); err != nil || do(marks) != len(want)-1 {
		t.Errorf("%d marks when a message has gone, %v; want %d", do(marks), err, len(want)-1)
	}
}

// The database makes the same marks of what is stored as this program does, whatever it is.
func TestMarks_are_those_of_the_envelope(t *testing.T) {
	t.Parallel()
	tr, err := Open(t.Context(), pgtest.URL(t), quiet(Options{}))
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	ask := func(sql string, params ...[]byte) (list []string) {
		t.Helper()
		err := tr.do(t.Context(), "test", call{query: &query{sql: sql}, params: params, row: func(v [][]byte) error {
			list = append(list, string(v[0]))
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	for name, e := range map[string]symphony.Envelope{
		"nothing":        {},
		"a caller":       {DispatchedBy: `user:"tags":`},
		"a key":          {IdempotencyKey: "once"},
		"a story":        {CorrelationID: "s", CausationID: "c"},
		"keys":           {Flow: &symphony.Flow{GroupKey: "g", ConcurrencyKey: "k"}},
		"an order":       {Flow: &symphony.Flow{GroupKey: "größe", Ordered: true}},
		"a debounce key": {Flow: &symphony.Flow{DebounceKey: "d"}},
		"tags":           {Terms: &symphony.Terms{Tags: []string{"a", `b"\`, "größe:1"}}},
		"a URL":          {Terms: &symphony.Terms{URL: "https://example.com"}},
		"tags of a payload": {Terms: &symphony.Terms{OnFailure: &symphony.Callback{Type: "T",
			Payload: []byte(`{"tags":["x"]}`)}}},
		"all of it": {IdempotencyKey: "k", CorrelationID: "s", DispatchedBy: "user:ada",
			Flow: &symphony.Flow{GroupKey: "g"}, Terms: &symphony.Terms{Tags: []string{"t"}}},
	} {
		e.ID, e.Transport, e.Queue, e.Type, e.Priority = symphony.NewID(time.Now()), tr.Name(), "q", "T", 5
		e.Payload, e.CreatedAt = []byte("{}"), time.Now()
		if _, err := tr.Send(t.Context(), []*symphony.Envelope{&e}); err != nil {
			t.Fatal(err)
		}
		id, _ := parseUUID(e.ID)
		got, want := ask("SELECT mark FROM {schema}.messenger_marks WHERE id = $1::uuid", id[:]), e.Marks()
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if got := ask("SELECT {schema}.messenger_marks_of('k', '{broken')::text"); len(got) != 1 || got[0] != "{}" {
		t.Errorf("of what cannot be read: %q", got)
	}
}

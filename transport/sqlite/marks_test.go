package sqlite

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/symphonytest/testclock"
	"zombiezen.com/go/sqlite"
)

// marksIn counts the marks that are stored.
func marksIn(t *testing.T, tr *Transport) (n int) {
	t.Helper()
	err := tr.read(t.Context(), "read", func(r *reader) error {
		return r.query("SELECT count(*) FROM messenger_marks", func(s *sqlite.Stmt) bool {
			n = s.ColumnInt(0)
			return false
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// What an older release has stored has no marks, and is found all the same, once, also while housekeeping gives it
// some.
func TestMarks_of_older_releases(t *testing.T) {
	clock := testclock.New(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
	tr, bus := openTest(t, Options{Clock: clock})
	var want []string
	send := func(n int) {
		t.Helper()
		for i := range n {
			o := symphony.DispatchOptions{Tags: []string{"b"}}
			if i%3 == 1 {
				o = symphony.DispatchOptions{}
			}
			r, err := bus.Dispatch(t.Context(), "Job", json.RawMessage(`{}`), o)
			if err != nil {
				t.Fatal(err)
			}
			clock.Advance(time.Millisecond)
			if o.Tags != nil {
				want = append(want, r.ID)
			}
		}
	}
	send(20)
	got, err := tr.Receive(t.Context(), symphony.ReceiveOptions{Max: 10})
	if err != nil || len(got) != 10 {
		t.Fatal(got, err)
	}
	for i := range got {
		st := symphony.Settlement{Lease: got[i].Lease, Outcome: symphony.Fail, Error: "e"}
		if i%2 == 0 {
			st.Outcome = symphony.Ack
		}
		tr.Settle(t.Context(), []symphony.Settlement{st})
	}
	if tr.Unmark(t, want[len(want)-1]); marksIn(t, tr) != 0 {
		t.Fatal("there are marks still")
	}
	send(5)
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
		if !tr.unmarked() {
			break
		}
		if steps > 20 {
			t.Fatal("the older messages get no marks")
		}
		if err := tr.fillMarks(t.Context(), 4); err != nil {
			t.Fatal(err)
		}
	}
	if n := marksIn(t, tr); n != len(want) {
		t.Errorf("%d marks, want %d", n, len(want))
	}
	wantMarks(t, tr)
}

// wantMarks compares the marks that are stored with those of all messages.
func wantMarks(t *testing.T, tr *Transport) {
	t.Helper()
	var got, want []string
	err := tr.read(t.Context(), "read", func(r *reader) error {
		err := r.query("SELECT mark || ' of ' || id FROM messenger_marks", func(s *sqlite.Stmt) bool {
			got = append(got, s.ColumnText(0))
			return true
		})
		if err != nil {
			return err
		}
		return r.query(`SELECT id, idempotency_key, extras FROM messenger_messages UNION ALL
			SELECT message_id, idempotency_key, extras FROM messenger_failed_messages`, func(s *sqlite.Stmt) bool {
			e := symphony.Envelope{ID: s.ColumnText(0), IdempotencyKey: s.ColumnText(1)}
			if err := e.DecodeExtras(columnBytes(s, 2)); err != nil {
				t.Error(err)
			}
			for _, mark := range e.Marks() {
				want = append(want, mark+" of "+e.ID)
			}
			return true
		})
	})
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("marks (-want +got): %v\n%s", err, diff)
	}
}

// Marks are exactly those of the messages that are stored, wherever these are and however they go.
func TestMarks_go_with_their_messages(t *testing.T) {
	clock := testclock.New(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
	tr, bus := openTest(t, Options{Clock: clock, Retention: time.Hour})
	var ids []string
	for i := range 9 {
		o := symphony.DispatchOptions{Tags: []string{"a", "b"}, GroupKey: "g", IdempotencyKey: fmt.Sprint("key", i)}
		if i == 8 {
			o = symphony.DispatchOptions{DispatchedBy: "user:ada"}
		}
		r, err := bus.Dispatch(t.Context(), "Job", json.RawMessage(`{}`), o)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, r.ID)
	}
	check := func(n int) {
		t.Helper()
		if got := marksIn(t, tr); got != n {
			t.Errorf("%d marks, want %d", got, n)
		}
		wantMarks(t, tr)
	}
	check(32)
	got, err := tr.Receive(t.Context(), symphony.ReceiveOptions{Max: 4})
	if err != nil || len(got) != 4 {
		t.Fatal(got, err)
	}
	for i, outcome := range []symphony.Outcome{symphony.Ack, symphony.Fail, symphony.Fail, symphony.Retry} {
		tr.Settle(t.Context(), []symphony.Settlement{{Lease: got[i].Lease, Outcome: outcome, Error: "e"}})
	}
	check(32)
	// One is deleted, one cancelled and kept, one edited; of the failed ones one is deleted and one retried.
	if err := tr.DeleteMessage(t.Context(), ids[5]); err != nil {
		t.Fatal(err)
	}
	check(28)
	if _, err := tr.CancelMessage(t.Context(), ids[6], symphony.Cancellation{}); err != nil {
		t.Fatal(err)
	}
	err = tr.EditMessage(t.Context(), ids[7], func(e *symphony.Envelope) error {
		e.Terms = &symphony.Terms{Tags: []string{"b", "c", "d"}}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	check(29)
	page, err := tr.ListMessages(t.Context(), symphony.MessageQuery{ByFailure: true})
	if err != nil || len(page.Messages) != 2 {
		t.Fatal(page, err)
	}
	moves := []symphony.FailedMove{{ID: page.Messages[0].FailedID},
		{ID: page.Messages[1].FailedID, NewID: symphony.NewID(clock.Now())}}
	if n, err := tr.MoveFailed(t.Context(), moves); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	check(25)
	// What was completed or cancelled comes to the end of its period.
	clock.Advance(2 * time.Hour)
	if err := tr.purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	check(17)
	if n, err := tr.Purge(t.Context(), flow.PurgeFilter{}, nil); err != nil || n == 0 {
		t.Fatal(n, err)
	}
	check(0)
}

// Counts by a mark are exact up to as many as a page looks at, and beyond that where that is asked for.
func TestMarks_are_counted(t *testing.T) {
	tr, bus := openTest(t, Options{})
	list := make([]symphony.Outgoing, 700)
	for i := range list {
		list[i].Message = symphony.Message{Type: "Job", Payload: json.RawMessage(`{}`)}
		list[i].Options.Tags = []string{"a"}
	}
	messages, err := bus.Messages(tr.Name())
	if err != nil {
		t.Fatal(err)
	}
	for range 15 {
		if _, err := bus.DispatchBatch(t.Context(), list); err != nil {
			t.Fatal(err)
		}
	}
	f := symphony.MessageFilter{Tags: []string{"a"}}
	for exact, want := range map[bool]int64{false: markedScan, true: 10_500} {
		page, err := messages.Counts(t.Context(), f, exact)
		if err != nil || page.Total != want || (page.Next == "") != exact {
			t.Errorf("exact %t: got %d, further %q, %v; want %d", exact, page.Total, page.Next, err, want)
		}
	}
}

package postgres

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/internal/pgtest"
	"github.com/symphony-messenger/symphony/storage"
	"github.com/symphony-messenger/symphony/symphonytest/testclock"
)

// nodesWithIndexes opens nodes of one new database, each with the indexes of metadata that it names.
func nodesWithIndexes(t *testing.T, clock symphony.Clock) (open func(indexes ...storage.Index) *Transport) {
	t.Helper()
	url := pgtest.URL(t)
	return func(indexes ...storage.Index) *Transport {
		t.Helper()
		tr, err := Open(t.Context(), url, quiet(Options{Clock: clock, Indexes: indexes}))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { tr.Close() })
		return tr
	}
}

// An index that one node names holds for messages of all nodes, and for those of before. When no node has named it for
// a day it is dropped, and messages are looked at one after the other.
func TestMetadataIndexes_hold_on_all_nodes(t *testing.T) {
	t.Parallel()
	clock := testclock.New(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
	open := nodesWithIndexes(t, clock)
	plain := open()
	var want []string
	send := func(tr *Transport, typ, id string) string {
		t.Helper()
		o := symphony.DispatchOptions{Metadata: map[string]any{"customer": map[string]any{"id": json.Number(id)}}}
		r, err := busOf(t, tr).Dispatch(t.Context(), typ, map[string]any{}, o)
		if err != nil {
			t.Fatal(err)
		}
		clock.Advance(time.Millisecond)
		return r.ID
	}
	find := func(when string, tr *Transport, indexed bool) {
		t.Helper()
		var got []string
		f := symphony.MessageFilter{Type: "Order", Metadata: map[string]string{"customer.id": "42"}}
		q := symphony.MessageQuery{MessageFilter: f, Oldest: true, Limit: 2}
		for more := true; more; more = q.After != "" {
			page, err := tr.ListMessages(t.Context(), q)
			if err != nil || page.Indexed != indexed {
				t.Fatalf("%s: by an index: %t, %v; want %t", when, page.Indexed, err, indexed)
			}
			for _, m := range page.Messages {
				got = append(got, m.ID)
			}
			q.After = page.Next
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", when, got, want)
		}
	}
	number := func(sql string) (n int) {
		t.Helper()
		err := plain.do(t.Context(), "test", call{query: &query{sql: sql}, row: func(v [][]byte) error {
			n = int(int8Column(v[0]))
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	const marks = "SELECT count(*) FROM {schema}.messenger_marks"
	const triggers = "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'messenger_marked_metadata%'"
	want = append(want, send(plain, "Order", "42"), send(plain, "Order", "42"))
	send(plain, "Order", "43")
	find("without an index", plain, false)
	if n := number(triggers); n != 0 {
		t.Errorf("%d triggers without an index", n)
	}

	naming := open(storage.Index{Type: "Order", Path: "customer.id"})
	find("while they are marked", naming, true)
	for {
		if n, err := naming.markSome(t.Context(), 2); err != nil {
			t.Fatal(err)
		} else if n == 0 {
			break
		}
		find("while they are marked", plain, true)
	}
	want = append(want, send(plain, "Order", "42"))
	send(plain, "Other", "42")
	find("by the node that does not name it", plain, true)
	find("by the node that does", naming, true)
	if n := number(marks); n != 4 {
		t.Errorf("%d marks, want 4", n)
	}
	edited := send(plain, "Order", "7")
	err := plain.EditMessage(t.Context(), edited, func(e *symphony.Envelope) error {
		e.Metadata = map[string]any{"customer": map[string]any{"id": json.Number("42")}}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, edited)
	find("with one that was edited", naming, true)

	clock.Advance(23*time.Hour + time.Minute)
	naming.declareIndexes(t.Context())
	clock.Advance(23 * time.Hour)
	plain.declareIndexes(t.Context())
	find("while it is named", plain, true)
	if err := naming.Close(); err != nil {
		t.Fatal(err)
	}
	clock.Advance(25 * time.Hour)
	plain.declareIndexes(t.Context())
	find("when nobody names it", plain, false)
	if n := number(triggers); n != 0 {
		t.Errorf("%d triggers when nobody names it", n)
	}
	want = append(want, send(plain, "Order", "42"))
	open(storage.Index{Type: "Order", Path: "customer.id"})
	find("when it is named again", plain, true)
}

// The node that names a new index gives older messages their marks; where it goes before it has, another one does.
func TestMetadataIndexes_are_completed_by_whichever_node_is_left(t *testing.T) {
	clock := testclock.New(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
	open := nodesWithIndexes(t, clock)
	left := open()
	o := symphony.DispatchOptions{Metadata: map[string]any{"customer": "c1"}}
	if _, err := busOf(t, left).Dispatch(t.Context(), "Order", map[string]any{}, o); err != nil {
		t.Fatal(err)
	}
	tagged := symphony.MessageQuery{MessageFilter: symphony.MessageFilter{Tags: []string{"a"}}}
	if _, err := left.ListMessages(t.Context(), tagged); err != nil { // from here on it knows that all have marks
		t.Fatal(err)
	}
	if err := left.markOlder(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := open(storage.Index{Type: "Order", Path: "customer"}).Close(); err != nil {
		t.Fatal(err)
	}
	border := func() (after string) {
		t.Helper()
		err := left.do(t.Context(), "test", call{query: readMarked, row: func(v [][]byte) error {
			after = string(v[0])
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		return after
	}
	if border() == "" {
		t.Fatal("nothing is left to be given marks")
	}
	clock.Advance(2 * time.Minute)
	if err := left.DoDuties(); err != nil {
		t.Fatal(err)
	}
	if after := border(); after != "" {
		t.Errorf("messages up to %s have no marks", after)
	}
}

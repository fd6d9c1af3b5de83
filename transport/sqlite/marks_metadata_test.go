package sqlite

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"testing"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

// What was stored before an index was configured is found all the same, also while it gets its marks; an index that is
// no longer configured leaves none behind, and is not looked up by.
func TestMetadataIndexes_are_settled_at_the_start(t *testing.T) {
	path := filepath.Join(t.TempDir(), "queue.db")
	var (
		tr   *Transport
		bus  *symphony.Bus
		want []string
	)
	open := func(indexes ...storage.Index) {
		t.Helper()
		if tr != nil {
			if err := tr.Close(); err != nil {
				t.Fatal(err)
			}
		}
		var err error
		if tr, err = Open(t.Context(), path, Options{Indexes: indexes}); err != nil {
			t.Fatal(err)
		}
		if bus, err = symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	send := func(typ, id string) string {
		t.Helper()
		o := symphony.DispatchOptions{Metadata: map[string]any{"customer": map[string]any{"id": json.Number(id)}}}
		r, err := bus.Dispatch(t.Context(), typ, json.RawMessage(`{}`), o)
		if err != nil {
			t.Fatal(err)
		}
		return r.ID
	}
	find := func(when string, indexed bool) {
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
	marks := func(when string, want int) {
		t.Helper()
		if got := marksIn(t, tr); got != want {
			t.Errorf("%s: %d marks, want %d", when, got, want)
		}
	}
	index := storage.Index{Type: "Order", Path: "customer.id"}
	open()
	want = append(want, send("Order", "42"), send("Order", "42"))
	send("Order", "43")
	send("Other", "42")
	find("without an index", false)
	marks("without an index", 0)

	open(index)
	for tr.unmarked() {
		find("while they are marked", true)
		if err := tr.fillMarks(t.Context(), 2); err != nil {
			t.Fatal(err)
		}
	}
	want = append(want, send("Order", "42"))
	send("Other", "42")
	find("with an index", true)
	marks("with an index", 4)
	messages, err := bus.Messages(tr.Name())
	if err != nil {
		t.Fatal(err)
	}
	f := symphony.MessageFilter{Type: "Order", Metadata: map[string]string{"customer.id": "42"}}
	if page, err := messages.Counts(t.Context(), f, true); err != nil || page.Total != 3 || page.Next != "" {
		t.Errorf("counted %d, further %q, %v; want 3", page.Total, page.Next, err)
	}

	open(index)
	if tr.unmarked() {
		t.Error("with the index of before, messages are marked again")
	}
	open()
	want = append(want, send("Order", "42"))
	find("without the index", false)
	marks("without the index", 4)
	for _, id := range want {
		if err := tr.DeleteMessage(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	marks("when they are gone", 1)
	want = nil
	open(storage.Index{Type: "*", Path: "customer.id"})
	find("with another one", true)
	if tr.unmarked() {
		if err := tr.fillMarks(t.Context(), 100); err != nil {
			t.Fatal(err)
		}
	}
	marks("with one of all types", 3)
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
}

package storage_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
	"github.com/symphony-messenger/symphony/symphonytest"
	"github.com/symphony-messenger/symphony/transport/inline"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

func TestList_reads_all_pages(t *testing.T) {
	tr := symphonytest.Storage(t, sqlite.Options{})
	var want []string
	for i := range 1201 {
		id := fmt.Sprintf("%04d", i)
		want = append(want, id)
		if err := storage.Put(t.Context(), tr, "k", id, []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
	}
	if err := storage.Put(t.Context(), tr, "other", "0500", []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	list, err := storage.List(t.Context(), tr, "k")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range list {
		got = append(got, r.ID)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %d records, want %d, in the order of their ids", len(got), len(want))
	}
}

// An id with a neighbour on each side, one of which it is the beginning of.
func TestOnce_makes_one_for_all_that_ask_at_the_same_time(t *testing.T) {
	tr := symphonytest.Storage(t, sqlite.Options{})
	answers := make([]string, 20)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() {
			raw, err := storage.Once(t.Context(), tr, "kind", "current", fmt.Appendf(nil, "%d", i))
			if err != nil {
				t.Error(err)
			}
			answers[i] = string(raw)
		})
	}
	all.Wait()
	kept, err := storage.Get(t.Context(), tr, "kind", "current")
	if err != nil {
		t.Fatal(err)
	}
	for _, answer := range answers {
		if answer != string(kept) {
			t.Errorf("got %s, kept is %s", answer, kept)
		}
	}
}

func TestOne_record_is_a_range(t *testing.T) {
	tr := symphonytest.Storage(t, sqlite.Options{})
	for _, id := range []string{"a", "b", "b\x01", "b ", "c"} {
		if err := storage.Put(t.Context(), tr, "k", id, []byte(`"`+id+`"`)); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := storage.Get(t.Context(), tr, "k", "b"); err != nil || string(got) != `"b"` {
		t.Errorf("got %s, %v", got, err)
	}
	if err := storage.Delete(t.Context(), tr, "k", "b"); err != nil {
		t.Error(err)
	}
	list, err := storage.List(t.Context(), tr, "k")
	if err != nil || len(list) != 4 {
		t.Errorf("%d records are left, %v; want 4", len(list), err)
	}
	_, got := storage.Get(t.Context(), tr, "k", "b")
	for what, err := range map[string]error{"Get": got, "Delete": storage.Delete(t.Context(), tr, "k", "b")} {
		if !errors.Is(err, symphony.ErrNotFound) {
			t.Errorf("%s: got %v, want ErrNotFound", what, err)
		}
	}
}

// modest is a transport that could do more than it says.
type modest struct{ *sqlite.Transport }

func (modest) Capabilities() symphony.Capabilities { return symphony.Capabilities{} }

func TestParts_that_a_transport_lacks_are_unsupported(t *testing.T) {
	lacking := inline.Open(symphony.NewMux(), inline.Options{Name: "sync"})
	_, records := storage.RecordsOf(lacking)
	_, log := storage.LogOf(lacking)
	_, steps := storage.StepsOf(lacking)
	_, nodes := storage.NodesOf(lacking)
	one := symphonytest.Storage(t, sqlite.Options{})
	_, alone := storage.NodesOf(one)
	_, unsaid := storage.RecordsOf(modest{one})
	for what, err := range map[string]error{
		"records": records, "log": log, "steps": steps, "nodes": nodes, "nodes of one process": alone,
		"records that it does not say it keeps": unsaid,
	} {
		if !errors.Is(err, symphony.ErrUnsupported) {
			t.Errorf("%s: got %v, want ErrUnsupported", what, err)
		}
	}
}

func TestValidateRecord(t *testing.T) {
	for name, test := range map[string]struct {
		kind, id, data string
		want           []symphony.Problem
	}{
		"fine":         {"k", "a/1", "{}", nil},
		"kind":         {"\xff", "a", "{}", []symphony.Problem{{Path: "kind", Message: "must be valid UTF-8 without NUL"}}},
		"id":           {"k", "a\x00", "{}", []symphony.Problem{{Path: "id", Message: "must be valid UTF-8 without NUL"}}},
		"without data": {"k", "a", "", []symphony.Problem{{Path: "data", Message: "must not be empty"}}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []symphony.Problem
			var invalid *symphony.ValidationError
			if errors.As(storage.ValidateRecord(test.kind, test.id, []byte(test.data)), &invalid) {
				got = invalid.Problems
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

package metrics_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/metrics"
	"github.com/symphony-messenger/symphony/storage"
)

// dispatched tells a recorder of a message of each type.
func dispatched(r *metrics.Recorder, types ...string) {
	for _, typ := range types {
		r.MessagesDispatched([]*symphony.Envelope{{Transport: "default", Type: typ}}, []symphony.Receipt{{}})
	}
}

func typesOf(t *testing.T, r *metrics.Recorder) []metrics.SeenType {
	t.Helper()
	list, err := r.Types(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestTypes_are_remembered_by_all_and_across_restarts(t *testing.T) {
	storages(t, func(t *testing.T, store storage.Records) {
		clock := newClock()
		first := recorder(t, store, clock)
		dispatched(first, "Mail", "Shop/Order")
		want := []metrics.SeenType{{"default", "Mail", noon, noon}, {"default", "Shop/Order", noon, noon}}
		if diff := cmp.Diff(want, typesOf(t, first)); diff != "" {
			t.Errorf("before they are written (-want +got)\n%s", diff)
		}
		flush(t, first)
		clock.Advance(3 * time.Hour)
		second := recorder(t, store, clock)
		dispatched(second, "Mail")
		flush(t, second)
		want[0].Last = noon.Add(3 * time.Hour)
		third := recorder(t, store, clock)
		if diff := cmp.Diff(want, typesOf(t, third)); diff != "" {
			t.Errorf("after a restart (-want +got)\n%s", diff)
		}
	})
}

// counted counts the writes of records.
type counted struct {
	storage.Records
	writes map[string]int // by kind
}

func TestTypes_cost_a_write_an_hour(t *testing.T) {
	storages(t, func(t *testing.T, store storage.Records) {
		clock := newClock()
		count := &counted{store, make(map[string]int)}
		r := recorder(t, count, clock)
		for range 59 {
			dispatched(r, "Mail", "Mail", "Order")
			flush(t, r)
			clock.Advance(time.Minute)
		}
		if n := count.writes["metrics.types"]; n != 2 {
			t.Errorf("%d writes of types in an hour, want one for each type", n)
		}
	})
}

func TestTypes_that_are_not_seen_any_more_are_forgotten(t *testing.T) {
	storages(t, func(t *testing.T, store storage.Records) {
		clock := newClock()
		r := recorder(t, store, clock)
		dispatched(r, "Old")
		r.Housekeep(t.Context())
		clock.Advance(metrics.SeenFor - time.Hour)
		dispatched(r, "New")
		r.Housekeep(t.Context())
		if n := len(typesOf(t, r)); n != 2 {
			t.Errorf("%d types while both are remembered", n)
		}
		clock.Advance(25 * time.Hour)
		r.Housekeep(t.Context())
		if list := typesOf(t, r); len(list) != 1 || list[0].Type != "New" {
			t.Errorf("got %v, want New alone", list)
		}
	})
}

func TestTypes_that_could_not_be_written_are_written_later(t *testing.T) {
	storages(t, func(t *testing.T, store storage.Records) {
		clock := newClock()
		bad := &faulty{store, true}
		r := recorder(t, bad, clock)
		dispatched(r, "Mail")
		clock.Advance(2 * time.Minute)
		if err := r.Flush(t.Context()); err == nil {
			t.Fatal("the storage is away, and nobody says so")
		}
		bad.away = false
		flush(t, r)
		if list := typesOf(t, recorder(t, store, clock)); len(list) != 1 {
			t.Errorf("got %v", list)
		}
	})
}

func (c *counted) SwapRecord(ctx context.Context, kind, id string, old, new []byte) error {
	c.writes[kind]++
	return c.Records.SwapRecord(ctx, kind, id, old, new)
}

package metrics_test

import (
	"context"
	"fmt"
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
		want := []metrics.SeenType{{Transport: "default", Type: "Mail", First: noon, Last: noon},
			{Transport: "default", Type: "Shop/Order", First: noon, Last: noon}}
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

// inQueues tells a recorder of a message of a type in each queue: one was dispatched, of the next an attempt ended.
func inQueues(r *metrics.Recorder, typ string, queues ...string) {
	for i, queue := range queues {
		e := symphony.Envelope{Transport: "default", Type: typ, Queue: queue}
		if i%2 == 0 {
			r.MessagesDispatched([]*symphony.Envelope{&e}, nil)
			continue
		}
		r.AttemptsEnded([]symphony.EndedAttempt{{Transport: e.Transport, Type: typ, Queue: queue,
			Settlement: symphony.Settlement{Outcome: symphony.Ack}}})
	}
}

func TestTypes_have_the_queues_in_which_they_were_seen(t *testing.T) {
	storages(t, func(t *testing.T, store storage.Records) {
		clock := newClock()
		count := &counted{store, make(map[string]int)}
		first, second := recorder(t, count, clock), recorder(t, store, clock)
		inQueues(first, "Mail", "b", "a", "b")
		inQueues(first, "Order", "b")
		want := func(when string, r *metrics.Recorder, mail, order string) {
			t.Helper()
			list := typesOf(t, r)
			if len(list) != 2 || fmt.Sprint(list[0].Queues, list[0].MoreQueues) != mail ||
				fmt.Sprint(list[1].Queues, list[1].MoreQueues) != order {
				t.Errorf("%s: got %+v, want %s and %s", when, list, mail, order)
			}
		}
		want("before they are written", first, "[a b] false", "[b] false")
		flush(t, first)
		want("to others", second, "[a b] false", "[b] false")
		for range 5 { // the same again costs nothing, another queue one write
			clock.Advance(time.Minute)
			inQueues(first, "Mail", "a", "c", "b")
			flush(t, first)
		}
		if n := count.writes["metrics.types"]; n != 3 {
			t.Errorf("%d writes of types, want one for each type and one for a queue", n)
		}
		clock.Advance(time.Hour)
		inQueues(second, "Mail", "d")
		flush(t, second)
		want("of two processes", recorder(t, store, clock), "[a b c d] false", "[b] false")
	})
}

func TestTypes_remember_some_queues_and_that_there_were_more(t *testing.T) {
	storages(t, func(t *testing.T, store storage.Records) {
		clock := newClock()
		count := &counted{store, make(map[string]int)}
		r := recorder(t, count, clock)
		for i := range 2 * metrics.MaxTypeQueues {
			inQueues(r, "Mail", fmt.Sprintf("q%02d", i))
			flush(t, r)
		}
		for _, r := range []*metrics.Recorder{r, recorder(t, store, clock)} {
			list := typesOf(t, r)
			if len(list) != 1 || len(list[0].Queues) != metrics.MaxTypeQueues || !list[0].MoreQueues {
				t.Errorf("got %+v", list)
			}
		}
		if n := count.writes["metrics.types"]; n != metrics.MaxTypeQueues+1 {
			t.Errorf("%d writes, want one for each queue that is remembered and one for all others", n)
		}
	})
}

func TestTypes_of_an_older_release_have_no_queues(t *testing.T) {
	storages(t, func(t *testing.T, store storage.Records) {
		clock := newClock()
		old := []byte(`{"first":"2026-11-01T00:00:00Z","last":"2026-11-20T00:00:00Z"}`)
		if err := storage.Put(t.Context(), store, "metrics.types", "default/Mail", old); err != nil {
			t.Fatal(err)
		}
		r := recorder(t, store, clock)
		if list := typesOf(t, r); len(list) != 1 || list[0].Queues != nil || list[0].MoreQueues {
			t.Errorf("got %+v", list)
		}
		inQueues(r, "Mail", "a")
		flush(t, r)
		list := typesOf(t, recorder(t, store, clock))
		if len(list) != 1 || fmt.Sprint(list[0].Queues) != "[a]" || list[0].First.Day() != 1 {
			t.Errorf("once it was seen: %+v", list)
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

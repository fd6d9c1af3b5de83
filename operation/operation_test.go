package operation_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/operation"
	"github.com/symphony-messenger/symphony/storage"
	"github.com/symphony-messenger/symphony/symphonytest"
	"github.com/symphony-messenger/symphony/transport/sqlite"
	"github.com/symphony-messenger/symphony/transport/transporttest"
)

// bubble runs a test in a bubble of synctest, with a node that runs.
func bubble(t *testing.T, test func(f *fixture)) {
	synctest.Test(t, func(t *testing.T) { runs(newFixture(t), test) })
}

// runs does a test while the operations of a fixture run.
func runs(f *fixture, test func(f *fixture)) {
	wait(time.Second) // the first id is not at the edge of time
	stop := running(f.Operations)
	test(f)
	stop()
}

func TestOperation_retries_failed_messages(t *testing.T) {
	bubble(t, func(f *fixture) {
		f.fail(1200, "Mail")
		f.fail(7, "Other")
		op := f.start(operation.Request{Kind: operation.FailedRetry, Filter: &symphony.MessageFilter{Type: "Mail"}, By: "ada"})
		if op.State != operation.Running || op.Total == nil || *op.Total != 1200 || op.By != "ada" {
			f.Errorf("it began as %+v", op)
		}
		wait(time.Second)
		f.want(op.ID, operation.Completed, 1200, 0)
		f.wantCounts(1200, 0, 7)
		if op = f.get(op.ID); op.StartedAt.IsZero() || op.FinishedAt.IsZero() || op.Owner != "" || op.Error != "" {
			f.Errorf("it ended as %+v", op)
		}
	})
}

// What fails, or fails again, while an operation runs is left alone, however fast.
func TestOperation_leaves_alone_what_fails_later(t *testing.T) {
	bubble(t, func(f *fixture) {
		f.fail(10, "Mail")
		op := f.start(operation.Request{Kind: operation.FailedRetry, Filter: &symphony.MessageFilter{}, Rate: 2})
		for range 20 {
			wait(time.Second)
			f.settle(symphony.Fail)
		}
		f.want(op.ID, operation.Completed, 10, 0)
		f.wantCounts(0, 0, 10)
	})
}

func TestOperation_works_on_ids(t *testing.T) {
	bubble(t, func(f *fixture) {
		f.fail(700, "Mail")
		ids, err := transporttest.SelectFailed(context.Background(), f.tr, symphony.MessageFilter{}, 1000)
		if err != nil {
			f.Fatal(err)
		}
		op := f.start(operation.Request{Kind: operation.FailedDelete, IDs: append(slices.Clone(ids[:600]), "nope")})
		wait(time.Second)
		f.want(op.ID, operation.Completed, 600, 1)
		f.wantCounts(0, 0, 100)
		if op = f.get(op.ID); *op.Total != 601 || op.Selected != 601 {
			f.Errorf("it ended as %+v", op)
		}

		f.complete(3, "Done")
		f.dispatch(1, "Waiting")
		var chosen []string
		for _, m := range f.list(symphony.MessageFilter{}) {
			if m.Type != "Mail" {
				chosen = append(chosen, m.ID)
			}
		}
		op = f.start(operation.Request{Kind: operation.MessagesReplay, IDs: append(chosen, "nope")})
		wait(time.Second)
		f.want(op.ID, operation.Completed, 3, 2)
		f.wantCounts(4, 3, 100)
	})
}

func TestOperation_replays_completed_messages(t *testing.T) {
	bubble(t, func(f *fixture) {
		f.complete(90, "Order") // twice as many are kept in memory
		f.complete(5, "Other")
		f.fail(3, "Order")
		op := f.start(operation.Request{Kind: operation.MessagesReplay, Filter: &symphony.MessageFilter{Type: "Order"}, Rate: 20})
		for range 10 {
			wait(time.Second)
			f.settle(symphony.Ack) // what was replayed is completed at once, and not replayed again
		}
		f.want(op.ID, operation.Completed, 90, 0)
		if op = f.get(op.ID); op.Total == nil || *op.Total != 90 {
			f.Errorf("it ended as %+v", op)
		}
		f.wantCounts(0, 185, 3)
		byID := make(map[string]symphony.MessageInfo)
		all := f.list(symphony.MessageFilter{Type: "Order", Status: symphony.Completed})
		for _, m := range all {
			byID[m.ID] = m
		}
		seen := make(map[string]bool)
		for _, m := range all {
			if m.CausationID == "" {
				continue
			}
			first := byID[m.CausationID]
			if seen[first.ID] || string(m.Payload) != string(first.Payload) || m.CorrelationID != first.ID || m.Header(symphony.HeaderOperation) != op.ID {
				f.Errorf("message %+v was replayed as %+v", first, m)
			}
			seen[first.ID] = true
		}
		if len(seen) != 90 {
			f.Errorf("%d messages were replayed, want 90", len(seen))
		}
	})
}

// refusing refuses payloads of one type.
type refusing string

func (r refusing) CheckPayload(typ string, _ json.RawMessage) []symphony.Problem {
	if typ == string(r) {
		return []symphony.Problem{{Path: "n", Message: "is not wanted any more"}}
	}
	return nil
}

func TestOperation_skips_what_would_be_refused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.complete(3, "Old")
		f.complete(3, "New")
		later := on(t, f.tr, symphony.BusOptions{Schemas: refusing("Old")})
		defer running(later.Operations)()
		op := later.start(operation.Request{Kind: operation.MessagesReplay, Filter: &symphony.MessageFilter{}})
		wait(time.Second)
		later.want(op.ID, operation.Completed, 3, 3)
		if op = later.get(op.ID); !strings.Contains(op.Refused, "is not wanted any more") {
			t.Errorf("it ended as %+v", op)
		}
	})
}

func TestOperation_stops_at_once_and_resumes(t *testing.T) {
	bubble(t, func(f *fixture) {
		f.fail(100, "Mail")
		op := f.start(operation.Request{Kind: operation.FailedRetry, Filter: &symphony.MessageFilter{}, Rate: 20})
		wait(1900 * time.Millisecond)
		stopped, err := f.Stop(f.Context(), op.ID)
		if err != nil || stopped.State != operation.Stopped || stopped.Done == 0 || stopped.Done == 100 {
			f.Fatalf("stopped as %+v, %v", stopped, err)
		}
		wait(time.Hour)
		f.want(op.ID, operation.Stopped, stopped.Done, 0)
		f.wantCounts(stopped.Done, 0, 100-stopped.Done)
		if _, err := f.Stop(f.Context(), op.ID); err != nil {
			f.Errorf("stopping it again: %v", err)
		}
		if _, err := f.Resume(f.Context(), op.ID); err != nil {
			f.Fatal(err)
		}
		wait(10 * time.Second)
		f.want(op.ID, operation.Completed, 100, 0)
		var state *operation.StateError
		if _, err := f.Stop(f.Context(), op.ID); !errors.As(err, &state) {
			f.Errorf("stopping what is completed: %v", err)
		}
		if _, err := f.Resume(f.Context(), op.ID); !errors.As(err, &state) || !errors.Is(err, symphony.ErrConflict) {
			f.Errorf("resuming what is completed: %v", err)
		}
		if _, err := f.Resume(f.Context(), "nope"); !errors.Is(err, symphony.ErrNotFound) {
			f.Errorf("resuming what is not there: %v", err)
		}
	})
}

// In no second are more messages moved than the rate allows, and over time it is met.
func TestOperation_keeps_its_rate(t *testing.T) {
	for _, rate := range []int{1, 7, 50, 1000} {
		t.Run(fmt.Sprint(rate), func(t *testing.T) {
			bubble(t, func(f *fixture) {
				f.fail(rate*10, "Mail")
				op := f.start(operation.Request{Kind: operation.FailedRetry, Filter: &symphony.MessageFilter{}, Rate: rate})
				history := []int64{0}
				for range 100 {
					wait(100 * time.Millisecond)
					history = append(history, f.get(op.ID).Done)
				}
				for i := 10; i < len(history); i++ {
					if moved := history[i] - history[i-10]; moved > int64(rate)+int64(max(rate/20, 1)) {
						f.Errorf("%d messages from %d to %d tenths of a second, want at most %d a second", moved, i-10, i, rate)
					}
				}
				if n := history[len(history)-1]; n < int64(rate)*98/10 {
					f.Errorf("%d messages in 10 seconds, want about %d", n, rate*10)
				}
			})
		})
	}
}

func TestOperation_waits_while_a_queue_drains(t *testing.T) {
	bubble(t, func(f *fixture) {
		f.complete(5, "Order")
		control := f.tr.(flow.Control)
		if err := control.Hold(f.Context(), flow.Hold{Mode: flow.Draining}); err != nil {
			f.Fatal(err)
		}
		op := f.start(operation.Request{Kind: operation.MessagesReplay, Filter: &symphony.MessageFilter{}})
		wait(time.Hour)
		if got := f.get(op.ID); got.State != operation.Running || !strings.Contains(got.Error, "drain") {
			f.Errorf("while it drains: %+v", got)
		}
		if err := control.Release(f.Context(), flow.HoldTarget{}); err != nil {
			f.Fatal(err)
		}
		wait(time.Minute)
		f.want(op.ID, operation.Completed, 5, 0)
		if got := f.get(op.ID); got.Error != "" {
			f.Errorf("it ended as %+v", got)
		}
	})
}

func TestOperations_are_listed_newest_first_and_forgotten(t *testing.T) {
	// An hour instead of a week, which is many ticks of housekeeping.
	const retention = time.Hour
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		var err error
		f.Operations, err = operation.New(f.bus, operation.Options{Node: "node", Retention: retention, Logger: f.log.logger()})
		if err != nil {
			t.Fatal(err)
		}
		runs(f, listedAndForgotten(retention))
	})
}

// listedAndForgotten lists operations, and finds nothing of them after so much time.
func listedAndForgotten(retention time.Duration) func(f *fixture) {
	return func(f *fixture) {
		var ids []string
		for range 5 {
			ids = append(ids, f.start(operation.Request{Kind: operation.FailedDelete, Filter: &symphony.MessageFilter{}, All: true}).ID)
			wait(time.Second)
		}
		f.fail(1, "Mail")
		list, _ := transporttest.SelectFailed(f.Context(), f.tr, symphony.MessageFilter{}, 1)
		ids = append(ids, f.start(operation.Request{Kind: operation.FailedRetry, IDs: list, Rate: 1}).ID)
		wait(time.Second)
		slices.Reverse(ids)
		read := func(q operation.Query) (got []string, more bool) {
			page, err := f.List(f.Context(), q)
			if err != nil {
				f.Fatal(err)
			}
			for _, op := range page.Operations {
				got = append(got, op.ID)
			}
			return got, page.HasMore
		}
		if got, more := read(operation.Query{Limit: 4}); !slices.Equal(got, ids[:4]) || !more {
			f.Errorf("the first page is %v (%v), want %v", got, more, ids[:4])
		}
		if got, more := read(operation.Query{Limit: 4, After: ids[3]}); !slices.Equal(got, ids[4:]) || more {
			f.Errorf("the second page is %v (%v), want %v", got, more, ids[4:])
		}
		if got, _ := read(operation.Query{State: operation.Running}); len(got) != 0 {
			f.Errorf("running are %v", got)
		}
		if _, err := f.List(f.Context(), operation.Query{State: "gone", Limit: 201}); !errors.Is(err, symphony.ErrInvalid) {
			f.Errorf("got %v, want ErrInvalid", err)
		}
		wait(retention + time.Minute)
		if got, _ := read(operation.Query{}); len(got) != 0 {
			f.Errorf("after %v there are %v", retention, got)
		}
		for _, kind := range []string{"operation", "operation.ids"} {
			if left, _ := storage.List(f.Context(), f.tr, kind); len(left) != 0 {
				f.Errorf("left in storage are %v", left)
			}
		}
	}
}

func TestOperation_requests_are_checked(t *testing.T) {
	f := newFixture(t)
	pending := symphony.MessageFilter{Status: symphony.Pending}
	for name, c := range map[string]struct {
		r    operation.Request
		path string
	}{
		"no kind":              {operation.Request{Filter: &symphony.MessageFilter{}}, "kind"},
		"nothing selected":     {operation.Request{Kind: operation.FailedRetry}, "ids"},
		"no ids":               {operation.Request{Kind: operation.FailedRetry, IDs: []string{}}, "ids"},
		"too many":             {operation.Request{Kind: operation.FailedRetry, IDs: make([]string, operation.MaxIDs+1)}, "ids"},
		"both":                 {operation.Request{Kind: operation.FailedRetry, IDs: []string{"a"}, Filter: &symphony.MessageFilter{}}, "filter"},
		"rate":                 {operation.Request{Kind: operation.FailedRetry, Filter: &symphony.MessageFilter{}, Rate: -1}, "rate"},
		"class of completed":   {operation.Request{Kind: operation.MessagesReplay, Filter: &symphony.MessageFilter{ErrorClass: "a"}}, "filter.errorClass"},
		"status of failed":     {operation.Request{Kind: operation.FailedDelete, Filter: &pending}, "filter.status"},
		"status of completed":  {operation.Request{Kind: operation.MessagesReplay, Filter: &pending}, "filter.status"},
		"priority of nonsense": {operation.Request{Kind: operation.MessagesReplay, Filter: &symphony.MessageFilter{Priority: 11}}, "filter.priority"},
	} {
		c.r.Transport = "default"
		var invalid *symphony.ValidationError
		if _, err := f.Start(t.Context(), c.r); !errors.As(err, &invalid) || invalid.Problems[0].Path != c.path {
			t.Errorf("%s: got %v, want a problem of %s", name, err, c.path)
		}
	}
	if _, err := f.Start(t.Context(), operation.Request{Kind: operation.FailedRetry, Transport: "mars", Filter: &symphony.MessageFilter{}}); !errors.Is(err, symphony.ErrUnknownTransport) {
		t.Errorf("got %v, want ErrUnknownTransport", err)
	}
}

// A node that has nothing to do asks its storage one question every few seconds.
func TestOperations_are_cheap_when_idle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := symphonytest.Storage(t, sqlite.Options{})
		watched := &mortal{database: tr}
		f := on(t, watched, symphony.BusOptions{})
		stop := running(f.Operations)
		wait(time.Minute)
		stop()
		if n := watched.calls; n > 15 {
			t.Errorf("%d calls in a minute, want about 12", n)
		}
	})
}

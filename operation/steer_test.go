package operation_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/operation"
	"github.com/symphony-messenger/symphony/storage"
)

// statuses counts the messages of a type by status.
func (f *fixture) statuses(typ string) map[symphony.Status]int {
	f.Helper()
	got := make(map[symphony.Status]int)
	for _, m := range f.list(symphony.MessageFilter{Type: typ}) {
		got[m.Status]++
	}
	return got
}

func TestOperation_cancels_what_waits_and_what_is_in_hand(t *testing.T) {
	bubble(t, func(f *fixture) {
		f.complete(3, "Mail")
		f.dispatch(250, "Mail")
		f.dispatch(5, "Other")
		inHand, err := f.tr.Receive(context.Background(), symphony.ReceiveOptions{Max: 20})
		if err != nil || len(inHand) != 20 {
			f.Fatal(len(inHand), err)
		}
		op := f.start(operation.Request{Kind: operation.MessagesCancel, Filter: &symphony.MessageFilter{Type: "Mail"},
			Reason: "sold out", By: "ada"})
		if op.Total == nil || *op.Total != 250 {
			f.Errorf("it began as %+v", op)
		}
		wait(time.Second)
		f.want(op.ID, operation.Completed, 250, 0)
		want := map[symphony.Status]int{symphony.Completed: 3, symphony.Cancelled: 230, symphony.Processing: 20}
		if diff := cmp.Diff(want, f.statuses("Mail")); diff != "" {
			f.Errorf("(-want +got)\n%s", diff)
		}
		ack := symphony.Settlement{Lease: inHand[0].Lease, Outcome: symphony.Ack}
		errs := f.tr.Settle(context.Background(), []symphony.Settlement{ack})
		if len(errs) != 1 || !errors.Is(errs[0], symphony.ErrCancelled) {
			f.Errorf("its worker is told %v", errs)
		}
		for _, m := range f.list(symphony.MessageFilter{Type: "Mail", Status: symphony.Cancelled}) {
			if m.Cancel == nil || m.Cancel.By != "ada" || m.Cancel.Reason != "sold out" {
				f.Errorf("cancelled by %+v", m.Cancel)
			}
		}
		if got := f.statuses("Other")[symphony.Pending]; got != 5 {
			f.Errorf("of the others %d wait", got)
		}
	})
}

func TestOperation_edits_what_waits(t *testing.T) {
	bubble(t, func(f *fixture) {
		at := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
		f.dispatch(250, "Mail")
		expiring, err := f.bus.Dispatch(context.Background(), "Mail", map[string]any{}, symphony.DispatchOptions{
			ExpiresAt: time.Now().Add(time.Hour)})
		if err != nil {
			f.Fatal(err)
		}
		edit := symphony.MessageEdit{Priority: new(2), ScheduledAt: &at, Tags: &[]string{"flood"},
			Metadata: &map[string]any{"n": json.Number("12345678901234567890")}}
		op := f.start(operation.Request{Kind: operation.MessagesEdit, Filter: &symphony.MessageFilter{Type: "Mail"},
			Edit: &edit})
		wait(time.Millisecond)
		f.dispatch(1, "Mail") // too late
		wait(time.Second)
		f.want(op.ID, operation.Completed, 250, 1)
		if op := f.get(op.ID); !strings.Contains(op.Refused, expiring.ID) ||
			!cmp.Equal(op.Set.Names(), []string{"metadata", "priority", "scheduledAt", "tags"}) {
			f.Errorf("it ended as %+v", op)
		}
		edited := 0
		for _, m := range f.list(symphony.MessageFilter{Type: "Mail"}) {
			tagged := m.Terms != nil && cmp.Equal(m.Terms.Tags, []string{"flood"})
			if m.ScheduledAt.Equal(at) && m.Priority == 2 && tagged && cmp.Equal(m.Metadata, *edit.Metadata) {
				edited++
			}
		}
		if edited != 250 {
			f.Errorf("%d are edited", edited)
		}
		// null takes away what is there.
		removed := symphony.MessageEdit{ScheduledAt: new(time.Time), Metadata: new(map[string]any), Tags: new([]string)}
		tagged := &symphony.MessageFilter{Tags: []string{"flood"}}
		op = f.start(operation.Request{Kind: operation.MessagesEdit, Filter: tagged, Edit: &removed})
		wait(time.Second)
		f.want(op.ID, operation.Completed, 250, 0)
		for _, m := range f.list(symphony.MessageFilter{Priority: 2}) {
			if !m.ScheduledAt.IsZero() || m.Metadata != nil || m.Terms != nil {
				f.Fatalf("left is %+v", m.Envelope)
			}
		}
	})
}

func TestOperation_deletes_what_waits(t *testing.T) {
	bubble(t, func(f *fixture) {
		f.complete(1, "Mail")
		done := f.list(symphony.MessageFilter{})[0].ID
		f.dispatch(130, "Mail")
		inHand, err := f.tr.Receive(context.Background(), symphony.ReceiveOptions{Max: 7})
		if err != nil {
			f.Fatal(err)
		}
		ids := []string{done, "none", inHand[0].ID}
		for _, m := range f.list(symphony.MessageFilter{Status: symphony.Pending})[:3] {
			ids = append(ids, m.ID)
		}
		op := f.start(operation.Request{Kind: operation.MessagesDelete, IDs: ids})
		wait(time.Second)
		f.want(op.ID, operation.Completed, 3, 3)
		op = f.start(operation.Request{Kind: operation.MessagesDelete, Filter: &symphony.MessageFilter{}, All: true})
		wait(time.Second)
		f.want(op.ID, operation.Completed, 120, 0)
		want := map[symphony.Status]int{symphony.Completed: 1, symphony.Processing: 7}
		if diff := cmp.Diff(want, f.statuses("")); diff != "" {
			f.Errorf("(-want +got)\n%s", diff)
		}
	})
}

func TestOperation_that_steers_keeps_its_rate_and_stops(t *testing.T) {
	bubble(t, func(f *fixture) {
		f.dispatch(300, "Mail")
		op := f.start(operation.Request{Kind: operation.MessagesCancel, Filter: &symphony.MessageFilter{}, Rate: 50})
		wait(2 * time.Second)
		if got := f.get(op.ID).Done; got < 90 || got > 105 {
			f.Errorf("%d are done after 2 s at 50 a second", got)
		}
		if _, err := f.Stop(context.Background(), op.ID); err != nil {
			f.Fatal(err)
		}
		wait(time.Second)
		stopped := f.get(op.ID).Done
		wait(time.Minute)
		if got := f.get(op.ID).Done; got != stopped {
			f.Errorf("%d were done after it was stopped", got-stopped)
		}
		if _, err := f.Resume(context.Background(), op.ID); err != nil {
			f.Fatal(err)
		}
		wait(time.Minute)
		f.want(op.ID, operation.Completed, 300, 0)
	})
}

func TestOperation_preview_of_messages_says_how_many(t *testing.T) {
	f := newFixture(t)
	f.complete(3, "Mail")
	f.dispatch(20, "Mail")
	if _, err := f.tr.Receive(context.Background(), symphony.ReceiveOptions{Max: 4}); err != nil {
		t.Fatal(err)
	}
	for kind, want := range map[operation.Kind]int64{operation.MessagesReplay: 3, operation.MessagesCancel: 20,
		operation.MessagesEdit: 16, operation.MessagesDelete: 16} {
		r := operation.Request{Kind: kind, Transport: f.tr.Name(), Filter: &symphony.MessageFilter{Type: "Mail"}}
		if kind == operation.MessagesEdit {
			r.Edit = &symphony.MessageEdit{Priority: new(1)}
		}
		if n, more, err := f.Preview(context.Background(), r); n != want || more || err != nil {
			t.Errorf("%s: %d %v %v, want %d", kind, n, more, err, want)
		}
	}
}

// A process of an older release must not take the record of such an operation for one of a kind that it knows.
func TestOperation_that_steers_cannot_be_read_by_older_releases(t *testing.T) {
	f := newFixture(t)
	f.dispatch(1, "Mail")
	op := f.start(operation.Request{Kind: operation.MessagesCancel, Filter: &symphony.MessageFilter{}})
	raw, err := storage.Get(context.Background(), f.tr, "operation", op.ID)
	if err != nil {
		t.Fatal(err)
	}
	var older struct {
		Kind string `json:"kind"`
	}
	if err := json.Unmarshal(raw, &older); err == nil {
		t.Errorf("it reads %q", older.Kind)
	}
	if got := f.get(op.ID).Kind; got != operation.MessagesCancel {
		t.Errorf("it is a %q", got)
	}
}

func TestOperation_that_steers_is_checked(t *testing.T) {
	f := newFixture(t)
	all, some := &symphony.MessageFilter{}, &symphony.MessageFilter{Type: "a"}
	priority := func(n int) *symphony.MessageEdit { return &symphony.MessageEdit{Priority: &n} }
	const cancel, edit, remove = operation.MessagesCancel, operation.MessagesEdit, operation.MessagesDelete
	of := func(s symphony.Status) *symphony.MessageFilter { return &symphony.MessageFilter{Status: s} }
	for path, list := range map[string][]operation.Request{
		"filter.status": {{Kind: cancel, Filter: of(symphony.Completed)},
			{Kind: edit, Edit: priority(1), Filter: of(symphony.Processing)},
			{Kind: remove, Filter: of(symphony.Failed)}},
		"set": {{Kind: edit, Filter: all}, {Kind: edit, Edit: new(symphony.MessageEdit), Filter: all},
			{Kind: remove, Edit: priority(1), Filter: some}},
		"set.priority": {{Kind: edit, Edit: priority(11), Filter: all}},
		"reason": {{Kind: remove, Reason: "a", Filter: some}, {Kind: cancel, Reason: "\x00", Filter: all},
			{Kind: cancel, Reason: strings.Repeat("a", symphony.MaxReasonLength+1), Filter: all}},
		"all":   {{Kind: remove, Filter: all}},
		"patch": {{Kind: remove, Patch: json.RawMessage(`{"a":1}`), Filter: some}},
		"rate":  {{Kind: cancel, Rate: -1, Filter: some}},
		"ids":   {{Kind: cancel}},
	} {
		for _, r := range list {
			r.Transport = f.tr.Name()
			var invalid *symphony.ValidationError
			_, err := f.Start(t.Context(), r)
			if !errors.As(err, &invalid) || len(invalid.Problems) != 1 || invalid.Problems[0].Path != path {
				t.Errorf("%+v: got %v, want a problem of %s", r, err, path)
			}
		}
	}
}

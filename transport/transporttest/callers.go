package transporttest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
)

const (
	ada = "user:ada"
	eve = "user:eve"
)

// everywhere makes a message of a caller in each status, and returns their ids by status. Nothing else may be ready.
func (s *suite) everywhere(o symphony.DispatchOptions) map[symphony.Status]string {
	s.Helper()
	ids := make(map[symphony.Status]string)
	ids[symphony.Failed] = s.dispatch(o).ID
	s.fail(s.one(), "boom "+o.DispatchedBy)
	ids[symphony.Completed] = s.dispatch(o).ID
	s.mustSettle(s.one(), symphony.Settlement{Outcome: symphony.Ack})
	ids[symphony.Processing] = s.dispatch(o).ID
	s.one()
	o.ScheduledAt = s.clock.Now().Add(time.Hour)
	ids[symphony.Pending] = s.dispatch(o).ID
	return ids
}

var callerTests = []test{
	{"who had a message dispatched stays with it, wherever it goes", func(s *suite) {
		for _, flow := range []symphony.DispatchOptions{{}, {CorrelationID: "c", GroupKey: "g"}} {
			flow.DispatchedBy = ada
			id := s.dispatch(flow).ID
			if got := s.show(id); got.DispatchedBy != ada {
				s.Errorf("pending: %q", got.DispatchedBy)
			}
			s.reopenIfPossible()
			d := s.one()
			if d.ID != id || d.DispatchedBy != ada {
				s.Errorf("delivered: %q", d.DispatchedBy)
			}
			f := s.fail(d, "boom")
			if f.DispatchedBy != ada || s.show(id).DispatchedBy != ada {
				s.Errorf("failed: %q and %q", f.DispatchedBy, s.show(id).DispatchedBy)
			}
			again := symphony.NewID(s.clock.Now())
			if done, err := s.def.(symphony.MessageStore).MoveFailed(ctx, []symphony.FailedMove{{ID: f.FailedID, NewID: again}}); err != nil || done != 1 {
				s.Fatalf("retried %v, %v", done, err)
			}
			if d = s.one(); d.ID != again || d.DispatchedBy != ada {
				s.Errorf("retried: %s of %q", d.ID, d.DispatchedBy)
			}
			s.mustSettle(d, symphony.Settlement{Outcome: symphony.Ack})
			if got := s.show(again); got.Status != symphony.Completed || got.DispatchedBy != ada {
				s.Errorf("completed: %s of %q", got.Status, got.DispatchedBy)
			}
		}
	}},
	{"messages are found by who had them dispatched, in every status and order", func(s *suite) {
		mine := s.everywhere(symphony.DispatchOptions{DispatchedBy: ada, Priority: 7})
		s.everywhere(symphony.DispatchOptions{DispatchedBy: eve, CorrelationID: "c"})
		s.everywhere(symphony.DispatchOptions{CausationID: ada})
		s.everywhere(symphony.DispatchOptions{})
		all := []string{mine[symphony.Failed], mine[symphony.Completed], mine[symphony.Processing], mine[symphony.Pending]} // in the order of their dispatch
		for _, oldest := range []bool{true, false} {
			want := slices.Clone(all)
			if !oldest {
				slices.Reverse(want)
			}
			for _, limit := range []int{1, 3, 10} {
				got := s.search(symphony.MessageQuery{MessageFilter: symphony.MessageFilter{DispatchedBy: ada}, Oldest: oldest, Limit: limit})
				if diff := cmp.Diff(want, got); diff != "" {
					s.Errorf("oldest %v, %d at a time (-want +got)\n%s", oldest, limit, diff)
				}
			}
		}
		for status, id := range mine {
			f := symphony.MessageFilter{DispatchedBy: ada, Status: status}
			if got := s.search(symphony.MessageQuery{MessageFilter: f}); len(got) != 1 || got[0] != id {
				s.Errorf("%s: got %v, want %s", status, got, id)
			}
			if n := s.count(symphony.MessageQuery{MessageFilter: f}); n != 1 {
				s.Errorf("%s: counted %d", status, n)
			}
		}
		for name, f := range map[string]struct {
			symphony.MessageFilter
			want int64
		}{
			"nobody":                 {symphony.MessageFilter{DispatchedBy: "user:nobody"}, 0},
			"a part of the name":     {symphony.MessageFilter{DispatchedBy: "user:ad"}, 0},
			"what no storage keeps":  {symphony.MessageFilter{DispatchedBy: `x" OR '1'='1`}, 0},
			"another queue":          {symphony.MessageFilter{DispatchedBy: ada, Queue: "other"}, 0},
			"a priority":             {symphony.MessageFilter{DispatchedBy: ada, Priority: 7}, 4},
			"another priority":       {symphony.MessageFilter{DispatchedBy: ada, Priority: 6}, 0},
			"a text":                 {symphony.MessageFilter{DispatchedBy: ada, Text: `"n"`}, 4},
			"still ahead":            {symphony.MessageFilter{DispatchedBy: ada, Status: symphony.Pending, ScheduledAfter: s.clock.Now()}, 1},
			"ahead of what is ahead": {symphony.MessageFilter{DispatchedBy: ada, ScheduledAfter: s.clock.Now().Add(2 * time.Hour)}, 0},
			"everybody's ahead":      {symphony.MessageFilter{ScheduledAfter: s.clock.Now()}, 4},
		} {
			if n := s.count(symphony.MessageQuery{MessageFilter: f.MessageFilter}); n != f.want {
				s.Errorf("%s: counted %d, want %d", name, n, f.want)
			}
		}
		if s.Email != nil {
			page, err := s.Email.(symphony.MessageStore).ListMessages(ctx, symphony.MessageQuery{MessageFilter: symphony.MessageFilter{DispatchedBy: ada}})
			if err != nil || len(page.Messages) != 0 {
				s.Errorf("another transport has %v, %v", messageIDs(page.Messages), err)
			}
		}
	}},
	{"failed messages are found by who had them dispatched", func(s *suite) {
		store := s.def.(symphony.MessageStore)
		var want []string
		for i := range 6 {
			by := []string{ada, eve, ""}[i%3]
			s.dispatch(symphony.DispatchOptions{DispatchedBy: by})
			if f := s.fail(s.one(), "boom"); by == ada {
				want = append(want, f.FailedID)
			}
		}
		f := symphony.MessageFilter{DispatchedBy: ada}
		ids, err := SelectFailed(ctx, store, f, 10)
		if diff := cmp.Diff(want, ids); err != nil || diff != "" {
			s.Errorf("selected (-want +got)\n%s%v", diff, err)
		}
		page, err := ListFailed(ctx, store, symphony.MessageQuery{MessageFilter: f, Limit: 1, Total: true})
		if err != nil || page.Total != 2 || page.Next == "" || len(page.Messages) != 1 || page.Messages[0].FailedID != want[1] {
			s.Errorf("listed %+v, %v", page, err)
		}
		page, err = ListFailed(ctx, store, symphony.MessageQuery{MessageFilter: f, Limit: 5, After: page.Messages[0].FailedID})
		if err != nil || page.Next != "" || len(page.Messages) != 1 || page.Messages[0].FailedID != want[0] {
			s.Errorf("listed on %+v, %v", page, err)
		}
	}},
	{"keys of one owner have nothing to do with another's", func(s *suite) {
		kinds := map[string]func(o *symphony.DispatchOptions){
			"idempotency": func(o *symphony.DispatchOptions) { o.IdempotencyKey = "k" },
			"debounce":    func(o *symphony.DispatchOptions) { o.DebounceKey = "k" },
			"throttle":    func(o *symphony.DispatchOptions) { o.ThrottleKey = "k" },
		}
		for kind, set := range kinds {
			send := func(owner string) symphony.Receipt {
				o := symphony.DispatchOptions{KeysOf: owner, Queue: kind}
				set(&o)
				r, err := s.bus.Dispatch(ctx, "Job", struct{}{}, o)
				if err != nil {
					s.Fatal(err)
				}
				return r
			}
			firsts := map[string]symphony.Receipt{"": send(""), ada: send(ada), eve: send(eve)}
			if n := s.count(symphony.MessageQuery{MessageFilter: symphony.MessageFilter{Queue: kind}}); n != 3 {
				s.Errorf("%s: 3 owners made %d messages", kind, n)
			}
			for owner, first := range firsts {
				again := send(owner)
				met := again.Replaced == first.ID || again.ID == first.ID && (again.Duplicate || again.Dropped)
				if !met {
					s.Errorf("%s of %q: %+v did not meet %s", kind, owner, again, first.ID)
				}
			}
			if kind == "idempotency" {
				o := symphony.DispatchOptions{KeysOf: ada, Queue: kind, IdempotencyKey: "k"}
				_, err := s.bus.Dispatch(ctx, "Job", struct{ Other bool }{true}, o)
				var conflict *symphony.IdempotencyConflictError
				if !errors.As(err, &conflict) || conflict.Key != "k" || conflict.MessageID != firsts[ada].ID {
					s.Errorf("a conflict of ada's: %v", err)
				}
			}
			// What was begun leaves its key, and only its own.
			for range 3 {
				for _, d := range s.receive(symphony.ReceiveOptions{Queues: []string{kind}, Max: 10}) {
					s.mustSettle(d, symphony.Settlement{Outcome: symphony.Ack})
				}
			}
			if kind != "idempotency" {
				if r := send(ada); r.Dropped || r.Replaced != "" {
					s.Errorf("%s: the key of ada's that was begun is not free: %+v", kind, r)
				}
			}
			s.wantNoLine(fmt.Sprint("idempotency key of ", kind), firsts[ada].IdempotencyKey)
		}
	}},
}

// wantNoLine says that what callers see of a key is theirs alone.
func (s *suite) wantNoLine(what, key string) {
	s.Helper()
	if slices.Contains([]rune(key), '\n') {
		s.Errorf("%s is %q", what, key)
	}
}

package transporttest

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/symphony-messenger/symphony"
)

// messageModel does random things to messages, and compares lists, counts and single messages with a model that keeps
// of each message what was done to it. The seed is told when it fails.
func (s *suite) messageModel() {
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 0))
	defer func() {
		if s.Failed() {
			s.Logf("seed %d", seed)
		}
	}()
	known := make(map[string]*symphony.MessageInfo)
	hand := make(map[string]symphony.Delivery)
	after := &afterModel{make(map[string]*symphony.Terms), nil}
	expire := func() {
		for id, d := range hand {
			if !s.clock.Now().Before(d.LeasedUntil) {
				m := known[id]
				delete(hand, id)
				if m.Status = symphony.Pending; m.Cancel != nil {
					m.Status = symphony.Cancelled
					after.ends(id, m.Status)
					continue
				}
				m.Attempts = append(m.Attempts, symphony.Attempt{Number: d.Attempt})
			}
		}
	}
	// some returns one of the messages of a status, nil if there is none.
	some := func(status symphony.Status) *symphony.MessageInfo {
		var list []string
		for _, id := range slices.Sorted(maps.Keys(known)) {
			if known[id].Status == status {
				list = append(list, id)
			}
		}
		if len(list) == 0 {
			return nil
		}
		return known[list[rnd.IntN(len(list))]]
	}
	add := func(of symphony.Envelope, id, typ, queue string, priority int, created time.Time) {
		m := &symphony.MessageInfo{Envelope: of, Status: symphony.Pending}
		m.ID, m.Type, m.Queue, m.Priority, m.CreatedAt = id, typ, queue, priority, created
		known[id] = m
	}
	for step := range modelSteps(s) {
		switch n := rnd.IntN(100); {
		case n < 40:
			o := symphony.DispatchOptions{Queue: []string{"q", "r", "narrow"}[rnd.IntN(3)], Priority: 1 + rnd.IntN(10)}
			switch rnd.IntN(8) {
			case 0:
				o.ConcurrencyKey = "k"
			case 1:
				o.GroupKey = []string{"g", "h"}[rnd.IntN(2)]
			case 2:
				o.GroupKey, o.Ordered = "o", true
			case 3, 4:
				o.Delay = time.Duration(1+rnd.IntN(60)) * time.Second
			}
			terms := after.draw(rnd)
			o.OnSuccess, o.OnFailure = terms.OnSuccess, terms.OnFailure
			if rnd.IntN(6) == 0 {
				o = pushed(o)
			}
			carryOne(rnd, &o, step)
			typ := []string{"Two", "Job", "Mail"}[rnd.IntN(3)]
			id := s.send(typ, o).ID
			after.of[id] = terms
			add(carried(&o), id, typ, o.Queue, o.Priority, s.clock.Now().Add(-time.Millisecond))
		case n < 60:
			expire()
			for _, d := range s.receive(symphony.ReceiveOptions{Max: 1 + rnd.IntN(5), MaxLost: 5, Worker: "w1"}) {
				m := known[d.ID]
				if m == nil || m.Status != symphony.Pending {
					s.Fatalf("step %d: message %s was handed out: %+v", step, d.ID, m)
				}
				m.Status, m.Deliveries, hand[d.ID] = symphony.Processing, m.Deliveries+1, d
			}
		case n < 80:
			expire()
			m := some(symphony.Processing)
			if m == nil {
				continue
			}
			d := hand[m.ID]
			outcome := everyOutcome[rnd.IntN(len(everyOutcome))]
			delay := time.Duration(rnd.IntN(3)) * 10 * time.Second
			delete(hand, m.ID)
			text, class := modelFailure(rnd)
			err := s.settle(d, symphony.Settlement{Outcome: outcome, Delay: delay, Error: text, ErrorClass: class})
			if m.Cancel != nil {
				m.Status = symphony.Cancelled
				after.ends(m.ID, m.Status)
				s.wantCancelled(fmt.Sprintf("step %d: %s", step, outcome), err)
				continue
			}
			if err != nil {
				s.Fatalf("step %d: %s: %v", step, outcome, err)
			}
			switch outcome {
			case symphony.Ack:
				m.Status = symphony.Completed
				after.ends(m.ID, m.Status)
			case symphony.Fail:
				m.Status = symphony.Failed
				after.ends(m.ID, m.Status)
				m.Attempts = append(m.Attempts, symphony.Attempt{Number: d.Attempt})
			case symphony.Retry:
				m.Status = symphony.Pending
				m.Attempts = append(m.Attempts, symphony.Attempt{Number: d.Attempt})
			case symphony.Release:
				m.Status = symphony.Pending
				m.Deliveries--
			}
		case n < 83:
			s.cancelSome(rnd, known, after)
		case n < 84:
			if s.Reopen != nil && rnd.IntN(2) == 0 { // it is killed
				s.reopenIfPossible()
				s.clock.Advance(2 * symphony.DefaultLease)
				expire()
			}
		case n < 87:
			s.clock.Advance(time.Duration(rnd.IntN(20)) * time.Second)
		case n < 90:
			if m := some(symphony.Pending); m != nil {
				if err := s.messages().RunMessageNow(ctx, m.ID); err != nil {
					s.Fatalf("step %d: %v", step, err)
				}
			}
		case n < 92:
			if m := some(symphony.Pending); m != nil {
				if err := s.retag(rnd, m); err != nil {
					s.Fatalf("step %d: %v", step, err)
				}
			}
		case n < 93:
			if s.Unmark != nil && len(known) > 0 {
				list := slices.Sorted(maps.Keys(known))
				s.Unmark(s.T, list[rnd.IntN(len(list))])
			}
		case n < 95:
			if m := some(symphony.Pending); m != nil {
				if err := s.messages().DeleteMessage(ctx, m.ID); err != nil {
					s.Fatalf("step %d: %v", step, err)
				}
				delete(known, m.ID)
			}
		default:
			m := some(symphony.Failed)
			if m == nil {
				continue
			}
			failed := s.show(m.ID).FailedID
			if n < 98 {
				if _, err := DeleteFailed(ctx, s.messages(), failed); err != nil {
					s.Fatal(err)
				}
			} else {
				id := symphony.NewID(s.clock.Now())
				if _, err := s.messages().MoveFailed(ctx, []symphony.FailedMove{{ID: failed, NewID: id}}); err != nil {
					s.Fatal(err)
				}
				after.of[id] = after.of[m.ID]
				add(m.Envelope, id, m.Type, m.Queue, m.Priority, s.clock.Now())
			}
			delete(known, m.ID)
		}
		expire()
		if step%5 == 0 {
			s.compare(rnd, fmt.Sprintf("step %d", step), known)
		}
	}
	s.reopenIfPossible()
	if s.Reopen != nil {
		s.clock.Advance(2 * symphony.DefaultLease)
		expire()
		s.compare(rnd, "after a crash", known)
	}
	s.wantFollowed(after)
	s.wantGroups("in the end")
	var want [5]int64
	for _, m := range known {
		want[slices.Index(statuses, m.Status)]++
	}
	q := s.stats().QueueStats
	if got := [5]int64{q.Pending, q.Processing, q.Completed, q.Failed, q.Cancelled}; got != want {
		s.Errorf("counts are %v, a recount says %v", got, want)
	}
}

// statuses are all that a message can have.
var statuses = []symphony.Status{symphony.Pending, symphony.Processing, symphony.Completed, symphony.Failed,
	symphony.Cancelled}

// cancelSome cancels a message, whatever its status.
func (s *suite) cancelSome(rnd *rand.Rand, known map[string]*symphony.MessageInfo, after *afterModel) {
	s.Helper()
	if len(known) == 0 {
		return
	}
	m := known[slices.Sorted(maps.Keys(known))[rnd.IntN(len(known))]]
	switch m.Status {
	case symphony.Pending:
		s.cancel(m.ID, symphony.Cancelled)
		m.Status = symphony.Cancelled
		after.ends(m.ID, m.Status)
	case symphony.Processing:
		s.cancel(m.ID, symphony.Processing)
		m.Cancel = &request
	default:
		s.wantFinal(m.ID, m.Status)
	}
}

// compare makes a random query and looks at one message.
func (s *suite) compare(rnd *rand.Rand, when string, known map[string]*symphony.MessageInfo) {
	s.Helper()
	var made []symphony.MessageInfo
	for _, m := range known {
		made = append(made, *m)
	}
	q := symphony.MessageQuery{Oldest: rnd.IntN(2) == 0, Limit: 1 + rnd.IntN(200), Scan: 1 + rnd.IntN(400)}
	if rnd.IntN(2) == 0 {
		q.Status = statuses[rnd.IntN(len(statuses))]
	}
	if rnd.IntN(3) == 0 {
		q.Queue = []string{"q", "r", "narrow"}[rnd.IntN(3)]
	}
	if rnd.IntN(3) == 0 {
		q.Type = []string{"Two", "Job", "Mail"}[rnd.IntN(3)]
	}
	if rnd.IntN(4) == 0 {
		q.Priority = 1 + rnd.IntN(10)
	}
	if rnd.IntN(4) == 0 {
		q.Since = s.clock.Now().Add(-time.Duration(rnd.IntN(300)) * time.Second)
	}
	if rnd.IntN(4) == 0 {
		q.Until = s.clock.Now().Add(-time.Duration(rnd.IntN(300)) * time.Second)
	}
	askFor(rnd, &q.MessageFilter, made)
	want := selected(made, q.MessageFilter, q.Oldest)
	if got := s.search(q); !slices.Equal(got, want) {
		s.Fatalf("%s: %+v: got %d messages %v, want %d %v", when, q, len(got), got, len(want), want)
	}
	if n := s.count(q); n != int64(len(want)) {
		s.Fatalf("%s: %+v: counted %d, want %d", when, q, n, len(want))
	}
	s.wantTypes(when, typesOf(made))
	if len(made) == 0 {
		return
	}
	m := made[rnd.IntN(len(made))]
	got, err := GetMessage(ctx, s.messages(), m.ID)
	if err != nil || got.Status != m.Status || got.Deliveries != m.Deliveries || len(got.Attempts) != len(m.Attempts) {
		s.Fatalf("%s: got %+v, %v; want %+v", when, got, err, m)
	}
	if m.Status != symphony.Pending {
		if err := s.messages().DeleteMessage(ctx, m.ID); !errors.Is(err, symphony.ErrConflict) {
			s.Fatalf("%s: deleting a %s message: %v", when, m.Status, err)
		}
	}
}

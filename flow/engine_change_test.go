package flow_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
)

// edit changes a waiting message by its number as storages do, and reports whether it waited where it was found.
func (q *queue) edit(row int, change func(*symphony.Envelope)) (waited, stored bool) {
	found := q.messages[row].Message
	envelope := *found.Envelope
	if found.Flow != nil {
		f := *found.Flow
		envelope.Flow = &f
	}
	change(&envelope)
	q.transact(func(e *flow.Engine[int]) (err error) {
		moves := flow.Moves(found.Envelope, &envelope, q.inForce)
		waited, err = e.Change(&found, moves, func() (*flow.Message[int], error) {
			stored = true
			m := q.messages[row]
			m.Envelope = &envelope
			if moves {
				q.order++
				m.order, m.Rank = q.order, symphony.MaxPriority-envelope.Priority
				if m.Available = q.now; envelope.ScheduledAt.After(q.now) {
					m.Available = envelope.ScheduledAt
				}
			}
			return &flow.Message[int]{Row: row, Envelope: &envelope, Lane: m.Lane, Rank: m.Rank, Attempt: m.Attempt,
				Available: m.Available}, nil
		})
		return err
	})
	return waited, stored
}

// drained are the numbers of the messages in the order in which they are handed out, one after the other.
func (q *queue) drained(t *testing.T) (order []int) {
	t.Helper()
	for range 10 {
		for got := q.Claim(1); len(got) > 0; got = q.Claim(1) {
			order = append(order, got[0].Lease.Index)
			if err := q.Settle(got[0], symphony.Settlement{Outcome: symphony.Ack}); err != nil {
				t.Fatal(err)
			}
		}
		q.now = q.now.Add(10 * time.Minute)
	}
	return order
}

// A message that is changed stays where it is among the others, unless its priority or its time is another one;
// whatever
// counts it counts it once.
func TestChange(t *testing.T) {
	limits := limitOf(t, "One", flow.Limit{Concurrency: 1})
	plain := symphony.DispatchOptions{}
	group := symphony.DispatchOptions{GroupKey: "g"}
	ordered := symphony.DispatchOptions{GroupKey: "g", Ordered: true}
	debounced := symphony.DispatchOptions{DebounceKey: "k"}
	type sent struct {
		typ string
		n   int
		o   symphony.DispatchOptions
	}
	payload := func(e *symphony.Envelope) { e.Payload = []byte(`{"new":1}`) }
	urgent := func(e *symphony.Envelope) { e.Priority = 9 }
	later := func(e *symphony.Envelope) { e.ScheduledAt = newQueue(nil).now.Add(time.Hour) }
	expires := func(d time.Duration) func(e *symphony.Envelope) {
		return func(e *symphony.Envelope) {
			if e.Flow == nil {
				e.Flow = &symphony.Flow{}
			}
			e.Flow.ExpiresAt = newQueue(nil).now.Add(d)
		}
	}
	claim := func(n int) func(*queue) { return func(q *queue) { q.Claim(n) } }
	acked := func(q *queue, row int) {
		m := q.messages[row]
		lease := symphony.Lease{MessageID: m.ID, Index: row, Token: fmt.Sprint(m.token)}
		if err := q.Settle(symphony.Delivery{Lease: lease}, symphony.Settlement{Outcome: symphony.Ack}); err != nil {
			panic(err)
		}
	}
	turn := flow.GroupTurn
	for _, test := range []struct {
		name   string
		sent   []sent
		before func(*queue) // the change
		row    int
		change func(*symphony.Envelope)
		after  func(*queue)
		want   []int
		failed int64
	}{
		{name: "a ready one keeps its place",
			sent: []sent{{"Job", 3, plain}}, row: 2, change: payload, want: []int{1, 2, 3}},
		{name: "a ready one becomes urgent",
			sent: []sent{{"Job", 3, plain}}, row: 3, change: urgent, want: []int{3, 1, 2}},
		{name: "a ready one is put off", sent: []sent{{"Job", 3, plain}}, row: 1, change: later, want: []int{2, 3, 1}},
		{name: "one before a limit keeps its place", sent: []sent{{"One", 4, plain}}, before: claim(9), row: 3,
			change: payload, after: func(q *queue) { acked(q, 1) }, want: []int{2, 3, 4}},
		{name: "one before a limit becomes urgent", sent: []sent{{"One", 4, plain}}, before: claim(9), row: 3,
			change: urgent, after: func(q *queue) { acked(q, 1) }, want: []int{3, 2, 4}},
		{name: "one in its group's line keeps its place", sent: []sent{{"Job", turn + 2, group}}, row: turn,
			change: payload, want: count(1, turn+2)},
		{name: "one in its group's line becomes urgent, and another moves up", sent: []sent{{"Job", turn + 2, group}},
			row: turn, change: urgent, want: append([]int{turn}, without(count(1, turn+2), turn)...)},
		{name: "one before its group's line keeps its place", sent: []sent{{"Job", turn + 3, group}}, row: turn + 2,
			change: payload, want: count(1, turn+3)},
		{name: "one before its group's line becomes urgent", sent: []sent{{"Job", turn + 3, group}}, row: turn + 2,
			change: urgent, want: append([]int{turn + 2}, without(count(1, turn+3), turn+2)...)},
		{name: "the first of an ordered group is put off, and the next goes on",
			sent: []sent{{"Job", 3, ordered}}, row: 1,
			change: later, want: []int{2, 3, 1}},
		{name: "the second of an ordered group keeps its place",
			sent: []sent{{"Job", 3, ordered}}, before: claim(1), row: 2,
			change: payload, after: func(q *queue) { acked(q, 1) }, want: []int{2, 3}},
		{name: "one that was begun does not stand in line again", sent: []sent{{"Job", turn + 1, group}},
			before: func(q *queue) {
				q.Settle(q.Claim(1)[0], symphony.Settlement{Outcome: symphony.Retry, Delay: time.Hour})
			},
			row: 1, change: urgent, want: append([]int{1}, count(2, turn+1)...)},
		{name: "one keeps its key", sent: []sent{{"Job", 1, debounced}}, row: 1, change: payload,
			after: func(q *queue) { q.Send("Job", debounced) }, want: []int{2}},
		{name: "one is given an expiry", sent: []sent{{"Job", 2, plain}}, row: 1, change: expires(time.Minute),
			after: func(q *queue) { q.Advance(2 * time.Minute) }, want: []int{2}, failed: 1},
		{name: "one is given more time", sent: []sent{{"Job", 2, symphony.DispatchOptions{
			ExpiresAt: newQueue(nil).now.Add(time.Minute)}}}, row: 1, change: expires(time.Hour),
			after: func(q *queue) { q.Advance(2 * time.Minute) }, want: []int{1}, failed: 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			q := newQueue(limits)
			for _, s := range test.sent {
				for range s.n {
					q.Send(s.typ, s.o)
				}
			}
			for _, m := range q.messages {
				m.Priority = symphony.DefaultPriority
			}
			if test.before != nil {
				test.before(q)
			}
			if waited, stored := q.edit(test.row, test.change); !waited || !stored {
				t.Fatalf("it waited: %t, was stored: %t", waited, stored)
			}
			if err := q.check(); err != nil {
				t.Errorf("after the change: %v", err)
			}
			if test.after != nil {
				test.after(q)
			}
			if diff := cmp.Diff(test.want, q.drained(t)); diff != "" {
				t.Errorf("handed out (-want +got)\n%s", diff)
			}
			if err := q.check(); err != nil || q.stats.Failed != test.failed || len(q.messages) > 0 {
				t.Errorf("in the end %d failed, %d are left, %v; want %d failed", q.stats.Failed, len(q.messages), err, test.failed)
			}
		})
	}
}

// What does not wait where it was found is not changed.
func TestChange_of_what_does_not_wait(t *testing.T) {
	for name, begin := range map[string]func(q *queue){
		"in hand": func(q *queue) { q.messages[1].hand = true }, // since it was found
		"gone":    func(q *queue) { delete(q.messages, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			q := newQueue(nil)
			q.Send("Job", symphony.DispatchOptions{})
			found := q.messages[1].Message
			begin(q)
			q.transact(func(e *flow.Engine[int]) error {
				waited, err := e.Change(&found, false, func() (*flow.Message[int], error) {
					t.Error("it was stored")
					return &found, nil
				})
				if waited {
					t.Error("it is said to have waited")
				}
				return err
			})
		})
	}
}

// count are the numbers from one to another.
func count(first, last int) (list []int) {
	for n := first; n <= last; n++ {
		list = append(list, n)
	}
	return list
}

// without is a list without a number.
func without(list []int, n int) (rest []int) {
	for _, m := range list {
		if m != n {
			rest = append(rest, m)
		}
	}
	return rest
}

package flow_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
)

// queue is the least that a storage is under flow control: a flow.Store in memory, and what calls the engine when
// messages are sent, claimed and settled. It knows no rule. Time stands still until it is moved.
type queue struct {
	limits   *flow.Limits // configured
	inForce  *flow.Limits // with those that are set
	set      map[string]flow.SetLimit
	now      time.Time
	messages map[int]*message // that wait or are in hand, by number
	gates    map[string]flow.StoredGate
	keys     map[flow.Key]int
	notes    []flow.Expiry[int]
	holds    []flow.Hold
	sent     int
	order    int // of what was made ready last
	stats    symphony.QueueStats
	why      map[string]flow.Wait // of the last message that was parked, by its id
	asked    map[string]int       // calls of the store
}

type message struct {
	flow.Message[int]
	place, order int
	ready        bool
	hand         bool
	token        int // of its last claim
	until        time.Time
	pass         *flow.Pass
	cancelled    bool // while it is in hand
	deliveries   int  // also those that were taken back
}

const transport = symphony.DefaultTransport

func newQueue(limits *flow.Limits) *queue {
	return &queue{limits: limits, inForce: limits, set: make(map[string]flow.SetLimit),
		now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), messages: make(map[int]*message),
		gates: make(map[string]flow.StoredGate), keys: make(map[flow.Key]int),
		why: make(map[string]flow.Wait), asked: make(map[string]int)}
}

// transact runs one transaction.
func (q *queue) transact(do func(*flow.Engine[int]) error) {
	e := flow.NewEngine[int](q, q.inForce, q.now)
	if err := do(e); err != nil {
		panic(err)
	}
	if err := e.Finish(); err != nil {
		panic(err)
	}
}

func (q *queue) Send(typ string, o symphony.DispatchOptions) symphony.Receipt {
	r := q.sendAll(symphony.Outgoing{Message: symphony.Message{Type: typ}, Options: o})[0]
	q.now = q.now.Add(time.Millisecond)
	return r
}

// sendAll sends messages in one transaction.
func (q *queue) sendAll(list ...symphony.Outgoing) []symphony.Receipt {
	receipts, arrivals := make([]symphony.Receipt, len(list)), make([]*flow.Arrival[int], len(list))
	for i, m := range list {
		q.sent++
		o := &m.Options
		f := &symphony.Flow{ExpiresAt: o.ExpiresAt, ConcurrencyKey: o.ConcurrencyKey, GroupKey: o.GroupKey,
			Ordered: o.Ordered, DebounceKey: o.DebounceKey, ThrottleKey: o.ThrottleKey}
		if *f == (symphony.Flow{}) {
			f = nil
		}
		e := &symphony.Envelope{ID: fmt.Sprintf("m%03d", q.sent), Type: m.Message.Type, Transport: transport,
			Queue: cmp.Or(o.Queue, symphony.DefaultQueue), Flow: f}
		receipts[i] = symphony.Receipt{ID: e.ID, Transport: e.Transport, Queue: e.Queue}
		m := &flow.Message[int]{Row: q.sent, Envelope: e, Lane: 1, Available: q.now.Add(o.Delay),
			Rank: symphony.MaxPriority - cmp.Or(o.Priority, symphony.DefaultPriority)}
		arrivals[i] = &flow.Arrival[int]{Receipt: &receipts[i], Message: m}
	}
	q.transact(func(e *flow.Engine[int]) error {
		if err := e.Meet(arrivals); err != nil {
			return err
		}
		var enter []*flow.Message[int]
		for _, a := range arrivals {
			if a.Fate != flow.Stored {
				continue
			}
			q.order++
			m := &message{Message: *a.Message, order: q.order}
			q.messages[m.Row] = m
			m.ready = flow.Line(m.Lane, m.Rank, m.Flow) == ""
			enter = append(enter, a.Message)
		}
		return e.Enter(enter)
	})
	return receipts
}

func (q *queue) Claim(most int) []symphony.Delivery {
	q.control()
	if flow.QueuePaused(flow.Live(q.holds, q.now), symphony.DefaultQueue) {
		return nil
	}
	var got []symphony.Delivery
	q.transact(func(e *flow.Engine[int]) error {
		if err := e.ReadHolds(); err != nil {
			return err
		}
		list := slices.DeleteFunc(q.sorted(), func(m *message) bool { return !m.ready || m.Available.After(q.now) })
		for _, m := range list {
			if len(got) == most || e.Full() {
				break
			}
			m.ready = false
			if q.limits.Covers(m.Envelope) || flow.TypesPaused(q.holds) || q.inForce.Looks(m.Transport, m.Queue, q.now) {
				copied := m.Message
				if err := e.Look(&copied); err != nil {
					return err
				}
				pass, wait := e.Admit(&copied)
				if pass == nil {
					q.why[m.ID] = *wait
					continue
				}
				m.pass = pass
			}
			m.Attempt++
			m.deliveries++
			q.sent++
			m.hand, m.token, m.until = true, q.sent, q.now.Add(symphony.DefaultLease)
			got = append(got, symphony.Delivery{Envelope: *m.Envelope, Attempt: m.Attempt,
				Lease: symphony.Lease{MessageID: m.ID, Index: m.Row, Token: fmt.Sprint(m.token)}})
		}
		return nil
	})
	return got
}

// control ends leases that ran out, fails messages that expired and wakes gates.
func (q *queue) control() {
	q.transact(func(e *flow.Engine[int]) error {
		var ends []flow.Departure
		for _, m := range q.sorted() {
			if m.hand && !m.until.After(q.now) {
				if m.cancelled {
					ends = append(ends, q.cancelled(m))
					continue
				}
				ends = append(ends, flow.Departure{Pass: m.pass, Outcome: symphony.Retry, Attempt: m.Attempt})
				q.putBack(m, m.until)
			}
		}
		return e.Depart(ends)
	})
	for {
		q.transact(func(e *flow.Engine[int]) error {
			if err := e.EndOver(); err != nil {
				return err
			}
			if err := e.Expire(); err != nil {
				return err
			}
			return e.Wake()
		})
		late := slices.ContainsFunc(q.notes, func(n flow.Expiry[int]) bool { return !n.At.After(q.now) })
		if !late && !slices.ContainsFunc(slices.Collect(maps.Values(q.gates)), q.due) {
			return
		}
	}
}

func (q *queue) due(g flow.StoredGate) bool { return !g.Wake.IsZero() && !g.Wake.After(q.now) }

func (q *queue) Settle(d symphony.Delivery, st symphony.Settlement) error {
	m := q.messages[d.Lease.Index]
	if m == nil || !m.hand || fmt.Sprint(m.token) != d.Lease.Token || !m.until.After(q.now) {
		return symphony.ErrLeaseLost
	}
	if m.cancelled {
		q.transact(func(e *flow.Engine[int]) error { return e.Depart([]flow.Departure{q.cancelled(m)}) })
		return symphony.ErrCancelled
	}
	q.transact(func(e *flow.Engine[int]) error {
		err := e.Depart([]flow.Departure{{Pass: m.pass, Outcome: st.Outcome, Attempt: m.Attempt}})
		switch st.Outcome {
		case symphony.Ack:
			q.stats.Completed++
			delete(q.messages, m.Row)
		case symphony.Fail:
			q.stats.Failed++
			delete(q.messages, m.Row)
		case symphony.Release:
			m.Attempt--
			at := m.Available
			if st.Delay > 0 {
				at = q.now.Add(st.Delay)
			}
			q.putBack(m, at)
		default:
			q.putBack(m, q.now.Add(st.Delay))
		}
		return err
	})
	return nil
}

// CancelMessage cancels a message: one in hand when its delivery ends.
func (q *queue) CancelMessage(id string) (symphony.Status, error) {
	q.control()
	for _, m := range q.messages {
		switch copied := m.Message; {
		case m.ID != id:
		case m.hand:
			m.cancelled = true
			return symphony.Processing, nil
		default:
			q.transact(func(e *flow.Engine[int]) error {
				_, err := e.Cancel([]*flow.Message[int]{&copied}, symphony.Cancellation{})
				return err
			})
			return symphony.Cancelled, nil
		}
	}
	return "", symphony.ErrNotFound
}

// cancelled cancels a message in hand, and returns what it gives up.
func (q *queue) cancelled(m *message) flow.Departure {
	q.stats.Cancelled++
	delete(q.messages, m.Row)
	return flow.Departure{Pass: m.pass, Outcome: symphony.Cancel, Attempt: m.Attempt}
}

func (q *queue) putBack(m *message, at time.Time) {
	m.hand, m.ready, m.pass, m.Available = false, true, nil, at
}

func (q *queue) Pause(pattern string, until time.Time) {
	t := flow.HoldTarget{Type: pattern}
	q.holds = append(slices.DeleteFunc(slices.Clone(q.holds), func(h flow.Hold) bool { return h.HoldTarget == t }),
		flow.Hold{HoldTarget: t, Mode: flow.Paused, Until: until})
}

func (q *queue) SetLimit(s flow.SetLimit) { q.change([]flow.SetLimit{s}, nil) }

func (q *queue) DeleteLimit(t flow.LimitTarget) { q.change(nil, []flow.LimitTarget{t}) }

func (q *queue) change(save []flow.SetLimit, drop []flow.LimitTarget) {
	q.transact(func(e *flow.Engine[int]) error {
		return e.ChangeLimits(func(time.Time, time.Time, *flow.Limits) ([]flow.SetLimit, []flow.LimitTarget, error) {
			return save, drop, nil
		})
	})
}

func (q *queue) Resume(pattern string) {
	q.holds = slices.DeleteFunc(q.holds, func(h flow.Hold) bool { return h.Type == pattern })
	q.transact(func(e *flow.Engine[int]) error { return e.Release(transport, pattern) })
}

func (q *queue) Now() time.Time          { return q.now }
func (q *queue) Advance(d time.Duration) { q.now = q.now.Add(d) }

// Crash ends the process. What every other worker had in hand is lost, the rest stays in hand.
func (q *queue) Crash() {
	for name, g := range q.gates {
		if g.Wake = q.now; !flow.IsLine(name) {
			g.Used = 0
		}
		q.gates[name] = g
	}
	q.transact(func(e *flow.Engine[int]) (err error) {
		for _, m := range q.sorted() {
			switch {
			case !m.hand:
			case m.Row%2 == 0 && m.cancelled:
				if m.pass != nil {
					copied := m.Message
					if m.pass, err = e.Regain(&copied); err != nil {
						return err
					}
				}
				if err := e.Depart([]flow.Departure{q.cancelled(m)}); err != nil {
					return err
				}
			case m.Row%2 == 0:
				q.putBack(m, q.now)
			case m.pass != nil:
				copied := m.Message
				if m.pass, err = e.Regain(&copied); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// Wait says why a message waits.
func (q *queue) Wait(id string) (w flow.Wait) {
	q.control()
	for _, m := range q.messages {
		if m.ID != id {
			continue
		}
		copied := m.Message
		q.transact(func(e *flow.Engine[int]) (err error) {
			w, err = e.Explain(&copied)
			return err
		})
		if m.ready && !m.Available.After(q.now) {
			line := slices.DeleteFunc(q.sorted(), func(m *message) bool { return !m.ready || m.Available.After(q.now) })
			w.Position = slices.Index(line, m) + 1
		}
	}
	return w
}

func (q *queue) Stats() symphony.QueueStats {
	s := q.stats
	for _, m := range q.messages {
		if m.hand {
			s.Processing++
		} else {
			s.Pending++
		}
	}
	return s
}

// sorted are all messages in the order of claims.
func (q *queue) sorted() []*message {
	return slices.SortedFunc(maps.Values(q.messages), func(a, b *message) int {
		return cmp.Or(cmp.Compare(a.Rank, b.Rank), a.Available.Compare(b.Available), cmp.Compare(a.order, b.order))
	})
}

// check compares the gates with what they count, and reports gates that nobody would ever look at again.
func (q *queue) check() error {
	parked, used := make(map[string]int), make(map[string]int)
	for _, m := range q.messages {
		line := flow.Line(m.Lane, m.Rank, m.Flow)
		if m.ready && (m.hand || m.Gate != "") || m.hand && m.Gate != "" || !m.ready && !m.hand && m.Gate == "" {
			return fmt.Errorf("message %s is ready: %t, in hand: %t, before gate %q", m.ID, m.ready, m.hand, m.Gate)
		}
		if m.Gate != "" {
			parked[m.Gate]++
		}
		if m.hand && m.pass != nil {
			for _, name := range m.pass.Gates {
				used[name]++
			}
		}
		if line != "" && m.Gate != line && (m.Flow.Ordered || !m.hand && m.Attempt == 0) {
			used[line]++
		}
	}
	for _, name := range slices.Sorted(maps.Keys(q.gates)) {
		g := q.gates[name]
		if strings.HasPrefix(name, flow.OrderLine) && g.Used > 1 || g.Used != used[name] || g.Parked != parked[name] {
			return fmt.Errorf("gate %s counts %d and %d, want %d and %d",
				name, g.Used, g.Parked, used[name], parked[name])
		}
		full := strings.HasPrefix(name, flow.OrderLine) && g.Used == 1 ||
			strings.HasPrefix(name, flow.TurnLine) && g.Used == flow.GroupTurn
		if g.Parked > 0 && g.Wake.IsZero() && !full {
			return fmt.Errorf("gate %+v is never looked at", g)
		}
		if g.Used == 0 && g.Parked == 0 && g.Wake.IsZero() {
			return fmt.Errorf("gate %s is of no use", name)
		}
	}
	for name, n := range parked {
		if q.gates[name].Parked != n {
			return fmt.Errorf("%d messages are before gate %s, which does not know of them", n, name)
		}
	}
	return nil
}

// checked is a queue that is checked after each call.
type checked struct {
	*queue
	fatalf func(format string, args ...any)
}

func (c checked) checkAfter(what string) {
	if err := c.check(); err != nil {
		c.fatalf("after %s: %v", what, err)
	}
}

func (c checked) Send(typ string, o symphony.DispatchOptions) symphony.Receipt {
	defer c.checkAfter("a dispatch")
	return c.queue.Send(typ, o)
}

// Claim hands out everything: the queue keeps no Terms.
func (c checked) Claim(most int, _ bool) []symphony.Delivery {
	defer c.checkAfter("a claim")
	return c.queue.Claim(most)
}

func (c checked) Settle(d symphony.Delivery, st symphony.Settlement) error {
	defer c.checkAfter(st.Outcome.String())
	return c.queue.Settle(d, st)
}

func (c checked) CancelMessage(id string) (symphony.Status, error) {
	defer c.checkAfter("a cancel")
	return c.queue.CancelMessage(id)
}

func (c checked) Resume(pattern string) {
	defer c.checkAfter("the end of a pause")
	c.queue.Resume(pattern)
}

func (c checked) SetLimit(s flow.SetLimit) {
	defer c.checkAfter("setting a limit")
	c.queue.SetLimit(s)
}

func (c checked) DeleteLimit(t flow.LimitTarget) {
	defer c.checkAfter("deleting a limit")
	c.queue.DeleteLimit(t)
}

func (c checked) Crash() {
	defer c.checkAfter("a crash")
	c.queue.Crash()
}

// outgoing is a message of a type.
func outgoing(typ string, o symphony.DispatchOptions) symphony.Outgoing {
	return symphony.Outgoing{Message: symphony.Message{Type: typ, Payload: json.RawMessage(`{}`)}, Options: o}
}

func idsOf(list []symphony.Delivery) []string {
	var ids []string
	for _, d := range list {
		ids = append(ids, d.ID)
	}
	return ids
}

// gate is a gate as it is stored, the zero one if it is not.
func (q *queue) gate(t *testing.T, name string) flow.StoredGate {
	t.Helper()
	if err := q.check(); err != nil {
		t.Error(err)
	}
	return q.gates[name]
}

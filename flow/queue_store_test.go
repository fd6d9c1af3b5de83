package flow_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
)

// What the queue of queue_test.go does as a flow.Store.
func (q *queue) Gates(names []string) (list []flow.StoredGate, _ error) {
	q.asked["gates"]++
	for _, name := range names {
		if g, ok := q.gates[name]; ok {
			list = append(list, g)
		}
	}
	return list, nil
}

func (q *queue) DueGates(now time.Time, n int) ([]flow.StoredGate, error) {
	if now != q.now {
		return nil, fmt.Errorf("due by %s, and it is %s", now, q.now)
	}
	list := slices.SortedFunc(maps.Values(q.gates), func(a, b flow.StoredGate) int { return a.Wake.Compare(b.Wake) })
	list = slices.DeleteFunc(list, func(g flow.StoredGate) bool { return !q.due(g) })
	return list[:min(n, len(list))], nil
}

func (q *queue) SaveGates(save []flow.StoredGate, drop []string) error {
	q.asked["save"]++
	for _, g := range save {
		if g.Used < 0 || g.Parked < 0 || g.Wake.Nanosecond()%1000 != 0 {
			return fmt.Errorf("gate %+v", g)
		}
		q.gates[g.Name] = g
	}
	for _, name := range drop {
		delete(q.gates, name)
	}
	return nil
}

func (q *queue) Park(list []flow.Parking[int]) error {
	q.asked["park"]++
	for _, p := range list {
		m := q.messages[p.Row]
		m.Gate, m.place, m.ready = p.Gate, p.Place, false
	}
	return nil
}

func (q *queue) Unpark(wants []flow.Want) ([]int, error) {
	q.asked["unpark"]++
	counts := make([]int, len(wants))
	for i, w := range wants {
		list := slices.DeleteFunc(q.sorted(), func(m *message) bool {
			return m.Gate != w.Gate || m.Available.After(q.now)
		})
		slices.SortStableFunc(list, func(a, b *message) int {
			return cmp.Or(cmp.Compare(a.place, b.place), a.Available.Compare(b.Available), cmp.Compare(a.order, b.order))
		})
		list = list[:min(w.N, len(list))]
		for _, m := range list {
			if m.Gate, m.ready = "", true; w.Behind {
				q.order++
				m.Available, m.order = q.now, q.order
			}
		}
		counts[i] = len(list)
	}
	return counts, nil
}

func (q *queue) Ready(rows []int) error {
	for _, row := range rows {
		q.messages[row].ready = true
	}
	return nil
}

func (q *queue) NextBefore(gates []string) ([]time.Time, error) {
	times := make([]time.Time, len(gates))
	for i, name := range gates {
		for _, m := range q.messages {
			if m.Gate == name && (times[i].IsZero() || m.Available.Before(times[i])) {
				times[i] = m.Available
			}
		}
	}
	return times, nil
}

func (q *queue) Holds() (map[string][]flow.Hold, error) {
	return map[string][]flow.Hold{transport: q.holds}, nil
}

func (q *queue) EndHold(_ string, t flow.HoldTarget) error {
	q.holds = slices.DeleteFunc(slices.Clone(q.holds), func(h flow.Hold) bool { return h.HoldTarget == t })
	return nil
}

func (q *queue) SaveLimits(save []flow.SetLimit, drop []string) error {
	q.asked["limits"]++
	for _, s := range save {
		q.set[s.Name()] = s
	}
	for _, name := range drop {
		delete(q.set, name)
	}
	q.inForce = q.limits.With(slices.Collect(maps.Values(q.set)), q.now)
	return nil
}

func (q *queue) Counted() error {
	q.inForce = q.limits.With(slices.Collect(maps.Values(q.set)), time.Time{})
	return nil
}

func (q *queue) InHand() (list []flow.InHand, _ error) {
	q.asked["hand"]++
	for _, m := range q.messages {
		if m.hand {
			list = append(list, flow.InHand{Envelope: m.Envelope, Pass: m.pass})
		}
	}
	return list, nil
}

func (q *queue) Find(rows []int) ([]*flow.Message[int], error) {
	list := make([]*flow.Message[int], len(rows))
	for i, row := range rows {
		if m := q.messages[row]; m != nil && !m.hand {
			copied := m.Message
			list[i] = &copied
		}
	}
	return list, nil
}

func (q *queue) Remove(list []*flow.Message[int]) (gone []*flow.Message[int], _ error) {
	for _, m := range list {
		if at := q.messages[m.Row]; at != nil && !at.hand && at.Gate == m.Gate {
			at.ready, at.Gate = false, ""
			gone = append(gone, m)
		}
	}
	return gone, nil
}

func (q *queue) Delete(list []*flow.Message[int]) error {
	for _, m := range list {
		delete(q.messages, m.Row)
	}
	return nil
}

func (q *queue) Cancel(list []*flow.Message[int], _ symphony.Cancellation) error {
	q.stats.Cancelled += int64(len(list))
	return q.Delete(list)
}

func (q *queue) Bury(list []*flow.Message[int], causes []*symphony.ExpiredError) error {
	for i, m := range list {
		if causes[i].At.Sub(q.now) >= time.Microsecond {
			return fmt.Errorf("%s is buried before its time", m.ID)
		}
		q.stats.Failed++
	}
	return q.Delete(list)
}

func (q *queue) Hurry(m *flow.Message[int]) (bool, error) {
	at := q.messages[m.Row]
	if at == nil || at.hand {
		return false, nil
	}
	q.order++
	at.Available, at.order = q.now, q.order
	return true, nil
}

func (q *queue) Holders(keys []flow.Key) ([]*flow.Holder[int], error) {
	q.asked["holders"]++
	list := make([]*flow.Holder[int], len(keys))
	for i, k := range keys {
		if row, ok := q.keys[k]; ok {
			m := q.messages[row]
			list[i] = &flow.Holder[int]{Row: row,
				Receipt: symphony.Receipt{ID: m.ID, Transport: m.Transport, Queue: m.Queue}}
		}
	}
	return list, nil
}

func (q *queue) Note(list []*flow.Message[int]) error {
	for _, m := range list {
		if at := m.Flow.ExpiresAt; !at.IsZero() {
			q.notes = append(q.notes, flow.Expiry[int]{Row: m.Row, At: at.Truncate(time.Microsecond)})
		}
		if kind, name := m.Flow.Unique(); kind != "" {
			q.keys[flow.Key{Transport: m.Transport, Kind: kind, Name: name}] = m.Row
		}
	}
	return nil
}

func (q *queue) Free(list []*flow.Message[int]) error {
	for _, m := range list {
		kind, name := m.Flow.Unique()
		if k := (flow.Key{Transport: m.Transport, Kind: kind, Name: name}); q.keys[k] == m.Row {
			delete(q.keys, k)
		}
	}
	return nil
}

func (q *queue) Expired(n int) (due []flow.Expiry[int], _ error) {
	q.notes = slices.DeleteFunc(q.notes, func(e flow.Expiry[int]) bool {
		if e.At.After(q.now) || len(due) == n {
			return false
		}
		due = append(due, e)
		return true
	})
	return due, nil
}

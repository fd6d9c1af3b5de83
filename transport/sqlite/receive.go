package sqlite

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"zombiezen.com/go/sqlite"
)

// Receive claims through the writer and reads the messages' bodies aside of it: they do not change any more.
func (t *Transport) Receive(ctx context.Context, o symphony.ReceiveOptions) ([]symphony.Delivery, error) {
	o = o.WithDefaults()
	t.asks.Begin(t.name, o.Queues, o.Pushes, t.now())
	defer func() { t.asks.End(t.name, o.Queues, o.Pushes, t.now()) }()
	got, err := t.claim(ctx, o)
	if err != nil || len(got) > 0 || o.Wait == 0 {
		return got, err
	}
	timeout := t.clock.NewTimer(o.Wait)
	defer timeout.Stop()
	for {
		// The waiter is in place before the next look, so that nothing can arrive unseen between look and wait.
		waiter := t.waiters.Add(t.name, o.Queues, o.Pushes)
		got, err := t.claim(ctx, o)
		if err != nil || len(got) > 0 {
			t.waiters.Leave(waiter)
			return got, err
		}
		select {
		case <-waiter.Woken():
			continue
		case <-timeout.C():
			t.waiters.Leave(waiter)
			return nil, nil
		case <-ctx.Done():
			t.waiters.Leave(waiter)
			return nil, ctx.Err()
		case <-t.closing:
			return nil, fmt.Errorf("sqlite: %w", symphony.ErrClosed)
		}
	}
}

// claim makes one claim and returns its deliveries, none if nothing is ready.
func (t *Transport) claim(ctx context.Context, o symphony.ReceiveOptions) ([]symphony.Delivery, error) {
	var token [16]byte
	rand.Read(token[:]) // never fails
	c := &claimOp{ReceiveOptions: o, transport: t.name, token: hex.EncodeToString(token[:])}
	if err := t.do(ctx, c); err != nil || len(c.items) == 0 {
		return nil, err
	}
	deliveries, err := t.bodies(c)
	if err != nil {
		back := make([]symphony.Settlement, len(c.items))
		for i := range back {
			back[i] = symphony.Settlement{Lease: symphony.Lease{Token: c.token, Index: i}, Outcome: symphony.Release}
		}
		t.Settle(context.WithoutCancel(ctx), back) // what cannot be given back now returns when its lease runs out
		return nil, err
	}
	return deliveries, nil
}

// claimOp takes messages out of their lanes, rank by rank and oldest first, and leases them.
type claimOp struct {
	symphony.ReceiveOptions
	transport string
	token     string

	now    int64
	items  []readyRow // what was claimed, this delivery counted
	bytes  int64
	lost   int
	ended  bool // the next message in order does not fit
	look   bool // types are paused: every message must be looked at
	holds  []flow.Hold
	flow   *flowTx // nil before the first message that must be looked at
	parked bool    // a message was
}

func (o *claimOp) rows() int { return o.Max }

func (o *claimOp) apply(w *writer) error {
	o.items, o.bytes, o.lost, o.ended, o.flow, o.parked, o.now = nil, 0, 0, false, nil, false, w.wall
	if err := w.expire(); err != nil {
		return err
	}
	if err := w.controlIfDue(); err != nil {
		return err
	}
	o.holds = w.held(o.transport)
	o.look = flow.TypesPaused(o.holds)
	lanes := slices.DeleteFunc(slices.Clone(w.lanesOf(o.transport, o.Queues)), func(l *lane) bool {
		return l.next.pending == 0 || l.pushed && !o.Pushes || flow.QueuePaused(o.holds, l.queue)
	})
	if len(lanes) == 0 {
		return nil
	}
	ranks, err := w.ranks(lanes)
	if err != nil {
		return err
	}
	starved := 0
	fair := w.fair[o.transport]
	if fair == nil {
		fair = &flow.FairShare{}
		w.fair[o.transport] = fair
	}
	if n := fair.Reserve(o.Max); n > 0 && len(ranks) > 1 {
		// The longest waiting messages of all ranks first, as far as their share goes.
		oldest := slices.Concat(ranks...)
		if err := o.take(w, oldest, n, w.now-flow.StarvationAge.Microseconds()); err != nil {
			return err
		}
		starved = len(o.items)
	}
	for _, streams := range ranks {
		if err := o.take(w, streams, o.Max, w.now); err != nil {
			return err
		}
	}
	if len(o.items) == 0 && !o.parked {
		return nil
	}
	for _, s := range slices.Concat(ranks...) {
		if err := s.remove(w); err != nil {
			return err
		}
	}
	if o.flow != nil {
		if err := o.flow.finish(); err != nil { // when what was taken is out of the lanes
			return err
		}
	}
	if len(o.items) == 0 {
		for _, l := range lanes {
			w.wakes[l]++ // there may be more behind what was parked
		}
		return nil
	}
	fair.Spend(len(o.items), starved)
	if starved > 0 {
		slices.SortFunc(o.items, compareReady)
	}
	return o.lease(w)
}

// compareReady orders rows as strict claims would take them.
func compareReady(a, b readyRow) int {
	return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.available, b.available), cmp.Compare(a.seq, b.seq))
}

// olderThan compares rows by the time since which they have been ready.
func (r readyRow) olderThan(o readyRow) bool {
	return r.available < o.available || r.available == o.available && r.seq < o.seq
}

// lease turns the claimed rows into a lease.
func (o *claimOp) lease(w *writer) error {
	l := &lease{
		token: o.token, worker: o.Worker, claimed: w.wall, next: w.now + o.Lease.Microseconds(),
		items: make([]leased, len(o.items)), open: len(o.items), apart: o.Apart,
	}
	var more [2]*lane // the second is of messages that are pushed, which not every receiver takes
	for i := range o.items {
		r := &o.items[i]
		r.attempt++
		n := &w.touch(r.lane).next
		n.pending--
		n.processing++
		if n.pending > 0 {
			more[flag(r.lane.pushed)] = r.lane
		}
		l.items[i] = leased{readyRow: *r, expires: l.next}
	}
	for _, l := range more {
		if l != nil {
			w.wakes[l]++ // each wake-up that finds more than it can take passes it on
		}
	}
	return w.addLease(l)
}

// stream reads the ready messages of one rank of one lane in order, a few at a time.
type stream struct {
	lane  *lane
	rank  int64
	rows  []readyRow // read, not taken
	read  position   // of the last row read
	taken position   // of the last row taken
	until int64      // all rows that were available by then have been read
}

// position is a place in a stream. The zero position is before every row.
type position struct{ available, seq int64 }

// ranks returns the streams of all ranks that have messages, the highest priority first. Finding them costs one look
// into the index for each, however many messages they have.
func (w *writer) ranks(lanes []*lane) ([][]*stream, error) {
	var byRank [symphony.MaxPriority]([]*stream)
	for _, l := range lanes {
		for rank := int64(0); rank < symphony.MaxPriority; rank++ {
			found := false
			err := w.query("SELECT rank FROM messenger_ready WHERE lane=? AND rank>=? ORDER BY lane, rank LIMIT 1", func(s *sqlite.Stmt) bool {
				rank, found = s.ColumnInt64(0), true
				return true
			}, l.id, rank)
			if err != nil {
				return nil, err
			}
			if !found {
				break
			}
			byRank[rank] = append(byRank[rank], &stream{lane: l, rank: rank})
		}
	}
	return slices.DeleteFunc(byRank[:], func(s []*stream) bool { return len(s) == 0 }), nil
}

// take claims from the streams, oldest first, until the claim has max messages or nothing is left that was ready by
// the given time.
func (o *claimOp) take(w *writer, streams []*stream, max int, by int64) error {
	for len(o.items) < max && !o.ended {
		var oldest *stream
		for _, s := range streams {
			if err := s.fill(w, (max-len(o.items))/len(streams)+1, by); err != nil {
				return err
			}
			if len(s.rows) > 0 && s.rows[0].available <= by && (oldest == nil || s.rows[0].olderThan(oldest.rows[0])) {
				oldest = s
			}
		}
		if oldest == nil {
			return nil
		}
		r := oldest.rows[0]
		if len(o.items) > 0 && o.bytes+r.size > int64(o.MaxBytes) || r.lost > 0 && o.lost >= o.MaxLost {
			o.ended = true // later messages must not overtake the one that does not fit
			return nil
		}
		oldest.rows, oldest.taken = oldest.rows[1:], position{r.available, r.seq}
		if o.look || r.lane.controlled || w.looks(r.lane) {
			if err := o.admit(w, &r); err != nil {
				return err
			}
			if r.pass == nil {
				o.parked, o.ended = true, o.flow.engine.Full()
				continue
			}
		}
		o.items = append(o.items, r)
		o.bytes += r.size
		if r.lost > 0 {
			o.lost++
		}
	}
	return nil
}

// admit has a message that is next in its lane pass its gates, or parks it.
func (o *claimOp) admit(w *writer, r *readyRow) error {
	if o.flow == nil {
		o.flow = w.beginFlow()
		if o.look {
			if err := o.flow.engine.ReadHolds(); err != nil {
				return err
			}
		}
	}
	m, err := o.flow.look(located{readyRow: *r})
	if err != nil {
		return err
	}
	if err := o.flow.engine.Look(m); err != nil {
		return err
	}
	r.pass, _ = o.flow.engine.Admit(m)
	return nil
}

// fill reads up to n further messages if none is at hand.
func (s *stream) fill(w *writer, n int, by int64) error {
	if len(s.rows) > 0 || s.until >= by {
		return nil
	}
	s.rows = s.rows[:0]
	err := w.query(`SELECT available_at, seq, attempt, lost, size FROM messenger_ready
		WHERE lane=?1 AND rank=?2 AND (available_at, seq)>(?3, ?4) AND available_at<=?5 ORDER BY available_at, seq LIMIT ?6`, func(q *sqlite.Stmt) bool {
		s.rows = append(s.rows, readyRow{lane: s.lane, rank: s.rank, available: q.ColumnInt64(0), seq: q.ColumnInt64(1),
			attempt: q.ColumnInt64(2), lost: q.ColumnInt64(3), size: q.ColumnInt64(4)})
		return true
	}, s.lane.id, s.rank, s.read.available, s.read.seq, by, n)
	if len(s.rows) < n {
		s.until = by
	}
	if last := len(s.rows) - 1; last >= 0 {
		s.read = position{s.rows[last].available, s.rows[last].seq}
	}
	return err
}

// remove deletes what was taken: the head of the stream, so one statement finds it all.
func (s *stream) remove(w *writer) error {
	if s.taken == (position{}) {
		return nil
	}
	return w.exec("DELETE FROM messenger_ready WHERE lane=? AND rank=? AND (available_at, seq)<=(?, ?)",
		s.lane.id, s.rank, s.taken.available, s.taken.seq)
}

// bodies reads the claimed messages, in the order of the claim. One read transaction for all of them saves taking and
// dropping the lock on the log's index for each.
func (s *store) bodies(c *claimOp) ([]symphony.Delivery, error) {
	r, ok := <-s.readers
	if !ok {
		return nil, fmt.Errorf("sqlite: %w", symphony.ErrClosed)
	}
	defer func() { s.readers <- r }()
	out := make([]symphony.Delivery, len(c.items))
	claimed := fromMicros(c.now)
	until := claimed.Add(c.Lease.Truncate(time.Microsecond))
	err := r.snapshot(func(r *reader) error {
		for i := range c.items {
			it := &c.items[i]
			d := &out[i]
			if err := r.message(it.seq, d); err != nil {
				return err
			}
			d.Transport, d.Queue = it.lane.transport, it.lane.queue
			d.Attempt, d.Lost = int(it.attempt), int(it.lost)
			d.ClaimedAt, d.LeasedUntil = claimed, until
			d.Lease = symphony.Lease{MessageID: d.ID, Token: c.token, Index: i}
		}
		return nil
	})
	if err != nil {
		return nil, s.storageError("read messages in", err)
	}
	return out, nil
}

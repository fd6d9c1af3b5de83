package sqlite

import (
	"container/heap"
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/symphony-messenger/symphony"
	"zombiezen.com/go/sqlite"
)

// lease is one claim: the messages that one Receive returned, leased until the same time unless extended. The lease
// lives in memory; its row exists so that the next process finds what this one had in hand.
type lease struct {
	id      int64
	token   string
	worker  string
	claimed int64
	items   []leased
	open    int // items not settled
	// next is no later than the earliest end of an open item; extending one leaves it, so that a heartbeat costs nothing.
	next   int64
	heapAt int
}

// leased is one message of a claim.
type leased struct {
	readyRow // as it was claimed, with this delivery counted as an attempt
	expires  int64
	settled  bool
}

// leaseHeap has the lease at its top of which something may end first.
type leaseHeap []*lease

func (h leaseHeap) Len() int           { return len(h) }
func (h leaseHeap) Less(i, j int) bool { return h[i].next < h[j].next }
func (h leaseHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].heapAt, h[j].heapAt = i, j
}
func (h *leaseHeap) Push(x any) {
	l := x.(*lease)
	l.heapAt = len(*h)
	*h = append(*h, l)
}
func (h *leaseHeap) Pop() any {
	old := *h
	l := old[len(old)-1]
	*h = old[:len(old)-1]
	return l
}

// addLease stores a new claim.
func (w *writer) addLease(l *lease) error {
	if err := w.exec("INSERT INTO messenger_leases (worker, claimed_at, deliveries, until) VALUES (?, ?, ?, ?)", l.worker, l.claimed, blob(l.encode()), l.next); err != nil {
		return err
	}
	l.id = w.conn.LastInsertRowID()
	w.leases[l.token] = l
	heap.Push(&w.expiry, l)
	w.undo = append(w.undo, func() { w.forget(l) })
	return nil
}

// removeLease deletes a claim of which nothing is left.
func (w *writer) removeLease(l *lease) error {
	if err := w.exec("DELETE FROM messenger_leases WHERE lease=?", l.id); err != nil {
		return err
	}
	w.forget(l)
	w.undo = append(w.undo, func() {
		w.leases[l.token] = l
		heap.Push(&w.expiry, l)
	})
	return nil
}

func (w *writer) forget(l *lease) {
	delete(w.leases, l.token)
	heap.Remove(&w.expiry, l.heapAt)
}

// saveLease rewrites a claim's row after messages of it went back to their lanes: a message must never stand in its
// lane and in a lease at once. Completed and failed messages may stay listed; recovery sees what became of them.
func (w *writer) saveLease(l *lease) error {
	return w.exec("UPDATE messenger_leases SET deliveries=? WHERE lease=?", blob(l.encode()), l.id)
}

// encode lists the open deliveries.
func (l *lease) encode() []byte {
	b := make([]byte, 0, 4*len(l.items))
	for i := range l.items {
		if it := &l.items[i]; !it.settled {
			b = binary.AppendVarint(b, it.seq)
			b = binary.AppendUvarint(b, uint64(it.attempt))
			b = binary.AppendUvarint(b, uint64(it.lost))
		}
	}
	return b
}

// item returns the open delivery that a lease names, or nil if it is lost.
func (w *writer) item(sl symphony.Lease) (*lease, *leased) {
	l := w.leases[sl.Token]
	if l == nil || sl.Index < 0 || sl.Index >= len(l.items) {
		return nil, nil
	}
	if it := &l.items[sl.Index]; !it.settled && w.now < it.expires {
		return l, it
	}
	return nil, nil
}

// close marks a delivery as settled.
func (w *writer) close(l *lease, it *leased) {
	it.settled = true
	l.open--
	w.touch(it.lane).next.processing--
	w.settled = append(w.settled, settledItem{l, it})
}

// expire gives back every delivery whose lease ran out.
func (w *writer) expire() error {
	for len(w.expiry) > 0 && w.expiry[0].next <= w.now {
		l, returned, next := w.expiry[0], false, int64(never)
		for i := range l.items {
			switch it := &l.items[i]; {
			case it.settled:
			case it.expires > w.now:
				next = min(next, it.expires)
			default:
				if err := w.lose(it.readyRow, l.worker, l.claimed, it.expires); err != nil {
					return err
				}
				if err := w.depart(it.passes, symphony.Retry, it.attempt); err != nil {
					return err
				}
				w.close(l, it)
				returned = true
			}
		}
		w.bound(l, next)
		if err := w.tidy(l, returned); err != nil {
			return err
		}
	}
	return nil
}

// tidy brings a lease's row up to date after some of its deliveries were settled; returned says that some of them
// went back to their lanes.
func (w *writer) tidy(l *lease, returned bool) error {
	switch {
	case l.open == 0:
		return w.removeLease(l)
	case returned:
		return w.saveLease(l)
	}
	return nil
}

// bound sets when something of a lease may end next.
func (w *writer) bound(l *lease, next int64) {
	before := l.next
	l.next = next
	heap.Fix(&w.expiry, l.heapAt)
	w.undo = append(w.undo, func() {
		l.next = before
		heap.Fix(&w.expiry, l.heapAt)
	})
}

// lose returns a message to its lane whose worker said nothing until the end of its lease, and notes the attempt.
func (w *writer) lose(r readyRow, worker string, claimed, end int64) error {
	if err := w.noteAttempt(r, worker, claimed, end, symphony.LostText, symphony.LostClass, end); err != nil {
		return err
	}
	r.available = end
	r.lost++
	w.touch(r.lane)
	return w.ready(r)
}

// recoverOp runs at Open: nobody can hold a lease of a process that is gone.
type recoverOp struct{}

func (recoverOp) rows() int { return 0 }

func (recoverOp) apply(w *writer) error {
	type claim struct {
		worker  string
		claimed int64
		list    []byte
	}
	var claims []claim
	err := w.query("SELECT worker, claimed_at, deliveries FROM messenger_leases ORDER BY lease", func(s *sqlite.Stmt) bool {
		claims = append(claims, claim{s.ColumnText(0), s.ColumnInt64(1), columnBytes(s, 2)})
		return true
	})
	if err != nil {
		return err
	}
	for _, c := range claims {
		for list := c.list; len(list) > 0; {
			seq, a := binary.Varint(list)
			attempt, b := binary.Uvarint(list[max(a, 0):])
			lost, n := binary.Uvarint(list[max(a, 0)+max(b, 0):])
			if a <= 0 || b <= 0 || n <= 0 {
				return fmt.Errorf("lease of worker %s: %w", c.worker, ErrCorrupt)
			}
			list = list[a+b+n:]
			if err := w.recover(readyRow{seq: seq, attempt: int64(attempt), lost: int64(lost)}, c.worker, c.claimed); err != nil {
				return err
			}
		}
	}
	if err := w.exec("DELETE FROM messenger_leases"); err != nil {
		return err
	}
	// Processing messages of this file are those just returned; the counts say what the last process had in hand.
	err = w.query("SELECT coalesce(max(seq), 0) FROM messenger_messages", func(s *sqlite.Stmt) bool {
		w.nextSeq = s.ColumnInt64(0) + 1
		return true
	})
	if err != nil {
		return err
	}
	if err := w.recoverGates(); err != nil {
		return err
	}
	return w.sweep()
}

// recover returns one message of a lost claim, unless it was completed or failed.
func (w *writer) recover(r readyRow, worker string, claimed int64) error {
	err := w.query(`SELECT lane, priority, length(CAST(payload AS BLOB)) + coalesce(length(metadata), 0) + coalesce(length(headers), 0)
		FROM messenger_messages m WHERE seq=? AND NOT EXISTS (SELECT 1 FROM messenger_completed c WHERE c.seq = m.seq)`,
		func(s *sqlite.Stmt) bool {
			r.lane, r.rank, r.size = w.byID[s.ColumnInt64(0)], rankOf(s.ColumnInt(1)), s.ColumnInt64(2)
			return true
		}, r.seq)
	if err != nil || r.lane == nil {
		return err
	}
	w.touch(r.lane).next.processing--
	return w.lose(r, worker, claimed, w.now)
}

// Extend sets leases to end d from now. It writes nothing to the disk: leases live as long as the process.
func (t *Transport) Extend(ctx context.Context, leases []symphony.Lease, d time.Duration) []error {
	o := &extendOp{leases: leases, d: d.Microseconds()}
	if d < symphony.MinLease || d > symphony.MaxLease {
		return allFailed(len(leases), fmt.Errorf("sqlite: extend by %s: must be %s to %s", d, symphony.MinLease, symphony.MaxLease))
	}
	if err := t.do(ctx, o); err != nil {
		return allFailed(len(leases), err)
	}
	return o.errs
}

func allFailed(n int, err error) []error {
	errs := make([]error, n)
	for i := range errs {
		errs[i] = err
	}
	return errs
}

type extendOp struct {
	leases []symphony.Lease
	d      int64
	errs   []error
}

func (o *extendOp) rows() int { return 1 }

func (o *extendOp) apply(w *writer) error {
	o.errs = nil
	for i, sl := range o.leases {
		l, it := w.item(sl)
		if l == nil {
			o.errs = lost(o.errs, len(o.leases), i)
			continue
		}
		before, until := it.expires, w.now+o.d
		it.expires = until
		w.undo = append(w.undo, func() { it.expires = before })
		if until < l.next {
			w.bound(l, until)
		}
	}
	return nil
}

// lost notes a lost lease as the i-th of n results.
func lost(errs []error, n, i int) []error {
	if errs == nil {
		errs = make([]error, n)
	}
	errs[i] = symphony.ErrLeaseLost
	return errs
}

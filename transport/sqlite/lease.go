package sqlite

import (
	"container/heap"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
)

// lease is one claim: the messages that one Receive returned, leased until the same time unless extended. The lease
// lives in memory; its row exists so that the next process finds what this one had in hand, and goes on with what is in
// the hands of workers elsewhere.
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
	// apart says that the lease outlives the process, for a worker in another one. Its row has the token and the ends, which
	// are relative to until, as the row has that.
	apart bool
	until int64
	// cancel is not nil where the lease is that of one message which is to be cancelled. Nobody holds it then.
	cancel *cancelling
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
	var token any
	if l.until = l.next; l.apart {
		token = l.token
	}
	if err := w.exec("INSERT INTO messenger_leases (worker, claimed_at, deliveries, until, token) VALUES (?, ?, ?, ?, ?)",
		l.worker, l.claimed, blob(l.encode()), l.until, token); err != nil {
		return err
	}
	if l.id = w.conn.LastInsertRowID(); l.cancel != nil {
		cancel, err := json.Marshal(l.cancel)
		if err == nil {
			err = w.exec("UPDATE messenger_leases SET cancel=? WHERE lease=?", cancel, l.id)
		}
		if err != nil {
			return err
		}
	}
	w.keep(l)
	w.undo = append(w.undo, func() { w.forget(l) })
	return nil
}

// removeLease deletes a claim of which nothing is left.
func (w *writer) removeLease(l *lease) error {
	if err := w.exec("DELETE FROM messenger_leases WHERE lease=?", l.id); err != nil {
		return err
	}
	w.forget(l)
	w.undo = append(w.undo, func() { w.keep(l) })
	return nil
}

func (w *writer) keep(l *lease) {
	w.leases[l.token] = l
	if l.cancel != nil {
		w.cancelling[l.cancel.delivery()] = l
	}
	heap.Push(&w.expiry, l)
	if l.apart {
		w.apart++
	}
}

func (w *writer) forget(l *lease) {
	if l.apart {
		w.apart--
	}
	delete(w.leases, l.token)
	if l.cancel != nil {
		delete(w.cancelling, l.cancel.delivery())
	}
	heap.Remove(&w.expiry, l.heapAt)
}

// saveLease rewrites a claim's row after messages of it went back to their lanes: a message must never stand in its
// lane and in a lease at once. Completed and failed messages may stay listed; recovery sees what became of them.
func (w *writer) saveLease(l *lease) error {
	return w.exec("UPDATE messenger_leases SET deliveries=? WHERE lease=?", blob(l.encode()), l.id)
}

// encode lists the open deliveries. A lease that outlives the process lists them all, since receipts name their places.
func (l *lease) encode() []byte {
	b := make([]byte, 0, 4*len(l.items))
	for i := range l.items {
		it := &l.items[i]
		if it.settled && !l.apart {
			continue
		}
		seq, end := it.seq, it.expires-l.until
		if it.settled {
			seq, end = 0, 0
		}
		b = binary.AppendVarint(b, seq)
		b = binary.AppendUvarint(b, uint64(it.attempt))
		b = binary.AppendUvarint(b, uint64(it.lost))
		if l.apart {
			b = binary.AppendVarint(b, end)
		}
	}
	return b
}

// listed is a delivery as a lease's row lists it.
type listed struct{ seq, attempt, lost, end int64 }

// decodeLease reads what encode has written.
func decodeLease(list []byte, apart bool) ([]listed, error) {
	var out []listed
	for len(list) > 0 {
		var d listed
		read := func(to *int64, n int64, size int) bool {
			if size <= 0 {
				return false
			}
			*to, list = n, list[size:]
			return true
		}
		signed := func(to *int64) bool {
			n, size := binary.Varint(list)
			return read(to, n, size)
		}
		unsigned := func(to *int64) bool {
			n, size := binary.Uvarint(list)
			return read(to, int64(n), size) //nolint:gosec // it was not negative when it was written
		}
		if !signed(&d.seq) || !unsigned(&d.attempt) || !unsigned(&d.lost) || apart && !signed(&d.end) {
			return nil, ErrCorrupt
		}
		out = append(out, d)
	}
	return out, nil
}

// item returns the open delivery that a lease names, or nil if it is lost.
func (w *writer) item(sl symphony.Lease) (*lease, *leased) {
	l := w.leases[sl.Token]
	if l == nil || l.cancel != nil || sl.Index < 0 || sl.Index >= len(l.items) {
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
	var ends []flow.Departure
	for len(w.expiry) > 0 && w.expiry[0].next <= w.now {
		l, returned, next := w.expiry[0], false, int64(never)
		if l.cancel != nil {
			gone, err := w.endCancelling(l)
			if err != nil {
				return err
			}
			ends = append(ends, gone...)
			continue
		}
		for i := range l.items {
			switch it := &l.items[i]; {
			case it.settled:
			case it.expires > w.now:
				next = min(next, it.expires)
			default:
				if err := w.lose(it.readyRow, l.worker, l.claimed, it.expires); err != nil {
					return err
				}
				if it.pass != nil {
					ends = append(ends, flow.Departure{Pass: it.pass, Outcome: symphony.Retry, Attempt: int(it.attempt)})
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
	return w.depart(ends)
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
	if err := w.noteAttempt(r, worker, claimed, end-w.steady.Ahead(), symphony.LostText, symphony.LostClass, end); err != nil {
		return err
	}
	r.available = end
	r.lost++
	w.touch(r.lane)
	w.ready(r)
	return nil
}

// Extend sets leases to end d from now. It writes nothing to the disk but for leases that outlive the process.
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
	var apart []*lease
	for i, sl := range o.leases {
		l, it := w.item(sl)
		if l == nil {
			_, why, err := w.lostFor(sl)
			if err != nil {
				return err
			}
			o.errs = failed(o.errs, len(o.leases), i, why)
			continue
		}
		before, until := it.expires, w.now+o.d
		it.expires = until
		w.undo = append(w.undo, func() { it.expires = before })
		if until < l.next {
			w.bound(l, until)
		}
		if l.apart && !slices.Contains(apart, l) {
			apart = append(apart, l)
		}
	}
	for _, l := range apart {
		if err := w.saveLease(l); err != nil {
			return err
		}
	}
	if len(apart) > 0 {
		return w.saveClock() // the new end is to be told by where time stands
	}
	return nil
}

// failed notes an error as the i-th of n results.
func failed(errs []error, n, i int, err error) []error {
	if errs == nil {
		errs = make([]error, n)
	}
	errs[i] = err
	return errs
}

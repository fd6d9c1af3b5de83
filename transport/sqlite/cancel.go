package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/storage"
	"zombiezen.com/go/sqlite"
)

// A message that is cancelled while a worker has it leaves that worker's lease and gets one of its own, with the same
// end. So the worker's lease is lost like any other, and only where one is lost is it asked whether that is why. The
// message is cancelled, and gives up its places under flow control, when its worker settles it, or when the lease ends.

// cancelling is why a lease has a message that is to be cancelled.
type cancelling struct {
	// Token and Place are the delivery out of which the message was taken.
	Token string `json:"token"`
	Place int    `json:"place"`
	// At is when it was asked for, a time of day.
	At     int64  `json:"at"`
	By     string `json:"by,omitempty"`
	Reason string `json:"reason,omitempty"`
}

func (c *cancelling) request() *symphony.Cancellation {
	return &symphony.Cancellation{RequestedAt: fromMicros(c.At), By: c.By, Reason: c.Reason}
}

func decodeCancelling(raw []byte) (*cancelling, error) {
	if raw == nil {
		return nil, nil
	}
	c := new(cancelling)
	if err := json.Unmarshal(raw, c); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return c, nil
}

// delivery is one place of one lease.
type delivery struct {
	token string
	place int
}

func (c *cancelling) delivery() delivery { return delivery{c.Token, c.Place} }

// own is the token of the message's own lease.
func (c *cancelling) own() string { return fmt.Sprintf("cancelled %s %d", c.Token, c.Place) }

// CancelMessage cancels a message. It is looked for aside of the writer, and again if it has moved by then.
func (t *Transport) CancelMessage(ctx context.Context, id string, c symphony.Cancellation) (symphony.Status, error) {
	for {
		err := t.steer(ctx, id, func(f *flowTx, m *waiting) (bool, error) {
			n, err := f.engine.Cancel([]*waiting{m}, c)
			return n > 0, err
		})
		var status *symphony.MessageStatusError
		switch {
		case err == nil:
			return symphony.Cancelled, nil
		case !errors.As(err, &status):
			return "", err
		case status.Status != symphony.Processing:
			return "", &symphony.MessageStatusError{ID: id, Status: status.Status, Want: symphony.Processing}
		}
		o := &cancelOp{transport: t.name, id: id, Cancellation: c}
		if err := t.do(ctx, o); err != nil {
			return "", err
		}
		if o.told != (symphony.Lease{}) {
			t.cancels.Each(func(w storage.CancelWatch) { w.Told([]symphony.Lease{o.told}) })
		}
		if o.done {
			return symphony.Processing, nil
		}
	}
}

// WatchCancels tells of messages in hand that this process cancels, which alone can.
func (t *Transport) WatchCancels(w storage.CancelWatch) (stop func()) { return t.cancels.Add(w) }

// cancelOp takes a message in hand out of its lease.
type cancelOp struct {
	symphony.Cancellation
	transport, id string
	done          bool           // it is in hand, and to be cancelled
	told          symphony.Lease // the delivery out of which it was taken now
}

func (*cancelOp) rows() int { return 1 }

func (o *cancelOp) apply(w *writer) error {
	o.done, o.told = false, symphony.Lease{}
	seq := int64(0)
	err := w.query("SELECT seq FROM messenger_messages WHERE id=?", func(s *sqlite.Stmt) bool {
		seq = s.ColumnInt64(0)
		return false
	}, o.id)
	if err != nil || seq == 0 {
		return err
	}
	l, place := w.inHand(seq)
	if l == nil {
		return nil
	}
	if o.done = true; l.cancel != nil {
		return nil // it is asked for already
	}
	it := &l.items[place]
	c := &cancelling{Token: l.token, Place: place, At: w.wall, By: o.By, Reason: o.Reason}
	own := &lease{token: c.own(), worker: l.worker, claimed: l.claimed, next: it.expires,
		items: []leased{*it}, open: 1, apart: l.apart, cancel: c}
	it.settled = true
	l.open--
	w.settled = append(w.settled, settledItem{l, it})
	if err := w.tidy(l, true); err != nil {
		return err
	}
	o.told = symphony.Lease{MessageID: o.id, Token: l.token, Index: place}
	return w.addLease(own)
}

// inHand finds the delivery of a message that has not ended yet, nil if there is none.
func (w *writer) inHand(seq int64) (*lease, int) {
	for _, l := range w.leases {
		for i := range l.items {
			if it := &l.items[i]; it.seq == seq && !it.settled && w.now < it.expires {
				return l, i
			}
		}
	}
	return nil, 0
}

// lostFor says why a delivery is lost: because its message is to be cancelled, then with its lease, or was cancelled,
// or for another reason.
func (w *writer) lostFor(sl symphony.Lease) (own *lease, why, err error) {
	if own = w.cancelling[delivery{sl.Token, sl.Index}]; own != nil {
		return own, symphony.ErrCancelled, nil
	}
	why = symphony.ErrLeaseLost
	err = w.query(`SELECT 1 FROM messenger_messages m JOIN messenger_cancelled c ON c.seq = m.seq
		WHERE m.id=? AND c.token=? AND c.place=?`, func(*sqlite.Stmt) bool {
		why = symphony.ErrCancelled
		return false
	}, sl.MessageID, sl.Token, sl.Index)
	return nil, why, err
}

// endCancelling cancels the message of a lease of its own. It returns what the message gives up.
func (w *writer) endCancelling(l *lease) (ends []flow.Departure, err error) {
	it := &l.items[0]
	w.touch(it.lane)
	if err := w.cancelled(it.readyRow, l.cancel, l.worker, l.claimed); err != nil {
		return nil, err
	}
	if it.pass != nil {
		ends = append(ends, flow.Departure{Pass: it.pass, Outcome: symphony.Cancel, Attempt: int(it.attempt)})
	}
	w.close(l, it)
	return ends, w.tidy(l, false)
}

// cancelled notes that a message is cancelled, or deletes it where nothing is kept. Every message that is cancelled
// comes here, in the transaction in which that happens. The caller has touched the lane. claimed is 0, and the worker
// empty, of a message that nobody had.
func (w *writer) cancelled(r readyRow, c *cancelling, worker string, claimed int64) error {
	r.lane.next.cancelled++
	if err := w.follow(r, symphony.Source{Status: symphony.Cancelled, Attempts: int(r.attempt)}); err != nil {
		return err
	}
	if keeps, err := w.keeps(symphony.Cancelled, r.seq); err != nil {
		return err
	} else if !keeps {
		err := w.query("SELECT id FROM messenger_messages WHERE seq=?", func(s *sqlite.Stmt) bool {
			w.noteEnd(r.lane, symphony.Cancelled, s.ColumnText(0))
			return false
		}, r.seq)
		if err != nil {
			return err
		}
		return w.discard(r.seq)
	}
	var by, token, place any
	if claimed != 0 {
		by, token, place = worker, c.Token, c.Place
	}
	return w.exec(`INSERT INTO messenger_cancelled
		(seq, cancelled_at, attempt, requested_at, by, reason, started_at, worker, token, place)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		r.seq, w.wall, r.attempt, c.At, c.By, c.Reason, nullable(claimed), by, token, place)
}

// Cancel cancels messages that were removed.
func (f *flowTx) Cancel(list []*waiting, c symphony.Cancellation) error {
	for _, m := range list {
		if err := f.cancelled(m.Row.readyRow, &cancelling{At: f.wall, By: c.By, Reason: c.Reason}, "", 0); err != nil {
			return err
		}
	}
	return nil
}

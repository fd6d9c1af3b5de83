package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"unsafe"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"zombiezen.com/go/sqlite"
)

// Send stores the envelopes in one transaction, shared with concurrent calls.
func (t *Transport) Send(ctx context.Context, envelopes []*symphony.Envelope) ([]symphony.Receipt, error) {
	o, err := newSendOp(envelopes)
	if err != nil {
		return nil, err
	}
	if err := t.do(ctx, o); err != nil {
		return nil, err
	}
	if o.conflict != nil {
		return nil, o.conflict
	}
	return o.receipts, nil
}

func newSendOp(envelopes []*symphony.Envelope) (*sendOp, error) {
	o := &sendOp{rowsIn: make([]messageRow, len(envelopes)), receipts: make([]symphony.Receipt, len(envelopes))}
	for i, e := range envelopes {
		row := &o.rowsIn[i]
		row.Envelope, o.controlled = e, o.controlled || e.Flow != nil
		var err error
		if row.metadata, err = encode(len(e.Metadata), e.Metadata); err == nil {
			row.headers, err = encode(len(e.Headers), e.Headers)
		}
		if err == nil {
			row.extras, err = e.EncodeExtras()
		}
		if err != nil {
			return nil, fmt.Errorf("sqlite: send %s: %w", e.ID, err)
		}
		if !e.ScheduledAt.IsZero() {
			row.scheduledAt = micros(e.ScheduledAt)
		}
	}
	return o, nil
}

// encode marshals v, or returns nil if it has no entries.
func encode(entries int, v any) ([]byte, error) {
	if entries == 0 {
		return nil, nil
	}
	return json.Marshal(v)
}

// messageRow is an envelope ready to be stored.
type messageRow struct {
	*symphony.Envelope
	headers, metadata, done, extras []byte
	scheduledAt                     int64 // 0: at once
}

type sendOp struct {
	rowsIn     []messageRow
	controlled bool // a message has a Flow
	receipts   []symphony.Receipt
	conflict   error
}

func (o *sendOp) rows() int { return len(o.rowsIn) }

// apply looks up every key and every hold first: a refusal must leave nothing behind.
func (o *sendOp) apply(w *writer) error {
	o.conflict = nil
	clear(o.receipts)
	for i := range o.rowsIn {
		if err := o.known(w, i); err != nil || o.conflict != nil {
			return err
		}
		if row := &o.rowsIn[i]; !o.receipts[i].Duplicate {
			if o.conflict = flow.Drained(w.held(row.Transport), row.Transport, row.Queue); o.conflict != nil {
				return nil
			}
		}
	}
	f, arrivals, err := o.meet(w)
	if err != nil {
		return err
	}
	var entering []*waiting
	for i := range o.rowsIn {
		row, r := &o.rowsIn[i], &o.receipts[i]
		if r.Duplicate || r.Dropped {
			continue
		}
		*r = symphony.Receipt{ID: row.ID, Transport: row.Transport, Queue: row.Queue,
			ScheduledAt: row.ScheduledAt, IdempotencyKey: row.IdempotencyKey, Replaced: r.Replaced}
		if row.IdempotencyKey != "" {
			if err := w.remember(row); err != nil {
				return err
			}
		}
		if arrivals != nil && arrivals[i].Fate != flow.Stored {
			continue
		}
		l, err := w.laneFor(row.Envelope)
		if err != nil {
			return err
		}
		ready, err := w.insert(row, l)
		if err != nil {
			return err
		}
		if row.Flow != nil {
			locate(arrivals[i].Message, located{readyRow: ready})
			entering = append(entering, arrivals[i].Message)
		}
	}
	return w.enter(f, entering)
}

// meet has messages under flow control met by those that wait. It sets what their receipts say of others. Where there
// are none it returns nothing, else an arrival for each message of the call.
func (o *sendOp) meet(w *writer) (*flowTx, []flow.Arrival[located], error) {
	if !o.controlled {
		return nil, nil, nil
	}
	messages, all := make([]waiting, len(o.rowsIn)), make([]flow.Arrival[located], len(o.rowsIn))
	var arrivals []*flow.Arrival[located]
	for i := range o.rowsIn {
		messages[i].Envelope = o.rowsIn[i].Envelope
		all[i] = flow.Arrival[located]{Message: &messages[i], Receipt: &o.receipts[i]}
		if !o.receipts[i].Duplicate {
			arrivals = append(arrivals, &all[i])
		}
	}
	f := w.beginFlow()
	return f, all, f.engine.Meet(arrivals)
}

// enter has messages that were inserted begin to wait. f is nil where nothing was decided before.
func (w *writer) enter(f *flowTx, entering []*waiting) error {
	if f == nil && len(entering) == 0 {
		return nil
	}
	if f == nil {
		f = w.beginFlow()
	}
	if err := f.engine.Enter(entering); err != nil {
		return err
	}
	return f.finish()
}

// known sets the receipt of the i-th envelope if its key is taken, or the conflict.
func (o *sendOp) known(w *writer, i int) error {
	row := &o.rowsIn[i]
	if row.IdempotencyKey == "" {
		return nil
	}
	settle := func(id, queue string, scheduledAt int64, fingerprint []byte) {
		if string(fingerprint) != string(row.Fingerprint[:]) {
			o.conflict = &symphony.IdempotencyConflictError{Key: row.IdempotencyKey, Transport: row.Transport, MessageID: id}
			return
		}
		o.receipts[i] = symphony.Receipt{ID: id, Transport: row.Transport, Queue: queue,
			ScheduledAt: fromMicros(scheduledAt), IdempotencyKey: row.IdempotencyKey, Duplicate: true}
	}
	for j := range i {
		first := &o.rowsIn[j]
		if first.IdempotencyName() == row.IdempotencyName() && first.Transport == row.Transport && !o.receipts[j].Duplicate {
			settle(first.ID, first.Queue, first.scheduledAt, first.Fingerprint[:])
			return nil
		}
	}
	s, err := w.prepared(`SELECT message_id, queue, scheduled_at, fingerprint FROM messenger_idempotency
		WHERE transport=? AND key=? AND expires_at>?`)
	if err != nil {
		return err
	}
	return eachRow(s, func(s *sqlite.Stmt) bool {
		settle(s.ColumnText(0), s.ColumnText(1), s.ColumnInt64(2), columnBytes(s, 3))
		return false
	}, []any{row.Transport, row.IdempotencyName(), w.now})
}

// remember stores an idempotency key. It replaces one whose window is over.
func (w *writer) remember(row *messageRow) error {
	s, err := w.prepared(`INSERT OR REPLACE INTO messenger_idempotency
		(transport, key, message_id, fingerprint, expires_at, queue, scheduled_at) VALUES (?, ?, ?, ?, ?, ?, ?)`)
	if err != nil {
		return err
	}
	bind(s, []any{row.Transport, row.IdempotencyName(), row.ID, blob(row.Fingerprint[:]),
		w.now + row.IdempotencyWindow.Microseconds(), row.Queue, nullable(row.scheduledAt)})
	return stepOnce(s)
}

// insert stores a message and makes it claimable from its time on, unless it is of a group. One with a Flow is to
// enter.
func (w *writer) insert(row *messageRow, l *lane) (r readyRow, err error) {
	seq, available := w.nextSeq, w.now
	if row.scheduledAt > w.wall {
		available = row.scheduledAt + w.steady.Ahead()
	}
	w.nextSeq++
	if t := row.Terms; t != nil && t.Retention != nil {
		if err := w.keepOwn(seq, *t.Retention); err != nil {
			return r, err
		}
	}
	r = readyRow{
		seq: seq, lane: l, rank: rankOf(row.Priority), available: available,
		size: int64(len(row.Payload) + len(row.metadata) + len(row.headers)),
	}
	w.inserts.messages.list = append(w.inserts.messages.list, newMessage{row, seq, l.id, available})
	if row.extras != nil || row.IdempotencyKey != "" {
		w.mark(row.ID, row.Marks())
	}
	if len(w.indexes) > 0 && row.metadata != nil {
		w.mark(row.ID, metadataMarks(w.indexes, row.Type, row.metadata))
	}
	if w.inserts.bytes += int(r.size); w.inserts.bytes >= insertBytes {
		if err := w.flushInserts(); err != nil {
			return r, err
		}
	}
	l.next.pending++
	if !flow.HasLine(row.Flow) {
		w.enqueue(r)
	}
	if row.scheduledAt > w.wall {
		l.next.scheduled++
		w.nextDue = min(w.nextDue, available)
		err = w.exec("INSERT INTO messenger_scheduled (scheduled_at, seq, lane) VALUES (?, ?, ?)",
			row.scheduledAt, seq, l.id)
	}
	return r, err
}

// readyRow is a message that waits in its lane.
type readyRow struct {
	seq       int64
	lane      *lane
	rank      int64
	available int64
	attempt   int64
	lost      int64
	size      int64
	pass      *flow.Pass // of a delivery under flow control
}

// rankOf turns priorities around, so that an ascending index has the highest first.
func rankOf(priority int) int64 { return int64(symphony.MaxPriority - priority) }

// ready puts a message into its lane and wakes a receiver. The caller has touched the lane.
func (w *writer) ready(r readyRow) {
	r.lane.next.pending++
	w.enqueue(r)
}

// enqueue is ready for a message that is counted as pending already.
func (w *writer) enqueue(r readyRow) {
	w.inserts.ready.list = append(w.inserts.ready.list, r)
	if r.available > w.now {
		w.nextDue = min(w.nextDue, r.available)
	} else {
		w.wakes[r.lane]++
	}
}

func nullable(us int64) any {
	if us == 0 {
		return nil
	}
	return us
}

func bindTime(s *sqlite.Stmt, param int, us int64) {
	if us == 0 {
		s.BindNull(param)
		return
	}
	s.BindInt64(param, us)
}

// bindText stores bytes as text, none as NULL. BindText copies them at once, so they need not be copied before.
func bindText(s *sqlite.Stmt, param int, b []byte) {
	if len(b) == 0 {
		s.BindNull(param)
		return
	}
	s.BindText(param, unsafe.String(unsafe.SliceData(b), len(b)))
}

func columnBytes(s *sqlite.Stmt, col int) []byte {
	n := s.ColumnLen(col)
	if n == 0 {
		return nil
	}
	b := make([]byte, n)
	s.ColumnBytes(col, b)
	return b
}

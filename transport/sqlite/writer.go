package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/storage"
	"zombiezen.com/go/sqlite"
)

// txRows is about how many rows one transaction may touch: enough that its commit costs nothing by the row, few enough
// that a lone call beside a bulk load waits for milliseconds only.
const txRows = 4000

// writer owns the writing connection. All its fields belong to its goroutine. The maps mirror what the tables say;
// whatever a transaction changes in them goes through touch or undo, so that a rollback leaves them as they were.
type writer struct {
	*store
	conn  *sqlite.Conn
	stmts map[string]*sqlite.Stmt
	now   int64 // of this transaction: steady time, µs
	wall  int64 // and time of day

	// Mirrors of the tables. Operations change them as they go; undo has what takes the changes back, should the
	// transaction fail.
	byName     map[laneKey]*lane
	byID       map[int64]*lane
	leases     map[string]*lease   // by token
	cancelling map[delivery]*lease // those of messages that are to be cancelled, by the delivery that they were
	expiry     leaseHeap
	holds      map[string][]flow.Hold     // by transport
	inForce    *flow.Limits               // the configured limits with those that are set
	fair       map[string]*flow.FairShare // by transport
	workers    map[string]worker          // by name
	nextSeq    int64
	own        bool            // a message may say itself how long it is kept
	marks      bool            // a message may have marks
	indexed    []storage.Index // by which messages may have marks, also such as are no longer configured
	apart      int             // leases that outlive the process

	// When something is due, steady time in µs. Each may be too early, and never too late.
	nextDue     int64 // a message that waits for its time becomes ready
	nextControl int64 // a message expires or a gate is due; 0, at first, is at once

	// Time. stood is where steady time stood when the last process was last heard of; placedAhead is how far it was
	// ahead of the machine's clock when scheduled messages were placed, placing how far that has come since it was set.
	stood, placedAhead int64
	placing            *place
	beaten             int64 // when steady time was written last
	placedAt           int64 // when the files' places were looked at before a commit
	lastFailure        time.Time
	trimmed            int64 // when ends were deleted that are remembered no longer

	// Of the transaction that runs; empty between transactions.
	touched []*lane
	inserts inserts
	settled []settledItem
	ended   map[endedOf][]byte // the ids of messages that ended and are not kept; see ends.go
	undo    []func()
	wakes   map[*lane]int // receivers to wake after the commit
	over    flow.Over     // what ended by itself, to tell after the commit

	commit func() error // ends a transaction; tests have it fail
}

func newWriter(s *store, conn *sqlite.Conn) *writer {
	w := &writer{
		store: s, conn: conn, stmts: make(map[string]*sqlite.Stmt),
		byName: make(map[laneKey]*lane), byID: make(map[int64]*lane), fair: make(map[string]*flow.FairShare), holds: make(map[string][]flow.Hold),
		leases: make(map[string]*lease), cancelling: make(map[delivery]*lease), workers: make(map[string]worker),
		wakes: make(map[*lane]int),
		ended: make(map[endedOf][]byte), nextDue: never, inserts: newInserts(),
	}
	w.inForce = s.limits
	w.commit = func() error { return w.exec("COMMIT") }
	return w
}

// run is the group commit: it takes all calls that have queued up since the last commit into one transaction. It leaves
// the connection open, for the end of the store.
func (w *writer) run() {
	var spare []*op
	for {
		ops, ok := w.ops.Take(spare)
		if !ok {
			return
		}
		for rest := ops; len(rest) > 0; {
			n, rows := 0, 0
			for n < len(rest) && (n == 0 || rows+rest[n].do.rows() <= txRows) {
				rows += rest[n].do.rows()
				n++
			}
			w.commitGroup(rest[:n])
			rest = rest[n:]
		}
		clear(ops)
		spare = ops
	}
}

// commitGroup commits the calls together, or, if that fails, one by one, so that only those which cannot be stored
// get the error.
func (w *writer) commitGroup(ops []*op) {
	err := w.transact(ops)
	if err != nil && len(ops) > 1 {
		for _, o := range ops {
			if err := w.transact([]*op{o}); err != nil {
				o.err = err
			}
		}
	} else if err != nil {
		ops[0].err = err
	}
	w.scheduleEvent() // before the answers: whoever asks for statistics next must know what is due
	for _, o := range ops {
		close(o.done)
	}
	w.finishCheckpoint()
}

// transact runs the calls in one transaction. On an error nothing has changed.
func (w *writer) transact(ops []*op) (err error) {
	if err := w.failed(); err != nil {
		return err
	}
	if err := w.exec("BEGIN IMMEDIATE"); err != nil {
		return w.storageError("begin in", err)
	}
	if err := w.readClock(); err != nil {
		return w.rollback(w.storageError("write to", err))
	}
	for _, o := range ops {
		if o.left() {
			continue
		}
		if err = o.do.apply(w); err != nil {
			break
		}
	}
	if err == nil {
		err = w.saveEnded()
	}
	if err == nil {
		err = w.saveCounts()
	}
	if err == nil {
		err = w.beat()
	}
	if err != nil {
		return w.rollback(w.storageError("write to", err))
	}
	if err := w.checkPlaceNow(); err != nil {
		return w.rollback(err)
	}
	if err := w.commit(); err != nil {
		// After a failed fsync nobody knows what is on the disk; what the next start reads may have the transaction.
		unknown := sqlite.ErrCode(err) == sqlite.ResultIOErrFsync
		if err = w.rollback(w.storageError("write to", err)); unknown {
			outcomeUnknown(ops, err)
			return nil
		}
		return err
	}
	w.publish()
	if err := w.checkPlace(); err != nil {
		// The transaction is in a file that nobody finds any more, but may be found again.
		outcomeUnknown(ops, w.giveUp(err))
		return nil
	}
	rows := 0
	for _, o := range ops {
		rows += o.do.rows()
	}
	w.checker.committed(rows)
	return nil
}

// rollback takes back what the transaction did, in the file and in the mirrors.
func (w *writer) rollback(cause error) error {
	if sqlite.ErrCode(cause) == sqlite.ResultIOErrFsync {
		// A second fsync may succeed without having written anything. Only a fresh start reads the truth.
		cause = w.giveUp(fmt.Errorf("%w (the disk failed to make a transaction durable; restart to continue)", cause))
	}
	w.dropInserts()
	if !w.conn.AutocommitEnabled() {
		if err := w.exec("ROLLBACK"); err != nil {
			cause = errors.Join(cause, w.giveUp(w.storageError("roll back in", err)))
		}
	}
	for _, s := range w.settled {
		s.item.settled = false
		s.lease.open++
	}
	for i := len(w.undo) - 1; i >= 0; i-- {
		w.undo[i]()
	}
	for _, l := range w.touched {
		l.next = l.counts
		l.touched = false
	}
	w.reset()
	return cause
}

// publish makes a committed transaction visible to readers of counts, and wakes receivers.
func (w *writer) publish() {
	if len(w.touched) > 0 {
		w.mu.Lock()
		for _, l := range w.touched {
			l.counts = l.next
			l.touched = false
			if !l.visible {
				l.visible = true
				w.lanes[l.transport] = append(w.lanes[l.transport], l)
			}
		}
		w.mu.Unlock()
	}
	for l, n := range w.wakes {
		w.waiters.Wake(l.receivers(), n)
	}
	w.over.Tell(w.steered)
	w.reset()
}

func (w *writer) reset() {
	w.touched = w.touched[:0]
	clear(w.settled)
	w.settled = w.settled[:0]
	clear(w.undo)
	w.undo = w.undo[:0]
	clear(w.wakes)
	w.over = flow.Over{}
	if len(w.ended) > 0 {
		clear(w.ended)
	}
}

// stmt returns the prepared statement of a query, which may look at all that the transaction has done.
func (w *writer) stmt(query string) (*sqlite.Stmt, error) {
	if err := w.flushInserts(); err != nil {
		return nil, err
	}
	return w.prepared(query)
}

// prepared is stmt for a query that looks at no rows which may wait to be inserted.
func (w *writer) prepared(query string) (*sqlite.Stmt, error) {
	if s := w.stmts[query]; s != nil {
		return s, nil
	}
	s, err := w.conn.Prepare(query)
	if err != nil {
		return nil, err
	}
	w.stmts[query] = s
	return s, nil
}

// exec runs a statement that returns no rows. Arguments are int64, int, string, []byte, or nil; a []byte is stored as
// text unless it is a blob.
func (w *writer) exec(query string, args ...any) error {
	s, err := w.stmt(query)
	if err != nil {
		return err
	}
	bind(s, args)
	return stepOnce(s)
}

// query runs a statement and calls row for each of its rows, until row says false.
func (w *writer) query(query string, row func(*sqlite.Stmt) bool, args ...any) error {
	s, err := w.stmt(query)
	if err != nil {
		return err
	}
	return eachRow(s, row, args)
}

func eachRow(s *sqlite.Stmt, row func(*sqlite.Stmt) bool, args []any) error {
	bind(s, args)
	for {
		more, err := s.Step()
		if err != nil {
			return err
		}
		if !more || !row(s) {
			return s.Reset()
		}
	}
}

func stepOnce(s *sqlite.Stmt) error {
	_, err := s.Step()
	if err != nil {
		return err
	}
	return s.Reset()
}

// settledItem is a delivery that the transaction settled: a record by value, since most messages pass here.
type settledItem struct {
	lease *lease
	item  *leased
}

type blob []byte

func bind(s *sqlite.Stmt, args []any) {
	for i, a := range args {
		switch a := a.(type) {
		case int64:
			s.BindInt64(i+1, a)
		case int:
			s.BindInt64(i+1, int64(a))
		case string:
			s.BindText(i+1, a)
		case blob:
			s.BindBytes(i+1, a)
		case []byte:
			bindText(s, i+1, a)
		case nil:
			s.BindNull(i + 1)
		default:
			panic(fmt.Sprintf("sqlite: cannot bind %T", a))
		}
	}
}

// open migrates and reads the mirrors from the tables.
func (w *writer) open(ctx context.Context) error {
	if err := w.migrate(ctx, w.conn); err != nil {
		return err
	}
	if err := pinMemory(w.conn); err != nil {
		return w.storageError("prepare", err)
	}
	if err := errors.Join(w.openClock(), w.loadLanes(), w.loadHolds(), w.loadLimits(), w.loadWorkers(),
		w.loadOwn(), w.loadMarks()); err != nil {
		return w.storageError("read", err)
	}
	if err := w.transact([]*op{{ctx: ctx, do: recoverOp{}}, {ctx: ctx, do: indexOp{}}}); err != nil {
		return err
	}
	w.scheduleEvent()
	return ctx.Err()
}

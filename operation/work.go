package operation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/storage"
)

// errLost says that the operation is another process's, or nobody's, by now.
var errLost = errors.New("operation: it was stopped or taken over")

// Troubles of a step are waited out, with growing pauses; those that storage is not to blame for, for maxFailures
// steps.
const (
	firstPause   = 100 * time.Millisecond
	longestPause = 10 * time.Second
	maxFailures  = 20
	// letGo bounds what a process that ends takes to let go of an operation.
	letGo = 5 * time.Second
	// TellInterval is how often Options.Changed tells of progress.
	TellInterval = 5 * time.Second
)

// work is one process's work on one operation.
type work struct {
	*Operations
	home
	pace  pace
	ids   []string // of an operation by ids; nil until they are read
	limit int      // messages of the next page

	told time.Time     // Options.Changed was called; for whose turn it is
	turn chan struct{} // holds a value while the record is changed, which is for one at a time
	mu   sync.Mutex    // of what follows; whose turn it is may read it without
	op   Operation     // as it stands
	raw  []byte        // its record
}

// set is called by whose turn it is.
func (w *work) set(op Operation, raw []byte) {
	now := w.o.Clock.Now()
	tell := op.State != w.op.State || now.Sub(w.told) >= TellInterval
	w.mu.Lock()
	w.op, w.raw = op, raw
	w.mu.Unlock()
	if tell {
		w.told = now
		w.o.Changed(op)
	}
}

// next is the record that a change makes, and the operation in it.
func (w *work) next(now time.Time, f func(*Operation)) (Operation, []byte) {
	op := w.op
	op.Version++
	op.UpdatedAt, op.LeasedUntil = now, now.Add(w.o.Lease)
	f(&op)
	op.fit()
	return op, encode(&op)
}

// change changes the record alone. The error is errLost where it is not ours any more.
func (w *work) change(ctx context.Context, f func(*Operation)) error {
	w.turn <- struct{}{}
	defer func() { <-w.turn }()
	op, raw := w.next(w.clock.Now().UTC(), f)
	err := w.records.SwapRecord(ctx, recordKind, w.op.ID, w.raw, raw)
	if err == nil {
		w.set(op, raw)
		return nil
	}
	return w.explain(ctx, err)
}

// step moves messages and changes the record by how many were moved.
func (w *work) step(ctx context.Context, s storage.Step, f func(op *Operation, done int64)) (int, error) {
	w.turn <- struct{}{}
	defer func() { <-w.turn }()
	now := w.clock.Now().UTC()
	change := func(done int) (Operation, []byte) {
		return w.next(now, func(op *Operation) {
			op.Error = ""
			f(op, int64(done))
		})
	}
	s.Kind, s.ID, s.Old = recordKind, w.op.ID, w.raw
	s.New = func(done int) []byte {
		_, raw := change(done)
		return raw
	}
	done, err := storage.TakeStep(ctx, w.bus, w.op.Transport, s)
	if err == nil {
		w.set(change(done))
		return done, nil
	}
	return 0, w.explain(ctx, err)
}

// explain finds out why a change was refused. If it had been made after all, and only its answer was lost, the record
// says that the operation is ours: then the work goes on from there.
func (w *work) explain(ctx context.Context, err error) error {
	if !errors.Is(err, symphony.ErrConflict) {
		return err
	}
	k, ferr := w.find(ctx, w.op.ID)
	switch {
	case errors.Is(ferr, symphony.ErrNotFound):
		return errLost
	case ferr != nil:
		return ferr
	case k.op.State != Running || k.op.Owner != w.id:
		return errLost
	}
	w.set(k.op, k.raw)
	return nil
}

// now is the operation as it stands.
func (w *work) now() Operation {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.op
}

// run works on the operation until it has ended, is lost, or ctx ends.
func (w *work) run(ctx context.Context) {
	began := w.now()
	w.pace.rate = began.Rate
	aside, cancel := context.WithCancel(ctx)
	var others sync.WaitGroup
	others.Go(func() { w.renew(aside) })
	if began.Total == nil {
		others.Go(func() { w.count(aside) })
	}
	err := w.steps(ctx)
	cancel()
	others.Wait()
	op := w.now()
	log := w.o.Logger.With("operation", op.ID, "kind", string(op.Kind), "done", op.Done, "skipped", op.Skipped)
	switch {
	case ctx.Err() != nil && (err == nil || errors.Is(err, ctx.Err())):
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), letGo)
		defer cancel()
		if err := w.change(ctx, (*Operation).free); err != nil && !errors.Is(err, errLost) {
			log.Warn("an operation could not be let go of; another process will carry it on when its lease is over", "error", err)
		}
	case errors.Is(err, errLost):
		log.Info("operation was stopped, or is carried on elsewhere")
	case err != nil:
		log.Error("operation failed", "error", err)
	default:
		log.Info("operation completed")
	}
}

// steps takes steps until there is nothing left to do, which is nil, ctx ends, or the operation has failed.
func (w *work) steps(ctx context.Context) error {
	failures, pause := 0, firstPause
	for ctx.Err() == nil {
		if w.now().State != Running {
			return nil
		}
		err := w.once(ctx)
		switch {
		case err == nil:
			failures, pause = 0, firstPause
			continue
		case errors.Is(err, errLost), ctx.Err() != nil:
			return err
		}
		failures++
		hopeless := errors.Is(err, symphony.ErrUnsupported) || errors.Is(err, symphony.ErrUnknownTransport) || errors.Is(err, symphony.ErrClosed)
		if hopeless || failures >= maxFailures && !passes(err) {
			if cerr := w.change(ctx, func(op *Operation) {
				op.Error = symphony.ClipError(err.Error())
				op.end(Failed, op.UpdatedAt)
			}); cerr != nil {
				return errors.Join(err, cerr)
			}
			return err
		}
		if failures == 1 {
			w.o.Logger.Warn("operation is held up; trying again", "operation", w.now().ID, "error", err)
		}
		// Storage that does not take this either will be asked again.
		if cerr := w.change(ctx, func(op *Operation) { op.Error = symphony.ClipError(err.Error()) }); errors.Is(cerr, errLost) {
			return cerr
		}
		w.pause(ctx, pause, nil)
		pause = min(2*pause, longestPause)
	}
	return ctx.Err()
}

// passes reports whether an error may go away however long it lasts: storage that is away, a queue that drains.
func passes(err error) bool {
	var held *flow.HeldError
	return errors.Is(err, symphony.ErrUnavailable) || errors.Is(err, symphony.ErrOutcomeUnknown) || errors.As(err, &held)
}

// renew keeps the lease while no step does.
func (w *work) renew(ctx context.Context) {
	for {
		w.pause(ctx, w.o.Lease/3, nil)
		if ctx.Err() != nil {
			return
		}
		if op := w.now(); op.State != Running || w.clock.Now().Sub(op.UpdatedAt) < w.o.Lease/3 {
			continue
		}
		if err := w.change(ctx, func(*Operation) {}); errors.Is(err, errLost) {
			return // the next step will find out, too
		}
	}
}

// count counts what there is to replay, aside of the work: that may take a while, and changes nothing that is counted.
func (w *work) count(ctx context.Context) {
	op := w.now()
	messages, err := w.bus.Messages(op.Transport)
	if err != nil {
		return // the work says so
	}
	n, err := messages.Count(ctx, query(op.Kind, *op.Filter).MessageFilter)
	if err == nil {
		err = w.change(ctx, func(op *Operation) { op.Total = &n })
	}
	if err != nil && ctx.Err() == nil && !errors.Is(err, errLost) {
		w.o.Logger.Warn("the messages of an operation cannot be counted", "operation", op.ID, "error", err)
	}
}

// once takes one step.
func (w *work) once(ctx context.Context) error {
	op := w.now()
	switch {
	case op.Kind.steers():
		return w.steer(ctx, op)
	case op.Kind == MessagesReplay && op.Filter != nil:
		return w.replayPage(ctx, op)
	case op.Kind == MessagesReplay:
		return w.replayIDs(ctx, op)
	case op.Kind == FailedRetry || op.Kind == FailedDelete:
		return w.moveFailed(ctx, op)
	}
	return fmt.Errorf("operation: %s: %w", op.Kind, symphony.ErrUnsupported) // of a release to come
}

// moveFailed retries or deletes the next failed messages.
func (w *work) moveFailed(ctx context.Context, op Operation) error {
	dead, err := w.bus.Failed(op.Transport)
	if err != nil {
		return err
	}
	most := stepMessages
	if op.Patch != nil {
		most = patchedAtOnce
	}
	ids, cursor, err := w.nextFailed(ctx, dead, op, w.pace.chunk(most))
	if err != nil {
		return err
	}
	if len(ids) == 0 {
		return w.complete(ctx)
	}
	move, refused, err := patched(ctx, dead, op.Patch, moves(op.Kind, ids, w.clock.Now()))
	if err != nil {
		return err
	}
	return w.paced(ctx, storage.Step{Move: move}, func(op *Operation, done int64) {
		if n := len(refused); n > 0 {
			last := refused[n-1]
			op.Refused = symphony.ClipError(fmt.Sprintf("failed message %s stays: %v", last.ID, last.Err))
		}
		op.Cursor = cursor
		op.Done += done
		op.Skipped += int64(len(ids)) - done
	})
}

// nextFailed returns the next failed messages, and where it goes on behind them: those that the filter selects, then
// those that are kept by their ids.
func (w *work) nextFailed(
	ctx context.Context, dead *symphony.DeadLetters, op Operation, n int,
) (ids []string, cursor string, err error) {
	if op.Filter != nil && (op.Cursor == "" || symphony.ValidID(op.Cursor)) {
		ids, err = dead.Select(ctx, *op.Filter, op.Cursor, n)
		if err != nil || len(ids) > 0 {
			return ids, last(ids), err
		}
		op.Cursor = ""
	}
	if op.Filter != nil && op.Ahead == 0 {
		return nil, "", nil
	}
	return w.nextIDs(ctx, op, n)
}

// nextIDs returns the next of the ids that were asked for, and where it goes on behind them.
func (w *work) nextIDs(ctx context.Context, op Operation, n int) (ids []string, cursor string, err error) {
	if w.ids == nil {
		raw, err := storage.Get(ctx, w.records, idsKind, op.ID)
		if err == nil {
			err = json.Unmarshal(raw, &w.ids)
		}
		if err != nil {
			return nil, "", fmt.Errorf("operation: its ids: %w", err)
		}
	}
	from := 0
	if op.Cursor != "" {
		if from, err = strconv.Atoi(op.Cursor); err != nil || from < 0 {
			return nil, "", fmt.Errorf("operation: cursor %q is none", op.Cursor)
		}
	}
	from = min(from, len(w.ids))
	to := min(from+n, len(w.ids))
	return w.ids[from:to], strconv.Itoa(to), nil
}

// replayPage dispatches the next completed messages that match the filter again.
func (w *work) replayPage(ctx context.Context, op Operation) error {
	messages, err := w.bus.Messages(op.Transport)
	if err != nil {
		return err
	}
	if w.limit == 0 {
		w.limit = symphony.DefaultMessagePage
	}
	q := query(op.Kind, *op.Filter)
	q.Oldest, q.After, q.Limit = true, op.Cursor, w.pace.chunk(w.limit)
	page, err := messages.List(ctx, q)
	if err != nil {
		return err
	}
	page.Whole(&q)
	w.limit = page.NextLimit(symphony.MaxMessagePage)
	if len(page.Messages) == 0 && page.Next == "" {
		return w.complete(ctx)
	}
	return w.replay(ctx, messages, page.Messages, 0, page.Next, page.Next == "")
}

// replayIDs dispatches the next of the ids that were asked for again.
func (w *work) replayIDs(ctx context.Context, op Operation) error {
	messages, err := w.bus.Messages(op.Transport)
	if err != nil {
		return err
	}
	ids, cursor, err := w.nextIDs(ctx, op, w.pace.chunk(symphony.DefaultMessagePage))
	if err != nil {
		return err
	}
	if len(ids) == 0 {
		return w.complete(ctx)
	}
	var (
		list []symphony.MessageInfo
		gone int64
	)
	for _, id := range ids {
		m, err := messages.Get(ctx, id)
		switch {
		case errors.Is(err, symphony.ErrNotFound), err == nil && m.Status != symphony.Completed:
			gone++
		case err != nil:
			return err
		default:
			list = append(list, m)
		}
	}
	return w.replay(ctx, messages, list, gone, cursor, false)
}

// replay dispatches messages again. cursor is where it goes on, last says that these are the last.
func (w *work) replay(ctx context.Context, messages *symphony.Messages, list []symphony.MessageInfo, gone int64, cursor string, last bool) error {
	envelopes, refused := messages.Again(ctx, list, w.now().ID)
	return w.paced(ctx, storage.Step{Send: envelopes}, func(op *Operation, done int64) {
		op.Done += done
		op.Skipped += gone + int64(len(refused))
		if n := len(refused); n > 0 {
			op.Refused = symphony.ClipError(fmt.Sprintf("message %s cannot be dispatched again: %v", refused[n-1].ID, refused[n-1].Err))
		}
		if op.Cursor = cursor; last {
			op.end(Completed, op.UpdatedAt)
		}
	})
}

// paced takes a step when the rate allows it.
func (w *work) paced(ctx context.Context, s storage.Step, f func(*Operation, int64)) error {
	if wait := w.pace.wait(w.o.Clock.Now()); wait > 0 {
		if w.pause(ctx, wait, nil); ctx.Err() != nil {
			return ctx.Err()
		}
	}
	at := w.o.Clock.Now()
	done, err := w.step(ctx, s, f)
	w.pace.took(at, done)
	return err
}

// complete ends an operation that has nothing left to do.
func (w *work) complete(ctx context.Context) error {
	return w.change(ctx, func(op *Operation) {
		op.Error = ""
		op.end(Completed, op.UpdatedAt)
	})
}

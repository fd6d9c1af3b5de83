package operation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

// recordKind and idsKind are where the storages keep operations, and the ids of those that were asked for by ids.
const (
	recordKind = "operation"
	idsKind    = "operation.ids"
)

// Options are the optional settings of Operations.
type Options struct {
	// Node names this process to people. Default: nothing.
	Node string
	// Lease, Poll and Retention: see DefaultLease, DefaultPoll and DefaultRetention.
	Lease, Poll, Retention time.Duration
	// Changed is called with an operation that this process begins, works on (once in TellInterval), ends, stops or
	// resumes. It is called concurrently and must return at once. Default: nobody is told.
	Changed func(Operation)
	// Clock makes the timers, and paces work. It tells the time of operations where the storage has no clock of its
	// own. Default symphony.SystemClock.
	Clock symphony.Clock
	// Logger reports what operations come to. Default slog.Default.
	Logger *slog.Logger
}

// Operations are those of all transports of a bus that can have some. Safe for concurrent use.
type Operations struct {
	bus   *symphony.Bus
	o     Options
	id    string // of this process
	homes []home
	wake  chan struct{} // has Run look again

	mu   sync.Mutex
	mine map[string]bool // operations that this process works on
	took int             // how often it took one on
}

// home is a storage that keeps operations.
type home struct {
	transport string // one of those that share it
	records   storage.Records
	clock     symphony.Clock // of the times of its operations
}

// New makes the operations of a bus.
func New(bus *symphony.Bus, o Options) (*Operations, error) {
	if bus == nil {
		return nil, errors.New("operation: a bus is required")
	}
	if o.Lease < 0 || o.Poll < 0 || o.Retention < 0 {
		return nil, errors.New("operation: times must not be negative")
	}
	if o.Lease == 0 {
		o.Lease = DefaultLease
	}
	if o.Poll == 0 {
		o.Poll = DefaultPoll
	}
	if o.Retention == 0 {
		o.Retention = DefaultRetention
	}
	if o.Changed == nil {
		o.Changed = func(Operation) {}
	}
	if o.Clock == nil {
		o.Clock = symphony.SystemClock()
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	ops := &Operations{bus: bus, o: o, id: symphony.NewID(o.Clock.Now()), wake: make(chan struct{}, 1), mine: make(map[string]bool)}
	for _, name := range bus.Names() {
		t, err := bus.Transport(name)
		if err != nil {
			return nil, fmt.Errorf("operation: %w", err)
		}
		records, err := storage.RecordsOf(t)
		if _, unable := storage.StepsOf(t); err == nil && unable == nil && !slices.ContainsFunc(ops.homes, func(h home) bool { return bus.SameStorage(h.transport, name) }) {
			ops.homes = append(ops.homes, home{name, records, symphony.StoreClock(t, o.Clock)})
		}
	}
	return ops, nil
}

// home returns where the operations of a transport are kept.
func (o *Operations) home(transport string) (home, error) {
	t, err := o.bus.Transport(transport)
	if err != nil {
		return home{}, err
	}
	if _, err := storage.StepsOf(t); err != nil {
		return home{}, err
	}
	for _, h := range o.homes {
		if o.bus.SameStorage(h.transport, transport) {
			return h, nil
		}
	}
	return home{}, fmt.Errorf("transport %q keeps no operations: %w", transport, symphony.ErrUnsupported)
}

// Start begins an operation, which is worked on by whichever process runs one of these. What fails, or is dispatched,
// from now on is left alone by it. Errors: *symphony.ValidationError, *symphony.UnknownTransportError,
// symphony.ErrUnsupported, and those of the storage.
func (o *Operations) Start(ctx context.Context, r Request) (Operation, error) {
	if err := r.validate(); err != nil {
		return Operation{}, err
	}
	at, err := o.home(r.Transport)
	if err != nil {
		return Operation{}, err
	}
	now := at.clock.Now().UTC()
	op := Operation{ID: symphony.NewID(now), Kind: r.Kind, State: Running, Transport: r.Transport, Selected: len(r.IDs),
		Rate: r.Rate, By: r.By, Patch: r.Patch, Reason: r.Reason, CreatedAt: now, UpdatedAt: now, Version: 1}
	if op.Set, err = keep(r.Edit); err != nil {
		return Operation{}, err
	}
	ids := r.IDs
	if r.Filter != nil {
		f := *r.Filter
		op.Filter = &f
	} else {
		total := int64(len(r.IDs))
		op.Total = &total
	}
	if r.Kind.OfMessages() {
		err = o.known(ctx, &op)
		// Storages keep no shorter times, and what is dispatched in the same one may be there already.
		if until := now.Truncate(time.Microsecond).Add(time.Microsecond); op.Filter != nil && (op.Filter.Until.IsZero() || op.Filter.Until.After(until)) {
			op.Filter.Until = until
		}
	} else if ids, err = o.bound(ctx, &op, ids); err == nil && op.Filter != nil {
		op.Ahead = len(ids)
	}
	if err != nil {
		return Operation{}, err
	}
	if ids != nil {
		raw, err := json.Marshal(ids)
		if err == nil {
			err = storage.Put(ctx, at.records, idsKind, op.ID, raw)
		}
		if err != nil {
			return Operation{}, fmt.Errorf("operation: %w", err)
		}
	}
	if err := at.records.SwapRecord(ctx, recordKind, op.ID, nil, encode(&op)); err != nil {
		return Operation{}, fmt.Errorf("operation: %w", err)
	}
	o.look()
	return op, nil
}

// known counts the messages of an operation by filter, where there are not too many to do so at once.
func (o *Operations) known(ctx context.Context, op *Operation) error {
	messages, err := o.bus.Messages(op.Transport)
	if err != nil || op.Filter == nil {
		return err
	}
	page, err := messages.Counts(ctx, query(op.Kind, *op.Filter).MessageFilter, false)
	if err == nil && page.Next == "" {
		op.Total = &page.Total
	}
	return err
}

// bound counts the failed messages of an operation by filter, and bounds the filter: see the function bound. It returns
// the ids that the operation is to keep.
func (o *Operations) bound(ctx context.Context, op *Operation, ids []string) ([]string, error) {
	dead, err := o.bus.Failed(op.Transport)
	if err != nil || op.Filter == nil {
		return ids, err
	}
	total, err := count(ctx, dead, *op.Filter)
	if err != nil {
		return nil, err
	}
	op.Total = &total
	return bound(ctx, dead, op.Filter, op.CreatedAt)
}

// count counts the failed messages that a filter selects.
func count(ctx context.Context, dead *symphony.DeadLetters, f symphony.MessageFilter) (int64, error) {
	page, err := dead.List(ctx, symphony.MessageQuery{MessageFilter: f, Limit: 1, Total: true, Bytes: symphony.NoBodies})
	return page.Total, err
}

// encode makes the record of an operation.
func encode(op *Operation) []byte {
	raw, err := json.Marshal(op)
	if err != nil {
		panic(err) // strings, numbers and times of this century
	}
	return raw
}

// kept is an operation with its record.
type kept struct {
	home
	op  Operation
	raw []byte
}

// find returns an operation, or symphony.ErrNotFound.
func (o *Operations) find(ctx context.Context, id string) (kept, error) {
	for _, h := range o.homes {
		raw, err := storage.Get(ctx, h.records, recordKind, id)
		if errors.Is(err, symphony.ErrNotFound) {
			continue
		}
		k := kept{home: h, raw: raw}
		if err == nil {
			if err = json.Unmarshal(raw, &k.op); err != nil {
				err = &symphony.DecodeError{Err: err}
			}
		}
		if err != nil {
			return k, fmt.Errorf("operation: %w", err)
		}
		return k, nil
	}
	return kept{}, fmt.Errorf("operation %s: %w", id, symphony.ErrNotFound)
}

// all returns every operation of a storage, oldest first.
func (h home) all(ctx context.Context) (list []kept, err error) {
	const page = 500
	for from := ""; ; {
		records, err := h.records.RangeRecords(ctx, recordKind, from, "", page)
		if err != nil {
			return nil, fmt.Errorf("operation: %w", err)
		}
		for _, r := range records {
			k := kept{home: h, raw: r.Data}
			switch err := json.Unmarshal(r.Data, &k.op); {
			case err != nil:
				k.op = Operation{ID: r.ID, DecodeErr: &symphony.DecodeError{Err: err}}
			case k.op.ID != r.ID:
				k.op = Operation{ID: r.ID, DecodeErr: &symphony.DecodeError{Err: errors.New("it is the record of another")}}
			}
			list = append(list, k)
		}
		if len(records) < page {
			return list, nil
		}
		from = records[len(records)-1].ID + "\x00"
	}
}

// Get returns one operation, or symphony.ErrNotFound.
func (o *Operations) Get(ctx context.Context, id string) (Operation, error) {
	k, err := o.find(ctx, id)
	var damaged *symphony.DecodeError
	if errors.As(err, &damaged) {
		return Operation{ID: id, DecodeErr: damaged}, nil
	}
	return k.op, err
}

// Query asks for a page of operations, newest first.
type Query struct {
	State State // "" for all
	Limit int   // 1 to MaxPage, default DefaultPage
	After string
}

// Page is one page of operations.
type Page struct {
	Operations []Operation
	HasMore    bool
}

// List returns a page. What is out of range is a *symphony.ValidationError.
func (o *Operations) List(ctx context.Context, q Query) (Page, error) {
	if q.Limit == 0 {
		q.Limit = DefaultPage
	}
	var problems []symphony.Problem
	if q.Limit < 1 || q.Limit > MaxPage {
		problems = append(problems, symphony.Problem{Path: "limit", Message: fmt.Sprintf("must be 1 to %d", MaxPage)})
	}
	switch q.State {
	case "", Running, Stopped, Completed, Failed:
	default:
		problems = append(problems, symphony.Problem{Path: "state", Message: fmt.Sprintf("must be %s, %s, %s or %s", Running, Stopped, Completed, Failed)})
	}
	if q.After != "" && !symphony.ValidID(q.After) {
		problems = append(problems, symphony.Problem{Path: "cursor", Message: "must be the id of an operation"})
	}
	if problems != nil {
		return Page{}, &symphony.ValidationError{Problems: problems}
	}
	var all []Operation
	for _, h := range o.homes {
		list, err := h.all(ctx)
		if err != nil {
			return Page{}, err
		}
		for _, k := range list {
			if (q.State == "" || k.op.State == q.State) && (q.After == "" || k.op.ID < q.After) {
				all = append(all, k.op)
			}
		}
	}
	slices.SortFunc(all, func(a, b Operation) int { return strings.Compare(b.ID, a.ID) })
	more := len(all) > q.Limit
	return Page{all[:min(len(all), q.Limit)], more}, nil
}

// conflicts is how often a change is tried while the process that works on the operation changes it, too.
const conflicts = 200

// change changes an operation. f returns false where nothing is to be changed.
func (o *Operations) change(ctx context.Context, id string, f func(*Operation) (bool, error)) (Operation, error) {
	for range conflicts {
		k, err := o.find(ctx, id)
		if err != nil {
			return Operation{}, err
		}
		next := k.op
		if ok, err := f(&next); err != nil || !ok {
			return k.op, err
		}
		next.Version++
		next.UpdatedAt = k.clock.Now().UTC()
		err = k.records.SwapRecord(ctx, recordKind, id, k.raw, encode(&next))
		if err == nil {
			o.look()
			o.o.Changed(next)
			return next, nil
		}
		if !errors.Is(err, symphony.ErrConflict) {
			return k.op, fmt.Errorf("operation: %w", err)
		}
	}
	return Operation{}, fmt.Errorf("operation %s is being changed all the time: %w", id, symphony.ErrUnavailable)
}

// Stop stops a running operation. When it returns, nothing more is begun; of messages that are cancelled, edited or
// deleted some may be under way, see the package comment. One that is stopped already is left as it is.
// Errors: symphony.ErrNotFound, *StateError where it has ended.
func (o *Operations) Stop(ctx context.Context, id string) (Operation, error) {
	return o.change(ctx, id, func(op *Operation) (bool, error) {
		switch op.State {
		case Running:
			at, err := o.home(op.Transport)
			if err != nil {
				return false, err
			}
			op.end(Stopped, at.clock.Now())
			return true, nil
		case Stopped:
			return false, nil
		}
		return false, &StateError{id, op.State}
	})
}

// Resume goes on with an operation that was stopped, or has failed. One that runs is left as it is. Errors:
// symphony.ErrNotFound, *StateError where it is completed.
func (o *Operations) Resume(ctx context.Context, id string) (Operation, error) {
	return o.change(ctx, id, func(op *Operation) (bool, error) {
		switch op.State {
		case Stopped, Failed:
			op.State, op.Error, op.FinishedAt = Running, "", time.Time{}
			return true, nil
		case Running:
			return false, nil
		}
		return false, &StateError{id, op.State}
	})
}

// end sets the state of an operation that nobody works on any more.
func (op *Operation) end(state State, now time.Time) {
	op.State, op.FinishedAt = state, now.UTC()
	op.free()
	if total := op.Done + op.Skipped; state == Completed && op.Total == nil { // it was faster than the counting
		op.Total = &total
	}
}

// fit has the total be no less than what was dealt with: messages can come to those that an operation is about between
// their counting and its end.
func (op *Operation) fit() {
	if dealt := op.Done + op.Skipped; op.Total != nil && *op.Total < dealt {
		op.Total = &dealt
	}
}

func (op *Operation) free() { op.Owner, op.Node, op.LeasedUntil = "", "", time.Time{} }

// look has Run look for what there is to do.
func (o *Operations) look() {
	select {
	case o.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// Preview counts what an operation would do now. Where there are more messages than can be counted soon, which is not
// so of failed ones, atLeast says that there may be more. Errors are those of Start.
func (o *Operations) Preview(ctx context.Context, r Request) (n int64, atLeast bool, err error) {
	if err := r.validate(); err != nil {
		return 0, false, err
	}
	if _, err := o.home(r.Transport); err != nil {
		return 0, false, err
	}
	if r.Kind.OfMessages() {
		return o.previewMessages(ctx, r)
	}
	dead, err := o.bus.Failed(r.Transport)
	if err != nil {
		return 0, false, err
	}
	n, err = Count(ctx, dead, r)
	return n, false, err
}

// Count counts the failed messages that a request selects now. dead are the messages of the request's transport, or
// those of one caller.
func Count(ctx context.Context, dead *symphony.DeadLetters, r Request) (n int64, err error) {
	if r.Filter != nil {
		return count(ctx, dead, *r.Filter)
	}
	for _, id := range r.IDs {
		switch _, err := dead.Get(ctx, id); {
		case err == nil:
			n++
		case !errors.Is(err, symphony.ErrNotFound):
			return n, err
		}
	}
	return n, nil
}

func (o *Operations) previewMessages(ctx context.Context, r Request) (n int64, atLeast bool, err error) {
	messages, err := o.bus.Messages(r.Transport)
	if err != nil {
		return 0, false, err
	}
	if r.Filter != nil {
		page, err := messages.Counts(ctx, query(r.Kind, *r.Filter).MessageFilter, false)
		return page.Total, page.Next != "", err
	}
	for _, id := range r.IDs {
		switch m, err := messages.Get(ctx, id); {
		case err == nil && slices.Contains(r.Kind.statuses(), m.Status):
			n++
		case err != nil && !errors.Is(err, symphony.ErrNotFound):
			return n, false, err
		}
	}
	return n, false, nil
}

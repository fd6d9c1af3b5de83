package symphony

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// FailedMessage is a message in the dead letter queue: what could not be handled, why, and what was tried.
type FailedMessage struct {
	ID string // of this failure; MessageID is the message's
	Envelope
	Error      string
	ErrorClass string
	RetryCount int // attempts after the first
	MaxRetries int // what the policy allowed
	FailedAt   time.Time
	// Attempts are all attempts that did not succeed, oldest first.
	Attempts []Attempt
	// Done names the handlers that had succeeded. A retry does not run them again.
	Done []string
	// DecodeErr is set where part of what is stored could not be read, and is left out.
	DecodeErr error
	// Omitted is nil unless a page has left out payload, metadata, headers and attempts.
	Omitted *Omitted
}

// Attempt is one try at a message that did not succeed.
type Attempt struct {
	Number     int
	StartedAt  time.Time
	FinishedAt time.Time
	Worker     string
	Error      string
	ErrorClass string
	// RetryAt is when it was to be tried again; zero where it was not.
	RetryAt time.Time
}

// LostClass and LostText describe, in the history, an attempt whose lease ran out without a word from its worker.
const (
	LostClass = "worker_lost"
	LostText  = "the worker stopped without settling the message"
)

// FailedFilter selects failed messages of one transport. Zero fields select everything.
type FailedFilter struct {
	Queue      string
	Type       string
	ErrorClass string
	Since      time.Time // failed at or after
	Until      time.Time // failed before
	// Text is searched for, ignoring ASCII case, in type, payload and error. Every character is literal.
	Text string
	// DispatchedBy is who had the message dispatched, exact. Storages have an index of it: only his are looked at.
	DispatchedBy string
}

// FailedQuery asks for a page of failed messages, newest failure first.
type FailedQuery struct {
	FailedFilter
	// Limit is 1 to MaxFailedPage, default DefaultFailedPage.
	Limit int
	// Offset skips that many. Deep lists are read faster with After.
	Offset int
	// After continues behind the failed message with this id. It wins over Offset.
	After string
	// Bytes is what the bodies of the page may have before further messages come without; see FailedMessage.Omitted.
	// Default MaxPageBytes.
	Bytes int
	// NoTotal leaves out the page's Total, whose counting may take longer than the page.
	NoTotal bool
	// Scan bounds how many messages a search for a text looks at where NoTotal is set, matching or not, so that a page costs
	// the same however few match. 0: as many as it takes.
	Scan int
}

// FailedPage is one page of failed messages.
type FailedPage struct {
	Messages []FailedMessage
	Total    int64 // that match the filter; 0 with FailedQuery.NoTotal
	HasMore  bool
	// Next is the After of the next page where HasMore. With FailedQuery.Scan a page may have fewer messages than its
	// limit, or none, and a Next: then nothing more was found in as many messages as may be looked at.
	Next string
}

// FailedSelection names failed messages in bulk: by id, or by filter if IDs is nil.
type FailedSelection struct {
	IDs    []string
	Filter FailedFilter
	// All confirms that a zero filter is meant, which selects everything. DeleteAll needs it, so that a filter that was
	// made of nothing by mistake deletes nothing.
	All bool
}

// NeedsAll is the message of the problem, of path "all", that a deletion has whose filter selects everything.
const NeedsAll = "must be true to delete every failed message: the filter is empty"

// validate appends every problem of a filter.
func (f *FailedFilter) validate(p *problems) {
	for _, text := range []struct{ path, value string }{{"queue", f.Queue}, {"type", f.Type}, {"errorClass", f.ErrorClass}, {"q", f.Text}, {"dispatchedBy", f.DispatchedBy}} {
		p.filter(text.path, text.value)
	}
	p.list = append(p.list, RangeProblems(p.prefix, f.Since, f.Until)...)
}

// filter appends a problem of a text that selects.
func (p *problems) filter(path, s string) {
	if len(s) > MaxFilterLength {
		p.add(path, "must have at most %d bytes, has %d", MaxFilterLength, len(s))
		return
	}
	p.text(path, s)
}

// text appends a problem of a text that cannot be kept, and so cannot be looked for.
func (p *problems) text(path, s string) {
	if !ValidText(s) {
		p.add(path, "must be valid UTF-8 without NUL")
	}
}

// FailedRetry is one failed message to dispatch again.
type FailedRetry struct {
	ID    string // of the failed message
	NewID string // of the message that takes its place
	// Payload replaces the message's payload, unless nil.
	Payload json.RawMessage
}

// FailedStore is the part of a transport that keeps its dead letter queue. It is optional; see Capabilities.Failed.
// Every change is one transaction. Applications use it through Bus.Failed. Methods are safe for concurrent use.
type FailedStore interface {
	ListFailed(ctx context.Context, q FailedQuery) (FailedPage, error)
	// GetFailed returns ErrNotFound for an unknown id.
	GetFailed(ctx context.Context, id string) (FailedMessage, error)
	// RetryFailed takes the messages out of the dead letter queue and makes new ones in their place, with the same
	// type, payload, metadata, headers, queue, priority and idempotency key, ready now, with no attempts counted
	// and the same handlers done. Idempotency keys are not checked. Unknown ids are left out; the result has the ids
	// that were retried, in no particular order.
	RetryFailed(ctx context.Context, retries []FailedRetry) ([]string, error)
	// DeleteFailed deletes the messages and returns how many there were.
	DeleteFailed(ctx context.Context, ids []string) (int, error)
	// SelectFailed returns up to limit ids that match the filter, oldest failure first.
	SelectFailed(ctx context.Context, f FailedFilter, limit int) ([]string, error)
}

// bulkChunk is how many failed messages one transaction of a bulk call moves: large enough to be fast, small enough
// that dispatches and workers are not held up.
const bulkChunk = 500

// maxAhead bounds how many failures of times to come a bulk call moves. There are some only where a clock was set back; the
// next call moves the rest.
const maxAhead = 100_000

// DeadLetters is the dead letter queue of one transport: failed messages to list, inspect, correct, retry and delete.
// Safe for concurrent use.
type DeadLetters struct {
	store    FailedStore
	messages MessageStore // nil where the transport shows no messages
	clock    Clock
	maxBytes int
	schemas  PayloadChecker
	owner    string // whose messages these are; empty: all
}

// Of returns the failed messages that carry a DispatchedBy, which must not be empty, as if there were no others: those are
// not listed or found, retried or deleted.
func (d *DeadLetters) Of(dispatchedBy string) *DeadLetters {
	of := *d
	of.owner = dispatchedBy
	return &of
}

// own narrows a filter to the messages that these are.
func (d *DeadLetters) own(f FailedFilter) (own FailedFilter, none bool) {
	if d.owner == "" {
		return f, false
	}
	none = f.DispatchedBy != "" && f.DispatchedBy != d.owner
	f.DispatchedBy = d.owner
	return f, none
}

// check is ErrNotFound for the id of a message that is not one of these. Whose a message is never changes.
func (d *DeadLetters) check(ctx context.Context, id string) error {
	if d.owner == "" {
		return nil
	}
	_, err := d.Get(ctx, id)
	return err
}

// List returns a page, newest failure first. What is out of range is a *ValidationError; the path of After is "cursor", of
// Text "q".
func (d *DeadLetters) List(ctx context.Context, q FailedQuery) (FailedPage, error) {
	var p problems
	if q.Limit == 0 {
		q.Limit = DefaultFailedPage
	}
	if q.Limit < 1 || q.Limit > MaxFailedPage {
		p.add("limit", "must be 1 to %d", MaxFailedPage)
	}
	if q.Bytes < 0 {
		p.add("bytes", "must be at least 1")
	}
	if q.Offset < 0 {
		p.add("offset", "must be at least 0")
	}
	if q.After != "" && !ValidID(q.After) {
		p.add("cursor", "must be the id of a failed message")
	}
	q.validate(&p)
	if len(p.list) > 0 {
		return FailedPage{}, &ValidationError{p.list}
	}
	var none bool
	if q.FailedFilter, none = d.own(q.FailedFilter); none {
		return FailedPage{}, nil
	}
	return d.store.ListFailed(ctx, q)
}

// Get returns one failed message, or ErrNotFound. The id is the failed message's own or that of the message which failed,
// as logs and dispatches tell it; the same goes for Retry and Delete.
func (d *DeadLetters) Get(ctx context.Context, id string) (FailedMessage, error) {
	f, err := d.find(ctx, id)
	if err == nil && d.owner != "" && f.DispatchedBy != d.owner {
		return FailedMessage{}, fmt.Errorf("failed message %s: %w", id, ErrNotFound)
	}
	return f, err
}

// find is Get for whosever message it is.
func (d *DeadLetters) find(ctx context.Context, id string) (FailedMessage, error) {
	f, err := d.store.GetFailed(ctx, id)
	if !errors.Is(err, ErrNotFound) {
		return f, err
	}
	failedID, ferr := d.failedID(ctx, id)
	switch {
	case ferr != nil:
		return f, ferr
	case failedID == "":
		return f, err
	}
	return d.store.GetFailed(ctx, failedID)
}

// failedID is the id in the dead letter queue of a message that failed, empty if there is none.
func (d *DeadLetters) failedID(ctx context.Context, messageID string) (string, error) {
	if d.messages == nil {
		return "", nil
	}
	m, err := d.messages.GetMessage(ctx, messageID)
	if errors.Is(err, ErrNotFound) {
		return "", nil
	}
	return m.FailedID, err
}

// Select returns up to limit ids of failed messages that match the filter, oldest failure first. Errors are as of List.
func (d *DeadLetters) Select(ctx context.Context, f FailedFilter, limit int) ([]string, error) {
	var p problems
	if f.validate(&p); len(p.list) > 0 {
		return nil, &ValidationError{p.list}
	}
	f, none := d.own(f)
	if none {
		return nil, nil
	}
	return d.store.SelectFailed(ctx, f, limit)
}

// Retry dispatches one failed message again and returns the new message's id. A payload that is not nil corrects the
// message's. An unknown id, or one that was retried or deleted before, is ErrNotFound.
func (d *DeadLetters) Retry(ctx context.Context, id string, payload json.RawMessage) (string, error) {
	if payload != nil {
		var p problems
		p.object("payload", payload)
		switch {
		case len(p.list) > 0:
		case len(payload) > d.maxBytes:
			p.add("payload", "must have at most %d bytes, has %d", d.maxBytes, len(payload))
		case d.schemas != nil:
			f, err := d.Get(ctx, id)
			if err != nil {
				return "", err
			}
			id = f.ID
			p.payload(d.schemas, f.Type, payload, "payload")
		}
		if len(p.list) > 0 {
			return "", &ValidationError{p.list}
		}
	}
	if err := d.check(ctx, id); err != nil {
		return "", err
	}
	newID := NewID(d.clock.Now())
	err := d.change(ctx, id, func(id string) (int, error) {
		done, err := d.store.RetryFailed(ctx, []FailedRetry{{ID: id, NewID: newID, Payload: payload}})
		return len(done), err
	})
	if err != nil {
		return "", err
	}
	return newID, nil
}

// change does something to one failed message, found by either of its ids. do returns how many messages it found.
func (d *DeadLetters) change(ctx context.Context, id string, do func(id string) (int, error)) error {
	n, err := do(id)
	if err != nil || n > 0 {
		return err
	}
	failedID, err := d.failedID(ctx, id)
	if err != nil {
		return err
	}
	if failedID != "" {
		if n, err = do(failedID); err != nil || n > 0 {
			return err
		}
	}
	return fmt.Errorf("failed message %s: %w", id, ErrNotFound)
}

// Delete removes one failed message for good. An unknown id is ErrNotFound.
func (d *DeadLetters) Delete(ctx context.Context, id string) error {
	if err := d.check(ctx, id); err != nil {
		return err
	}
	return d.change(ctx, id, func(id string) (int, error) { return d.store.DeleteFailed(ctx, []string{id}) })
}

// RetryAll dispatches all selected messages again, in several transactions, and returns how many. Messages that fail
// after the call began are not selected. progress, if not nil, is called with the count so far. On an error the count
// says what was done before it.
func (d *DeadLetters) RetryAll(ctx context.Context, s FailedSelection, progress func(done int)) (int, error) {
	return d.bulk(ctx, s, progress, func(ids []string) (int, error) {
		now := d.clock.Now()
		retries := make([]FailedRetry, len(ids))
		for i, id := range ids {
			retries[i] = FailedRetry{ID: id, NewID: NewID(now)}
		}
		done, err := d.store.RetryFailed(ctx, retries)
		return len(done), err
	})
}

// DeleteAll removes all selected messages, as RetryAll does it. A zero filter without FailedSelection.All is a
// *ValidationError.
func (d *DeadLetters) DeleteAll(ctx context.Context, s FailedSelection, progress func(done int)) (int, error) {
	if s.IDs == nil && s.Filter == (FailedFilter{}) && !s.All {
		return 0, &ValidationError{[]Problem{{"all", NeedsAll}}}
	}
	return d.bulk(ctx, s, progress, func(ids []string) (int, error) { return d.store.DeleteFailed(ctx, ids) })
}

// among returns those of some ids that are among these messages.
func (d *DeadLetters) among(ctx context.Context, ids []string) (mine []string, err error) {
	if d.owner == "" {
		return ids, nil
	}
	for _, id := range ids {
		switch err := d.check(ctx, id); {
		case err == nil:
			mine = append(mine, id)
		case !errors.Is(err, ErrNotFound):
			return nil, err
		}
	}
	return mine, nil
}

func (d *DeadLetters) bulk(ctx context.Context, s FailedSelection, progress func(int), move func([]string) (int, error)) (int, error) {
	var p problems
	if s.Filter.validate(&p); len(p.list) > 0 {
		return 0, &ValidationError{p.list}
	}
	total := 0
	step := func(ids []string) (int, error) {
		n, err := move(ids)
		total += n
		if progress != nil {
			progress(total)
		}
		return n, err
	}
	if s.IDs != nil {
		mine, err := d.among(ctx, s.IDs)
		if err == nil {
			err = inChunks(mine, step)
		}
		return total, err
	}
	// What fails from now on is left alone: else messages that fail again at once would be retried for ever. A clock that was
	// set back leaves failures of times to come, which are listed before anything is moved, and moved once.
	var ahead []string
	if now := d.clock.Now(); s.Filter.Until.IsZero() || s.Filter.Until.After(now) {
		later := s.Filter
		if later.Since.Before(now) {
			later.Since = now
		}
		var err error
		if ahead, err = d.Select(ctx, later, maxAhead); err != nil {
			return 0, err
		}
		s.Filter.Until = now
	}
	for {
		ids, err := d.Select(ctx, s.Filter, bulkChunk)
		if err != nil {
			return total, err
		}
		if len(ids) == 0 {
			break
		}
		// A chunk of which nothing was left was moved by somebody else; were it selected again, this would never end.
		n, err := step(ids)
		if err != nil {
			return total, err
		}
		if n == 0 {
			break
		}
	}
	err := inChunks(ahead, step)
	return total, err
}

// inChunks calls step with some ids after the other.
func inChunks(ids []string, step func([]string) (int, error)) error {
	for len(ids) > 0 {
		n := min(bulkChunk, len(ids))
		if _, err := step(ids[:n]); err != nil {
			return err
		}
		ids = ids[n:]
	}
	return nil
}

// Whole cuts a page before the first message that came without its body; its Next goes on there. The first message of a
// page always has its body.
func (p *FailedPage) Whole() {
	for i := 1; i < len(p.Messages); i++ {
		if p.Messages[i].Omitted != nil {
			p.Messages, p.HasMore, p.Next = p.Messages[:i], true, p.Messages[i-1].ID
			return
		}
	}
}

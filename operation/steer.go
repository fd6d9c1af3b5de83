package operation

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/symphony-messenger/symphony"
)

// Messages that have not ended are cancelled, edited and deleted one by one, a few at a time. Which of them comes next
// is noted in the record before anything is done to it, and what became of it afterwards. So work that is interrupted
// in between is carried on with these very messages. That does no harm: to cancel, delete or edit a message twice
// leaves what once does.

const (
	// steeredAtOnce is how many messages are noted, and done, at a time.
	steeredAtOnce = 100
	// steerers is how many of these are done concurrently.
	steerers = 16
)

// steers reports whether a kind does something to messages that have not ended.
func (k Kind) steers() bool { return k == MessagesCancel || k == MessagesEdit || k == MessagesDelete }

// statuses are those of the messages that a kind is about.
func (k Kind) statuses() []symphony.Status {
	switch k {
	case MessagesCancel:
		return []symphony.Status{symphony.Pending, symphony.Processing}
	case MessagesEdit, MessagesDelete:
		return []symphony.Status{symphony.Pending}
	case MessagesReplay:
		return []symphony.Status{symphony.Completed}
	}
	return []symphony.Status{symphony.Failed}
}

// MarshalJSON spells the kinds that came later so that a process of an older release cannot read a record with one: it
// leaves the operation alone. It would take it for a deletion of failed messages.
func (k Kind) MarshalJSON() ([]byte, error) {
	if k.steers() {
		return json.Marshal(struct {
			Name string `json:"name"`
		}{string(k)})
	}
	return json.Marshal(string(k))
}

// UnmarshalJSON reads both spellings.
func (k *Kind) UnmarshalJSON(raw []byte) error {
	if !bytes.HasPrefix(bytes.TrimSpace(raw), []byte("{")) {
		return json.Unmarshal(raw, (*string)(k))
	}
	var later struct {
		Name string `json:"name"`
	}
	err := json.Unmarshal(raw, &later)
	*k = Kind(later.Name)
	return err
}

// Set is an edit as the record of an operation keeps it: members that are not changed are empty.
type Set struct {
	Payload     json.RawMessage   `json:"payload,omitempty"`
	Metadata    []json.RawMessage `json:"metadata,omitempty"`
	Priority    []int             `json:"priority,omitempty"`
	ScheduledAt []time.Time       `json:"scheduledAt,omitempty"`
	ExpiresAt   []time.Time       `json:"expiresAt,omitempty"`
	Tags        [][]string        `json:"tags,omitempty"`
	MaxRetries  []int             `json:"maxRetries,omitempty"`
}

// Names are the members that are changed, in the order of the alphabet.
func (s *Set) Names() (names []string) {
	if s == nil {
		return nil
	}
	raw, err := json.Marshal(s)
	var members map[string]json.RawMessage
	if err == nil {
		err = json.Unmarshal(raw, &members)
	}
	if err != nil {
		return nil // what is kept is JSON
	}
	for name := range members {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// keep has an edit as a record keeps it.
func keep(e *symphony.MessageEdit) (*Set, error) {
	if e == nil {
		return nil, nil
	}
	s := &Set{Payload: e.Payload}
	if e.Metadata != nil {
		raw, err := json.Marshal(*e.Metadata)
		if err != nil {
			return nil, fmt.Errorf("operation: metadata: %w", err)
		}
		s.Metadata = []json.RawMessage{raw}
	}
	one(&s.Priority, e.Priority)
	one(&s.ScheduledAt, e.ScheduledAt)
	one(&s.ExpiresAt, e.ExpiresAt)
	one(&s.Tags, e.Tags)
	one(&s.MaxRetries, e.MaxRetries)
	return s, nil
}

func one[T any](list *[]T, v *T) {
	if v != nil {
		*list = []T{*v}
	}
}

func first[T any](list []T) *T {
	if len(list) == 0 {
		return nil
	}
	return &list[0]
}

// edit is what was kept. Numbers in metadata keep their digits.
func (s *Set) edit() (e symphony.MessageEdit, err error) {
	e = symphony.MessageEdit{Payload: s.Payload, Priority: first(s.Priority), ScheduledAt: first(s.ScheduledAt),
		ExpiresAt: first(s.ExpiresAt), Tags: first(s.Tags), MaxRetries: first(s.MaxRetries)}
	if len(s.Metadata) > 0 {
		d := json.NewDecoder(bytes.NewReader(s.Metadata[0]))
		d.UseNumber()
		e.Metadata = new(map[string]any)
		err = d.Decode(e.Metadata)
	}
	return e, err
}

// steerProblems tells what is wrong with the parts of a request that are about messages which have not ended.
func (r *Request) steerProblems(bad func(path, format string, args ...any)) {
	switch {
	case r.Kind == MessagesEdit && (r.Edit == nil || reflect.ValueOf(*r.Edit).IsZero()):
		bad("set", "must have at least one member to change")
	case r.Kind != MessagesEdit && r.Edit != nil:
		bad("set", "is for an edit")
	}
	if r.Edit != nil {
		for _, p := range r.Edit.Problems() {
			bad("set."+p.Path, "%s", p.Message)
		}
	}
	switch {
	case r.Reason != "" && r.Kind != MessagesCancel:
		bad("reason", "is for a cancellation")
	case len(r.Reason) > symphony.MaxReasonLength:
		bad("reason", "must have at most %d bytes, has %d", symphony.MaxReasonLength, len(r.Reason))
	case !symphony.ValidText(r.Reason):
		bad("reason", "must be valid UTF-8 without NUL")
	}
}

// steer does the next messages.
func (w *work) steer(ctx context.Context, op Operation) error {
	messages, err := w.bus.Messages(op.Transport)
	if err != nil {
		return err
	}
	again := len(op.InHand) > 0 // they may be done already
	if !again {
		if err := w.choose(ctx, messages, op); err != nil {
			return err
		}
		if op = w.now(); len(op.InHand) == 0 {
			return nil // there were none on this page, or there are none left
		}
	}
	if wait := w.pace.wait(w.o.Clock.Now()); wait > 0 {
		if w.pause(ctx, wait, nil); ctx.Err() != nil {
			return ctx.Err()
		}
	}
	at := w.o.Clock.Now()
	s := &steering{Operation: op, messages: messages, again: again}
	if op.Set != nil {
		if s.edit, err = op.Set.edit(); err != nil {
			return fmt.Errorf("operation: its edit: %w", err)
		}
	}
	if err := s.all(ctx); err != nil {
		return err
	}
	w.pace.took(at, len(op.InHand))
	return w.change(ctx, func(op *Operation) {
		op.Error = ""
		op.Done += s.done
		op.Skipped += int64(len(op.InHand)) - s.done
		if op.InHand = nil; s.refused != "" {
			op.Refused = symphony.ClipError(s.refused)
		}
		if op.Cursor == "" {
			op.end(Completed, op.UpdatedAt)
		}
	})
}

// choose notes which messages come next, and where it goes on behind them: nowhere, if these are the last.
func (w *work) choose(ctx context.Context, messages *symphony.Messages, op Operation) error {
	var (
		ids  []string
		next string
	)
	if op.Filter == nil {
		some, cursor, err := w.nextIDs(ctx, op, w.pace.chunk(steeredAtOnce))
		if err != nil {
			return err
		}
		if ids, next = some, cursor; len(ids) == 0 {
			next = ""
		}
	} else {
		q := query(op.Kind, *op.Filter)
		q.Oldest, q.After, q.Limit, q.Bytes = true, op.Cursor, w.pace.chunk(steeredAtOnce), symphony.NoBodies
		page, err := messages.List(ctx, q)
		if err != nil {
			return err
		}
		for i := range page.Messages {
			ids = append(ids, page.Messages[i].ID)
		}
		next = page.Next
	}
	return w.change(ctx, func(op *Operation) {
		op.Error = ""
		if op.InHand, op.Cursor = ids, next; len(ids) == 0 && next == "" {
			op.end(Completed, op.UpdatedAt)
		}
	})
}

// steering is some messages to which the same is done.
type steering struct {
	Operation
	messages *symphony.Messages
	edit     symphony.MessageEdit
	again    bool // it may have been done to them

	mu      sync.Mutex
	done    int64
	refused string // why the latest one was refused
}

// all does it to all that are in hand, and returns an error where storage is to blame.
func (s *steering) all(ctx context.Context) error {
	var (
		working sync.WaitGroup
		next    = make(chan string)
		failed  = make(chan error, steerers)
	)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	for range min(steerers, len(s.InHand)) {
		working.Go(func() {
			for id := range next {
				if err := s.one(ctx, id); err != nil {
					failed <- err
					stop()
					return
				}
			}
		})
	}
hand:
	for _, id := range s.InHand {
		select {
		case next <- id:
		case <-ctx.Done():
			break hand
		}
	}
	close(next)
	working.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return ctx.Err()
	}
}

// one does it to one message.
func (s *steering) one(ctx context.Context, id string) (err error) {
	switch s.Kind {
	case MessagesCancel:
		_, err = s.messages.Cancel(ctx, id, s.By, s.Reason)
	case MessagesDelete:
		err = s.messages.Delete(ctx, id)
	case MessagesEdit:
		_, err = s.messages.Edit(ctx, id, s.edit)
	}
	var (
		status *symphony.MessageStatusError
		broken *symphony.DecodeError
		done   = err == nil
	)
	switch {
	case err == nil:
	case errors.As(err, &status):
		done = s.Kind == MessagesCancel && status.Status == symphony.Cancelled && s.again
		err = nil
	case errors.Is(err, symphony.ErrNotFound):
		done = s.Kind == MessagesDelete && s.again
		err = nil
	case refusal(err), errors.As(err, &broken):
		s.mu.Lock()
		s.refused = fmt.Sprintf("message %s stays as it is: %v", id, err)
		s.mu.Unlock()
		err = nil
	}
	if done {
		s.mu.Lock()
		s.done++
		s.mu.Unlock()
	}
	return err
}

package dynamic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/handler/httppush"
	"github.com/symphony-messenger/symphony/storage"
	"github.com/symphony-messenger/symphony/worker"
)

// recordKind is that of the records. The id of one is its pattern, and behind a line feed, which no pattern has, the
// queue that it is for alone.
const recordKind = "handler"

// Target is what a handler is for.
type Target struct {
	// Pattern is a type, "Prefix.*" or "*".
	Pattern string
	// Queue has the handler be for the messages of this queue alone, before all others that are set. Two handlers of a
	// pattern may differ by it. "": for all queues, as far as Settings.Queues says.
	Queue string
}

func (t Target) id() string {
	if t.Queue == "" {
		return t.Pattern
	}
	return t.Pattern + "\n" + t.Queue
}

// String names it, for people.
func (t Target) String() string {
	if t.Queue == "" {
		return t.Pattern
	}
	return fmt.Sprintf("%s in queue %s", t.Pattern, t.Queue)
}

// Settings are how messages are pushed.
type Settings struct {
	// URL is where, absolute, of one of Options.Origins.
	URL string
	// MaxRetries and RetryDelay are those of symphony.Terms. Nil: as for messages without a handler of their own.
	MaxRetries *int
	RetryDelay []time.Duration
	// Timeout ends an attempt. 0: Options.Timeout.
	Timeout time.Duration
	// KeepOutput keeps the answer as the message's output.
	KeepOutput bool
	// Concurrency is how many of a worker's messages it has at the same time. 0: half of them.
	Concurrency int
	// Queues are those whose messages it takes. None: all.
	Queues []string
}

// Handler is one that is set.
type Handler struct {
	Target
	Settings
	// Rotating says that two secrets sign.
	Rotating             bool
	CreatedAt, ChangedAt time.Time
	By                   string // who changed it last
	// Problem is why this process cannot push by it, nil where it can.
	Problem error

	secrets []string // the newest first
}

// stored is the form of a record. Members are added and never change their meaning.
type stored struct {
	URL         string    `json:"url"`
	MaxRetries  *int      `json:"maxRetries,omitempty"`
	RetryDelay  []int64   `json:"retryDelay,omitempty"` // milliseconds
	Timeout     int64     `json:"timeout,omitempty"`    // milliseconds
	KeepOutput  bool      `json:"keepOutput,omitempty"`
	Concurrency int       `json:"concurrency,omitempty"`
	Queues      []string  `json:"queues,omitempty"`
	Secrets     []string  `json:"secrets"` // the newest first; sealed, or as they are
	CreatedAt   time.Time `json:"createdAt"`
	ChangedAt   time.Time `json:"changedAt"`
	By          string    `json:"by,omitempty"`
}

func (s *Set) encode(h *Handler) ([]byte, error) {
	out := stored{URL: h.URL, MaxRetries: h.MaxRetries, Timeout: h.Timeout.Milliseconds(), KeepOutput: h.KeepOutput,
		Concurrency: h.Concurrency, Queues: h.Queues, CreatedAt: h.CreatedAt, ChangedAt: h.ChangedAt, By: h.By}
	for _, d := range h.RetryDelay {
		out.RetryDelay = append(out.RetryDelay, d.Milliseconds())
	}
	for _, secret := range h.secrets {
		out.Secrets = append(out.Secrets, s.sealer.seal(secret, h.id()))
	}
	return json.Marshal(out)
}

// decode reads a record. What it says is returned as far as it can be read; the error says what could not.
func (s *Set) decode(r storage.Record) (Handler, error) {
	h := Handler{}
	h.Pattern, h.Queue, _ = strings.Cut(r.ID, "\n")
	var in stored
	if err := json.Unmarshal(r.Data, &in); err != nil {
		return h, fmt.Errorf("its record cannot be read: %w", err)
	}
	h.Settings = Settings{URL: in.URL, MaxRetries: in.MaxRetries, Timeout: time.Duration(in.Timeout) * time.Millisecond,
		KeepOutput: in.KeepOutput, Concurrency: in.Concurrency, Queues: in.Queues}
	for _, ms := range in.RetryDelay {
		h.RetryDelay = append(h.RetryDelay, time.Duration(ms)*time.Millisecond)
	}
	h.CreatedAt, h.ChangedAt, h.By, h.Rotating = in.CreatedAt, in.ChangedAt, in.By, len(in.Secrets) > 1
	for _, sealed := range in.Secrets {
		secret, err := s.sealer.open(sealed, r.ID)
		if err != nil {
			return h, err
		}
		h.secrets = append(h.secrets, secret)
	}
	return h, nil
}

// List returns all handlers that are set, in the order of their patterns and queues.
func (s *Set) List(ctx context.Context) ([]Handler, error) {
	if err := s.Look(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Handler, 0, len(s.live))
	for _, l := range s.live {
		h := l.known
		h.Problem = l.err
		list = append(list, h)
	}
	slices.SortFunc(list, func(a, b Handler) int { return strings.Compare(a.id(), b.id()) })
	return list, nil
}

// Get returns one, or symphony.ErrNotFound.
func (s *Set) Get(ctx context.Context, t Target) (Handler, error) {
	list, err := s.List(ctx)
	if err != nil {
		return Handler{}, err
	}
	at := slices.IndexFunc(list, func(h Handler) bool { return h.Target == t })
	if at < 0 {
		return Handler{}, fmt.Errorf("dynamic: handler %s: %w", t, symphony.ErrNotFound)
	}
	return list[at], nil
}

// Change says what becomes of a handler; see Set.Put.
type Change struct {
	Target
	Settings
	// Secret signs, in place of those that have signed until now. "": they stay, and a new handler gets one that is
	// made for it.
	Secret string
	By     string
}

// Put sets a handler, or replaces its settings. secret is the one that was made for a new handler, "" where none was.
//
// Errors: a *symphony.ValidationError, with the names of the members of the API; *RegisteredError; *OlderNodesError.
func (s *Set) Put(ctx context.Context, c Change) (h Handler, secret string, created bool, err error) {
	if err := s.check(&c); err != nil {
		return h, "", false, err
	}
	if by := s.Registered(c.Pattern); by != "" {
		return h, "", false, &RegisteredError{c.Pattern, by}
	}
	if s.o.Older != nil {
		older, err := s.o.Older(ctx)
		if err != nil {
			return h, "", false, err
		}
		if len(older) > 0 {
			return h, "", false, &OlderNodesError{older}
		}
	}
	h, err = s.change(ctx, c.Target, func(h *Handler) error {
		h.Settings, h.By = c.Settings, c.By
		if created = h.CreatedAt.IsZero(); created {
			s.mu.Lock()
			full := len(s.live) >= Most
			s.mu.Unlock()
			if full {
				return problem("pattern", "is one too many: at most %d handlers can be set", Most)
			}
			h.CreatedAt = s.now()
		}
		switch {
		case c.Secret != "":
			h.secrets = []string{c.Secret}
		case len(h.secrets) == 0:
			secret = httppush.NewSecret()
			h.secrets = []string{secret}
		}
		return nil
	})
	return h, secret, created, err
}

// Rotate makes the next secret of a handler, or takes the one that is given: from now on both sign. Where two sign
// already, it takes the place of the newer one. symphony.ErrNotFound for no such handler.
func (s *Set) Rotate(ctx context.Context, t Target, given, by string) (h Handler, secret string, err error) {
	if given != "" {
		if err := checkSecret(given); err != nil {
			return h, "", err
		}
	}
	h, err = s.change(ctx, t, func(h *Handler) error {
		if h.CreatedAt.IsZero() {
			return symphony.ErrNotFound
		}
		next := given
		if next == "" {
			secret = httppush.NewSecret()
			next = secret
		}
		h.secrets, h.By = []string{next, h.secrets[len(h.secrets)-1]}, by
		return nil
	})
	return h, secret, err
}

// Retire has the newer secret of two sign alone. ErrNoRotation where there is one, symphony.ErrNotFound for no such
// handler.
func (s *Set) Retire(ctx context.Context, t Target, by string) (Handler, error) {
	return s.change(ctx, t, func(h *Handler) error {
		switch {
		case h.CreatedAt.IsZero():
			return symphony.ErrNotFound
		case len(h.secrets) < 2:
			return ErrNoRotation
		}
		h.secrets, h.By = h.secrets[:1], by
		return nil
	})
}

// Delete deletes a handler. symphony.ErrNotFound for no such one.
func (s *Set) Delete(ctx context.Context, t Target) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	if err := storage.Delete(ctx, s.o.Records, recordKind, t.id()); err != nil {
		return fmt.Errorf("dynamic: delete handler %s: %w", t, err)
	}
	return s.read(ctx)
}

// changes is how often a change is tried that others make at the same time.
const changes = 20

// change changes a record, or makes it, and has the Mux know it. A handler that is not there is the zero value but for
// its target.
func (s *Set) change(ctx context.Context, t Target, change func(*Handler) error) (Handler, error) {
	if err := s.enter(ctx); err != nil {
		return Handler{}, err
	}
	defer s.leave()
	failed := func(err error) (Handler, error) {
		return Handler{}, fmt.Errorf("dynamic: change handler %s: %w", t, err)
	}
	for range changes {
		if err := s.read(ctx); err != nil {
			return Handler{}, err
		}
		h := Handler{Target: t}
		old, err := storage.Get(ctx, s.o.Records, recordKind, t.id())
		switch {
		case errors.Is(err, symphony.ErrNotFound):
		case err != nil:
			return failed(err)
		default:
			if h, err = s.decode(storage.Record{ID: t.id(), Data: old}); err != nil {
				return failed(&UnableError{t.Pattern, err})
			}
		}
		if err := change(&h); err != nil {
			return failed(err)
		}
		h.ChangedAt, h.Rotating = s.now(), len(h.secrets) > 1
		raw, err := s.encode(&h)
		if err == nil {
			err = s.o.Records.SwapRecord(ctx, recordKind, t.id(), old, raw)
		}
		switch {
		case errors.Is(err, symphony.ErrConflict):
			continue
		case err != nil:
			return failed(err)
		}
		if err := s.read(ctx); err != nil {
			return Handler{}, fmt.Errorf("%w: it was stored: %w", symphony.ErrOutcomeUnknown, err)
		}
		return h, nil
	}
	return failed(symphony.ErrConflict)
}

func (s *Set) now() time.Time { return s.o.Clock.Now().UTC().Truncate(time.Millisecond) }

func problem(path, format string, args ...any) error {
	return &symphony.ValidationError{Problems: []symphony.Problem{{Path: path, Message: fmt.Sprintf(format, args...)}}}
}

// check finds everything that is wrong with a change.
func (s *Set) check(c *Change) error {
	var list []symphony.Problem
	add := func(path, format string, args ...any) {
		list = append(list, symphony.Problem{Path: path, Message: fmt.Sprintf(format, args...)})
	}
	if err := symphony.ValidatePattern(c.Pattern); err != nil {
		add("pattern", "%v", err)
	}
	if c.Queue != "" {
		if err := symphony.ValidateName(c.Queue); err != nil {
			add("queue", "%v", err)
		}
		if len(c.Queues) > 0 {
			add("queues", "must be left out: the handler is for the queue %s alone", c.Queue)
		}
	}
	err := symphony.ValidateURL(c.URL)
	if err == nil {
		err = s.o.Origins.Allows(c.URL)
	}
	switch {
	case c.URL == "":
		add("url", "is required")
	case err != nil:
		add("url", "%v", err)
	}
	if n := c.MaxRetries; n != nil && (*n < 0 || *n > symphony.MaxRetries) {
		add("retry.maxRetries", "must be 0 to %d", symphony.MaxRetries)
	}
	for i, d := range c.RetryDelay {
		if d < 0 || d > symphony.MaxRetryDelay {
			add(fmt.Sprintf("retry.retryDelay[%d]", i), "must be 0 to %d", symphony.MaxRetryDelay.Milliseconds())
		}
	}
	if len(c.RetryDelay) > symphony.MaxRetryDelays {
		add("retry.retryDelay", "must have at most %d, has %d", symphony.MaxRetryDelays, len(c.RetryDelay))
	}
	if d := c.Timeout; d != 0 && (d < symphony.MinTimeout || d > symphony.MaxTimeout) {
		add("timeout", "must be %d to %d", symphony.MinTimeout.Milliseconds(), symphony.MaxTimeout.Milliseconds())
	}
	if c.Concurrency < 0 || c.Concurrency > worker.MaxConcurrency {
		add("concurrency", "must be 1 to %d", worker.MaxConcurrency)
	}
	if len(c.Queues) > MaxQueues {
		add("queues", "must have at most %d names, has %d", MaxQueues, len(c.Queues))
	}
	for i, q := range c.Queues {
		if err := symphony.ValidateName(q); err != nil {
			add(fmt.Sprintf("queues[%d]", i), "%v", err)
		}
	}
	if c.Secret != "" {
		var wrong *symphony.ValidationError
		if errors.As(checkSecret(c.Secret), &wrong) {
			list = append(list, wrong.Problems...)
		}
	}
	if len(list) > 0 {
		return &symphony.ValidationError{Problems: list}
	}
	slices.Sort(c.Queues)
	c.Queues = slices.Compact(c.Queues)
	return nil
}

func checkSecret(secret string) error {
	if _, err := httppush.New("http://localhost", httppush.Options{Secrets: []string{secret}}); err != nil {
		return problem("secret",
			`must be "whsec_" and the base64 of 24 to 64 random bytes; symphony secrets generate makes one`)
	}
	return nil
}

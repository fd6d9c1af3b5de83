// Package dynamic has HTTP handlers that are set while a server runs: where the messages of a pattern of types are
// pushed, beside the handlers that are registered before it starts, which win.
//
// What is set is a record of the storage. All processes that share it follow: one that has changed something knows at
// once, the others look twice a second, and once more before a message fails for want of a handler. So a message that
// is dispatched after a handler was set never fails because its worker has not heard of it yet.
//
// Everything else is decided where it is decided for handlers of the configuration: package httppush signs and pushes,
// breaker and pressure stand before it, and where it may go is a matter of httppush.Origins, when it is set and with
// every push.
package dynamic

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/handler/breaker"
	"github.com/symphony-messenger/symphony/handler/httppush"
	"github.com/symphony-messenger/symphony/handler/pressure"
	"github.com/symphony-messenger/symphony/storage"
)

const (
	// FollowEvery is how often a process looks for what others have set.
	FollowEvery = 500 * time.Millisecond
	// Most is how many handlers may be set.
	Most = 500
	// MaxQueues is how many queues a handler may be for.
	MaxQueues = 1000
)

// Options are what a Set needs. Records, Mux and Origins are required.
type Options struct {
	// Records keeps what is set.
	Records storage.Records
	// Mux gets the handlers. What is registered with it wins.
	Mux *symphony.Mux
	// Origins are where messages may be pushed.
	Origins *httppush.Origins
	// Timeout ends a handler that has none of its own. Default httppush.DefaultTimeout.
	Timeout time.Duration
	// Policy is what handlers start from that say how their messages are retried.
	Policy symphony.Policy
	// Receipt makes the receipts that go along with pushes; see httppush.Options.
	Receipt func(context.Context, *symphony.Delivery) string
	// Tell keeps an endpoint's wish for fewer messages; see pressure.Options. Default: it is an ordinary failure.
	Tell func(ctx context.Context, transport string, ask flow.Ask) error
	// Older returns the names of processes that know nothing of handlers at run time. Default: there are none.
	Older func(ctx context.Context) ([]string, error)
	// SealKeys seal the secrets in the records. The first one seals, all of them open. Each has 32 bytes. Default: they
	// are kept as they are.
	SealKeys [][]byte
	// Clock is the wall clock. Default symphony.SystemClock.
	Clock symphony.Clock
	// Logger tells what an operator must know. Default slog.Default().
	Logger *slog.Logger
}

// Set is the handlers that are set. Safe for concurrent use.
type Set struct {
	o      Options
	sealer sealer
	client *http.Client

	turn    chan struct{} // has one entry, which whoever reads or writes takes
	asked   atomic.Int64  // counts calls of Look
	covered int64         // the last of them that a reading covers; with turn
	looked  atomic.Int64  // when that was, by what has elapsed, plus one; 0: never

	mu   sync.Mutex
	live map[string]*live // by the ids of their records
}

// live is a handler that takes messages.
type live struct {
	raw     string // its record
	known   Handler
	err     error // why nothing can be pushed
	handler symphony.Handler
	breaker *breaker.Breaker
}

// New makes a Set, and reads nothing yet. The error is about SealKeys.
func New(o Options) (*Set, error) {
	o.Timeout = cmp.Or(o.Timeout, httppush.DefaultTimeout)
	if o.Clock == nil {
		o.Clock = symphony.SystemClock()
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	seal, err := newSealer(o.SealKeys)
	if err != nil {
		return nil, err
	}
	s := &Set{
		o: o, sealer: seal, client: o.Origins.Client(), turn: make(chan struct{}, 1), live: make(map[string]*live),
	}
	o.Mux.BeforeNoHandler(s.Look)
	return s, nil
}

// enter waits for the turn to read or write.
func (s *Set) enter(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Set) leave() { <-s.turn }

// Look has the Mux know what is set at this moment, or later. Calls that wait for one another share a reading.
func (s *Set) Look(ctx context.Context) error {
	mine := s.asked.Add(1)
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	if s.covered >= mine {
		return nil
	}
	return s.read(ctx)
}

// Fresh looks unless somebody has within FollowEvery: for processes that do not follow.
func (s *Set) Fresh(ctx context.Context) error {
	if at := s.looked.Load(); at != 0 && symphony.Elapsed(s.o.Clock)-time.Duration(at-1) < FollowEvery {
		return nil
	}
	return s.Look(ctx)
}

// Follow looks for what other processes set, until ctx ends. What fails is logged, and tried again.
func (s *Set) Follow(ctx context.Context) {
	failing := false
	for {
		t := s.o.Clock.NewTimer(FollowEvery)
		select {
		case <-t.C():
		case <-ctx.Done():
			t.Stop()
			return
		}
		err := s.Look(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !failing:
			s.o.Logger.Warn("handlers that are set can't be read; those that are known go on, and it is tried again",
				"error", err)
		case err == nil && failing:
			s.o.Logger.Info("handlers that are set can be read again")
		}
		failing = err != nil
	}
}

// read reads all records and has the Mux know them. The caller has the turn.
func (s *Set) read(ctx context.Context) error {
	covers, now := s.asked.Load(), symphony.Elapsed(s.o.Clock)
	list, err := storage.List(ctx, s.o.Records, recordKind)
	if err != nil {
		return fmt.Errorf("dynamic: %w", err)
	}
	s.covered = covers
	s.looked.Store(int64(now) + 1)
	s.apply(list)
	return nil
}

// apply has the Mux know these records. What has not changed stays, with the state of its circuit breaker.
func (s *Set) apply(list []storage.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	same := len(list) == len(s.live)
	next := make(map[string]*live, len(list))
	for _, r := range list {
		l := s.live[r.ID]
		if l == nil || l.raw != string(r.Data) {
			l, same = s.make(r), false
		}
		next[r.ID] = l
	}
	if same {
		return
	}
	s.live = next
	late := symphony.LateHandlers{
		Own: make(map[string]*symphony.Mux), In: make(map[string]*symphony.Mux), All: symphony.NewMux(),
	}
	of := func(queue string, in map[string]*symphony.Mux) *symphony.Mux {
		if in[queue] == nil {
			in[queue] = symphony.NewMux()
		}
		return in[queue]
	}
	for _, l := range next {
		switch h := &l.known; {
		case h.Queue != "":
			s.register(of(h.Queue, late.Own), l)
		case len(h.Queues) == 0:
			s.register(late.All, l)
		default:
			for _, queue := range h.Queues {
				s.register(of(queue, late.In), l)
			}
		}
	}
	s.o.Mux.Late(late)
}

func (s *Set) register(mux *symphony.Mux, l *live) {
	h := &l.known
	if symphony.ValidatePattern(h.Pattern) != nil {
		return // storage was damaged: it is listed, and can be deleted
	}
	mux.Handle(h.Pattern, l.handler, symphony.HandlerOptions{
		Timeout: cmp.Or(max(h.Timeout, 0), s.o.Timeout), Places: cmp.Or(max(h.Concurrency, 0), symphony.HalfPlaces),
	})
	if h.MaxRetries == nil && h.RetryDelay == nil {
		return
	}
	p := s.o.Policy.For(&symphony.Terms{MaxRetries: h.MaxRetries, RetryDelay: h.RetryDelay})
	if p.Validate() == nil {
		mux.Retry(h.Pattern, p)
	}
}

// make makes a handler of a record. Where that cannot be, its messages are tried again, by the policy: another process
// may be able to push them, or this one after a restart.
func (s *Set) make(r storage.Record) *live {
	l := &live{raw: string(r.Data)}
	if l.known, l.err = s.decode(r); l.err == nil {
		l.err = s.o.Origins.Allows(l.known.URL)
	}
	var push *httppush.Handler
	if l.err == nil {
		push, l.err = httppush.New(l.known.URL, httppush.Options{
			Secrets: l.known.secrets, Timeout: httppush.NoTimeout, // the Mux has its timeout
			KeepOutput: l.known.KeepOutput, Receipt: s.o.Receipt, Client: s.client, Clock: s.o.Clock,
		})
	}
	if l.err != nil {
		s.o.Logger.Warn("a handler that is set cannot push here; its messages are tried again", "type", l.known.Pattern,
			"queue", l.known.Queue, "error", l.err)
		l.handler = unable{&UnableError{l.known.Pattern, l.err}}
		return l
	}
	l.handler = push
	if s.o.Tell != nil && l.known.Queue == "" { // what an endpoint of one queue asks for is not about the others
		l.handler = pressure.New(push, pressure.Options{
			Pattern: l.known.Pattern, Tell: s.o.Tell, Logger: s.o.Logger, Clock: s.o.Clock,
		})
	}
	name := l.known.Pattern
	if l.known.Queue != "" {
		name += " " + l.known.Queue
	}
	var err error
	l.breaker, err = breaker.New(l.handler, breaker.Options{Name: name, Logger: s.o.Logger, Clock: s.o.Clock})
	if err != nil {
		panic(err) // the options are defaults
	}
	l.handler = l.breaker
	return l
}

// Breakers are the circuit breakers of what is set.
func (s *Set) Breakers() (list []*breaker.Breaker) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.live {
		if l.breaker != nil {
			list = append(list, l.breaker)
		}
	}
	return list
}

// Registered returns the pattern that is registered with the Mux and takes all messages of another pattern, "" for
// none: a handler that is set for that one gets none of them.
func (s *Set) Registered(pattern string) string {
	covering := slices.DeleteFunc(s.o.Mux.Patterns(), func(p string) bool {
		return !symphony.PatternMatches(p, pattern)
	})
	if len(covering) == 0 {
		return ""
	}
	return slices.MaxFunc(covering, func(a, b string) int { return cmp.Compare(len(a), len(b)) })
}

// unable is a handler that cannot push.
type unable struct{ err *UnableError }

// Handle returns why.
func (u unable) Handle(context.Context, *symphony.Delivery) error { return u.err }

// UnableError says why nothing is pushed by a handler that is set.
type UnableError struct {
	Pattern string
	Err     error
}

func (e *UnableError) Error() string {
	return fmt.Sprintf("the handler that is set for %q cannot push from this process: %s", e.Pattern, e.Err)
}
func (e *UnableError) Unwrap() error { return e.Err }

// ErrorClass is "handler_unable".
func (e *UnableError) ErrorClass() string { return "handler_unable" }

// ErrNoRotation is returned by Retire where there is one secret only.
var ErrNoRotation = errors.New("no other secret is being introduced")

// RegisteredError refuses to set a handler that would get no message, as one that is registered takes them.
type RegisteredError struct{ Pattern, By string }

func (e *RegisteredError) Error() string {
	return fmt.Sprintf("the messages of %q are taken by the handler of %q, which is configured and wins",
		e.Pattern, e.By)
}

// OlderNodesError refuses to set a handler while processes are alive whose release knows of no handlers at run time.
type OlderNodesError struct{ Nodes []string }

func (e *OlderNodesError) Error() string {
	return fmt.Sprintf("handlers cannot be set while nodes of an older release are alive, where messages would fail "+
		"for want of one: %s; replace them first", strings.Join(e.Nodes, ", "))
}

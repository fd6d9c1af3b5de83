// Package symphonytest helps programs test what they dispatch and how they handle it, without waiting for anything.
//
//	func TestSignUp_sends_a_welcome_mail(t *testing.T) {
//		q := symphonytest.New(t, symphonytest.Options{})
//		WelcomeMail.Handle(q.Mux, mailer.Welcome)
//
//		signUp(t.Context(), q.Bus, "ada@example.com")
//
//		mail := symphonytest.RequireDispatched(q, WelcomeMail)
//		…
//		q.Drain() // runs the handlers, retries and delays included
//	}
//
// A [Queue] is a bus on a temporary storage, with a clock that stands still until it is moved: [Queue.Drain] moves it
// to when the next message is due, so a retry after ten minutes takes no time. The storage is a real one. What it does
// is what the other storages do, down to leases and limits; it only forgets everything when the test ends.
package symphonytest

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/symphonytest/testclock"
	"github.com/symphony-messenger/symphony/transport/sqlite"
	"github.com/symphony-messenger/symphony/worker"
)

// Options are the optional settings of a Queue. Zero values mean the defaults.
type Options struct {
	// Start is where the clock begins. Default: noon of 2026-01-01, UTC.
	Start time.Time
	// Transports are the names of the transports; the first one is the default. Default: symphony.DefaultTransport
	// alone.
	Transports []string
	// Bus has what a program sets for its bus: routes, types, schemas and so on. Its Clock is the queue's. Mux gets its
	// Codec.
	Bus symphony.BusOptions
	// Mux has the program's handlers. Default: an empty one, for the test to register some.
	Mux *symphony.Mux
	// Limits bound how many messages are handled at once, or started in a time. Default: none.
	Limits *flow.Limits
	// Policy is the retry policy of types for which Mux has none. Delays are spread as if chance always took their
	// middle.
	Policy symphony.Policy
	// MaxAttempts is how many attempts one Drain may make before it fails the test, because handlers that dispatch
	// themselves again never come to an end. Default 10,000.
	MaxAttempts int
	// Logger gets what workers report. Default: nobody.
	Logger *slog.Logger
}

// defaultMaxAttempts is the default of Options.MaxAttempts.
const defaultMaxAttempts = 10_000

// Queue is a message queue for one test. Its methods fail that test where something is not as it must be. They are not
// safe for concurrent use; Bus is.
type Queue struct {
	// Bus dispatches to the queue. Hand it to the code under test.
	Bus *symphony.Bus
	// Mux has the handlers that Work and Drain run.
	Mux *symphony.Mux
	// Clock is the time of the queue.
	Clock *testclock.Clock

	t          testing.TB
	o          Options
	transports []symphony.Transport
	dispatched dispatched
}

// New makes a queue that is closed when the test ends. It fails the test if the options are wrong.
func New(t testing.TB, o Options) *Queue {
	t.Helper()
	if o.Start.IsZero() {
		o.Start = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	}
	if len(o.Transports) == 0 {
		o.Transports = []string{symphony.DefaultTransport}
	}
	if o.Mux == nil {
		o.Mux = symphony.NewMux()
	}
	if o.Bus.Codec != nil {
		o.Mux.UseCodec(o.Bus.Codec)
	}
	if o.MaxAttempts == 0 {
		o.MaxAttempts = defaultMaxAttempts
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	for _, name := range o.Transports {
		if err := symphony.ValidateName(name); err != nil {
			t.Fatalf("symphonytest: transport %q: %v", name, err)
		}
	}
	q := &Queue{Mux: o.Mux, Clock: testclock.New(o.Start), t: t, o: o}
	first := Storage(t, sqlite.Options{Name: o.Transports[0], Limits: o.Limits, Clock: q.Clock, Logger: o.Logger})
	for i, name := range o.Transports {
		if i == 0 {
			q.transports = append(q.transports, first)
		} else {
			q.transports = append(q.transports, first.Named(name))
		}
	}
	o.Bus.Clock, o.Bus.Observer = q.Clock, symphony.Observers(&q.dispatched, o.Bus.Observer)
	var err error
	if q.Bus, err = symphony.NewBus(q.transports, o.Bus); err != nil {
		t.Fatalf("symphonytest: %v", err)
	}
	return q
}

// Counts are what became of the messages of Work or Drain.
type Counts struct {
	// Attempts is how many attempts ended, Succeeded and Failed are those that did so; failed ones may be retried.
	Attempts, Succeeded, Failed int
}

func (c *Counts) add(o Counts) {
	c.Attempts += o.Attempts
	c.Succeeded += o.Succeeded
	c.Failed += o.Failed
}

// Work runs the handlers for everything that is ready now, one message at a time in the order of the queue, with what
// the handlers dispatch meanwhile. No time passes. Timeouts of handlers are on the machine's clock.
func (q *Queue) Work() Counts {
	q.t.Helper()
	var all Counts
	q.work(&all)
	return all
}

// work adds up what was done, and reports whether anything was.
func (q *Queue) work(all *Counts) (some bool) {
	q.t.Helper()
	for again := true; again; {
		again = false
		for _, tr := range q.transports {
			w, err := worker.New(tr, q.Mux, worker.Options{
				Concurrency: 1, BatchSize: 1, StopWhenEmpty: true, MessageLimit: int64(max(q.o.MaxAttempts-all.Attempts, 1)),
				Policy: q.o.Policy, Clock: q.Clock, Random: func() float64 { return 0.5 }, Logger: q.o.Logger,
			})
			if err != nil {
				q.t.Fatalf("symphonytest: %v", err)
			}
			report, err := w.Run(context.WithoutCancel(q.t.Context()))
			if err != nil {
				q.t.Fatalf("symphonytest: %v", err)
			}
			done := Counts{int(report.Processed), int(report.Succeeded), int(report.Failed)}
			all.add(done)
			if all.Attempts >= q.o.MaxAttempts {
				q.t.Fatalf("symphonytest: %d attempts were made and there is no end; the last messages are %s", all.Attempts, q.dispatched.last())
			}
			again = again || done.Attempts > 0
		}
		some = some || again
	}
	return some
}

// Drain runs the handlers until no message waits any more: whenever nothing is ready, it moves the clock to when the
// next one is, be it scheduled, delayed or about to be retried. Messages that nothing will let through, such as those
// of a paused queue, are left where they are.
func (q *Queue) Drain() Counts {
	q.t.Helper()
	var all Counts
	step := firstStep
	for {
		if q.work(&all) {
			step = firstStep
		}
		now := q.Clock.Now()
		next, waiting := q.next()
		switch {
		case waiting && step <= lastStep:
			// It is due and was not handed out. A rate may let it through in a moment; a hold never does.
			if !next.IsZero() {
				step = min(step, next.Sub(now))
			}
			q.Clock.Advance(step)
			step *= 2
		case !next.IsZero():
			q.Clock.Advance(next.Sub(now))
		default:
			return all
		}
	}
}

// A message that is due and is not handed out is waited for by moving the clock, each time by twice as much.
const (
	firstStep = time.Second
	lastStep  = time.Hour
)

// next is when the next message is due that is not due yet, zero if there is none; waiting says that others are due
// already.
func (q *Queue) next() (next time.Time, waiting bool) {
	q.t.Helper()
	now := q.Clock.Now()
	for _, m := range q.messages(symphony.Pending) {
		switch {
		case !m.AvailableAt.After(now):
			waiting = true
		case next.IsZero() || m.AvailableAt.Before(next):
			next = m.AvailableAt
		}
	}
	return next, waiting
}

// messages lists the messages of all transports that are in a state, the oldest first.
func (q *Queue) messages(status symphony.Status) []symphony.MessageInfo {
	q.t.Helper()
	var list []symphony.MessageInfo
	for _, tr := range q.transports {
		of, err := q.Bus.Messages(tr.Name())
		if err != nil {
			q.t.Fatalf("symphonytest: %v", err)
		}
		query := symphony.MessageQuery{MessageFilter: symphony.MessageFilter{Status: status}, Oldest: true, Limit: symphony.MaxMessagePage}
		for {
			page, err := of.List(q.t.Context(), query)
			if err != nil {
				q.t.Fatalf("symphonytest: %v", err)
			}
			list = append(list, page.Messages...)
			if query.After = page.Next; page.Next == "" {
				break
			}
		}
	}
	slices.SortStableFunc(list, func(a, b symphony.MessageInfo) int { return a.CreatedAt.Compare(b.CreatedAt) })
	return list
}

// Pending returns the messages that wait, the oldest first: ready ones, scheduled ones and those that wait for a retry.
func (q *Queue) Pending() []symphony.MessageInfo {
	q.t.Helper()
	return q.messages(symphony.Pending)
}

// Failed returns the messages in the dead letter queue, the oldest first.
func (q *Queue) Failed() []symphony.MessageInfo {
	q.t.Helper()
	return q.messages(symphony.Failed)
}

// dispatched notes what the bus has sent.
type dispatched struct {
	mu   sync.Mutex
	list []symphony.Envelope
}

func (d *dispatched) MessagesDispatched(envelopes []*symphony.Envelope, receipts []symphony.Receipt) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, e := range envelopes {
		if !receipts[i].Duplicate && !receipts[i].Dropped {
			one := *e
			one.Payload = slices.Clone(e.Payload)
			d.list = append(d.list, one)
		}
	}
}

func (d *dispatched) AttemptsEnded([]symphony.EndedAttempt) {}

// last names the types of the newest messages.
func (d *dispatched) last() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var types []string
	for _, e := range d.list[max(len(d.list)-3, 0):] {
		types = append(types, e.Type)
	}
	return fmt.Sprintf("%q", types)
}

// of returns the messages of a type, of all types for "".
func (d *dispatched) of(typ string) []symphony.Envelope {
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []symphony.Envelope
	for _, e := range d.list {
		if typ == "" || e.Type == typ {
			list = append(list, e)
		}
	}
	return list
}

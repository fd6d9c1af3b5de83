// Package transporttest is the conformance suite of transports: what symphony.Transport promises, in executable form.
//
// A transport's test file opens a fresh storage and calls Run. What a transport says it cannot do, by its Capabilities,
// is skipped with the reason; everything else must hold. No test sleeps: time is a Clock that the tests move.
package transporttest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/internal/testtier"
	"github.com/symphony-messenger/symphony/retention"
	"github.com/symphony-messenger/symphony/symphonytest/testclock"
)

// Harness is one fresh storage under test.
type Harness struct {
	// Default and Email are transports of these names on one storage.
	Default, Email symphony.Transport
	// Reopen ends the storage as a crash would and opens it again, on the same clock. Nil where nothing survives.
	Reopen func(t *testing.T) (def, email symphony.Transport)
	// Steady says that the storage goes by the clock that it was opened with, of this process: setting it must not
	// matter to what lasts a while. False where the time is that of a database server.
	Steady bool
	// Corrupt makes the stored metadata of a message undecodable. Nil where that cannot happen.
	Corrupt func(t *testing.T, messageID string)
	// CorruptSchedule does so with a schedule's definition.
	CorruptSchedule func(t *testing.T, id string)
	// Second opens the default transport of another process on the same storage. Nil where only one process can use it.
	Second func(t *testing.T) symphony.Transport
	// KeepNothing opens a fresh storage that keeps no completed messages. Nil where that cannot be said.
	KeepNothing func(t *testing.T) symphony.Transport
	// Rules ends the storage and opens it again with other rules of how long messages are kept, and somebody who is
	// told of dead letters whose period is over; Tidy and Reopen then are the new one's. Nil where that cannot be said.
	Rules func(t *testing.T, rules *retention.Rules, aged Aged) (def, email symphony.Transport)
	// Told is who each process of the storage tells of holds and limits that end by themselves.
	Told *Told
	// Unmark takes from the messages up to an id the marks by which they are found, as if an older release had stored
	// them. Nil where messages have none.
	Unmark func(t *testing.T, id string)
	// Tidy has the storage forget at once what it forgets every few minutes. Nil where nothing is left to be forgotten.
	Tidy func(t *testing.T)
}

// Aged is told of dead letters whose period is over.
type Aged = func(context.Context, retention.Aged)

// Open opens a fresh storage that takes its time from clock and has Limits, and closes it when the test ends.
type Open func(t *testing.T, clock symphony.Clock) Harness

// Run runs the suite.
func Run(t *testing.T, open Open) {
	groups := []struct {
		name  string
		tests []test
		needs func(symphony.Capabilities) (bool, string)
	}{
		{"Send", sendTests, nil},
		{"Order", orderTests, receives},
		{"Receive", receiveTests, receives},
		{"Lease", leaseTests, receives},
		{"Settle", settleTests, receives},
		{"Clock", clockTests, receives},
		{"Borders", slices.Concat(borderTests, rivalTests), receives},
		{"Failed", slices.Concat(failedTests, failedGroupTests), func(c symphony.Capabilities) (bool, string) { return c.Messages, "keeps no failed messages" }},
		{"Idempotency", idempotencyTests, func(c symphony.Capabilities) (bool, string) { return c.Idempotency, "remembers no idempotency keys" }},
		{"Stats", statsTests, receives},
		{"Limits", limitTests, controls},
		{"Groups", groupTests, controls},
		{"Waiting", waitingTests, controls},
		{"Holds", holdTests, controls},
		{"LimitsAtRunTime", limitsTests, controls},
		{"FlowModel", flowModelTests, controls},
		{"Schedules", scheduleTests, keepsSchedules},
		{"ScheduleRuns", scheduleRunTests, keepsSchedules},
		{"Records", recordTests, func(c symphony.Capabilities) (bool, string) { return c.Records, "keeps no records" }},
		{"Log", logTests, func(c symphony.Capabilities) (bool, string) { return c.Log, "keeps no logs" }},
		{"Steps", stepTests, func(c symphony.Capabilities) (bool, string) { return c.Steps, "takes no steps" }},
		{"Messages", messageTests, showsMessages},
		{"Outputs", outputTests, showsMessages},
		{"Notes", noteTests, showsMessages},
		{"Ends", endTests, showsMessages},
		{"Wait", waitTests, showsMessages},
		{"Search", searchTests, showsMessages},
		{"Filters", messageFilterTests, showsMessages},
		{"Steer", steerTests(), showsMessages},
		{"Cancel", cancelTests(), showsMessages},
		{"Edit", editTests(), showsMessages},
		{"Text", textTests, receives},
		{"Pages", pageTests, showsMessages},
		{"Callers", callerTests, showsMessages},
		{"Callbacks", callbackTests, showsMessages},
		{"Types", typeTests(), showsMessages},
		{"Terms", termTests, func(c symphony.Capabilities) (bool, string) {
			return c.Terms,
				"knows no terms of a message"
		}},
		{"Pushed", pushedTests, controls},
		{"Retention", retentionTests, showsMessages},
		{"Large", largeTests, showsMessages},
		{"Sizes", sizeTests, showsMessages},
		{"Lifecycle", lifecycleTests, receives},
		{"Concurrency", concurrencyTests, receives},
		{"Refusal", refusalTests, func(c symphony.Capabilities) (bool, string) { return !c.Receive, "can receive, so it refuses nothing" }},
	}
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) {
			for _, test := range g.tests {
				t.Run(test.name, func(t *testing.T) {
					s := newSuite(t, open)
					if g.needs != nil {
						if ok, why := g.needs(s.def.Capabilities()); !ok {
							t.Skipf("transport %s", why)
						}
					}
					test.run(s)
				})
			}
		})
	}
}

func receives(c symphony.Capabilities) (bool, string) { return c.Receive, "has no messages to receive" }

type test struct {
	name string
	run  func(*suite)
}

// suite is one test on one storage.
type suite struct {
	*testing.T
	Harness
	clock *testclock.Clock
	def   symphony.Transport
	bus   *symphony.Bus
	sent  int
}

// modelSteps is how many things a model does.
func modelSteps(t testing.TB) int { return testtier.Pick(t, 100, 300, 5000) }

var ctx = context.Background()

func newSuite(t *testing.T, open Open) *suite {
	t.Helper()
	s := &suite{T: t, clock: testclock.New(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))}
	s.Harness = open(t, s.clock)
	s.use(s.Default, s.Email)
	return s
}

func (s *suite) use(def, email symphony.Transport) {
	s.Helper()
	s.def, s.Default, s.Email = def, def, email
	transports := []symphony.Transport{def}
	if email != nil {
		transports = append(transports, email)
	}
	bus, err := symphony.NewBus(transports, symphony.BusOptions{Clock: s.clock,
		URLs: func(string) error { return nil }})
	if err != nil {
		s.Fatal(err)
	}
	s.bus = bus
}

// reopen crashes and opens the storage again, or skips the test.
func (s *suite) reopen() {
	s.Helper()
	if s.Reopen == nil {
		s.Skip("transport does not survive")
	}
	s.use(s.Reopen(s.T))
}

// dispatch sends a message and moves the clock on by a millisecond, so that later messages are younger.
func (s *suite) dispatch(o symphony.DispatchOptions) symphony.Receipt {
	s.Helper()
	s.sent++
	r, err := s.bus.Dispatch(ctx, "Order", json.RawMessage(fmt.Sprintf(`{"n":%d}`, s.sent)), o)
	if err != nil {
		s.Fatal(err)
	}
	s.clock.Advance(time.Millisecond)
	return r
}

func (s *suite) dispatchMany(n int, o symphony.DispatchOptions) []string {
	s.Helper()
	list := make([]string, n)
	for i := range list {
		list[i] = s.dispatch(o).ID
	}
	return list
}

// receive receives as somebody who pushes.
func (s *suite) receive(o symphony.ReceiveOptions) []symphony.Delivery {
	s.Helper()
	o.Pushes = true
	return s.pull(o)
}

// pull receives as the options say.
func (s *suite) pull(o symphony.ReceiveOptions) []symphony.Delivery {
	s.Helper()
	got, err := s.def.Receive(ctx, o)
	if err != nil {
		s.Fatal(err)
	}
	return got
}

// all are the options that take everything.
var all = symphony.ReceiveOptions{Max: symphony.MaxReceive, MaxLost: symphony.MaxReceive, MaxBytes: 1 << 30, Worker: "w1"}

// one receives exactly one message.
func (s *suite) one() symphony.Delivery {
	s.Helper()
	got := s.receive(symphony.ReceiveOptions{Max: 1, Worker: "w1"})
	if len(got) != 1 {
		s.Fatalf("got %d messages, want 1", len(got))
	}
	return got[0]
}

func (s *suite) settle(d symphony.Delivery, st symphony.Settlement) error {
	s.Helper()
	st.Lease = d.Lease
	if errs := s.def.Settle(ctx, []symphony.Settlement{st}); errs != nil {
		return errs[0]
	}
	return nil
}

func (s *suite) mustSettle(d symphony.Delivery, st symphony.Settlement) {
	s.Helper()
	if err := s.settle(d, st); err != nil {
		s.Fatalf("%s: %v", st.Outcome, err)
	}
}

func (s *suite) ack(list ...symphony.Delivery) {
	s.Helper()
	for _, d := range list {
		s.mustSettle(d, symphony.Settlement{Outcome: symphony.Ack})
	}
}

// fail fails a message and returns its entry in the dead letter queue.
func (s *suite) fail(d symphony.Delivery, text string) symphony.MessageInfo {
	s.Helper()
	s.mustSettle(d, symphony.Settlement{Outcome: symphony.Fail, Error: text, ErrorClass: "test", StartedAt: s.clock.Now(), FinishedAt: s.clock.Now(), MaxRetries: 3})
	page, err := ListFailed(ctx, s.messages(), symphony.MessageQuery{Limit: 1})
	if err != nil || len(page.Messages) != 1 {
		s.Fatalf("failed messages: %+v, %v", page, err)
	}
	s.clock.Advance(time.Millisecond)
	return page.Messages[0]
}

func (s *suite) stats() symphony.Stats {
	s.Helper()
	st, err := s.def.Stats(ctx)
	if err != nil {
		s.Fatal(err)
	}
	return st
}

// counts are pending, processing, completed, failed and scheduled.
func (s *suite) wantCounts(pending, processing, completed, failed, scheduled int64) {
	s.Helper()
	q := s.stats().QueueStats
	got, want := [5]int64{q.Pending, q.Processing, q.Completed, q.Failed, q.Scheduled}, [5]int64{pending, processing, completed, failed, scheduled}
	if got != want {
		s.Errorf("pending, processing, completed, failed, scheduled are %v, want %v", got, want)
	}
}

func ids(list []symphony.Delivery) []string {
	out := make([]string, len(list))
	for i, d := range list {
		out[i] = d.ID
	}
	return out
}

func (s *suite) wantIDs(got []symphony.Delivery, want ...string) {
	s.Helper()
	if !slices.Equal(ids(got), want) {
		s.Errorf("got messages %v, want %v", ids(got), want)
	}
}

func (s *suite) wantLost(what string, err error) {
	s.Helper()
	if !errors.Is(err, symphony.ErrLeaseLost) {
		s.Errorf("%s: got %v, want ErrLeaseLost", what, err)
	}
}

// first returns the i-th of a list of errors that may be nil.
func first(errs []error) error {
	if len(errs) == 0 {
		return nil
	}
	return errs[0]
}

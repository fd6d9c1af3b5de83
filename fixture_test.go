package symphony_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/symphonytest"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

// noon is when the tests' clocks begin.
var noon = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

// clock moves on by step with each look at it.
type clock struct {
	symphony.Clock
	step time.Duration

	mu     sync.Mutex
	now    time.Time
	passed time.Duration
}

func newClock(step time.Duration) *clock {
	return &clock{Clock: symphony.SystemClock(), step: step, now: noon}
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now
	c.now, c.passed = now.Add(c.step), c.passed+c.step
	return now
}

// pass lets time go by.
func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now, c.passed = c.now.Add(d), c.passed+d
}

// Read tells the same times, also to those who go by what has passed.
func (c *clock) Read() (time.Time, time.Duration) {
	now := c.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	return now, c.passed
}

// open returns transports of one storage in memory.
func open(t *testing.T, c symphony.Clock, names ...string) []symphony.Transport {
	t.Helper()
	first := symphonytest.Storage(t, sqlite.Options{Name: names[0], Clock: c})
	transports := []symphony.Transport{first}
	for _, name := range names[1:] {
		transports = append(transports, first.Named(name))
	}
	return transports
}

func newBus(t *testing.T, o symphony.BusOptions, transports ...symphony.Transport) *symphony.Bus {
	t.Helper()
	bus, err := symphony.NewBus(transports, o)
	if err != nil {
		t.Fatal(err)
	}
	return bus
}

// receive claims everything that is ready on a transport.
func receive(t *testing.T, tr symphony.Transport) []symphony.Delivery {
	t.Helper()
	got, err := tr.Receive(t.Context(), symphony.ReceiveOptions{Max: symphony.MaxReceive, Worker: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// fail moves everything that is ready on a transport to its dead letter queue.
func fail(t *testing.T, tr symphony.Transport, reason string) {
	t.Helper()
	var settlements []symphony.Settlement
	for _, d := range receive(t, tr) {
		settlements = append(settlements, symphony.Settlement{Lease: d.Lease, Outcome: symphony.Fail, Error: reason, ErrorClass: "test"})
	}
	if err := errors.Join(tr.Settle(t.Context(), settlements)...); err != nil {
		t.Fatal(err)
	}
}

// handled is a delivery of a type, as a Mux gets it.
func handled(typ, payload string) *symphony.Delivery {
	return &symphony.Delivery{Envelope: symphony.Envelope{ID: "m1", Type: typ, Payload: json.RawMessage(payload)}, Attempt: 1}
}

// problemsOf returns the problems of an error that must be a *ValidationError.
func problemsOf(t *testing.T, err error) []symphony.Problem {
	t.Helper()
	var invalid *symphony.ValidationError
	if !errors.As(err, &invalid) || !errors.Is(err, symphony.ErrInvalid) {
		t.Fatalf("error = %v, want a *ValidationError", err)
	}
	return invalid.Problems
}

// handlerFunc saves the tests from writing out the signature.
func handlerFunc(f func(ctx context.Context, d *symphony.Delivery) error) symphony.Handler {
	return symphony.HandlerFunc(f)
}

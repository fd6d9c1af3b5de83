package client_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/client"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/transport/sqlite"
	"github.com/symphony-messenger/symphony/transport/transporttest"
)

// patience bounds how long a test waits for what must happen soon.
const patience = 30 * time.Second

// pull runs a pull worker until what is to be has come to be, or patience ends.
func pull(t *testing.T, c *client.Client, o client.PullOptions, handle func(context.Context, *wire.Pulled) error, done func() bool) {
	t.Helper()
	o.Logger = slog.New(slog.DiscardHandler)
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	var running sync.WaitGroup
	running.Go(func() {
		if err := c.Pull(ctx, o, handle); err != nil {
			t.Errorf("pull: %v", err)
		}
	})
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() && ctx.Err() == nil {
		<-tick.C
	}
	if ctx.Err() != nil {
		t.Error("it did not come to be")
	}
	stop()
	running.Wait()
}

func stats(t *testing.T, tr *sqlite.Transport) symphony.Stats {
	t.Helper()
	s, err := tr.Stats(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func dispatch(t *testing.T, c *client.Client, n int) {
	t.Helper()
	for range n {
		if _, err := c.Dispatch(t.Context(), request(`{}`)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPullHandlesConcurrentlyAndAcks(t *testing.T) {
	c, tr := newServer(t)
	dispatch(t, c, 50)
	var now, most atomic.Int64
	pull(t, c, client.PullOptions{Concurrency: 4}, func(context.Context, *wire.Pulled) error {
		n := now.Add(1)
		defer now.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		return nil
	}, func() bool { return stats(t, tr).Completed == 50 })
	if most.Load() > 4 {
		t.Errorf("%d handlers at once, want at most 4", most.Load())
	}
}

func TestPullTellsWhyAMessageFailed(t *testing.T) {
	c, tr := newServer(t)
	dispatch(t, c, 2)
	var calls atomic.Int64
	pull(t, c, client.PullOptions{Concurrency: 1}, func(context.Context, *wire.Pulled) error {
		switch calls.Add(1) {
		case 1:
			return symphony.RetryAfter(errors.New("busy"), time.Millisecond)
		case 2:
			panic("boom")
		}
		return symphony.Permanent(errors.New("no such address"))
	}, func() bool { return stats(t, tr).Failed >= 1 })
	page, err := transporttest.ListFailed(t.Context(), tr, symphony.MessageQuery{Limit: 10})
	if err != nil || len(page.Messages) == 0 || page.Messages[0].Error != "no such address" {
		t.Fatalf("failed messages %+v, %v", page.Messages, err)
	}
}

func TestPullLeavesOutputsAndTellsProgress(t *testing.T) {
	c, tr := newServer(t)
	if err := client.SetOutput(t.Context(), 1); err == nil {
		t.Error("outside of a handler an output is set")
	}
	ids := make(map[string]string) // by payload
	for _, payload := range []string{`{"n":1}`, `{"n":2}`, `{"n":3}`, `{"n":4}`} {
		d, err := c.Dispatch(t.Context(), request(payload))
		if err != nil {
			t.Fatal(err)
		}
		ids[payload] = d.MessageID
	}
	pull(t, c, client.PullOptions{}, func(ctx context.Context, m *wire.Pulled) error {
		switch string(m.Payload) {
		case `{"n":1}`:
			if err := client.SetOutput(ctx, make(chan int)); err == nil {
				t.Error("what is no JSON is set")
			}
			if err := client.Progress(ctx, 1, 2, "half"); err != nil {
				t.Error(err)
			}
			return client.SetOutput(ctx, map[string]int{"rows": 7})
		case `{"n":4}`:
			return client.SetOutput(ctx, strings.Repeat("x", 3<<20))
		case `{"n":2}`:
			return client.SetOutput(ctx, strings.Repeat("x", symphony.DefaultMaxOutputBytes))
		}
		if err := client.Log(ctx, "a line", "another"); err != nil {
			t.Error(err)
		}
		return symphony.Permanent(errors.New("boom"))
	}, func() bool { s := stats(t, tr); return s.Completed == 3 && s.Failed == 1 })
	show := func(payload string) wire.WholeMessage {
		m, err := c.Message(t.Context(), "", ids[payload])
		if err != nil {
			t.Fatal(err)
		}
		return m.Message
	}
	one, two, three := show(`{"n":1}`), show(`{"n":2}`), show(`{"n":3}`)
	if p := one.Progress; string(one.Output) != `{"rows":7}` || p == nil || p.Done != 1 || p.Text != "half" {
		t.Errorf("the first left %s, told %+v", one.Output, one.Progress)
	}
	for _, m := range []wire.WholeMessage{two, show(`{"n":4}`)} {
		if m.Output != nil || m.Status != "completed" || len(m.Attempts) != 0 {
			t.Errorf("one with too much is %s with %d bytes, %d attempts failed", m.Status, len(m.Output),
				len(m.Attempts))
		}
	}
	if n := len(three.Attempts); n != 1 || !slices.Equal(three.Attempts[0].Log, []string{"a line", "another"}) {
		t.Errorf("the one that failed has the attempts %+v", three.Attempts)
	}
}

func TestPullKeepsLongMessagesAlive(t *testing.T) {
	c, tr := newServer(t)
	dispatch(t, c, 1)
	pull(t, c, client.PullOptions{Lease: symphony.MinLease}, func(ctx context.Context, m *wire.Pulled) error {
		work := time.NewTimer(5 * symphony.MinLease / 2)
		select {
		case <-work.C:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}, func() bool { return stats(t, tr).Completed == 1 })
}

func TestPullDropsAMessageWhoseLeaseIsLost(t *testing.T) {
	c, tr := newServer(t)
	dispatch(t, c, 1)
	lost := make(chan error, 1)
	pull(t, c, client.PullOptions{Lease: symphony.MinLease}, func(ctx context.Context, m *wire.Pulled) error {
		// Somebody settles it behind the worker's back.
		if _, err := c.Ack(ctx, wire.AckRequest{Receipts: []string{m.Receipt}}); err != nil {
			t.Error(err)
		}
		<-ctx.Done()
		lost <- context.Cause(ctx)
		return context.Cause(ctx)
	}, func() bool { return len(lost) == 1 })
	if err := <-lost; !errors.Is(err, symphony.ErrLeaseLost) {
		t.Errorf("the context ended with %v, want ErrLeaseLost", err)
	}
	if s := stats(t, tr); s.Completed != 1 || s.Failed != 0 || s.Pending != 0 {
		t.Errorf("stats %+v, want it completed", s)
	}
}

func TestPullFinishesWhatIsInHandAndGivesBackWhatTakesTooLong(t *testing.T) {
	for name, grace := range map[string]time.Duration{"in time": patience, "too long": time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			c, tr := newServer(t)
			dispatch(t, c, 1)
			started, finish := make(chan struct{}), make(chan struct{})
			ctx, stop := context.WithCancel(t.Context())
			var running sync.WaitGroup
			running.Go(func() {
				err := c.Pull(ctx, client.PullOptions{Grace: grace, Logger: slog.New(slog.DiscardHandler)}, func(ctx context.Context, _ *wire.Pulled) error {
					close(started)
					select {
					case <-finish:
						return nil
					case <-ctx.Done():
						return context.Cause(ctx)
					}
				})
				if err != nil {
					t.Error(err)
				}
			})
			<-started
			stop()
			if name == "in time" {
				close(finish)
			}
			running.Wait()
			s := stats(t, tr)
			if name == "in time" && s.Completed != 1 || name == "too long" && (s.Pending != 1 || s.Processing != 0) {
				t.Errorf("stats %+v", s)
			}
		})
	}
}

// away is a transport of requests that fail while the server is away.
type away struct {
	http.RoundTripper
	gone  atomic.Bool
	tries atomic.Int64
}

func (a *away) RoundTrip(r *http.Request) (*http.Response, error) {
	if a.gone.Load() {
		a.tries.Add(1)
		return nil, errors.New("connection refused")
	}
	return a.RoundTripper.RoundTrip(r)
}

func TestPullWaitsForAServerThatIsAway(t *testing.T) {
	link := &away{RoundTripper: http.DefaultTransport}
	link.gone.Store(true)
	direct, tr := newServer(t)
	dispatch(t, direct, 3)
	c, err := client.New(direct.URL(), "", client.Options{HTTPClient: &http.Client{Transport: link}})
	if err != nil {
		t.Fatal(err)
	}
	pull(t, c, client.PullOptions{}, func(context.Context, *wire.Pulled) error { return nil }, func() bool {
		if link.tries.Load() == 2 {
			link.gone.Store(false)
		}
		return stats(t, tr).Completed == 3
	})
}

func TestPullReturnsWhatNoWaitWillMend(t *testing.T) {
	c, _ := newServer(t)
	err := c.Pull(t.Context(), client.PullOptions{Transport: "nope"}, func(context.Context, *wire.Pulled) error { return nil })
	if !client.IsCode(err, "validation_failed") {
		t.Errorf("got %v, want the server's refusal", err)
	}
}

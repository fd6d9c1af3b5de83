package postgres_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/internal/pgtest"
	"github.com/symphony-messenger/symphony/transport/postgres"
)

// ledger sees what several processes have in hand, and complains where that is more than a limit allows. What a process
// has in hand counts from after its claim until before it is settled or its lease is over, so it never sees more than
// there is.
type ledger struct {
	*testing.T
	mu     sync.Mutex
	hand   map[string][]*symphony.Delivery // by limit
	most   map[string]int
	starts []time.Time // of the paced type, on the server's clock
	done   map[string]int
}

func (l *ledger) take(d *symphony.Delivery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range limitedNames(d) {
		l.hand[name] = append(l.hand[name], d)
		n := 0
		for _, other := range l.hand[name] { // both times are the server's
			if other.LeasedUntil.After(d.ClaimedAt) {
				n++
			}
		}
		if n > l.most[name] {
			l.Errorf("%d of %s in hand, want at most %d", n, name, l.most[name])
		}
	}
	if d.Type == "Paced" {
		l.starts = append(l.starts, d.ClaimedAt)
	}
}

func (l *ledger) give(d *symphony.Delivery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range limitedNames(d) {
		l.hand[name] = slices.DeleteFunc(l.hand[name], func(other *symphony.Delivery) bool { return other == d })
	}
}

func (l *ledger) finish(d *symphony.Delivery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done[d.ID]++
}

// limitedNames are the limits that a delivery counts for.
func limitedNames(d *symphony.Delivery) []string {
	var names []string
	if d.Type == "Three" {
		names = append(names, "Three")
	}
	if d.Flow != nil && d.Flow.ConcurrencyKey != "" {
		names = append(names, "key "+d.Flow.ConcurrencyKey)
	}
	if d.Flow != nil && d.Flow.Ordered {
		names = append(names, "group "+d.Flow.GroupKey)
	}
	return names
}

// Several processes hammer the same limits. Whatever the interleaving, and while connections are cut at any moment, no
// limit is exceeded, nothing is lost, nothing gets stuck, and in the end nobody holds a place.
func TestLimitsHoldAcrossProcesses(t *testing.T) {
	t.Parallel()
	for _, cuts := range []bool{false, true} {
		t.Run(fmt.Sprintf("cuts %t", cuts), func(t *testing.T) {
			t.Parallel()
			url := pgtest.URL(t)
			proxy := pgtest.NewProxy(t, url)
			limits, err := flow.NewLimits(flow.LimitOptions{Types: map[string]flow.TypeLimit{
				"Three": {Limit: flow.Limit{Concurrency: 3}},
				"Paced": {Limit: flow.Limit{Rate: flow.Rate{Count: 50, Per: time.Second, Burst: 1}}},
			}})
			if err != nil {
				t.Fatal(err)
			}
			const processes = 4
			var nodes []*postgres.Transport
			for range processes {
				tr, err := postgres.Open(t.Context(), proxy.URL(url), postgres.Options{Limits: limits, Logger: slog.New(slog.DiscardHandler)})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { tr.Close() })
				nodes = append(nodes, tr)
			}
			l := &ledger{T: t, hand: make(map[string][]*symphony.Delivery), done: make(map[string]int),
				most: map[string]int{"Three": 3, "key a": 1, "key b": 1, "group x": 1, "group y": 1}}
			sent := sendMixture(t, nodes[0], 400)
			ctx, stop := context.WithTimeout(t.Context(), 2*patience)
			defer stop()
			var workers sync.WaitGroup
			for _, tr := range nodes {
				for range 3 {
					workers.Go(func() { l.work(ctx, tr, stop) })
				}
			}
			if cuts {
				workers.Go(func() {
					for range 15 {
						pause := time.NewTimer(time.Duration(rand.IntN(200)) * time.Millisecond)
						select {
						case <-pause.C:
						case <-ctx.Done():
							return
						}
						proxy.Reset()
					}
				})
			}
			workers.Wait()
			l.mu.Lock()
			defer l.mu.Unlock()
			for _, id := range sent {
				if l.done[id] == 0 {
					t.Errorf("message %s was not handled", id)
				}
			}
			for i, at := range l.starts {
				n := 0
				for _, other := range l.starts {
					if d := other.Sub(at); d >= 0 && d < time.Second {
						n++
					}
				}
				if n > 50 {
					t.Fatalf("%d were started within a second of the %d.", n, i+1)
				}
			}
			if n := count(t, url, "SELECT count(*) FROM symphony.messenger_parked"); n != 0 {
				t.Errorf("%d messages wait before gates", n)
			}
			if n := count(t, url, "SELECT count(*) FROM symphony.messenger_gates WHERE used <> 0 OR parked <> 0"); n != 0 {
				t.Errorf("%d gates are not empty", n)
			}
			stats, err := nodes[0].Stats(t.Context())
			if err != nil || stats.Depth() != 0 {
				t.Errorf("stats %+v, %v: want nothing left", stats, err)
			}
		})
	}
}

func count(t *testing.T, url, sql string) (n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	if err := conn.QueryRow(t.Context(), sql).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func sendMixture(t *testing.T, tr *postgres.Transport, n int) (ids []string) {
	t.Helper()
	bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		var o symphony.DispatchOptions
		typ := "Plain"
		switch i % 6 {
		case 0:
			typ = "Three"
		case 1:
			typ = "Paced"
		case 2:
			o.ConcurrencyKey = []string{"a", "b"}[rand.IntN(2)]
		case 3:
			o.GroupKey, o.Ordered = []string{"x", "y"}[rand.IntN(2)], true
		case 4:
			o.GroupKey, o.Delay = "fair", time.Duration(rand.IntN(500))*time.Millisecond
		}
		r, err := bus.Dispatch(t.Context(), typ, json.RawMessage(`{}`), o)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, r.ID)
	}
	return ids
}

// work receives and settles until all messages are done. A result that could not be told is dropped: the lease runs out.
func (l *ledger) work(ctx context.Context, tr *postgres.Transport, stop func()) {
	for ctx.Err() == nil {
		got, err := tr.Receive(ctx, symphony.ReceiveOptions{Max: 5, MaxLost: 5, Wait: 200 * time.Millisecond, Lease: symphony.MinLease})
		if err != nil {
			continue
		}
		for i := range got {
			l.take(&got[i])
		}
		work := time.NewTimer(time.Duration(rand.IntN(5)) * time.Millisecond)
		<-work.C
		for i := range got {
			d := &got[i]
			st := symphony.Settlement{Lease: d.Lease, Outcome: symphony.Ack}
			if n := rand.IntN(10); n == 0 {
				st.Outcome, st.Delay, st.Error = symphony.Retry, 10*time.Millisecond, "again"
			} else if n == 1 {
				st.Outcome = symphony.Release
			}
			l.give(d)
			errs := tr.Settle(ctx, []symphony.Settlement{st})
			// What is not known to have failed may have succeeded: the connection broke before the answer came.
			if st.Outcome == symphony.Ack && (errs == nil || !errors.Is(errs[0], symphony.ErrLeaseLost)) {
				l.finish(d)
			}
		}
		if s, err := tr.Stats(ctx); err == nil && s.Depth() == 0 {
			stop()
		}
	}
}

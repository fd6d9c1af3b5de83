package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/transport/sqlite"
	"github.com/symphony-messenger/symphony/worker"
)

const (
	messageType = "noop"
	// deepQueue holds the messages that wait in deep cases. The scheduled ones stand in the queue that is measured.
	deepQueue = "deep"
	// claimSize is how many messages a claim of the claim case takes.
	claimSize = 100
	// The worker's tuned settings, beside handlers without a timeout.
	tunedConcurrency = 4
	tunedBatch       = 2000
)

func symphonyPeer() Peer {
	return Peer{
		Name: "symphony-sqlite", Ours: true,
		Settings: "zombiezen.com/go/sqlite, WAL, synchronous=FULL, worker.Options{}; tuned: Concurrency 4, BatchSize 2000, no handler timeout; a batch is one DispatchBatch of 1,000; keeps completed messages for 24 h",
		Cases:    slices.Concat(queueCases(openSQLiteQueue, nil), symphonyCases(openSQLiteQueue), symphonyHTTPCases("")),
	}
}

type symphonyQueue struct {
	tr    symphony.Transport
	bus   *symphony.Bus
	tuned bool
}

func openSQLiteQueue(ctx context.Context, place string, tuned bool) (Queue, error) {
	tr, err := sqlite.Open(ctx, filepath.Join(place, "symphony.db"), sqlite.Options{})
	if err != nil {
		return nil, err
	}
	return newSymphonyQueue(tr, tuned)
}

func newSymphonyQueue(tr symphony.Transport, tuned bool) (*symphonyQueue, error) {
	bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{})
	if err != nil {
		return nil, errors.Join(err, tr.Close())
	}
	return &symphonyQueue{tr, bus, tuned}, nil
}

func (s *symphonyQueue) Enqueue(ctx context.Context, seq int) error {
	_, err := s.bus.Dispatch(ctx, messageType, newPayload(seq), symphony.DispatchOptions{})
	return err
}

func (s *symphonyQueue) EnqueueBatch(ctx context.Context, first, n int) error {
	return s.dispatch(ctx, first, n, symphony.DispatchOptions{})
}

func (s *symphonyQueue) dispatch(ctx context.Context, first, n int, o symphony.DispatchOptions) error {
	batch := make([]symphony.Outgoing, n)
	for i := range batch {
		m, err := symphony.NewMessage(messageType, newPayload(first+i))
		if err != nil {
			return err
		}
		batch[i] = symphony.Outgoing{Message: m, Options: o}
	}
	_, err := s.bus.DispatchBatch(ctx, batch)
	return err
}

// Left leaves out what is scheduled for later: it is in the way of the deep cases and not their work.
func (s *symphonyQueue) Left(ctx context.Context) (int, error) {
	stats, err := s.tr.Stats(ctx)
	if err != nil {
		return 0, err
	}
	q := stats.Queues[symphony.DefaultQueue]
	return int(q.Depth() - q.Scheduled), nil
}

func (s *symphonyQueue) Work(ctx context.Context, handled func(seq int)) error {
	mux := symphony.NewMux()
	symphony.Handle(mux, messageType, func(_ context.Context, p payload) error {
		handled(p.Seq)
		return nil
	})
	o := worker.Options{Queues: []string{symphony.DefaultQueue}}
	if s.tuned {
		o.Concurrency, o.BatchSize, o.HandlerTimeout = tunedConcurrency, tunedBatch, worker.NoTimeout
	}
	w, err := worker.New(s.tr, mux, o)
	if err != nil {
		return err
	}
	go func() {
		if _, err := w.Run(ctx); err != nil {
			fmt.Fprintln(os.Stderr, "worker:", err)
		}
	}()
	return nil
}

func (s *symphonyQueue) Close() error { return s.tr.Close() }

// symphonyCases are those that only ours has, and the deep variants.
func symphonyCases(openQueue OpenQueue) []Case {
	deep := Fixture{Name: "deep", Make: func(ctx context.Context, e *Env) error { return loadDeep(ctx, openQueue, e) }}
	// As many queues as in a deep database, with next to nothing in them.
	shallow := Fixture{Name: "shallow", Make: func(ctx context.Context, e *Env) error {
		e.Depth = 1
		return loadDeep(ctx, openQueue, e)
	}}
	open := func(measure func(ctx context.Context, s *symphonyQueue, e *Env) (Result, error)) func(context.Context, *Env) (Result, error) {
		return func(ctx context.Context, e *Env) (Result, error) {
			q, err := openQueue(ctx, e.place(), true)
			if err != nil {
				return Result{}, err
			}
			return measure(ctx, q.(*symphonyQueue), e)
		}
	}
	status := func(ctx context.Context, s *symphonyQueue, e *Env) (Result, error) {
		return calls(ctx, e.Duration, func(ctx context.Context) error {
			_, err := s.tr.Stats(ctx)
			return err
		})
	}
	cases := []Case{
		{Name: "claim", Fixture: shallow, Measure: open(claim)},
		{Name: "status", Fixture: shallow, Measure: open(status)},
	}
	for _, c := range queueCases(openQueue, nil) {
		if c.Name == "enqueue16" || c.Name == "drain-default" {
			c.Name, c.Fixture = deepPrefix+c.Name, deep
			cases = append(cases, c)
		}
	}
	return append(cases,
		Case{Name: deepPrefix + "claim", Fixture: deep, Measure: open(claim)},
		Case{Name: deepPrefix + "status", Fixture: deep, Measure: open(status)},
	)
}

// loadDeep makes a database with e.N messages to work on, e.Depth waiting in another queue and e.Depth scheduled for
// next year; on PostgreSQL a tenth of that scheduled, and e.Depth retained.
func loadDeep(ctx context.Context, openQueue OpenQueue, e *Env) error {
	q, err := openQueue(ctx, e.place(), false)
	if err != nil {
		return err
	}
	s := q.(*symphonyQueue)
	nextYear := time.Now().AddDate(1, 0, 0)
	scheduled := e.Depth
	if e.Postgres != "" {
		scheduled /= 10
	}
	for _, part := range []struct {
		n int
		o symphony.DispatchOptions
	}{
		{e.Depth, symphony.DispatchOptions{Queue: deepQueue}},
		{scheduled, symphony.DispatchOptions{ScheduledAt: nextYear}},
		{e.N, symphony.DispatchOptions{}},
	} {
		for first := 0; first < part.n; first += symphony.MaxBatch {
			if err := s.dispatch(ctx, first, min(symphony.MaxBatch, part.n-first), part.o); err != nil {
				return fmt.Errorf("load message %d: %w", first, err)
			}
		}
	}
	if e.Postgres != "" {
		if err := retain(ctx, e.Postgres, e.Depth); err != nil {
			return fmt.Errorf("load completed messages: %w", err)
		}
	}
	return s.Close()
}

// claim receives and acks messages in batches of claimSize, without handlers, and times the receiving.
func claim(ctx context.Context, s *symphonyQueue, e *Env) (Result, error) {
	var took []time.Duration
	n := 0
	start := time.Now()
	for n < e.N && time.Since(start) < e.Duration {
		t := time.Now()
		got, err := s.tr.Receive(ctx, symphony.ReceiveOptions{Queues: []string{symphony.DefaultQueue}, Max: claimSize})
		took = append(took, time.Since(t))
		if err != nil {
			return Result{}, err
		}
		if len(got) == 0 {
			return Result{}, fmt.Errorf("nothing to claim after %d of %d messages", n, e.N)
		}
		acks := make([]symphony.Settlement, len(got))
		for i, d := range got {
			acks[i] = symphony.Settlement{Lease: d.Lease, Outcome: symphony.Ack, StartedAt: d.ClaimedAt, FinishedAt: time.Now()}
		}
		if err := errors.Join(s.tr.Settle(ctx, acks)...); err != nil {
			return Result{}, err
		}
		n += len(got)
	}
	elapsed := time.Since(start)
	return Result{N: n, Secs: elapsed.Seconds(), Rate: float64(n) / elapsed.Seconds(), Call: quantiles(took)}, nil
}

package main

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
)

// riverMaxWorkers is what River's documentation starts with, riverTunedMaxWorkers what its own benchmark uses.
const (
	riverMaxWorkers      = 100
	riverTunedMaxWorkers = 2000
)

func riverPeer(s synchronous) Peer {
	open := func(ctx context.Context, dir string, tuned bool) (Queue, error) {
		db, err := openSQLite(ctx, dir, s)
		if err != nil {
			return nil, err
		}
		migrator, err := rivermigrate.New(riversqlite.New(db), &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			return nil, err
		}
		if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
			return nil, fmt.Errorf("migrate: %w", err)
		}
		client, err := river.NewClient(riversqlite.New(db), &river.Config{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			return nil, err
		}
		return &riverQueue{db: db, client: client, tuned: tuned}, nil
	}
	return Peer{
		Name: s.named("river-sqlite"), Relaxed: s != full,
		Settings: s.settings() + ", MaxWorkers 100; tuned: MaxWorkers 2000, FetchCooldown 2 ms, FetchPollInterval 20 ms, as in River's own benchmark; a batch is one InsertManyFast; keeps completed jobs for 24 h",
		Cases:    queueCases(open, map[string]int{"drain-default": 5000, "drain-tuned": 20_000}),
	}
}

type riverArgs struct{ payload }

func (riverArgs) Kind() string { return "noop" }

type riverWorker struct {
	river.WorkerDefaults[riverArgs]
	handled func(seq int)
}

func (w *riverWorker) Work(_ context.Context, job *river.Job[riverArgs]) error {
	w.handled(job.Args.Seq)
	return nil
}

type riverQueue struct {
	db     *sql.DB
	client *river.Client[*sql.Tx] // inserts only
	tuned  bool
}

func (r *riverQueue) Enqueue(ctx context.Context, seq int) error {
	_, err := r.client.Insert(ctx, riverArgs{newPayload(seq)}, nil)
	return err
}

func (r *riverQueue) EnqueueBatch(ctx context.Context, first, n int) error {
	params := make([]river.InsertManyParams, n)
	for i := range params {
		params[i].Args = riverArgs{newPayload(first + i)}
	}
	_, err := r.client.InsertManyFast(ctx, params)
	return err
}

func (r *riverQueue) Work(ctx context.Context, handled func(seq int)) error {
	workers := river.NewWorkers()
	river.AddWorker(workers, &riverWorker{handled: handled})
	c := &river.Config{
		Logger: slog.New(slog.DiscardHandler), Workers: workers,
		Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: riverMaxWorkers}},
	}
	if r.tuned {
		c.FetchCooldown, c.FetchPollInterval = 2*time.Millisecond, 20*time.Millisecond
		c.Queues[river.QueueDefault] = river.QueueConfig{MaxWorkers: riverTunedMaxWorkers}
	}
	client, err := river.NewClient(riversqlite.New(r.db), c)
	if err != nil {
		return err
	}
	return client.Start(ctx)
}

func (r *riverQueue) Left(ctx context.Context) (int, error) {
	return count(ctx, r.db, "SELECT count(*) FROM river_job WHERE state<>'completed'")
}

func (r *riverQueue) Close() error { return r.db.Close() }

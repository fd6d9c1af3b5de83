package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
)

// riverMaxWorkers is what River's documentation starts with, riverTunedMaxWorkers what its own benchmark uses.
const (
	riverMaxWorkers      = 100
	riverTunedMaxWorkers = 2000
)

func riverPeer(s synchronous) Peer {
	open := func(ctx context.Context, place string, tuned bool) (Queue, error) {
		db, err := openSQLite(ctx, place, s)
		if err != nil {
			return nil, err
		}
		left := func(ctx context.Context) (int, error) {
			return count(ctx, db, "SELECT count(*) FROM river_job WHERE state<>'completed'")
		}
		return openRiver(ctx, riversqlite.New(db), tuned, left, db.Close)
	}
	return Peer{
		Name: s.named("river-sqlite"), Relaxed: s != full,
		Settings: s.settings() + ", " + riverSettings,
		Cases:    queueCases(open, map[string]int{"drain-default": 5000, "drain-tuned": 20_000, "both": 20_000}),
	}
}

const riverSettings = "MaxWorkers 100; tuned: MaxWorkers 2000, FetchCooldown 2 ms, FetchPollInterval 20 ms, as in River's own benchmark; a batch is one InsertManyFast; keeps completed jobs for 24 h"

// riverPostgresPeer is River with its own driver for PostgreSQL.
func riverPostgresPeer() Peer {
	return Peer{
		Name: "river", Postgres: true,
		Settings: "riverpgxv5, a pool of 40 connections, " + riverSettings,
		Cases:    slices.Concat(queueCases(openRiverPostgres, map[string]int{"drain-default": 20_000}), scaleCases("river", openRiverPostgres)),
	}
}

// riverPoolSize is enough for 16 producers and the worker's own connections.
const riverPoolSize = 40

func openRiverPostgres(ctx context.Context, place string, tuned bool) (Queue, error) {
	config, err := pgxpool.ParseConfig(place)
	if err != nil {
		return nil, err
	}
	config.MaxConns = riverPoolSize
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	left := func(ctx context.Context) (n int, err error) {
		err = pool.QueryRow(ctx, "SELECT count(*) FROM river_job WHERE state <> 'completed'").Scan(&n)
		return n, err
	}
	return openRiver(ctx, riverpgxv5.New(pool), tuned, left, func() error {
		pool.Close()
		return nil
	})
}

func openRiver[T any](ctx context.Context, driver riverdriver.Driver[T], tuned bool, left func(context.Context) (int, error), end func() error) (Queue, error) {
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	client, err := river.NewClient(driver, &river.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	return &riverQueue[T]{driver: driver, client: client, tuned: tuned, left: left, end: end}, nil
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

type riverQueue[T any] struct {
	driver riverdriver.Driver[T]
	client *river.Client[T] // inserts only
	tuned  bool
	left   func(context.Context) (int, error)
	end    func() error
}

func (r *riverQueue[T]) Enqueue(ctx context.Context, seq int) error {
	_, err := r.client.Insert(ctx, riverArgs{newPayload(seq)}, nil)
	return err
}

func (r *riverQueue[T]) EnqueueBatch(ctx context.Context, first, n int) error {
	params := make([]river.InsertManyParams, n)
	for i := range params {
		params[i].Args = riverArgs{newPayload(first + i)}
	}
	_, err := r.client.InsertManyFast(ctx, params)
	return err
}

func (r *riverQueue[T]) Work(ctx context.Context, handled func(seq int)) error {
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
	client, err := river.NewClient(r.driver, c)
	if err != nil {
		return err
	}
	return client.Start(ctx)
}

func (r *riverQueue[T]) Left(ctx context.Context) (int, error) { return r.left(ctx) }
func (r *riverQueue[T]) Close() error                          { return r.end() }

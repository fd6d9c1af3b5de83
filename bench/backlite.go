package main

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/mikestefanello/backlite"
)

// backlite has no default number of workers; its own example has 10.
const (
	backliteWorkers      = 10
	backliteTunedWorkers = 100
)

func backlitePeer(s synchronous) Peer {
	open := func(ctx context.Context, dir string, tuned bool) (Queue, error) {
		db, err := openSQLite(ctx, dir, s)
		if err != nil {
			return nil, err
		}
		b := &backliteQueue{db: db}
		workers := backliteWorkers
		if tuned {
			workers = backliteTunedWorkers
		}
		b.client, err = backlite.NewClient(backlite.ClientConfig{DB: db, NumWorkers: workers, ReleaseAfter: time.Minute})
		if err != nil {
			return nil, err
		}
		b.client.Register(backlite.NewQueue(func(_ context.Context, t backliteTask) error {
			b.handled(t.Seq)
			return nil
		}))
		return b, b.client.Install()
	}
	return Peer{
		Name: s.named("backlite"), Relaxed: s != full,
		Settings: s.settings() + ", NumWorkers 10; tuned: NumWorkers 100; a batch is one Add of 1,000 tasks; deletes when done",
		Cases:    queueCases(open, map[string]int{"drain-default": 500, "drain-tuned": 10_000}),
	}
}

type backliteTask struct{ payload }

func (backliteTask) Config() backlite.QueueConfig {
	return backlite.QueueConfig{Name: "noop", MaxAttempts: 3, Timeout: 5 * time.Second, Backoff: time.Second}
}

type backliteQueue struct {
	db      *sql.DB
	client  *backlite.Client
	handled func(seq int)
}

func (b *backliteQueue) Enqueue(ctx context.Context, seq int) error {
	_, err := b.client.Add(backliteTask{newPayload(seq)}).Ctx(ctx).Save()
	return err
}

func (b *backliteQueue) EnqueueBatch(ctx context.Context, first, n int) error {
	tasks := make([]backlite.Task, n)
	for i := range tasks {
		tasks[i] = backliteTask{newPayload(first + i)}
	}
	_, err := b.client.Add(tasks...).Ctx(ctx).Save()
	return err
}

func (b *backliteQueue) Work(ctx context.Context, handled func(seq int)) error {
	if b.handled != nil {
		return errors.New("one worker only")
	}
	b.handled = handled
	b.client.Start(ctx)
	return nil
}

func (b *backliteQueue) Left(ctx context.Context) (int, error) {
	return count(ctx, b.db, "SELECT count(*) FROM backlite_tasks")
}

func (b *backliteQueue) Close() error { return b.db.Close() }

package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"maragu.dev/goqite"
	"maragu.dev/goqite/jobs"
)

const goqiteJob = "noop"

func goqitePeer(s synchronous) Peer {
	open := func(ctx context.Context, dir string, tuned bool) (Queue, error) {
		db, err := openSQLite(ctx, dir, s)
		if err != nil {
			return nil, err
		}
		if err := goqiteSchema(ctx, db); err != nil {
			return nil, err
		}
		return &goqiteQueue{db: db, q: goqite.New(goqite.NewOpts{DB: db, Name: "jobs", Timeout: time.Minute}), tuned: tuned}, nil
	}
	return Peer{
		Name: s.named("goqite"), Relaxed: s != full,
		Settings: s.settings() + ", jobs.Runner; tuned: Limit 100, PollInterval 1 ms, Extend 1 min; a batch is 1,000 sends in one transaction; deletes when done",
		Cases:    queueCases(open, map[string]int{"drain-default": 200, "drain-tuned": 10_000, "latency-default": 300}),
	}
}

type goqiteQueue struct {
	db    *sql.DB
	q     *goqite.Queue
	tuned bool
}

// goqiteSchema creates the table with the file that goqite has for it, which only its module has.
func goqiteSchema(ctx context.Context, db *sql.DB) error {
	n, err := count(ctx, db, "SELECT count(*) FROM sqlite_schema WHERE name='goqite'")
	if err != nil || n > 0 {
		return err
	}
	dir, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "maragu.dev/goqite").Output()
	if err != nil {
		return fmt.Errorf("find goqite's schema: %w", err)
	}
	schema, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "schema_sqlite.sql"))
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, string(schema))
	return err
}

func goqiteMessage(seq int) (goqite.Message, error) {
	body, err := json.Marshal(newPayload(seq))
	return goqite.Message{Body: body}, err
}

func (g *goqiteQueue) Enqueue(ctx context.Context, seq int) error {
	m, err := goqiteMessage(seq)
	if err != nil {
		return err
	}
	_, err = jobs.Create(ctx, g.q, goqiteJob, m)
	return err
}

func (g *goqiteQueue) EnqueueBatch(ctx context.Context, first, n int) error {
	tx, err := g.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	for seq := range n {
		m, err := goqiteMessage(first + seq)
		if err == nil {
			_, err = jobs.CreateTx(ctx, tx, g.q, goqiteJob, m)
		}
		if err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	return tx.Commit()
}

func (g *goqiteQueue) Work(ctx context.Context, handled func(seq int)) error {
	o := jobs.NewRunnerOpts{Queue: g.q}
	if g.tuned {
		o.Limit, o.PollInterval, o.Extend = 100, time.Millisecond, time.Minute
	}
	r := jobs.NewRunner(o)
	r.Register(goqiteJob, func(_ context.Context, m []byte) error {
		var p payload
		if err := json.Unmarshal(m, &p); err != nil {
			return err
		}
		handled(p.Seq)
		return nil
	})
	go r.Start(ctx)
	return nil
}

func (g *goqiteQueue) Left(ctx context.Context) (int, error) {
	return count(ctx, g.db, "SELECT count(*) FROM goqite")
}

func (g *goqiteQueue) Close() error { return g.db.Close() }

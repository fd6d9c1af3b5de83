package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// depths are the queue lengths at which the plot's throughput is measured.
var depths = []int{1000, 10_000, 100_000, 1_000_000}

func depthCase(n int) string { return fmt.Sprintf("depth-%d", n) }

// workerProcess is the case of one worker process of workers-N. It is not listed.
const workerProcess = "worker-process"

// snapshotPrefix marks the variant of a case that runs while an old snapshot is held open.
const snapshotPrefix = "snapshot-"

// scaleCases are the cases about many processes, long queues and old snapshots of a peer on PostgreSQL.
func scaleCases(peer string, open OpenQueue) []Case {
	empty := Fixture{Name: "empty", Make: func(ctx context.Context, e *Env) error { return load(ctx, open, e.place(), 0) }}
	loaded := Fixture{Name: "loaded", Make: func(ctx context.Context, e *Env) error { return load(ctx, open, e.place(), e.N) }}
	tuned := func(measure func(ctx context.Context, q Queue, e *Env) (Result, error)) func(context.Context, *Env) (Result, error) {
		return func(ctx context.Context, e *Env) (Result, error) {
			q, err := open(ctx, e.place(), true)
			if err != nil {
				return Result{}, err
			}
			return measure(ctx, q, e)
		}
	}
	var cases []Case
	for _, n := range []int{1, 2, 4} {
		cases = append(cases, Case{Name: fmt.Sprintf("workers-%d", n), Fixture: loaded, Measure: tuned(func(ctx context.Context, q Queue, e *Env) (Result, error) {
			return workers(ctx, peer, q, e, n)
		})})
	}
	for _, n := range depths {
		cases = append(cases, Case{
			Name:    depthCase(n),
			Fixture: Fixture{Name: depthCase(n), Make: func(ctx context.Context, e *Env) error { return load(ctx, open, e.place(), n) }},
			Measure: tuned(atDepth),
		})
	}
	return append(cases,
		Case{Name: snapshotPrefix + "both", Fixture: empty, Measure: tuned(func(ctx context.Context, q Queue, e *Env) (Result, error) {
			end, err := holdSnapshot(ctx, e.Postgres)
			if err != nil {
				return Result{}, err
			}
			r, err := both(ctx, q, e)
			return r, errors.Join(err, end())
		})},
		Case{Name: workerProcess, Fixture: loaded, Hidden: true, Measure: tuned(workUntilTold)},
	)
}

// holdSnapshot opens a transaction that sees the database as it is now, and keeps it open until end.
func holdSnapshot(ctx context.Context, url string) (end func() error, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, err
	}
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	if err != nil {
		return nil, err
	}
	var n int
	// The snapshot is taken by the first statement.
	if err := tx.QueryRow(ctx, "SELECT count(*) FROM pg_class").Scan(&n); err != nil {
		return nil, err
	}
	return func() error {
		// It must have been there until now.
		err := tx.QueryRow(ctx, "SELECT count(*) FROM pg_class").Scan(&n)
		return errors.Join(err, tx.Rollback(ctx), conn.Close(ctx))
	}, nil
}

// atDepth handles messages for a time while as many are sent, so that the queue stays as long as it was.
func atDepth(ctx context.Context, q Queue, e *Env) (Result, error) {
	const per = 500
	var handled atomic.Int64
	if err := q.Work(ctx, func(int) { handled.Add(1) }); err != nil {
		return Result{}, err
	}
	for handled.Load() == 0 && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	end, failure := make(chan struct{}), make(chan error, 1)
	go func() {
		for sent := int64(0); ; {
			select {
			case <-end:
				failure <- nil
				return
			default:
			}
			if sent >= handled.Load() {
				time.Sleep(time.Millisecond)
				continue
			}
			if err := q.EnqueueBatch(ctx, int(sent), per); err != nil {
				failure <- err
				return
			}
			sent += per
		}
	}()
	time.Sleep(settle / 2)
	from, start := handled.Load(), time.Now()
	time.Sleep(e.Duration)
	n, elapsed := handled.Load()-from, time.Since(start)
	close(end)
	return Result{N: int(n), Secs: elapsed.Seconds(), Rate: float64(n) / elapsed.Seconds()}, <-failure
}

// workers drains the e.N messages loaded before with some processes. The clock runs from the word to all of them until
// the store says that nothing is left.
func workers(ctx context.Context, peer string, q Queue, e *Env, n int) (Result, error) {
	self, err := os.Executable()
	if err != nil {
		return Result{}, err
	}
	child := job{Peer: peer, Case: workerProcess, Env: *e, Limit: jobLimit}
	child.Env.Profile = ""
	raw, err := json.Marshal(child)
	if err != nil {
		return Result{}, err
	}
	type process struct {
		*exec.Cmd
		in  io.WriteCloser
		out *bufio.Reader
	}
	processes := make([]process, n)
	for i := range processes {
		cmd := exec.CommandContext(ctx, self)
		cmd.Env = append(os.Environ(), jobVariable+"="+string(raw))
		cmd.Stderr = os.Stderr
		in, err := cmd.StdinPipe()
		if err != nil {
			return Result{}, err
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			return Result{}, err
		}
		if err := cmd.Start(); err != nil {
			return Result{}, err
		}
		processes[i] = process{cmd, in, bufio.NewReader(out)}
		if _, err := processes[i].out.ReadString('\n'); err != nil { // it is ready
			return Result{}, fmt.Errorf("worker process: %w", err)
		}
	}
	start := time.Now()
	for _, p := range processes {
		if _, err := io.WriteString(p.in, "go\n"); err != nil {
			return Result{}, err
		}
	}
	for left := e.N; left > 0; {
		if left, err = q.Left(ctx); err != nil {
			return Result{}, err
		}
		if left > 0 {
			time.Sleep(2 * time.Millisecond)
		}
	}
	elapsed := time.Since(start)
	r := Result{N: e.N, Secs: elapsed.Seconds(), Rate: float64(e.N) / elapsed.Seconds(), Errors: -e.N}
	for _, p := range processes {
		if err := p.in.Close(); err != nil {
			return Result{}, err
		}
		var one Result
		if err := json.NewDecoder(p.out).Decode(&one); err != nil {
			return Result{}, err
		}
		if err := p.Wait(); err != nil {
			return Result{}, err
		}
		r.Errors += one.N
		r.RSS = max(r.RSS, one.RSS)
		share := 100 * float64(one.N) / float64(e.N)
		r.Shares = append(r.Shares, share)
	}
	return r, nil
}

// workUntilTold is a worker process: it says that it is ready, works from the first line of its input on until that
// ends, and tells how many messages it has handled.
func workUntilTold(ctx context.Context, q Queue, _ *Env) (Result, error) {
	var handled atomic.Int64
	in := bufio.NewReader(os.Stdin)
	fmt.Println("ready")
	if _, err := in.ReadString('\n'); err != nil {
		return Result{}, err
	}
	if err := q.Work(ctx, func(int) { handled.Add(1) }); err != nil {
		return Result{}, err
	}
	if _, err := io.Copy(io.Discard, in); err != nil {
		return Result{}, err
	}
	return Result{N: int(handled.Load())}, nil
}

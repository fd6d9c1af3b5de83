package main

import (
	"cmp"
	"context"
	"fmt"
	"time"
)

// Peer is a product, with one set of settings, and its cases.
type Peer struct {
	Name string
	// Settings says what the figures were measured with; the report prints it.
	Settings string
	// Ours marks the figures that the ratios are about.
	Ours bool
	// Relaxed marks a peer that answers before the message is safe from a crash of the machine. It is shown but is
	// not the best peer, which the others are compared with.
	Relaxed bool
	// Postgres marks a peer whose databases are on the PostgreSQL server of the run.
	Postgres bool
	Cases    []Case
}

// Case is one measurement.
type Case struct {
	Name string
	// Fixture is what the case starts from. It is made once a run and copied for each repetition.
	Fixture Fixture
	// Limit is the most messages that the case loads or sends, for peers that would take minutes. 0 means -n.
	Limit int
	// Hidden cases are parts of others.
	Hidden bool
	// Binary says that the case needs Env.Symphony.
	Binary bool
	// Measure runs in a process of its own.
	Measure func(ctx context.Context, e *Env) (Result, error)
}

// Fixture fills a new folder, in a process of its own. A fixture without Make is an empty folder.
type Fixture struct {
	Name string
	Make func(ctx context.Context, e *Env) error
}

// Env is what a case is measured with.
type Env struct {
	Dir      string        // the case's own folder
	Postgres string        // URL of the case's own database, "" for peers that have files
	Duration time.Duration // length of timed cases
	N        int           // messages of a drain
	Depth    int           // messages waiting, and as many scheduled, in deep cases
	Symphony string        // the binary for HTTP cases
	Profiled string        // what serves in its place when there is a profile
	Profile  string        // where to write a CPU profile, "" for none
}

// Queue is what the common cases need of a product. Enqueue and EnqueueBatch are safe for concurrent use and return
// when the messages are stored.
type Queue interface {
	Enqueue(ctx context.Context, seq int) error
	// EnqueueBatch stores the messages first to first+n-1 in one call or transaction.
	EnqueueBatch(ctx context.Context, first, n int) error
	// Work starts a worker that decodes each message and calls handled, concurrently. It does not wait; the worker
	// ends with the process.
	Work(ctx context.Context, handled func(seq int)) error
	// Left counts the messages that are not finished.
	Left(ctx context.Context) (int, error)
	Close() error
}

// place is where the case's database is: a URL or a folder.
func (e *Env) place() string { return cmp.Or(e.Postgres, e.Dir) }

// OpenQueue opens a product's database, in a folder or at a URL, with its default worker or its tuned one, creating
// what it needs when there is nothing.
type OpenQueue func(ctx context.Context, place string, tuned bool) (Queue, error)

// peers are all products, in the order in which they take turns.
func peers() []Peer {
	return []Peer{
		symphonyPeer(),
		goqitePeer(full),
		backlitePeer(full),
		riverPeer(full),
		goqitePeer(normal),
		backlitePeer(normal),
		riverPeer(normal),
		symphonyPostgresPeer(),
		symphonyPostgresNonePeer(),
		riverPostgresPeer(),
		graphilePeer(),
		pgBossPeer(),
		rawPostgresPeer(),
		nethttpPeer(),
		quietPeer(),
	}
}

// queueCases are the cases that every queue has. limits are the messages of the cases that are too slow for -n.
func queueCases(open OpenQueue, limits map[string]int) []Case {
	empty := Fixture{Name: "empty", Make: func(ctx context.Context, e *Env) error { return load(ctx, open, e.place(), 0) }}
	loaded := Fixture{Name: "loaded", Make: func(ctx context.Context, e *Env) error { return load(ctx, open, e.place(), e.N) }}
	var cases []Case
	add := func(name string, f Fixture, measure func(ctx context.Context, q Queue, e *Env) (Result, error), tuned bool) {
		cases = append(cases, Case{Name: name, Fixture: f, Limit: limits[name], Measure: func(ctx context.Context, e *Env) (Result, error) {
			q, err := open(ctx, e.place(), tuned)
			if err != nil {
				return Result{}, err
			}
			r, err := measure(ctx, q, e)
			if err != nil {
				return Result{}, err
			}
			return r, nil // q stays open: its worker may be running, and the process ends now
		}})
	}
	for _, producers := range []int{1, 16, 64} {
		add(fmt.Sprintf("enqueue%d", producers), empty, func(ctx context.Context, q Queue, e *Env) (Result, error) {
			return enqueue(ctx, e.Duration, producers, 1, func(ctx context.Context, first int) error { return q.Enqueue(ctx, first) })
		}, false)
	}
	add("batch-1000", empty, func(ctx context.Context, q Queue, e *Env) (Result, error) {
		return enqueue(ctx, e.Duration, 1, 1000, func(ctx context.Context, first int) error { return q.EnqueueBatch(ctx, first, 1000) })
	}, false)
	add("drain-default", loaded, drain, false)
	add("drain-tuned", loaded, drain, true)
	add("latency-default", empty, latency, false)
	add("latency-tuned", empty, latency, true)
	add("idle-default", empty, idle, false)
	add("idle-tuned", empty, idle, true)
	add("both", empty, both, true)
	return cases
}

// load makes a database with n messages.
func load(ctx context.Context, open OpenQueue, place string, n int) error {
	q, err := open(ctx, place, false)
	if err != nil {
		return err
	}
	for first := 0; first < n; first += 1000 {
		if err := q.EnqueueBatch(ctx, first, min(1000, n-first)); err != nil {
			return fmt.Errorf("load message %d: %w", first, err)
		}
	}
	return q.Close()
}

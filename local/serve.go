// Package local lets the symphony commands work on a SQLite file that a Go program has open, as they do beside
// "symphony serve": status, failed, messages, schedules, pause, top and the others.
//
//	go func() { done <- local.Serve(ctx, db, bus, mux, local.Options{}) }()
//
// The program opens no port for that. The commands find a unix socket through the file's lock, and whoever may read the
// database may use it. On PostgreSQL nothing of the kind is needed: the commands open the database themselves.
package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/audit"
	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/httpapi"
	"github.com/symphony-messenger/symphony/metrics"
	"github.com/symphony-messenger/symphony/monitor"
	"github.com/symphony-messenger/symphony/operation"
	"github.com/symphony-messenger/symphony/redact"
	"github.com/symphony-messenger/symphony/scheduler"
	"github.com/symphony-messenger/symphony/storage"
	"github.com/symphony-messenger/symphony/transport/sqlite"
	"github.com/symphony-messenger/symphony/worker"
)

// Options are what a program has beyond its database, bus and handlers. All are optional.
type Options struct {
	// Scheduler works on schedules. Default: one that is made for the commands, and fires nothing by itself.
	Scheduler *scheduler.Scheduler
	// Metrics are what "symphony metrics" shows; they are counted only if the bus and the workers have them as
	// Observer. Nil: the command says that none are kept.
	Metrics *metrics.Recorder
	// Workers are the program's continuous workers, for "symphony workers", status and health. Without any, nothing is
	// known of them.
	Workers []*worker.Worker
	// Worker has the settings for runs of "symphony consume", by transport. Default: a worker's defaults.
	Worker func(transport string) worker.Options
	// Redact hides parts of what messages carry from whoever looks at them. Nil: nothing.
	Redact *redact.Rules
	// Logger reports what an operator must know. Default slog.Default().
	Logger *slog.Logger
	// Version is the program's, for those who ask.
	Version string
}

// closeGrace is how long requests in progress may take once ctx has ended.
const closeGrace = 5 * time.Second

// Serve serves the commands until ctx ends, and carries out what they start in the background meanwhile: bulk retry,
// delete and replay. mux has the program's handlers, for "symphony consume". It returns when nothing that it started is
// left, and does not close the database. Call it once for a database.
func Serve(ctx context.Context, db *sqlite.Transport, bus *symphony.Bus, mux *symphony.Mux, o Options) error {
	if db == nil || bus == nil || mux == nil {
		return errors.New("local: a database, a bus and a mux are required")
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	var err error
	if o.Scheduler == nil {
		if o.Scheduler, err = scheduler.New(db, bus, scheduler.Options{Logger: o.Logger}); err != nil {
			return fmt.Errorf("local: %w", err)
		}
	}
	operations, err := operation.New(bus, operation.Options{Logger: o.Logger})
	if err != nil {
		return fmt.Errorf("local: %w", err)
	}
	watched, err := monitor.New(monitor.Options{Bus: bus, Metrics: o.Metrics, Self: o.node(), Schedules: db})
	if err != nil {
		return fmt.Errorf("local: %w", err)
	}
	trail := audit.New(db, audit.Options{Logger: o.Logger})
	api, err := httpapi.New(httpapi.Options{
		Bus: bus, Mux: mux, Keys: auth.NewRecordKeys(db), Records: db, Scheduler: o.Scheduler, Operations: operations, Audit: trail,
		Redact:  o.Redact,
		Metrics: o.Metrics, Monitor: watched, ConsumeWorker: o.Worker, LocalUser: User, Draining: ctx, Logger: o.Logger, Version: o.Version,
	})
	if err != nil {
		return fmt.Errorf("local: %w", err)
	}
	server, err := Listen(ctx, db, api.LocalHandler(), o.Logger)
	if err != nil {
		return err
	}
	run, stop := context.WithCancel(ctx)
	defer stop()
	var parts sync.WaitGroup
	errs := make([]error, 3)
	for i, part := range []func() error{
		server.Serve,
		func() error { return operations.Run(run) },
		func() error { return trail.Run(run) },
	} {
		parts.Go(func() {
			errs[i] = part()
			stop() // one that fails ends the others
		})
	}
	<-run.Done()
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeGrace)
	defer cancel()
	err = server.Close(closing)
	parts.Wait()
	return errors.Join(append(errs, err)...)
}

// node describes this process with its workers, nil where they are not known.
func (o Options) node() func() storage.Node {
	if len(o.Workers) == 0 {
		return nil
	}
	now := symphony.SystemClock().Now()
	self := storage.Node{ID: symphony.NewID(now), Name: monitor.NodeName(), Version: o.Version, StartedAt: now}
	return func() storage.Node {
		var info monitor.NodeInfo
		for _, w := range o.Workers {
			info.Workers = append(info.Workers, monitor.WorkerOf(w.Snapshot()))
		}
		out := self
		out.SeenAt = symphony.SystemClock().Now()
		out.Info = info.Encode()
		return out
	}
}

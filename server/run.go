package server

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/event"
	"github.com/symphony-messenger/symphony/httpapi"
	"github.com/symphony-messenger/symphony/monitor"
	"github.com/symphony-messenger/symphony/schedule"
	"github.com/symphony-messenger/symphony/scheduler"
	"github.com/symphony-messenger/symphony/worker"
)

// requestGrace is how long requests in progress may take once the workers have stopped.
const requestGrace = 5 * time.Second

// Run applies the configured schedules, serves and works until ctx ends or a part fails, stops in the order that the
// type tells, and closes the server. It returns when nothing of it is left, nil where ctx ended it and all went well.
// Stopping takes at most the configured worker.grace and five seconds more. Call it once.
//
// Errors: a *config.Error where the configured schedules are wrong, otherwise those of the part that failed.
func (s *Server) Run(ctx context.Context) (err error) {
	switch {
	case s.o.Mode == Command || s.o.Mode == HandlerOnly:
		return errors.New("server: there is no Run in the modes Command and HandlerOnly")
	case !s.ran.CompareAndSwap(false, true):
		return errors.New("server: Run is called once")
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.applySchedules(ctx); err != nil {
		return err
	}
	if s.scraped, err = s.expose(ctx); err != nil {
		return err
	}
	if s.scraped != nil {
		defer s.scraped.listener.Close() //nolint:errcheck // after Shutdown it is closed already
	}
	if err := s.prepare(ctx); err != nil {
		return err
	}
	started := Started{}
	for _, t := range s.worked {
		started.Workers = append(started.Workers, t.Name())
	}
	if s.tcp != nil {
		started.Addr = s.tcp.Addr()
	}
	if s.o.FirstKey && s.o.Mode != WorkOnly {
		// Last of all, so that no key is made that is never shown.
		if started.FirstKey, err = firstKey(ctx, s.config, s.keys); err != nil {
			return errors.Join(err, s.stop(ctx))
		}
	}
	if s.o.Started != nil {
		s.o.Started(started)
	}
	if s.o.Mode != WorkOnly && s.config.ShowsAll() {
		s.log.Warn("every user who signs in to the Supabase project sees all messages, works on them, and retries and deletes failed ones: " +
			"auth.visibility: own shows users their own alone, auth.default_scopes gives them less")
	}
	s.start()
	s.announce(event.NodeStarted)
	s.announceWorkers()
	defer s.announce(event.NodeStopped)
	select {
	case <-ctx.Done():
		s.log.Info("stopping", "reason", fmt.Sprint(context.Cause(ctx)), "grace", s.config.Worker.Grace.String())
	case err = <-s.failures:
		s.log.Error("stopping", "error", err)
	case <-s.idle:
		s.log.Info("stopping", "reason", "the workers have stopped")
	}
	err = errors.Join(err, s.stop(context.WithoutCancel(ctx)))
	s.log.Info("stopped")
	return err
}

// applySchedules makes the schedules of the configuration file be those of its section schedules. A mistake in one is a
// *config.Error.
func (n *node) applySchedules(ctx context.Context) error {
	list := n.config.Schedules
	if n.scheduler == nil {
		if len(list) > 0 {
			return mistake(n.config, "schedules", errors.New("the default transport keeps no schedules"))
		}
		return nil
	}
	definitions := make([]schedule.Schedule, len(list))
	for i := range list {
		definitions[i] = list[i].Schedule
	}
	done, err := n.scheduler.Apply(ctx, definitions)
	var invalid *symphony.ValidationError
	if errors.As(err, &invalid) {
		return n.config.ScheduleError(invalid.Problems)
	}
	if done != (scheduler.Applied{}) {
		n.log.Info("schedules of the configuration were applied", "created", done.Created, "updated", done.Updated, "deleted", done.Deleted)
	}
	return err
}

func (n *node) newAuthenticator() (*auth.Authenticator, error) {
	o := n.config.AuthOptions()
	o.Keys, o.Sessions, o.Logger = n.keys, n.sessions, n.log
	return auth.New(o)
}

// prepare makes the parts without starting them.
func (s *Server) prepare(ctx context.Context) error {
	if s.o.Mode == Listen {
		s.http = httpapi.NewServer(s.Handler(), s.log)
	}
	asked, err := s.join(ctx)
	if err != nil {
		return err
	}
	if !s.o.NoWorker {
		if s.workers, s.worked, err = s.makeWorkers(asked); err != nil {
			return err
		}
	}
	s.local, err = s.ListenLocal(ctx)
	return err
}

// start starts the parts. Each that fails says so in s.failures.
func (s *Server) start() {
	run := func(part *sync.WaitGroup, f func() error) {
		part.Go(func() {
			if err := f(); err != nil {
				s.failures <- err
			}
		})
	}
	if s.http != nil {
		run(&s.serving, func() error {
			if c := s.config.Server; c.TLS() {
				return s.http.ServeTLS(s.tcp, c.TLSCert, c.TLSKey)
			}
			return s.http.Serve(s.tcp)
		})
	}
	if s.scraped != nil {
		run(&s.serving, func() error { return s.scraped.server.Serve(s.scraped.listener) })
	}
	if s.local != nil {
		run(&s.serving, s.local.Serve)
	}
	if s.workers != nil {
		run(&s.working, s.work)
	}
	if s.alerts != nil && s.config.Alerts.Enabled {
		run(&s.working, func() error { return s.alerts.Run(s.draining) })
	}
	if s.audit != nil {
		run(&s.working, func() error { return s.audit.Run(s.draining) })
	}
	if s.scheduler != nil {
		run(&s.working, func() error { return s.scheduler.Run(s.draining) })
	}
	run(&s.working, func() error { return s.operations.Run(s.draining) })
	if set := s.late.Load(); set != nil && sharedStorage(s.transports) {
		s.working.Go(func() { set.Follow(s.draining) })
	}
	if s.sessions != nil {
		s.working.Go(s.sweepSessions)
	}
	s.working.Go(func() {
		// Nothing ends because of it: the server may be away for a moment.
		if err := s.authenticator.CheckRemote(s.draining); err != nil && s.draining.Err() == nil {
			s.log.Warn("auth.remote is set and tokens of users can't be confirmed: they are answered 503", "error", err)
		}
	})
}

// announce tells those who watch that this process started or stopped.
func (s *Server) announce(process string) {
	s.watch.recorder.Publish(process, map[string]any{"node": monitor.NodeName(), "version": s.o.Version})
}

// announceWorkers tells those who watch that the workers of this process start.
func (s *Server) announceWorkers() {
	for _, t := range s.worked {
		s.watch.recorder.Publish(event.WorkerStarted, map[string]any{"node": monitor.NodeName(), "transport": t.Name(), "concurrency": s.config.Worker.Continuous.Concurrency})
	}
}

// work runs the workers until the service drains. Workers that a request stopped run again when another asks for it,
// where the process stays for the API's sake; else it ends with them, for its supervisor to start it anew.
func (s *Server) work() error {
	for workers := s.workers; ; {
		reports, err := workers.Run(s.draining)
		requested := false
		for i, r := range reports {
			s.watch.recorder.Publish(event.WorkerStopped, map[string]any{"node": monitor.NodeName(), "transport": s.worked[i].Name(), "processed": r.Processed, "failed": r.Failed, "reason": r.Reason})
			s.log.Info("worker stopped", "transport", s.worked[i].Name(), "processed", r.Processed, "succeeded", r.Succeeded, "failed", r.Failed, "reason", string(r.Reason))
			requested = requested || r.Reason == worker.StopRequested
		}
		switch {
		case err != nil:
			return err
		case s.o.Mode == WorkOnly:
			close(s.idle)
			return nil
		case !requested:
			return nil
		}
		s.log.Warn("no worker runs in this process until it is restarted, or workers are started by request")
		asked, err := worker.AwaitStart(s.draining, s.records, s.id, symphony.SystemClock())
		if err != nil {
			return nil
		}
		if workers, _, err = s.makeWorkers(asked); err != nil {
			return err
		}
		s.log.Info("workers are started by request")
		s.announceWorkers()
	}
}

// stop stops the parts, in the order that the type's comment tells.
func (s *Server) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.config.Worker.Grace+requestGrace)
	defer cancel()
	s.drain()
	var errs []error
	if s.http != nil {
		errs = append(errs, s.http.Shutdown(ctx))
	}
	if s.scraped != nil {
		errs = append(errs, s.scraped.server.Shutdown(ctx))
	}
	if err := s.requests.wait(ctx); err != nil {
		errs = append(errs, errors.New("server: requests to Handler are still in progress; the storage closes all the same"))
	}
	// The workers end within their grace; they are never left behind, as storage closes next.
	s.working.Wait()
	if s.local != nil {
		errs = append(errs, s.local.Close(ctx))
	}
	s.serving.Wait()
	return errors.Join(errs...)
}

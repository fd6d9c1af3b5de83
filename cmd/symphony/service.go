package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/config"
	"github.com/symphony-messenger/symphony/event"
	"github.com/symphony-messenger/symphony/httpapi"
	"github.com/symphony-messenger/symphony/local"
	"github.com/symphony-messenger/symphony/scheduler"
	"github.com/symphony-messenger/symphony/transport/sqlite"
	"github.com/symphony-messenger/symphony/worker"
)

// serviceParts are what serve and worker run. Both serve the private socket where the database is a SQLite file.
type serviceParts struct{ http, worker bool }

// requestGrace is how long requests in progress may take once the workers have stopped.
const requestGrace = 5 * time.Second

// service is an installation at work.
//
// It stops in this order: the API says that it is not ready and takes no more connections, runs of consume and of the
// cron route end as if their callers had gone, and the workers drain; when all that is over, or its time is, the private
// socket closes, API keys' last uses are written, and storage closes.
type service struct {
	*node
	tcp      net.Listener // nil without HTTP
	http     *httpapi.Server
	scraped  *scrapeServer // nil without metrics.addr
	local    *local.Server // nil without a SQLite file
	workers  *worker.Group
	worked   []symphony.Transport
	draining context.Context
	drain    context.CancelFunc
	failures chan error    // of parts that ended by themselves
	idle     chan struct{} // closed when the workers have ended, where there is nothing else to do
	working  sync.WaitGroup
	serving  sync.WaitGroup
}

// service runs until ctx ends or a part fails.
func (a *app) service(ctx context.Context, c *config.Config, parts serviceParts) (err error) {
	log := a.logger(c)
	made, err := a.newMux(c, log)
	if err != nil {
		return err
	}
	s := &service{failures: make(chan error, 4), idle: make(chan struct{})}
	s.draining, s.drain = context.WithCancel(context.WithoutCancel(ctx))
	defer s.drain()
	if parts.http {
		// Before anything is created: an address that can't be had leaves nothing behind.
		if err := refuseExposedFirstStart(c); err != nil {
			return err
		}
		if err := checkTLS(c); err != nil {
			return err
		}
		if s.tcp, err = (&net.ListenConfig{}).Listen(ctx, "tcp", c.Server.Addr); err != nil {
			return explainListen(err)
		}
		defer s.tcp.Close() //nolint:errcheck // after Shutdown it is closed already
	}
	err = a.patiently(ctx, func() error {
		s.node, err = openNode(ctx, c, made, log)
		return explainServed(err)
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if f := s.file(); f != nil {
		warnExposedFile(f.Path(), log)
	}

	if parts.http {
		if err := s.refuseExposed(ctx); err != nil {
			return err
		}
	}
	authenticator, err := s.authenticator()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, authenticator.Close(context.WithoutCancel(ctx))) }()
	access, flush := a.accessLog(c)
	defer flush()
	api, err := s.api(s.draining, authenticator, access)
	if err != nil {
		return err
	}
	if err := s.applySchedules(ctx); err != nil {
		return err
	}
	if s.scraped, err = s.expose(ctx); err != nil {
		return err
	}
	if s.scraped != nil {
		defer s.scraped.listener.Close() //nolint:errcheck // after Shutdown it is closed already
	}
	if err := s.prepare(ctx, api, parts); err != nil {
		return err
	}
	key := ""
	if parts.http {
		// Last of all, so that no key is made that is never shown.
		if key, err = firstKey(ctx, c, s.keys); err != nil {
			return errors.Join(err, s.stop(ctx))
		}
	}
	a.introduce(s)
	if key != "" {
		a.welcome(c, s.url(), key, len(c.Handlers) == 0)
	}
	if parts.http && c.ShowsAll() {
		log.Warn("every user who signs in to the Supabase project sees all messages, works on them, and retries and deletes failed ones: " +
			"auth.visibility: own shows users their own alone, auth.default_scopes gives them less")
	}
	s.start()
	s.working.Go(func() {
		// Nothing ends because of it: the server may be away for a moment.
		if err := authenticator.CheckRemote(s.draining); err != nil && s.draining.Err() == nil {
			log.Warn("auth.remote is set and tokens of users can't be confirmed: they are answered 503", "error", err)
		}
	})
	s.announce(event.NodeStarted)
	s.announceWorkers()
	defer s.announce(event.NodeStopped)
	select {
	case <-ctx.Done():
		log.Info("stopping", "reason", fmt.Sprint(context.Cause(ctx)), "grace", c.Worker.Grace.String())
	case err = <-s.failures:
		log.Error("stopping", "error", err)
	case <-s.idle:
		log.Info("stopping", "reason", "the workers have stopped")
	}
	err = errors.Join(err, s.stop(context.WithoutCancel(ctx)))
	log.Info("stopped")
	return err
}

// refuseExposedFirstStart refuses an address that other machines can reach where there can't be a key yet, because the
// file for it does not exist.
func refuseExposedFirstStart(c *config.Config) error {
	if !exposed(c.Server.Addr) || c.Supabase.Configured() || c.Database.PostgreSQL() {
		return nil
	}
	if _, err := os.Stat(c.Database.Path); errors.Is(err, fs.ErrNotExist) {
		return errExposed(c.Server.Addr)
	}
	return nil
}

// explainListen says what to do about a port that is taken.
func explainListen(err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w\nAnother program listens there; --addr 127.0.0.1:0 takes a free port", err)
	}
	return err
}

// servedError says that another process has the database open and serves it, so waiting would be in vain.
type servedError struct{ locked *sqlite.LockedError }

func (e servedError) Error() string {
	return e.locked.Error() + "\nIt serves that database: stop it first. Other commands work beside it"
}

// explainServed tells a process that serves the database from one that has it open for a moment.
func explainServed(err error) error {
	var locked *sqlite.LockedError
	if errors.As(err, &locked) && locked.Socket != "" {
		return servedError{locked}
	}
	return err
}

// refuseExposed refuses an address that other machines can reach while nobody has decided who may call.
func (s *service) refuseExposed(ctx context.Context) error {
	if !exposed(s.config.Server.Addr) {
		return nil
	}
	ok, err := mayBeExposed(ctx, s.config, s.keys)
	if err == nil && !ok {
		err = errExposed(s.config.Server.Addr)
	}
	return err
}

// applySchedules makes the schedules of the configuration file be those of its section schedules. A mistake in one is a
// *config.Error.
func (s *service) applySchedules(ctx context.Context) error {
	list := s.config.Schedules
	if s.scheduler == nil {
		if len(list) > 0 {
			return usageError{errors.New("schedules: the default transport keeps no schedules")}
		}
		return nil
	}
	definitions := make([]symphony.Schedule, len(list))
	for i := range list {
		definitions[i] = list[i].Schedule
	}
	done, err := s.scheduler.Apply(ctx, definitions)
	var invalid *symphony.ValidationError
	if errors.As(err, &invalid) {
		return s.config.ScheduleError(invalid.Problems)
	}
	if done != (scheduler.Applied{}) {
		s.log.Info("schedules of the configuration were applied", "created", done.Created, "updated", done.Updated, "deleted", done.Deleted)
	}
	return err
}

func (n *node) authenticator() (*auth.Authenticator, error) {
	o := n.config.AuthOptions()
	o.Keys, o.Logger = n.keys, n.log
	return auth.New(o)
}

// prepare makes the parts without starting them.
func (s *service) prepare(ctx context.Context, api *httpapi.API, parts serviceParts) error {
	if parts.http {
		s.http = httpapi.NewServer(s.traces.handler(api.Handler()), s.log)
	}
	if parts.worker {
		var err error
		if s.workers, s.worked, err = s.node.workers(); err != nil {
			return err
		}
	}
	if s.file() == nil {
		return nil
	}
	var err error
	s.local, err = local.Listen(ctx, s.file(), s.traces.handler(api.LocalHandler()), s.log)
	return err
}

// start starts the parts. Each that fails says so in s.failures.
func (s *service) start() {
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
}

// announce tells those who watch that this process started or stopped.
func (s *service) announce(process string) {
	s.watch.recorder.Publish(process, map[string]any{"node": nodeName(), "version": build().Version})
}

// announceWorkers tells those who watch that the workers of this process start.
func (s *service) announceWorkers() {
	for _, t := range s.worked {
		s.watch.recorder.Publish(event.WorkerStarted, map[string]any{"node": nodeName(), "transport": t.Name(), "concurrency": s.config.Worker.Continuous.Concurrency})
	}
}

// work runs the workers until the service drains. Workers that a request stopped run again when another asks for it,
// where the process stays for the API's sake; else it ends with them, for its supervisor to start it anew.
func (s *service) work() error {
	for workers := s.workers; ; {
		reports, err := workers.Run(s.draining)
		requested := false
		for i, r := range reports {
			s.watch.recorder.Publish(event.WorkerStopped, map[string]any{"node": nodeName(), "transport": s.worked[i].Name(), "processed": r.Processed, "failed": r.Failed, "reason": r.Reason})
			s.log.Info("worker stopped", "transport", s.worked[i].Name(), "processed", r.Processed, "succeeded", r.Succeeded, "failed", r.Failed, "reason", string(r.Reason))
			requested = requested || r.Reason == worker.StopRequested
		}
		switch {
		case err != nil:
			return err
		case s.http == nil:
			close(s.idle)
			return nil
		case !requested:
			return nil
		}
		s.log.Warn("no worker runs in this process until it is restarted, or workers are started by request")
		if worker.AwaitStart(s.draining, s.records, symphony.SystemClock()) != nil {
			return nil
		}
		if workers, _, err = s.node.workers(); err != nil {
			return err
		}
		s.log.Info("workers are started by request")
		s.announceWorkers()
	}
}

// stop stops the parts, in the order that the type's comment tells.
func (s *service) stop(ctx context.Context) error {
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
	// The workers end within their grace; they are never left behind, as storage closes next.
	s.working.Wait()
	if s.local != nil {
		errs = append(errs, s.local.Close(ctx))
	}
	s.serving.Wait()
	return errors.Join(errs...)
}

// url is where the API answers, as a client on this machine writes it.
func (s *service) url() string {
	scheme := "http"
	if s.config.Server.TLS() {
		scheme = "https"
	}
	host, port, err := net.SplitHostPort(s.tcp.Addr().String())
	if err != nil {
		return scheme + "://" + s.tcp.Addr().String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

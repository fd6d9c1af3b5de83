package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/config"
	"github.com/symphony-messenger/symphony/server"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

func (a *app) serveCommand() *cobra.Command {
	var noWorker, noFirstKey bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the HTTP API and a worker",
		Long: `Serve the HTTP API and handle messages with the handlers of the configuration, until
SIGTERM or Ctrl-C. Then it takes no more requests, lets running handlers finish
(worker.grace), gives back what had not started, and ends with 0. A second signal ends
it at once, with 130; the messages in hand then come back when their lease ends or at
the next start.

The first start in an empty folder creates symphony.db and an API key, which is printed
once, with a link that opens the dashboard signed in. Later starts print such a link on a
terminal; "symphony dashboard" makes another one. Without configured handlers the types
demo.* are handled for trying out.

It listens on ` + config.DefaultAddr + `. An address that other machines can reach is refused until
Supabase is configured or "symphony keys create" has made a key.

While it runs, the other commands work beside it in the same folder.`,
		Example: `  symphony serve
  symphony serve --addr 127.0.0.1:0 --database /var/lib/symphony/queue.db
  symphony serve --no-worker
  symphony migrate && symphony keys create shop --scopes dispatch && symphony serve --addr 0.0.0.0:8080`,
		Args: cobra.NoArgs,
		RunE: a.run(func(cmd *cobra.Command, _ []string) error {
			c, err := a.config(cmd)
			if err != nil {
				return err
			}
			return a.serve(cmd.Context(), c, server.Options{NoWorker: noWorker, FirstKey: !noFirstKey})
		}),
	}
	setting(cmd, "addr", "server.addr", "listen on `HOST:PORT`; port 0 takes a free one (default "+config.DefaultAddr+")")
	cmd.Flags().BoolVar(&noWorker, "no-worker", false, "serve the API only; consume and the cron route still run handlers")
	cmd.Flags().BoolVar(&noFirstKey, "no-first-key", false,
		"make no API key at the first start, where what is printed is kept in a log")
	a.databaseFlag(cmd)
	a.logFlags(cmd)
	return cmd
}

func (a *app) workerCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "worker",
		Short: "Run a worker without the HTTP API",
		Long: `Handle messages with the handlers of the configuration, until SIGTERM or Ctrl-C, as
"symphony serve" does, but listen on no network address. Commands in the same folder
reach it through its private socket: "symphony dispatch" works beside it.`,
		Example: `  symphony worker
  symphony worker --transports email --queues outbox --concurrency 50`,
		Args: cobra.NoArgs,
		RunE: a.run(func(cmd *cobra.Command, _ []string) error {
			c, err := a.config(cmd)
			if err != nil {
				return err
			}
			return a.serve(cmd.Context(), c, server.Options{Mode: server.WorkOnly})
		}),
	}
	setting(cmd, "transports", "worker.continuous.transports", "only these `NAMES`, separated by commas (default: all)")
	setting(cmd, "queues", "worker.continuous.queues", "only these `NAMES`, separated by commas (default: all)")
	setting(cmd, "concurrency", "worker.continuous.concurrency", "handlers that run at the same time, for each transport")
	a.databaseFlag(cmd)
	a.logFlags(cmd)
	return cmd
}

// serve runs a server until ctx ends or a part fails.
func (a *app) serve(ctx context.Context, c *config.Config, o server.Options) error {
	o.Programs, o.Logger, o.AccessLog = &a.programs, a.logger(c), a.err
	o.Handlers = demo(c, o.Logger)
	o.Version, o.Commit = build().Version, build().Commit
	o.Waiting = a.waiting
	var s *server.Server
	o.Started = func(started server.Started) {
		// A link that signs in is shown where a person looks, and at the first start, as the key is.
		link := ""
		if isTerminal(a.err) || started.FirstKey != "" {
			var err error
			if link, err = s.LoginLink(ctx); err != nil {
				o.Logger.Warn("no link to the dashboard can be made; symphony dashboard makes one", "error", err)
			}
		}
		a.introduce(s, c, started, o.NoWorker, link)
		if started.FirstKey != "" {
			a.welcome(c, s.URL(), started.FirstKey, link, len(c.Handlers) == 0)
		}
	}
	s, err := server.New(ctx, c, o)
	if err == nil {
		err = s.Run(ctx)
	}
	return explain(ctx, err)
}

// waiting says that another process has the database open for a moment.
func (a *app) waiting(locked *sqlite.LockedError) { a.note("Waiting: %v.", locked) }

// explain says what to do with this program about a server that did not start.
func explain(ctx context.Context, err error) error {
	var (
		locked  *sqlite.LockedError
		exposed *server.ExposedError
	)
	switch {
	case errors.As(err, &locked) && locked.Socket != "":
		return servedError{locked}
	case errors.As(err, &locked) && ctx.Err() != nil:
		return errInterrupted
	case errors.As(err, &exposed):
		return errExposed(exposed.Addr)
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w\nAnother program listens there; --addr 127.0.0.1:0 takes a free port", err)
	}
	return err
}

// servedError says that another process has the database open and serves it, so waiting would be in vain.
type servedError struct{ locked *sqlite.LockedError }

func (e servedError) Error() string {
	return e.locked.Error() + "\nIt serves that database: stop it first. Other commands work beside it"
}

// errExposed refuses an address that other machines can reach while nobody has decided who may call.
func errExposed(addr string) error {
	return usageError{fmt.Errorf(`other machines can reach %s, but no authentication is configured

The API key of a first start is not enough for that: it may do everything and was printed to a log or terminal.
Do one of these and start again:
  - make a key for those who shall call:   symphony migrate && symphony keys create NAME --scopes dispatch,read
  - name your Supabase project:            SUPABASE_URL=https://<ref>.supabase.co
  - listen on this machine only:           --addr %s`, addr, config.DefaultAddr)}
}

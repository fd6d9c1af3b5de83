package main

import (
	"github.com/spf13/cobra"
)

func (a *app) serveCommand() *cobra.Command {
	var noWorker bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the HTTP API and a worker",
		Long: `Serve the HTTP API and handle messages with the handlers of the configuration, until
SIGTERM or Ctrl-C. Then it takes no more requests, lets running handlers finish
(worker.grace), gives back what had not started, and ends with 0. A second signal ends
it at once, with 130; the messages in hand then come back when their lease ends or at
the next start.

The first start in an empty folder creates symphony.db and an API key, which is printed
once. Without configured handlers the types demo.* are handled for trying out.

It listens on 127.0.0.1:8080. An address that other machines can reach is refused until
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
			return a.service(cmd.Context(), c, serviceParts{http: true, worker: !noWorker})
		}),
	}
	setting(cmd, "addr", "server.addr", "listen on `HOST:PORT`; port 0 takes a free one (default 127.0.0.1:8080)")
	cmd.Flags().BoolVar(&noWorker, "no-worker", false, "serve the API only; consume and the cron route still run handlers")
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
			return a.service(cmd.Context(), c, serviceParts{worker: true})
		}),
	}
	setting(cmd, "transports", "worker.continuous.transports", "only these `NAMES`, separated by commas (default: all)")
	setting(cmd, "queues", "worker.continuous.queues", "only these `NAMES`, separated by commas (default: all)")
	setting(cmd, "concurrency", "worker.continuous.concurrency", "handlers that run at the same time, for each transport")
	a.databaseFlag(cmd)
	a.logFlags(cmd)
	return cmd
}

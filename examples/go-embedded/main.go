// Command go-embedded is a web program that has the whole of Symphony Messenger in its own process, on SQLite: it takes
// orders, dispatches messages, handles them in Go, and has the dashboard on its own mux.
//
//	PORT=3000 SYMPHONY_DATABASE=shop.db go run ./examples/go-embedded
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/symphony-messenger/symphony/config"
	"github.com/symphony-messenger/symphony/server"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:"+cmp.Or(os.Getenv("PORT"), "3000"))
	if err == nil {
		err = run(ctx, listener, os.Environ(), cmp.Or(os.Getenv("INVOICES"), "invoices"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// grace is how long requests may take to finish when the program stops.
const grace = 10 * time.Second

// run serves the shop on listener until ctx ends, then finishes what is in hand. Invoices are written to the folder.
func run(ctx context.Context, listener net.Listener, environ []string, folder string) (err error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	c, err := config.Load(config.Sources{Environ: environ}) // symphony.yaml and SYMPHONY_… variables
	if err != nil {
		return err // a *config.Error lists every mistake
	}
	invoices := invoices{folder}
	s, err := server.New(ctx, c, server.Options{
		Mode:     server.Mounted,
		Handlers: invoices.register,
		FirstKey: true,
		Started: func(started server.Started) {
			slog.Info("the shop is open", "url", "http://"+listener.Addr().String())
			if started.FirstKey != "" {
				// It opens the dashboard, too. Others are made by "symphony keys create", beside the running program.
				fmt.Println("API key, shown once:", started.FirstKey)
			}
		},
	})
	if err != nil {
		return err
	}
	site := &http.Server{Handler: newMux(s, invoices), ReadHeaderTimeout: 10 * time.Second}

	// The queue outlives the requests, which need it: it gets its own context, and is told to stop after them.
	working, stopWorking := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWorking()
	failed := make(chan error, 2)
	go func() { failed <- s.Run(working) }()
	go func() { failed <- site.Serve(listener) }()
	select {
	case <-ctx.Done():
	case err = <-failed: // one of them could not begin, or gave up: the other ends, too
		failed <- nil
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	err = errors.Join(err, site.Shutdown(closing))
	stopWorking()
	for range 2 {
		if e := <-failed; !errors.Is(e, http.ErrServerClosed) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// newMux has the shop's own routes beside those of the queue.
func newMux(s *server.Server, i invoices) *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("/api/symphony/", s.Handler())
	mux.Handle("/dashboard/", s.Handler())
	mux.HandleFunc("POST /orders", takeOrder(s.Bus()))
	mux.HandleFunc("GET /invoices/{order}", i.show)
	return mux
}

// Command go-postgres-transactional is a web program on PostgreSQL that stores its own row and dispatches a message in
// one transaction, and whose handler commits its own row and the message's ack in one:
//
//	DATABASE_URL=postgres://postgres@localhost/shop PORT=3000 go run ./examples/go-postgres-transactional
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:"+cmp.Or(os.Getenv("PORT"), "3000"))
	if err == nil {
		err = run(ctx, os.Getenv("DATABASE_URL"), listener)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// grace is how long requests may take to finish when the program stops.
const grace = 10 * time.Second

// run serves the shop on listener, which it closes, until ctx ends; then it finishes what is in hand.
func run(ctx context.Context, url string, listener net.Listener) (err error) {
	defer listener.Close() //nolint:errcheck // after Shutdown it is closed already
	c, err := pgxpool.ParseConfig(url)
	if err != nil {
		return err
	}
	s, err := open(ctx, url, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	slog.Info("the shop is open", "url", "http://"+listener.Addr().String())
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders", s.takeOrder)
	site := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	failed := make(chan error, 2)
	go func() { failed <- s.work(ctx); stop() }()
	go func() { failed <- site.Serve(listener); stop() }()
	<-ctx.Done() // a signal, or one of them could not go on
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	err = site.Shutdown(closing)
	for range 2 {
		if e := <-failed; !errors.Is(e, http.ErrServerClosed) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// takeOrder places an order: when it answers 201, the order and its message are there, and after any other answer
// neither is, unless the connection broke during the commit.
func (s *shop) takeOrder(w http.ResponseWriter, r *http.Request) {
	var o Order
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&o); err != nil || o.Number <= 0 {
		http.Error(w, "an order has a number and a customer", http.StatusBadRequest)
		return
	}
	switch err := s.place(r.Context(), o); {
	case errors.Is(err, errTaken):
		http.Error(w, err.Error(), http.StatusConflict)
	case errors.Is(err, errCustomer):
		http.Error(w, err.Error(), http.StatusBadRequest)
	case err != nil:
		slog.Error("place order", "order", o.Number, "error", err)
		http.Error(w, "try again in a moment", http.StatusServiceUnavailable)
	default:
		w.WriteHeader(http.StatusCreated)
	}
}

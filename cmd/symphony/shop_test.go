package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/local"
	"github.com/symphony-messenger/symphony/transport/sqlite"
	"github.com/symphony-messenger/symphony/worker"
)

// shop is a Go program of its own, for stories: it has embedded SQLite in shop.db, and no server.
func shop() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := runShop(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "shop:", err)
		os.Exit(1)
	}
}

func runShop(ctx context.Context) error {
	db, err := sqlite.Open(ctx, "shop.db", sqlite.Options{})
	if err != nil {
		return err
	}
	defer db.Close()
	bus, err := symphony.NewBus([]symphony.Transport{db}, symphony.BusOptions{})
	if err != nil {
		return err
	}
	mux := symphony.NewMux()
	mux.HandleFunc("order.*", func(_ context.Context, d *symphony.Delivery) error {
		if string(d.Payload) == `{"bad":true}` {
			return symphony.Permanent(errors.New("no such order"))
		}
		return nil
	})
	w, err := worker.New(db, mux, worker.Options{StopRequests: db, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	var parts sync.WaitGroup
	var failures [2]error
	parts.Go(func() { _, failures[0] = w.Run(ctx) })
	parts.Go(func() {
		failures[1] = local.Serve(ctx, db, bus, mux, local.Options{Workers: []*worker.Worker{w}, Version: "1.2.3"})
	})
	fmt.Println("open for orders")
	parts.Wait()
	return errors.Join(failures[:]...)
}

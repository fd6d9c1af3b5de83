package local_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/local"
	"github.com/symphony-messenger/symphony/transport/sqlite"
	"github.com/symphony-messenger/symphony/worker"
)

// A program with embedded SQLite and a worker. While it runs, "symphony status --database shop.db" and the other
// commands work on its messages.
func ExampleServe() {
	dir, err := os.MkdirTemp("", "shop")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	ctx, stop := context.WithCancel(context.Background())
	db, err := sqlite.Open(ctx, filepath.Join(dir, "shop.db"), sqlite.Options{})
	if err != nil {
		panic(err)
	}
	defer db.Close()
	bus, err := symphony.NewBus([]symphony.Transport{db}, symphony.BusOptions{})
	if err != nil {
		panic(err)
	}
	mux := symphony.NewMux()
	mux.HandleFunc("order.paid", func(context.Context, *symphony.Delivery) error {
		stop() // this example has seen enough
		return nil
	})
	w, err := worker.New(db, mux, worker.Options{StopRequests: db})
	if err != nil {
		panic(err)
	}
	done := make(chan error, 2)
	go func() { done <- local.Serve(ctx, db, bus, mux, local.Options{Workers: []*worker.Worker{w}}) }()
	go func() {
		_, err := w.Run(ctx)
		done <- err
	}()
	if _, err := bus.Dispatch(ctx, "order.paid", map[string]int{"order": 42}, symphony.DispatchOptions{}); err != nil {
		panic(err)
	}
	fmt.Println(<-done, <-done)
	// Output: <nil> <nil>
}

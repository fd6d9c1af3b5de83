package symphony_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/transport/sqlite"
	"github.com/symphony-messenger/symphony/worker"
)

type Invoice struct {
	Number string `json:"number"`
}

// What was dispatched is in the file: a program that starts later, or again after a crash, handles it.
func Example_durable() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "symphony")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "app.db")

	dispatch := func() error {
		tr, err := sqlite.Open(ctx, path, sqlite.Options{})
		if err != nil {
			return err
		}
		defer tr.Close()
		bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{})
		if err != nil {
			return err
		}
		_, err = bus.Dispatch(ctx, "Invoice", Invoice{Number: "2026-042"}, symphony.DispatchOptions{})
		return err
	}
	handle := func() error {
		tr, err := sqlite.Open(ctx, path, sqlite.Options{})
		if err != nil {
			return err
		}
		defer tr.Close()
		mux := symphony.NewMux()
		symphony.Handle(mux, "Invoice", func(_ context.Context, i Invoice) error {
			fmt.Println("invoice", i.Number)
			return nil
		})
		w, err := worker.New(tr, mux, worker.Options{StopWhenEmpty: true})
		if err != nil {
			return err
		}
		_, err = w.Run(ctx)
		return err
	}
	if err := dispatch(); err != nil {
		log.Fatal(err)
	}
	if err := handle(); err != nil {
		log.Fatal(err)
	}
	// Output: invoice 2026-042
}

package symphony_test

import (
	"context"
	"fmt"
	"log"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/transport/sqlite"
	"github.com/symphony-messenger/symphony/worker"
)

type WelcomeEmail struct {
	To string `json:"to"`
}

// A program that dispatches messages and handles them itself. A service has its worker run until it stops; this one
// stops when nothing is left to do.
func Example() {
	ctx := context.Background()
	tr, err := sqlite.OpenTemporary(ctx, sqlite.Options{}) // a program has sqlite.Open or postgres.Open
	if err != nil {
		log.Fatal(err)
	}
	defer tr.Close()
	bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{})
	if err != nil {
		log.Fatal(err)
	}
	mux := symphony.NewMux()
	symphony.Handle(mux, "WelcomeEmail", func(_ context.Context, e WelcomeEmail) error {
		fmt.Println("welcome,", e.To)
		return nil
	})
	w, err := worker.New(tr, mux, worker.Options{StopWhenEmpty: true})
	if err != nil {
		log.Fatal(err)
	}

	if _, err := bus.Dispatch(ctx, "WelcomeEmail", WelcomeEmail{To: "ada@example.com"}, symphony.DispatchOptions{}); err != nil {
		log.Fatal(err)
	}
	report, err := w.Run(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("handled:", report.Succeeded)
	// Output:
	// welcome, ada@example.com
	// handled: 1
}

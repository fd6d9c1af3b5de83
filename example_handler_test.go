package symphony_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/transport/sqlite"
	"github.com/symphony-messenger/symphony/worker"
)

type Payment struct {
	Order int `json:"order"`
}

// handleOne dispatches a Payment and has a worker make so many attempts at it.
func handleOne(ctx context.Context, tr *sqlite.Transport, mux *symphony.Mux, attempts int64) {
	bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := bus.Dispatch(ctx, "order.paid", Payment{Order: 42}, symphony.DispatchOptions{}); err != nil {
		log.Fatal(err)
	}
	w, err := worker.New(tr, mux, worker.Options{MessageLimit: attempts, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := w.Run(ctx); err != nil {
		log.Fatal(err)
	}
}

// A typed handler takes the payload; the rest of the message is at hand as well.
func ExampleHandle() {
	mux := symphony.NewMux()
	symphony.Handle(mux, "order.*", func(ctx context.Context, p Payment) error {
		d := symphony.DeliveryFrom(ctx)
		fmt.Println(d.Type, p.Order, "attempt", d.Attempt)
		return nil
	})
	ctx := context.Background()
	tr, err := sqlite.OpenTemporary(ctx, sqlite.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer tr.Close()
	handleOne(ctx, tr, mux, 1)
	// Output: order.paid 42 attempt 1
}

// All handlers of a type run. A retry runs only those that failed.
func ExampleHandleWith() {
	mux := symphony.NewMux()
	mux.Retry("order.paid", symphony.Policy{InitialDelay: time.Millisecond})
	symphony.HandleWith(mux, "order.paid", symphony.HandlerOptions{Name: "receipt"}, func(ctx context.Context, _ Payment) error {
		fmt.Println("receipt, attempt", symphony.DeliveryFrom(ctx).Attempt)
		return nil
	})
	symphony.HandleWith(mux, "order.paid", symphony.HandlerOptions{Name: "ledger", Timeout: time.Minute}, func(ctx context.Context, _ Payment) error {
		fmt.Println("ledger, attempt", symphony.DeliveryFrom(ctx).Attempt)
		if symphony.DeliveryFrom(ctx).Attempt == 1 {
			return errors.New("ledger is closed")
		}
		return nil
	})
	ctx := context.Background()
	tr, err := sqlite.OpenTemporary(ctx, sqlite.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer tr.Close()
	handleOne(ctx, tr, mux, 2)
	// Output:
	// receipt, attempt 1
	// ledger, attempt 1
	// ledger, attempt 2
}

// Middleware goes around every handler, the first added outermost.
func ExampleMux_Use() {
	mux := symphony.NewMux()
	mux.Use(func(next symphony.Handler) symphony.Handler {
		return symphony.HandlerFunc(func(ctx context.Context, d *symphony.Delivery) error {
			fmt.Println("begin", d.Type)
			err := next.Handle(ctx, d)
			fmt.Println("end", d.Type, err)
			return err
		})
	})
	mux.HandleFunc("*", func(_ context.Context, d *symphony.Delivery) error {
		fmt.Println(string(d.Payload))
		return nil
	})
	ctx := context.Background()
	tr, err := sqlite.OpenTemporary(ctx, sqlite.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer tr.Close()
	handleOne(ctx, tr, mux, 1)
	// Output:
	// begin order.paid
	// {"order":42}
	// end order.paid <nil>
}

// A policy is one function from an attempt and its error to what becomes of the message.
func ExamplePolicy_Decide() {
	p := symphony.Policy{MaxRetries: 2, InitialDelay: time.Second, Jitter: symphony.NoJitter}
	down := errors.New("down")
	for _, test := range []struct {
		attempt int
		err     error
	}{
		{1, nil},
		{1, down},
		{2, down},
		{3, down},
		{1, symphony.RetryAfter(down, time.Minute)},
		{1, symphony.Permanent(down)},
	} {
		d := p.Decide(test.attempt, test.err, 0)
		fmt.Println(d.Outcome, d.Delay)
	}
	// Output:
	// ack 0s
	// retry 1s
	// retry 2s
	// fail 0s
	// retry 1m0s
	// fail 0s
}

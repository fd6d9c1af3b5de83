package symphony_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

func ExampleBus_Dispatch() {
	ctx := context.Background()
	tr, err := sqlite.OpenTemporary(ctx, sqlite.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer tr.Close()
	bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{})
	if err != nil {
		log.Fatal(err)
	}
	receipt, err := bus.Dispatch(ctx, "report.monthly", map[string]string{"month": "2026-11"}, symphony.DispatchOptions{
		Queue:       "reports",
		Priority:    8,
		ScheduledAt: time.Date(2126, 12, 1, 6, 0, 0, 0, time.UTC),
		Headers:     map[string]any{"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(receipt.Transport, receipt.Queue, receipt.ScheduledAt.Format(time.RFC3339))
	// Output: default reports 2126-12-01T06:00:00Z
}

// An idempotency key makes one message of any number of dispatches, so a caller that is not sure may try again.
func ExampleBus_Dispatch_idempotencyKey() {
	ctx := context.Background()
	tr, err := sqlite.OpenTemporary(ctx, sqlite.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer tr.Close()
	bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{})
	if err != nil {
		log.Fatal(err)
	}
	key := symphony.DispatchOptions{IdempotencyKey: "order-42"}
	first, err := bus.Dispatch(ctx, "order.paid", map[string]int{"order": 42}, key)
	if err != nil {
		log.Fatal(err)
	}
	again, err := bus.Dispatch(ctx, "order.paid", map[string]int{"order": 42}, key)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("same message:", again.ID == first.ID, again.Duplicate)

	_, err = bus.Dispatch(ctx, "order.paid", map[string]int{"order": 43}, key)
	var conflict *symphony.IdempotencyConflictError
	fmt.Println("another payload:", errors.As(err, &conflict), conflict.MessageID == first.ID)
	// Output:
	// same message: true true
	// another payload: true true
}

// A batch is stored all or nothing. Every mistake is reported at once, with its path.
func ExampleBus_DispatchBatch() {
	ctx := context.Background()
	tr, err := sqlite.OpenTemporary(ctx, sqlite.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer tr.Close()
	bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{})
	if err != nil {
		log.Fatal(err)
	}
	batch := []symphony.Outgoing{
		{Message: symphony.Message{Type: "user.created", Payload: json.RawMessage(`{"id": 1}`)}},
		{Message: symphony.Message{Type: "", Payload: json.RawMessage(`[]`)}, Options: symphony.DispatchOptions{Priority: 11}},
	}
	_, err = bus.DispatchBatch(ctx, batch)
	var invalid *symphony.ValidationError
	if errors.As(err, &invalid) {
		for _, p := range invalid.Problems {
			fmt.Println(p.Path, p.Message)
		}
	}
	batch[1] = batch[0]
	receipts, err := bus.DispatchBatch(ctx, batch)
	fmt.Println("stored:", len(receipts), err)
	// Output:
	// messages[1].message.type is required
	// messages[1].message.payload must be a JSON object
	// messages[1].options.priority must be 1 to 10
	// stored: 2 <nil>
}

// A type can go to several transports: each gets a message of its own, all or nothing.
func ExampleBusOptions_routes() {
	ctx := context.Background()
	tr, err := sqlite.OpenTemporary(ctx, sqlite.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer tr.Close()
	bus, err := symphony.NewBus([]symphony.Transport{tr, tr.Named("email"), tr.Named("audit")}, symphony.BusOptions{
		Routes:   map[string][]string{"mail.*": {"email"}, "order.paid": {"email", "audit"}},
		Defaults: map[string]symphony.TransportDefaults{"audit": {Priority: 1}},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, typ := range []string{"mail.welcome", "order.paid", "user.created"} {
		r, err := bus.Dispatch(ctx, typ, struct{}{}, symphony.DispatchOptions{})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Print(typ, " → ", r.Transport)
		for _, also := range r.Also {
			fmt.Print(", ", also.Transport)
		}
		fmt.Println()
	}
	// Output:
	// mail.welcome → email
	// order.paid → email, audit
	// user.created → default
}

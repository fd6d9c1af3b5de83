package symphony_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/operation"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

// What cannot be handled is kept with its reason, to be corrected and tried again.
func ExampleDeadLetters() {
	ctx := context.Background()
	tr, err := sqlite.OpenTemporary(ctx, sqlite.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer tr.Close()
	mux := symphony.NewMux()
	symphony.Handle(mux, "order.paid", func(_ context.Context, p Payment) error {
		if p.Order == 42 {
			return symphony.Permanent(errors.New("order 42 does not exist"))
		}
		fmt.Println("handled order", p.Order)
		return nil
	})
	handleOne(ctx, tr, mux, 1)

	bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{})
	if err != nil {
		log.Fatal(err)
	}
	failed, err := bus.Failed("default")
	if err != nil {
		log.Fatal(err)
	}
	page, err := failed.List(ctx, symphony.MessageQuery{MessageFilter: symphony.MessageFilter{Type: "order.paid"}})
	if err != nil {
		log.Fatal(err)
	}
	for _, m := range page.Messages {
		fmt.Println(m.Type, string(m.Payload), "failed:", m.Error)
		if _, err := failed.Retry(ctx, m.ID, json.RawMessage(`{"order": 43}`)); err != nil {
			log.Fatal(err)
		}
	}
	// The worker gets to the corrected message and to the one that handleOne dispatches.
	handleOne(ctx, tr, mux, 2)
	everything := operation.Request{Kind: operation.FailedDelete, Filter: &symphony.MessageFilter{}, All: true}
	n, err := operation.Do(ctx, failed, everything, nil)
	fmt.Println("deleted:", n, err)
	// Output:
	// order.paid {"order":42} failed: order 42 does not exist
	// handled order 43
	// deleted: 1 <nil>
}

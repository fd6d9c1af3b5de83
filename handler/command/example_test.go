//go:build unix

package command_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/handler/command"
)

func Example() {
	script := `echo "no $SYMPHONY_MESSAGE_TYPE today" >&2; exit 65` // the message is on standard input
	run, err := command.New([]string{"sh", "-c", script}, command.Options{FailCodes: []int{65}})
	if err != nil {
		log.Fatal(err)
	}
	mux := symphony.NewMux()
	mux.Handle("order.*", run, symphony.HandlerOptions{})

	// A worker does this with each message.
	d := &symphony.Delivery{Envelope: symphony.Envelope{ID: "m1", Type: "order.paid", Payload: json.RawMessage(`{"order": 42}`)}, Attempt: 1}
	err = mux.Run(context.Background(), d, 0).Err
	fmt.Println(err)
	fmt.Println(symphony.IsPermanent(err), symphony.ErrorClass(err))
	// Output:
	// command sh: exit status 65: no order.paid today
	// true exit_65
}

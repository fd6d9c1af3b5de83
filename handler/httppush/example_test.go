package httppush_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/handler"
	"github.com/symphony-messenger/symphony/handler/httppush"
)

func Example() {
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

	// The endpoint: any program in any language that verifies Standard Webhooks.
	verifier, err := webhooks.NewWebhook(secret)
	if err != nil {
		log.Fatal(err)
	}
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || verifier.Verify(body, r.Header) != nil {
			http.Error(w, "who are you?", http.StatusForbidden)
			return
		}
		var m handler.Body
		if err := json.Unmarshal(body, &m); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		fmt.Println(m.Type, string(m.Payload))
	}))
	defer endpoint.Close()

	push, err := httppush.New(endpoint.URL, httppush.Options{Secrets: []string{secret}})
	if err != nil {
		log.Fatal(err)
	}
	mux := symphony.NewMux()
	mux.Handle("order.*", push, symphony.HandlerOptions{})

	// A worker does this with each message.
	d := &symphony.Delivery{Envelope: symphony.Envelope{ID: "m1", Type: "order.paid", Payload: json.RawMessage(`{"order": 42}`)}, Attempt: 1}
	fmt.Println(mux.Run(context.Background(), d, 0).Err)
	// Output:
	// order.paid {"order": 42}
	// <nil>
}

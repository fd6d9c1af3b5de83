package httppush_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/handler/httppush"
)

const (
	secretA = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	secretB = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
)

// request is what an endpoint saw.
type request struct {
	*http.Request
	body []byte
}

// endpoint is an HTTP server on loopback that keeps what it is sent and answers with respond.
func endpoint(t *testing.T, respond http.HandlerFunc) (url string, seen <-chan request) {
	t.Helper()
	requests := make(chan request, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read request: %v", err)
		}
		requests <- request{r.Clone(context.Background()), body}
		respond(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, requests
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func open(t *testing.T, url string, o httppush.Options) *httppush.Handler {
	t.Helper()
	h, err := httppush.New(url, o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func delivery() *symphony.Delivery {
	return &symphony.Delivery{
		Envelope: symphony.Envelope{
			ID: "01980a3e-8f4c-7d21-9c63-0f5f2a7f1f10", Type: "order.paid", Payload: json.RawMessage(`{ "b": 1.0, "a": "<\u00e9>" }`),
			Metadata: map[string]any{"tenant": json.Number("7")}, Headers: map[string]any{"Traceparent": "00-aa-bb-01", "tracestate": "v=1", "x-other": "goes along"},
			Transport: "default", Queue: "default", Priority: 5, CreatedAt: time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC),
		},
		Attempt: 2,
	}
}

// clock stands still. Nothing here waits on it.
type clock struct {
	symphony.Clock
	now time.Time
}

func (c clock) Now() time.Time { return c.now }

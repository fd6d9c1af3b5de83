package httppush_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/handler"
	"github.com/symphony-messenger/symphony/handler/httppush"
)

func TestHandle_posts_the_message(t *testing.T) {
	url, seen := endpoint(t, status(http.StatusNoContent))
	now := time.Date(2026, 12, 1, 9, 30, 0, 999, time.UTC)
	h := open(t, url+"/hooks?tenant=7", httppush.Options{
		Secrets: []string{secretA}, Clock: clock{now: now},
		Headers: map[string]string{"authorization": "Bearer t0ken", "Host": "shop.example.com"},
	})
	d := delivery()
	if err := h.Handle(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	got := <-seen
	if got.Method != http.MethodPost || got.RequestURI != "/hooks?tenant=7" || got.Host != "shop.example.com" {
		t.Errorf("request = %s %s to %s", got.Method, got.RequestURI, got.Host)
	}
	for name, want := range map[string]string{
		"Content-Type":      "application/json",
		"User-Agent":        "symphony-messenger",
		"Authorization":     "Bearer t0ken",
		"Traceparent":       "00-aa-bb-01",
		"Tracestate":        "v=1",
		"X-Other":           "goes along",
		"X-Idempotency-Key": "",
		"Webhook-Id":        d.ID,
		"Webhook-Timestamp": "1796117400",
	} {
		if diff := cmp.Diff(want, strings.Join(got.Header.Values(name), "|")); diff != "" {
			t.Errorf("header %s (-want +got):\n%s", name, diff)
		}
	}
	want, err := handler.Encode(d)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got.body)); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
	var body handler.Body
	if err := json.Unmarshal(got.body, &body); err != nil {
		t.Fatal(err)
	}
	if string(body.Payload) != string(d.Payload) {
		t.Errorf("payload = %s, want %s byte for byte", body.Payload, d.Payload)
	}
}

// signature is the convention's text in code: HMAC-SHA256 of id, timestamp and body with dots between them, under the
// bytes that the secret encodes.
func signature(t *testing.T, secret string, r request) string {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(r.Header.Get("webhook-id") + "." + r.Header.Get("webhook-timestamp") + "." + string(r.body)))
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func TestHandle_signs(t *testing.T) {
	for name, secrets := range map[string][]string{
		"with one secret": {secretA},
		"with the new and the old one while rotating": {secretB, secretA},
	} {
		t.Run(name, func(t *testing.T) {
			url, seen := endpoint(t, status(http.StatusOK))
			if err := open(t, url, httppush.Options{Secrets: secrets}).Handle(t.Context(), delivery()); err != nil {
				t.Fatal(err)
			}
			got := <-seen
			want := make([]string, len(secrets))
			for i, secret := range secrets {
				want[i] = signature(t, secret, got)
			}
			if diff := cmp.Diff(strings.Join(want, " "), got.Header.Get("webhook-signature")); diff != "" {
				t.Errorf("webhook-signature (-want +got):\n%s", diff)
			}
			for _, secret := range secrets {
				verifier, err := webhooks.NewWebhook(secret)
				if err != nil {
					t.Fatal(err)
				}
				if err := verifier.Verify(got.body, got.Header); err != nil {
					t.Errorf("the reference library refuses the request: %v", err)
				}
				if err := verifier.Verify(append(got.body, ' '), got.Header); err == nil {
					t.Error("the reference library accepts a changed body")
				}
			}
		})
	}
	t.Run("nothing without secrets", func(t *testing.T) {
		url, seen := endpoint(t, status(http.StatusOK))
		if err := open(t, url, httppush.Options{}).Handle(t.Context(), delivery()); err != nil {
			t.Fatal(err)
		}
		got := <-seen
		if _, signed := got.Header["Webhook-Signature"]; signed {
			t.Error("an unsigned request has a webhook-signature")
		}
		if got.Header.Get("webhook-id") == "" || got.Header.Get("webhook-timestamp") == "" {
			t.Error("an unsigned request lacks webhook-id or webhook-timestamp")
		}
	})
}

func TestHandle_sends_the_user_of_the_URL(t *testing.T) {
	url, seen := endpoint(t, status(http.StatusOK))
	url = strings.Replace(url, "http://", "http://ada:pa55@", 1)
	if err := open(t, url, httppush.Options{}).Handle(t.Context(), delivery()); err != nil {
		t.Fatal(err)
	}
	if user, password, ok := (<-seen).BasicAuth(); !ok || user != "ada" || password != "pa55" {
		t.Errorf("basic authentication = %q, %q, %v", user, password, ok)
	}
}

func TestHandle_uses_connections_again(t *testing.T) {
	answers := map[string]http.HandlerFunc{
		"after success": func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 10_000)) },
		"after failure": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusServiceUnavailable)
			w.Write(make([]byte, 10_000))
		},
	}
	for name, respond := range answers {
		t.Run(name, func(t *testing.T) {
			url, _ := endpoint(t, respond)
			h := open(t, url, httppush.Options{})
			var reused []bool
			ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
				GotConn: func(c httptrace.GotConnInfo) { reused = append(reused, c.Reused) },
			})
			for range 3 {
				_ = h.Handle(ctx, delivery())
			}
			if diff := cmp.Diff([]bool{false, true, true}, reused); diff != "" {
				t.Errorf("connections used again (-want +got):\n%s", diff)
			}
		})
	}
}

func TestHandle_keeps_connections_of_concurrent_handlers(t *testing.T) {
	const handlers = 16
	var arrived sync.WaitGroup
	arrived.Add(handlers)
	var first sync.Map
	url, _ := endpoint(t, func(_ http.ResponseWriter, r *http.Request) {
		if _, known := first.LoadOrStore(r.RemoteAddr, true); !known {
			arrived.Done()
			arrived.Wait() // so that each needs a connection of its own
		}
	})
	h := open(t, url, httppush.Options{})
	for range 2 {
		var round sync.WaitGroup
		for range handlers {
			round.Go(func() {
				if err := h.Handle(t.Context(), delivery()); err != nil {
					t.Error(err)
				}
			})
		}
		round.Wait()
	}
	// A connection beyond the first ones would have counted below zero, which panics in the endpoint.
	connections := 0
	first.Range(func(any, any) bool { connections++; return true })
	if connections != handlers {
		t.Errorf("%d connections were opened, want %d", connections, handlers)
	}
}

func TestHandle_survives_an_endpoint_that_closes_idle_connections(t *testing.T) {
	attempts := 0
	url, _ := endpoint(t, func(w http.ResponseWriter, _ *http.Request) {
		attempts++
		if attempts == 2 {
			// The request is on a connection that was used before and is closed without a word, as by an endpoint
			// whose keep-alive has just run out.
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			conn.Close()
		}
	})
	h := open(t, url, httppush.Options{})
	for i := range 2 {
		if err := h.Handle(t.Context(), delivery()); err != nil {
			t.Fatalf("message %d: %v", i+1, err)
		}
	}
	if attempts != 3 {
		t.Errorf("the endpoint was asked %d times, want 3", attempts)
	}
}

func TestHandle_runs_in_a_mux(t *testing.T) {
	url, seen := endpoint(t, status(http.StatusOK))
	mux := symphony.NewMux()
	mux.Handle("order.*", open(t, url, httppush.Options{Secrets: []string{secretA}}), symphony.HandlerOptions{})
	if res := mux.Run(t.Context(), delivery(), time.Minute); res.Err != nil {
		t.Fatal(res.Err)
	}
	if got := (<-seen).Header.Get("webhook-id"); got != delivery().ID {
		t.Errorf("webhook-id = %q", got)
	}
}

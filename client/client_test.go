package client_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/client"
	"github.com/symphony-messenger/symphony/httpapi"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/symphonytest"
	"github.com/symphony-messenger/symphony/transport/sqlite"

	"github.com/google/go-cmp/cmp"
)

// newServer is a server and its client.
func newServer(t *testing.T) (*client.Client, *sqlite.Transport) {
	t.Helper()
	tr := symphonytest.Storage(t, sqlite.Options{})
	bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{})
	if err != nil {
		t.Fatal(err)
	}
	api, err := httpapi.New(httpapi.Options{Bus: bus, Mux: symphony.NewMux(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(api.LocalHandler())
	t.Cleanup(server.Close)
	c, err := client.New(server.URL, "", client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c, tr
}

// request is a dispatch of a payload as it is written.
func request(payload string) wire.DispatchRequest {
	return wire.DispatchRequest{Message: wire.Message{Type: "t", Payload: []byte(payload)}}
}

// given are payloads of which no byte may change on the way.
var given = map[string]string{
	"white space":               "{\n\t\"a\" : [ 1,\r\n 2 ]\n}",
	"escapes":                   `{"\u0061":"\u00e9\/\n\u2028<>&"}`,
	"spelling of numbers":       `{"a":1.0,"b":1E2,"c":-0,"d":12345678901234567890.10}`,
	"order":                     `{"b":1,"a":2}`,
	"nothing":                   `{}`,
	"what looks like a request": `{"payload":null,"message":{"payload":{}}}`,
}

func receive(t *testing.T, tr *sqlite.Transport) symphony.Delivery {
	t.Helper()
	got, err := tr.Receive(t.Context(), symphony.ReceiveOptions{Max: 1})
	if err != nil || len(got) != 1 {
		t.Fatalf("got %d messages, %v", len(got), err)
	}
	return got[0]
}

func TestDispatch_sends_the_payload_as_it_is_given(t *testing.T) {
	c, tr := newServer(t)
	for name, payload := range given {
		t.Run(name, func(t *testing.T) {
			if _, err := c.Dispatch(t.Context(), request(payload)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(payload, string(receive(t, tr).Payload)); diff != "" {
				t.Errorf("-given +received:\n%s", diff)
			}
		})
	}
}

func TestDispatchBatch_sends_payloads_as_they_are_given(t *testing.T) {
	c, tr := newServer(t)
	var batch wire.BatchRequest
	var want []string
	for _, payload := range given {
		r := request(payload)
		r.Message.Metadata = []byte(`{ "n" : 1.50 }`)
		batch.Messages, want = append(batch.Messages, r), append(want, payload)
	}
	if _, err := c.DispatchBatch(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	var got []string
	for range given {
		got = append(got, string(receive(t, tr).Payload))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-given +received:\n%s", diff)
	}
}

func TestRetryFailed_sends_the_correction_as_it_is_given(t *testing.T) {
	c, tr := newServer(t)
	for name, payload := range given {
		t.Run(name, func(t *testing.T) {
			if _, err := c.Dispatch(t.Context(), request(`{}`)); err != nil {
				t.Fatal(err)
			}
			tr.Settle(t.Context(), []symphony.Settlement{{Lease: receive(t, tr).Lease, Outcome: symphony.Fail}})
			page, err := c.FailedList(t.Context(), client.FailedQuery{})
			if err != nil || len(page.Messages) != 1 {
				t.Fatalf("got %+v, %v", page, err)
			}
			if _, err := c.RetryFailed(t.Context(), "", page.Messages[0].ID, []byte(payload)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(payload, string(receive(t, tr).Payload)); diff != "" {
				t.Errorf("-given +received:\n%s", diff)
			}
		})
	}
}

// A caller that tries again may spell the same payload in another way.
func TestDispatch_again_with_the_same_key_is_one_message(t *testing.T) {
	c, _ := newServer(t)
	key, first := "order-42", ""
	for _, payload := range []string{`{"a":1,"b":"é"}`, `{"a":1,"b":"é"}`, "{ \"a\": 1,\n\"b\": \"é\" }", `{"b":"\u00e9","a":1.0}`} {
		r := request(payload)
		r.Options.IdempotencyKey = &key
		got, err := c.Dispatch(t.Context(), r)
		if err != nil {
			t.Fatalf("%s: %v", payload, err)
		}
		if first == "" {
			first = got.MessageID
		} else if !got.Duplicate || got.MessageID != first {
			t.Errorf("%s: got %+v, want a duplicate of %s", payload, got, first)
		}
	}
	r := request(`{"a":2,"b":"é"}`)
	r.Options.IdempotencyKey = &key
	if _, err := c.Dispatch(t.Context(), r); !client.IsCode(err, "idempotency_conflict") {
		t.Errorf("another payload: error = %v, want a conflict", err)
	}
}

// What is not one JSON value is refused here: it must not become a part of the request around it.
func TestDispatch_refuses_what_is_not_JSON(t *testing.T) {
	c, tr := newServer(t)
	for _, payload := range []string{`{`, `{}, "options": {"priority": 10}`, `{} {}`, "{\"a\":\"\xff\"}", `{"a":1,"a":2}`, ` `} {
		if _, err := c.Dispatch(t.Context(), request(payload)); err == nil {
			t.Errorf("%q was accepted", payload)
		}
	}
	if s, err := tr.Stats(t.Context()); err != nil || s.Depth() != 0 {
		t.Errorf("%d messages were stored, %v", s.Depth(), err)
	}
}

// An id stands in the path as one part of it, whatever characters it has.
func TestIDsOfAnyCharacters(t *testing.T) {
	var got string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.URL.EscapedPath()
		io.WriteString(w, `{"success":true}`)
	}))
	defer server.Close()
	c, err := client.New(server.URL+"/behind", "", client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.RevokeKey(t.Context(), "a/b %41?"); err != nil {
		t.Fatal(err)
	}
	if want := "/behind/api/symphony/keys/a%2Fb%20%2541%3F"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

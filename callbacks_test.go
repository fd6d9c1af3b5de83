package symphony_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony"
)

func TestFollow(t *testing.T) {
	done, undone := &symphony.Callback{Type: "Done", Payload: []byte("{ }\n"),
		Priority: 9}, &symphony.Callback{Type: "Undone"}
	both := &symphony.Terms{OnSuccess: done, OnFailure: undone}
	for name, test := range map[string]struct {
		terms  *symphony.Terms
		status symphony.Status
		want   string // type, and which; empty for none
	}{
		"completed":                {both, symphony.Completed, "Done onSuccess"},
		"failed":                   {both, symphony.Failed, "Undone onFailure"},
		"cancelled":                {both, symphony.Cancelled, "Undone onFailure"},
		"completed, for failures":  {&symphony.Terms{OnFailure: undone}, symphony.Completed, ""},
		"failed, for successes":    {&symphony.Terms{OnSuccess: done}, symphony.Failed, ""},
		"with other terms":         {&symphony.Terms{Tags: []string{"a"}}, symphony.Completed, ""},
		"without terms, completed": {nil, symphony.Completed, ""},
	} {
		t.Run(name, func(t *testing.T) {
			e := symphony.Envelope{ID: "m", Type: "Order", Transport: "email", Terms: test.terms}
			f := e.Follow(symphony.Source{Status: test.status, Attempts: 1}, time.Unix(1, 0))
			if f == nil {
				if test.want != "" {
					t.Error("nothing follows")
				}
				return
			}
			if got := f.Type + " " + f.Header(symphony.HeaderCallback); got != test.want || f.Transport != "email" ||
				f.Queue != "default" {
				t.Errorf("got %s to %s/%s, want %s", got, f.Transport, f.Queue, test.want)
			}
			want := `{"source":{"messageId":"m","type":"Order","status":"` + string(test.status) + `","attempts":1}}`
			if diff := cmp.Diff(want, strings.ReplaceAll(string(f.Payload), " ", "")); diff != "" {
				t.Errorf("payload (-want +got):\n%s", diff)
			}
		})
	}
}

// sealed is a codec of which what is stored shows nothing.
type sealed struct{}

func (sealed) Encode(_ context.Context, _ string, payload json.RawMessage) (json.RawMessage, error) {
	return json.Marshal(map[string]string{"sealed": string(payload)})
}

func (sealed) Decode(_ context.Context, _ string, stored json.RawMessage) (json.RawMessage, error) {
	var of map[string]string
	if json.Unmarshal(stored, &of) != nil || len(of) != 1 || of["sealed"] == "" {
		return stored, nil
	}
	return json.RawMessage(of["sealed"]), nil
}

// A callback's payload is encoded when its source is dispatched, and its handler gets it decoded, with its source.
func TestFollow_with_a_codec(t *testing.T) {
	tr := open(t, newClock(0), "default")[0]
	bus := newBus(t, symphony.BusOptions{Codec: sealed{}}, tr)
	_, err := bus.Dispatch(t.Context(), "Order", struct{}{}, symphony.DispatchOptions{
		OnSuccess: &symphony.Callback{Type: "Done", Payload: []byte(`{"secret": 1.50}`)}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := tr.Receive(t.Context(), symphony.ReceiveOptions{})
	if err != nil || len(got) != 1 {
		t.Fatalf("got %d, %v", len(got), err)
	}
	f := got[0].Follow(symphony.Source{Status: symphony.Completed, Attempts: 1}, time.Unix(1, 0))
	if strings.Contains(string(f.Payload), `"secret":`) {
		t.Errorf("stored is %s", f.Payload)
	}
	var payload string
	mux := symphony.NewMux()
	mux.UseCodec(sealed{})
	mux.HandleFunc("Done", func(_ context.Context, d *symphony.Delivery) error {
		payload = string(d.Payload)
		return nil
	})
	if res := mux.Run(t.Context(), &symphony.Delivery{Envelope: *f, Attempt: 1}, 0); res.Err != nil {
		t.Fatal(res.Err)
	}
	if want := `{"secret": 1.50,"source":{"messageId":"` + got[0].ID + `"`; !strings.HasPrefix(payload, want) {
		t.Errorf("handled is %s, want %s…", payload, want)
	}
}

// picky refuses payloads without a member n.
type picky struct{}

func (picky) CheckPayload(typ string, payload json.RawMessage) []symphony.Problem {
	if typ == "Picky" && !strings.Contains(string(payload), `"n"`) {
		return []symphony.Problem{{Path: "n", Message: "is required"}}
	}
	return nil
}

// What could keep a callback from being dispatched is refused with its source.
func TestCallbacks_are_checked_with_their_source(t *testing.T) {
	trs := open(t, newClock(0), "default", "email")
	bus := newBus(t, symphony.BusOptions{Schemas: picky{}, Types: []string{"Order", "Done", "Picky", "Both"},
		Routes: map[string][]string{"Both": {"default", "email"}}}, trs...)
	for name, test := range map[string]struct {
		callback symphony.Callback
		path     string
	}{
		"an unknown type":                    {symphony.Callback{Type: "Other"}, "options.onSuccess.type"},
		"a payload that breaks its schema":   {symphony.Callback{Type: "Picky"}, "options.onSuccess.payload.n"},
		"a type that goes to two transports": {symphony.Callback{Type: "Both"}, "options.onSuccess.transport"},
		"one of them":                        {symphony.Callback{Type: "Both", Transport: "email"}, ""},
		"all is well":                        {symphony.Callback{Type: "Picky", Payload: []byte(`{"n":1}`)}, ""},
	} {
		_, err := bus.Dispatch(t.Context(), "Order", struct{}{}, symphony.DispatchOptions{OnSuccess: &test.callback})
		var invalid *symphony.ValidationError
		switch {
		case test.path == "":
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		case !errors.As(err, &invalid) || invalid.Problems[0].Path != test.path:
			t.Errorf("%s: got %v, want a problem of %s", name, err, test.path)
		}
	}
}

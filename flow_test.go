package symphony_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony/symphonytest"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/transport/inline"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

func TestFlowOptionsAreValidated(t *testing.T) {
	tr := symphonytest.Storage(t, sqlite.Options{})
	mux := symphony.NewMux()
	bus, err := symphony.NewBus([]symphony.Transport{tr, inline.Open(mux, inline.Options{Name: "sync"})}, symphony.BusOptions{})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	long := strings.Repeat("ä", symphony.MaxKeyLength+1)
	tests := []struct {
		name string
		o    symphony.DispatchOptions
		want []string // paths
	}{
		{"fine", symphony.DispatchOptions{Delay: time.Second, ExpiresAt: now.Add(time.Minute), ConcurrencyKey: long[2:], GroupKey: "g", Ordered: true, ThrottleKey: "t"}, nil},
		{"keys that are too long", symphony.DispatchOptions{ConcurrencyKey: long, GroupKey: long, DebounceKey: long, CorrelationID: long, CausationID: long},
			[]string{"options.concurrencyKey", "options.groupKey", "options.debounceKey", "options.correlationId", "options.causationId"}},
		{"a key with a line break", symphony.DispatchOptions{ThrottleKey: "a\nb"}, []string{"options.throttleKey"}},
		{"a delay below nothing", symphony.DispatchOptions{Delay: -1}, []string{"options.delay"}},
		{"a delay of many years", symphony.DispatchOptions{Delay: symphony.MaxDelay + 1}, []string{"options.delay"}},
		{"delay and time", symphony.DispatchOptions{Delay: 1, ScheduledAt: now}, []string{"options.delay"}},
		{"expiry before the time", symphony.DispatchOptions{ScheduledAt: now.Add(time.Hour), ExpiresAt: now}, []string{"options.expiresAt"}},
		{"expiry before the delay is over", symphony.DispatchOptions{Delay: time.Hour, ExpiresAt: now.Add(time.Minute)}, []string{"options.expiresAt"}},
		{"expiry in a far future", symphony.DispatchOptions{ExpiresAt: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}, []string{"options.expiresAt"}},
		{"ordered without a group", symphony.DispatchOptions{Ordered: true}, []string{"options.ordered"}},
		{"debounce and throttle", symphony.DispatchOptions{DebounceKey: "a", ThrottleKey: "b"}, []string{"options.debounceKey"}},
		{"a transport that heeds none of it", symphony.DispatchOptions{Transport: "sync", GroupKey: "g"}, []string{"options"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := bus.Dispatch(t.Context(), "Order", json.RawMessage(`{}`), test.o)
			var invalid *symphony.ValidationError
			errors.As(err, &invalid)
			var got []string
			if invalid != nil {
				for _, p := range invalid.Problems {
					got = append(got, p.Path)
				}
			} else if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("paths (-want +got)\n%s", diff)
			}
		})
	}
}

// What handlers dispatch carries the story on, over several levels, in batches too, unless they say otherwise.
func TestCorrelationIsKeptThroughHandlers(t *testing.T) {
	tr := symphonytest.Storage(t, sqlite.Options{})
	bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{})
	if err != nil {
		t.Fatal(err)
	}
	mux := symphony.NewMux()
	dispatch := func(ctx context.Context, typ string, o symphony.DispatchOptions) {
		t.Helper()
		if _, err := bus.Dispatch(ctx, typ, json.RawMessage(`{}`), o); err != nil {
			t.Fatal(err)
		}
	}
	mux.HandleFunc("First", func(ctx context.Context, _ *symphony.Delivery) error {
		dispatch(ctx, "Second", symphony.DispatchOptions{})
		return nil
	})
	symphony.Handle(mux, "Second", func(ctx context.Context, _ struct{}) error {
		m := symphony.Message{Type: "Third", Payload: json.RawMessage(`{}`)}
		_, err := bus.DispatchBatch(ctx, []symphony.Outgoing{{Message: m}, {Message: m, Options: symphony.DispatchOptions{CorrelationID: "other", CausationID: "else"}}})
		return err
	})
	mux.HandleFunc("Third", func(context.Context, *symphony.Delivery) error { return nil })
	dispatch(t.Context(), "First", symphony.DispatchOptions{})
	ids := make(map[string]string)
	var got []string
	for {
		list, err := tr.Receive(t.Context(), symphony.ReceiveOptions{Max: 1})
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 0 {
			break
		}
		d := &list[0]
		name := fmt.Sprintf("%s%d", d.Type, len(got))
		ids[d.ID] = name
		known := func(id string) string {
			if name, ok := ids[id]; ok {
				return name
			}
			return id
		}
		got = append(got, fmt.Sprintf("%s of %s by %s", name, known(d.Correlation()), known(d.CausationID)))
		if res := mux.Run(t.Context(), d, 0); res.Err != nil {
			t.Fatal(res.Err)
		}
		tr.Settle(t.Context(), []symphony.Settlement{{Lease: d.Lease, Outcome: symphony.Ack}})
	}
	want := []string{"First0 of First0 by ", "Second1 of First0 by First0", "Third2 of First0 by Second1", "Third3 of other by else"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestExpiredMessagesAreNotBegun(t *testing.T) {
	now := time.Now()
	flow := &symphony.Flow{ExpiresAt: now}
	for name, test := range map[string]struct {
		attempt int
		flow    *symphony.Flow
		at      time.Time
		expired bool
	}{
		"in time":              {1, flow, now.Add(-1), false},
		"too late":             {1, flow, now, true},
		"begun before":         {2, flow, now.Add(time.Hour), false},
		"without an expiry":    {1, &symphony.Flow{GroupKey: "g"}, now, false},
		"without flow control": {1, nil, now, false},
	} {
		t.Run(name, func(t *testing.T) {
			err := symphony.Policy{}.Admit(&symphony.Delivery{Envelope: symphony.Envelope{Flow: test.flow}, Attempt: test.attempt}, test.at)
			var expired *symphony.ExpiredError
			if errors.As(err, &expired) != test.expired || test.expired && (!symphony.IsPermanent(err) || symphony.ErrorClass(err) != "expired") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestDeferredMessagesAreReleased(t *testing.T) {
	err := symphony.Defer(errors.New("later"), time.Minute)
	if d := (symphony.Policy{MaxRetries: symphony.NoRetries}).Decide(9, fmt.Errorf("wrapped: %w", err), 0); d.Outcome != symphony.Release || d.Delay != time.Minute {
		t.Errorf("decision %+v", d)
	}
	if symphony.Defer(nil, time.Minute) != nil {
		t.Error("Defer(nil) is an error")
	}
	if d, _ := symphony.DeferDelay(symphony.Defer(errors.New("x"), -time.Second)); d != 0 {
		t.Errorf("a delay below nothing became %s", d)
	}
	mux := symphony.NewMux()
	results := []error{err, errors.New("broken")}
	for i := range results {
		mux.HandleFunc("Both", func(context.Context, *symphony.Delivery) error { return results[i] })
	}
	both := mux.Run(t.Context(), &symphony.Delivery{Envelope: symphony.Envelope{Type: "Both"}}, 0).Err
	if d := (symphony.Policy{}).Decide(1, both, 0); d.Outcome != symphony.Retry {
		t.Errorf("one handler deferred, the other failed: %+v, want a retry", d)
	}
	results[1] = symphony.Defer(errors.New("x"), time.Hour)
	both = mux.Run(t.Context(), &symphony.Delivery{Envelope: symphony.Envelope{Type: "Both"}}, 0).Err
	if d := (symphony.Policy{}).Decide(1, both, 0); d.Outcome != symphony.Release || d.Delay != time.Hour {
		t.Errorf("both deferred: %+v, want a release for the longer time", d)
	}
}

func FuzzExtras(f *testing.F) {
	f.Add([]byte(`{"correlationId":"a","groupKey":"g","ordered":true,"expiresAt":"2026-12-01T09:00:00Z"}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var e symphony.Envelope
		if e.DecodeExtras(raw) != nil {
			return
		}
		again, err := e.EncodeExtras()
		if err != nil {
			t.Skip() // a year that RFC 3339 cannot write
		}
		var back symphony.Envelope
		if err := back.DecodeExtras(again); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(e, back); diff != "" {
			t.Errorf("(-first +again)\n%s", diff)
		}
	})
}

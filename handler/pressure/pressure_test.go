package pressure_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/handler/pressure"
)

// asking is an endpoint's wish.
type asking time.Duration

func (a asking) Error() string                     { return "http://api: 429" }
func (a asking) AsksToWait() (time.Duration, bool) { return time.Duration(a), a >= 0 }

func TestAnEndpointThatAsksForFewerIsHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			answer error
			told   []flow.Ask
			broken error
		)
		endpoint := symphony.HandlerFunc(func(context.Context, *symphony.Delivery) error { return answer })
		h := pressure.New(endpoint, pressure.Options{
			Pattern: "Api.*", Logger: slog.New(slog.DiscardHandler),
			Tell: func(_ context.Context, transport string, ask flow.Ask) error {
				if transport != "default" || ask.Pattern != "Api.*" || ask.Message.Type != "Api.Call" ||
					ask.From == "" {
					t.Errorf("told %q %+v", transport, ask)
				}
				told = append(told, ask)
				return broken
			},
		})
		d := &symphony.Delivery{Envelope: symphony.Envelope{Type: "Api.Call", Transport: "default"}}
		want := func(name string, outcome symphony.Outcome, delay time.Duration, tells int) {
			t.Helper()
			err := h.Handle(t.Context(), d)
			got := symphony.Policy{Jitter: symphony.NoJitter}.Decide(1, err, 0.5)
			if got.Outcome != outcome || outcome == symphony.Release && got.Delay != delay || len(told) != tells {
				t.Errorf("%s: %+v, storage was told %d times; want %s for %s, %d times",
					name, got, len(told), outcome, delay, tells)
			}
		}
		want("no error", symphony.Ack, 0, 0)
		answer = errors.New("broken")
		want("another error", symphony.Retry, 0, 0)
		answer = asking(-1)
		want("another answer", symphony.Retry, 0, 0)
		answer = asking(10 * time.Second)
		want("a wish", symphony.Release, 10*time.Second, 1)
		want("the same of another message in hand", symphony.Release, 10*time.Second, 1)
		d.Flow = &symphony.Flow{ConcurrencyKey: "k"}
		want("of another key", symphony.Release, 10*time.Second, 2)
		d.Flow = nil
		answer = asking(time.Minute)
		want("a longer one", symphony.Release, time.Minute, 3)
		<-time.After(2 * time.Minute)
		answer = asking(0)
		want("without a time", symphony.Release, flow.MinPressure, 4)
		answer = asking(48 * time.Hour)
		want("a day", symphony.Release, flow.MaxPressure, 5)
		broken = symphony.ErrUnavailable
		<-time.After(2 * time.Hour)
		want("storage is away", symphony.Retry, 0, 6)
	})
}

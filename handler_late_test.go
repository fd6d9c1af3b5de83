package symphony_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
)

// named is a Mux whose handlers tell by whom a message was handled.
func named(by string, to *[]string, patterns ...string) *symphony.Mux {
	mux := symphony.NewMux()
	for _, p := range patterns {
		mux.HandleFunc(p, func(ctx context.Context, _ *symphony.Delivery) error {
			pattern, _, _ := symphony.HandlerFrom(ctx)
			*to = append(*to, by+" "+pattern)
			return nil
		})
	}
	return mux
}

func inQueue(typ, queue string) *symphony.Delivery {
	d := &symphony.Delivery{Attempt: 1}
	d.ID, d.Type, d.Queue = "m", typ, queue
	return d
}

// What was registered wins, then those of the message's queue alone, then the most specific pattern.
func TestMux_Late(t *testing.T) {
	var handled []string
	mux := named("early", &handled, "order.*")
	late := symphony.LateHandlers{
		Own: map[string]*symphony.Mux{"preview": named("own", &handled, "*")},
		In:  map[string]*symphony.Mux{"bulk": named("in", &handled, "mail.*", "report")},
		All: named("all", &handled, "*", "mail.new", "order.paid", "report.*"),
	}
	mux.Late(late)
	for _, c := range []struct{ typ, queue, want string }{
		{"order.paid", "default", "early order.*"},
		{"order.paid", "preview", "early order.*"},
		{"mail.new", "preview", "own *"},
		{"mail.new", "bulk", "all mail.new"},
		{"mail.old", "bulk", "in mail.*"},
		{"mail.old", "default", "all *"},
		{"report", "bulk", "in report"},
		{"report.x", "bulk", "all report.*"},
	} {
		handled = nil
		if err := mux.Run(t.Context(), inQueue(c.typ, c.queue), 0).Err; err != nil {
			t.Errorf("%s in %s: %v", c.typ, c.queue, err)
		}
		if diff := cmp.Diff([]string{c.want}, handled); diff != "" {
			t.Errorf("%s in %s (-want +got)\n%s", c.typ, c.queue, diff)
		}
	}
	if pattern, names := mux.Handlers("mail.new"); pattern != "mail.new" || len(names) != 1 || mux.Handles("mail.new") {
		t.Errorf("handlers of mail.new: %s %v, registered: %t", pattern, names, mux.Handles("mail.new"))
	}
	mux.Late(symphony.LateHandlers{})
	var none *symphony.NoHandlerError
	if err := mux.Run(t.Context(), inQueue("mail.new", "bulk"), 0).Err; !errors.As(err, &none) {
		t.Errorf("without late handlers: %v", err)
	}
}

// Middleware and places are as those of other handlers; of their own are policies.
func TestMux_Late_is_like_others(t *testing.T) {
	var handled []string
	mux := symphony.NewMux()
	mux.Use(func(next symphony.Handler) symphony.Handler {
		return symphony.HandlerFunc(func(ctx context.Context, d *symphony.Delivery) error {
			handled = append(handled, "middleware")
			return next.Handle(ctx, d)
		})
	})
	mux.Retry("*", symphony.Policy{MaxRetries: 5})
	if mux.Bounded() {
		t.Error("nothing is set, and it is bounded")
	}
	all, own := named("all", &handled), symphony.NewMux()
	nothing := symphony.HandlerFunc(func(context.Context, *symphony.Delivery) error { return nil })
	all.Handle("mail.*", nothing, symphony.HandlerOptions{Places: 3})
	all.Retry("mail.*", symphony.Policy{MaxRetries: 7})
	own.Handle("mail.*", nothing, symphony.HandlerOptions{Places: symphony.HalfPlaces})
	mux.Late(symphony.LateHandlers{All: all, Own: map[string]*symphony.Mux{"preview": own}})
	if err := mux.Run(t.Context(), inQueue("mail.new", "default"), 0).Err; err != nil || len(handled) != 1 {
		t.Errorf("%v, %v", err, handled)
	}
	if !mux.Bounded() {
		t.Error("it is not bounded")
	}
	envelope := func(queue string) *symphony.Envelope { return &inQueue("mail.new", queue).Envelope }
	if pattern, places := mux.Places(envelope("default"), 10); pattern != "mail.*" || places != 3 {
		t.Errorf("places of %q: %d", pattern, places)
	}
	if pattern, places := mux.Places(envelope("preview"), 10); pattern == "mail.*" || places != 5 {
		t.Errorf("places of %q: %d, want 5 apart from those of the other handler", pattern, places)
	}
	for queue, want := range map[string]int{"default": 7, "preview": 5} {
		if got := mux.PolicyOf(envelope(queue), symphony.Policy{}).MaxRetries; got != want {
			t.Errorf("retries in %s: %d, want %d", queue, got, want)
		}
	}
	if got := mux.Policy("other", symphony.Policy{}).MaxRetries; got != 5 {
		t.Errorf("retries of another type: %d, want 5", got)
	}
}

// A message fails for want of a handler only after one was looked for, and waits where that cannot be done.
func TestMux_BeforeNoHandler(t *testing.T) {
	var handled []string
	mux := symphony.NewMux()
	looked, away := 0, errors.New("away")
	var found error
	mux.BeforeNoHandler(func(context.Context) error {
		looked++
		return found
	})
	var none *symphony.NoHandlerError
	if err := mux.Run(t.Context(), inQueue("mail", "q"), 0).Err; !errors.As(err, &none) || looked != 1 {
		t.Errorf("%v after %d looks", err, looked)
	}
	found = away
	err := mux.Run(t.Context(), inQueue("mail", "q"), 0).Err
	if wait, ok := symphony.DeferDelay(err); !ok || wait != time.Second || !errors.Is(err, away) {
		t.Errorf("where looking fails: %v, deferred by %s", err, wait)
	}
	mux.BeforeNoHandler(func(context.Context) error {
		mux.Late(symphony.LateHandlers{All: named("late", &handled, "mail")})
		return nil
	})
	if err := mux.Run(t.Context(), inQueue("mail", "q"), 0).Err; err != nil || len(handled) != 1 {
		t.Errorf("%v, handled by %v", err, handled)
	}
	if err := mux.Run(t.Context(), withURL("https://a.test"), 0).Err; !errors.As(err, &none) || !none.Pushed {
		t.Errorf("one with a URL of its own: %v", err)
	}
}

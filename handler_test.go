package symphony_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony"
)

// journal notes what ran, in order.
type journal struct{ entries []string }

func (j *journal) note(format string, args ...any) {
	j.entries = append(j.entries, fmt.Sprintf(format, args...))
}

// handler notes its name and returns err.
func (j *journal) handler(name string, err error) symphony.Handler {
	return handlerFunc(func(context.Context, *symphony.Delivery) error {
		j.note("%s", name)
		return err
	})
}

func (j *journal) want(t *testing.T, entries ...string) {
	t.Helper()
	if diff := cmp.Diff(entries, j.entries); diff != "" {
		t.Errorf("what ran (-want +got):\n%s", diff)
	}
	j.entries = nil
}

func TestMux_runs_the_handlers_of_the_most_specific_pattern(t *testing.T) {
	var j journal
	mux := symphony.NewMux()
	for _, pattern := range []string{"*", "order.*", "order.item.*", "order.paid"} {
		mux.Handle(pattern, j.handler(pattern, nil), symphony.HandlerOptions{})
	}
	mux.Handle("order.paid", j.handler("order.paid again", nil), symphony.HandlerOptions{})
	for typ, want := range map[string][]string{
		"order.paid":      {"order.paid", "order.paid again"},
		"order.sent":      {"order.*"},
		"order.item.lost": {"order.item.*"},
		"order":           {"*"},
	} {
		if res := mux.Run(t.Context(), handled(typ, `{}`), 0); res.Err != nil {
			t.Errorf("%s: %v", typ, res.Err)
		}
		j.want(t, want...)
	}
}

func TestMux_without_a_handler(t *testing.T) {
	mux := symphony.NewMux()
	mux.HandleFunc("order.*", func(context.Context, *symphony.Delivery) error { return nil })
	res := mux.Run(t.Context(), handled("user.created", `{}`), 0)
	want := &symphony.NoHandlerError{Type: "user.created"}
	if diff := cmp.Diff(symphony.Result{Err: want}, res); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	if mux.Handles("user.created") || !mux.Handles("order.paid") {
		t.Error("Handles does not say what Run does")
	}
}

func TestMux_runs_only_those_handlers_again_that_failed(t *testing.T) {
	var (
		j       journal
		failing = map[string]error{}
		mux     = symphony.NewMux()
	)
	for _, name := range []string{"mail", "", "ledger"} {
		mux.Handle("order.paid", handlerFunc(func(context.Context, *symphony.Delivery) error {
			j.note("%s", name)
			return failing[name]
		}), symphony.HandlerOptions{Name: name})
	}
	down := errors.New("down")
	failing["mail"], failing["ledger"] = down, symphony.Permanent(down)

	first := mux.Run(t.Context(), handled("order.paid", `{}`), 0)
	j.want(t, "mail", "", "ledger")
	if diff := cmp.Diff([]string{"2"}, first.Done); diff != "" {
		t.Errorf("done after the first attempt (-want +got):\n%s", diff)
	}
	if got, want := first.Err.Error(), "handler mail: down\nhandler ledger: down"; got != want {
		t.Errorf("error = %q, want %q", got, want)
	}
	if !errors.Is(first.Err, down) || symphony.IsPermanent(first.Err) {
		t.Errorf("error %v must be down and not permanent", first.Err)
	}

	delete(failing, "mail")
	again := handled("order.paid", `{}`)
	again.Done = append(make([]string, 0, 8), first.Done...)
	second := mux.Run(t.Context(), again, 0)
	j.want(t, "mail", "ledger")
	if diff := cmp.Diff([]string{"2", "mail"}, second.Done); diff != "" {
		t.Errorf("done after the second attempt (-want +got):\n%s", diff)
	}
	if got, want := second.Err.Error(), "handler ledger: down"; got != want || !symphony.IsPermanent(second.Err) {
		t.Errorf("error = %q, permanent %v; want %q, permanent", got, symphony.IsPermanent(second.Err), want)
	}
	if diff := cmp.Diff([]string{"2", ""}, again.Done[:2]); diff != "" {
		t.Errorf("the delivery was changed (-want +got):\n%s", diff)
	}

	delete(failing, "ledger")
	again.Done = second.Done
	third := mux.Run(t.Context(), again, 0)
	j.want(t, "ledger")
	if third.Err != nil {
		t.Errorf("error = %v after all have succeeded", third.Err)
	}
}

func TestMux_with_everything_done(t *testing.T) {
	var j journal
	mux := symphony.NewMux()
	mux.Handle("t", j.handler("only", errors.New("must not run")), symphony.HandlerOptions{Name: "only"})
	d := handled("t", `{}`)
	d.Done = []string{"only", "one that is no more"}
	if res := mux.Run(t.Context(), d, 0); res.Err != nil {
		t.Errorf("error = %v", res.Err)
	}
	j.want(t)
}

func TestMux_makes_panics_errors(t *testing.T) {
	for name, value := range map[string]any{"a text": "boom", "an error": errors.New("boom"), "a fault": nil} {
		t.Run(name, func(t *testing.T) {
			mux := symphony.NewMux()
			mux.HandleFunc("t", func(context.Context, *symphony.Delivery) error {
				if value == nil {
					_ = any(name).(int)
				}
				panic(value)
			})
			err := mux.Run(t.Context(), handled("t", `{}`), 0).Err
			var p *symphony.PanicError
			if !errors.As(err, &p) || !strings.Contains(p.Error(), "boom") && value != nil {
				t.Fatalf("error = %v, want a *PanicError", err)
			}
			if !strings.Contains(string(p.Stack), "handler_test.go") {
				t.Error("the stack does not show where it happened")
			}
		})
	}
	t.Run("in middleware", func(t *testing.T) {
		mux := symphony.NewMux()
		mux.HandleFunc("t", func(context.Context, *symphony.Delivery) error { return nil })
		mux.Use(func(symphony.Handler) symphony.Handler { panic("boom") })
		if got := symphony.ErrorClass(mux.Run(t.Context(), handled("t", `{}`), 0).Err); got != "panic" {
			t.Errorf("class = %q, want panic", got)
		}
	})
	t.Run("of one of two handlers", func(t *testing.T) {
		mux := symphony.NewMux()
		mux.HandleFunc("t", func(context.Context, *symphony.Delivery) error { panic("boom") })
		mux.HandleFunc("t", func(context.Context, *symphony.Delivery) error { return nil })
		res := mux.Run(t.Context(), handled("t", `{}`), 0)
		if symphony.ErrorClass(res.Err) != "panic" || len(res.Done) != 1 {
			t.Errorf("result = %+v, want a panic and the other handler done", res)
		}
	})
}

func TestMux_ends_handlers_at_their_timeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mux := symphony.NewMux()
		waiting := handlerFunc(func(ctx context.Context, _ *symphony.Delivery) error {
			<-ctx.Done()
			return ctx.Err()
		})
		mux.Handle("default", waiting, symphony.HandlerOptions{})
		mux.Handle("own", waiting, symphony.HandlerOptions{Timeout: time.Hour})
		mux.Handle("two", waiting, symphony.HandlerOptions{})
		mux.Handle("two", waiting, symphony.HandlerOptions{Timeout: 2 * time.Minute})
		for typ, want := range map[string]time.Duration{"default": time.Minute, "own": time.Hour, "two": 3 * time.Minute} {
			begin := time.Now()
			err := mux.Run(t.Context(), handled(typ, `{}`), time.Minute).Err
			if got := time.Since(begin); got != want {
				t.Errorf("%s: ended after %s, want %s", typ, got, want)
			}
			if symphony.ErrorClass(err) != "timeout" || symphony.IsPermanent(err) {
				t.Errorf("%s: error = %v of class %q", typ, err, symphony.ErrorClass(err))
			}
		}
	})
}

func TestMux_has_what_a_message_says_of_its_time_win(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mux := symphony.NewMux()
		mux.Handle("t", handlerFunc(func(ctx context.Context, _ *symphony.Delivery) error {
			<-ctx.Done()
			return ctx.Err()
		}), symphony.HandlerOptions{Timeout: time.Hour})
		d := handled("t", `{}`)
		d.Terms = &symphony.Terms{Timeout: 300 * time.Millisecond}
		begin := time.Now()
		err := mux.Run(t.Context(), d, time.Minute).Err
		if got := time.Since(begin); got != d.Terms.Timeout || symphony.ErrorClass(err) != "timeout" {
			t.Errorf("ended after %s with %v", got, err)
		}
	})
}

func TestMux_without_a_timeout_leaves_the_context_alone(t *testing.T) {
	mux := symphony.NewMux()
	mux.HandleFunc("t", func(ctx context.Context, _ *symphony.Delivery) error {
		if _, bounded := ctx.Deadline(); bounded {
			return errors.New("has a deadline")
		}
		return context.Cause(ctx)
	})
	ctx, cancel := context.WithCancelCause(t.Context())
	if err := mux.Run(ctx, handled("t", `{}`), 0).Err; err != nil {
		t.Error(err)
	}
	cancel(symphony.ErrLeaseLost)
	if err := mux.Run(ctx, handled("t", `{}`), 0).Err; !errors.Is(err, symphony.ErrLeaseLost) {
		t.Errorf("error = %v, want the caller's cause", err)
	}
}

func TestMux_wraps_each_handler_in_its_middleware(t *testing.T) {
	var j journal
	mux := symphony.NewMux()
	around := func(name string) symphony.Middleware {
		return func(next symphony.Handler) symphony.Handler {
			return handlerFunc(func(ctx context.Context, d *symphony.Delivery) error {
				j.note("%s begins", name)
				err := next.Handle(ctx, d)
				j.note("%s ends: %v", name, err)
				return fmt.Errorf("%s: %w", name, err)
			})
		}
	}
	mux.Use(around("outer"), around("middle"))
	mux.Handle("t", j.handler("handler", errors.New("down")), symphony.HandlerOptions{})
	mux.Use(around("inner"))
	res := mux.Run(t.Context(), handled("t", `{}`), 0)
	j.want(t, "outer begins", "middle begins", "inner begins", "handler", "inner ends: down", "middle ends: inner: down", "outer ends: middle: inner: down")
	if got, want := res.Err.Error(), "outer: middle: inner: down"; got != want {
		t.Errorf("error = %q, want %q", got, want)
	}
}

func TestMux_does_not_run_what_was_not_decoded(t *testing.T) {
	var j journal
	mux := symphony.NewMux()
	mux.Handle("*", j.handler("ran", nil), symphony.HandlerOptions{})
	d := handled("t", ``)
	d.DecodeErr, d.Done = errors.New("unexpected end"), []string{"1"}
	res := mux.Run(t.Context(), d, 0)
	j.want(t)
	if symphony.ErrorClass(res.Err) != "undecodable" || !symphony.IsPermanent(res.Err) || !errors.Is(res.Err, d.DecodeErr) {
		t.Errorf("error = %v of class %q", res.Err, symphony.ErrorClass(res.Err))
	}
	if diff := cmp.Diff(d.Done, res.Done); diff != "" {
		t.Errorf("done (-want +got):\n%s", diff)
	}
}

type order struct {
	ID    int64       `json:"id"`
	Total json.Number `json:"total"`
}

func TestHandle_decodes_the_payload(t *testing.T) {
	mux := symphony.NewMux()
	var got []order
	symphony.Handle(mux, "order.*", func(ctx context.Context, o order) error {
		d := symphony.DeliveryFrom(ctx)
		if d == nil || d.ID != "m1" || d.Attempt != 1 {
			t.Errorf("delivery = %+v", d)
		}
		got = append(got, o)
		return nil
	})
	if res := mux.Run(t.Context(), handled("order.paid", `{"id": 9007199254740993, "total": 1.10, "more": true}`), 0); res.Err != nil {
		t.Fatal(res.Err)
	}
	if diff := cmp.Diff([]order{{9007199254740993, "1.10"}}, got); diff != "" {
		t.Errorf("payload (-want +got):\n%s", diff)
	}
	for name, payload := range map[string]string{"another type": `{"id": "x"}`, "too large": `{"id": 1e400}`, "broken": `{"id":`} {
		t.Run(name, func(t *testing.T) {
			err := mux.Run(t.Context(), handled("order.paid", payload), 0).Err
			var decode *symphony.DecodeError
			if !errors.As(err, &decode) || !symphony.IsPermanent(err) || symphony.ErrorClass(err) != "undecodable" {
				t.Errorf("error = %v of class %q, want a permanent *DecodeError", err, symphony.ErrorClass(err))
			}
		})
	}
	if len(got) != 1 {
		t.Errorf("the handler ran %d times, want once", len(got))
	}
}

func TestHandleWith_takes_options(t *testing.T) {
	mux := symphony.NewMux()
	fail := func(context.Context, map[string]any) error { return errors.New("down") }
	symphony.HandleWith(mux, "t", symphony.HandlerOptions{Name: "mail"}, fail)
	symphony.HandleWith(mux, "t", symphony.HandlerOptions{Timeout: time.Hour}, func(ctx context.Context, _ map[string]any) error {
		if _, bounded := ctx.Deadline(); !bounded {
			return errors.New("has no deadline")
		}
		return nil
	})
	res := mux.Run(t.Context(), handled("t", `{}`), 0)
	if got, want := res.Err.Error(), "handler mail: down"; got != want {
		t.Errorf("error = %q, want %q", got, want)
	}
}

func TestDeliveryFrom_outside_of_a_typed_handler(t *testing.T) {
	if d := symphony.DeliveryFrom(t.Context()); d != nil {
		t.Errorf("delivery = %+v, want nil", d)
	}
}

func TestMux_panics_at_mistakes_of_the_program(t *testing.T) {
	nothing := func(context.Context, *symphony.Delivery) error { return nil }
	for name, test := range map[string]struct {
		register func(*symphony.Mux)
		want     string
	}{
		"an invalid pattern":   {func(m *symphony.Mux) { m.HandleFunc("a*", nothing) }, `symphony: pattern "a*"`},
		"a nil handler":        {func(m *symphony.Mux) { m.Handle("a", nil, symphony.HandlerOptions{}) }, "symphony: nil handler for a"},
		"a nil function":       {func(m *symphony.Mux) { m.HandleFunc("b", nil) }, "symphony: nil handler for b"},
		"a nil typed function": {func(m *symphony.Mux) { symphony.Handle[order](m, "b", nil) }, "symphony: nil handler for b"},
		"a nil batch function": {func(m *symphony.Mux) { symphony.HandleBatchOf[order](m, "b", symphony.BatchOptions{}, nil) }, "symphony: nil handler for b"},
		"nil middleware":       {func(m *symphony.Mux) { m.Use(nil) }, "symphony: nil middleware"},
		"a name taken": {func(m *symphony.Mux) {
			m.Handle("a", symphony.HandlerFunc(nothing), symphony.HandlerOptions{Name: "1"})
		}, `symphony: pattern a has two handlers named "1"`},
		"places below half": {func(m *symphony.Mux) {
			m.Handle("b", symphony.HandlerFunc(nothing), symphony.HandlerOptions{Places: -2})
		}, "symphony: pattern b: places -2"},
		"a policy of no pattern":        {func(m *symphony.Mux) { m.Retry("", symphony.Policy{}) }, "symphony: pattern is empty"},
		"a policy out of range":         {func(m *symphony.Mux) { m.Retry("a", symphony.Policy{Jitter: 2}) }, "symphony: jitter 2"},
		"a policy with two mistakes":    {func(m *symphony.Mux) { m.Retry("a*", symphony.Policy{Jitter: 2}) }, "jitter 2"},
		"a typed handler's bad pattern": {func(m *symphony.Mux) { symphony.Handle(m, "", func(context.Context, order) error { return nil }) }, "symphony: pattern is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if got := fmt.Sprint(recover()); !strings.Contains(got, test.want) {
					t.Errorf("panic = %s, want it to say %q", got, test.want)
				}
			}()
			mux := symphony.NewMux()
			mux.HandleFunc("a", nothing)
			test.register(mux)
		})
	}
}

func TestMux_Places(t *testing.T) {
	nothing := symphony.HandlerFunc(func(context.Context, *symphony.Delivery) error { return nil })
	mux := symphony.NewMux()
	if mux.Bounded() {
		t.Error("an empty mux is bounded")
	}
	mux.Handle("a.*", nothing, symphony.HandlerOptions{Places: symphony.HalfPlaces})
	if _, got := mux.Places(&symphony.Envelope{Type: "a.x"}, 10); got != 0 {
		t.Errorf("the only pattern has %d places, want no bound", got)
	}
	mux.Handle("b", nothing, symphony.HandlerOptions{})
	mux.Handle("c", nothing, symphony.HandlerOptions{Places: 7})
	mux.Handle("c", nothing, symphony.HandlerOptions{Places: 4})
	for typ, want := range map[string]struct {
		pattern string
		places  int
	}{"a.x": {"a.*", 5}, "b": {"b", 0}, "c": {"c", 4}, "d": {"", 0}} {
		if pattern, places := mux.Places(&symphony.Envelope{Type: typ}, 10); pattern != want.pattern || places != want.places {
			t.Errorf("%s: %q has %d places, want %q and %d", typ, pattern, places, want.pattern, want.places)
		}
	}
	if _, got := mux.Places(&symphony.Envelope{Type: "a.x"}, 1); got != 1 {
		t.Errorf("half of 1 is %d places, want 1", got)
	}
}

func TestMux_Policy(t *testing.T) {
	mux := symphony.NewMux()
	def := symphony.Policy{MaxRetries: 1}
	mux.Retry("order.*", symphony.Policy{MaxRetries: 5})
	mux.Retry("order.paid", symphony.Policy{MaxRetries: symphony.NoRetries})
	for typ, want := range map[string]int{"order.paid": symphony.NoRetries, "order.sent": 5, "user.created": 1} {
		if got := mux.Policy(typ, def).MaxRetries; got != want {
			t.Errorf("%s: max retries = %d, want %d", typ, got, want)
		}
	}
}

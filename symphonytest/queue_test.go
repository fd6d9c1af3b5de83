package symphonytest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/symphonytest"
)

type mail struct{ To string }

const (
	welcome = symphony.Type[mail]("mail.welcome")
	remind  = symphony.Type[mail]("mail.remind")
)

// failing is a test that notes its failure instead of failing.
type failing struct {
	testing.TB
	said string
}

func (f *failing) Helper() {}
func (f *failing) Fatalf(format string, args ...any) {
	f.said = fmt.Sprintf(format, args...)
	panic(f)
}

// said runs do on a queue and returns what failed its test.
func said(t *testing.T, o symphonytest.Options, do func(*symphonytest.Queue)) (text string) {
	t.Helper()
	f := &failing{TB: t}
	defer func() {
		if v := recover(); v != nil && v != any(f) {
			panic(v)
		}
		text = f.said
	}()
	do(symphonytest.New(f, o))
	return
}

func TestDrain_takes_no_time_for_delays_and_retries(t *testing.T) {
	q := symphonytest.New(t, symphonytest.Options{Policy: symphony.Policy{Delays: []time.Duration{10 * time.Minute, 20 * time.Minute}, Jitter: symphony.NoJitter}})
	start := q.Clock.Now()
	var at []time.Duration
	welcome.Handle(q.Mux, func(ctx context.Context, m mail) error {
		at = append(at, q.Clock.Now().Sub(start))
		if len(at) < 3 {
			return errors.New("the mail server is away")
		}
		_, err := remind.Dispatch(ctx, q.Bus, m, symphony.DispatchOptions{Delay: 24 * time.Hour})
		return err
	})
	reminded := time.Duration(0)
	remind.Handle(q.Mux, func(context.Context, mail) error {
		reminded = q.Clock.Now().Sub(start)
		return nil
	})
	if _, err := welcome.Dispatch(t.Context(), q.Bus, mail{"ada"}, symphony.DispatchOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := q.Work(); got != (symphonytest.Counts{Attempts: 1, Failed: 1}) || q.Clock.Now() != start {
		t.Errorf("work: %+v", got)
	}
	if list := q.Pending(); len(list) != 1 || list[0].Deliveries != 1 {
		t.Errorf("pending: %v", list)
	}
	if got := q.Drain(); got != (symphonytest.Counts{Attempts: 3, Succeeded: 2, Failed: 1}) {
		t.Errorf("drain: %+v", got)
	}
	if diff := cmp.Diff([]time.Duration{0, 10 * time.Minute, 30 * time.Minute}, at); diff != "" {
		t.Errorf("attempts after (-want +got):\n%s", diff)
	}
	if reminded != at[2]+24*time.Hour {
		t.Errorf("reminded after %s", reminded)
	}
	q.RequireNoFailed()
	if got := symphonytest.RequireDispatched(q, remind); got != (mail{"ada"}) {
		t.Errorf("reminded %v", got)
	}
}

func TestDrain_leaves_what_is_paused_and_waits_for_rates(t *testing.T) {
	limits, err := flow.NewLimits(flow.LimitOptions{Types: map[string]flow.TypeLimit{"mail.*": {Limit: flow.Limit{Rate: flow.Rate{Count: 1, Per: time.Minute}}}}})
	if err != nil {
		t.Fatal(err)
	}
	q := symphonytest.New(t, symphonytest.Options{Limits: limits})
	start := q.Clock.Now()
	handled := 0
	welcome.Handle(q.Mux, func(context.Context, mail) error { handled++; return nil })
	for range 3 {
		if _, err := welcome.Dispatch(t.Context(), q.Bus, mail{}, symphony.DispatchOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := welcome.Dispatch(t.Context(), q.Bus, mail{}, symphony.DispatchOptions{Queue: "paused"}); err != nil {
		t.Fatal(err)
	}
	control, err := flow.ControlOf(q.Bus, symphony.DefaultTransport)
	if err != nil {
		t.Fatal(err)
	}
	if err := control.Hold(t.Context(), flow.Hold{HoldTarget: flow.HoldTarget{Queue: "paused"}, Mode: flow.Paused}); err != nil {
		t.Fatal(err)
	}
	q.Drain()
	if passed := q.Clock.Now().Sub(start); handled != 3 || passed < 2*time.Minute || len(q.Pending()) != 1 {
		t.Errorf("%d were handled, %s passed, %d wait", handled, passed, len(q.Pending()))
	}
}

func TestQueue_handles_the_messages_of_all_transports(t *testing.T) {
	q := symphonytest.New(t, symphonytest.Options{
		Transports: []string{"default", "email"},
		Bus:        symphony.BusOptions{Routes: map[string][]string{"mail.*": {"email"}}},
	})
	var from []string
	q.Mux.HandleFunc("*", func(_ context.Context, d *symphony.Delivery) error {
		from = append(from, d.Transport)
		return nil
	})
	for _, typ := range []string{"mail.welcome", "order.paid"} {
		if _, err := q.Bus.Dispatch(t.Context(), typ, struct{}{}, symphony.DispatchOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	q.Work()
	if diff := cmp.Diff([]string{"default", "email"}, from); diff != "" {
		t.Errorf("handled (-want +got):\n%s", diff)
	}
}

func TestRequire_says_what_there_is(t *testing.T) {
	dispatch := func(q *symphonytest.Queue, typ symphony.Type[mail], key string) {
		t.Helper()
		if _, err := typ.Dispatch(t.Context(), q.Bus, mail{"ada"}, symphony.DispatchOptions{IdempotencyKey: key}); err != nil {
			t.Fatal(err)
		}
	}
	for name, test := range map[string]struct {
		do   func(*symphonytest.Queue)
		want string
	}{
		"one, and there is none": {func(q *symphonytest.Queue) { symphonytest.RequireDispatched(q, welcome) },
			`0 messages of type "mail.welcome" were dispatched, not 1; dispatched were none at all`},
		"one, and there are others": {func(q *symphonytest.Queue) {
			dispatch(q, remind, "")
			dispatch(q, remind, "")
			symphonytest.RequireDispatched(q, welcome)
		}, `not 1; dispatched were 2 of "mail.remind"`},
		"a duplicate does not count": {func(q *symphonytest.Queue) {
			dispatch(q, welcome, "k")
			dispatch(q, welcome, "k")
			symphonytest.RequireDispatched(q, welcome)
		}, ""},
		"none, and there is one": {func(q *symphonytest.Queue) {
			dispatch(q, welcome, "")
			q.RequireNotDispatched(welcome.Name())
		}, `1 messages of type "mail.welcome" were dispatched; the first is {"To":"ada"}`},
		"another payload": {func(q *symphonytest.Queue) {
			dispatch(q, welcome, "")
			symphonytest.RequireDispatched(q, symphony.Type[struct{ To int }]("mail.welcome"))
		}, `the payload of a message of type "mail.welcome" is no`},
		"no failure, and there is one": {func(q *symphonytest.Queue) {
			welcome.Handle(q.Mux, func(context.Context, mail) error { return symphony.Permanent(errors.New("no such user")) })
			dispatch(q, welcome, "")
			q.Drain()
			q.RequireNoFailed()
		}, "mail.welcome after 1 deliveries: no such user"},
		"an end, and there is none": {func(q *symphonytest.Queue) {
			welcome.Handle(q.Mux, func(context.Context, mail) error { dispatch(q, welcome, ""); return nil })
			dispatch(q, welcome, "")
			q.Drain()
		}, `50 attempts were made and there is no end; the last messages are ["mail.welcome"`},
	} {
		t.Run(name, func(t *testing.T) {
			got := said(t, symphonytest.Options{MaxAttempts: 50}, test.do)
			if !strings.Contains(got, test.want) || (got == "") != (test.want == "") {
				t.Errorf("said %q, want %q", got, test.want)
			}
		})
	}
}

func TestNewDelivery_is_good_for_a_handler(t *testing.T) {
	mux := symphony.NewMux()
	var got mail
	welcome.Handle(mux, func(_ context.Context, m mail) error { got = m; return nil })
	if r := mux.Run(t.Context(), symphonytest.NewDelivery(t, welcome.Name(), mail{"ada"}), 0); r.Err != nil || got.To != "ada" {
		t.Errorf("got %v, %v", got, r.Err)
	}
}

package postgres

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/retention"
)

// TestRetention_returns_space_within_a_day looks at rows of which nobody sees anything any more: those with the longest
// period go with the partition of their day, those with a shorter one when it is over for the day, and what says
// itself that it is kept for longer stays.
func TestRetention_returns_space_within_a_day(t *testing.T) {
	rules, err := retention.New(retention.Options{Types: map[string]retention.Periods{"Short": {Completed: new(time.Hour)}}})
	if err != nil {
		t.Fatal(err)
	}
	b := openBorder(t, Options{Periods: rules})
	b.restHouse(t)
	if err := b.rollPartitions(t.Context()); err != nil { // the day's is there before its first message
		t.Fatal(err)
	}
	for _, typ := range []string{"Short", "Short", "Order", "Kept"} {
		o := symphony.DispatchOptions{}
		if typ == "Kept" {
			o.Retention = new(72 * time.Hour)
		}
		if _, err := b.bus.Dispatch(t.Context(), typ, struct{}{}, o); err != nil {
			t.Fatal(err)
		}
		b.ack(t, b.receive(t, 1)...)
	}
	const day = "20261123"
	for _, step := range []struct {
		after                   time.Duration
		short, order, kept, own int // rows that are there, and whether the partition of the day is
	}{
		{after: 0, short: 2, order: 1, kept: 1, own: 1},
		{after: 12*time.Hour + 59*time.Minute, short: 2, order: 1, kept: 1, own: 1},
		// the period of the day's last is not over
		{after: 2 * time.Minute, order: 1, kept: 1, own: 1},
		{after: 22 * time.Hour, order: 1, kept: 1, own: 1},
		{after: 2 * time.Hour, kept: 1},
		{after: 48 * time.Hour},
	} {
		b.clock.Advance(step.after)
		if err := errors.Join(b.purge(t.Context()), b.rollPartitions(t.Context()),
			b.rollPartitions(t.Context())); err != nil {
			t.Fatal(err)
		}
		rows := func(typ string) int {
			return ask[int](t, b.url, "SELECT count(*) FROM symphony.messenger_completed WHERE type = $1", typ)
		}
		partition := ask[int](t, b.url, "SELECT count(*) FROM pg_class WHERE relname = $1", "messenger_completed_"+day)
		got := fmt.Sprint(rows("Short"), rows("Order"), rows("Kept"), partition)
		if want := fmt.Sprint(step.short, step.order, step.kept, step.own); got != want {
			t.Errorf("at %s rows are %s, want %s", b.clock.Now(), got, want)
		}
	}
}

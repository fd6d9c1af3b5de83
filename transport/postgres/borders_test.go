package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony/symphonytest/testclock"
	"github.com/symphony-messenger/symphony/transport/transporttest"

	"github.com/jackc/pgx/v5"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/internal/pgtest"
)

// border is a transport whose clock stands, and a bus for it.
type border struct {
	*Transport
	url   string
	clock *testclock.Clock
	bus   *symphony.Bus
}

func openBorder(t *testing.T, o Options) *border {
	t.Helper()
	b := &border{url: pgtest.URL(t), clock: testclock.New(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))}
	b.Transport = b.open(t, o)
	var err error
	if b.bus, err = symphony.NewBus([]symphony.Transport{b.Transport}, symphony.BusOptions{Clock: b.clock}); err != nil {
		t.Fatal(err)
	}
	return b
}

// open opens another process.
func (b *border) open(t *testing.T, o Options) *Transport {
	t.Helper()
	o.Clock, o.Logger = b.clock, slog.New(slog.DiscardHandler)
	tr, err := Open(t.Context(), b.url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tr.Close(); err != nil {
			t.Error(err)
		}
	})
	return tr
}

// restHouse keeps housekeeping from doing by itself, until the test ends, what the test has it do.
func (b *border) restHouse(t *testing.T) {
	b.house.round.Lock()
	t.Cleanup(b.house.round.Unlock)
}

func (b *border) dispatch(t *testing.T, n int, o symphony.DispatchOptions) (ids []string) {
	t.Helper()
	for range n {
		r, err := b.bus.Dispatch(t.Context(), "Order", struct{}{}, o)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, r.ID)
	}
	return ids
}

func (b *border) receive(t *testing.T, most int) []symphony.Delivery {
	t.Helper()
	got, err := b.Receive(t.Context(), symphony.ReceiveOptions{Max: most, MaxLost: most})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func (b *border) ack(t *testing.T, list ...symphony.Delivery) {
	t.Helper()
	for _, d := range list {
		if errs := b.Settle(t.Context(), []symphony.Settlement{{Lease: d.Lease, Outcome: symphony.Ack}}); errs != nil {
			t.Fatal(errs)
		}
	}
}

// stranger begins a transaction that is open until end is called, or the test ends.
func (b *border) stranger(t *testing.T, sql string, args ...any) (tx pgx.Tx, end func()) {
	t.Helper()
	tx, err := connect(t, b.url).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if sql != "" {
		tag, err := tx.Exec(t.Context(), sql, args...)
		if err != nil || tag.RowsAffected() != 1 {
			t.Fatalf("%s: %d rows, %v", sql, tag.RowsAffected(), err)
		}
	}
	end = func() {
		t.Helper()
		if err := tx.Commit(context.Background()); err != nil && !errors.Is(err, pgx.ErrTxClosed) {
			t.Error(err)
		}
	}
	t.Cleanup(end)
	return tx, end
}

// TestRowsThatOthersHold has a row of each kind locked by somebody else: what is done to the other rows must not wait
// for it.
func TestRowsThatOthersHold(t *testing.T) {
	dispatch := func(n int, o symphony.DispatchOptions) func(*testing.T, *border) {
		return func(t *testing.T, b *border) { b.dispatch(t, n, o) }
	}
	claimed := func(t *testing.T, b *border, want int) error {
		if got := b.receive(t, 10); len(got) != want {
			return fmt.Errorf("%d messages were claimed, want %d", len(got), want)
		}
		return nil
	}
	left := func(t *testing.T, b *border, table string, want int) error {
		if n := ask[int](t, b.url, "SELECT count(*) FROM symphony."+table); n != want {
			return fmt.Errorf("%s has %d rows, want %d", table, n, want)
		}
		return nil
	}
	for name, test := range map[string]struct {
		prepare func(*testing.T, *border)
		lock    string
		do      func(*testing.T, *border) error
	}{
		"a claim": {dispatch(3, symphony.DispatchOptions{}), "messenger_ready ORDER BY ord",
			func(t *testing.T, b *border) error { return claimed(t, b, 2) }},
		"a claim of several priorities": {func(t *testing.T, b *border) {
			for p := range 3 {
				b.dispatch(t, 2, symphony.DispatchOptions{Priority: 4 + p})
			}
		}, "messenger_ready ORDER BY rank, ord", func(t *testing.T, b *border) error { return claimed(t, b, 5) }},
		"a claim that looks at each message": {dispatch(3, symphony.DispatchOptions{}), "messenger_ready ORDER BY ord",
			func(t *testing.T, b *border) error {
				if err := b.Hold(t.Context(), flow.Hold{HoldTarget: flow.HoldTarget{Type: "Mail"}, Mode: flow.Paused}); err != nil {
					return err
				}
				return claimed(t, b, 2)
			}},
		"the end of leases": {func(t *testing.T, b *border) {
			b.dispatch(t, 3, symphony.DispatchOptions{})
			for range 3 {
				b.receive(t, 1)
			}
			b.clock.Jump(symphony.DefaultLease)
		}, "messenger_leases ORDER BY token", func(t *testing.T, b *border) error {
			if _, err := b.expire(t.Context()); err != nil {
				return err
			}
			return left(t, b, "messenger_ready", 2)
		}},
		"the count of scheduled messages": {func(t *testing.T, b *border) {
			b.dispatch(t, 3, symphony.DispatchOptions{Delay: time.Second})
			b.clock.Jump(time.Second)
		}, "messenger_scheduled ORDER BY id", func(t *testing.T, b *border) error {
			return errors.Join(b.promote(t.Context()), left(t, b, "messenger_scheduled", 1))
		}},
		"the sum of counts": {dispatch(1, symphony.DispatchOptions{}), "messenger_counters", func(t *testing.T, b *border) error {
			return b.fold(t.Context())
		}},
		"the purge of keys": {func(t *testing.T, b *border) {
			for i := range 3 {
				b.dispatch(t, 1, symphony.DispatchOptions{IdempotencyKey: fmt.Sprint(i)})
			}
			b.clock.Jump(symphony.DefaultIdempotencyWindow)
		}, "messenger_idempotency ORDER BY key", func(t *testing.T, b *border) error {
			return errors.Join(b.purge(t.Context()), left(t, b, "messenger_idempotency", 1))
		}},
		"a purge of messages": {dispatch(3, symphony.DispatchOptions{}), "messenger_ready ORDER BY ord", func(t *testing.T, b *border) error {
			n, err := b.Purge(t.Context(), flow.PurgeFilter{}, nil)
			if err == nil && n != 2 {
				err = fmt.Errorf("%d messages were purged, want 2", n)
			}
			return err
		}},
		"the expiry of messages": {func(t *testing.T, b *border) {
			b.dispatch(t, 3, symphony.DispatchOptions{ExpiresAt: b.clock.Now().Add(time.Second)})
			b.clock.Jump(time.Second)
		}, "messenger_ready ORDER BY ord", func(t *testing.T, b *border) error {
			return errors.Join(b.control(t.Context()), left(t, b, "messenger_ready", 1))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := openBorder(t, Options{Timeout: 20 * time.Second})
			b.restHouse(t)
			test.prepare(t, b)
			b.stranger(t, "SELECT 1 FROM symphony."+test.lock+" LIMIT 1 FOR UPDATE")
			if err := test.do(t, b); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestLateCommits has rows appear below a time at which others have looked already: a transaction may be committed a
// good while after it stored them.
func TestLateCommits(t *testing.T) {
	// Longer than any pause between two looks, shorter than the time after which everything is looked at.
	const late = 20 * time.Second
	t.Run("a message that a busy process has not heard of", func(t *testing.T) {
		b := openBorder(t, Options{})
		tx, commit := b.stranger(t, "")
		x := b.Tx(tx)
		r, err := b.bus.In(x).Dispatch(t.Context(), "Order", struct{}{}, symphony.DispatchOptions{})
		if err != nil {
			t.Fatal(err)
		}
		b.clock.Advance(500 * time.Millisecond)
		b.dispatch(t, 1, symphony.DispatchOptions{})
		b.ack(t, b.receive(t, 10)...)
		commit()
		if err := b.sweepRecent(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := b.receive(t, 10); len(got) != 1 || got[0].ID != r.ID {
			t.Errorf("got %d messages, want the one that was committed late", len(got))
		}
	})
	t.Run("a message that was scheduled", func(t *testing.T) {
		b := openBorder(t, Options{})
		tx, commit := b.stranger(t, "")
		o := symphony.DispatchOptions{ScheduledAt: b.clock.Now().Add(time.Second)}
		if _, err := b.bus.In(b.Tx(tx)).Dispatch(t.Context(), "Order", struct{}{}, o); err != nil {
			t.Fatal(err)
		}
		b.clock.Advance(late)
		for range 2 { // the first look is at everything
			if err := b.promote(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		commit()
		b.clock.Advance(time.Second)
		if err := b.promote(t.Context()); err != nil {
			t.Fatal(err)
		}
		if stats, err := b.Stats(t.Context()); err != nil || stats.Pending != 1 || stats.Scheduled != 0 {
			t.Errorf("%d pending, %d scheduled, %v; want one that is due", stats.Pending, stats.Scheduled, err)
		}
	})
	t.Run("a lease that was shortened", func(t *testing.T) {
		b := openBorder(t, Options{})
		ids := b.dispatch(t, 2, symphony.DispatchOptions{})
		if got, err := b.Receive(t.Context(), symphony.ReceiveOptions{Max: 1, Lease: time.Hour}); err != nil || len(got) != 1 {
			t.Fatalf("got %v, %v", got, err)
		}
		_, commit := b.stranger(t, "UPDATE symphony.messenger_leases SET expires_at = $1", b.clock.Now().Add(time.Second))
		b.clock.Advance(late)
		for range 2 {
			if _, err := b.expire(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		commit()
		if _, err := b.expire(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := make(map[string]bool)
		for _, d := range b.receive(t, 10) {
			got[d.ID] = true
		}
		if !got[ids[0]] || !got[ids[1]] {
			t.Errorf("got %v, want %v", got, ids)
		}
	})
}

// TestFirstRollDeletesNothing opens a database for a moment with settings that keep less.
func TestFirstRollDeletesNothing(t *testing.T) {
	b := openBorder(t, Options{Retention: 30 * 24 * time.Hour})
	id := b.dispatch(t, 1, symphony.DispatchOptions{})[0]
	b.ack(t, b.receive(t, 1)...)
	b.clock.Jump(5 * 24 * time.Hour)
	o := Options{Retention: time.Hour, Clock: b.clock, Logger: slog.New(slog.DiscardHandler)}
	other, err := Open(t.Context(), b.url, o)
	if err != nil {
		t.Fatal(err)
	}
	day := "messenger_completed_" + b.clock.Now().Format("20060102")
	for deadline := time.Now().Add(20 * time.Second); ask[int](t, b.url, "SELECT count(*) FROM pg_class WHERE relname = $1", day) == 0; {
		if time.Now().After(deadline) {
			t.Fatal("the partitions of the coming days are not made")
		}
	}
	if err := other.Close(); err != nil { // waits for what housekeeping has begun
		t.Fatal(err)
	}
	if m, err := transporttest.GetMessage(t.Context(), b, id); err != nil || m.Status != symphony.Completed {
		t.Errorf("got %s, %v; want the completed message", m.Status, err)
	}
}

// TestHolds_that_were_read_last_are_known has a process read what is stopped, and be told of it only after it has
// stopped something itself.
func TestHolds_that_were_read_last_are_known(t *testing.T) {
	b := openBorder(t, Options{})
	began, before := b.holds.begin(), b.holds.known()
	if err := b.Hold(t.Context(), flow.Hold{HoldTarget: flow.HoldTarget{Type: "Order"}, Mode: flow.Paused}); err != nil {
		t.Fatal(err)
	}
	b.holds.keep(began, before)
	b.dispatch(t, 1, symphony.DispatchOptions{})
	if got, err := b.Receive(t.Context(), symphony.ReceiveOptions{}); err != nil || len(got) != 0 {
		t.Errorf("got %d messages, %v; want none of the type that is paused", len(got), err)
	}
}

// TestStaleHoldsDecideNothingThatLasts has a process that has not heard yet that another one has ended a pause.
func TestStaleHoldsDecideNothingThatLasts(t *testing.T) {
	target := flow.HoldTarget{Type: "Order"}
	open := func(t *testing.T) (b *border, stale func()) {
		b = openBorder(t, Options{})
		other := b.open(t, Options{})
		if err := other.Hold(t.Context(), flow.Hold{HoldTarget: target, Mode: flow.Paused}); err != nil {
			t.Fatal(err)
		}
		if err := b.loadHolds(t.Context()); err != nil {
			t.Fatal(err)
		}
		before := b.holds.known()
		b.dispatch(t, 3, symphony.DispatchOptions{})
		return b, func() {
			t.Helper()
			if err := other.Release(t.Context(), target); err != nil {
				t.Fatal(err)
			}
			b.holds.keep(b.holds.begin(), before)
		}
	}
	want := func(t *testing.T, b *border, n int) {
		t.Helper()
		if got := b.receive(t, 10); len(got) != n {
			t.Errorf("%d messages were handed out, want %d", len(got), n)
		}
	}
	t.Run("a claim parks nothing", func(t *testing.T) {
		b, stale := open(t)
		stale()
		want(t, b, 3)
	})
	t.Run("a gate is not kept closed", func(t *testing.T) {
		b, _ := open(t)
		want(t, b, 0)
		// The process that ends the pause goes no further than its commit.
		execute(t, b.url, "DELETE FROM symphony.messenger_holds", "UPDATE symphony.messenger_gates SET wake_at = '2026-11-23T12:00:00Z'")
		if err := b.with(t.Context(), "wake gates", func(ctx context.Context, l *link) error {
			f, err := b.beginFlow(ctx, l)
			if err == nil {
				err = f.engine.Wake()
			}
			if err == nil {
				err = f.finish()
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if left := ask[int](t, b.url, "SELECT count(*) FROM symphony.messenger_parked"); left != 0 {
			t.Errorf("%d messages still wait for the end of a pause that is over", left)
		}
	})
}

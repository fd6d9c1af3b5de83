package operation_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/operation"
	"github.com/symphony-messenger/symphony/symphonytest/testclock"
	"github.com/symphony-messenger/symphony/transport/sqlite"
	"github.com/symphony-messenger/symphony/transport/transporttest"
)

// both are the kinds of work that Do does.
var both = []operation.Kind{operation.FailedRetry, operation.FailedDelete}

// atOnce is a storage whose clock the test moves, and its dead letters.
func atOnce(t *testing.T) (*fixture, *testclock.Clock, *symphony.DeadLetters) {
	t.Helper()
	clock := testclock.New(time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC))
	tr, err := sqlite.OpenTemporary(t.Context(), sqlite.Options{Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	f := on(t, tr, symphony.BusOptions{Clock: clock})
	dead, err := f.bus.Failed(tr.Name())
	if err != nil {
		t.Fatal(err)
	}
	return f, clock, dead
}

// ids are the FailedIDs of the first n failures.
func (f *fixture) ids(n int) []string {
	f.Helper()
	list, err := transporttest.SelectFailed(f.Context(), f.tr, symphony.MessageFilter{}, n)
	if err != nil {
		f.Fatal(err)
	}
	return list
}

func everything(kind operation.Kind) operation.Request {
	return operation.Request{Kind: kind, Filter: &symphony.MessageFilter{}, All: true}
}

func TestDo_goes_in_chunks(t *testing.T) {
	for _, kind := range both {
		t.Run(string(kind), func(t *testing.T) {
			f, clock, dead := atOnce(t)
			f.fail(1203, "Mail")
			clock.Advance(time.Second)
			var progress []int
			n, err := operation.Do(t.Context(), dead, everything(kind), func(done int) { progress = append(progress, done) })
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]int{500, 1000, 1203}, progress); diff != "" || n != 1203 {
				t.Errorf("%d messages, progress (-want +got):\n%s", n, diff)
			}
			f.wantCounts(map[operation.Kind]int64{operation.FailedRetry: 1203}[kind], 0, 0)
		})
	}
}

func TestDo_by_id(t *testing.T) {
	for _, kind := range both {
		t.Run(string(kind), func(t *testing.T) {
			f, _, dead := atOnce(t)
			f.fail(700, "Mail")
			ids := append([]string{"unknown"}, f.ids(600)...)
			var progress []int
			r := operation.Request{Kind: kind, IDs: ids}
			n, err := operation.Do(t.Context(), dead, r, func(done int) { progress = append(progress, done) })
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]int{499, 600}, progress); diff != "" || n != 600 {
				t.Errorf("%d messages, progress (-want +got):\n%s", n, diff)
			}
			for _, id := range f.ids(1000) {
				if slices.Contains(ids, id) {
					t.Errorf("%s is left", id)
				}
			}
		})
	}
}

func TestDo_by_filter(t *testing.T) {
	f, clock, dead := atOnce(t)
	f.fail(3, "Mail")
	f.fail(2, "Other")
	clock.Advance(time.Second)
	for _, test := range []struct {
		filter symphony.MessageFilter
		want   int
	}{
		{symphony.MessageFilter{Type: "Mail"}, 3},
		{symphony.MessageFilter{Until: clock.Now().Add(-time.Hour)}, 0},
		{symphony.MessageFilter{Type: "Other", Priority: 9}, 0},
	} {
		r := operation.Request{Kind: operation.FailedDelete, Filter: &test.filter}
		if n, err := operation.Do(t.Context(), dead, r, nil); n != test.want || err != nil {
			t.Errorf("%+v: deleted %d, %v; want %d", test.filter, n, err, test.want)
		}
	}
	f.wantCounts(0, 0, 2)
}

// Messages that fail while the work is done are left alone: else those that fail again at once would never end.
func TestDo_ends(t *testing.T) {
	for name, bound := range map[string]time.Duration{"without a bound": 0, "with a bound ahead": time.Hour} {
		for _, later := range []time.Duration{0, time.Second} {
			t.Run(name+" after "+later.String(), func(t *testing.T) {
				f, clock, dead := atOnce(t)
				f.fail(600, "Mail")
				clock.Advance(later)
				r := everything(operation.FailedRetry)
				if bound > 0 {
					r.Filter.Until = clock.Now().Add(bound)
				}
				rounds := 0
				n, err := operation.Do(t.Context(), dead, r, func(int) {
					if rounds++; rounds > 10 {
						t.Fatal("it does not end")
					}
					f.settle(symphony.Fail)
				})
				if n != 600 || err != nil {
					t.Errorf("retried %d, %v; want 600", n, err)
				}
				f.wantCounts(0, 0, 600)
			})
		}
	}
}

func TestDo_says_how_far_it_got(t *testing.T) {
	for _, kind := range both {
		for _, byID := range []bool{false, true} {
			f, clock, dead := atOnce(t)
			f.fail(600, "Mail")
			clock.Advance(time.Second)
			r := everything(kind)
			if byID {
				r = operation.Request{Kind: kind, IDs: f.ids(600)}
			}
			n, err := operation.Do(t.Context(), dead, r, func(int) { f.tr.Close() })
			if n != 500 || !errors.Is(err, symphony.ErrClosed) {
				t.Errorf("%s, by id %v: %d, %v; want 500 and ErrClosed", kind, byID, n, err)
			}
		}
	}
}

// Failures that a clock dated ahead, before it was set back, are moved like all others, and once: at once and in the
// background.
func TestFailuresOfTimesToCome(t *testing.T) {
	for _, kind := range both {
		f, clock, dead := atOnce(t)
		f.fail(3, "Mail")
		clock.Step(-time.Hour)
		f.fail(2, "Mail")
		clock.Advance(time.Second)
		again := func(int) { f.settle(symphony.Fail) } // they fail again at once
		if n, err := operation.Do(t.Context(), dead, everything(kind), again); n != 5 || err != nil {
			t.Errorf("%s at once: got %d, %v; want 5", kind, n, err)
		}
	}
	bubble(t, func(f *fixture) {
		f.fail(2, "Mail")
		wait(time.Second)
		op := f.start(operation.Request{Kind: operation.FailedRetry, Filter: &symphony.MessageFilter{}})
		f.fail(1, "Mail") // at the time of the beginning, and after it
		wait(time.Second)
		f.want(op.ID, operation.Completed, 2, 0)
		f.fail(3, "Mail") // at the time of the beginning, and before it
		op = f.start(operation.Request{Kind: operation.FailedRetry, Filter: &symphony.MessageFilter{}})
		if op.Ahead == 0 {
			f.Errorf("nothing is ahead of %+v", op)
		}
		wait(time.Second)
		f.want(op.ID, operation.Completed, 6, 0)
	})
}

func TestDo_refuses(t *testing.T) {
	f, _, dead := atOnce(t)
	f.fail(1, "Mail")
	all, pending := &symphony.MessageFilter{}, &symphony.MessageFilter{Status: symphony.Pending}
	for want, r := range map[string]operation.Request{
		"all must be true to delete every failed message":     {Kind: operation.FailedDelete, Filter: all},
		"ids or filter is required":                           {Kind: operation.FailedRetry},
		"filter.status must be failed":                        {Kind: operation.FailedRetry, Filter: pending},
		"kind this is done in the background":                 {Kind: operation.MessagesReplay, Filter: all},
		"filter.status must be completed for messages.replay": {Kind: operation.MessagesReplay, Filter: pending},
		"rate is for work in the background":                  {Kind: operation.FailedRetry, Filter: all, Rate: 1},
	} {
		_, err := operation.Do(t.Context(), dead, r, nil)
		if !errors.Is(err, symphony.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	f.wantCounts(0, 0, 1)
}

// One caller's work leaves other callers' messages alone, by ids as well.
func TestDo_of_one_caller(t *testing.T) {
	for _, byID := range []bool{false, true} {
		f, clock, dead := atOnce(t)
		for _, by := range []string{"user:a", "user:b", ""} {
			o := symphony.DispatchOptions{DispatchedBy: by}
			if _, err := f.bus.Dispatch(t.Context(), "Mail", struct{}{}, o); err != nil {
				t.Fatal(err)
			}
		}
		f.settle(symphony.Fail)
		clock.Advance(time.Second)
		r := everything(operation.FailedDelete)
		if byID {
			r = operation.Request{Kind: operation.FailedDelete, IDs: f.ids(10)}
		}
		if n, err := operation.Do(t.Context(), dead.Of("user:a"), r, nil); n != 1 || err != nil {
			t.Errorf("by id %v: deleted %d, %v; want 1", byID, n, err)
		}
		f.wantCounts(0, 0, 2)
	}
}

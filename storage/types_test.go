package storage_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

func TestShare_takes_all_of_small_lanes_and_as_many_of_each_other(t *testing.T) {
	for _, tt := range []struct {
		waiting []int64
		most    int
		want    int64
	}{
		{nil, 10, 0},
		{[]int64{1_000_000}, 10_000, 10_000},
		{[]int64{3, 1_000_000, 3}, 10_000, 9_994},
		{[]int64{50, 50}, 10, 5},
		{[]int64{1, 50, 50}, 11, 5},
		{[]int64{9, 1}, 10, 9},
		{[]int64{7, 7, 7}, 2, 0},
	} {
		if got := storage.Share(tt.waiting, tt.most); got != tt.want {
			t.Errorf("%v of at most %d: %d, want %d", tt.waiting, tt.most, got, tt.want)
		}
	}
}

func TestShare_looks_at_all_that_it_may(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		waiting := rapid.SliceOfN(rapid.Int64Range(0, 100), 1, 20).Draw(t, "waiting")
		most := rapid.IntRange(1, 500).Draw(t, "most")
		share, sum, all := storage.Share(waiting, most), int64(0), int64(0)
		for _, n := range waiting {
			sum += min(n, share)
			all += n
		}
		if want := min(all, int64(most)); sum > int64(most) || want-sum >= int64(len(waiting)) {
			t.Errorf("%d of %v: looks at %d, want %d but for less than one of each", most, waiting, sum, want)
		}
		if all <= int64(most) && sum != all {
			t.Errorf("%d of %v: looks at %d, want all", most, waiting, sum)
		}
	})
}

// counter counts as it is told, and remembers whom it was asked about.
type counter struct {
	symphony.Transport
	name    string
	storage *counts
}

type counts struct {
	storage.TypeCounts
	asked [][]string
}

func (c counter) Name() string { return c.name }

func (c counter) Capabilities() symphony.Capabilities {
	return symphony.Capabilities{Messages: true, Storage: c.storage}
}

func (c counter) CountTypes(_ context.Context, transports []string, _ int) (storage.TypeCounts, error) {
	c.storage.asked = append(c.storage.asked, transports)
	return c.storage.TypeCounts, nil
}

func live(pending, processing int64) storage.Live {
	return storage.Live{Pending: pending, Processing: processing}
}

func TestCountTypes_asks_each_storage_once(t *testing.T) {
	one := &counts{TypeCounts: storage.TypeCounts{Types: map[string]storage.Live{"A": live(1, 2), "B": live(3, 0)},
		MorePending: true}}
	two := &counts{TypeCounts: storage.TypeCounts{Types: map[string]storage.Live{"A": live(10, 20)}}}
	got, err := storage.CountTypes(t.Context(), []symphony.Transport{counter{name: "a", storage: one},
		counter{name: "b", storage: two}, counter{name: "c", storage: one}}, 100)
	want := storage.TypeCounts{Types: map[string]storage.Live{"A": live(11, 22), "B": live(3, 0)}, MorePending: true}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	if diff := cmp.Diff([][]string{{"a", "c"}}, one.asked); diff != "" || len(two.asked) != 1 {
		t.Errorf("asked %v\n%s", two.asked, diff)
	}
	if _, err := storage.CountTypes(t.Context(), nil, 100); !errors.Is(err, symphony.ErrUnsupported) {
		t.Errorf("without transports: %v", err)
	}
}

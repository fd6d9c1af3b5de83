package flow_test

import (
	"testing"

	"github.com/symphony-messenger/symphony/flow"
	"pgregory.net/rapid"
)

// However claims come, those that wait longest never get more than their share of all that was claimed, and never have
// to wait for more than StarvationShare further messages.
func TestFairShare(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var f flow.FairShare
		claimed, starved, since := 0, 0, 0
		for range rapid.IntRange(1, 200).Draw(t, "claims") {
			n := rapid.IntRange(0, 35).Draw(t, "size")
			reserved := f.Reserve(n)
			if reserved < 0 || reserved > n {
				t.Fatalf("%d of %d are reserved", reserved, n)
			}
			waiting := rapid.Bool().Draw(t, "starving")
			given := 0
			if waiting {
				given = reserved
			}
			f.Spend(n, given)
			claimed, starved = claimed+n, starved+given
			if starved*flow.StarvationShare > claimed {
				t.Fatalf("%d of %d went to the starving, more than one in %d", starved, claimed, flow.StarvationShare)
			}
			if since += n; given > 0 || !waiting {
				since = 0
			}
			if since >= flow.StarvationShare {
				t.Fatalf("%d messages were claimed past one that starves", since)
			}
		}
	})
}

func TestFairShare_is_not_saved_up(t *testing.T) {
	var f flow.FairShare
	f.Spend(10_000, 0)
	if got := f.Reserve(1); got != 1 {
		t.Errorf("after much without starving, Reserve(1) = %d, want 1", got)
	}
	f.Spend(1, 1)
	if got := f.Reserve(flow.StarvationShare - 1); got != 0 {
		t.Errorf("right after a share was spent, Reserve(%d) = %d, want 0", flow.StarvationShare-1, got)
	}
}

func TestFairShare_of_single_claims_is_every_tenth(t *testing.T) {
	var f flow.FairShare
	for i := range 100 {
		want := 0
		if i%flow.StarvationShare == flow.StarvationShare-1 {
			want = 1
		}
		got := f.Reserve(1)
		if got != want {
			t.Fatalf("claim %d: Reserve(1) = %d, want %d", i+1, got, want)
		}
		f.Spend(1, got)
	}
}

package server

import (
	"context"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/audit"
	"github.com/symphony-messenger/symphony/retention"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

// Dead letters whose period is over are one entry for each run, also of a run from before there was a trail.
func TestAging_is_audited_once_a_run(t *testing.T) {
	rules, err := retention.New(retention.Options{Types: map[string]retention.Periods{"Bill": {Failed: new(time.Duration(0))}}})
	if err != nil {
		t.Fatal(err)
	}
	a := aging{log: slog.New(slog.DiscardHandler)}
	tr, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "queue.db"), sqlite.Options{Periods: rules,
		Aged: a.tell})
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{})
	if err != nil {
		t.Fatal(err)
	}
	run := func(types ...string) {
		t.Helper()
		for _, typ := range types {
			if _, err := bus.Dispatch(t.Context(), typ, struct{}{}, symphony.DispatchOptions{}); err != nil {
				t.Fatal(err)
			}
			list, err := tr.Receive(t.Context(), symphony.ReceiveOptions{Max: 1, Worker: "w"})
			if err != nil || len(list) != 1 {
				t.Fatalf("received %v, %v", list, err)
			}
			st := symphony.Settlement{Lease: list[0].Lease, Outcome: symphony.Fail, Error: "no", ErrorClass: "test"}
			if errs := tr.Settle(t.Context(), []symphony.Settlement{st}); errs != nil {
				t.Fatal(errs)
			}
		}
		if err := tr.Housekeep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	run("Bill", "Bill", "Order")
	trail := audit.New(tr, audit.Options{})
	a.use(context.Background(), trail)
	run("Order")
	run("Bill")
	page, err := trail.List(t.Context(), audit.Query{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	var got []int64
	for _, e := range page.Entries {
		var result struct {
			Deleted int64
			Of      []agedPlace
		}
		if err := json.Unmarshal(e.Result, &result); err != nil || e.Action != agedAction || e.Outcome != audit.OK ||
			len(result.Of) != 1 || result.Of[0].Type != "Bill" {
			t.Errorf("got %+v, %s, %v", e, e.Result, err)
		}
		got = append(got, result.Deleted)
	}
	if diff := cmp.Diff([]int64{1, 2}, got); diff != "" || a.deleted() != 3 {
		t.Errorf("deleted %d; entries, the newest first (-want +got):\n%s", a.deleted(), diff)
	}
}

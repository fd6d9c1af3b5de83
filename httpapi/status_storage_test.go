package httpapi_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
	"github.com/symphony-messenger/symphony/symphonytest"
	"github.com/symphony-messenger/symphony/symphonytest/testclock"
	"github.com/symphony-messenger/symphony/transport/sqlite"

	"github.com/symphony-messenger/symphony/httpapi"
)

// The status says what the storage uses bytes for, once that has been looked at: by known kinds, which add up.
func TestStatus_tells_the_bytes_of_the_storage(t *testing.T) {
	clock := testclock.New(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
	tr := symphonytest.Storage(t, sqlite.Options{Clock: clock})
	f := newFixture(t, func(o *httpapi.Options) {
		bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{Clock: clock})
		if err != nil {
			t.Fatal(err)
		}
		o.Bus, o.Clock = bus, clock
	})
	for range 20 {
		f.send("Job", `{"n":1}`, `{}`)
	}
	clock.Advance(time.Hour)
	if err := tr.Housekeep(t.Context()); err != nil {
		t.Fatal(err)
	}
	a := f.call("GET", "/api/symphony/status", "")
	told, _ := a.body["storage"].(map[string]any)
	if a.status != 200 || told == nil {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	number := func(v any) float64 {
		n, _ := strconv.ParseFloat(fmt.Sprint(v), 64)
		return n
	}
	kinds, sum := told["kinds"].(map[string]any), 0.0
	for kind, n := range kinds {
		if sum += number(n); !slices.Contains(storage.Kinds(), kind) {
			t.Errorf("unknown kind %q", kind)
		}
	}
	if total := number(told["total"]); total <= 0 || total != sum || number(kinds[storage.BytesWaiting]) <= 0 {
		t.Errorf("total %v, of kinds %v: %s", told["total"], sum, a.raw)
	}
	if told["at"] != "2026-11-23T13:00:00Z" || told["approximate"] != true {
		t.Errorf("at %v, approximate %v", told["at"], told["approximate"])
	}
}

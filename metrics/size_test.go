package metrics_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
	"github.com/symphony-messenger/symphony/symphonytest"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

// A record stays small, whatever the durations are: log-normal ones of 1000 attempts a minute of each of ten types.
func TestRecords_are_small(t *testing.T) {
	clock := newClock()
	store := symphonytest.Storage(t, sqlite.Options{})
	r := recorder(t, store, clock)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 10_000 {
		e := attempt(fmt.Sprint("type", i%10), symphony.Ack, time.Duration(5e6*math.Exp(random.NormFloat64())), time.Duration(1e6*math.Exp(2*random.NormFloat64())))
		r.AttemptsEnded([]symphony.EndedAttempt{e})
	}
	flush(t, r)
	list, err := storage.List(context.Background(), store, "metrics")
	if err != nil || len(list) != 1 {
		t.Fatal(len(list), err)
	}
	if n := len(list[0].Data); n > 15_000 {
		t.Errorf("a record of ten types has %d bytes, want at most 15000", n)
	} else {
		t.Logf("%d bytes", n)
	}
}

package metrics_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/internal/pgtest"
	"github.com/symphony-messenger/symphony/metrics"
	"github.com/symphony-messenger/symphony/storage"
	"github.com/symphony-messenger/symphony/symphonytest"
	"github.com/symphony-messenger/symphony/symphonytest/testclock"
	"github.com/symphony-messenger/symphony/transport/postgres"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

var noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

var quiet = slog.New(slog.DiscardHandler)

// storages are where metrics are kept, each fresh.
func storages(t *testing.T, test func(t *testing.T, store storage.Records)) {
	t.Run("sqlite", func(t *testing.T) { test(t, symphonytest.Storage(t, sqlite.Options{Logger: quiet})) })
	t.Run("postgres", func(t *testing.T) {
		tr, err := postgres.Open(t.Context(), pgtest.URL(t), postgres.Options{Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { tr.Close() })
		test(t, struct{ storage.Records }{tr}) // without the server's clock, so that the tests' decides
	})
}

func recorder(t *testing.T, store storage.Records, clock symphony.Clock) *metrics.Recorder {
	t.Helper()
	r, err := metrics.New(store, metrics.Options{Clock: clock, Logger: quiet, Node: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// attempt is one that ended, whose handler took a while and whose message had waited.
func attempt(typ string, outcome symphony.Outcome, took, waited time.Duration) symphony.EndedAttempt {
	e := symphony.EndedAttempt{MessageID: "m", Transport: "default", Queue: "default", Type: typ, Attempt: 1, CreatedAt: noon, Worker: "w",
		Settlement: symphony.Settlement{Outcome: outcome, StartedAt: noon.Add(waited), FinishedAt: noon.Add(waited + took)}}
	if outcome == symphony.Retry || outcome == symphony.Fail {
		e.Settlement.Error, e.Settlement.ErrorClass = "boom", "error"
	}
	return e
}

// ended tells a recorder of n attempts.
func ended(r *metrics.Recorder, n int, typ string, outcome symphony.Outcome) {
	for range n {
		r.AttemptsEnded([]symphony.EndedAttempt{attempt(typ, outcome, 10*time.Millisecond, time.Millisecond)})
	}
}

func flush(t *testing.T, r *metrics.Recorder) {
	t.Helper()
	if err := r.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// query asks for the last minutes.
func query(t *testing.T, r *metrics.Recorder, clock symphony.Clock, minutes int) metrics.Result {
	t.Helper()
	to := clock.Now().Truncate(time.Minute).Add(time.Minute)
	got, err := r.Query(context.Background(), metrics.Query{From: to.Add(-time.Duration(minutes) * time.Minute), To: to})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func newClock() *testclock.Clock { return testclock.New(noon) }

var errAway = errors.New("storage is away")

// faulty is a store whose writes fail while away.
type faulty struct {
	storage.Records
	away bool
}

func (f *faulty) SwapRecord(ctx context.Context, kind, id string, old, new []byte) error {
	if f.away {
		return errAway
	}
	return f.Records.SwapRecord(ctx, kind, id, old, new)
}

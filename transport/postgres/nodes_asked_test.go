package postgres

import (
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/internal/pgtest"
	"github.com/symphony-messenger/symphony/symphonytest/testclock"
)

// Who asks is known to all nodes by their heartbeats, and known of what is gone.
func TestAsks_are_known_to_other_nodes(t *testing.T) {
	url := pgtest.URL(t)
	clock := testclock.New(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
	open := func() *Transport {
		tr, err := Open(t.Context(), url, Options{Clock: clock})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { tr.Close() })
		return tr
	}
	looking, working := open(), open()
	bus, o := busOf(t, looking), symphony.DispatchOptions{Queue: "q"}
	if _, err := bus.Dispatch(t.Context(), "Job", map[string]any{}, o); err != nil {
		t.Fatal(err)
	}
	since := func(of *Transport) time.Time {
		t.Helper()
		stats, err := of.Stats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return stats.Queues["q"].UnaskedSince
	}
	opened := since(looking)
	if opened.IsZero() || opened.After(clock.Now()) {
		t.Errorf("nobody has asked since %s, want since it was opened", opened)
	}
	if _, err := working.Receive(t.Context(), symphony.ReceiveOptions{Queues: []string{"p", "q"}}); err != nil {
		t.Fatal(err)
	}
	asked := clock.Now()
	clock.Advance(time.Second)
	if err := working.beat(t.Context()); err != nil {
		t.Fatal(err)
	}
	clock.Advance(time.Hour)
	if err := working.Close(); err != nil {
		t.Fatal(err)
	}
	// The other one may have been asked until its next heartbeat.
	if got, want := since(looking), asked.Add(beatEvery*time.Microsecond); !got.Equal(want) {
		t.Errorf("nobody has asked since %s, want %s", got, want)
	}

	// It was a pull worker, and does not get what is pushed to URLs. Another one does.
	pushed := func() time.Time {
		t.Helper()
		stats, err := looking.Stats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return stats.Queues["q"].UnpushedSince
	}
	if got := pushed(); got.After(asked) {
		t.Errorf("nobody who pushes has asked since %s, want since it was opened", got)
	}
	pushing := open()
	o2 := symphony.ReceiveOptions{Queues: []string{"q"}, Pushes: true, Max: 1}
	if _, err := pushing.Receive(t.Context(), o2); err != nil {
		t.Fatal(err)
	}
	asked = clock.Now()
	if err := pushing.beat(t.Context()); err != nil {
		t.Fatal(err)
	}
	clock.Advance(time.Hour)
	if err := pushing.Close(); err != nil {
		t.Fatal(err)
	}
	if got, want := pushed(), asked.Add(beatEvery*time.Microsecond); !got.Equal(want) {
		t.Errorf("nobody who pushes has asked since %s, want %s", got, want)
	}

	// While a node of a release is alive that notes nothing, nothing is known.
	err := looking.do(t.Context(), "test", call{query: newQuery("test_older", `INSERT INTO {schema}.messenger_nodes
		(id, seen_at, started_at, name, version, info, knows)
		VALUES ('00000000-0000-7000-8000-000000000001', $1::timestamptz, $1, 'old', '', '{}', 14)`),
		params: [][]byte{looking.nowParam()}})
	if err != nil {
		t.Fatal(err)
	}
	if err := looking.beat(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := since(looking); !got.Equal(clock.Now()) {
		t.Errorf("beside a node of an older release: since %s, want %s", got, clock.Now())
	}
}

package postgres

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
)

// TestGateNamesOfOlderReleases brings a database up to date in which two limits share a gate.
func TestGateNamesOfOlderReleases(t *testing.T) {
	limits, err := flow.NewLimits(flow.LimitOptions{Types: map[string]flow.TypeLimit{
		"X": {PerKey: flow.Limit{Concurrency: 1, Rate: flow.Rate{Count: 1, Per: time.Hour, Burst: 1}}}, "X:a": {}, "Y": {},
	}})
	if err != nil {
		t.Fatal(err)
	}
	b := openBorder(t, Options{Limits: limits})
	send := func(typ, key string) string {
		r, err := b.bus.Dispatch(t.Context(), typ, struct{}{}, symphony.DispatchOptions{ConcurrencyKey: key})
		if err != nil {
			t.Fatal(err)
		}
		return r.ID
	}
	if err := b.Hold(t.Context(), flow.Hold{HoldTarget: flow.HoldTarget{Type: "Paused.*"}, Mode: flow.Paused}); err != nil {
		t.Fatal(err)
	}
	ids := []string{send("X", "a:b"), send("X:a", "b"), send("X", "a:b"), send("X:a", "b"), send("Paused.One", ""), send("Y", "alone")}
	hand := b.receive(t, 10)
	if len(hand) != 3 {
		t.Fatalf("%d messages are in hand, want 3", len(hand))
	}
	gates := func() string {
		return ask[string](t, b.url, `SELECT string_agg(concat_ws(' ', name, used, next > 0, parked), '; ' ORDER BY name) FROM symphony.messenger_gates`)
	}
	leases := func() string {
		return ask[string](t, b.url, `SELECT string_agg(x.p ->> 'gates', '; ' ORDER BY x.p ->> 'gates') FROM symphony.messenger_leases, unnest(passes) AS u(p), LATERAL (SELECT u.p::jsonb) x(p)`)
	}
	wantGates, wantLeases := gates(), leases()
	execute(t, b.url,
		`UPDATE symphony.messenger_parked SET gate = regexp_replace(regexp_replace(gate, '^keyed:[0-9]+', 'key'), '^held:[0-9]+', 'hold')`,
		`UPDATE symphony.messenger_leases SET passes = regexp_replace(passes::text, 'keyed:[0-9]+', 'key', 'g')::text[]`,
		`CREATE TEMP TABLE old AS SELECT regexp_replace(regexp_replace(name, '^keyed:[0-9]+', 'key'), '^held:[0-9]+', 'hold') AS name,
			sum(used)::int AS used, max(next) AS next, sum(parked)::int AS parked, max(wake_at) AS wake_at FROM symphony.messenger_gates GROUP BY 1;
		TRUNCATE symphony.messenger_gates; INSERT INTO symphony.messenger_gates SELECT * FROM old`)
	if before := gates(); before == wantGates {
		t.Fatalf("the gates are those of today: %s", before)
	}
	for _, m := range b.migrations() {
		if m.Name == "gate_names" {
			execute(t, b.url, m.SQL)
		}
	}
	// The gate of X with the key a:b had the rate, and which of the two limits that was for, nobody can tell.
	wantGates = "held:7:default:Paused.* 0 f 1; keyed:1:X:a:b 1 t 1; keyed:1:Y:alone 1 f 0; keyed:3:X:a:b 1 t 1"
	if diff := cmp.Diff(wantGates, gates()); diff != "" {
		t.Errorf("gates (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(wantLeases, leases()); diff != "" {
		t.Errorf("leases (-want +got)\n%s", diff)
	}
	for _, d := range hand {
		if d.ID == ids[1] {
			b.ack(t, d)
		}
	}
	if got := b.receive(t, 10); len(got) != 1 || got[0].ID != ids[3] {
		t.Errorf("after one of X:a was acked, got %v, want the other alone", got)
	}
	b.clock.Advance(symphony.DefaultLease) // the backstop of the hold's gate
	if err := b.Release(t.Context(), flow.HoldTarget{Type: "Paused.*"}); err != nil {
		t.Fatal(err)
	}
	got := make(map[string]bool)
	for _, d := range b.receive(t, 10) {
		got[d.ID] = true
	}
	if !got[ids[4]] || got[ids[0]] || got[ids[2]] { // X starts one an hour
		t.Errorf("got %v, want what was paused and not X", got)
	}
}

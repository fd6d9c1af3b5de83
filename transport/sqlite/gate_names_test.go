package sqlite_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/transport/sqlite"
	zombie "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// TestGateNamesOfOlderReleases brings a file up to date in which two limits share a gate.
func TestGateNamesOfOlderReleases(t *testing.T) {
	limits, err := flow.NewLimits(flow.LimitOptions{Types: map[string]flow.TypeLimit{
		"X": {}, "X:a": {}, "Y": {PerKey: flow.Limit{Rate: flow.Rate{Count: 1, Per: time.Hour}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, path := context.Background(), filepath.Join(t.TempDir(), "queue.db")
	o := sqlite.Options{Limits: limits}
	tr := open(t, path, o)
	bus := newBus(t, tr)
	if err := tr.Hold(ctx, flow.Hold{HoldTarget: flow.HoldTarget{Type: "Paused.*"}, Mode: flow.Paused}); err != nil {
		t.Fatal(err)
	}
	send := func(typ, key string) string {
		return dispatch(t, bus, typ, "{}", symphony.DispatchOptions{ConcurrencyKey: key}).ID
	}
	ids := []string{send("X", "a:b"), send("X:a", "b"), send("X", "a:b"), send("X:a", "b"), send("Paused.One", ""), send("Y", "alone")}
	receive := func() (ids []string, acks []symphony.Settlement) {
		t.Helper()
		list, err := tr.Receive(ctx, symphony.ReceiveOptions{Max: 10, MaxLost: 10})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range list {
			ids = append(ids, d.ID)
			acks = append(acks, symphony.Settlement{Lease: d.Lease, Outcome: symphony.Ack})
		}
		return ids, acks
	}
	hand, acks := receive()
	if diff := cmp.Diff([]string{ids[0], ids[1], ids[5]}, hand); diff != "" {
		t.Fatalf("in hand (-want +got)\n%s", diff)
	}
	tr.Close()
	gates := func() (list []string) {
		conn, err := zombie.OpenConn(path, zombie.OpenReadWrite)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		err = sqlitex.Execute(conn, `SELECT concat_ws(' ', name, next > 0, parked, (SELECT count(*) FROM messenger_parked p WHERE p.gate = g.gate))
			FROM messenger_gates g ORDER BY name`, &sqlitex.ExecOptions{ResultFunc: func(s *zombie.Stmt) error {
			list = append(list, s.ColumnText(0))
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	migration, err := os.ReadFile("migrations/005_gate_names.sql")
	if err != nil {
		t.Fatal(err)
	}
	script(t, path, `UPDATE messenger_parked SET gate = (SELECT min(g.gate) FROM messenger_gates g WHERE g.name LIKE 'keyed:%X:a:b')
			WHERE gate IN (SELECT gate FROM messenger_gates WHERE name LIKE 'keyed:%X:a:b');
		DELETE FROM messenger_gates WHERE name LIKE 'keyed:%X:a:b' AND gate NOT IN (SELECT gate FROM messenger_parked);
		UPDATE messenger_gates SET name = 'key:' || substr(name, instr(substr(name, 7), ':') + 7) WHERE name LIKE 'keyed:%';
		UPDATE messenger_gates SET name = 'hold:' || substr(name, instr(substr(name, 6), ':') + 6) WHERE name LIKE 'held:%'`)
	if diff := cmp.Diff([]string{"hold:default:Paused.* 0 1 1", "key:X:a:b 0 1 2", "key:Y:alone 1 0 0"}, gates()); diff != "" {
		t.Fatalf("gates as they were (-want +got)\n%s", diff)
	}
	script(t, path, string(migration))
	want := []string{"held:7:default:Paused.* 0 1 1", "keyed:1:X:a:b 0 1 1", "keyed:1:Y:alone 1 0 0", "keyed:3:X:a:b 0 1 1"}
	if diff := cmp.Diff(want, gates()); diff != "" {
		t.Fatalf("gates (-want +got)\n%s", diff)
	}
	tr = open(t, path, o)
	_ = tr.Settle(ctx, acks) // whether these leases are still good is no matter here
	handled := make(map[string]bool)
	handle := func() {
		t.Helper()
		for {
			got, acks := receive()
			if len(got) == 0 {
				return
			}
			for _, id := range got {
				handled[id] = true
			}
			if errs := tr.Settle(ctx, acks); errs != nil {
				t.Fatal(errs)
			}
		}
	}
	handle()
	if !handled[ids[2]] || !handled[ids[3]] || handled[ids[4]] {
		t.Errorf("%v were handled, of %v; want the third and the fourth, and not the fifth, which is paused", handled, ids)
	}
	if err := tr.Release(ctx, flow.HoldTarget{Type: "Paused.*"}); err != nil {
		t.Fatal(err)
	}
	handle()
	if !handled[ids[4]] {
		t.Errorf("%v were handled, of %v; want the fifth, which is not paused any more", handled, ids)
	}
}

package postgres

import (
	"time"

	"github.com/symphony-messenger/symphony/flow"
)

// Gates are rows of messenger_gates. Limits have one each while anything is behind or before them, and so have the
// lines of groups and paused types.

const gateColumns = `name, used, next, parked, wake_at`

// readGate reads gateColumns.
func readGate(v [][]byte) flow.StoredGate {
	g := flow.StoredGate{Name: string(v[0]), Parked: int4Column(v[3]), Wake: fromMicros(timeColumn(v[4]))}
	g.Used = int4Column(v[1])
	if ns := int8Column(v[2]); ns != 0 {
		g.Next = time.Unix(0, ns)
	}
	return g
}

var readGates = newQuery("read_gates", `SELECT `+gateColumns+`
	FROM {schema}.messenger_gates WHERE name = ANY ($1::text[])`)

// Gates reads gates by their names.
func (f *flowTx) Gates(names []string) ([]flow.StoredGate, error) {
	return f.readGates(call{query: readGates, params: [][]byte{textArray(names)}})
}

var dueGates = newQuery("due_gates", `SELECT `+gateColumns+` FROM {schema}.messenger_gates
	WHERE wake_at <= $1::timestamptz ORDER BY wake_at LIMIT $2::int4`)

// DueGates reads gates whose time has come.
func (f *flowTx) DueGates(now time.Time, n int) ([]flow.StoredGate, error) {
	return f.readGates(call{query: dueGates, params: [][]byte{timeParam(micros(now)), int4Param(n)}})
}

func (f *flowTx) readGates(c call) (list []flow.StoredGate, err error) {
	c.row = func(v [][]byte) error {
		list = append(list, readGate(v))
		return nil
	}
	return list, f.ask(c)
}

var (
	saveGates = newQuery("save_gates", `INSERT INTO {schema}.messenger_gates AS g (name, used, next, parked, wake_at)
		SELECT * FROM unnest($1::text[], $2::int4[], $3::int8[], $4::int4[], $5::timestamptz[])
		ON CONFLICT (name) DO UPDATE
			SET used = excluded.used, next = excluded.next, parked = excluded.parked, wake_at = excluded.wake_at`)
	dropGates = newQuery("drop_gates", `DELETE FROM {schema}.messenger_gates WHERE name = ANY ($1::text[])`)
)

// SaveGates has gates stored and deleted when the transaction ends.
func (f *flowTx) SaveGates(save []flow.StoredGate, drop []string) error {
	n := len(save)
	names, used, next, parked, wake := texts(n), int4s(n), int8s(n), int4s(n), times(n)
	for i := range save {
		g := &save[i]
		names.text(g.Name)
		used.int4(g.Used)
		ns := int64(0)
		if !g.Next.IsZero() {
			ns = g.Next.UnixNano()
		}
		next.int8(ns)
		parked.int4(g.Parked)
		at := atOr(g.Wake, 0)
		if wake.time(at); at != 0 {
			f.soonest = min(f.soonest, at)
		}
	}
	if n > 0 {
		f.later(saveGates, names.value(), used.value(), next.value(), parked.value(), wake.value())
	}
	if len(drop) > 0 {
		f.later(dropGates, textArray(drop))
	}
	return nil
}

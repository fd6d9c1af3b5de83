package postgres

import "github.com/symphony-messenger/symphony/flow"

// parkedRows are rows for messenger_parked.
type parkedRows struct {
	gates, places, available, ords, ids, lanes, ranks, attempts, lost, sizes *array
}

func newParkedRows() *parkedRows {
	return &parkedRows{texts(0), int2s(0), times(0), int4s(0), uuids(0), int4s(0), int2s(0), int4s(0), int4s(0), int4s(0)}
}

var insertParked = newQuery("insert_parked", `INSERT INTO {schema}.messenger_parked (gate, place, available_at, ord, id, lane, rank, attempt, lost, size)
	SELECT * FROM unnest($1::text[], $2::int2[], $3::timestamptz[], $4::int4[], $5::uuid[], $6::int4[], $7::int2[], $8::int4[], $9::int4[], $10::int4[])`)

func (r *parkedRows) add(gate string, place int, it item) {
	r.gates.text(gate)
	r.places.int2(place)
	r.available.time(it.available)
	r.ords.int4(it.ord)
	r.ids.uuid(it.id)
	r.lanes.int4(it.lane)
	r.ranks.int2(it.rank)
	r.attempts.int4(it.attempt)
	r.lost.int4(it.lost)
	r.sizes.int4(it.size)
}

func (r *parkedRows) call() call {
	return call{query: insertParked, params: [][]byte{r.gates.value(), r.places.value(), r.available.value(), r.ords.value(), r.ids.value(),
		r.lanes.value(), r.ranks.value(), r.attempts.value(), r.lost.value(), r.sizes.value()}}
}

// flush writes the messages that were parked so far, so that unpark sees them.
func (f *flowTx) flush() error {
	if f.parked.ids.n == 0 {
		return nil
	}
	c := f.parked.call()
	f.parked = newParkedRows()
	return f.ask(c)
}

// park lets a message wait before a gate, which is loaded.
func (f *flowTx) park(it item, name string, limit flow.Gate) {
	g := f.gates[name]
	g.parked++
	g.arm(f.now, limit)
	f.parked.add(name, it.rank, it)
}

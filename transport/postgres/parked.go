package postgres

import (
	"cmp"
	"slices"
	"time"

	"github.com/symphony-messenger/symphony/flow"
)

// parkedRows are rows for messenger_parked.
type parkedRows struct {
	gates, places *array
	itemRows
}

func newParkedRows() *parkedRows { return &parkedRows{texts(0), int2s(0), newItemRows(0)} }

var insertParked = newQuery("insert_parked", `
	INSERT INTO {schema}.messenger_parked (gate, place, `+itemColumns+`)
	SELECT * FROM unnest($1::text[], $2::int2[], $3::int4[], $4::int2[], $5::int4[], $6::timestamptz[],
		$7::uuid[], $8::int4[], $9::int4[], $10::int4[])`)

func (r *parkedRows) call() call {
	return call{query: insertParked, params: append([][]byte{r.gates.value(), r.places.value()}, r.params()...)}
}

// Park has messages wait before gates.
func (f *flowTx) Park(list []flow.Parking[located]) error {
	r := f.parked
	for i := range list {
		r.gates.text(list[i].Gate)
		r.places.int2(list[i].Place)
		r.add(list[i].Row.item)
	}
	return nil
}

// itemColumns are what readItem reads, and what itemRows write.
const itemColumns = `lane, rank, ord, available_at, id, attempt, lost, size`

func readItem(v [][]byte) item {
	return item{lane: int4Column(v[0]), rank: int2Column(v[1]), ord: int4Column(v[2]), available: timeColumn(v[3]), id: uuidColumn(v[4]),
		attempt: int4Column(v[5]), lost: int4Column(v[6]), size: int4Column(v[7])}
}

// itemRows are items to write, a list for each column.
type itemRows struct{ lanes, ranks, ords, available, ids, attempts, lost, sizes *array }

func newItemRows(n int) itemRows {
	return itemRows{int4s(n), int2s(n), int4s(n), times(n), uuids(n), int4s(n), int4s(n), int4s(n)}
}

func (r *itemRows) add(it item) {
	r.lanes.int4(it.lane)
	r.ranks.int2(it.rank)
	r.ords.int4(it.ord)
	r.available.time(it.available)
	r.ids.uuid(it.id)
	r.attempts.int4(it.attempt)
	r.lost.int4(it.lost)
	r.sizes.int4(it.size)
}

// params are the lists in the order of itemColumns.
func (r *itemRows) params() [][]byte {
	return [][]byte{r.lanes.value(), r.ranks.value(), r.ords.value(), r.available.value(), r.ids.value(),
		r.attempts.value(), r.lost.value(), r.sizes.value()}
}

var unparkQuery = newQuery("unpark", `DELETE FROM {schema}.messenger_parked WHERE ctid = ANY (ARRAY(
		SELECT ctid FROM {schema}.messenger_parked WHERE gate = $1::text AND available_at <= $2::timestamptz
		ORDER BY gate, place, available_at, ord, id LIMIT $3::int4))
	RETURNING place, `+itemColumns)

// Unpark takes messages that are available now from before gates, and makes them ready.
func (f *flowTx) Unpark(wants []flow.Want) ([]int, error) {
	if err := f.flush(); err != nil {
		return nil, err
	}
	type waiter struct {
		place int
		item
	}
	found := make([][]waiter, len(wants))
	calls := make([]call, len(wants))
	for i, w := range wants {
		params := [][]byte{[]byte(w.Gate), f.nowParam(), int4Param(w.N)}
		calls[i] = call{query: unparkQuery, params: params, row: func(v [][]byte) error {
			found[i] = append(found[i], waiter{int2Column(v[0]), readItem(v[1:])})
			return nil
		}}
	}
	if err := f.ask(calls...); err != nil {
		return nil, err
	}
	counts := make([]int, len(wants))
	for i, w := range wants {
		slices.SortFunc(found[i], func(a, b waiter) int {
			return cmp.Or(cmp.Compare(a.place, b.place), cmp.Compare(a.available, b.available),
				cmp.Compare(a.ord, b.ord))
		})
		for _, p := range found[i] {
			if w.Behind {
				p.available, p.ord = f.now, f.nextOrd(1)
			}
			f.back.add(p.item)
		}
		counts[i] = len(found[i])
	}
	return counts, nil
}

// Ready makes messages ready.
func (f *flowTx) Ready(rows []located) error {
	for _, r := range rows {
		f.back.add(r.item)
	}
	return nil
}

var nextParked = newQuery("next_parked", `SELECT available_at FROM {schema}.messenger_parked
	WHERE gate = $1::text AND place = 0 ORDER BY available_at LIMIT 1`)

// NextBefore tells when the first message before each line is available. There all have the place 0.
func (f *flowTx) NextBefore(gates []string) ([]time.Time, error) {
	times, calls := make([]time.Time, len(gates)), make([]call, len(gates))
	for i, name := range gates {
		calls[i] = call{query: nextParked, params: [][]byte{[]byte(name)}, row: func(v [][]byte) error {
			times[i] = fromMicros(timeColumn(v[0]))
			return nil
		}}
	}
	return times, f.ask(calls...)
}

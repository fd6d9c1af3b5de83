package postgres

import (
	"context"

	"github.com/symphony-messenger/symphony/flow"
)

// purgeWaitingRows bounds the waiting messages that one transaction of a purge deletes.
const purgeWaitingRows = 500

var lanesOf = newQuery("lanes_of", `SELECT `+laneColumns+` FROM {schema}.messenger_lanes l
	WHERE transport = $1::text AND (queue = $2::text OR $2 = '') ORDER BY lane`)

var (
	purgeReady = newQuery("purge_ready", `SELECT `+waitingColumns+` FROM (
			SELECT ctid AS tid, NULL::text AS gate, * FROM {schema}.messenger_ready
			WHERE lane = $1::int4 AND (rank, available_at, ord) > ($2::int2, coalesce($3::timestamptz, '-infinity'), $4::int4)
			ORDER BY lane, rank, available_at, ord LIMIT $5::int4 FOR UPDATE SKIP LOCKED) w
		JOIN {schema}.messenger_messages m ON m.id = w.id ORDER BY w.rank, w.available_at, w.ord`)
	purgeParked = newQuery("purge_parked", `SELECT `+waitingColumns+` FROM (
			SELECT ctid AS tid, * FROM {schema}.messenger_parked WHERE lane = $1::int4 AND id > $2::uuid ORDER BY lane, id LIMIT $3::int4) w
		JOIN {schema}.messenger_messages m ON m.id = w.id ORDER BY w.id`)
)

// Purge deletes waiting messages.
func (t *Transport) Purge(ctx context.Context, f flow.PurgeFilter, progress func(deleted int)) (int, error) {
	if err := f.Validate(); err != nil {
		return 0, err
	}
	var lanes []int
	err := t.do(ctx, "read queues", call{query: lanesOf, params: [][]byte{[]byte(t.name), []byte(f.Queue)}, row: func(v [][]byte) error {
		lanes = append(lanes, int4Column(v[0]))
		return t.addLane(v)
	}})
	if err != nil {
		return 0, err
	}
	total := 0
	for _, lane := range lanes {
		for _, parked := range []bool{true, false} { // what is let through meanwhile is met in its lane
			cursor := item{lane: lane, rank: -1}
			for more := true; more; {
				n := 0
				n, more, err = t.purgePage(ctx, &cursor, f.Type, parked)
				total += n
				if err != nil {
					return total, err
				}
				if n > 0 && progress != nil {
					progress(total)
				}
			}
		}
	}
	return total, nil
}

// purgePage deletes what the next page of a lane has of a type, and moves the cursor behind it.
func (t *Transport) purgePage(ctx context.Context, cursor *item, typ string, parked bool) (deleted int, more bool, err error) {
	last := *cursor
	err = t.with(ctx, "purge", func(ctx context.Context, l *link) error {
		var list []*waiting
		read := 0
		page := call{query: purgeReady, params: [][]byte{int4Param(last.lane), int2Param(last.rank), timeParam(last.available), int4Param(last.ord), int4Param(purgeWaitingRows)}}
		if parked {
			page = call{query: purgeParked, params: [][]byte{int4Param(last.lane), last.id[:], int4Param(purgeWaitingRows)}}
		}
		page.row = func(v [][]byte) error {
			w := t.readWaiting(v)
			*cursor = w.Row.item
			read++
			if typ == "" || w.Type == typ {
				list = append(list, w)
			}
			return nil
		}
		f, err := t.beginFlow(ctx, l)
		if err != nil {
			return err
		}
		if err := f.ask(page); err != nil {
			return err
		}
		if deleted, err = f.engine.Delete(list); err != nil {
			return err
		}
		more = read == purgeWaitingRows
		return f.finish()
	})
	return deleted, more && err == nil, err
}

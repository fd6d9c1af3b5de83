package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/symphony-messenger/symphony"
)

// Steering a message that waits means to find the row by which it waits. Before gates, in lines and in controlled lanes
// rows are found by the message's id. In an uncontrolled lane they stand in the order of claims, and an index by id
// would cost every message. There a row is found by its time, which is known of what is scheduled or was tried, and is
// about that of the dispatch otherwise.

var (
	// readyAt finds the ready row of a message in an uncontrolled lane that is available at one of some times. A claim
	// that is about to take it is waited for.
	readyAt = newQuery("ready_at", `SELECT `+waitingColumns+`
		FROM {schema}.messenger_messages m CROSS JOIN unnest($2::timestamptz[]) s(at)
		CROSS JOIN LATERAL (
			SELECT ctid AS tid, NULL::text AS gate, lane, rank, ord, available_at, id, attempt, lost, size FROM {schema}.messenger_ready r
			WHERE r.lane = m.lane AND r.rank = ($3::int4 - m.priority)::int2 AND r.available_at = s.at AND r.id = m.id
			LIMIT 1 FOR UPDATE) w
		WHERE m.id = $1::uuid`)

	// seekReady looks through some rows of a stream for a message. It gives the place of the row, or else of the last
	// one that it looked at, and nothing at the end of the stream.
	seekReady = newQuery("seek_ready", `SELECT found, available_at, ord FROM (
			SELECT available_at, ord, id = $1::uuid AS found, row_number() OVER (ORDER BY available_at, ord) AS n FROM (
				SELECT available_at, ord, id FROM {schema}.messenger_ready r
				WHERE r.lane = $2::int4 AND r.rank = $3::int2 AND (r.available_at, r.ord) >= (coalesce($4::timestamptz, '-infinity'), $5::int4)
					AND r.available_at <= coalesce($6::timestamptz, 'infinity')
				ORDER BY r.lane, r.rank, r.available_at, r.ord LIMIT $7::int4) r) r
		WHERE found OR n = $7 ORDER BY n LIMIT 1`)
)

const (
	// seekRows is how many ready rows one statement looks at for a message.
	seekRows = 50_000
	// A message is most likely ready from the moment of its dispatch on the clock of the node that took it. Rows from
	// seekBefore to seekAfter that moment are looked at before all others.
	seekBefore = 100 * time.Millisecond
	seekAfter  = 5 * time.Second
	// steerTries is how often a message that is never where it was just now is looked for.
	steerTries = 5
)

// seek finds the time of a message's ready row in an uncontrolled lane, 0 if there is none.
func (t *Transport) seek(ctx context.Context, m *symphony.MessageInfo) (int64, error) {
	name := laneName{transport: m.Transport, queue: m.Queue, pushed: m.Terms.Pushed()}
	ln := t.lanes.named(name)
	if ln == nil {
		if err := t.readLanes(ctx); err != nil {
			return 0, err
		}
		if ln = t.lanes.named(name); ln == nil {
			return 0, nil
		}
	}
	id, _ := parseUUID(m.ID) // is one
	around := micros(m.AvailableAt)
	for _, part := range [][2]int64{{around - seekBefore.Microseconds(), around + seekAfter.Microseconds()}, {0, 0}} {
		at, ord := part[0], -1
		for more := true; more; {
			more = false
			found := false
			params := [][]byte{id[:], int4Param(ln.id), int2Param(rankOf(m.Priority)), timeParam(at), int4Param(ord), timeParam(part[1]), int4Param(seekRows)}
			err := t.do(ctx, "look for message", call{query: seekReady, params: params, row: func(v [][]byte) error {
				more, found = true, boolColumn(v[0])
				at, ord = timeColumn(v[1]), int4Column(v[2])
				return nil
			}})
			if err != nil {
				return 0, err
			}
			if found {
				return at, nil
			}
		}
	}
	return 0, nil
}

// steer runs f with a message that waits, in a flow.
func (t *Transport) steer(ctx context.Context, doing, id string, f func(*flowTx, *waiting) error) error {
	for range steerTries {
		page, err := t.oneMessage(ctx, &symphony.MessageQuery{ID: id})
		if err != nil {
			return err
		}
		if len(page.Messages) == 0 {
			return fmt.Errorf("message %s: %w", id, symphony.ErrNotFound)
		}
		m := page.Messages[0]
		if m.Status != symphony.Pending {
			return &symphony.MessageStatusError{ID: id, Status: m.Status}
		}
		key, _ := parseUUID(id) // is one
		at := []int64{micros(m.AvailableAt)}
		if !m.ScheduledAt.IsZero() {
			at = append(at, micros(m.ScheduledAt))
		}
		for sought := false; ; sought = true {
			done, err := t.steerAt(doing, key, at, f)
			if err != nil || done {
				return err
			}
			if sought {
				break
			}
			found, err := t.seek(ctx, &m)
			if err != nil {
				return err
			}
			if found == 0 {
				break
			}
			at = []int64{found}
		}
	}
	return fmt.Errorf("postgres: %s %s: it is on the move; try again: %w", doing, id, symphony.ErrUnavailable)
}

// steerAt runs f with a message if it waits, in an uncontrolled lane at one of some times.
func (t *Transport) steerAt(doing string, id uuid, at []int64, f func(*flowTx, *waiting) error) (done bool, err error) {
	err = t.retrying(func(ctx context.Context, l *link) error {
		done = false
		fl, err := t.beginFlow(ctx, l)
		if err != nil {
			return err
		}
		list, err := fl.Find([]located{{item: item{id: id}}})
		if list = slices.DeleteFunc(list, func(w *waiting) bool { return w == nil }); err == nil && len(list) == 0 {
			err = fl.ask(call{query: readyAt, params: [][]byte{id[:], timeArray(at), int4Param(symphony.MaxPriority)}, row: func(v [][]byte) error {
				list = append(list, t.readWaiting(v))
				return nil
			}})
		}
		if err != nil {
			return err
		}
		if len(list) == 0 {
			l.rollback(ctx)
			return nil
		}
		if err := f(fl, list[0]); err != nil {
			return err
		}
		done = true
		return fl.finish()
	})
	return done, t.storageError(doing, err)
}

// DeleteMessage deletes a message that waits.
func (t *Transport) DeleteMessage(ctx context.Context, id string) error {
	return t.steer(ctx, "delete message", id, func(f *flowTx, w *waiting) error {
		_, err := f.engine.Delete([]*waiting{w})
		return err
	})
}

// RunMessageNow makes a message ready that waits for its time.
func (t *Transport) RunMessageNow(ctx context.Context, id string) error {
	return t.steer(ctx, "run message", id, func(f *flowTx, w *waiting) error {
		_, err := f.engine.RunNow(w)
		return err
	})
}

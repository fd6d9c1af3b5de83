package postgres

import (
	"context"
	"fmt"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
)

var (
	// readyPlace is the place of a message among those that are ready in its queue, as far as it is among the first
	// that a claim would come to.
	readyPlace = newQuery("ready_place", `SELECT n FROM (
			SELECT r.id, row_number() OVER (ORDER BY r.rank, r.available_at, r.ord) AS n
			FROM unnest($2::int4[], $3::int2[]) s(lane, rank)
			CROSS JOIN LATERAL (
				SELECT r.rank, r.available_at, r.ord, r.id FROM {schema}.messenger_ready r
				WHERE r.lane = s.lane AND r.rank = s.rank AND r.available_at <= $4::timestamptz
				ORDER BY r.lane, r.rank, r.available_at, r.ord LIMIT $5::int4) r) r
		WHERE id = $1::uuid AND n <= $5`)
	// parkedPlace is that before the gate before which it waits.
	parkedPlace = newQuery("parked_place", `SELECT n FROM (
			SELECT id, row_number() OVER () AS n FROM (
				SELECT id FROM {schema}.messenger_parked WHERE gate = $2::text AND available_at <= $3::timestamptz
				ORDER BY place, available_at, ord, id LIMIT $4::int4) p) p
		WHERE id = $1::uuid`)
)

// Wait says why a message waits. What is under no flow control need not be found where it waits: its place in line is
// looked for among the first only.
func (t *Transport) Wait(ctx context.Context, id string) (wait flow.Wait, err error) {
	if err := t.expireIfDue(ctx); err != nil {
		return wait, err
	}
	if err := t.controlIfDue(ctx); err != nil {
		return wait, err
	}
	page, err := t.oneMessage(ctx, &symphony.MessageQuery{ID: id})
	if err != nil {
		return wait, err
	}
	if len(page.Messages) == 0 {
		return wait, fmt.Errorf("message %s: %w", id, symphony.ErrNotFound)
	}
	m := &page.Messages[0]
	if m.Status != symphony.Pending {
		return wait, &symphony.MessageStatusError{ID: id, Status: m.Status}
	}
	err = t.withAgain(ctx, "explain a wait", func(ctx context.Context, l *link) error {
		f, err := t.beginFlow(ctx, l)
		if err != nil {
			return err
		}
		if wait, err = f.explain(m); err != nil {
			return err
		}
		return f.finish()
	})
	return wait, err
}

// explain says why a message waits that is pending.
func (f *flowTx) explain(m *symphony.MessageInfo) (flow.Wait, error) {
	id, _ := parseUUID(m.ID) // is one
	at := item{id: id, rank: rankOf(m.Priority), attempt: m.Deliveries, available: micros(m.AvailableAt)}
	if ln := f.lanes.named(laneOf(&m.Envelope, false)); ln != nil {
		at.lane = ln.id
	}
	w := f.newWaiting(&m.Envelope, located{item: at})
	w.Gate = m.Gate
	found, err := f.Find([]located{w.Row})
	if err != nil {
		return flow.Wait{}, err
	}
	if found[0] != nil {
		found[0].ID = m.ID
		w = found[0]
	}
	wait, err := f.engine.Explain(w)
	if err != nil || w.Available.After(fromMicros(f.now)) {
		return wait, err
	}
	place := call{row: func(v [][]byte) error {
		wait.Position = int(int8Column(v[0]))
		return nil
	}}
	if w.Gate != "" {
		place.query = parkedPlace
		place.params = [][]byte{id[:], []byte(w.Gate), f.nowParam(), int4Param(flow.MaxPosition)}
	} else {
		lanes, ranks := int4s(0), int2s(0)
		for i := range 4 {
			if ln := f.lanes.named(laneName{m.Transport, m.Queue, i&1 != 0, i&2 != 0}); ln != nil {
				for rank := range w.Rank + 1 {
					lanes.int4(ln.id)
					ranks.int2(rank)
				}
			}
		}
		place.query = readyPlace
		place.params = [][]byte{id[:], lanes.value(), ranks.value(), f.nowParam(), int4Param(flow.MaxPosition)}
	}
	err = f.ask(place)
	return wait, err
}

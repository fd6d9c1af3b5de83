package postgres

import (
	"context"
	"slices"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
)

// storeControlled is storeGroup for calls with messages under flow control.
func (s *store) storeControlled(
	ctx context.Context, l *link, ops []*sendOp,
) (later []*sendOp, list []added, err error) {
	for _, o := range ops {
		if err := s.findLanes(ctx, l, o); err != nil {
			return nil, nil, err
		}
	}
	k := &keys{ops: ops}
	var claims []call
	if slices.ContainsFunc(ops, (*sendOp).keyed) {
		claim, look := k.calls(s)
		claims = append(claims, claim, look)
	}
	f, err := s.beginFlow(ctx, l, claims...)
	if err != nil {
		return nil, nil, err
	}
	rows, undo := k.decide(s)
	receipts := make(map[*messageRow]*symphony.Receipt)
	for _, o := range ops {
		for i := range o.list {
			receipts[&o.list[i]] = &o.receipts[i]
		}
	}
	rows, dropped, err := f.meet(rows, receipts)
	if err != nil {
		return nil, nil, err
	}
	for _, row := range dropped {
		if row.IdempotencyKey != "" && k.won[row.uuid] {
			undo = append(undo, row)
		}
	}
	if err := f.enter(rows); err != nil {
		return nil, nil, err
	}
	calls, list := s.insert(l, rows, f.nowParam())
	f.calls = append(calls, f.calls...)
	if len(undo) > 0 {
		f.calls = append(f.calls, forget(undo))
	}
	return k.later, list, f.finish()
}

// meet sets the receipts of messages with debounce and throttle keys. It returns those to store, and those that were
// dropped.
func (f *flowTx) meet(
	rows []*messageRow, receipts map[*messageRow]*symphony.Receipt,
) (stored, dropped []*messageRow, err error) {
	arrivals := make([]*flow.Arrival[located], len(rows))
	for i, row := range rows {
		arrivals[i] = &flow.Arrival[located]{Message: f.arriving(row, 0), Receipt: receipts[row]}
	}
	if err := f.engine.Meet(arrivals); err != nil {
		return nil, nil, err
	}
	for i, a := range arrivals {
		switch a.Fate {
		case flow.Stored:
			stored = append(stored, rows[i])
		case flow.Dropped:
			dropped = append(dropped, rows[i])
		case flow.Superseded: // as if it had been stored and replaced: its idempotency key stays
		}
	}
	return stored, dropped, nil
}

// enter has new messages begin to wait, among them those under flow control.
func (f *flowTx) enter(rows []*messageRow) error {
	ord := f.nextOrd(len(rows))
	list := make([]*waiting, 0, len(rows))
	for i, row := range rows {
		if row.Flow != nil {
			list = append(list, f.arriving(row, ord+i))
		}
	}
	return f.engine.Enter(list)
}

// arriving is a new message.
func (f *flowTx) arriving(row *messageRow, ord int) *waiting {
	return f.newWaiting(row.Envelope, located{item: item{
		id: row.uuid, lane: row.lane, rank: rankOf(row.Priority), ord: ord, available: max(f.now, row.scheduled),
		size: len(row.Payload) + len(row.metadata) + len(row.headers),
	}})
}

package postgres

import (
	"context"
	"slices"

	"github.com/symphony-messenger/symphony"
)

// ended is a message that ends, and how. Its envelope is nil where that is to be read.
type ended struct {
	id       uuid
	source   symphony.Source
	envelope *symphony.Envelope
}

var endedMessages = newQuery("ended_messages", `SELECT id, lane, type, extras FROM {schema}.messenger_messages
	WHERE id = ANY ($1::uuid[])`)

// follow dispatches what is to follow messages that end, in the transaction in which they do, whatever stops or drains.
// Whoever ends a message calls it before the message's row is gone. Messages with callbacks are in controlled lanes, so
// that all who end them are in a flow.
func (f *flowTx) follow(list []ended) error {
	if len(list) == 0 {
		return nil
	}
	unread := uuids(0)
	for i := range list {
		if list[i].envelope == nil {
			unread.uuid(list[i].id)
		}
	}
	read := make(map[uuid]*symphony.Envelope)
	if unread.n > 0 {
		look := call{query: endedMessages, params: [][]byte{unread.value()}, row: func(v [][]byte) error {
			id := uuidColumn(v[0])
			e := f.envelope(int4Column(v[1]), v[2], v[3])
			e.ID, read[id] = id.String(), e
			return nil
		}}
		if err := f.ask(look); err != nil {
			return err
		}
	}
	var next []*symphony.Envelope
	for i := range list {
		e := list[i].envelope
		if e == nil {
			e = read[list[i].id]
		}
		if e == nil {
			continue
		}
		if follow := e.Follow(list[i].source, fromMicros(f.now)); follow != nil {
			next = append(next, follow)
		}
	}
	if len(next) == 0 {
		return nil
	}
	o, err := newSendOp(next, f.limits)
	if err != nil {
		return err
	}
	rows := make([]*messageRow, len(o.list))
	for i := range o.list {
		row := &o.list[i]
		rows[i] = row
		if row.lane, err = f.laneOf(laneOf(row.Envelope, row.controlled)); err != nil {
			return err
		}
	}
	calls, added := f.insert(f.l, rows, f.nowParam())
	if err := f.ask(calls...); err != nil {
		return err
	}
	f.back.added = append(f.back.added, added...)
	return nil
}

// follow dispatches what is to follow the messages that end.
func (g *settleGroup) follow() error {
	var list []ended
	for _, st := range slices.Concat(g.acks, g.others) {
		if st.item.pass == nil || !st.item.pass.Follows {
			continue
		}
		switch st.Outcome {
		case symphony.Ack:
			source := symphony.Source{Status: symphony.Completed, Output: st.Output, Attempts: st.item.attempt}
			list = append(list, ended{id: st.id, source: source})
		case symphony.Fail:
			source, err := g.failure(st)
			if err != nil {
				return err
			}
			list = append(list, ended{id: st.id, source: source})
		}
	}
	return g.flow.follow(list)
}

var lastAttempt = newQuery("last_attempt", `SELECT error, error_class FROM {schema}.messenger_attempts
	WHERE id = $1::uuid ORDER BY attempt DESC LIMIT 1`)

// failure is what is told of a message that fails.
func (g *settleGroup) failure(st *settling) (symphony.Source, error) {
	source := symphony.Source{Status: symphony.Failed, Attempts: st.item.attempt}
	var last *symphony.Attempt
	if st.Untried {
		source.Attempts--
		look := call{query: lastAttempt, params: [][]byte{st.id[:]}, row: func(v [][]byte) error {
			last = &symphony.Attempt{Error: string(v[0]), ErrorClass: string(v[1])}
			return nil
		}}
		if err := g.flow.ask(look); err != nil {
			return source, err
		}
	}
	source.Error, source.ErrorClass = st.Reason(last)
	return source, nil
}

// followLanes makes the lanes of what may follow a message, so that they are known when it does.
func (s *store) followLanes(ctx context.Context, l *link, t *symphony.Terms) error {
	if !t.Follows() {
		return nil
	}
	for _, c := range []*symphony.Callback{t.OnSuccess, t.OnFailure} {
		if c == nil {
			continue
		}
		e := symphony.Envelope{Type: c.Type, Transport: c.Transport, Queue: c.Queue}
		if _, err := s.lane(ctx, l, laneOf(&e, s.limits.Covers(&e))); err != nil {
			return err
		}
	}
	return nil
}

// follow dispatches what is to follow a delivery that is acked in the transaction.
func (x *Tx) follow(ctx context.Context, d *symphony.Delivery) error {
	now := x.store.storeNow()
	next := d.Follow(symphony.Source{Status: symphony.Completed, Attempts: d.Attempt}, fromMicros(now))
	if next == nil {
		return nil
	}
	o, err := newSendOp([]*symphony.Envelope{next}, x.store.limits)
	if err != nil {
		return err
	}
	err = x.store.with(ctx, "ack", func(ctx context.Context, l *link) error { return x.store.findLanes(ctx, l, o) })
	if err != nil {
		return err
	}
	return x.insert(ctx, []*messageRow{&o.list[0]})
}

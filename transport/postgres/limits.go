package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/symphony-messenger/symphony/flow"
)

// Limits that are set at run time stand in messenger_limits. Each change raises the version in the row of
// messenger_flow. Whatever happens in a flow finds the version with that row, and reads the limits where it does not
// know them. A claim of messages under no flow control names the version that it knows in its one statement, and takes
// nothing where it is another one by then. So each claim that begins after a change was committed keeps to it, on every
// node.

// limitsInForce are the limits of one version.
type limitsInForce struct {
	version   int64
	uncounted int64 // see flow.Limits.With; µs, 0 for none
	set       []flow.SetLimit
	limits    *flow.Limits
}

func (s *store) newLimits(version, uncounted int64, set []flow.SetLimit) *limitsInForce {
	return &limitsInForce{version, uncounted, set, s.limits.With(set, fromMicros(uncounted))}
}

// limitsKnown are the limits that this process knows.
func (s *store) limitsKnown() *limitsInForce {
	if l := s.inForce.Load(); l != nil {
		return l
	}
	return s.newLimits(0, 0, nil)
}

// keepLimits notes limits that were read, unless newer ones are known. It reports whether they are others.
func (s *store) keepLimits(l *limitsInForce) (others bool) {
	for {
		before := s.inForce.Load()
		same := before != nil && l.version == before.version && l.uncounted == before.uncounted
		if same || before != nil && l.version < before.version {
			return false
		}
		if s.inForce.CompareAndSwap(before, l) {
			return before != nil && before.version != l.version
		}
	}
}

var readLimits = newQuery("read_limits", `SELECT f.limits_version, f.uncounted_since, l.body
	FROM {schema}.messenger_flow f LEFT JOIN {schema}.messenger_limits l ON true`)

// limitsCall reads the limits. What is returned makes them of the rows.
func (s *store) limitsCall() (func() *limitsInForce, call) {
	var (
		version, uncounted int64
		set                []flow.SetLimit
	)
	read := call{query: readLimits, row: func(v [][]byte) error {
		version, uncounted = int8Column(v[0]), timeColumn(v[1])
		if v[2] == nil {
			return nil
		}
		var one flow.SetLimit
		if err := json.Unmarshal(v[2], &one); err != nil {
			return fmt.Errorf("postgres: a limit that was set cannot be read: %w", err)
		}
		set = append(set, one)
		return nil
	}}
	return func() *limitsInForce { return s.newLimits(version, uncounted, set) }, read
}

// limitsOf are the limits of a version.
func (f *flowTx) limitsOf(version, uncounted int64) (*limitsInForce, error) {
	known := f.limitsKnown()
	if known.version == version {
		if known.uncounted != uncounted {
			known = f.newLimits(version, uncounted, known.set)
		}
		return known, nil
	}
	limits, read := f.limitsCall()
	if err := f.ask(read); err != nil {
		return nil, err
	}
	l := limits()
	f.keepLimits(l)
	return l, nil
}

// steers is when a limit or a hold ends by itself, as far as this process knows, on the store's clock.
func (s *store) steers() int64 {
	next := int64(never)
	add := func(t time.Time) {
		if !t.IsZero() {
			next = min(next, micros(t)+1)
		}
	}
	until, pressure := s.limitsKnown().limits.ChangesAt()
	add(until)
	add(pressure)
	for _, list := range s.holds.known() {
		add(flow.HoldsEnd(list))
	}
	return next
}

var (
	saveLimits = newQuery("save_limits", `INSERT INTO {schema}.messenger_limits AS l (name, body)
		SELECT * FROM unnest($1::text[], $2::text[])
		ON CONFLICT (name) DO UPDATE SET body = excluded.body`)
	dropLimits    = newQuery("drop_limits", `DELETE FROM {schema}.messenger_limits WHERE name = ANY ($1::text[])`)
	limitsChanged = newQuery("limits_changed", `UPDATE {schema}.messenger_flow
		SET limits_version = $1::int8, uncounted_since = $2::timestamptz`)
	limitsCounted = newQuery("limits_counted", `UPDATE {schema}.messenger_flow SET uncounted_since = NULL`)
	olderNodes    = newQuery("older_nodes", `SELECT name FROM {schema}.messenger_nodes
		WHERE seen_at > coalesce($1::timestamptz, now()) - $2::int8 * interval '1 microsecond' AND knows < $3::int4
		ORDER BY name`)
)

// SaveLimits has limits that are set stored, and others deleted, when the transaction ends.
func (f *flowTx) SaveLimits(save []flow.SetLimit, drop []string) error {
	names, bodies := texts(len(save)), texts(len(save))
	set := slices.DeleteFunc(slices.Clone(f.inLimits.set), func(s flow.SetLimit) bool {
		return slices.Contains(drop, s.Name()) ||
			slices.ContainsFunc(save, func(new flow.SetLimit) bool { return new.Name() == s.Name() })
	})
	for _, s := range save {
		body, err := json.Marshal(s)
		if err != nil {
			return err
		}
		names.text(s.Name())
		bodies.text(string(body))
		set = append(set, s)
	}
	if len(save) > 0 {
		f.later(saveLimits, names.value(), bodies.value())
	}
	if len(drop) > 0 {
		f.later(dropLimits, textArray(drop))
	}
	f.inLimits, f.changed = f.newLimits(f.inLimits.version+1, f.now, set), true
	f.later(limitsChanged, int8Param(f.inLimits.version), f.nowParam())
	return nil
}

// Counted has noted that all deliveries hold the places that they should.
func (f *flowTx) Counted() error {
	f.later(limitsCounted)
	return nil
}

// inHand lists all deliveries that are not settled. Those that ran out, and were not given back yet, are among them.
var inHand = newQuery("in_hand", `SELECT t.lane, m.type, m.extras, l.passes[t.place]
	FROM {schema}.messenger_leases l
	CROSS JOIN LATERAL unnest(l.ids, l.lanes) WITH ORDINALITY t(id, lane, place)
	JOIN {schema}.messenger_messages m ON m.id = t.id
	WHERE t.place - 1 <> ALL (l.settled)`)

// InHand lists the open deliveries.
func (f *flowTx) InHand() (list []flow.InHand, err error) {
	err = f.ask(call{query: inHand, row: func(v [][]byte) error {
		m := flow.InHand{Envelope: f.envelope(int4Column(v[0]), v[1], v[2])}
		if v[3] != nil {
			m.Pass = new(flow.Pass)
			_ = json.Unmarshal(v[3], m.Pass) // this package wrote it
		}
		list = append(list, m)
		return nil
	}})
	return list, err
}

// ChangeLimits changes what is set at run time.
func (t *Transport) ChangeLimits(ctx context.Context, change flow.LimitsChange) error {
	var refused error
	err := t.with(ctx, "change limits", func(ctx context.Context, l *link) error {
		refused = nil
		var older []string
		f, err := t.beginFlow(ctx, l, call{query: olderNodes, row: func(v [][]byte) error {
			older = append(older, string(v[0]))
			return nil
		}, params: [][]byte{t.nowParam(), int8Param(nodeLife.Microseconds()), int4Param(t.limitsMigration())}},
			t.refuseOlderCall())
		if err != nil {
			return err
		}
		decide := func(now, wall time.Time, l *flow.Limits) ([]flow.SetLimit, []flow.LimitTarget, error) {
			save, drop, err := change(now, wall, l)
			if refused = err; err == nil && len(save) > 0 && len(older) > 0 {
				refused = &flow.OlderNodesError{Nodes: older}
			}
			return save, drop, refused
		}
		err = f.engine.ChangeLimits(decide)
		if refused != nil {
			l.rollback(ctx)
			return nil
		}
		if err != nil {
			return err
		}
		return f.finish()
	})
	if refused != nil {
		return refused
	}
	if err != nil {
		return err
	}
	t.house.controlAt.Store(0)
	return afterwards(t.holdsChanged(ctx))
}

// limitsMigration is the number of the migration that brought limits at run time.
func (s *store) limitsMigration() int { return s.migration("limits") }

// migration is the number of a migration by its name.
func (s *store) migration(name string) int {
	list := knownMigrations()
	return list[slices.IndexFunc(list, func(m Migration) bool { return m.Name == name })].Version
}

// LimitStates tells what limits are configured and set, and how much of each is used.
func (t *Transport) LimitStates(ctx context.Context) (list []flow.LimitState, err error) {
	err = t.withAgain(ctx, "read limits", func(ctx context.Context, l *link) error {
		f, err := t.beginFlow(ctx, l)
		if err != nil {
			return err
		}
		if list, err = f.engine.LimitStates(); err != nil {
			return err
		}
		return f.finish()
	})
	return list, err
}

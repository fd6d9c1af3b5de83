package flow

import (
	"maps"
	"slices"
	"time"
)

// What the engine does where limits are set and end, at run time.

// countFor is for how long after a change of the limits deliveries may appear that a claim from before it has made.
const countFor = time.Minute

// LimitsChange says what to store in place of the limits of the same targets, and of which targets nothing is set any
// more. now is the storage's time, wall the time of day; l are the limits in force.
type LimitsChange func(now, wall time.Time, l *Limits) (save []SetLimit, drop []LimitTarget, err error)

// ChangeLimits changes what is set at run time. Whatever is claimed after this transaction
// keeps to it, and what waited because of a limit that holds no more is let go.
func (e *Engine[R]) ChangeLimits(change LimitsChange) error {
	save, drop, err := change(e.now, e.wall, e.limits)
	if err != nil || len(save)+len(drop) == 0 {
		return err
	}
	before := e.limits
	var dropped []string
	for _, t := range drop {
		dropped = append(dropped, t.name())
	}
	var set []SetLimit
	if before != nil {
		set = before.set.list()
	}
	set = slices.DeleteFunc(set, func(s SetLimit) bool {
		return slices.Contains(dropped, s.name()) ||
			slices.ContainsFunc(save, func(new SetLimit) bool { return new.name() == s.name() })
	})
	if err := e.store.SaveLimits(save, dropped); err != nil {
		return err
	}
	e.limits = before.With(append(set, save...), e.now)
	e.strays = nil
	var names []string
	for _, s := range save {
		drop = append(drop, s.LimitTarget)
	}
	for _, t := range drop {
		names = append(names, before.affected(t)...)
		names = append(names, e.limits.affected(t)...)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if err := e.load(names); err != nil {
		return err
	}
	for _, g := range e.gates {
		if !isLine(g.Name) {
			g.limit = e.limits.Gate(g.Name).At(e.now)
		}
	}
	if err := e.countStrays(); err != nil {
		return err
	}
	for _, name := range names {
		if g := e.gates[name]; g.Parked > 0 {
			g.dirty = true
			e.reconsider(g)
		}
	}
	return nil
}

// EndOver ends limits and holds whose time is over.
func (e *Engine[R]) EndOver() error {
	if err := e.ChangeLimits(e.endOver); err != nil {
		return err
	}
	if e.holds == nil {
		if err := e.ReadHolds(); err != nil {
			return err
		}
	}
	e.holds = maps.Clone(e.holds)
	for transport, holds := range e.holds {
		left := Live(holds, e.wall)
		if len(left) == len(holds) {
			continue
		}
		e.holds[transport] = left
		for _, h := range holds {
			if !h.over(e.wall) {
				continue
			}
			if err := e.store.EndHold(transport, h.HoldTarget); err != nil {
				return err
			}
			e.over.Holds = append(e.over.Holds, HoldChange{Transport: transport, HoldTarget: h.HoldTarget, Over: true})
			if h.Type != "" {
				if err := e.Release(transport, h.Type); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// Over is what EndOver has ended, to be told to an Observer once the transaction is committed.
func (e *Engine[R]) Over() Over { return e.over }

// endOver is the change of limits whose time is over.
func (e *Engine[R]) endOver(now, wall time.Time, l *Limits) (
	save []SetLimit, drop []LimitTarget, _ error, //nolint:unparam // as ChangeLimits takes it
) {
	if l == nil {
		return nil, nil, nil
	}
	for _, s := range l.set.list() {
		left, ok := s.after(now, wall)
		if s.Set && !left.Set {
			change := LimitChange{Transport: s.Transport, LimitTarget: s.LimitTarget, Over: true}
			e.over.Limits = append(e.over.Limits, change)
		}
		switch {
		case !ok:
			drop = append(drop, s.LimitTarget)
		case left != s:
			save = append(save, left)
		}
	}
	return save, drop, nil
}

// countStrays counts the deliveries that hold no place behind a limit which bounds them: they were handed out before it
// was set. As long as they are in hand, they take up room.
func (e *Engine[R]) countStrays() error {
	if e.strays != nil || !e.limits.uncounted() {
		return nil
	}
	list, err := e.store.InHand()
	if err != nil {
		return err
	}
	e.strays = make(map[string]int)
	for _, d := range list {
		for _, g := range e.inForce(d.Envelope) {
			if g.Concurrency > 0 && (d.Pass == nil || !slices.Contains(d.Pass.Gates, g.Name)) {
				e.strays[g.Name]++
			}
		}
	}
	if len(e.strays) > 0 || e.now.Before(e.limits.set.uncounted.Add(countFor)) {
		return nil
	}
	return e.store.Counted()
}

// LimitStates tells what is configured and what is set, and how much of it is used.
func (e *Engine[R]) LimitStates() ([]LimitState, error) {
	if err := e.countStrays(); err != nil {
		return nil, err
	}
	list := e.limits.states()
	var names []string
	for _, s := range list {
		names = append(names, s.name(), setGate+s.name())
	}
	if err := e.load(names); err != nil {
		return nil, err
	}
	for i := range list {
		s := &list[i]
		own, set := e.gates[s.name()], e.gates[setGate+s.name()]
		s.Running = own.Used + set.Used + max(e.strays[own.Name], e.strays[set.Name])
		s.Waiting = own.Parked + set.Parked
		g := own
		if s.Set != nil && s.Set.Set {
			g = set
		}
		s.Now, s.Tokens = g.limit.Limit, -1
		if s.Now.Rate.Count > 0 {
			rate := Gate{Limit: Limit{Rate: s.Now.Rate}}
			s.Tokens = rate.Room(g.GateState, e.now)
		}
	}
	return list, nil
}

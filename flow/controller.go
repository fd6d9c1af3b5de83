package flow

import (
	"context"
	"fmt"
	"time"

	"github.com/symphony-messenger/symphony"
)

// Observer is told of holds that begin and end in this process, once storage has it. A symphony.Observer of the bus
// that is an Observer, too, is told of what is done by a Controller. Storages tell the one of their options of what
// ends by itself: of several processes the one that ends it. It must return at once. It is called concurrently.
type Observer interface {
	HoldChanged(HoldChange)
}

// LimitObserver is an Observer that is told of limits that are set and deleted as well. The same rules hold.
type LimitObserver interface {
	LimitChanged(LimitChange)
}

// LimitChange is a limit that was set at run time, or whose setting was deleted or ended by itself.
type LimitChange struct {
	// Transport is the one by which it was changed. Of one that ended by itself, where it is not a queue's: "".
	Transport string
	LimitTarget
	// Set is what was set, nil where it was deleted or ended.
	Set *SetLimit
	// Over says that it ended by itself, at its time.
	Over bool
}

// HoldChange is a hold that began or ended.
type HoldChange struct {
	Transport string
	HoldTarget
	Mode HoldMode // "" where it ended
	By   string   // who did it, "" if unknown
	Over bool     // it ended by itself, at its time
}

// Over is what ended by itself in one transaction: holds and limits whose time was over.
type Over struct {
	Holds  []HoldChange
	Limits []LimitChange
}

// Tell tells an observer, nil for none, once the transaction is committed.
func (v Over) Tell(o Observer) {
	if o == nil {
		return
	}
	for _, h := range v.Holds {
		o.HoldChanged(h)
	}
	if told, ok := o.(LimitObserver); ok {
		for _, l := range v.Limits {
			told.LimitChanged(l)
		}
	}
}

// Controller is the flow control of a transport, for those who steer it. Safe for concurrent use.
type Controller struct {
	Control
	transport string
	observers []Observer
}

// Hold stops a part of the transport, in place of an earlier hold of the same target.
func (c *Controller) Hold(ctx context.Context, h Hold) error {
	err := c.Control.Hold(ctx, h)
	if err == nil {
		c.tell(HoldChange{Transport: c.transport, HoldTarget: h.HoldTarget, Mode: h.Mode, By: h.By})
	}
	return err
}

// Release ends a hold; by is who does it. symphony.ErrNotFound if there is none of that target.
func (c *Controller) Release(ctx context.Context, t HoldTarget, by string) error {
	err := c.Control.Release(ctx, t)
	if err == nil {
		c.tell(HoldChange{Transport: c.transport, HoldTarget: t, By: by})
	}
	return err
}

func (c *Controller) tell(change HoldChange) {
	for _, o := range c.observers {
		o.HoldChanged(change)
	}
}

func (c *Controller) tellLimit(change LimitChange) {
	for _, o := range c.observers {
		if told, ok := o.(LimitObserver); ok {
			told.LimitChanged(change)
		}
	}
}

// SetLimit sets a limit at run time, in place of what was set or is configured for the same target. A pause that an
// endpoint asked for stays; a rate that it made slower is the new one. A *symphony.ValidationError says what is wrong,
// also with an end that is over by the time of the storage. before is what was set until then, nil for nothing.
func (c *Controller) SetLimit(ctx context.Context, s SetLimit) (before *SetLimit, err error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	err = c.ChangeLimits(ctx, func(_, wall time.Time, l *Limits) ([]SetLimit, []LimitTarget, error) {
		if !s.Until.IsZero() && !s.Until.After(wall) {
			var p problems
			p.add("until", "must be in the future")
			return nil, nil, p.err()
		}
		s.Set, s.Since, s.Pressure = true, wall, Pressure{}
		known, ok := l.setOf(s.LimitTarget)
		if ok {
			s.Pressure.Until, s.Pressure.From = known.Pressure.Until, known.Pressure.From
		}
		before = known.wasSet(wall)
		return []SetLimit{s}, nil, nil
	})
	if err != nil {
		return nil, err
	}
	c.tellLimit(LimitChange{Transport: c.transport, LimitTarget: s.LimitTarget, Set: &s})
	return before, nil
}

// wasSet is a limit that holds at a time of day, nil where it does not, or nothing is set but a pressure.
func (s SetLimit) wasSet(wall time.Time) *SetLimit {
	if !s.Set || !s.Until.IsZero() && !s.Until.After(wall) {
		return nil
	}
	return &s
}

// DeleteLimit goes back to what is configured for a target, and forgets what endpoints asked for. symphony.ErrNotFound
// where nothing is set. before is what was set until then, nil where an endpoint's wish was all.
func (c *Controller) DeleteLimit(ctx context.Context, t LimitTarget) (before *SetLimit, err error) {
	if err := t.Validate(); err != nil {
		return nil, err
	}
	err = c.ChangeLimits(ctx, func(_, wall time.Time, l *Limits) ([]SetLimit, []LimitTarget, error) {
		known, ok := l.setOf(t)
		if !ok {
			return nil, nil, fmt.Errorf("limit of %s: %w", t, symphony.ErrNotFound)
		}
		before = known.wasSet(wall)
		return nil, []LimitTarget{t}, nil
	})
	if err != nil {
		return nil, err
	}
	c.tellLimit(LimitChange{Transport: c.transport, LimitTarget: t})
	return before, nil
}

package flow

import "context"

// Observer is told of holds that begin and end in this process, once storage has it. A symphony.Observer of the bus that is
// an Observer, too, is told. It must return at once. It is called concurrently.
type Observer interface {
	HoldChanged(HoldChange)
}

// HoldChange is a hold that began or ended.
type HoldChange struct {
	Transport string
	HoldTarget
	Mode HoldMode // "" where it ended
	By   string   // who did it, "" if unknown
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

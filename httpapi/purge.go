package httpapi

import (
	"cmp"
	"fmt"
	"net/http"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func purge(c *call) error {
	var req wire.PurgeRequest
	var (
		name   string
		target flow.HoldTarget
	)
	err := c.accept(&req, func(wrong bool) []symphony.Problem {
		wanted := wire.HoldTarget{Transport: req.Transport, Queue: req.Queue, Type: req.Type}
		name, target = c.holdTarget(wanted)
		if list := holdProblems(wanted); list != nil || wrong { // what is to be confirmed is not clear
			return list
		}
		if confirmation := cmp.Or(target.Queue, name); req.Confirm != confirmation {
			return []symphony.Problem{{Path: "confirm", Message: fmt.Sprintf("must be %q: what is purged is gone", confirmation)}}
		}
		return nil
	})
	if err != nil {
		return err
	}
	control, err := flow.ControlOf(c.api.o.Bus, name)
	if err != nil {
		return err
	}
	c.deadline(time.Time{}) // millions of messages take their time
	n, err := control.Purge(c.Context(), flow.PurgeFilter(target), nil)
	if err != nil && n > 0 {
		return partly(err)
	}
	if err != nil {
		return err
	}
	t, err := c.api.o.Bus.Transport(name)
	if err != nil {
		return err
	}
	stats, err := t.Stats(c.Context())
	if err != nil {
		return partly(err)
	}
	return c.answer(http.StatusOK, wire.PurgeResponse{Success: true, Count: n, Pending: stats.Pending})
}

package httpapi

import (
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/auth"
)

// With Options.OwnMessages users who may not operate see and steer only the messages that carry their DispatchedBy.
// Each route of the table says what that means for it:
//
//   - most are refused: what they show or do is about everybody's messages. That is what a route is that says nothing,
//   - some are open to such a user as to others, because they show nothing of anybody, or him his own alone,
//   - some need another scope of him, because what they do concerns his own message alone.
type ownRule struct {
	open  bool
	scope auth.Scope // that is needed instead of the route's; 0: the route's
}

var (
	ownOpen     = ownRule{open: true}
	ownDispatch = ownRule{open: true, scope: auth.ScopeDispatch}
)

// doc says what the rule means, for the OpenAPI document.
func (r ownRule) doc() string {
	switch {
	case r.scope != 0:
		return " With auth.visibility own, users without operate need the scope " + r.scope.String() + " for messages of their own; others are 404 to them."
	case r.open:
		return ""
	}
	return " With auth.visibility own, users need the scope operate too."
}

// orDoc says which other scope opens a route.
func (rt *route) orDoc() string {
	if rt.or == 0 {
		return ""
	}
	return " The scope " + rt.or.String() + " opens it, too."
}

// restricted reports whether a caller sees and steers his own messages only.
func (a *API) restricted(p auth.Principal) bool {
	return a.o.OwnMessages && p.Kind == auth.KindUser && !p.Has(auth.ScopeOperate)
}

// authorize returns why a caller may not call a route.
func (a *API) authorize(p auth.Principal, rt *route) error {
	if rt.or != 0 && p.Has(rt.or) {
		return nil
	}
	scope := rt.scope
	if rt.observable() {
		scope = auth.ScopeObserve
	}
	if !a.restricted(p) {
		return p.Require(scope)
	}
	if rt.own.scope != 0 {
		scope = rt.own.scope
	}
	if err := p.Require(scope); err != nil || rt.own.open {
		return err
	}
	return errOwnMessagesOnly
}

// owner is whose messages the caller sees and steers, empty for everybody's. Who is bound has keys of his own, so that
// none of his takes the place of another one's message, and tokens for his own messages.
func (c *call) owner() string {
	if !c.api.restricted(c.principal) && c.principal.Binding == nil {
		return ""
	}
	return c.dispatcher()
}

// dispatcher is the DispatchedBy of what the caller dispatches: users have one, and holders of API keys that are bound,
// or with OwnMessages of all.
func (c *call) dispatcher() string {
	switch c.principal.Kind {
	case auth.KindUser:
	case auth.KindAPIKey:
		if !c.api.o.OwnMessages && c.principal.Binding == nil {
			return ""
		}
	default:
		return ""
	}
	if c.by == "" {
		c.by = string(c.principal.Kind) + ":" + c.principal.ID
	}
	return c.by
}

// messages are those of a transport that the caller sees.
func (c *call) messages(transport string) (*symphony.Messages, error) {
	m, err := c.api.o.Bus.Messages(transport)
	if owner := c.owner(); err == nil && owner != "" {
		m = m.Of(owner)
	}
	return m, err
}

// deadLetters are those of a transport that the caller sees. Who is bound sees others', too, as boundFailed says.
func (c *call) deadLetters(transport string) (*symphony.DeadLetters, error) {
	d, err := c.api.o.Bus.Failed(transport)
	if owner := c.owner(); err == nil && owner != "" && c.principal.Binding == nil {
		d = d.Of(owner)
	}
	return d, err
}

// ownStatus is the status for a caller who sees his own messages only: the same figures, of his. Those that are
// completed or cancelled are counted while they are kept.
func (c *call) ownStatus(t symphony.Transport, everybodys symphony.Stats) error {
	now := c.storeClock(t).Now()
	messages, err := c.messages(t.Name())
	if err != nil {
		return err
	}
	own := symphony.Stats{Queues: make(map[string]symphony.QueueStats)}
	if own.QueueStats, err = c.ownCounts(messages, "", now); err != nil {
		return err
	}
	rest := own.Depth() + own.Completed + own.Failed + own.Cancelled
	for _, queue := range slices.Sorted(maps.Keys(everybodys.Queues)) {
		if rest == 0 {
			break
		}
		q, err := c.ownCounts(messages, queue, now)
		if err != nil {
			return err
		}
		if n := q.Depth() + q.Completed + q.Failed + q.Cancelled; n > 0 {
			own.Queues[queue] = q
			own.OldestPendingAge = max(own.OldestPendingAge, q.OldestPendingAge)
			rest -= n
		}
	}
	answer := statusOf(t.Name(), own, now)
	answer.Transports = c.api.o.Bus.Names()
	return c.answer(http.StatusOK, answer)
}

// ownCounts counts a caller's messages of a queue, or of all where it is empty. The oldest that is ready is looked for
// among as many as one page has.
func (c *call) ownCounts(messages *symphony.Messages, queue string, now time.Time) (q symphony.QueueStats, err error) {
	for _, of := range []struct {
		to *int64
		f  symphony.MessageFilter
	}{
		{&q.Pending, symphony.MessageFilter{Status: symphony.Pending}}, {&q.Processing, symphony.MessageFilter{Status: symphony.Processing}},
		{&q.Completed, symphony.MessageFilter{Status: symphony.Completed}}, {&q.Failed, symphony.MessageFilter{Status: symphony.Failed}},
		{&q.Cancelled, symphony.MessageFilter{Status: symphony.Cancelled}},
		{&q.Scheduled, symphony.MessageFilter{Status: symphony.Pending, ScheduledAfter: now}},
	} {
		of.f.Queue = queue
		if *of.to, err = messages.Count(c.Context(), of.f); err != nil {
			return q, err
		}
	}
	if queue == "" || q.Pending == q.Scheduled {
		return q, nil
	}
	page, err := messages.List(c.Context(), symphony.MessageQuery{MessageFilter: symphony.MessageFilter{Status: symphony.Pending, Queue: queue}, Oldest: true})
	for i := range page.Messages {
		q.OldestPendingAge = max(q.OldestPendingAge, now.Sub(page.Messages[i].AvailableAt))
	}
	return q, err
}

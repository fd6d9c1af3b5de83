package httpapi

import (
	"errors"
	"fmt"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/auth"
)

// An API key may be bound to types and queues (auth.Binding). Its holder may call only the routes that the table marks
// as binding: each of them holds what is asked of it against the binding. All others are refused.

// boundError refuses what is outside of what the caller is bound to. Without problems it is the route itself.
type boundError struct {
	binding  *auth.Binding
	problems []symphony.Problem
}

func (e *boundError) Error() string {
	text := "the API key is bound to " + e.binding.String()
	if len(e.problems) > 0 {
		return text + "; nothing was done"
	}
	return text + "; what this route does cannot be bound, so it is refused"
}

func (e *boundError) tell(f *failure) {
	if len(e.problems) > 0 {
		f.tellProblems(e.problems, 0)
	}
	f.message = sentence(e.Error())
}

// checkBound refuses who is bound what does not heed it.
func checkBound(p auth.Principal, rt *route) error {
	if p.Binding == nil || rt.binding {
		return nil
	}
	return &boundError{binding: p.Binding}
}

// bindingDoc says what a route means for who is bound, for the OpenAPI document.
func (rt *route) bindingDoc() string {
	if !rt.binding || rt.access == callerAccess {
		return ""
	}
	return " A key that is bound to types or queues can call it, within what it is bound to."
}

// outside is the error of problems with what the caller is bound to, nil for none.
func (c *call) outside(list []symphony.Problem) error {
	if len(list) == 0 {
		return nil
	}
	return &boundError{c.principal.Binding, list}
}

// bus is the one by which the caller dispatches.
func (c *call) bus() *symphony.Bus {
	if b := c.principal.Binding; b != nil {
		return c.api.o.Bus.Within(b.Outside, c.outside)
	}
	return c.api.o.Bus
}

// boundQueues refuses queues to work on that the caller is not bound to, and all of them.
func (c *call) boundQueues(queues []string) error {
	b := c.principal.Binding
	if b == nil {
		return nil
	}
	if len(queues) == 0 {
		return c.outside([]symphony.Problem{{Path: "queues", Message: "must name queues, because the caller is bound"}})
	}
	var list []symphony.Problem
	for i, q := range queues {
		if !b.Allows("", q) {
			list = append(list, symphony.Problem{Path: fmt.Sprintf("queues[%d]", i),
				Message: fmt.Sprintf("%q is outside of what the caller is bound to", q)})
		}
	}
	return c.outside(list)
}

// boundReceipts refuses receipts of messages that the caller is not bound to. Those of another installation have
// nothing that could be judged, and nothing is done with them.
func (c *call) boundReceipts(receipts []receipt, path func(int) string) error {
	b := c.principal.Binding
	if b == nil {
		return nil
	}
	var list []symphony.Problem
	for i := range receipts {
		r := &receipts[i]
		if r.transport != "" && !b.Allows(r.typ, r.queue) {
			const message = "is of a message outside of what the caller is bound to"
			list = append(list, symphony.Problem{Path: path(i), Message: message})
		}
	}
	return c.outside(list)
}

// boundFailed finds a failed message for who is bound: its FailedID. To him there are none but those that he is bound
// to.
func (c *call) boundFailed(dead *symphony.DeadLetters, id string) (string, error) {
	f, err := dead.Get(c.Context(), id)
	if errors.Is(err, symphony.ErrNotFound) || err == nil && !c.principal.Binding.Allows(f.Type, f.Queue) {
		// Not even that it was retried is told: nobody knows any more which queue it was in.
		return "", fmt.Errorf("failed message %s: %w", id, symphony.ErrNotFound)
	}
	return f.FailedID, err
}

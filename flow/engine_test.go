package flow_test

import (
	"testing"

	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/transport/transporttest"
	"pgregory.net/rapid"
)

var _ flow.Store[int] = (*queue)(nil)

// drawn makes a model's choices.
type drawn struct{ *rapid.T }

func (d drawn) IntN(n int) int { return rapid.IntRange(0, n-1).Draw(d.T, "choice") }

// Whatever happens in whatever order, the engine keeps the rules that each transport must keep, and its gates count what they
// should after every step.
func TestModel(t *testing.T) {
	limits := transporttest.Limits(t)
	rapid.Check(t, func(t *rapid.T) {
		transporttest.FlowModel(t, checked{newQueue(limits), t.Fatalf}, drawn{t}, 150)
	})
}

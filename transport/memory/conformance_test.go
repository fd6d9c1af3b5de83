package memory_test

import (
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/transport/memory"
	"github.com/symphony-messenger/symphony/transport/transporttest"
)

func TestConformance(t *testing.T) {
	transporttest.Run(t, func(t *testing.T, clock symphony.Clock) transporttest.Harness {
		open := func(t *testing.T, retention time.Duration) *memory.Transport {
			tr := memory.Open(memory.Options{Clock: clock, Limits: transporttest.Limits(t), Retention: retention})
			t.Cleanup(func() {
				if err := tr.Close(); err != nil {
					t.Error(err)
				}
			})
			return tr
		}
		tr := open(t, 0)
		return transporttest.Harness{Steady: true,
			Default: tr, Email: tr.Named("email"),
			Keeps:       memory.MaxKept,
			KeepNothing: func(t *testing.T) symphony.Transport { return open(t, symphony.KeepNothing) },
		}
	})
}

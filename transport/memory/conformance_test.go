package memory_test

import (
	"testing"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/transport/memory"
	"github.com/symphony-messenger/symphony/transport/transporttest"
)

func TestConformance(t *testing.T) {
	transporttest.Run(t, func(t *testing.T, clock symphony.Clock) transporttest.Harness {
		tr := memory.Open(memory.Options{Clock: clock, Limits: transporttest.Limits(t)})
		t.Cleanup(func() {
			if err := tr.Close(); err != nil {
				t.Error(err)
			}
		})
		return transporttest.Harness{Default: tr, Email: tr.Named("email")}
	})
}

package memory_test

import (
	"testing"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/transport/memory"
	"github.com/symphony-messenger/symphony/transport/transporttest"
)

func BenchmarkFlow(b *testing.B) {
	transporttest.BenchmarkFlow(b, func(b *testing.B, limits *flow.Limits) symphony.Transport {
		tr := memory.Open(memory.Options{Limits: limits})
		b.Cleanup(func() { tr.Close() })
		return tr
	})
}

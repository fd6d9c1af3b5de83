package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/transport/sqlite"
	"github.com/symphony-messenger/symphony/transport/transporttest"
)

func BenchmarkFlow(b *testing.B) {
	transporttest.BenchmarkFlow(b, func(b *testing.B, limits *flow.Limits) symphony.Transport {
		tr, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "queue.db"), sqlite.Options{Limits: limits})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { tr.Close() })
		return tr
	})
}

func BenchmarkTerms(b *testing.B) {
	transporttest.BenchmarkTerms(b, func(b *testing.B) symphony.Transport {
		tr, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "queue.db"),
			sqlite.Options{Indexes: transporttest.BenchmarkIndexes()})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { tr.Close() })
		return tr
	})
}

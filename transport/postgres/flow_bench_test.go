package postgres_test

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/internal/pgtest"
	"github.com/symphony-messenger/symphony/transport/postgres"
	"github.com/symphony-messenger/symphony/transport/transporttest"
)

var schemas atomic.Int64

func BenchmarkFlow(b *testing.B) {
	url := pgtest.URL(b)
	transporttest.BenchmarkFlow(b, func(b *testing.B, limits *flow.Limits) symphony.Transport {
		tr, err := postgres.Open(b.Context(), url, postgres.Options{Limits: limits, Schema: fmt.Sprintf("bench_%d", schemas.Add(1)), Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { tr.Close() })
		return tr
	})
}

func BenchmarkTerms(b *testing.B) {
	url := pgtest.URL(b)
	transporttest.BenchmarkTerms(b, func(b *testing.B) symphony.Transport {
		tr, err := postgres.Open(b.Context(), url, postgres.Options{Schema: fmt.Sprintf("bench_%d", schemas.Add(1)),
			Indexes: transporttest.BenchmarkIndexes(), Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { tr.Close() })
		return tr
	})
}

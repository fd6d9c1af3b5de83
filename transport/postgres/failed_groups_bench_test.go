package postgres_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/internal/pgtest"
	"github.com/symphony-messenger/symphony/transport/postgres"
	"github.com/symphony-messenger/symphony/transport/transporttest"
	"github.com/symphony-messenger/symphony/triage"
)

// BenchmarkFailureGroups asks for the groups of many dead letters, SYMPHONY_BENCH_FAILED of them or 20,000, of 200 bytes
// and of 2,000 groups, a thousand in an hour.
func BenchmarkFailureGroups(b *testing.B) {
	n := 20_000
	if text := os.Getenv("SYMPHONY_BENCH_FAILED"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	ctx := context.Background()
	url := pgtest.Start(b, pgtest.Options{}).URL("postgres")
	tr, err := postgres.Open(ctx, url, postgres.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { tr.Close() })
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, `INSERT INTO symphony.messenger_failed_messages (id, transport, queue, message_id, lane, type,
			priority, created_at, failed_at, error, error_class, retry_count, max_retries, attempts, payload, failure_group)
		SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '70008000' || lpad(to_hex(i), 12, '0'))::uuid,
			'default', 'default', gen_random_uuid(), 1, 'Type' || i % 50, 5, at, at, 'order not found', 'x', 3, 3, '[]',
			'{"pad": "' || repeat('x', 190) || '"}', '1:' || lpad(to_hex(i * 7919::bigint % 2000), 24, '0')
		FROM generate_series(1, $1::int) i, LATERAL (SELECT now() - (($1 - i) * interval '3.6 s') AS at) t`, n); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		list, err := tr.FailureGroups(ctx, triage.Query{Limit: 50})
		if err != nil || len(list) != min(50, n) {
			b.Fatal(len(list), err)
		}
	}
}

// BenchmarkFailures lets messages fail, with the triggers that keep groups and without.
func BenchmarkFailures(b *testing.B) {
	url := pgtest.URL(b)
	transporttest.BenchmarkFailures(b, func(b *testing.B, groups bool) symphony.Transport {
		schema := fmt.Sprintf("bench_failures_%d", schemas.Add(1))
		o := postgres.Options{Schema: schema, Logger: slog.New(slog.DiscardHandler)}
		tr, err := postgres.Open(b.Context(), url, o)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { tr.Close() })
		if groups {
			return tr
		}
		conn, err := pgx.Connect(b.Context(), url)
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close(b.Context())
		for _, trigger := range []string{"came", "left", "regrouped"} {
			sql := "DROP TRIGGER messenger_failures_" + trigger + " ON " + schema + ".messenger_failed_messages"
			if _, err := conn.Exec(b.Context(), sql); err != nil {
				b.Fatal(err)
			}
		}
		return tr
	})
}

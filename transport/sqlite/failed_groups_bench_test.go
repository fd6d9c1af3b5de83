package sqlite_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/transport/sqlite"
	"github.com/symphony-messenger/symphony/transport/transporttest"
	"github.com/symphony-messenger/symphony/triage"
	driver "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// benchFailedEnv is how many dead letters BenchmarkFailureGroups has, 20,000 unless given.
const benchFailedEnv = "SYMPHONY_BENCH_FAILED"

// benchSize is how many messages a benchmark is to have: what a variable says, 20,000 unless it is given.
func benchSize(b *testing.B, env string) int {
	b.Helper()
	text := os.Getenv(env)
	if text == "" {
		return 20_000
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// loadFailed fills the dead letter queue with :n messages of 200 bytes and of 2,000 groups, a thousand in an hour.
const loadFailed = `INSERT INTO messenger_failed_messages (id, transport, queue, message_id, type, priority, created_at,
		failed_at, error, error_class, retry_count, max_retries, attempts, payload, failure_group)
	WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM k WHERE i < :n),
		m(i, at) AS (SELECT i, CAST(unixepoch('subsec') * 1000 AS INTEGER) - (:n - i) * 3600 FROM k)
	SELECT printf('%s-%s-7000-8000-%012x', substr(printf('%012x', at), 1, 8), substr(printf('%012x', at), 9), i),
		'default', 'default', printf('m%d', i), 'Type' || (i % 50), 5, at * 1000, at * 1000, 'order not found', 'x', 3, 3,
		'[]', '{"pad":"' || printf('%0190d', i) || '"}', printf('1:%024x', (i * 7919) % 2000) FROM m`

// BenchmarkFailureGroups asks for the groups of many dead letters.
func BenchmarkFailureGroups(b *testing.B) {
	n := benchSize(b, benchFailedEnv)
	ctx, path := context.Background(), filepath.Join(b.TempDir(), "symphony.db")
	open := func() *sqlite.Transport {
		tr, err := sqlite.Open(ctx, path, sqlite.Options{})
		if err != nil {
			b.Fatal(err)
		}
		return tr
	}
	open().Close()
	conn, err := driver.OpenConn(path)
	if err != nil {
		b.Fatal(err)
	}
	err = sqlitex.Execute(conn, loadFailed, &sqlitex.ExecOptions{Named: map[string]any{":n": n}})
	if err != nil {
		b.Fatal(err)
	}
	conn.Close()
	tr := open()
	b.Cleanup(func() { tr.Close() })
	for b.Loop() {
		list, err := tr.FailureGroups(ctx, triage.Query{Limit: 50})
		if err != nil || len(list) != min(50, n) {
			b.Fatal(len(list), err)
		}
	}
}

// BenchmarkFailures lets messages fail, with the triggers that keep groups and without.
func BenchmarkFailures(b *testing.B) {
	transporttest.BenchmarkFailures(b, func(b *testing.B, groups bool) symphony.Transport {
		path := filepath.Join(b.TempDir(), "symphony.db")
		open := func() *sqlite.Transport {
			tr, err := sqlite.Open(b.Context(), path, sqlite.Options{})
			if err != nil {
				b.Fatal(err)
			}
			return tr
		}
		if !groups {
			open().Close()
			conn, err := driver.OpenConn(path)
			if err != nil {
				b.Fatal(err)
			}
			err = sqlitex.ExecuteScript(conn, `DROP TRIGGER messenger_failed_messages_came;
				DROP TRIGGER messenger_failed_messages_left; DROP TRIGGER messenger_failed_messages_regrouped`, nil)
			if err != nil {
				b.Fatal(err)
			}
			conn.Close()
		}
		tr := open()
		b.Cleanup(func() { tr.Close() })
		return tr
	})
}

package postgres

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/internal/pgtest"
	"github.com/symphony-messenger/symphony/transport/transporttest"
)

// benchMessagesEnv is how many messages BenchmarkMessages loads.
const benchMessagesEnv = "SYMPHONY_BENCH_MESSAGES"

// loadMessages fills the lanes of a new schema by SQL with n messages of the last 24 hours, one after the other: 45% are
// completed, every ninth of these failed instead; then come 10,000 in hand; the others are pending, every 50th of them
// scheduled for next year and every 100th waiting for a retry. One in a hundred thousand has the type Rare, and one in a
// million "needle" in its payload, which has 200 bytes.
var loadMessages = []string{
	"SET synchronous_commit = off",
	`CREATE TABLE symphony.load AS SELECT n, at, CASE WHEN n > $n * 45 / 100 THEN CASE WHEN n <= $n * 45 / 100 + 10000 THEN 'h' ELSE 'p' END WHEN n % 9 = 0 THEN 'f' ELSE 'c' END AS place,
			(lpad(to_hex((extract(epoch FROM at) * 1000)::int8), 12, '0') || '7' || lpad(to_hex(n % 4096), 3, '0') || '8' || left(md5(n::text), 15))::uuid AS id,
			CASE WHEN n % 100000 = 77 THEN 'Rare' WHEN n % 10 = 0 THEN 'SendMail' ELSE 'OrderPlaced' END AS type,
			'{"order": ' || n || ', "customer": "' || md5(n::text) || CASE WHEN n % 1000000 = 99 THEN '", "note": "needle' ELSE '' END || '", "pad": "' || repeat('x', 110) || '"}' AS payload,
			(SELECT lane FROM symphony.messenger_lanes WHERE transport = 'default' AND queue = CASE WHEN n % 10 = 0 THEN 'mail' ELSE 'default' END) AS lane
		FROM (SELECT n, now() - interval '24 hours' + n * (interval '24 hours' / $n) AS at FROM generate_series(1, $n) n) s`,
	`INSERT INTO symphony.messenger_completed (id, created_at, started_at, completed_at, lane, priority, attempt, type, worker, payload)
		SELECT id, at, at + interval '1 second', at + interval '2 seconds', lane, 5, 1, type, 'worker-1', payload FROM symphony.load WHERE place = 'c'`,
	`INSERT INTO symphony.messenger_failed_messages (id, failed_at, created_at, lane, transport, queue, message_id, type, priority, error, error_class, retry_count, max_retries, attempts, payload)
		SELECT (left(id::text, 24) || left(md5(id::text), 12))::uuid, at, at, lane, 'default', CASE WHEN n % 10 = 0 THEN 'mail' ELSE 'default' END, id, type, 5, 'connection refused', 'network', 2, 3,
			'[{"attempt": 1, "error": "connection refused", "worker": "worker-1", "errorClass": "network", "startedAt": 1700000000000000, "finishedAt": 1700000000000000, "retryAt": 1700000001000000}]', payload
		FROM symphony.load WHERE place = 'f'`,
	`INSERT INTO symphony.messenger_messages (id, created_at, scheduled_at, lane, priority, type, payload)
		SELECT id, at, CASE WHEN n % 50 = 0 AND place = 'p' THEN at + interval '1 year' END, lane, 5, type, payload FROM symphony.load WHERE place IN ('p', 'h')`,
	`INSERT INTO symphony.messenger_ready (lane, rank, ord, available_at, id, attempt, lost, size)
		SELECT lane, 5, n, CASE WHEN n % 50 = 0 THEN at + interval '1 year' WHEN n % 100 = 1 THEN at + interval '25 hours' ELSE at + interval '3 milliseconds' END, id,
			(n % 100 = 1)::int, 0, length(payload) FROM symphony.load WHERE place = 'p'`,
	`INSERT INTO symphony.messenger_scheduled (scheduled_at, id, lane) SELECT at + interval '1 year', id, lane FROM symphony.load WHERE place = 'p' AND n % 50 = 0`,
	`INSERT INTO symphony.messenger_attempts (id, attempt, started_at, finished_at, worker, error, error_class, retry_at)
		SELECT id, 1, at, at, 'worker-1', 'timeout', 'network', at + interval '25 hours' FROM symphony.load WHERE place = 'p' AND n % 100 = 1`,
	`INSERT INTO symphony.messenger_leases (token, transport, worker, claimed_at, expires_at, ids, lanes, ranks, ords, available, attempts, lost, sizes)
		SELECT gen_random_uuid(), 'default', 'worker-' || n % 100, now(), now() + interval '1 day', array_agg(id), array_agg(lane), array_agg(5::int2), array_agg(n::int4), array_agg(at),
			array_agg(1), array_agg(0), array_agg(200) FROM symphony.load WHERE place = 'h' GROUP BY n % 100`,
	// What messages carry is not looked at before they are found by their marks.
	`INSERT INTO symphony.messenger_marks SELECT 'tag:vip', id FROM symphony.load WHERE n % 1000 = 0`,
	`INSERT INTO symphony.messenger_counters SELECT 0, lane, count(*) FILTER (WHERE place = 'p'), count(*) FILTER (WHERE place = 'h'), count(*) FILTER (WHERE place = 'c'),
			count(*) FILTER (WHERE place = 'f'), count(*) FILTER (WHERE place = 'p' AND n % 50 = 0) FROM symphony.load GROUP BY lane
		ON CONFLICT (shard, lane) DO UPDATE SET pending = excluded.pending, processing = excluded.processing, completed = excluded.completed, failed = excluded.failed, scheduled = excluded.scheduled`,
}

// openLoaded opens a transport on a server with n messages.
func openLoaded(tb testing.TB, version string, n int) (*Transport, *pgx.Conn) {
	server := pgtest.Start(tb, pgtest.Options{Version: version, Fsync: true})
	url := server.URL("postgres")
	tr, err := Open(context.Background(), url, quiet(Options{Retention: 48 * time.Hour}))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { tr.Close() })
	conn, err := pgx.Connect(context.Background(), url)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close(context.Background()) })
	run := func(sql string) {
		tb.Helper()
		if _, err := conn.Exec(context.Background(), strings.ReplaceAll(sql, "$n", strconv.Itoa(n))); err != nil {
			tb.Fatalf("%s: %v", sql, err)
		}
	}
	run("SET symphony.knows = '" + strconv.Itoa(len(knownMigrations())) + "'") // it stores leases
	run("INSERT INTO symphony.messenger_lanes (transport, queue) VALUES ('default', 'default'), ('default', 'mail'), ('other', 'default')")
	run("SELECT symphony.messenger_roll_partitions(now() - interval '1 day', NULL)")
	for _, sql := range loadMessages {
		run(sql)
	}
	run("VACUUM (ANALYZE)")
	return tr, conn
}

// benchSearches are the lists that are measured. rank is the place of their cursor among all messages, of a hundred.
var benchSearches = []struct {
	name string
	q    symphony.MessageQuery
	rank int
}{
	{"no filter", symphony.MessageQuery{}, 0},
	{"no filter, oldest first", symphony.MessageQuery{Oldest: true}, 0},
	{"no filter, cursor in the middle", symphony.MessageQuery{}, 50},
	{"no filter, cursor near the end", symphony.MessageQuery{}, 1},
	{"200 messages", symphony.MessageQuery{Limit: 200}, 0},
	{"pending", symphony.MessageQuery{MessageFilter: symphony.MessageFilter{Status: symphony.Pending}}, 0},
	{"processing", symphony.MessageQuery{MessageFilter: symphony.MessageFilter{Status: symphony.Processing}}, 0},
	{"completed", symphony.MessageQuery{MessageFilter: symphony.MessageFilter{Status: symphony.Completed}}, 0},
	{"failed", symphony.MessageQuery{MessageFilter: symphony.MessageFilter{Status: symphony.Failed}}, 0},
	{"frequent type", symphony.MessageQuery{MessageFilter: symphony.MessageFilter{Type: "SendMail"}}, 0},
	{"rare type", symphony.MessageQuery{MessageFilter: symphony.MessageFilter{Type: "Rare"}}, 0},
	{"a caller", symphony.MessageQuery{MessageFilter: symphony.MessageFilter{DispatchedBy: "user:ada"}}, 0},
	{"a tag", symphony.MessageQuery{MessageFilter: symphony.MessageFilter{Tags: []string{"vip"}}}, 0},
	{"a tag, completed", symphony.MessageQuery{MessageFilter: symphony.MessageFilter{Tags: []string{"vip"},
		Status: symphony.Completed}}, 0},
	{"a story", symphony.MessageQuery{MessageFilter: symphony.MessageFilter{
		CorrelationID: "0197f3a2-6c1b-7d30-9a41-2f0f6f0b6a11"}}, 50},
	{"a class of errors", symphony.MessageQuery{MessageFilter: symphony.MessageFilter{ErrorClass: "rare"}}, 0},
	{"a group of failures", symphony.MessageQuery{MessageFilter: symphony.MessageFilter{FailureGroup: "1:rare"}}, 0},
	{"frequent text", symphony.MessageQuery{MessageFilter: symphony.MessageFilter{Text: "ORDER"}}, 0},
	{"text that is nowhere", symphony.MessageQuery{MessageFilter: symphony.MessageFilter{Text: "100% of_it"}}, 0},
	{"an hour, pending, queue", symphony.MessageQuery{MessageFilter: symphony.MessageFilter{Status: symphony.Pending, Queue: "mail"}}, -1},
}

// completeSearch gives a search of benchSearches its cursor and its times.
func completeSearch(tb testing.TB, conn *pgx.Conn, q *symphony.MessageQuery, rank int) {
	tb.Helper()
	var newest, oldest time.Time
	if err := conn.QueryRow(context.Background(), "SELECT min(at), max(at) FROM symphony.load").Scan(&oldest, &newest); err != nil {
		tb.Fatal(err)
	}
	switch {
	case rank < 0:
		q.Until = newest.Add(-2 * time.Hour)
		q.Since = q.Until.Add(-time.Hour)
	case rank > 0:
		id := idAt(oldest.Add(newest.Sub(oldest) * time.Duration(rank) / 100))
		q.After = id.String()
	}
}

// explain returns the plan of a statement as it is executed.
func explain(tb testing.TB, tr *Transport, conn *pgx.Conn, sql string, params [][]byte) string {
	tb.Helper()
	if _, err := conn.Exec(context.Background(), strings.ReplaceAll(inOrder.sql, "true", "false")); err != nil { // for the session
		tb.Fatal(err)
	}
	result := conn.PgConn().ExecParams(context.Background(), "EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) "+tr.qualify(sql), params, nil, binaryFormat, nil).Read()
	if result.Err != nil {
		tb.Fatal(result.Err)
	}
	var lines []string
	for _, row := range result.Rows {
		lines = append(lines, string(row[0]))
	}
	return strings.Join(lines, "\n")
}

// measure calls f some times and reports the times it took.
func measure(b *testing.B, f func(i int) error) {
	b.Helper()
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		began := time.Now()
		if err := f(i); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	first := took[0]
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(ms(took[len(took)/2]), "ms-p50")
	b.ReportMetric(ms(took[len(took)-1]), "ms-max")
	b.ReportMetric(ms(first), "ms-first")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkMessages measures lists, counts and steering of as many messages as SYMPHONY_BENCH_MESSAGES says, 10,000,000 for
// docs/performance.md. -v shows the plans.
func BenchmarkMessages(b *testing.B) {
	n, _ := strconv.Atoi(os.Getenv(benchMessagesEnv))
	tr, conn := openLoaded(b, "", max(n, 100_000))
	for _, s := range benchSearches {
		q := s.q
		completeSearch(b, conn, &q, s.rank)
		b.Run("list/"+s.name, func(b *testing.B) {
			measure(b, func(int) error {
				_, err := tr.ListMessages(context.Background(), q)
				return err
			})
		})
		if testing.Verbose() {
			search, err := tr.newSearch(q, nil)
			if err != nil {
				b.Fatal(err)
			}
			b.Logf("%s\n%s", s.name, explain(b, tr, conn, search.listText(), search.params))
		}
	}
	for name, q := range map[string]symphony.MessageQuery{"50,000 messages": {}, "50,000 by text": {MessageFilter: symphony.MessageFilter{Text: "needle"}}} {
		b.Run("count/"+name, func(b *testing.B) {
			measure(b, func(int) error {
				_, err := transporttest.CountMessages(context.Background(), tr, q)
				return err
			})
		})
	}
	b.Run("count/by type", func(b *testing.B) {
		measure(b, func(int) error {
			_, err := tr.CountTypes(context.Background(), []string{tr.Name()}, symphony.MaxCounted)
			return err
		})
	})
	for _, kind := range []struct{ name, where string }{
		{"ready", "place = 'p' AND n % 50 > 1"}, {"scheduled", "place = 'p' AND n % 50 = 0"}, {"waiting for a retry", "place = 'p' AND n % 100 = 1"},
		{"in hand", "place = 'h'"}, {"completed", "place = 'c'"}, {"failed", "place = 'f'"},
	} {
		rows, err := conn.Query(context.Background(), "SELECT id::text FROM symphony.load TABLESAMPLE BERNOULLI (least(100, 2000000.0 / "+strconv.Itoa(max(n, 100_000))+")) WHERE "+kind.where+" ORDER BY random() LIMIT 4000")
		if err != nil {
			b.Fatal(err)
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil || len(ids) == 0 {
			b.Fatal(err)
		}
		b.Run("get/"+kind.name, func(b *testing.B) {
			measure(b, func(i int) error {
				_, err := transporttest.GetMessage(context.Background(), tr, ids[i%len(ids)])
				return err
			})
		})
		if kind.name == "in hand" || kind.name == "completed" || kind.name == "failed" {
			continue
		}
		half := len(ids) / 2
		b.Run("run now/"+kind.name, func(b *testing.B) {
			measure(b, func(i int) error { return tr.RunMessageNow(context.Background(), ids[i%half]) })
		})
		used := 0
		b.Run("delete/"+kind.name, func(b *testing.B) {
			measure(b, func(i int) error {
				if used++; half+used > len(ids) {
					return fmt.Errorf("more than %d", half)
				}
				return tr.DeleteMessage(context.Background(), ids[half+used-1])
			})
		})
	}
}

// markedIDs is how completed messages with a mark are found.
var markedIDs = regexp.MustCompile(`Index Scan( Backward)? using messenger_completed_\d+_id_idx`)

// kindIndexes are how dead letters of one kind are found.
var kindIndexes = regexp.MustCompile(`using messenger_failed_messages_(class|group)_message`)

var wholeTable = regexp.MustCompile(`Seq Scan on messenger_(messages|completed|failed|ready)`)

// TestListPlans keeps lists from reading more than they must: the tables are read by their indexes in the order of the list,
// and nothing of them is sorted. Of a caller's, only his messages are read.
func TestListPlans(t *testing.T) {
	t.Parallel()
	for _, version := range pgtest.Versions(t) {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			tr, conn := openLoaded(t, version, 100_000)
			for _, s := range benchSearches {
				q := s.q
				completeSearch(t, conn, &q, s.rank)
				var marked *byMark
				if q.Mark() != "" {
					marked = &byMark{mark: q.Mark()}
				}
				search, err := tr.newSearch(q, marked)
				if err != nil {
					t.Fatal(err)
				}
				plan := explain(t, tr, conn, search.listText(), search.params)
				_, page, _ := strings.Cut(plan, "CTE page")
				page, _, ok := strings.Cut(page, "CTE held")
				whole := wholeTable.MatchString(page)
				if search.mark != "" {
					if strings.Count(page, "messenger_marks_pkey") != 1 || !markedIDs.MatchString(page) {
						t.Errorf("%s: messages without it are looked at\n%s", s.name, plan)
					}
					// Single messages are looked up also in partitions that are empty.
					whole = strings.Contains(page, "Seq Scan on messenger_messages") ||
						strings.Contains(page, "Seq Scan on messenger_failed_messages")
				}
				if !ok || whole {
					t.Errorf("%s: a table is read as a whole\n%s", s.name, plan)
				}
				if q.ErrorClass+q.FailureGroup != "" && !kindIndexes.MatchString(page) {
					t.Errorf("%s: other failures are looked at\n%s", s.name, plan)
				}
				if n := strings.Count(page, "Index Cond: (((extras)::json ->> 'dispatchedBy'::text)"); q.DispatchedBy != "" && n < 3 {
					t.Errorf("%s: messages of others are looked at\n%s", s.name, plan)
				}
				if q.Status != symphony.Processing && strings.Contains(page, "Sort (") {
					t.Errorf("%s: messages are sorted\n%s", s.name, plan)
				}
			}
		})
	}
}

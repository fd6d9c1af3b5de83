package postgres

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/symphony-messenger/symphony/internal/pgtest"
)

// makeVersion makes the schema as a release had it that knew migrations up to a version.
func makeVersion(t *testing.T, url string, version int) {
	t.Helper()
	err := onStore(t.Context(), url, quiet(Options{}), func(s *store) error {
		for _, m := range s.migrations()[:version] {
			if err := s.apply(t.Context(), m); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestMigrationsUnderTraffic migrates from the schema of every release while transactions use its tables in the orders of
// dispatches, claims and settlements. None of them may fail, and the migration must come to its end.
func TestMigrationsUnderTraffic(t *testing.T) {
	// The statements of a transaction with their tables. Each holds what it has until the commit, as one that writes does.
	orders := [][]string{
		{"messages", "ready", "scheduled", "counters"},                             // dispatch
		{"ready, leases, counters, messages"},                                      // claim
		{"leases, messages, attempts, completed, counters", "leases"},              // ack
		{"leases", "messages", "counters", "attempts", "ready", "failed_messages"}, // any other settlement
		{"records"},
	}
	known := len((&store{schema: "symphony"}).migrations())
	for version := 1; version < known; version++ {
		t.Run(fmt.Sprintf("from version %d", version), func(t *testing.T) {
			url := pgtest.URL(t)
			makeVersion(t, url, version)
			var (
				traffic, begun sync.WaitGroup
				over           = make(chan struct{})
			)
			begun.Add(len(orders))
			for _, tables := range orders {
				conn := connect(t, url)
				traffic.Go(func() {
					passed := sync.OnceFunc(begun.Done)
					defer passed()
					for {
						select {
						case <-over:
							return
						default:
						}
						err := pgx.BeginFunc(context.Background(), conn, func(tx pgx.Tx) error {
							for _, list := range tables {
								names := "symphony.messenger_" + strings.ReplaceAll(list, ", ", ", symphony.messenger_")
								if _, err := tx.Exec(context.Background(), "LOCK TABLE "+names+" IN ROW EXCLUSIVE MODE"); err != nil {
									return fmt.Errorf("%s: %w", list, err)
								}
							}
							return nil
						})
						if err == nil {
							_, err = conn.Exec(context.Background(), "SELECT pg_sleep(0.002)") // as a commit to the disk takes
						}
						if err != nil {
							t.Errorf("a transaction on %s: %v", strings.Join(tables, "; "), err)
							return
						}
						passed()
					}
				})
			}
			begun.Wait()
			applied, err := Migrate(t.Context(), url, quiet(Options{}))
			close(over)
			traffic.Wait()
			if err != nil || len(applied) != known-version {
				t.Errorf("%d migrations were applied, %v; want %d", len(applied), err, known-version)
			}
		})
	}
}

func TestIndexesOfLargeTablesAreBuiltWhileTheyAreWritten(t *testing.T) {
	url := pgtest.URL(t)
	makeVersion(t, url, 3)
	execute(t, url, `INSERT INTO symphony.messenger_failed_messages (id, failed_at, created_at, lane, transport, queue, message_id, type, priority,
		error, error_class, retry_count, max_retries, attempts, payload)
		SELECT gen_random_uuid(), now(), now(), 1, 'default', 'default', gen_random_uuid(), 'Job', 5, 'e', 'c', 0, 3, '[]',
			(SELECT string_agg(md5(i::text || j::text), '') FROM generate_series(1, 50) j) FROM generate_series(1, 6000) i`)
	const index = "messenger_failed_messages_message"
	err := onStore(t.Context(), url, quiet(Options{}), func(s *store) error {
		m := s.migrations()[3]
		if m.Name != "inspection" || len(m.indexes) != 2 {
			return fmt.Errorf("migration 4 is %s with %d indexes", m.Name, len(m.indexes))
		}
		return s.buildIndexes(t.Context(), m)
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := ask[int](t, url, "SELECT count(*) FROM pg_index WHERE indexrelid = to_regclass($1) AND indisvalid", "symphony."+index); n != 1 {
		t.Error("the index is not built")
	}
	if _, err := Migrate(t.Context(), url, quiet(Options{})); err != nil {
		t.Error(err)
	}
}

func TestChangedTables(t *testing.T) {
	got := changedTables(`CREATE TABLE {schema}.messenger_new (a int);
ALTER TABLE {schema}.messenger_new ADD b int;
CREATE INDEX IF NOT EXISTS messenger_x ON {schema}.messenger_records (kind);
ALTER TABLE {schema}.messenger_attempts ADD COLUMN c int;
ALTER TABLE {schema}.messenger_ready ADD COLUMN c int;
ALTER TABLE {schema}.messenger_ready ADD COLUMN d int;
CREATE UNIQUE INDEX messenger_y ON {schema}.messenger_gates (name);`)
	want := []string{"messenger_attempts", "messenger_ready", "messenger_gates", "messenger_records"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

package sqlite

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/symphonytest/testclock"
	"github.com/symphony-messenger/symphony/triage"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitemigration"
	"zombiezen.com/go/sqlite/sqlitex"
)

// Dead letters of releases that knew no groups get theirs, more of them than in one transaction; those of a release
// that knew groups, and kept nothing of them, are counted.
func TestDeadLettersOfOlderReleasesGetTheirGroups(t *testing.T) {
	names, scripts, err := readMigrations()
	if err != nil {
		t.Fatal(err)
	}
	failed := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	const each = triage.GroupedAtOnce*2/3 + 1
	groups := []string{"", ""}
	for i, typ := range []string{"Job", "Mail"} {
		groups[i] = triage.Fingerprint(typ, "x", "order 1 not found")
	}
	for _, test := range []struct {
		name    string
		version int
		group   string // what that release stored as it, as SQL
	}{
		{"that knew no groups", 12, ""},
		{"that kept nothing of groups", 16, fmt.Sprintf(", iif(i %% 2, '%s', '%s')", groups[1], groups[0])},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "queue.db")
			conn, err := sqlite.OpenConn(path)
			if err != nil {
				t.Fatal(err)
			}
			old := sqlitemigration.Schema{AppID: appID, Migrations: scripts[:test.version]}
			if err := sqlitemigration.Migrate(t.Context(), conn, old); err != nil {
				t.Fatalf("up to %s: %v", names[test.version-1], err)
			}
			column := ""
			if test.group != "" {
				column = ", failure_group"
			}
			err = sqlitex.Execute(conn, `INSERT INTO messenger_failed_messages (id, transport, queue, message_id, type,
					priority, created_at, failed_at, error, error_class, retry_count, max_retries, attempts, payload`+column+`)
				WITH RECURSIVE k(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM k WHERE i+1 < :n)
				SELECT printf('0197a000-0000-7000-8000-%012x', i), 'default', 'default', printf('m%d', i),
					iif(i % 2, 'Mail', 'Job'), 5, :at, :at, printf('order %d not found', i), 'x', 3, 3, '[]',
					'{}'`+test.group+` FROM k`,
				&sqlitex.ExecOptions{Named: map[string]any{":n": 2 * each, ":at": failed.UnixMicro()}})
			if err != nil {
				t.Fatal(err)
			}
			if err := conn.Close(); err != nil {
				t.Fatal(err)
			}
			tr, err := Open(t.Context(), path, Options{Clock: testclock.New(failed.Add(time.Hour))})
			if err != nil {
				t.Fatal(err)
			}
			defer tr.Close()
			if err := tr.Housekeep(t.Context()); err != nil {
				t.Fatal(err)
			}
			got, err := tr.FailureGroups(t.Context(), triage.Query{Limit: symphony.MaxMessagePage})
			if err != nil {
				t.Fatal(err)
			}
			var want []triage.Group
			for i, last := range []int{2*each - 1, 2*each - 2} {
				g := triage.Group{Name: groups[1-i], Type: []string{"Mail", "Job"}[i], ErrorClass: "x", Count: each,
					Sample: fmt.Sprintf("order %d not found", last), Failures: each, Attempts: 4 * each,
					FailedID:  fmt.Sprintf("0197a000-0000-7000-8000-%012x", last),
					FirstSeen: failed, LastSeen: failed}
				g.Hours[triage.SeriesHours-2] = each
				want = append(want, g)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("groups (-want +got)\n%s", diff)
			}
		})
	}
}

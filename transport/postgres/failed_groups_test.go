package postgres

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/internal/pgtest"
	"github.com/symphony-messenger/symphony/triage"
)

// Dead letters of releases that knew no groups get theirs, more of them than in one transaction; those of a release
// that knew groups, and kept nothing of them, are counted; and so are those that a node of such a release adds later.
func TestDeadLettersOfOlderReleasesGetTheirGroups(t *testing.T) {
	const each = triage.GroupedAtOnce*2/3 + 1
	groups := []string{"", ""}
	for i, typ := range []string{"Job", "Mail"} {
		groups[i] = triage.Fingerprint(typ, "x", "order 1 not found")
	}
	for _, test := range []struct {
		name    string
		version string // its last migration
		group   string // what that release stored as it, as SQL
	}{
		{"that knew no groups", "member", ""},
		{"that kept nothing of groups", "asks",
			fmt.Sprintf(", CASE WHEN i & 1 = 1 THEN '%s' ELSE '%s' END", groups[1], groups[0])},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			url := pgtest.URL(t)
			makeVersion(t, url, (&store{schema: DefaultSchema}).migration(test.version))
			column := ""
			if test.group != "" {
				column = ", failure_group"
			}
			insert := func(first, last int) {
				t.Helper()
				execute(t, url, fmt.Sprintf(`INSERT INTO symphony.messenger_failed_messages (id, transport, queue, message_id,
						lane, type, priority, created_at, failed_at, error, error_class, retry_count, max_retries, attempts,
						payload`+column+`)
					SELECT ('0197a000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid, 'default', 'default',
						gen_random_uuid(), 1, CASE WHEN i & 1 = 1 THEN 'Mail' ELSE 'Job' END, 5, now(), now(),
						'order ' || i || ' not found', 'x', 3, 3, '[]', '{}'`+test.group+`
					FROM generate_series(%d, %d) i`, first, last))
			}
			insert(0, 2*each-1)
			tr, err := Open(t.Context(), url, quiet(Options{}))
			if err != nil {
				t.Fatal(err)
			}
			defer tr.Close()
			if err := tr.Housekeep(t.Context()); err != nil {
				t.Fatal(err)
			}
			check := func(n int) {
				t.Helper()
				got, err := tr.FailureGroups(t.Context(), triage.Query{Limit: symphony.MaxMessagePage})
				if err != nil {
					t.Fatal(err)
				}
				var want []triage.Group
				for i, last := range []int{2*n - 1, 2*n - 2} {
					want = append(want, triage.Group{Name: groups[1-i], Type: []string{"Mail", "Job"}[i], ErrorClass: "x",
						Sample: fmt.Sprintf("order %d not found", last), Count: int64(n), Failures: int64(n),
						Attempts: int64(4 * n), FailedID: fmt.Sprintf("0197a000-0000-7000-8000-%012x", last)})
				}
				for i := range got {
					var series int64
					for _, of := range got[i].Hours {
						series += of
					}
					if series != int64(n) {
						t.Errorf("the series of %s has %d failures, want %d", got[i].Type, series, n)
					}
					got[i].FirstSeen, got[i].LastSeen = time.Time{}, time.Time{} // of the server's clock
					got[i].Hours = [triage.SeriesHours]int64{}
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("groups (-want +got)\n%s", diff)
				}
			}
			check(each)
			insert(2*each, 2*each+9)
			check(each + 5)
		})
	}
}

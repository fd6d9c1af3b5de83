package postgres_test

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/symphony-messenger/symphony/internal/pgtest"
	"github.com/symphony-messenger/symphony/transport/postgres"
)

// A program of an older release that nobody sees any more may only stand still. From when the last one counts as gone,
// the database refuses what it would do when it goes on, but not before.
func TestOlder_programs_are_refused_once_none_is_alive(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	if _, err := postgres.Migrate(t.Context(), url, quiet(postgres.Options{})); err != nil {
		t.Fatal(err)
	}
	exec(t, url, beatOfBefore)
	extra(t, url, quiet(postgres.Options{}))
	conn, err := pgx.Connect(t.Context(), url) // says nothing of itself, as programs of the release before
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	try := func(refused bool) {
		t.Helper()
		for _, sql := range []string{
			"INSERT INTO symphony.messenger_leases SELECT * FROM symphony.messenger_leases",
			"UPDATE symphony.messenger_schedules SET version = version + 1",
		} {
			_, err := conn.Exec(t.Context(), sql)
			says := err != nil && strings.Contains(err.Error(), "this program is of an older release")
			if says != refused {
				t.Errorf("%s: got %v, refused should be %t", sql, err, refused)
			}
		}
	}
	try(false)
	exec(t, url, "UPDATE symphony.messenger_nodes SET seen_at = now() - interval '1 minute' WHERE name = 'old-1'")
	extra(t, url, quiet(postgres.Options{})) // its first heartbeat looks
	try(true)
	exec(t, url, beatOfBefore) // it goes on
	extra(t, url, quiet(postgres.Options{}))
	try(true)
	if _, err := conn.Exec(t.Context(), "SET symphony.knows = '23'"); err != nil {
		t.Fatal(err)
	}
	try(false)
}

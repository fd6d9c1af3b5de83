package postgres_test

import (
	"testing"

	"github.com/symphony-messenger/symphony/internal/pgtest"
	"github.com/symphony-messenger/symphony/internal/testtier"
)

// TestConformance runs the suite on the newest PostgreSQL, where nodes may do anything; and on the oldest through
// PgBouncer, where they have what Grant gives them, which is enough for everything. In the full tier it does both on each
// version.
func TestConformance(t *testing.T) {
	t.Parallel()
	versions := pgtest.Versions(t)
	for i, version := range versions {
		oldest, newest := i == 0, i == len(versions)-1
		t.Run("on PostgreSQL "+version, func(t *testing.T) {
			if newest {
				// It takes longest of all tests of the package, and does not queue up behind the others once more.
				url := pgtest.URL(t)
				conformance(t, place{owner: url, node: url})
				return
			}
			t.Parallel()
			testtier.Needs(t, testtier.Full)
			url := pgtest.Start(t, pgtest.Options{Version: version}).URL("postgres")
			conformance(t, place{owner: url, node: url})
		})
		t.Run("with least privileges through PgBouncer in transaction mode on PostgreSQL "+version, func(t *testing.T) {
			t.Parallel()
			testtier.Needs(t, testtier.CI)
			if !oldest {
				testtier.Needs(t, testtier.Full)
			}
			server := pgtest.Start(t, pgtest.Options{Version: version}).URL("postgres")
			bouncer := pgtest.PgBouncer(t, server, pgtest.BouncerOptions{PoolSize: 4})
			conformance(t, leastPrivileges(t, server, bouncer))
		})
	}
}

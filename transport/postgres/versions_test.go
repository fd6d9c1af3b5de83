package postgres_test

import (
	"testing"

	"github.com/symphony-messenger/symphony/internal/pgtest"
	"github.com/symphony-messenger/symphony/internal/testtier"
)

// TestConformance runs the suite on the newest PostgreSQL, and through PgBouncer on the oldest; in the full tier on each
// version both with PgBouncer and without.
func TestConformance(t *testing.T) {
	t.Parallel()
	versions := pgtest.Versions(t)
	for i, version := range versions {
		oldest, newest := i == 0, i == len(versions)-1
		t.Run("on PostgreSQL "+version, func(t *testing.T) {
			t.Parallel()
			if newest {
				conformance(t, pgtest.URL(t))
				return
			}
			testtier.Needs(t, testtier.Full)
			conformance(t, pgtest.Start(t, pgtest.Options{Version: version}).URL("postgres"))
		})
		t.Run("through PgBouncer in transaction mode on PostgreSQL "+version, func(t *testing.T) {
			t.Parallel()
			testtier.Needs(t, testtier.CI)
			if !oldest {
				testtier.Needs(t, testtier.Full)
			}
			server := pgtest.Start(t, pgtest.Options{Version: version})
			bouncer := pgtest.PgBouncer(t, server.URL("postgres"), pgtest.BouncerOptions{PoolSize: 4})
			conformance(t, bouncer.URL("postgres"))
		})
	}
}

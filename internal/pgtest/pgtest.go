//go:build unix

// Package pgtest gives tests real PostgreSQL servers, PgBouncer, and a network that fails on demand.
//
// A test that needs just a database calls URL. One that stops, kills or pauses the server, or needs a certain version
// or setting, starts one of its own by Start. PgBouncer and Proxy stand in front of either.
//
// Servers listen on 127.0.0.1 only, keep their data in a temporary directory, and never outlive the test process: a
// guard beside each stops it and removes its directory also when the process is killed. Where the programs are
// missing, tests fail and say what to do; none is skipped. scripts/test-deps.sh installs them.
//
// PostgreSQL and PgBouncer refuse to run as root; under root they run as nobody, who must be able to enter the
// directory for temporary files.
package pgtest

import (
	"errors"
	"os"
	"sync"
	"testing"
)

// URL returns the URL of a fresh, empty database, which is dropped at the end of the test.
//
// All tests of a process share one server: the newest version found, with fsync=off and otherwise stock settings,
// started by the first call. If the environment has SYMPHONY_TEST_POSTGRES_URL, the database is made on that server
// instead, by a user who may create databases.
func URL(t testing.TB) string {
	t.Helper()
	server := os.Getenv("SYMPHONY_TEST_POSTGRES_URL")
	if server == "" {
		shared, err := sharedCluster()
		if errors.Is(err, errMissing) {
			t.Fatalf("pgtest: %v, or set SYMPHONY_TEST_POSTGRES_URL", err)
		}
		if err != nil {
			t.Fatalf("pgtest: %v", err)
		}
		server = shared.url("postgres")
	}
	name, database, err := createDatabase(t.Context(), server)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() {
		if err := dropDatabase(server, name); err != nil {
			t.Errorf("pgtest: %v", err)
		}
	})
	return database
}

// sharedCluster starts the server of URL once. Its guard stops it when the process ends.
var sharedCluster = sync.OnceValues(func() (*cluster, error) { return newCluster(Options{}) })

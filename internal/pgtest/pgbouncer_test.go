//go:build unix

package pgtest

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// connectSimply opens a connection without prepared statements, as poolers want it.
func connectSimply(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func TestPgBouncer(t *testing.T) {
	t.Parallel()
	s := Start(t, Options{})
	b := PgBouncer(t, s.URL("postgres"), BouncerOptions{PoolSize: 2, Settings: map[string]string{"max_client_conn": "33"}})

	first, second := connectSimply(t, b.URL("postgres")), connectSimply(t, b.URL("postgres"))
	run(t, first, "BEGIN")
	taken := query[int](t, first, "SELECT pg_backend_pid()")
	other := query[int](t, second, "SELECT pg_backend_pid()")
	if other == taken {
		t.Error("a transaction shares its backend")
	}
	run(t, first, "COMMIT")
	// Both backends are idle now. Whoever holds one, leaves the other to the next transaction of anybody.
	run(t, second, "BEGIN")
	held := query[int](t, second, "SELECT pg_backend_pid()")
	got := query[int](t, first, "SELECT pg_backend_pid()")
	if want := taken + other - held; got != want {
		t.Errorf("a transaction runs on backend %d, want the idle one, %d", got, want)
	}
	run(t, second, "COMMIT")

	admin := connectSimply(t, b.URL("pgbouncer"))
	rows, err := admin.Query(t.Context(), "SHOW CONFIG")
	if err != nil {
		t.Fatal(err)
	}
	settings := make(map[string]string)
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			t.Fatal(err)
		}
		settings[values[0].(string)], _ = values[1].(string)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"pool_mode": "transaction", "default_pool_size": "2", "max_client_conn": "33"} {
		if got := settings[name]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestPgBouncer_any_role(t *testing.T) {
	t.Parallel()
	s := Start(t, Options{})
	run(t, connect(t, s.URL("postgres")), "CREATE ROLE runtime LOGIN")
	b := PgBouncer(t, s.URL("postgres"), BouncerOptions{Mode: "session"})
	conn := connectSimply(t, strings.Replace(b.URL("postgres"), "postgres@", "runtime@", 1))
	if got := query[string](t, conn, "SELECT current_user"); got != "runtime" {
		t.Errorf("the user is %s, want runtime", got)
	}
}

func TestPgBouncer_prepared_statements(t *testing.T) {
	t.Parallel()
	program, err := daemon("pgbouncer")
	if err != nil {
		t.Fatal(err)
	}
	able, err := canPrepare(program)
	if err != nil {
		t.Fatal(err)
	}
	s := Start(t, Options{})
	b, stop, err := newBouncer(s.URL("postgres"), BouncerOptions{PoolSize: 1, MaxPreparedStatements: 10})
	if !able {
		if err == nil {
			t.Fatalf("an old PgBouncer takes MaxPreparedStatements: %v", stop())
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	}()
	for range 2 {
		conn := connect(t, b.URL("postgres"))
		if _, err := conn.Prepare(t.Context(), "named", "SELECT 1"); err != nil {
			t.Errorf("prepare: %v", err)
		}
	}
}

//go:build unix

package pgtest

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// connect opens a connection that is closed at the end of the test.
func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// query returns the one value that a query answers.
func query[T any](t *testing.T, conn *pgx.Conn, statement string) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var value T
	if err := conn.QueryRow(ctx, statement).Scan(&value); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return value
}

// run runs a statement.
func run(t *testing.T, conn *pgx.Conn, statement string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := conn.Exec(ctx, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func TestURL(t *testing.T) {
	t.Parallel()
	first, second := URL(t), URL(t)
	run(t, connect(t, first), "CREATE TABLE mine (a int)")
	if got := query[bool](t, connect(t, second), "SELECT to_regclass('mine') IS NULL"); !got {
		t.Error("a table of one database stands in another")
	}
	if got := query[bool](t, connect(t, first), "SELECT to_regclass('mine') IS NOT NULL"); !got {
		t.Error("a new connection does not see the table")
	}
}

func TestURL_is_dropped(t *testing.T) {
	s := Start(t, Options{})
	t.Setenv("SYMPHONY_TEST_POSTGRES_URL", s.URL("postgres"))
	admin := connect(t, s.URL("postgres"))
	const count = "SELECT count(*) FROM pg_database WHERE datname LIKE 'symphony_test_%'"
	t.Run("test", func(t *testing.T) {
		connect(t, URL(t))
		if got := query[int](t, admin, count); got != 1 {
			t.Errorf("the server that the environment names has %d databases of tests, want 1", got)
		}
	})
	if got := query[int](t, admin, count); got != 0 {
		t.Errorf("%d databases are left behind", got)
	}
}

func TestBinaries_missing(t *testing.T) {
	for name, test := range map[string]struct{ version, want string }{
		"a version that is not here": {"9", "no PostgreSQL 9 found: run scripts/test-deps.sh"},
		"no version":                 {"latest", `version "latest" is not a major version, such as 15`},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := binaries(test.version); err == nil || err.Error() != test.want {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
}

func TestVersions(t *testing.T) {
	for _, version := range Versions(t) {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			s := Start(t, Options{Version: version, Settings: map[string]string{"max_connections": "7", "cluster_name": "it's"}})
			conn := connect(t, s.URL("postgres"))
			if got := strconv.Itoa(query[int](t, conn, "SELECT current_setting('server_version_num')::int / 10000")); got != version {
				t.Errorf("version %s runs %s", version, got)
			}
			if got := strconv.Itoa(s.Version()); got != version {
				t.Errorf("Version is %s, want %s", got, version)
			}
			for name, want := range map[string]string{
				"max_connections": "7", "cluster_name": "it's", "fsync": "off", "server_encoding": "UTF8", "listen_addresses": "127.0.0.1",
			} {
				if got := query[string](t, conn, "SHOW "+name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
		})
	}
}

func TestServer_kill(t *testing.T) {
	t.Parallel()
	s := Start(t, Options{Fsync: true})
	url := s.NewDatabase()
	setup := connect(t, url)
	if got := query[string](t, setup, "SHOW fsync"); got != "on" {
		t.Errorf("fsync is %s, want on", got)
	}
	run(t, setup, "CREATE TABLE counted (n int)")
	writer := connect(t, url)
	committed, warm := 0, make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			if _, err := writer.Exec(context.Background(), "INSERT INTO counted VALUES ($1)", committed+1); err != nil {
				return
			}
			if committed++; committed == 10 {
				close(warm)
			}
		}
	}()
	<-warm
	s.Kill()
	<-done
	if err := ping(t.Context(), url); err == nil {
		t.Fatal("a killed server answers")
	}
	s.Start()
	// The last insert may have been committed without its answer arriving.
	if got := query[int](t, connect(t, url), "SELECT count(*) FROM counted"); got != committed && got != committed+1 {
		t.Errorf("%d rows are left of %d committed", got, committed)
	}
}

func TestServer_stop(t *testing.T) {
	t.Parallel()
	s := Start(t, Options{})
	url := s.NewDatabase()
	conn := connect(t, url)
	run(t, conn, "CREATE TABLE kept (a int)")
	s.Stop()
	s.Stop()
	if err := ping(t.Context(), url); err == nil {
		t.Fatal("a stopped server answers")
	}
	s.Start()
	run(t, connect(t, url), "INSERT INTO kept VALUES (1)")
	s.Pause()
	s.Stop()
}

func TestServer_pause(t *testing.T) {
	t.Parallel()
	s := Start(t, Options{})
	conn := connect(t, s.URL("postgres"))
	s.Pause()
	answered := make(chan error, 1)
	go func() {
		_, err := conn.Exec(context.Background(), "SELECT 1")
		answered <- err
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := ping(ctx, s.URL("postgres")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a new connection to a paused server ends with %v, want %v", err, context.DeadlineExceeded)
	}
	select {
	case err := <-answered:
		t.Fatalf("a paused server answers (error %v)", err)
	default:
	}
	s.Continue()
	if err := <-answered; err != nil {
		t.Errorf("a query that waited for a paused server: %v", err)
	}
}

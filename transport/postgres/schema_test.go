package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/internal/pgtest"
)

// connect connects for the time of a test.
func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), url) // cleanups use it too
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return conn
}

// execute runs statements on a connection of their own.
func execute(t *testing.T, url string, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := conn.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	for _, sql := range statements {
		if _, err := conn.Exec(context.Background(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

// ask returns the one value that a query has.
func ask[T any](t *testing.T, url, sql string, args ...any) (v T) {
	t.Helper()
	if err := connect(t, url).QueryRow(t.Context(), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// quiet keeps the log out of the test's output.
func quiet(o Options) Options {
	o.Logger = slog.New(slog.DiscardHandler)
	return o
}

func openAndClose(t *testing.T, url string, o Options) error {
	t.Helper()
	tr, err := Open(t.Context(), url, quiet(o))
	if err != nil {
		return err
	}
	return tr.Close()
}

func TestSchemaNames(t *testing.T) {
	for name, valid := range map[string]bool{
		"symphony": true, "_q2": true, strings.Repeat("a", 63): true, "select": true,
		"": false, strings.Repeat("a", 64): false, "Symphony": false, "2q": false, "a-b": false, `a"b`: false, "a b": false, "ä": false,
		"pg_queue": false, "information_schema": false, "public": false,
	} {
		err := validateSchema(name)
		if valid != (err == nil) {
			t.Errorf("%q: %v", name, err)
		}
		if err != nil && !strings.HasPrefix(err.Error(), fmt.Sprintf("postgres: schema %q ", name)) {
			t.Errorf("%q: the error does not name it: %v", name, err)
		}
	}
}

func TestMigrationFiles(t *testing.T) {
	for _, tc := range []struct {
		file, sql string
		want      Migration
		wrong     bool
	}{
		{"002_tags.sql", "SELECT 1", Migration{Version: 2, Name: "tags", SQL: "SELECT 1", compatible: 2}, false},
		{"002_more_tags.sql", "-- compatible: 1\nSELECT 1", Migration{Version: 2, Name: "more_tags", SQL: "-- compatible: 1\nSELECT 1", compatible: 1}, false},
		{"002_tags.sql", "-- compatible: 3\n", Migration{}, true},
		{"002_tags.sql", "-- compatible: one\n", Migration{}, true},
		{"tags.sql", "", Migration{}, true},
		{"002.sql", "", Migration{}, true},
	} {
		got, err := parseMigration(tc.file, tc.sql)
		if (err != nil) != tc.wrong {
			t.Errorf("%s: %v", tc.file, err)
		}
		if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(Migration{}, liveIndex{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.file, diff)
		}
	}
}

func TestMigrationsOfAnEmptyDatabaseArePending(t *testing.T) {
	url := pgtest.URL(t)
	list, err := Migrations(t.Context(), url, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(list) == 0 {
		t.Fatal("there are none")
	}
	for _, m := range list {
		if !m.AppliedAt.IsZero() || m.SQL == "" || strings.Contains(m.SQL, "{schema}") || strings.Contains(m.SQL, "{name}") {
			t.Errorf("migration %d: applied at %s, SQL %.40q", m.Version, m.AppliedAt, m.SQL)
		}
	}
	if n := ask[int](t, url, "SELECT count(*) FROM pg_namespace WHERE nspname = 'symphony'"); n != 0 {
		t.Error("listing them made the schema")
	}
}

func TestMigrateTellsWhatItApplied(t *testing.T) {
	url := pgtest.URL(t)
	first, err := Migrate(t.Context(), url, quiet(Options{Schema: "queue"}))
	if err != nil {
		t.Fatal(err)
	}
	all, err := Migrations(t.Context(), url, Options{Schema: "queue"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(all, first, cmp.AllowUnexported(Migration{}, liveIndex{})); diff != "" || first[0].AppliedAt.IsZero() {
		t.Errorf("(-known +applied):\n%s", diff)
	}
	second, err := Migrate(t.Context(), url, quiet(Options{Schema: "queue"}))
	if err != nil || len(second) != 0 {
		t.Errorf("again: %v, %v", second, err)
	}
}

func TestManyProcessesMigrateAtOnce(t *testing.T) {
	t.Parallel()
	for _, pooled := range []bool{false, true} {
		t.Run(fmt.Sprintf("pooler %t", pooled), func(t *testing.T) {
			url := pgtest.URL(t)
			// The looks under the lock must be fresh ones whatever the database's default is.
			name := ask[string](t, url, "SELECT current_database()")
			execute(t, url, "ALTER DATABASE "+name+" SET default_transaction_isolation = 'serializable'")
			through := url
			if pooled {
				through = pgtest.PgBouncer(t, url, pgtest.BouncerOptions{}).URL(name)
			}
			var group sync.WaitGroup
			for range 8 {
				group.Go(func() {
					if _, err := Migrate(t.Context(), through, quiet(Options{})); err != nil {
						t.Error(err)
					}
				})
			}
			group.Wait()
			all, err := Migrations(t.Context(), url, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if n := ask[int](t, url, "SELECT count(*) FROM symphony.messenger_migrations"); n != len(all) {
				t.Errorf("%d rows, want %d", n, len(all))
			}
		})
	}
}

func TestKeepSchemaRefusesWhatIsMissing(t *testing.T) {
	url := pgtest.URL(t)
	err := openAndClose(t, url, Options{KeepSchema: true})
	var missing *MigrationError
	if !errors.As(err, &missing) || !missing.Pending || missing.Version != 1 || missing.Schema != DefaultSchema {
		t.Fatalf("got %v", err)
	}
	if err := openAndClose(t, url, Options{}); err != nil {
		t.Fatal(err)
	}
	if err := openAndClose(t, url, Options{KeepSchema: true}); err != nil {
		t.Fatal(err)
	}
}

func TestNewerSchema(t *testing.T) {
	url := pgtest.URL(t)
	applied, err := Migrate(t.Context(), url, quiet(Options{}))
	if err != nil {
		t.Fatal(err)
	}
	known := applied[len(applied)-1].Version

	t.Run("one that still fits is used", func(t *testing.T) {
		execute(t, url, fmt.Sprintf("INSERT INTO symphony.messenger_migrations (version, name, compatible) VALUES (%d, 'later', %d)", known+1, known))
		if err := openAndClose(t, url, Options{}); err != nil {
			t.Fatal(err)
		}
		list, err := Migrations(t.Context(), url, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if last := list[len(list)-1]; last.Version != known+1 || last.Name != "later" || last.AppliedAt.IsZero() || last.SQL != "" {
			t.Errorf("got %+v", last)
		}
	})
	t.Run("one that does not is refused", func(t *testing.T) {
		execute(t, url, fmt.Sprintf("INSERT INTO symphony.messenger_migrations (version, name, compatible) VALUES (%d, 'break', %d)", known+2, known+2))
		want := &VersionError{Schema: DefaultSchema, Version: known + 2, Known: known}
		list, err := Migrations(t.Context(), url, Options{})
		if len(list) != known+2 {
			t.Errorf("the list has %d", len(list))
		}
		for _, err := range []error{err, openAndClose(t, url, Options{}), openAndClose(t, url, Options{KeepSchema: true})} {
			var got *VersionError
			if !errors.As(err, &got) || !cmp.Equal(want, got) {
				t.Errorf("got %v, want %v", err, want)
			}
		}
	})
}

func TestFailingMigrationLeavesNothing(t *testing.T) {
	url := pgtest.URL(t)
	execute(t, url, "CREATE SCHEMA symphony", "CREATE TABLE symphony.messenger_nodes ()") // in the way of the last table
	err := openAndClose(t, url, Options{})
	var failed *MigrationError
	if !errors.As(err, &failed) || failed.Pending || failed.Version != 1 || errors.Is(err, symphony.ErrUnavailable) {
		t.Fatalf("got %v", err)
	}
	if n := ask[int](t, url, "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE nspname = 'symphony'"); n != 1 {
		t.Errorf("%d relations are left", n)
	}
}

func TestMigrationsWaitForALimitedTime(t *testing.T) {
	err := onStore(t.Context(), pgtest.URL(t), quiet(Options{}), func(s *store) error {
		return pgx.BeginFunc(t.Context(), s.pool, func(tx pgx.Tx) error {
			if err := s.lockSchema(t.Context(), tx); err != nil {
				return err
			}
			var lock, statement string
			err := tx.QueryRow(t.Context(), "SELECT current_setting('lock_timeout'), current_setting('statement_timeout')").Scan(&lock, &statement)
			if lock != "500ms" || statement != "0" {
				t.Errorf("for locks %s, for statements %s", lock, statement)
			}
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestMigrationWithoutDatabase(t *testing.T) {
	server := pgtest.Start(t, pgtest.Options{})
	url := server.NewDatabase()
	server.Stop()
	if _, err := Migrate(t.Context(), url, quiet(Options{})); !errors.Is(err, symphony.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

func TestReadOnlyDatabaseIsUnavailable(t *testing.T) {
	url := pgtest.URL(t)
	name := ask[string](t, url, "SELECT current_database()")
	execute(t, url, "ALTER DATABASE "+name+" SET default_transaction_read_only = on")
	err := openAndClose(t, url, Options{})
	var failed *MigrationError
	if !errors.As(err, &failed) || !errors.Is(err, symphony.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

func TestDutiesNeedNoMoreThanGrantGives(t *testing.T) {
	url := pgtest.URL(t)
	role := ask[string](t, url, "SELECT current_database()") + "_node"
	execute(t, url, "CREATE ROLE "+role)
	t.Cleanup(func() { execute(t, url, "DROP OWNED BY "+role, "DROP ROLE "+role) })
	if _, err := Migrate(t.Context(), url, quiet(Options{})); err != nil {
		t.Fatal(err)
	}
	if err := Grant(t.Context(), url, quiet(Options{}), role); err != nil {
		t.Fatal(err)
	}
	err := onStore(t.Context(), url+"&options=-c%20role%3D"+role, quiet(Options{}), func(s *store) error {
		s.house.init(s.duties())
		for name, do := range map[string]func(context.Context) error{
			"promote": s.promote, "fold": s.fold, "purge": s.purge, "roll": s.rollPartitions, "join": func(ctx context.Context) error { return s.join(ctx, NodeInfo{}) }, "expire": s.expireIfDue,
		} {
			if err := do(t.Context()); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := ask[int](t, url, "SELECT count(*) FROM pg_inherits WHERE inhparent = 'symphony.messenger_completed'::regclass"); n != 4 {
		t.Errorf("%d partitions, want three days and the default", n)
	}
}

func TestCheck(t *testing.T) {
	for _, tc := range []struct {
		url, schema, want, wrong string
	}{
		{url: "postgres://u:hunter2@db.internal/app", want: "db.internal:5432/app"},
		{url: "postgres://a,b:5433/app", want: "a:5432,b:5433/app"},
		{url: "host=/run/postgresql port=5433 dbname=app", want: "/run/postgresql:5433/app"},
		{url: "postgres://u:hunter2@db/app?sslmode=maybe", wrong: "sslmode"},
		{url: "postgres://u:hunter2@db/app?sslrootcert=missing.pem", wrong: "missing.pem"},
		{url: "host=db password=hunter2 port=many", wrong: "port"},
		{url: "postgres://u:hunter2@db/app", schema: "public", wrong: `schema "public"`},
	} {
		got, err := Check(tc.url, Options{Schema: tc.schema})
		if got != tc.want || (err == nil) != (tc.wrong == "") {
			t.Errorf("%s: %s, %v", tc.url, got, err)
		}
		if err != nil && (!strings.Contains(err.Error(), tc.wrong) || strings.Contains(err.Error(), "hunter2")) {
			t.Errorf("%s: %v", tc.url, err)
		}
	}
}

package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/symphony-messenger/symphony/internal/pgtest"
	"github.com/symphony-messenger/symphony/transport/postgres"
)

// role makes a role that may log in and create nothing, and returns its name and its URL.
func role(t *testing.T, database, suffix string) (name, as string) {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	// Roles belong to the server, which other tests use too.
	name = strings.TrimPrefix(u.Path, "/") + suffix
	exec(t, database, fmt.Sprintf("CREATE ROLE %q LOGIN PASSWORD 'x'", name))
	t.Cleanup(func() {
		exec(t, database, fmt.Sprintf("DROP OWNED BY %q CASCADE", name))
		exec(t, database, fmt.Sprintf("DROP ROLE %q", name))
	})
	u.User = url.UserPassword(name, "x")
	return name, u.String()
}

func quiet(o postgres.Options) postgres.Options {
	o.Logger = slog.New(slog.DiscardHandler)
	return o
}

// leastPrivileges is a database whose tables belong to one role, while nodes come through a pooler as another, with what
// Grant gives it.
func leastPrivileges(t *testing.T, database string, pooler *pgtest.Bouncer) place {
	t.Helper()
	owner, asOwner := role(t, database, "_Owner")
	node, asNode := role(t, database, "_node")
	pooled, err := pooler.As(asNode)
	if err != nil {
		t.Fatal(err)
	}
	return place{owner: database, node: pooled, prepare: func(t *testing.T, o postgres.Options) {
		t.Helper()
		exec(t, database, fmt.Sprintf("CREATE SCHEMA %s AUTHORIZATION %q", o.Schema, owner))
		if _, err := postgres.Migrate(context.Background(), asOwner, o); err != nil {
			t.Fatal(err)
		}
		if err := postgres.Grant(context.Background(), asOwner, o, node); err != nil {
			t.Fatal(err)
		}
	}}
}

func TestGrant(t *testing.T) {
	database := pgtest.URL(t)
	ownerName, owner := role(t, database, "_Owner")
	name, node := role(t, database, "_node")
	exec(t, database, fmt.Sprintf("CREATE SCHEMA symphony AUTHORIZATION %q", ownerName))
	ctx, o := t.Context(), quiet(postgres.Options{})

	t.Run("needs a schema", func(t *testing.T) {
		var missing *postgres.MigrationError
		if err := postgres.Grant(ctx, owner, o, name); !errors.As(err, &missing) || !missing.Pending {
			t.Errorf("got %v", err)
		}
	})
	if _, err := postgres.Migrate(ctx, owner, o); err != nil {
		t.Fatal(err)
	}
	t.Run("without it a node is refused and told what to do", func(t *testing.T) {
		_, err := postgres.Open(ctx, node, o)
		if err == nil || !strings.Contains(err.Error(), "symphony migrate up --grant") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("needs a role that exists", func(t *testing.T) {
		if err := postgres.Grant(ctx, owner, o, "no\"body"); !isCode(err, pgerrcode.UndefinedObject) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a node cannot grant", func(t *testing.T) {
		exec(t, owner, fmt.Sprintf("GRANT USAGE ON SCHEMA symphony TO %[1]q; GRANT SELECT ON symphony.messenger_migrations TO %[1]q", name))
		if err := postgres.Grant(ctx, node, o, name); err == nil {
			t.Error("it could")
		}
	})
	for range 2 { // again is fine
		if err := postgres.Grant(ctx, owner, o, name); err != nil {
			t.Fatal(err)
		}
	}
	tr, err := postgres.Open(ctx, node, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := tr.Close(); err != nil {
		t.Error(err)
	}
	conn, err := pgx.Connect(ctx, node)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	for _, sql := range []string{
		"CREATE TABLE symphony.messenger_more (id int)",
		"ALTER TABLE symphony.messenger_ready ADD x int",
		"DROP TABLE symphony.messenger_attempts",
		"TRUNCATE symphony.messenger_messages",
		"DELETE FROM symphony.messenger_migrations",
		"CREATE SCHEMA more",
	} {
		if _, err := conn.Exec(ctx, sql); !isCode(err, pgerrcode.InsufficientPrivilege) {
			t.Errorf("%s: %v", sql, err)
		}
	}
	t.Run("later tables are included", func(t *testing.T) {
		exec(t, owner, "CREATE TABLE symphony.messenger_later (id int GENERATED ALWAYS AS IDENTITY, v int)")
		for _, sql := range []string{"INSERT INTO symphony.messenger_later (v) VALUES (1)", "UPDATE symphony.messenger_later SET v = 2", "DELETE FROM symphony.messenger_later"} {
			if _, err := conn.Exec(ctx, sql); err != nil {
				t.Errorf("%s: %v", sql, err)
			}
		}
	})
}

func isCode(err error, code string) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code == code
}

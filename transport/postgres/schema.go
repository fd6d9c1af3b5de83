package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// The schema is made by migrations: files that are applied in the order of their numbers, each in a transaction of its
// own, and never taken back. Any number of processes may start at once: whoever gets the advisory lock looks again what
// there is to do. The lock ends with the transaction, so that it holds behind a pooler too.
//
// Programs of different releases share a database while they are replaced one by one. Each migration therefore says
// which is the oldest program that still works after it, by a first line such as "-- compatible: 3": one that knows
// migration 3. Without that line only programs that know the migration itself do.

//go:embed migrations/*.sql
var migrationFiles embed.FS

// How long a migration waits: in all, for another process that migrates and for tables that are in use, and at a time for
// locks on tables. The latter is short, because whatever uses the tables meanwhile waits as well; see migrate_live.go.
const (
	migratorPatience = time.Minute
	tablePatience    = 500 * time.Millisecond
)

// Migration is one step of the schema.
type Migration struct {
	Version int
	Name    string
	// SQL is what it executes, "" for one that only a newer release knows.
	SQL string
	// AppliedAt is zero as long as it has not been applied.
	AppliedAt time.Time

	compatible int
	tables     []string // tables of earlier migrations that it changes, in the order in which they are locked
	indexes    []liveIndex
}

// VersionError says that a newer release changed the schema beyond what this one can use.
type VersionError struct {
	Schema string
	// Version is that of the schema, Known the newest one that this program knows.
	Version, Known int
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("postgres: schema %q has version %d and works with newer releases only; this one knows versions up to %d", e.Schema, e.Version, e.Known)
}

// MigrationError says that a migration is missing, or that it could not be applied.
type MigrationError struct {
	Schema  string
	Version int
	Name    string
	// Pending: nobody tried to apply it, because of Options.KeepSchema.
	Pending bool
	Err     error // nil if Pending
}

func (e *MigrationError) Error() string {
	if e.Pending {
		return fmt.Sprintf(`postgres: schema %q lacks migration %d (%s): run "symphony migrate up" as the role that owns the schema`, e.Schema, e.Version, e.Name)
	}
	return fmt.Sprintf("postgres: schema %q: migration %d (%s): %v", e.Schema, e.Version, e.Name, e.Err)
}

func (e *MigrationError) Unwrap() error { return e.Err }

// schemaName keeps to what needs no thought in SQL, in names of channels and in patterns. PostgreSQL cuts off what is
// longer.
var schemaName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)

func validateSchema(name string) error {
	var wrong string
	switch {
	case !schemaName.MatchString(name):
		wrong = "must have 1 to 63 lower-case letters, digits and _, and not begin with a digit"
	case strings.HasPrefix(name, "pg_"), name == "information_schema":
		wrong = "belongs to PostgreSQL"
	case name == "public":
		wrong = "is shared with others, and privileges and what a REST API shows (Supabase, PostgREST) go by schema; name one for nothing else"
	default:
		return nil
	}
	return fmt.Errorf("postgres: schema %q %s", name, wrong)
}

// Check looks for mistakes in what Open takes, without connecting. It returns the address of the database for people,
// such as db.internal:5432/app.
func Check(url string, o Options) (address string, err error) {
	s, _, err := newStore(url, o)
	if err != nil {
		return "", err
	}
	s.end()
	s.pool.Close()
	return s.address(), nil
}

func (s *store) address() string {
	c := s.pool.Config().ConnConfig
	hosts := []string{net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port)))}
	for _, f := range c.Fallbacks { // further hosts, and each once more without TLS where it is only preferred
		if host := net.JoinHostPort(f.Host, strconv.Itoa(int(f.Port))); !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	return strings.Join(hosts, ",") + "/" + c.Database
}

// Address names the server and the database for people, such as db.internal:5432/app.
func (t *Transport) Address() string { return t.address() }

// qualify puts the schema into a statement: {schema} is its identifier, {name} its name for a text.
func (s *store) qualify(sql string) string {
	return strings.NewReplacer("{schema}", pgx.Identifier{s.schema}.Sanitize(), "{name}", s.schema).Replace(sql)
}

// migrations are those that this program knows, in order, as pending.
func (s *store) migrations() []Migration {
	list := slices.Clone(knownMigrations())
	for i := range list {
		list[i].SQL = s.qualify(list[i].SQL)
	}
	return list
}

// knownMigrations reads the files once. What it returns must not be changed.
var knownMigrations = sync.OnceValue(func() []Migration {
	entries, err := migrationFiles.ReadDir("migrations")
	if err != nil {
		panic(err) // they are part of the program
	}
	list := make([]Migration, len(entries))
	for i, e := range entries {
		raw, err := migrationFiles.ReadFile("migrations/" + e.Name())
		if err != nil {
			panic(err)
		}
		list[i], err = parseMigration(e.Name(), string(raw))
		if err == nil && list[i].Version != i+1 {
			err = fmt.Errorf("%s: must have number %d", e.Name(), i+1)
		}
		if err != nil {
			panic(err)
		}
	}
	return list
})

// parseMigration reads a file such as 002_tags.sql.
func parseMigration(file, sql string) (Migration, error) {
	number, name, _ := strings.Cut(strings.TrimSuffix(file, ".sql"), "_")
	version, err := strconv.Atoi(number)
	if err != nil || name == "" {
		return Migration{}, fmt.Errorf("%s: must be called NUMBER_NAME.sql", file)
	}
	m := Migration{Version: version, Name: name, SQL: sql, compatible: version, tables: changedTables(sql), indexes: liveIndexes(sql)}
	if line, ok := strings.CutPrefix(sql, "-- compatible: "); ok {
		line, _, _ = strings.Cut(line, "\n")
		if m.compatible, err = strconv.Atoi(line); err != nil || m.compatible < 1 || m.compatible > version {
			return Migration{}, fmt.Errorf("%s: compatible must be 1 to %d, is %q", file, version, line)
		}
	}
	return m, nil
}

// compare returns all migrations, known and applied ones, in order. The error is a *VersionError where this program
// cannot use what was applied.
func (s *store) compare(applied []Migration) ([]Migration, error) {
	list := s.migrations()
	known, compatible := len(list), 0
	for _, a := range applied {
		compatible = max(compatible, a.compatible)
		if a.Version <= known {
			list[a.Version-1].AppliedAt = a.AppliedAt
		} else {
			list = append(list, a)
		}
	}
	if compatible > known {
		return list, &VersionError{Schema: s.schema, Version: list[len(list)-1].Version, Known: known}
	}
	return list, nil
}

// queryer is a pool, a connection or a transaction.
type queryer interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// applied reads what has been applied, in order: nothing where there is no schema.
func (s *store) applied(ctx context.Context, q queryer) ([]Migration, error) {
	rows, err := q.Query(ctx, s.qualify("SELECT version, name, applied_at, compatible FROM {schema}.messenger_migrations ORDER BY version"))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (m Migration, err error) {
		err = row.Scan(&m.Version, &m.Name, &m.AppliedAt, &m.compatible)
		return m, err
	})
}

// schemaState compares the schema with what this program knows. It needs no lock and only reads.
func (s *store) schemaState() ([]Migration, error) {
	var applied []Migration
	err := s.bounded(func(ctx context.Context, l *link) (err error) {
		applied, err = s.applied(ctx, l.pooled)
		return err
	})
	switch {
	case hasCode(err, pgerrcode.UndefinedTable), hasCode(err, pgerrcode.InvalidSchemaName):
		applied = nil
	case hasCode(err, pgerrcode.InsufficientPrivilege):
		return nil, fmt.Errorf(`postgres: schema %q: %w; "symphony migrate up --grant ROLE", run by its owner, gives a role what it needs`, s.schema, err)
	case err != nil:
		return nil, s.storageError("read the schema's version", err)
	}
	return s.compare(applied)
}

func hasCode(err error, code string) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code == code
}

// migrate brings the schema up to date, or reports that it is not.
func (s *store) migrate(ctx context.Context, apply bool) error {
	list, err := s.schemaState()
	if err != nil {
		return err
	}
	for _, m := range list {
		switch {
		case !m.AppliedAt.IsZero():
		case !apply:
			return &MigrationError{Schema: s.schema, Version: m.Version, Name: m.Name, Pending: true}
		default:
			if err := s.apply(ctx, m); err != nil {
				return err
			}
		}
	}
	return nil
}

// apply takes one step, unless another process has done so meanwhile.
func (s *store) apply(ctx context.Context, m Migration) error {
	took := false
	err := s.againWhileBusy(ctx, func() (err error) {
		if err = s.buildIndexes(ctx, m); err == nil {
			took, err = s.applyOnce(ctx, m)
		}
		return err
	})
	var newer *VersionError
	switch {
	case errors.As(err, &newer):
		return newer
	case err != nil:
		return &MigrationError{Schema: s.schema, Version: m.Version, Name: m.Name, Err: s.storageError("migrate", err)}
	case took:
		s.log.Info("the database's schema was migrated", "schema", s.schema, "version", m.Version, "name", m.Name)
	}
	return nil
}

// applyOnce tries to take one step, in one transaction.
func (s *store) applyOnce(ctx context.Context, m Migration) (took bool, err error) {
	// What another process has committed must show as soon as the lock is ours, whatever the database's default is.
	err = pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: s.accessMode()}, func(tx pgx.Tx) (err error) {
		if err := s.lockSchema(ctx, tx); err != nil {
			return err
		}
		applied, err := s.applied(ctx, tx)
		if err != nil {
			return err
		}
		list, err := s.compare(applied)
		if err != nil || !list[m.Version-1].AppliedAt.IsZero() {
			return err
		}
		if err := s.lockTables(ctx, tx, m.tables); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, m.SQL); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, s.qualify("INSERT INTO {schema}.messenger_migrations (version, name, compatible) VALUES ($1, $2, $3)"),
			m.Version, m.Name, m.compatible)
		took = err == nil
		return err
	})
	return took && err == nil, err
}

// lockSchema keeps other processes from migrating until the end of the transaction, and makes the schema with its table
// of migrations where they are missing.
func (s *store) lockSchema(ctx context.Context, tx pgx.Tx) error {
	h := fnv.New64a()
	h.Write([]byte("symphony " + s.schema))
	key := int64(h.Sum64()) //nolint:gosec // any number will do
	if _, err := tx.Exec(ctx, fmt.Sprintf("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = %d; SELECT pg_advisory_xact_lock(%d, %d); SET LOCAL lock_timeout = %d",
		migratorPatience.Milliseconds(), int32(key>>32), int32(key), tablePatience.Milliseconds())); err != nil {
		return err
	}
	var hasSchema, hasTable bool
	if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1),
		EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE nspname = $1 AND relname = 'messenger_migrations')`,
		s.schema).Scan(&hasSchema, &hasTable); err != nil {
		return err
	}
	var missing []string
	if !hasSchema { // a role that may not make schemas can still own one
		missing = append(missing, "CREATE SCHEMA {schema}")
	}
	if !hasTable {
		missing = append(missing, `CREATE TABLE {schema}.messenger_migrations (
			version    integer PRIMARY KEY,
			name       text NOT NULL,
			applied_at timestamptz NOT NULL DEFAULT now(),
			compatible integer NOT NULL -- programs that know this version work with the schema
		)`)
	}
	for _, sql := range missing {
		if _, err := tx.Exec(ctx, s.qualify(sql)); err != nil {
			return err
		}
	}
	return nil
}

// onStore runs f with a store that is connected and does nothing else. s.schema may not exist.
func onStore(ctx context.Context, url string, o Options, f func(*store) error) error {
	s, _, err := newStore(url, o)
	if err != nil {
		return err
	}
	defer s.pool.Close()
	defer s.end()
	if err := s.greet(ctx); err != nil {
		return err
	}
	return f(s)
}

// Migrations lists the migrations that this program knows, and newer ones that were applied. The schema need not exist.
// Errors: a *VersionError, together with the list, where the schema is too new for this program.
func Migrations(ctx context.Context, url string, o Options) (list []Migration, err error) {
	err = onStore(ctx, url, o, func(s *store) (err error) {
		list, err = s.schemaState()
		return err
	})
	return list, err
}

// Migrate brings the schema up to date, as Open does, and returns what was applied since it was called. Errors as of
// Open.
func Migrate(ctx context.Context, url string, o Options) (applied []Migration, err error) {
	err = onStore(ctx, url, o, func(s *store) error {
		before, err := s.schemaState()
		if err != nil {
			return err
		}
		merr := s.migrate(ctx, true)
		after, err := s.schemaState()
		for i, m := range after {
			if !m.AppliedAt.IsZero() && (i >= len(before) || before[i].AppliedAt.IsZero()) {
				applied = append(applied, m)
			}
		}
		return errors.Join(merr, err)
	})
	return applied, err
}

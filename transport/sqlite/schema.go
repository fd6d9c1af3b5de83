package sqlite

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitemigration"
	"zombiezen.com/go/sqlite/sqlitex"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// appID marks our files ("SymM"), so that somebody else's database is not taken for one.
const appID = 0x53796d4d

// VersionError says that a newer release has changed the schema beyond what this one knows.
type VersionError struct {
	Path         string
	Found, Known int
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("sqlite: %s has schema version %d, this release knows versions up to %d: use the newer release", e.Path, e.Found, e.Known)
}

// Migration is one step of the schema, applied in order and never taken back.
type Migration struct {
	Version int
	Name    string // of its file
	Applied bool
}

// Migrations tells which steps a database has taken and which Open would take. A file that does not exist has taken
// none. It reads the file only, also while another process has it open.
func Migrations(ctx context.Context, path string) ([]Migration, error) {
	names, _, err := readMigrations()
	if err != nil {
		return nil, err
	}
	version := 0
	if _, err := os.Stat(path); err == nil {
		s := &store{path: path}
		conn, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
		if err != nil {
			return nil, s.storageError("open", err)
		}
		defer conn.Close() //nolint:errcheck // it has only read
		conn.SetInterrupt(ctx.Done())
		if version, err = s.schemaVersion(conn); err != nil {
			return nil, err
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	steps := make([]Migration, len(names))
	for i, name := range names {
		steps[i] = Migration{Version: i + 1, Name: name, Applied: i < version}
	}
	return steps, nil
}

// migrate brings the schema up to date, each step in a transaction of its own.
func (s *store) migrate(ctx context.Context, conn *sqlite.Conn) error {
	names, scripts, err := readMigrations()
	if err != nil {
		return err
	}
	found, err := s.schemaVersion(conn)
	if err != nil {
		return err
	}
	if found > len(names) {
		return &VersionError{s.path, found, len(names)}
	}
	if err := sqlitemigration.Migrate(ctx, conn, sqlitemigration.Schema{AppID: appID, Migrations: scripts}); err != nil {
		return s.storageError("migrate", err)
	}
	return nil
}

func (s *store) schemaVersion(conn *sqlite.Conn) (int, error) {
	version, err := pragma(conn, "PRAGMA user_version", sqlitex.ResultInt)
	if err != nil {
		return 0, s.storageError("read version of", err)
	}
	return version, nil
}

// pragma reads one value. A damaged file may show already when the statement is prepared.
func pragma[T any](conn *sqlite.Conn, query string, result func(*sqlite.Stmt) (T, error)) (T, error) {
	stmt, err := conn.Prepare(query)
	if err != nil {
		var none T
		return none, err
	}
	return result(stmt)
}

// readMigrations returns names and texts in the order of their numbers.
func readMigrations() (names, scripts []string, err error) {
	entries, err := migrationFiles.ReadDir("migrations")
	if err != nil {
		return nil, nil, fmt.Errorf("sqlite: %w", err)
	}
	for _, e := range entries {
		raw, err := migrationFiles.ReadFile("migrations/" + e.Name())
		if err != nil {
			return nil, nil, fmt.Errorf("sqlite: %w", err)
		}
		names = append(names, strings.TrimSuffix(e.Name(), ".sql"))
		scripts = append(scripts, string(raw))
	}
	return names, scripts, nil
}

func execScript(conn *sqlite.Conn, sql string) error { return sqlitex.ExecuteTransient(conn, sql, nil) }

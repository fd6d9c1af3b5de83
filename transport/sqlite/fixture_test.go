package sqlite_test

import (
	"testing"

	zombie "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// corrupt changes the file behind the transport's back.
func corrupt(t *testing.T, path, sql, id string) {
	t.Helper()
	conn, err := zombie.OpenConn(path, zombie.OpenReadWrite|zombie.OpenWAL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := sqlitex.Execute(conn, sql, &sqlitex.ExecOptions{Args: []any{id}}); err != nil {
		t.Fatal(err)
	}
}

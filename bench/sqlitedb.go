package main

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	_ "github.com/mattn/go-sqlite3" // the peers' driver
)

// synchronous is SQLite's setting of that name, for the peers.
type synchronous string

const (
	full   synchronous = "FULL"   // a commit is on disk when it returns
	normal synchronous = "NORMAL" // commits since the last checkpoint may be lost when the machine crashes
)

// named is the name of a peer with this setting.
func (s synchronous) named(peer string) string {
	if s == full {
		return peer
	}
	return peer + "-" + strings.ToLower(string(s))
}

// settings describes the database for the report.
func (s synchronous) settings() string {
	return "mattn/go-sqlite3, WAL, synchronous=" + string(s) + ", 1 connection"
}

// openSQLite opens a peer's database: WAL, one connection, write transactions from the start (BEGIN IMMEDIATE).
func openSQLite(ctx context.Context, dir string, s synchronous) (*sql.DB, error) {
	q := url.Values{"_journal": {"WAL"}, "_timeout": {"5000"}, "_sync": {string(s)}, "_txlock": {"immediate"}, "_fk": {"true"}}
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(dir, "peer.db")+"?"+q.Encode())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	var journal string
	var sync int
	if err := db.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&journal); err != nil {
		return nil, err
	}
	if err := db.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&sync); err != nil {
		return nil, err
	}
	want := map[synchronous]int{normal: 1, full: 2}[s]
	if journal != "wal" || sync != want {
		return nil, fmt.Errorf("database has journal %s and synchronous %d instead of wal and %d", journal, sync, want)
	}
	return db, nil
}

// count runs a query for one number.
func count(ctx context.Context, db *sql.DB, query string) (n int, err error) {
	err = db.QueryRowContext(ctx, query).Scan(&n)
	return n, err
}

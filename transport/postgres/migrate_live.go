package postgres

import (
	"context"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
)

// Programs go on working while a migration is applied. What changes a table needs it for itself, and waits for all who use
// it, while all who come wait behind. Live transactions use tables in different orders, so a migration that holds one and
// waits for another can wait in a circle with them, and PostgreSQL would end any one of the circle. Therefore a migration
//
//   - takes all the tables that it changes first, in one statement, in the order in which most transactions come to them;
//   - waits for all of them together no longer than tablePatience, which is less than PostgreSQL's deadlock_timeout (1 s):
//     of a circle it is the migration that gives up;
//   - then lets live transactions pass, and tries again, for migratorPatience in all;
//   - has indexes of large tables built beforehand, while they are written.

// lockOrder is the order in which dispatches and settlements come to the tables, each in several statements. Others follow
// by their names. A claim begins with the ready table, and is one statement, which has all its tables within a moment.
var lockOrder = []string{"messenger_lanes", "messenger_leases", "messenger_messages", "messenger_attempts", "messenger_completed",
	"messenger_ready", "messenger_failed_messages"}

var (
	createdTable = regexp.MustCompile(`(?m)^CREATE TABLE (?:IF NOT EXISTS )?\{schema\}\.(messenger_\w+)`)
	changedTable = regexp.MustCompile(`(?m)^(?:ALTER TABLE|DROP TABLE|` +
		`CREATE (?:UNIQUE )?INDEX (?:IF NOT EXISTS )?\w+ ON|CREATE TRIGGER \w+ (?:AFTER|BEFORE) \w+(?: OF \w+)? ON) \{schema\}\.(messenger_\w+)`)
	createdIndex = regexp.MustCompile(`(?m)^CREATE INDEX IF NOT EXISTS (messenger_\w+) ON (\{schema\}\.(messenger_\w+) [^;]+);`)
)

// changedTables are the tables that a migration changes and did not make itself, in the order of their locking.
func changedTables(sql string) []string {
	var own, tables []string
	for _, m := range createdTable.FindAllStringSubmatch(sql, -1) {
		own = append(own, m[1])
	}
	for _, m := range changedTable.FindAllStringSubmatch(sql, -1) {
		if !slices.Contains(own, m[1]) && !slices.Contains(tables, m[1]) {
			tables = append(tables, m[1])
		}
	}
	slices.SortFunc(tables, func(a, b string) int {
		i, j := slices.Index(lockOrder, a), slices.Index(lockOrder, b)
		switch {
		case i < 0 && j < 0:
			return strings.Compare(a, b)
		case i < 0:
			return 1
		case j < 0:
			return -1
		}
		return i - j
	})
	return tables
}

// liveIndex is an index that a migration adds to a table of an earlier one.
type liveIndex struct {
	name  string
	table string
	on    string // what follows ON, with {schema}
}

// liveIndexes are the indexes that a migration makes where they do not exist.
func liveIndexes(sql string) (list []liveIndex) {
	for _, m := range createdIndex.FindAllStringSubmatch(sql, -1) {
		list = append(list, liveIndex{name: m[1], on: m[2], table: m[3]})
	}
	return list
}

// lockTables takes tables for the transaction alone.
func (s *store) lockTables(ctx context.Context, tx pgx.Tx, tables []string) error {
	if len(tables) == 0 {
		return nil
	}
	names := make([]string, len(tables))
	for i, table := range tables {
		names[i] = "{schema}." + table
	}
	// All waits together are bounded, not each of them.
	_, err := tx.Exec(ctx, s.qualify(fmt.Sprintf("SET LOCAL statement_timeout = %d", tablePatience.Milliseconds())))
	if err == nil {
		_, err = tx.Exec(ctx, s.qualify("LOCK TABLE "+strings.Join(names, ", ")+" IN ACCESS EXCLUSIVE MODE"))
	}
	if err == nil {
		_, err = tx.Exec(ctx, "SET LOCAL statement_timeout = 0")
	}
	return err
}

// largeTable is the size in bytes from which on an index is built while the table is written. That takes longer and waits
// for every transaction of the database.
const largeTable = 8 << 20

// buildIndexes builds the indexes that a migration adds to large tables, so that it finds them made.
func (s *store) buildIndexes(ctx context.Context, m Migration) error {
	for _, x := range m.indexes {
		var exists, valid bool
		var size int64
		err := s.pool.QueryRow(ctx, `SELECT coalesce(pg_relation_size(to_regclass($1)), 0), i.indexrelid IS NOT NULL, coalesce(i.indisvalid, false)
			FROM (SELECT) one LEFT JOIN pg_index i ON i.indexrelid = to_regclass($2)`, s.schema+"."+x.table, s.schema+"."+x.name).Scan(&size, &exists, &valid)
		if err != nil {
			return err
		}
		if exists && !valid { // it was given up half way
			if _, err := s.pool.Exec(ctx, s.qualify("DROP INDEX CONCURRENTLY IF EXISTS {schema}."+x.name)); err != nil {
				return err
			}
		}
		if valid || size < largeTable {
			continue
		}
		_, err = s.pool.Exec(ctx, s.qualify("CREATE INDEX CONCURRENTLY IF NOT EXISTS "+x.name+" ON "+x.on))
		if hasCode(err, pgerrcode.ReadOnlySQLTransaction) {
			continue // such a session is told to write by transactions only: the migration builds it
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// againWhileBusy calls f until it does not fail because tables are in use, for migratorPatience.
func (s *store) againWhileBusy(ctx context.Context, f func() error) error {
	patience, cancel := context.WithTimeout(ctx, migratorPatience)
	defer cancel()
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		err := f()
		busy := hasCode(err, pgerrcode.LockNotAvailable) || hasCode(err, pgerrcode.DeadlockDetected) || hasCode(err, pgerrcode.QueryCanceled)
		if !busy {
			return err
		}
		wait, done := context.WithTimeout(patience, pause/2+rand.N(pause))
		<-wait.Done()
		done()
		if patience.Err() != nil {
			return err
		}
	}
}

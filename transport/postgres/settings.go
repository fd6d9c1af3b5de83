package postgres

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// What a session is set to can change what statements do and what a commit is worth. It may come from the role, from the
// database, or from whoever had the session of a pooler before. So everything that matters here is set: at the start of a
// connection, where poolers in transaction mode know it and hand it on; for the session; or, behind a pooler, in each
// transaction, in its round trip. docs/postgres.md says why other settings do not matter.

// startSettings are for texts. Poolers keep them apart for each of their clients, as every driver sets them.
var startSettings = map[string]string{"client_encoding": "UTF8", "DateStyle": "ISO, MDY", "TimeZone": "UTC"}

// synchronous is the least that an answered dispatch is promised: its commit is on disk.
const synchronous = "on"

// setConfig is the statement that makes the settings of a session, or of a transaction. synchronous_commit is raised to
// commit where it is off or local, and left as it is where it asks for more.
func setConfig(timeout time.Duration, commit string, local bool) string {
	ms := strconv.FormatInt(timeout.Milliseconds(), 10)
	var calls []string
	for _, s := range [][2]string{
		{"statement_timeout", "'" + ms + "'"},
		{"lock_timeout", "'" + ms + "'"},
		{"idle_in_transaction_session_timeout", "'" + strconv.FormatInt(2*timeout.Milliseconds(), 10) + "'"},
		{"default_transaction_isolation", "'read committed'"},
		{"jit", "'off'"}, // compiling takes longer than any statement here
		// The functions and operators that statements mean, whatever others have the same name.
		{"search_path", "'pg_catalog, pg_temp'"},
		{"synchronous_commit", `CASE WHEN current_setting('synchronous_commit') IN ('off', 'local')
			THEN '` + commit + `' ELSE current_setting('synchronous_commit') END`},
		{"symphony.knows", "'" + strconv.Itoa(len(knownMigrations())) + "'"}, // see migration 23
	} {
		calls = append(calls, fmt.Sprintf("set_config('%s', %s, %t)", s[0], s[1], local))
	}
	return "SELECT " + strings.Join(calls, ", ")
}

// defaults are what the server would set a new session to.
type defaults struct {
	commit   string // synchronous_commit, at least what synchronous says
	readOnly bool   // somebody wants nothing to be written

	begin    string // how a transaction behind a pooler begins
	settings string // the statement that makes its settings
}

func newDefaults(timeout time.Duration, commit string, readOnly bool) *defaults {
	if strength(commit) < strength(synchronous) {
		commit = synchronous
	}
	d := &defaults{commit: commit, readOnly: readOnly, begin: beginText, settings: setConfig(timeout, commit, true)}
	if !readOnly {
		d.begin += " READ WRITE" // whatever the session was left with
	}
	return d
}

const beginText = "BEGIN ISOLATION LEVEL READ COMMITTED"

// strength orders the values of synchronous_commit by what they promise. remote_write promises the disk of this server, as
// on does, and less of the standbys; it is not changed by anybody here.
func strength(commit string) int {
	switch commit {
	case "off":
		return 0
	case "local":
		return 1
	case "remote_apply":
		return 3
	}
	return 2
}

// The columns are those of the server's configuration, of the database and of the role, without what the session was set
// to since.
var readDefaults = newQuery("read_defaults", `SELECT name, reset_val FROM pg_settings
	WHERE name IN ('synchronous_commit', 'default_transaction_read_only')`)

// readDefaults reads what new sessions are set to. Where they promise more than those that are open they take their place.
func (s *store) readDefaults(ctx context.Context, l *link) error {
	found := make(map[string]string)
	if err := l.transact(ctx, call{query: readDefaults, row: func(v [][]byte) error {
		found[string(v[0])] = string(v[1])
		return nil
	}}); err != nil {
		return err
	}
	before := s.defaults.Load()
	now := newDefaults(s.timeout, found["synchronous_commit"], found["default_transaction_read_only"] == "on")
	if *now == *before {
		return nil
	}
	s.defaults.Store(now)
	if strength(now.commit) > strength(before.commit) && !s.behindPooler.Load() {
		s.pool.Reset()
	}
	return nil
}

// accessMode is that of a transaction which is to write.
func (s *store) accessMode() pgx.TxAccessMode {
	if s.behindPooler.Load() && !s.defaults.Load().readOnly {
		return pgx.ReadWrite // whatever the session was left with
	}
	return ""
}

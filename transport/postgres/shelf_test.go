package postgres_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/symphony-messenger/symphony/transport/postgres"
)

// place is where a suite runs.
type place struct {
	owner string // the URL of who may do anything there
	node  string // the URL by which nodes connect
	// prepare makes a schema before a node opens it. Nil where nodes make theirs themselves.
	prepare func(t *testing.T, o postgres.Options)
}

// shelf has the schemas of a database for the tests of a suite, each for one test at a time. Making all tables anew for
// each of them takes longer than the tests do. Safe for concurrent use.
type shelf struct {
	place
	prefix string
	mu     sync.Mutex
	made   int
	free   []string
}

// open returns options with a schema that is as good as new, or that is to be made.
func (s *shelf) open(t *testing.T, o postgres.Options) postgres.Options {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	o.KeepSchema = s.prepare != nil
	if n := len(s.free); n > 0 {
		o.Schema, s.free = s.free[n-1], s.free[:n-1]
		return o
	}
	s.made++
	o.Schema = fmt.Sprintf("%s_%d", s.prefix, s.made)
	if s.prepare != nil {
		s.prepare(t, o)
	}
	return o
}

// giveBack empties a schema that no test uses any more.
func (s *shelf) giveBack(t *testing.T, schema string) {
	t.Helper()
	empty(t, s.owner, schema)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free = append(s.free, schema)
}

// empty makes a schema as good as new.
func empty(t *testing.T, url, schema string) {
	t.Helper()
	exec(t, url, strings.ReplaceAll(`DO $$ DECLARE list text; BEGIN
		SELECT string_agg(oid::regclass::text, ', ') INTO list FROM pg_class
			WHERE relnamespace = 'SCHEMA'::regnamespace AND relkind = 'r' AND relispartition AND relname NOT LIKE '%_default';
		IF list IS NOT NULL THEN EXECUTE 'DROP TABLE ' || list; END IF;
		SELECT string_agg(oid::regclass::text, ', ') INTO list FROM pg_class
			WHERE relnamespace = 'SCHEMA'::regnamespace AND relkind = 'r' AND pg_relation_size(oid) > 0
				AND relname NOT IN ('messenger_migrations', 'messenger_flow', 'messenger_marked'); -- put there by migrations
		IF list IS NOT NULL THEN EXECUTE 'TRUNCATE ' || list || ' RESTART IDENTITY'; END IF;
	END $$`, "SCHEMA", schema))
}

package postgres_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// shelf has the schemas of a database for the tests of a suite, each for one test at a time. Making all tables anew for
// each of them takes longer than the tests do. Safe for concurrent use.
type shelf struct {
	prefix string
	mu     sync.Mutex
	made   int
	free   []string
}

// take returns a schema that is as good as new, or the name of one that is to be made.
func (s *shelf) take() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.free); n > 0 {
		schema := s.free[n-1]
		s.free = s.free[:n-1]
		return schema
	}
	s.made++
	return fmt.Sprintf("%s_%d", s.prefix, s.made)
}

// giveBack empties a schema that no test uses any more.
func (s *shelf) giveBack(t *testing.T, url, schema string) {
	t.Helper()
	empty(t, url, schema)
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
				AND relname NOT IN ('messenger_migrations', 'messenger_flow'); -- what the migrations put there
		IF list IS NOT NULL THEN EXECUTE 'TRUNCATE ' || list || ' RESTART IDENTITY'; END IF;
	END $$`, "SCHEMA", schema))
}

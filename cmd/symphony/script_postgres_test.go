//go:build unix

package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/symphony-messenger/symphony/internal/pgtest"
)

// TestPostgresScripts runs the stories in testdata/postgres, each with an empty PostgreSQL database at $POSTGRES.
func TestPostgresScripts(t *testing.T) {
	testscript.Run(t, stories("testdata/postgres", func(env *testscript.Env) error {
		env.Setenv("POSTGRES", pgtest.URL(t))
		return nil
	}))
}

// TestScriptsOnPostgres runs those stories once more on PostgreSQL that are not about a SQLite file.
func TestScriptsOnPostgres(t *testing.T) {
	p := stories("", func(env *testscript.Env) error {
		env.Setenv("SYMPHONY_DATABASE_URL", pgtest.URL(t))
		return nil
	})
	for _, name := range []string{"consume", "dispatch", "failed", "flow", "health", "indexes", "messages", "metrics", "pull", "schedules", "serve_cron", "server", "status", "stop_workers"} {
		p.Files = append(p.Files, "testdata/script/"+name+".txtar")
	}
	testscript.Run(t, p)
}

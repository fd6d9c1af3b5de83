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

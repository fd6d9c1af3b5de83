package postgres_test

import (
	"fmt"
	"os"
	"testing"
)

// childEnv makes the test binary one of the processes that tests kill: its value is the name in children.
const childEnv = "SYMPHONY_TEST_CHILD"

// children are what such a process does.
func children() map[string]func() error {
	return map[string]func() error{"effect": effectChild, "cancel": cancelChild}
}

func TestMain(m *testing.M) {
	if name := os.Getenv(childEnv); name != "" {
		if err := children()[name](); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

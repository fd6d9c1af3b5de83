//go:build unix

package command_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/symphony-messenger/symphony/handler/command"
)

// What a process that was killed has left of a program, which may be confidential, is deleted when the next one makes a
// handler.
func TestNew_deletes_what_dead_processes_left(t *testing.T) {
	const inner = "COMMAND_TEST_KILLED"
	if os.Getenv(inner) != "" {
		h := shell(t, command.Options{}, `printf '"secret"' >"$SYMPHONY_OUTPUT"; kill -9 $PPID`)
		t.Fatalf("it was not killed: %v", h.Handle(t.Context(), delivery()))
	}
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), inner+"=1")
	if out, err := cmd.CombinedOutput(); err == nil || cmd.ProcessState.Exited() {
		t.Fatalf("it was not killed: %v: %s", err, out)
	}
	left, err := filepath.Glob(filepath.Join(temp, "*", "output.json"))
	if err != nil || len(left) != 1 {
		t.Fatalf("left were %v, %v: the test looks at nothing", left, err)
	}
	shell(t, command.Options{}, `true`)
	if left, err := filepath.Glob(filepath.Join(temp, "*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

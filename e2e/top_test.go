//go:build e2e

package e2e

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/creack/pty"
)

// terminal is a program on a terminal of its own.
type terminal struct {
	file *os.File

	mu   sync.Mutex
	text string // all that was drawn since the last key, without colours and movements
}

// onTerminal starts the binary in a folder on a terminal of 110 by 30, until the test ends.
func onTerminal(t *testing.T, dir string, env []string, args ...string) (*terminal, *exec.Cmd) {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Dir = dir
	cmd.Env = append([]string{"TERM=xterm-256color", "HOME=" + dir, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + dir}, env...)
	file, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: 110, Rows: 30})
	if err != nil {
		t.Fatal(err)
	}
	term, done := &terminal{file: file}, make(chan struct{})
	go func() {
		defer close(done)
		part := make([]byte, 64<<10)
		for {
			n, err := file.Read(part)
			term.mu.Lock()
			term.text += ansi.Strip(string(part[:n]))
			term.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		cmd.Process.Kill() // it has ended, unless the test failed
		file.Close()
		<-done
	})
	return term, cmd
}

// press types keys and forgets what was drawn before.
func (term *terminal) press(t *testing.T, keys string) {
	t.Helper()
	term.mu.Lock()
	term.text = ""
	term.mu.Unlock()
	if _, err := io.WriteString(term.file, keys); err != nil {
		t.Fatal(err)
	}
}

func (term *terminal) wait(t *testing.T, text string) {
	t.Helper()
	until(t, "the terminal to show "+text, func() bool {
		term.mu.Lock()
		defer term.mu.Unlock()
		return strings.Contains(term.text, text)
	})
}

// An operator sees a failure in symphony top, looks at it, corrects it in an editor, and it is handled.
func TestTop_mends_a_failure_on_a_terminal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	run := func(args ...string) {
		t.Helper()
		cmd := exec.Command(binary, args...)
		cmd.Dir, cmd.Env = dir, []string{"HOME=" + dir, "TMPDIR=" + dir, "PATH=" + os.Getenv("PATH")}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("symphony %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	editor := filepath.Join(dir, "editor.sh")
	if err := os.WriteFile(editor, []byte("#!/bin/sh\nsed -i 's/true/false/' \"$1\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	run("migrate")
	run("dispatch", "demo.hello", `{"name":"Ada","fail":true}`)
	run("consume")

	term, top := onTerminal(t, dir, []string{"EDITOR=" + editor}, "top", "--interval", "200ms")
	term.wait(t, "LATEST FAILURES")
	term.wait(t, `the payload says "fail": true`)
	term.press(t, "\r")
	term.wait(t, "1 attempt, 4 attempts allowed")
	term.press(t, "e")
	term.wait(t, "was dispatched again with the corrected payload")
	term.press(t, "q")
	if err := top.Wait(); err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("top ended with %d", exit.ExitCode())
		}
		t.Fatal(err)
	}
	run("consume")
	status := exec.Command(binary, "status", "--json")
	status.Dir, status.Env = dir, []string{"HOME=" + dir, "TMPDIR=" + dir}
	out, err := status.Output()
	if err != nil || !strings.Contains(string(out), `"completed": 1`) || !strings.Contains(string(out), `"failedMessages": 0`) {
		t.Errorf("status %s, %v", out, err)
	}
}

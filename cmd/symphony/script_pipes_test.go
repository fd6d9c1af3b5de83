//go:build unix

package main

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// pollPipes is how often a named pipe is looked at, which tells nobody when its other end is opened.
const pollPipes = 10 * time.Millisecond

// scriptHeard waits for what a program writes to a named pipe.
func scriptHeard(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: heard NAME FIFO")
	}
	pipe, err := syscall.Open(ts.MkAbs(args[1]), syscall.O_RDONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	ts.Check(err)
	defer syscall.Close(pipe)
	buffer := make([]byte, 512)
	attempt(ts, args, "written to", func() bool {
		n, err := syscall.Read(pipe, buffer) // nothing and no error where nobody has it open
		if err != nil && !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EINTR) {
			ts.Check(err)
		}
		return n > 0
	})
}

// scriptTold writes a line to a named pipe that a program reads.
func scriptTold(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: told NAME FIFO")
	}
	attempt(ts, args, "read", func() bool {
		pipe, err := syscall.Open(ts.MkAbs(args[1]), syscall.O_WRONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
		if errors.Is(err, syscall.ENXIO) || errors.Is(err, syscall.EINTR) {
			return false // nobody reads it
		}
		ts.Check(err)
		defer syscall.Close(pipe)
		_, err = syscall.Write(pipe, []byte("\n"))
		ts.Check(err)
		return true
	})
}

// attempt tries something with a named pipe until it succeeds or the program, both of args, has ended.
func attempt(ts *testscript.TestScript, args []string, what string, try func() bool) {
	p := named(ts, args[0])
	tick := time.NewTicker(pollPipes)
	defer tick.Stop()
	timeout := time.After(patience)
	for gone := false; !try(); {
		text, _ := p.output()
		if gone {
			ts.Fatalf("%s ended (%v), and %s was not %s; it printed:\n%s", args[0], p.cmd.ProcessState, args[1], what, text)
		}
		select {
		case <-tick.C:
		case <-p.exited:
			gone = true // try once more
		case <-timeout:
			ts.Fatalf("%s is not %s by %s, which printed:\n%s", args[1], what, args[0], text)
		}
	}
}

// killSession ends all programs of a session, whose leader has ended. Programs of handlers have process groups of their
// own, and outlive a server that is killed; but no program of the stories leaves its session.
func killSession(leader int) {
	for {
		left := session(leader)
		if len(left) == 0 {
			return
		}
		for _, pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL) // one that has ended needs none
		}
	}
}

// session returns the processes of a session that have not ended.
func session(leader int) (pids []int) {
	out, err := exec.Command("ps", "-A", "-o", "pid=", "-o", "stat=").Output()
	if err != nil {
		panic(err)
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		pid, err := strconv.Atoi(fields[0])
		if err != nil || strings.HasPrefix(fields[1], "Z") {
			continue
		}
		if of, err := unix.Getsid(pid); err == nil && of == leader {
			pids = append(pids, pid)
		}
	}
	return pids
}

// A story whose program dies fails at once, whatever that program has left behind, and nothing of it is left.
func TestScripts_fail_at_once_and_leave_nothing_behind(t *testing.T) {
	t.Parallel()
	var leaders []int
	failed := &failing{TB: t}
	p := stories("", func(env *testscript.Env) error {
		running := env.Values[processesKey{}].(*processes)
		env.Defer(func() { // before they are killed
			for _, one := range running.byName {
				leaders = append(leaders, one.cmd.Process.Pid)
				if len(session(one.cmd.Process.Pid)) == 0 {
					t.Error("the program has left nothing behind")
				}
			}
		})
		return nil
	})
	p.Files = []string{"testdata/left_behind.txtar"}
	done := make(chan struct{})
	go func() { // it ends its goroutine
		defer close(done)
		testscript.RunT(failed, p)
	}()
	<-done
	if text := failed.log.String(); !strings.Contains(text, "server ended (exit status 3), and go-on was not read") {
		t.Errorf("the story says:\n%s", text)
	}
	if len(leaders) != 1 {
		t.Fatalf("%d programs were started, want 1", len(leaders))
	}
	if left := session(leaders[0]); len(left) > 0 {
		t.Errorf("processes %v are left", left)
	}
}

// failing is a test whose failure is expected, and keeps what it says.
type failing struct {
	testing.TB
	log strings.Builder
}

func (f *failing) Log(args ...any)   { fmt.Fprintln(&f.log, args...) }
func (f *failing) Fatal(args ...any) { f.Log(args...); f.FailNow() }
func (f *failing) FailNow()          { runtime.Goexit() }
func (f *failing) Parallel()         {}
func (f *failing) Verbose() bool     { return false }
func (f *failing) Run(_ string, run func(t testscript.T)) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		run(f)
	}()
	<-done
}

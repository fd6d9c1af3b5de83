//go:build unix

package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"symphony": main, "shop": shop})
}

// TestScripts runs the stories in testdata/script. Beside testscript's own commands they have, for programs that go on
// in the background:
//
//	start NAME symphony ARG…    start it
//	seen NAME REGEXP            wait until it has printed a match; named groups become variables
//	signal NAME term|int|kill   send it a signal
//	ended NAME CODE             wait for its end with this exit code
//	[!] printed NAME REGEXP     check all that it has printed so far
//	heard NAME FIFO             wait until it, or a program of its, has written to the named pipe
//	told NAME FIFO              write a line to the named pipe, as soon as it or a program of its reads it
//
// All of these fail as soon as the program has ended without doing what they wait for. What a program leaves behind is
// killed at the end of the story.
//
// and
//
//	exits CODE PROGRAM ARG…     run it; it must end with this code
//	tries PROGRAM ARG…          run it, however it ends
//	until REGEXP PROGRAM ARG…   run it again and again until its output matches
//	capture FILE REGEXP         make variables of the named groups of a match in the file (or stdout)
func TestScripts(t *testing.T) {
	testscript.Run(t, stories("testdata/script", func(*testscript.Env) error { return nil }))
}

// stories are the scripts of a folder, each in an environment that prepare completes.
func stories(dir string, prepare func(*testscript.Env) error) testscript.Params {
	return testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			// Nothing of who runs the tests gets in, and the path of the local socket stays short.
			dir, err := os.MkdirTemp("/tmp", "sym")
			if err != nil {
				return err
			}
			env.Defer(func() { os.RemoveAll(dir) })
			env.Setenv("TMPDIR", dir)
			env.Setenv("TZ", "UTC")
			// With the race detector each program would linger for a second before it ends.
			env.Setenv("GORACE", "atexit_sleep_ms=0")
			running := &processes{}
			env.Values[processesKey{}] = running
			env.Defer(running.kill)
			return prepare(env)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"start": scriptStart, "seen": scriptSeen, "signal": scriptSignal, "ended": scriptEnded,
			"printed": scriptPrinted, "heard": scriptHeard, "told": scriptTold, "exits": scriptExits,
			"tries": scriptTries, "capture": scriptCapture, "until": scriptUntil,
		},
	}
}

// patience is how long a story waits for a program to do what it must. Nothing depends on how soon it does.
const patience = time.Minute

type processesKey struct{}

// processes are the programs of one story, by name.
type processes struct{ byName map[string]*process }

type process struct {
	cmd    *exec.Cmd
	exited chan struct{}

	mu    sync.Mutex
	text  bytes.Buffer
	moved chan struct{} // closed at the next output
}

// kill ends the programs, and all that they have started and left behind.
func (p *processes) kill() {
	for _, running := range p.byName {
		running.cmd.Process.Kill()
		<-running.exited
		killSession(running.cmd.Process.Pid)
	}
}

// Write takes the program's output.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.moved)
	p.moved = make(chan struct{})
	return p.text.Write(b)
}

func (p *process) output() (string, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String(), p.moved
}

func named(ts *testscript.TestScript, name string) *process {
	p := ts.Value(processesKey{}).(*processes).byName[name]
	if p == nil {
		ts.Fatalf("no program named %s was started", name)
	}
	return p
}

func scriptStart(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start NAME PROGRAM ARG…")
	}
	// The program is found in the story's PATH, where testscript puts it, not in this process's.
	path := ""
	for dir := range strings.SplitSeq(ts.Getenv("PATH"), string(os.PathListSeparator)) {
		if found, err := exec.LookPath(filepath.Join(dir, args[1])); err == nil && path == "" {
			path = found
		}
	}
	p := &process{cmd: exec.Command(path, args[2:]...), exited: make(chan struct{}), moved: make(chan struct{})}
	p.cmd.Dir = ts.MkAbs(".")
	// testscript tells its environment to programs only.
	ts.Check(ts.Exec("env"))
	p.cmd.Env = strings.Split(strings.TrimSpace(ts.ReadFile("stdout")), "\n")
	p.cmd.Stdout, p.cmd.Stderr = p, p
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	p.cmd.WaitDelay = time.Second // where a program that it has left behind could print still
	ts.Check(p.cmd.Start())
	all := ts.Value(processesKey{}).(*processes)
	if all.byName == nil {
		all.byName = map[string]*process{}
	}
	all.byName[args[0]] = p
	go func() {
		p.cmd.Wait()
		close(p.exited)
	}()
}

func scriptSeen(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: seen NAME REGEXP")
	}
	p := named(ts, args[0])
	re, err := regexp.Compile(`(?m)` + args[1])
	ts.Check(err)
	timeout := time.After(patience)
	for gone := false; ; {
		text, moved := p.output()
		if m := re.FindStringSubmatch(text); m != nil {
			setNamed(ts, re, m)
			return
		}
		if gone {
			ts.Fatalf("%s ended (%v) without printing %s; it printed:\n%s", args[0], p.cmd.ProcessState, args[1], text)
		}
		select {
		case <-moved:
		case <-p.exited:
			gone = true // look once more at what it printed last
		case <-timeout:
			ts.Fatalf("%s has not printed %s; it printed:\n%s", args[0], args[1], text)
		}
	}
}

func scriptPrinted(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: [!] printed NAME REGEXP")
	}
	text, _ := named(ts, args[0]).output()
	re, err := regexp.Compile(`(?m)` + args[1])
	ts.Check(err)
	if re.MatchString(text) == neg {
		ts.Fatalf("%s printed:\n%s", args[0], text)
	}
}

func scriptSignal(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]os.Signal{"term": syscall.SIGTERM, "int": os.Interrupt, "kill": os.Kill}
	if neg || len(args) != 2 || signals[args[1]] == nil {
		ts.Fatalf("usage: signal NAME term|int|kill")
	}
	ts.Check(named(ts, args[0]).cmd.Process.Signal(signals[args[1]]))
}

func scriptEnded(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: ended NAME CODE")
	}
	p := named(ts, args[0])
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	select {
	case <-p.exited:
	case <-time.After(patience):
		err = errors.New("still running")
	}
	text, _ := p.output()
	if err != nil {
		ts.Fatalf("%s: %v; it printed:\n%s", args[0], err, text)
	}
	if got := p.cmd.ProcessState.ExitCode(); got != want {
		ts.Fatalf("%s ended with %d, want %d; it printed:\n%s", args[0], got, want, text)
	}
}

func scriptExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARG…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	var exit *exec.ExitError
	got := 0
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("%v ended with %d, want %d", args[1:], got, want)
	}
}

func scriptTries(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: tries PROGRAM ARG…")
	}
	var exit *exec.ExitError
	if err := ts.Exec(args[0], args[1:]...); !errors.As(err, &exit) {
		ts.Check(err)
	}
}

func scriptUntil(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until REGEXP PROGRAM ARG…")
	}
	re, err := regexp.Compile(`(?m)` + args[0])
	ts.Check(err)
	for deadline := time.Now().Add(patience); ; {
		ts.Check(ts.Exec(args[1], args[2:]...))
		text := ts.ReadFile("stdout")
		if re.MatchString(text) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%v never printed %s, but:\n%s", args[1:], args[0], text)
		}
	}
}

func scriptCapture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: capture FILE REGEXP")
	}
	re, err := regexp.Compile(`(?m)` + args[1])
	ts.Check(err)
	text := ts.ReadFile(args[0])
	m := re.FindStringSubmatch(text)
	if m == nil {
		ts.Fatalf("no match for %s in:\n%s", args[1], text)
	}
	setNamed(ts, re, m)
}

// setNamed makes variables of the named groups of a match.
func setNamed(ts *testscript.TestScript, re *regexp.Regexp, match []string) {
	for i, name := range re.SubexpNames() {
		if name != "" {
			ts.Setenv(name, match[i])
		}
	}
}

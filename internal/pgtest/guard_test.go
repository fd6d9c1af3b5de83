//go:build unix

package pgtest

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// abandonEnv makes the test binary start servers, tell of them, and wait to be killed.
const abandonEnv = "PGTEST_ABANDON"

func TestMain(m *testing.M) {
	if os.Getenv(abandonEnv) != "" {
		if err := abandon(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// abandon prints the directory and the pid of a server that runs and of one that is paused, then waits.
func abandon() error {
	for _, pause := range []bool{false, true} {
		c, err := newCluster(Options{})
		if err != nil {
			return err
		}
		if pause {
			if _, err := c.pause(); err != nil {
				return err
			}
		}
		fmt.Println(c.dir, c.server.cmd.Process.Pid)
	}
	_, err := os.Stdin.Read(make([]byte, 1)) // never comes: the parent holds the other end open
	return err
}

func TestGuard_stops_the_servers_of_a_killed_process(t *testing.T) {
	t.Parallel()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), binary)
	child.Env = append(os.Environ(), abandonEnv+"=yes")
	child.Stderr = os.Stderr
	held, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	output, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	servers := make(map[string]int)
	lines := bufio.NewScanner(output)
	for len(servers) < 2 && lines.Scan() {
		var dir string
		var pid int
		if _, err := fmt.Sscan(lines.Text(), &dir, &pid); err != nil {
			t.Fatalf("the child prints %q: %v", lines.Text(), err)
		}
		servers[dir] = pid
	}
	if len(servers) != 2 {
		t.Fatalf("the child started %d servers, want 2 (%v)", len(servers), child.Wait())
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err == nil {
		t.Fatal("the child was not killed")
	}
	for dir, pid := range servers {
		if err := poll("the directory of a killed process goes", func() (bool, error) {
			_, err := os.Stat(dir)
			return errors.Is(err, fs.ErrNotExist), nil
		}); err != nil {
			t.Error(err)
		}
		all, err := processes()
		if err != nil {
			t.Fatal(err)
		}
		if p, ok := all[pid]; ok && !p.dead() {
			t.Errorf("server %d outlives the process that started it", pid)
		}
	}
}

func TestStart_keeps_off_a_port_that_is_taken(t *testing.T) {
	t.Parallel()
	s := Start(t, Options{})
	other, err := newCluster(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := other.release(); err != nil {
			t.Error(err)
		}
	}()
	if err := other.stop(); err != nil {
		t.Fatal(err)
	}
	other.port = s.c.port
	if err := other.start(); !errors.Is(err, errExited) || !strings.Contains(err.Error(), "could not bind") {
		t.Errorf("starting on a port that is taken ends with %v, want %v and the server's log", err, errExited)
	}
}

func TestRelease_leaves_nothing(t *testing.T) {
	c, err := newCluster(Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.kill(); err != nil {
		t.Fatal(err)
	}
	// Key and id of the shared memory that a killed server leaves behind.
	pidFile, err := os.ReadFile(c.data() + "/postmaster.pid")
	if err != nil {
		t.Fatal(err)
	}
	segment := strings.Fields(strings.Split(string(pidFile), "\n")[6])[1]
	if !segments(t)[segment] {
		t.Fatalf("there is no shared memory %s", segment)
	}
	if err := c.release(); err != nil {
		t.Fatal(err)
	}
	if segments(t)[segment] {
		t.Errorf("shared memory %s is left behind", segment)
	}
	if _, err := os.Stat(c.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("directory %s is left behind (%v)", c.dir, err)
	}
}

// segments are the ids of the machine's System V shared memory.
func segments(t *testing.T) map[string]bool {
	t.Helper()
	output, err := exec.Command("ipcs", "-m").Output()
	if err != nil {
		t.Fatal(err)
	}
	ids := make(map[string]bool)
	for line := range strings.Lines(string(output)) {
		if fields := strings.Fields(line); len(fields) > 1 {
			ids[fields[1]] = true
		}
	}
	return ids
}

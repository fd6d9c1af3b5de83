//go:build unix

package pgtest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// errNotRunning is a server to be paused or continued that has been stopped or killed.
var errNotRunning = errors.New("the server does not run")

// kill ends the server's processes all at once by SIGKILL, and returns when none is left. One that has exited is
// left as it is.
func (c *cluster) kill() error {
	if !c.running() {
		return nil
	}
	backends, err := c.pause()
	if err != nil {
		return err
	}
	for _, pid := range backends {
		if err := send(pid, syscall.SIGKILL); err != nil {
			return err
		}
	}
	if err := c.server.cmd.Process.Kill(); err != nil {
		return err
	}
	<-c.server.done
	// A backend that is still dying would keep the next server from starting.
	return poll(fmt.Sprintf("the backends of PostgreSQL %d die", c.major), func() (bool, error) {
		all, err := processes()
		for _, pid := range backends {
			if p, ok := all[pid]; ok && !p.dead() {
				return false, err
			}
		}
		return true, err
	})
}

// pause stops the server's processes by SIGSTOP, returns when all stand still, and tells which are its backends
// (also those that work in the background).
//
// The postmaster comes first: once it stands still, there can be no new backend.
func (c *cluster) pause() (backends []int, err error) {
	if !c.running() {
		return nil, errNotRunning
	}
	postmaster := c.server.cmd.Process.Pid
	if err := send(postmaster, syscall.SIGSTOP); err != nil {
		return nil, err
	}
	err = poll(fmt.Sprintf("PostgreSQL %d stands still", c.major), func() (bool, error) {
		all, err := processes()
		if err != nil || !all[postmaster].still() {
			return false, err
		}
		backends = backends[:0]
		still := true
		for pid, p := range all {
			if p.parent != postmaster || p.dead() {
				continue
			}
			backends = append(backends, pid)
			if !p.still() {
				still = false
				if err := send(pid, syscall.SIGSTOP); err != nil {
					return false, err
				}
			}
		}
		return still, nil
	})
	return backends, err
}

// resume lets the server's processes go on after pause.
func (c *cluster) resume() error {
	if !c.running() {
		return errNotRunning
	}
	all, err := processes()
	if err != nil {
		return err
	}
	postmaster := c.server.cmd.Process.Pid
	errs := []error{send(postmaster, syscall.SIGCONT)}
	for pid, p := range all {
		if p.parent == postmaster {
			errs = append(errs, send(pid, syscall.SIGCONT))
		}
	}
	return errors.Join(errs...)
}

// send sends a signal to a process, if it still exists.
func send(pid int, signal syscall.Signal) error {
	if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("send %v to %d: %w", signal, pid, err)
	}
	return nil
}

// poll calls done until it says yes or errs. What is waited for stands in the error when it takes too long.
func poll(what string, done func() (bool, error)) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	timeout := time.After(patience)
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-timeout:
			return fmt.Errorf("waited in vain until %s", what)
		}
	}
}

// processState is what ps tells of a process.
type processState struct {
	parent int
	state  string // T: stopped, Z: dead but not yet waited for
}

func (p processState) still() bool { return strings.HasPrefix(p.state, "T") }

func (p processState) dead() bool { return strings.HasPrefix(p.state, "Z") }

// processes lists all processes of the machine by their pid.
func processes() (map[int]processState, error) {
	output, err := exec.Command("ps", "-A", "-o", "pid=", "-o", "ppid=", "-o", "stat=").Output() //nolint:noctx // answers at once
	if err != nil {
		return nil, fmt.Errorf("ps: %w", err)
	}
	all := make(map[int]processState)
	lines := bufio.NewScanner(bytes.NewReader(output))
	for lines.Scan() {
		var pid int
		var p processState
		if _, err := fmt.Sscan(lines.Text(), &pid, &p.parent, &p.state); err != nil {
			return nil, fmt.Errorf("ps prints %q: %w", lines.Text(), err)
		}
		all[pid] = p
	}
	return all, lines.Err()
}

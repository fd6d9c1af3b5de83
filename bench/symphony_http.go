package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// noAccessLog switches the log line of each request off.
const noAccessLog = "SYMPHONY_SERVER_ACCESS_LOG=false"

// symphonyHTTPCases are those of the built binary. setting is a variable for the server, "" for none.
func symphonyHTTPCases(setting string) []Case {
	cases := httpCases(func(ctx context.Context, e *Env) (*server, error) {
		return startSymphony(ctx, e, setting, "--no-worker")
	})
	cases = append(cases, Case{
		Name: "idle-serve", Measure: func(ctx context.Context, e *Env) (Result, error) {
			e.Profile = "" // nothing to see
			s, err := startSymphony(ctx, e, setting)
			if err != nil {
				return Result{}, err
			}
			time.Sleep(settle)
			r, err := idleCPU(ctx, e, strconv.Itoa(s.pid))
			if err == nil {
				r.RSS, err = peakRSS(strconv.Itoa(s.pid))
			}
			return r, errors.Join(err, s.stop())
		},
	})
	for i := range cases {
		cases[i].Binary = true
	}
	return cases
}

// quietPeer is the HTTP API without an access log, which is what the bare server does, too.
func quietPeer() Peer {
	return Peer{
		Name: "symphony-quiet", Ours: true, Settings: "symphony serve with server.access_log: false",
		Cases: symphonyHTTPCases(noAccessLog),
	}
}

// startSymphony starts "symphony serve" on a new database with an API key and waits until it is ready. Its log goes
// into a file.
func startSymphony(ctx context.Context, e *Env, setting string, args ...string) (*server, error) {
	path := filepath.Join(e.Dir, "symphony.db")
	if e.Postgres != "" {
		path = e.Postgres
	}
	if err := e.symphony(ctx, "migrate", "--database", path).Run(); err != nil {
		return nil, err
	}
	key, err := e.symphony(ctx, "keys", "create", "bench", "--scopes", "dispatch,read", "--database", path).Output()
	if err != nil {
		return nil, fmt.Errorf("make an API key: %w", err)
	}
	log, err := os.Create(filepath.Join(e.Dir, "serve.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close() // the server has it, too
	addr, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	cmd := e.symphony(ctx, append([]string{"serve", "--addr", addr, "--database", path}, args...)...)
	if e.Profile != "" {
		cmd = exec.CommandContext(ctx, e.Profiled, "-addr", addr, "-database", path, "-profile", e.Profile, fmt.Sprintf("-access-log=%t", setting != noAccessLog))
	} else if setting != "" {
		cmd.Env = append(cmd.Env, setting)
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	s := &server{addr: addr, pid: cmd.Process.Pid, key: string(bytes.TrimSpace(key)), stop: func() error {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			return err
		}
		return <-ended
	}}
	s.stored = s.pending
	if err := s.ready(ctx, ended); err != nil {
		said, _ := os.ReadFile(log.Name())
		return nil, fmt.Errorf("%w: %s", err, bytes.TrimSpace(said))
	}
	return s, nil
}

// symphony is a command of the binary, in the case's folder and out of reach of what configures other installations.
func (e *Env) symphony(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, e.Symphony, args...)
	cmd.Dir = e.Dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + e.Dir}
	return cmd
}

// freeAddress is an address on the loopback interface that nobody listens on.
func freeAddress(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// ready waits until a server answers that it is ready, at most 10 s.
func (s *server) ready(ctx context.Context, ended <-chan error) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		_, err := get(ctx, "http://"+s.addr+"/readyz", "")
		if err == nil {
			return nil
		}
		select {
		case cause := <-ended:
			return fmt.Errorf("the server ended: %w", cause)
		case <-ctx.Done():
			return fmt.Errorf("the server is not ready: %w", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// pending asks the server how many messages wait.
func (s *server) pending(ctx context.Context) (int, error) {
	body, err := get(ctx, "http://"+s.addr+"/api/symphony/status", s.key)
	if err != nil {
		return 0, err
	}
	var status struct {
		Queue struct {
			Pending int `json:"pending"`
		} `json:"queue"`
	}
	err = json.Unmarshal(body, &status)
	return status.Queue.Pending, err
}

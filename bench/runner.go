package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// jobLimit bounds one job beside the time that it measures: loading, draining, waiting for the last message.
const jobLimit = 3 * time.Minute

// fixtureLimit bounds the making of a fixture.
const fixtureLimit = 20 * time.Minute

// deepPrefix marks the variant of a case that runs on a database with many messages.
const deepPrefix = "deep-"

// runner starts a process for each job and gathers the results.
type runner struct {
	config
	self     string            // this program
	scratch  string            // folder of all that is written
	profiled string            // binary that serves when there are profiles
	fixtures map[string]string // folders or databases of fixtures by peer, name and size
	server   *postgresServer   // nil where no peer needs it
}

func newRunner(ctx context.Context, c config, scratch string, chosen []Peer) (*runner, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	r := &runner{config: c, self: self, scratch: scratch, fixtures: make(map[string]string)}
	if needs(chosen, func(c Case) bool { return strings.HasPrefix(c.Name, "http-") }) {
		if _, err := exec.LookPath("wrk"); err != nil {
			return nil, errors.New("the HTTP cases need wrk: run ./setup.sh, or install your system's package \"wrk\", or leave them out with -cases")
		}
	}
	if needs(chosen, func(c Case) bool { return c.Binary }) {
		if r.symphony == "" {
			r.symphony, err = build(ctx, "..", "./cmd/symphony", scratch)
		} else {
			r.symphony, err = filepath.Abs(r.symphony)
		}
		if err == nil && r.profile != "" {
			r.profiled, err = build(ctx, ".", "./profiled", scratch)
		}
		if err != nil {
			return nil, err
		}
	}
	if slices.ContainsFunc(chosen, func(p Peer) bool { return p.Postgres }) {
		if r.server, err = startPostgres(r.postgres); err != nil {
			return nil, fmt.Errorf("start PostgreSQL (scripts/test-deps.sh installs it): %w", err)
		}
	}
	if r.profile != "" {
		if err := os.MkdirAll(r.profile, 0o755); err != nil {
			return nil, err
		}
		if r.profile, err = filepath.Abs(r.profile); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// close ends what the runner has started.
func (r *runner) close() {
	if r.server != nil {
		r.server.end()
	}
}

// build makes a static binary of a package of a module's folder, as the Makefile does.
func build(ctx context.Context, module, pkg, dir string) (string, error) {
	path := filepath.Join(dir, filepath.Base(pkg))
	cmd := exec.CommandContext(ctx, "go", "build", "-C", module, "-trimpath", "-o", path, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s, from the folder bench: %w: %s", pkg, err, bytes.TrimSpace(out))
	}
	return path, nil
}

func needs(chosen []Peer, is func(Case) bool) bool {
	for _, p := range chosen {
		for _, c := range p.Cases {
			if is(c) {
				return true
			}
		}
	}
	return false
}

// turn is one measurement of the schedule.
type turn struct {
	peer Peer
	c    Case
	rep  int
}

// schedule puts the measurements that are compared with each other next to each other: case by case, repetition by
// repetition, all peers and the deep variant of the case.
func schedule(chosen []Peer, reps int) []turn {
	var names []string
	groups := make(map[string][]turn)
	for _, p := range chosen {
		for _, c := range p.Cases {
			name := strings.TrimPrefix(strings.TrimPrefix(c.Name, deepPrefix), snapshotPrefix)
			if groups[name] == nil {
				names = append(names, name)
			}
			groups[name] = append(groups[name], turn{peer: p, c: c})
		}
	}
	var turns []turn
	for _, name := range names {
		for rep := range reps {
			for _, t := range groups[name] {
				t.rep = rep + 1
				turns = append(turns, t)
			}
		}
	}
	return turns
}

// run measures everything. A case that fails is reported and does not stop the others.
func (r *runner) run(ctx context.Context, chosen []Peer) (results []Result, err error) {
	lines := io.Discard
	if r.json != "" {
		f, err := os.OpenFile(r.json, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		lines = f
	}
	failures := 0
	turns := schedule(chosen, r.reps)
	for i, t := range turns {
		fmt.Fprintf(os.Stderr, "[%d/%d] %s %s %d\n", i+1, len(turns), t.peer.Name, t.c.Name, t.rep)
		result, err := r.measure(ctx, t)
		if ctx.Err() != nil {
			return results, ctx.Err()
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "bench: %s %s: %v\n", t.peer.Name, t.c.Name, err)
			failures++
			continue
		}
		results = append(results, result)
		if err := json.NewEncoder(lines).Encode(result); err != nil {
			return results, err
		}
	}
	if failures > 0 {
		return results, fmt.Errorf("%d of %d measurements failed", failures, len(turns))
	}
	return results, nil
}

// measure makes one measurement on a fresh copy of its fixture.
func (r *runner) measure(ctx context.Context, t turn) (result Result, err error) {
	env := Env{Duration: r.secs, N: r.n, Depth: r.depth, Symphony: r.symphony, Profiled: r.profiled}
	if t.c.Limit > 0 {
		env.N = min(env.N, t.c.Limit)
	}
	fixture, err := r.fixture(ctx, t, env)
	if err != nil {
		return Result{}, fmt.Errorf("prepare: %w", err)
	}
	if env.Dir, err = os.MkdirTemp(r.scratch, "run-"); err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(env.Dir)) }()
	if t.peer.Postgres {
		var database string
		if database, err = r.server.create(ctx, fixture); err != nil {
			return Result{}, err
		}
		defer func() { err = errors.Join(err, r.server.drop(database)) }()
		env.Postgres = r.server.at(database)
	} else if err := copyFiles(env.Dir, fixture); err != nil {
		return Result{}, err
	}
	if r.profile != "" && t.peer.Ours {
		env.Profile = filepath.Join(r.profile, fmt.Sprintf("%s-%s-%d.pprof", t.peer.Name, t.c.Name, t.rep))
	}
	out, err := r.start(ctx, job{Peer: t.peer.Name, Case: t.c.Name, Env: env, Limit: 2*env.Duration + jobLimit})
	if err != nil {
		return Result{}, err
	}
	if err := json.Unmarshal(out, &result); err != nil {
		return Result{}, fmt.Errorf("result %q: %w", out, err)
	}
	result.Peer, result.Case, result.Rep = t.peer.Name, t.c.Name, t.rep
	return result, nil
}

// fixture returns the folder of a case's fixture, which it makes when it is not there yet.
func (r *runner) fixture(ctx context.Context, t turn, env Env) (string, error) {
	key := fmt.Sprintf("%s-%s-%d", t.peer.Name, t.c.Fixture.Name, env.N)
	if dir, ok := r.fixtures[key]; ok {
		return dir, nil
	}
	dir, err := os.MkdirTemp(r.scratch, "fixture-")
	if err != nil {
		return "", err
	}
	place := dir
	if t.peer.Postgres {
		if place, err = r.server.create(ctx, ""); err != nil {
			return "", err
		}
		env.Postgres = r.server.at(place)
	}
	if t.c.Fixture.Make != nil {
		env.Dir = dir
		if _, err := r.start(ctx, job{Peer: t.peer.Name, Case: t.c.Name, Make: true, Env: env, Limit: fixtureLimit}); err != nil {
			return "", errors.Join(err, os.RemoveAll(dir))
		}
	}
	r.fixtures[key] = place
	return place, nil
}

// start runs a job in a process of its own and returns what it prints. Whatever the process has started ends with it.
func (r *runner) start(ctx context.Context, j job) ([]byte, error) {
	raw, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, j.Limit+10*time.Second) // a job that hangs does not see its own limit
	defer cancel()
	var out, errOut bytes.Buffer
	cmd := exec.CommandContext(ctx, r.self)
	cmd.Env = append(os.Environ(), jobVariable+"="+string(raw))
	cmd.Stdout, cmd.Stderr = &out, &errOut
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	killGroup := func() error {
		err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		if errors.Is(err, syscall.ESRCH) {
			return os.ErrProcessDone
		}
		return err
	}
	cmd.Cancel = killGroup
	cmd.WaitDelay = 5 * time.Second
	err = cmd.Run()
	if cmd.Process != nil {
		if kerr := killGroup(); kerr != nil && !errors.Is(kerr, os.ErrProcessDone) {
			err = errors.Join(err, kerr)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, bytes.TrimSpace(errOut.Bytes()))
	}
	return out.Bytes(), nil
}

// copyFiles copies the plain files of a folder and waits until they are on disk, so that writing them back does not
// fall into the measurement.
func copyFiles(to, from string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if !entry.Type().IsRegular() {
			continue
		}
		if err := copyFile(filepath.Join(to, entry.Name()), filepath.Join(from, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(to, from string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.Sync()
}

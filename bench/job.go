package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/pprof"
	"time"
)

// jobVariable hands a job to the process that this program starts of itself.
const jobVariable = "SYMPHONY_BENCH_JOB"

// job is one step in a process of its own: making a fixture or measuring a case.
type job struct {
	Peer, Case string
	Make       bool // make the case's fixture instead of measuring
	Env        Env
	Limit      time.Duration // of the whole job
}

// runJob does a job and, having measured, prints the result as one line of JSON.
func runJob(ctx context.Context, raw string) error {
	var j job
	if err := json.Unmarshal([]byte(raw), &j); err != nil {
		return fmt.Errorf("%s: %w", jobVariable, err)
	}
	ctx, cancel := context.WithTimeout(ctx, j.Limit)
	defer cancel()
	c, err := findCase(j.Peer, j.Case)
	if err != nil {
		return err
	}
	if j.Make {
		return c.Fixture.Make(ctx, &j.Env)
	}
	profile := j.Env.Profile
	if c.Binary {
		profile = "" // of the server, which writes it
	}
	r, err := profiled(profile, func() (Result, error) { return c.Measure(ctx, &j.Env) })
	if err != nil {
		return err
	}
	if r.RSS == 0 { // else it is that of a server
		if r.RSS, err = peakRSS("self"); err != nil {
			return err
		}
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

func findCase(peer, name string) (Case, error) {
	for _, p := range choose(peers(), peer, name) {
		return p.Cases[0], nil
	}
	return Case{}, fmt.Errorf("no case %s of %s", name, peer)
}

// profiled measures with a CPU profile in a file, or without one if path is empty.
func profiled(path string, measure func() (Result, error)) (r Result, err error) {
	if path == "" {
		return measure()
	}
	f, err := os.Create(path)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := pprof.StartCPUProfile(f); err != nil {
		return Result{}, err
	}
	defer pprof.StopCPUProfile()
	return measure()
}

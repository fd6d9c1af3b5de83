package main

import (
	"bytes"
	"context"
	_ "embed" // the peers' script
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// The peers that are written for Node run in Node: their cases are measured by a script that does what the cases of the
// Go peers do.

//go:embed node/peers.mjs
var nodeScript []byte

func graphilePeer() Peer {
	return Peer{
		Name: "graphile-worker", Postgres: true,
		Settings: "0.18.0 on Node; tuned: concurrentJobs 24, maxPoolSize 25, localQueue 500, completeJobBatchDelay and failJobBatchDelay 0, as its documentation advises for throughput; a batch is one addJobs; deletes completed jobs",
		Cases:    nodeCases("graphile-worker", map[string]int{"drain-default": 20_000}),
	}
}

func pgBossPeer() Peer {
	return Peer{
		Name: "pg-boss", Postgres: true,
		Settings: "12.38.0 on Node; tuned: batchSize 1000, burstWhenBatchFull, polling every 0.5 s, localConcurrency 2, notify; a batch is one insert; keeps completed jobs",
		Cases:    nodeCases("pg-boss", map[string]int{"drain-default": 20}),
	}
}

// nodeCases are the common cases of a peer of the script.
func nodeCases(peer string, limits map[string]int) []Case {
	fixture := func(name string, n func(e *Env) int) Fixture {
		return Fixture{Name: name, Make: func(ctx context.Context, e *Env) error {
			_, err := runNode(ctx, e, peer, "load", n(e))
			return err
		}}
	}
	empty := fixture("empty", func(*Env) int { return 0 })
	loaded := fixture("loaded", func(e *Env) int { return e.N })
	var cases []Case
	add := func(name string, f Fixture) {
		cases = append(cases, Case{Name: name, Fixture: f, Limit: limits[name], Measure: func(ctx context.Context, e *Env) (Result, error) {
			return runNode(ctx, e, peer, name, e.N)
		}})
	}
	for _, name := range []string{"enqueue1", "enqueue16", "batch-1000", "latency-default", "latency-tuned", "both"} {
		add(name, empty)
	}
	add("drain-default", loaded)
	add("drain-tuned", loaded)
	for _, depth := range depths {
		add(depthCase(depth), fixture(depthCase(depth), func(*Env) int { return depth }))
	}
	return cases
}

// runNode measures a case with the script, in the folder where setup.sh has installed the packages.
func runNode(ctx context.Context, e *Env, peer, name string, n int) (r Result, err error) {
	modules, err := filepath.Abs(filepath.Join("node", "node_modules"))
	if err != nil {
		return r, err
	}
	if _, err := os.Stat(modules); err != nil {
		return r, fmt.Errorf("the peers for Node are not installed: run ./setup.sh in bench (%w)", err)
	}
	node := filepath.Join(modules, ".bin", "node")
	if _, err := os.Stat(node); err != nil {
		node = "node"
	}
	// Packages are found from where the script is.
	script, err := os.CreateTemp(filepath.Dir(modules), "run-*.mjs")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, os.Remove(script.Name())) }()
	if _, err := script.Write(nodeScript); err != nil {
		return r, errors.Join(err, script.Close())
	}
	if err := script.Close(); err != nil {
		return r, err
	}
	var out, errOut bytes.Buffer
	cmd := exec.CommandContext(ctx, node, script.Name(), peer, name, strconv.Itoa(n), strconv.FormatFloat(e.Duration.Seconds(), 'f', -1, 64))
	cmd.Env = append(os.Environ(), "DATABASE_URL="+e.Postgres)
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		return r, fmt.Errorf("%w: %s", err, bytes.TrimSpace(errOut.Bytes()))
	}
	if name == "load" {
		return r, nil
	}
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		return r, fmt.Errorf("result %q: %w", out.Bytes(), err)
	}
	return r, nil
}

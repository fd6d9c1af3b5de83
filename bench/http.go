package main

import (
	"bytes"
	"context"
	_ "embed" // post.lua
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

//go:embed post.lua
var postScript []byte

// dispatchPath is where both servers take messages, so that the requests are the same byte for byte.
const dispatchPath = "/api/symphony/dispatch"

// warmUp is how long each answer is looked at before the measurement.
const warmUp = time.Second

// server is a running HTTP server.
type server struct {
	addr string // host:port
	pid  int
	key  string // API key
	// stored counts the messages it has taken.
	stored func(ctx context.Context) (int, error)
	stop   func() error
}

// httpCases load a server with wrk on 1, 16 and 64 connections.
func httpCases(start func(ctx context.Context, e *Env) (*server, error)) []Case {
	var cases []Case
	for _, connections := range []int{1, 16, 64} {
		cases = append(cases, Case{
			Name: fmt.Sprintf("http-c%d", connections),
			Measure: func(ctx context.Context, e *Env) (Result, error) {
				s, err := start(ctx, e)
				if err != nil {
					return Result{}, err
				}
				r, err := s.load(ctx, e, connections)
				return r, errors.Join(err, s.stop())
			},
		})
	}
	return cases
}

// load posts messages for a time. First a short load looks at each answer; then, measured, only answers of 400 and
// above are seen, and the messages that the server has stored must account for all answers.
func (s *server) load(ctx context.Context, e *Env, connections int) (Result, error) {
	script := filepath.Join(e.Dir, "post.lua")
	if err := os.WriteFile(script, postScript, 0o600); err != nil {
		return Result{}, err
	}
	first, err := s.wrk(ctx, script, connections, warmUp, true)
	if err != nil {
		return Result{}, err
	}
	w, err := s.wrk(ctx, script, connections, e.Duration, false)
	if err != nil {
		return Result{}, err
	}
	stored, err := s.stored(ctx)
	if err != nil {
		return Result{}, err
	}
	answered := first.Requests + w.Requests
	if underway := 2 * connections; stored < answered || stored > answered+underway { // when each load ended
		return Result{}, fmt.Errorf("%d requests were answered, but %d messages are stored", answered, stored)
	}
	rss, err := peakRSS(strconv.Itoa(s.pid))
	if err != nil {
		return Result{}, err
	}
	secs := float64(w.Micros) / 1e6
	return Result{
		N: w.Requests, Secs: secs, Rate: float64(w.Requests) / secs, RSS: rss,
		Call: &Quantiles{P50: float64(w.P50) / 1000, P99: float64(w.P99) / 1000, Max: float64(w.Max) / 1000},
	}, nil
}

// wrkResult is what post.lua prints, times in microseconds.
type wrkResult struct {
	Requests   int `json:"requests"`
	Micros     int `json:"micros"`
	Unexpected int `json:"unexpected"`
	Socket     int `json:"socket"`
	P50        int `json:"p50"`
	P99        int `json:"p99"`
	Max        int `json:"max"`
}

// wrk makes one load. It is an error when an answer is not 201 or a connection fails.
func (s *server) wrk(ctx context.Context, script string, connections int, d time.Duration, lookAtEach bool) (wrkResult, error) {
	message, err := json.Marshal(map[string]any{"message": map[string]any{"type": "noop", "payload": newPayload(123456)}})
	if err != nil {
		return wrkResult{}, err
	}
	seconds := int(math.Ceil(d.Seconds()))
	cmd := exec.CommandContext(ctx, "wrk", "-t1", fmt.Sprintf("-c%d", connections), fmt.Sprintf("-d%ds", seconds),
		"-s", script, "http://"+s.addr+dispatchPath)
	cmd.Env = append(os.Environ(), "BENCH_BODY="+string(message), "BENCH_KEY="+s.key, fmt.Sprintf("BENCH_COUNT=%d", toInt(lookAtEach)))
	out, err := cmd.CombinedOutput()
	if err != nil {
		return wrkResult{}, fmt.Errorf("wrk: %w: %s", err, out)
	}
	return parseWrk(out)
}

func parseWrk(out []byte) (r wrkResult, err error) {
	for line := range bytes.Lines(out) {
		if bytes.HasPrefix(line, []byte("{")) {
			err = json.Unmarshal(line, &r)
		}
	}
	switch {
	case err != nil:
		return r, fmt.Errorf("wrk: %w: %s", err, out)
	case r.Requests == 0:
		return r, fmt.Errorf("wrk: no request was answered: %s", out)
	case r.Unexpected+r.Socket > 0:
		return r, fmt.Errorf("wrk: %d of %d answers were not 201, %d connections failed", r.Unexpected, r.Requests, r.Socket)
	}
	return r, nil
}

func toInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
)

// echoVariable makes this program the echo server.
const echoVariable = "SYMPHONY_BENCH_ECHO"

// nethttpPeer is the upper limit of an HTTP API written in Go: it decodes a message and answers 201, nothing else.
func nethttpPeer() Peer {
	return Peer{
		Name:     "nethttp",
		Settings: "bare net/http: decodes the dispatch with encoding/json, answers 201 with an id and the type, stores nothing, checks no key",
		Cases:    httpCases(startEcho),
	}
}

// startEcho starts the echo server and waits until it listens.
func startEcho(ctx context.Context, _ *Env) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), echoVariable+"=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("echo server: %w", err)
	}
	addr := strings.TrimSpace(line)
	return &server{addr: addr, pid: cmd.Process.Pid, stored: func(ctx context.Context) (int, error) {
		body, err := get(ctx, "http://"+addr+"/count", "")
		if err != nil {
			return 0, err
		}
		return strconv.Atoi(string(body))
	}, stop: func() error {
		if err := cmd.Process.Kill(); err != nil {
			return err
		}
		_ = cmd.Wait() // says that it was killed
		return nil
	}}, nil
}

// serveEcho listens on a free port of the loopback interface and prints its address.
func serveEcho(ctx context.Context) error {
	var id atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+dispatchPath, func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Message struct {
				Type    string          `json:"type"`
				Payload json.RawMessage `json:"payload"`
			} `json:"message"`
		}
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(map[string]any{"id": id.Add(1), "type": in.Message.Type}) // the client may be gone
	})
	mux.HandleFunc("GET /count", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, id.Load()) })
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	return http.Serve(l, mux)
}

// get fetches a URL with an API key, if any. An answer other than 200 is an error.
func get(ctx context.Context, url, key string) (body []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	if key != "" {
		req.Header.Set("X-API-Key", key)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if body, err = io.ReadAll(io.LimitReader(resp.Body, 1<<20)); err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s: %s", url, resp.Status, body)
	}
	return body, nil
}

//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// pullConfig leaves all messages to pull workers, and gives failures and deaths room to be tried again.
const pullConfig = `
worker: {continuous: {queues: [nobody]}}
retry: {max_retries: 4, initial_delay: 20ms, max_delay: 50ms}
`

// Each of the examples handles all messages, while the server dies under it.
func TestPullWorkersInOtherLanguages(t *testing.T) {
	t.Parallel()
	for name, program := range map[string][]string{
		"curl and jq": {"sh", "../examples/pull/worker.sh"}, "Node": {"node", "../examples/pull/worker.mjs"}, "Python": {"python3", "../examples/pull/worker.py"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const messages, failing = 60, 5
			s := newServer(t, "", pullConfig)
			address, err := url.Parse(s.url)
			if err != nil {
				t.Fatal(err)
			}
			send := func(from, to int) {
				for i := from; i < to; i++ {
					fail := i%(messages/failing) == 0
					w := webhook{typ: "demo", payload: []byte(fmt.Sprintf(`{"n": %d, "fail": %t}`, i, fail)), key: fmt.Sprint(i)}
					if status, r, err := s.dispatch(w); err != nil || status != 201 {
						t.Fatalf("dispatch: %d %s %v", status, r.Error, err)
					}
				}
			}
			send(0, messages/2)
			worker := exec.Command(program[0], program[1:]...)
			worker.Env = append(os.Environ(), "SYMPHONY_SERVER="+s.url, "SYMPHONY_API_KEY="+s.key)
			var out, complaints syncBuffer
			worker.Stdout, worker.Stderr = &out, &complaints
			if err := worker.Start(); err != nil {
				t.Fatalf("%s: %v (scripts/test-deps.sh installs it)", program[0], err)
			}
			ended := make(chan error, 1)
			go func() { ended <- worker.Wait() }()
			t.Cleanup(func() {
				worker.Process.Kill()
				if t.Failed() {
					t.Logf("the worker said:\n%s\n%s", out.String(), complaints.String())
				}
			})
			until(t, "some messages to be handled", func() bool { return s.status().Queue.Completed >= 5 })
			s.kill()
			pause := time.NewTimer(300 * time.Millisecond)
			<-pause.C
			s.start(address.Host)
			send(messages/2, messages)
			c := s.drained()
			if c.Completed != messages-failing || c.Failed != failing {
				t.Errorf("status %+v, want %d completed and %d failed", c, messages-failing, failing)
			}
			var page struct {
				Messages []struct {
					Error, ErrorClass string
					Attempts          []struct{ Error string }
				}
			}
			if status, err := s.call("GET", "/api/symphony/failed", "", &page); err != nil || status != 200 || len(page.Messages) != failing {
				t.Fatalf("failed messages: %d %+v %v", status, page, err)
			}
			for _, m := range page.Messages {
				if !strings.Contains(m.Error, "the payload says fail") || len(m.Attempts) < 5 {
					t.Errorf("failed message %+v", m)
				}
			}
			if n := strings.Count(out.String(), "handled "); n < messages-failing {
				t.Errorf("the worker says it handled %d, want at least %d", n, messages-failing)
			}
			if err := worker.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			select {
			case err := <-ended:
				if err != nil {
					t.Errorf("after SIGTERM: %v", err)
				}
			case <-time.After(deadline):
				t.Error("the worker did not end after SIGTERM")
			}
		})
	}
}

// pulled is the answer to receive.
type pulled struct {
	Messages []struct{ ID, Receipt string }
}

// A thousand callers wait on one node. Each dispatch answers one of them, callers that go and a node that dies take nothing
// with them, and receipts are good on every node.
func TestAThousandPullWorkersWait(t *testing.T) { onEachStorage(t, aThousandPullWorkersWait) }

func aThousandPullWorkersWait(t *testing.T, database string) {
	const callers, leaving = 1000, 300
	s := newServer(t, database, "worker: {continuous: {queues: [nobody]}}\nserver: {access_log: false}\n")
	other := s
	if database != "" {
		other = newServer(t, database, "worker: {continuous: {queues: [nobody]}}\n")
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: callers}}
	t.Cleanup(client.CloseIdleConnections)
	receive := func(ctx context.Context) (p pulled, err error) {
		req, err := http.NewRequestWithContext(ctx, "POST", s.url+"/api/symphony/receive", strings.NewReader(`{"max": 1, "wait": 30000, "lease": 600000}`))
		if err != nil {
			return p, err
		}
		req.Header.Set("X-API-Key", s.key)
		req.Header.Set("Content-Type", "application/json")
		resp, err := client.Do(req)
		if err != nil {
			return p, err
		}
		defer resp.Body.Close()
		return p, json.NewDecoder(resp.Body).Decode(&p)
	}
	var (
		mu       sync.Mutex
		receipts []string
		ids      = make(map[string]int)
		all      sync.WaitGroup
	)
	impatient, leave := context.WithCancel(t.Context())
	defer leave()
	left := make(chan struct{}, leaving)
	for i := range callers {
		ctx := t.Context()
		if i < leaving {
			ctx = impatient
		}
		all.Go(func() {
			p, err := receive(ctx)
			if ctx == impatient {
				left <- struct{}{}
			}
			if err != nil || len(p.Messages) == 0 {
				if ctx != impatient {
					t.Errorf("a caller got %+v, %v", p, err)
				}
				return
			}
			mu.Lock()
			defer mu.Unlock()
			receipts = append(receipts, p.Messages[0].Receipt)
			ids[p.Messages[0].ID]++
		})
	}
	until(t, "the callers to wait", func() bool { return connections(t, s.cmd.Process.Pid) >= callers })
	leave()
	for range leaving {
		<-left
	}
	var batch []string
	for n := range callers - leaving {
		batch = append(batch, fmt.Sprintf(`{"message": {"type": "Job", "payload": {"n": %d}}}`, n))
	}
	var answer struct{ Success bool }
	if status, err := other.call("POST", "/api/symphony/dispatch/batch", `{"messages": [`+strings.Join(batch, ",")+`]}`, &answer); status != 201 || err != nil {
		t.Fatalf("batch: %d %v", status, err)
	}
	all.Wait()
	if len(ids) != callers-leaving || len(receipts) != len(ids) {
		t.Errorf("%d messages in %d answers, want each of %d once", len(ids), len(receipts), callers-leaving)
	}
	if other != s { // leases outlive the node that gave them; on SQLite they end with the process
		s.kill()
	}
	body, err := json.Marshal(map[string][]string{"receipts": receipts})
	if err != nil {
		t.Fatal(err)
	}
	var acked struct{ Count int }
	if status, err := other.call("POST", "/api/symphony/ack", string(body), &acked); status != 200 || err != nil || acked.Count != len(receipts) {
		t.Errorf("ack where the messages did not come from: %d %+v %v", status, acked, err)
	}
	if c := other.status().Queue; c.Depth != 0 || int(c.Completed) != len(ids) {
		t.Errorf("status %+v, want all completed", c)
	}
}

// connections counts the sockets of a process.
func connections(t *testing.T, pid int) (n int) {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if to, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, e.Name())); err == nil && strings.HasPrefix(to, "socket:") {
			n++
		}
	}
	return n
}

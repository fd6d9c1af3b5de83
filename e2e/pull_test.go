//go:build e2e

package e2e

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
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
	for name, program := range map[string][]string{
		"curl and jq": {"sh", "../examples/pull/worker.sh"}, "Node": {"node", "../examples/pull/worker.mjs"}, "Python": {"python3", "../examples/pull/worker.py"},
	} {
		t.Run(name, func(t *testing.T) {
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

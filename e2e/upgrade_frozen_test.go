//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony/handler"
	"github.com/symphony-messenger/symphony/internal/pgtest"
)

// atDesk is one delivery at a desk, which answers it with the status that comes.
type atDesk struct {
	handler.Body
	status chan int
}

// desk is an endpoint whose deliveries wait until they are told how to end. Each worker has one of its own.
type desk struct {
	*testing.T
	url  string
	came chan atDesk
}

func newDesk(t *testing.T) *desk {
	d := &desk{T: t, came: make(chan atDesk, 20)}
	closing := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := atDesk{status: make(chan int, 1)}
		if err := json.NewDecoder(r.Body).Decode(&a.Body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		d.came <- a
		select {
		case status := <-a.status:
			w.WriteHeader(status)
		case <-closing:
		}
	}))
	t.Cleanup(func() { close(closing); s.Close() })
	d.url = s.URL
	return d
}

// next is the next delivery.
func (d *desk) next() atDesk {
	d.Helper()
	select {
	case a := <-d.came:
		return a
	case <-time.After(deadline):
		d.Fatal("nothing arrived")
		return atDesk{}
	}
}

// frozenLease is longer than a new node takes to start, so that it finds the frozen one's leases alive, and longer than
// a node that is silent counts as alive.
const frozenLease = 40 * time.Second

const beforeFrozen = `
worker:
  lease: %s
  continuous: {concurrency: %d}
server:
  access_log: false
retry: {max_retries: 1} # a lost worker is one
handlers:
  - {type: "ok.*", command: {run: ["true"]}}
  - type: "slow.*"
    http: {url: %s, secrets: [%s]}
    timeout: 10m
`

// upgradeBesideFrozen has a node of the release before stand still with messages in hand, past its leases and past the
// time after which it counts as gone. Meanwhile nodes of this release migrate, take its messages over, and cancel,
// edit, finish and fail them. When it goes on, what it did counts for nothing.
func upgradeBesideFrozen(t *testing.T, program string) {
	t.Parallel()
	before, after := newDesk(t), newDesk(t)
	config := func(d *desk, concurrency int) string {
		return fmt.Sprintf(beforeFrozen, frozenLease, concurrency, d.url, newSecret)
	}
	u := &upgrade{t, program, pgtest.URL(t), config(before, 20)} // a handler has half of them
	old := u.node(program)
	u.introduce(old)
	u.begin(old)

	// How the old worker's attempts will end; what becomes of the messages before.
	names := map[string]int{
		"cancelled": 200, "stopped": 500, "edited": 500, "finished": 500, "failed": 200, "again": 200}
	ids, inHand := make(map[string]string), make(map[string]atDesk)
	for name := range names {
		ids[name] = u.send(old, "slow."+name, "")
	}
	for range names {
		a := before.next()
		inHand[strings.TrimPrefix(a.Type, "slow.")] = a
	}
	status := func(s *server, name, want string) {
		t.Helper()
		until(t, name+" to be "+want, func() bool {
			var out struct{ Message struct{ Status string } }
			code, err := s.call("GET", "/api/symphony/messages/"+ids[name], "", &out)
			return err == nil && code == 200 && out.Message.Status == want
		})
	}
	signal := func(s *server, sig syscall.Signal) {
		t.Helper()
		if err := s.cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
	}
	signal(old, syscall.SIGSTOP)

	api := u.node("", "--no-worker")
	api.key = old.key
	u.begin(api)
	u.expect(api, "POST", "/messages/"+ids["cancelled"]+"/cancel", `{"reason":"in its hands"}`, 202, "cancelling")
	u.expect(api, "PATCH", "/messages/"+ids["edited"], `{"payload":{"edited":true}}`, 409, "message_not_pending")
	for name := range names {
		if name != "cancelled" {
			status(api, name, "pending")
		}
	}
	status(api, "cancelled", "cancelled")
	until(t, "the frozen node to count as gone", func() bool {
		nodes := u.expect(api, "GET", "/nodes", "", 200, "nodes")["nodes"].([]any)
		return len(nodes) == 1
	})
	u.expect(api, "POST", "/messages/"+ids["stopped"]+"/cancel", `{"reason":"after it"}`, 200, "cancelled")
	u.expect(api, "PATCH", "/messages/"+ids["edited"], `{"payload":{"edited":true}}`, 200, "")
	u.expect(api, "PATCH", "/messages/"+ids["again"], `{"scheduledAt":"2999-12-31T00:00:00Z"}`, 200, "")

	u.config = config(after, 1)
	worker := u.node("")
	worker.key = old.key
	u.begin(worker)
	for range 3 { // edited, finished and failed
		a := after.next()
		name := strings.TrimPrefix(a.Type, "slow.")
		edited := strings.Contains(string(a.Payload), "edited")
		if a.ID != ids[name] || a.Attempt != 2 || edited != (name == "edited") {
			t.Errorf("attempt %d of %s %s came with %s", a.Attempt, name, a.ID, a.Payload)
		}
		code := 200
		if name == "failed" {
			code = 500
		}
		a.status <- code
	}
	u.expect(api, "PATCH", "/messages/"+ids["again"], `{"scheduledAt":null}`, 200, "")
	again := after.next() // the new worker has its hands full now

	for name, code := range names {
		inHand[name].status <- code
	}
	// Nor must it take what it would handle wrongly, which could be dispatched since it counts as gone.
	ids["bound"] = u.send(api, "ok.bound", `"onSuccess":{"type":"ok.follows"}`)
	signal(old, syscall.SIGCONT)
	until(t, "the old worker's results to be refused", func() bool {
		return strings.Contains(old.log.String(), "lease")
	})
	// It tells of a series of failures once, so what its claims meet is heard through its API.
	until(t, "the old node's claims to be refused", func() bool {
		var out map[string]any
		code, err := old.call("POST", "/api/symphony/receive", "{}", &out)
		return err == nil && code == 500 &&
			strings.Contains(old.log.String(), "this program is of an older release than the nodes of this database")
	})
	status(api, "again", "processing")
	status(api, "bound", "pending")
	again.status <- 200
	if c := api.drained(); c != (counts{Completed: 5, Failed: 1}) {
		t.Errorf("%+v, want 5 completed, one that follows among them, and 1 failed", c)
	}

	for name, want := range map[string]string{"cancelled": "cancelled", "stopped": "cancelled", "edited": "completed",
		"finished": "completed", "failed": "failed", "again": "completed", "bound": "completed"} {
		status(api, name, want)
	}
	for _, s := range []*server{old, api, worker} {
		if c := s.status().Queue; c != (counts{Completed: 5, Failed: 1}) {
			t.Errorf("%s: %+v, want 5 completed and 1 failed", s.url, c)
		}
		failed := u.expect(s, "GET", "/failed?limit=10", "", 200, "slow.failed")["messages"].([]any)
		if len(failed) != 1 {
			t.Errorf("%s shows %d dead letters, want 1", s.url, len(failed))
		}
	}
	checkTables(t, u.database, counts{Completed: 5, Failed: 1})
	signal(old, syscall.SIGTERM)
	if err := old.cmd.Wait(); err != nil {
		t.Errorf("the old node ends with %v", err)
	}
	for _, d := range []*desk{before, after} {
		if n := len(d.came); n != 0 {
			t.Errorf("%d deliveries more than there should be", n)
		}
	}
}

// upgradeOfFrozenFile has the owner of a SQLite file stand still: nothing of this release gets at the file, so it is
// not migrated, until the owner has finished what it has in hand and gone.
func upgradeOfFrozenFile(t *testing.T, program string) {
	t.Parallel()
	d := newDesk(t)
	u := &upgrade{T: t, program: program, config: fmt.Sprintf(beforeFrozen, time.Second, 10, d.url, newSecret)}
	old := u.node(program)
	u.introduce(old)
	u.begin(old)
	id := u.send(old, "slow.file", "")
	a := d.next()
	if err := old.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(old.folder, "symphony.db")
	schema, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	new := *old
	new.program, new.log = "", nil
	out, err := new.own("serve", "--addr", pgtest.FreeAddress(t)).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "one process may have it open at a time") {
		t.Errorf("a second server beside the frozen one: %v\n%s", err, out)
	}
	if got, err := os.ReadFile(name); err != nil || string(got) != string(schema) {
		t.Errorf("the file has changed under its owner (%v)", err)
	}
	a.status <- 200
	if err := old.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	defer close(done)
	go func() { // its lease may have ended: then the message comes once more
		select {
		case a := <-d.came:
			a.status <- 200
		case <-done:
		}
	}()
	if c := old.drained(); c != (counts{Completed: 1}) {
		t.Errorf("the owner goes on with %+v, want one completed message", c)
	}
	if err := old.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := old.cmd.Wait(); err != nil {
		t.Errorf("the owner ends with %v", err)
	}
	u.begin(&new)
	if c := new.drained(); c != (counts{Completed: 1}) {
		t.Errorf("the new program shows %+v, want one completed message", c)
	}
	u.expect(&new, "GET", "/messages/"+id, "", 200, "completed")
}

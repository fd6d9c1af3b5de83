//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/symphony-messenger/symphony/handler"
	"github.com/symphony-messenger/symphony/internal/pgtest"
	"github.com/symphony-messenger/symphony/internal/testtier"
)

// endpoint is a webhook's receiver in this process: it notes which messages were handled. It refuses the first attempt
// of those of type "flaky", and all of those of type "doomed"; those of type "slow" take half a second, unless the
// connection ends before.
type endpoint struct {
	*httptest.Server
	mu      sync.Mutex
	handled map[string]int      // by message
	after   map[string][]called // what callbacks said, by their source
}

// called is a callback that was handled.
type called struct{ id, status string }

func startEndpoint(t *testing.T) *endpoint {
	e := &endpoint{handled: make(map[string]int), after: make(map[string][]called)}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var b handler.Body
		if err := json.NewDecoder(r.Body).Decode(&b); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		switch {
		case b.Type == "flaky" && b.Attempt == 1:
			http.Error(w, "not at once", http.StatusInternalServerError)
			return
		case b.Type == "doomed":
			http.Error(w, "never", http.StatusUnprocessableEntity)
			return
		case b.Type == "slow":
			took := time.NewTimer(500 * time.Millisecond)
			defer took.Stop()
			select {
			case <-took.C:
			case <-r.Context().Done():
				return
			}
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		if b.Type == "after" {
			e.callback(&b)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"was":%q}`, b.ID)
		e.handled[b.ID]++
	}))
	t.Cleanup(e.Close)
	return e
}

// pack is a set of processes on one database that are killed and started again.
type pack struct {
	*testing.T
	database, folder string
	program          string    // empty: the one under test
	nodes            []*server // those that serve the API come first
}

// maxClockStep is how far the clock of a process is set at most.
const maxClockStep = 5 * time.Second

// soakConfig has short leases, so that what a dead worker held comes back soon, more attempts than there are kills, and short
// pauses of the circuit breaker: first attempts that are refused open it, and each failed probe doubles what messages wait.
const soakConfig = `
worker:
  lease: 2s
retry:
  max_retries: 200
  initial_delay: 10ms
  max_delay: 100ms
server:
  access_log: false
database:
  timeout: 1s
handlers:
  - type: "*"
    http:
      url: %[1]s
      secrets: [%[2]s]
    breaker: {pause: 100ms, max_pause: 1s}
    keep_output: true
push:
  allowed_origins: ["%[1]s"]
  allow_private: true
  keep_output: true
types:
  "*": {index: [name]}
`

// add starts a process; args are those of a command of the program.
func (p *pack) add(args ...string) {
	p.Helper()
	s := &server{T: p.T, database: p.database, folder: filepath.Join(p.folder, fmt.Sprint(len(p.nodes)))}
	if err := os.Mkdir(s.folder, 0o700); err != nil {
		p.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(p.folder, "symphony.yaml"))
	if err == nil {
		err = os.WriteFile(filepath.Join(s.folder, "symphony.yaml"), raw, 0o600)
	}
	if err != nil {
		p.Fatal(err)
	}
	s.args, s.program = args, p.program
	p.nodes = append(p.nodes, s)
	s.launch()
}

// launch starts the process without waiting for it.
func (s *server) launch() {
	s.Helper()
	if s.log == nil {
		s.log = new(syncBuffer)
	}
	s.cmd = command(s.folder, s.database, s.args...)
	if s.program != "" {
		s.cmd.Path = s.program
		s.cmd.Env = append(s.cmd.Env, clockFile+"="+filepath.Join(s.folder, "clock"))
	}
	s.cmd.Stderr, s.cmd.Stdout = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		s.Fatal(err)
	}
}

func newPack(t *testing.T, database, config string) *pack {
	p := &pack{T: t, database: database, folder: t.TempDir()}
	if err := os.WriteFile(filepath.Join(p.folder, "symphony.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for i, s := range p.nodes {
			s.kill()
			if t.Failed() {
				lines := strings.Split(s.log.String(), "\n")
				t.Logf("the end of the log of process %d:\n%s", i, strings.Join(lines[max(0, len(lines)-15):], "\n"))
			}
		}
	})
	return p
}

// TestSoak runs two API nodes and four workers on one PostgreSQL under load and counts afterwards. Every second it kills one
// of them and sets the clock of one, several times it kills PostgreSQL, and all the time connections are cut at the answer of
// COMMIT and strangers have transactions open. SOAK_DURATION says for how long, such as "10m".
func TestSoak(t *testing.T) {
	length := testtier.Pick(t, 15*time.Second, time.Minute, time.Minute)
	if text := os.Getenv("SOAK_DURATION"); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil || length < time.Second || length > time.Hour {
			t.Fatalf("SOAK_DURATION %q must be 1s to 1h", text)
		}
	}
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	database := pgtest.Start(t, pgtest.Options{Fsync: true})
	e := startEndpoint(t)
	direct := database.URL("postgres")
	proxies := []*pgtest.Proxy{pgtest.NewProxy(t, direct), pgtest.NewProxy(t, direct)} // of the API nodes, of the workers
	p := newPack(t, direct, fmt.Sprintf(soakConfig, e.URL, newSecret))
	first := &server{T: t, database: p.database, folder: p.folder}
	var made struct{ Secret string }
	first.run("migrate")
	key := first.run("keys", "create", "soak", "--scopes", "dispatch,read,operate", "--json")
	if err := json.Unmarshal([]byte(key), &made); err != nil {
		t.Fatal(err)
	}
	p.program = settableClock(t)
	p.database = proxies[0].URL(direct)
	for range 2 {
		address := pgtest.FreeAddress(t)
		p.add("serve", "--no-worker", "--addr", address)
		p.nodes[len(p.nodes)-1].url, p.nodes[len(p.nodes)-1].key = "http://"+address, made.Secret
	}
	p.database = proxies[1].URL(direct)
	for range 4 {
		p.add("worker")
	}

	steered := startSteering(p.nodes[:2])
	load := startLoad(p.nodes[:2], e.URL, steered.take)
	strange := startTrouble(t, proxies, direct)
	watch := startLeaseWatch(database.URL("postgres"))
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	kills, restarts := make([]int, len(p.nodes)), 0
	pause := length / 4
	nextRestart := time.Now().Add(pause)
	for end := time.Now().Add(length); time.Now().Before(end); {
		<-tick.C
		if time.Now().After(nextRestart) {
			database.Kill()
			database.Start()
			restarts++
			nextRestart = time.Now().Add(pause)
		}
		p.nodes[rnd.IntN(len(p.nodes))].setClock(time.Duration(rnd.Int64N(2*int64(maxClockStep)) - int64(maxClockStep)))
		victim := rnd.IntN(len(p.nodes))
		p.nodes[victim].kill()
		p.nodes[victim].launch()
		kills[victim]++
	}
	strange.stop()
	for _, proxy := range proxies {
		proxy.Restore()
	}
	accepted := load.stop()
	steered.stop()
	maps.Copy(accepted, strange.committed)
	for _, problem := range slices.Concat(load.problems, steered.problems, watch.stop()) {
		t.Error(problem)
	}

	until(t, "an API node to answer", func() bool {
		status, err := p.nodes[0].call("GET", "/api/symphony/status", "", &struct{}{})
		return err == nil && status == 200
	})
	var c counts
	defer p.tellWaiting()
	until(t, "the queue to be empty", func() bool {
		var answer struct{ Queue counts }
		if status, err := p.nodes[0].call("GET", "/api/symphony/status", "", &answer); err != nil || status != 200 {
			return false
		}
		c = answer.Queue
		return c.Depth == 0
	})
	e.mu.Lock()
	defer e.mu.Unlock()
	for id, typ := range accepted {
		if e.handled[id] == 0 && !slices.Contains([]string{"doomed", "later", "slow", "swept"}, typ) {
			t.Errorf("message %s of type %s was accepted and never handled", id, typ)
		}
	}
	more := 0
	for id, n := range e.handled {
		if n > 1 {
			more++
		}
		if accepted[id] == "" && !load.unanswered.Load() && !strange.unsure {
			t.Errorf("message %s was handled and never sent", id)
		}
	}
	checkTables(t, database.URL("postgres"), c)
	checkEnds(t, database.URL("postgres"), accepted, load.asked, e)
	checkFound(t, p.nodes[0], load)
	t.Logf("steered: %v", steered.answers)
	t.Logf("%d messages accepted, %d of them in strangers' transactions, %d handled more than once; kills of the API nodes %v, of the workers %v, of PostgreSQL %d; %d connections cut at a commit, %d transactions held open",
		len(accepted), len(strange.committed), more, kills[:2], kills[2:], restarts, strange.cuts, strange.opened)
	if len(accepted) == 0 || restarts == 0 || strange.cuts == 0 || strange.opened == 0 {
		t.Error("nothing was tested")
	}
}

// tellWaiting tells, of a test that failed, which messages are left and why they wait.
func (p *pack) tellWaiting() {
	if !p.Failed() {
		return
	}
	for _, path := range []string{"messages?status=pending&status=processing&limit=20", "limits", "holds", "status"} {
		var answer json.RawMessage
		status, err := p.nodes[0].call("GET", "/api/symphony/"+path, "", &answer)
		p.Logf("%s: %d %s %v", path, status, answer, err)
	}
}

// checkTables compares what is stored with the counts.
func checkTables(t *testing.T, database string, c counts) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	// What dead workers held, and what was scheduled, is noted as done by housekeeping a moment later.
	until(t, "housekeeping to be done", func() bool {
		var rows int
		err := conn.QueryRow(t.Context(), "SELECT (SELECT count(*) FROM symphony.messenger_leases) + (SELECT count(*) FROM symphony.messenger_scheduled)").Scan(&rows)
		return err == nil && rows == 0
	})
	var messages, ready, attempts, completed, failed int64
	err = conn.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM symphony.messenger_messages), (SELECT count(*) FROM symphony.messenger_ready),
		(SELECT count(*) FROM symphony.messenger_attempts), (SELECT count(*) FROM symphony.messenger_completed),
		(SELECT count(*) FROM symphony.messenger_failed_messages)`).Scan(&messages, &ready, &attempts, &completed, &failed)
	if err != nil {
		t.Fatal(err)
	}
	if messages != 0 || ready != 0 || attempts != 0 {
		t.Errorf("%d messages, %d ready rows and %d attempts are left over", messages, ready, attempts)
	}
	if completed != c.Completed || failed != c.Failed {
		t.Errorf("%d messages are completed and %d failed, status says %+v", completed, failed, c)
	}
}

// load sends messages through API nodes until it is stopped.
type load struct {
	end        chan struct{}
	all        sync.WaitGroup
	unanswered atomic.Bool // a message without a key got no answer, so it may be there or not

	mu       sync.Mutex
	accepted map[string]string // type by message
	asked    map[string]bool   // messages with callbacks
	byKey    map[string]string // message by key
	problems []string
	url      string
	told     func(acceptance) // is told of each message that was accepted
}

// startLoad sends messages to nodes, some of them to be pushed to url.
func startLoad(nodes []*server, url string, told func(acceptance)) *load {
	l := &load{end: make(chan struct{}), accepted: make(map[string]string), asked: make(map[string]bool),
		byKey: make(map[string]string), url: url, told: told}
	for g := range 8 {
		l.all.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-l.end:
					return
				default:
					l.send(nodes, fmt.Sprintf("%d-%d", g, i))
				}
			}
		})
	}
	return l
}

// send dispatches one message, again with the same key until it is answered, or once without a key.
func (l *load) send(nodes []*server, name string) {
	types := []string{"plain", "plain", "plain", "plain", "flaky", "flaky", "doomed", "later", "slow", "edited",
		"swept", "hurried"}
	typ := types[rand.IntN(len(types))]
	options := map[string]any{"queue": []string{"a", "b", "c"}[rand.IntN(3)], "priority": 1 + rand.IntN(10)}
	waits := slices.Contains([]string{"later", "edited", "swept", "hurried"}, typ)
	// What waits for an hour unless it is steered has a key: if it is stored without an answer, that is found out.
	keyed := waits || rand.IntN(4) > 0
	if keyed {
		options["idempotencyKey"] = name
	}
	asks := rand.IntN(2) == 0
	if asks {
		after := map[string]any{"type": "after", "queue": "after", "payload": map[string]any{"name": name}}
		options["onSuccess"], options["onFailure"] = after, after
	}
	switch rand.IntN(4) {
	case 0:
		options["url"] = l.url
	case 1:
		options["retention"] = 3_600_000 + rand.IntN(1000)
	}
	if waits {
		options["tags"] = []string{typ}
		options["scheduledAt"] = time.Now().Add(time.Hour).UTC()
	} else if rand.IntN(5) == 0 {
		options["scheduledAt"] = time.Now().Add(time.Duration(rand.IntN(2000)) * time.Millisecond).UTC()
	}
	body, err := json.Marshal(map[string]any{"options": options, "message": map[string]any{"type": typ,
		"payload": map[string]any{"name": name}, "metadata": map[string]any{"name": name}}})
	if err != nil {
		panic(err)
	}
	pause := time.NewTicker(20 * time.Millisecond)
	defer pause.Stop()
	for end := time.Now().Add(deadline); time.Now().Before(end); <-pause.C {
		var r receipt
		status, err := nodes[rand.IntN(len(nodes))].call("POST", "/api/symphony/dispatch", string(body), &r)
		l.mu.Lock()
		switch {
		case err == nil && (status == 201 || status == 200):
			if known := l.byKey[name]; keyed && known != "" && known != r.MessageID {
				l.problems = append(l.problems, fmt.Sprintf("key %s made messages %s and %s", name, known, r.MessageID))
			}
			l.byKey[name], l.accepted[r.MessageID], l.asked[r.MessageID] = r.MessageID, typ, asks
			l.mu.Unlock()
			l.told(acceptance{r.MessageID, typ})
			return
		case err == nil && status != 503:
			l.problems = append(l.problems, fmt.Sprintf("dispatch %s: %d %s", name, status, r.Error))
			l.mu.Unlock()
			return
		}
		l.mu.Unlock()
		if !keyed {
			l.unanswered.Store(true)
			return
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.problems = append(l.problems, name+" was never answered")
}

func (l *load) stop() map[string]string {
	close(l.end)
	l.all.Wait()
	return l.accepted
}

// leaseWatch looks again and again for messages that are in two live leases.
type leaseWatch struct {
	end  chan struct{}
	done chan []string
}

func startLeaseWatch(database string) *leaseWatch {
	w := &leaseWatch{end: make(chan struct{}), done: make(chan []string, 1)}
	go func() {
		var found []string
		looks := 0
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-w.end:
				if looks == 0 {
					found = append(found, "nobody looked at the leases")
				}
				w.done <- found
				return
			case <-tick.C:
			}
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			conn, err := pgx.Connect(ctx, database)
			if err == nil {
				var id string
				err = conn.QueryRow(ctx, `SELECT id::text FROM symphony.messenger_leases l, unnest(l.ids) WITH ORDINALITY i(id, place)
					WHERE NOT (i.place - 1)::int = ANY (l.settled) AND coalesce(l.item_expires[i.place], l.expires_at) > now()
					GROUP BY id HAVING count(*) > 1 LIMIT 1`).Scan(&id)
				switch {
				case err == nil:
					found = append(found, "message "+id+" is in two live leases")
				case err == pgx.ErrNoRows:
					looks++
				}
				_ = conn.Close(ctx) // the server may be gone
			}
			cancel()
		}
	}()
	return w
}

func (w *leaseWatch) stop() []string {
	close(w.end)
	return <-w.done
}

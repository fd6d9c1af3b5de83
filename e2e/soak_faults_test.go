//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/internal/pgtest"
	"github.com/symphony-messenger/symphony/transport/postgres"
)

// clockFile names, to a program with a clock that can be set, the file that says by how many milliseconds it is set.
const clockFile = "E2E_CLOCK"

// settableClock builds the program with a clock that reads clockFile each time: the time of day is that of the machine and as
// much more, while what elapses is that of the machine alone, as when a clock is set.
func settableClock(t *testing.T) (program string) {
	t.Helper()
	source, err := os.ReadFile("../clock.go")
	if err != nil {
		t.Fatal(err)
	}
	const (
		imports = "import \"time\"\n"
		now     = "func (systemClock) Now() time.Time { return time.Now() }\n"
		read    = "\treturn now, now.Sub(s.start) // both"
	)
	for _, part := range []string{imports, now, read} {
		if strings.Count(string(source), part) != 1 {
			t.Fatalf("clock.go has not once: %s", part)
		}
	}
	changed := strings.NewReplacer(
		imports, "import (\n\t\"os\"\n\t\"strconv\"\n\t\"time\"\n)\n",
		now, `func (systemClock) Now() time.Time { return set(time.Now()) }

func set(now time.Time) time.Time {
	text, _ := os.ReadFile(os.Getenv("`+clockFile+`"))
	ms, _ := strconv.Atoi(string(text))
	return now.Round(0).Add(time.Duration(ms) * time.Millisecond)
}
`,
		read, "\treturn set(now), now.Sub(s.start) // both").Replace(string(source))
	dir := t.TempDir()
	path, err := filepath.Abs("../clock.go")
	if err != nil {
		t.Fatal(err)
	}
	replacement, overlay := filepath.Join(dir, "clock.go"), filepath.Join(dir, "overlay.json")
	list, err := json.Marshal(map[string]map[string]string{"Replace": {path: replacement}})
	if err == nil {
		err = os.WriteFile(replacement, []byte(changed), 0o600)
	}
	if err == nil {
		err = os.WriteFile(overlay, list, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	program = filepath.Join(dir, "symphony")
	if out, err := exec.Command("go", "build", "-overlay", overlay, "-o", program, "../cmd/symphony").CombinedOutput(); err != nil {
		t.Fatalf("build: %v: %s", err, out)
	}
	return program
}

// setClock sets the clock of a node's process by a time, from now on. It is written beside and moved, so that nobody reads half.
func (s *server) setClock(by time.Duration) {
	s.Helper()
	path := filepath.Join(s.folder, "clock")
	err := os.WriteFile(path+".new", []byte(strconv.FormatInt(by.Milliseconds(), 10)), 0o600)
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		s.Fatal(err)
	}
}

// trouble are faults that go on beside the kills until it is stopped: connections that are cut at the answer of COMMIT, and
// transactions of strangers that stay open for a while.
type trouble struct {
	end       context.CancelFunc
	done      chan struct{}
	cuts      int
	opened    int
	committed map[string]string // type by message, of those that were dispatched in the strangers' transactions
	unsure    bool              // a stranger's commit got no answer
}

// startTrouble begins it. proxies are before the database, direct is the way around them.
func startTrouble(t *testing.T, proxies []*pgtest.Proxy, direct string) *trouble {
	t.Helper()
	tr, err := postgres.Open(t.Context(), direct, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(context.Background())
	x := &trouble{end: end, done: make(chan struct{}), committed: make(map[string]string)}
	go func() {
		defer close(x.done)
		defer tr.Close()
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			hit := proxies[n%len(proxies)].KillAt(pgtest.ToClient, func(m pgtest.Message) bool { return m.Type == 'C' && string(m.Body) == "COMMIT\x00" })
			x.open(ctx, tr, bus, direct)
			select {
			case <-hit:
				x.cuts++
			default:
			}
		}
	}()
	return x
}

// strangers are transactions as others have them open: a report with its snapshot, a row that is locked, an application's own
// with a message in it.
var strangers = []string{
	"SELECT count(*) FROM symphony.messenger_messages",
	"SELECT 1 FROM symphony.messenger_leases LIMIT 1 FOR UPDATE",
	"SELECT 1 FROM symphony.messenger_ready ORDER BY available_at LIMIT 1 FOR UPDATE",
	"",
}

// open holds a transaction open for a moment. Where the database is away, nothing comes of it.
func (x *trouble) open(ctx context.Context, tr *postgres.Transport, bus *symphony.Bus, database string) {
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		return
	}
	defer conn.Close(context.Background())
	level := []pgx.TxIsoLevel{pgx.ReadCommitted, pgx.RepeatableRead}[rand.IntN(2)]
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: level})
	if err != nil {
		return
	}
	var id string
	if statement := strangers[rand.IntN(len(strangers))]; statement != "" {
		_, err = tx.Exec(ctx, statement)
	} else {
		var r symphony.Receipt
		r, err = bus.In(tr.Tx(tx)).Dispatch(ctx, "plain", struct{}{}, symphony.DispatchOptions{IdempotencyKey: fmt.Sprint("stranger-", rand.Uint64())})
		id = r.ID
	}
	hold := time.NewTimer(time.Duration(rand.IntN(1500)) * time.Millisecond)
	defer hold.Stop()
	select {
	case <-hold.C:
	case <-ctx.Done():
	}
	if err != nil || rand.IntN(4) == 0 {
		_ = tx.Rollback(context.Background())
		return
	}
	x.opened++
	if err := tx.Commit(context.Background()); err != nil {
		x.unsure = x.unsure || id != ""
	} else if id != "" {
		x.committed[id] = "plain"
	}
}

// stop ends it.
func (x *trouble) stop() {
	x.end()
	<-x.done
}

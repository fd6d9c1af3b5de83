package sqlite_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/internal/testtier"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

// childEnv makes the test binary the process that is killed; its value is the database.
const childEnv = "SYMPHONY_CRASH_TEST_DATABASE"

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		if err := child(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child dispatches and handles messages until it is killed. It says "sent ID" when a dispatch was answered and
// "acked ID" when an ack was.
func child(path string) error {
	ctx := context.Background()
	tr, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		return err
	}
	bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{})
	if err != nil {
		return err
	}
	var out sync.Mutex
	say := func(format string, args ...any) {
		out.Lock()
		defer out.Unlock()
		fmt.Printf(format+"\n", args...)
	}
	var all sync.WaitGroup
	for p := range 4 {
		all.Go(func() {
			// Bounded, should nobody kill it.
			for i := range 20_000 {
				key := fmt.Sprintf("%d-%d-%d", os.Getpid(), p, i/2) // each key twice
				r, err := bus.Dispatch(ctx, "Order", map[string]int{"n": i / 2}, symphony.DispatchOptions{IdempotencyKey: key, Priority: 1 + i/2%10})
				if err != nil {
					say("error %v", err)
					return
				}
				say("sent %s %s", r.ID, key)
			}
		})
	}
	for w := range 2 {
		all.Go(func() {
			for range 20_000 {
				got, err := tr.Receive(ctx, symphony.ReceiveOptions{Max: 20, MaxLost: 20, Wait: time.Second, Worker: fmt.Sprint(w)})
				if err != nil {
					say("error %v", err)
					return
				}
				for i, d := range got {
					outcome := symphony.Ack
					if i%5 == 4 {
						outcome = symphony.Retry
					}
					if errs := tr.Settle(ctx, []symphony.Settlement{{Lease: d.Lease, Outcome: outcome}}); errs != nil {
						say("error %v", errs[0])
						return
					}
					if outcome == symphony.Ack {
						say("acked %s", d.ID)
					}
				}
			}
		})
	}
	say("ready")
	all.Wait()
	return tr.Close()
}

// A process that is killed at any moment loses nothing that it acknowledged, brings nothing back that it completed, and
// makes no second message of a key.
func TestKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "queue.db")
	var (
		sent  = make(map[string]bool)
		keys  = make(map[string]string)
		acked = make(map[string]bool)
	)
	note := func(line string) {
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "sent":
			id, key, _ := strings.Cut(rest, " ")
			if first := keys[key]; first != "" && first != id {
				t.Errorf("key %s made messages %s and %s", key, first, id)
			}
			keys[key], sent[id] = id, true
		case "acked":
			if acked[rest] {
				t.Errorf("message %s was acked twice", rest)
			}
			acked[rest] = true
		case "error":
			t.Errorf("child: %s", rest)
		}
	}
	for range testtier.Pick(t, 4, 12, 100) {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childEnv+"="+path)
		cmd.Stderr = os.Stderr
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// The moment of death is counted in what the child did, so that a slow machine tests the same.
		lines, last := 0, 1+rand.IntN(2000)
		scanner := bufio.NewScanner(stdout)
		for scanner.Scan() {
			note(scanner.Text())
			if lines++; lines == last {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		var exit *exec.ExitError
		if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != -1 {
			t.Fatalf("child ended with %v, want it killed", err)
		}
	}

	tr := open(t, path, sqlite.Options{})
	ctx := context.Background()
	before, err := tr.Stats(ctx)
	if err != nil {
		t.Fatal(err)
	}
	left := make(map[string]bool)
	for {
		got, err := tr.Receive(ctx, symphony.ReceiveOptions{Max: 1000, MaxLost: 1000})
		if err != nil {
			t.Fatal(err)
		}
		if len(got) == 0 {
			break
		}
		for _, d := range got {
			if left[d.ID] {
				t.Errorf("message %s was delivered twice", d.ID)
			}
			left[d.ID] = true
			if acked[d.ID] {
				t.Errorf("message %s came back after its ack was answered", d.ID)
			}
		}
	}
	if before.Processing != 0 || before.Pending != int64(len(left)) {
		t.Errorf("counts say %d pending and %d processing, found %d", before.Pending, before.Processing, len(left))
	}
	// What is neither left nor known as acked was acked in a transaction whose answer the kill cut off.
	for id := range sent {
		if !left[id] && !acked[id] {
			if before.Completed--; before.Completed < int64(len(acked)) {
				t.Errorf("message %s is lost", id)
			}
		}
	}
	if len(acked) == 0 || len(left) == 0 {
		t.Errorf("%d acked and %d left: the test shows nothing", len(acked), len(left))
	}
}

package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/internal/pgtest"
	"github.com/symphony-messenger/symphony/symphonytest/testclock"
	"github.com/symphony-messenger/symphony/transport/postgres"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

// What a process that is to be killed while it fires is told.
const (
	killStorage = "SYMPHONY_TEST_KILL_STORAGE" // an URL of PostgreSQL, or a file
	killCall    = "SYMPHONY_TEST_KILL_CALL"
	killAfter   = "SYMPHONY_TEST_KILL_AFTER"
)

func TestMain(m *testing.M) {
	if where := os.Getenv(killStorage); where != "" {
		if err := fireAndDie(where); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// openStorage opens a database, whose clock stands a minute after noon.
func openStorage(ctx context.Context, where string, clock symphony.Clock) (storage, error) {
	if strings.HasPrefix(where, "postgres") {
		return postgres.Open(ctx, where, postgres.Options{Clock: clock, Logger: slog.New(slog.DiscardHandler)})
	}
	return sqlite.Open(ctx, where, sqlite.Options{Clock: clock})
}

// killed is the failure of what the child does with its tests' helpers.
type killed struct{}

func (killed) Helper()           {}
func (killed) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

// fireAndDie is the child: it fires what is due and is killed at one of its calls.
func fireAndDie(where string) error {
	clock := testclock.New(noon.Add(time.Minute))
	tr, err := openStorage(context.Background(), where, clock)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(os.Getenv(killCall))
	if err != nil {
		return err
	}
	m := &mortal{storage: tr, dieAt: n, after: os.Getenv(killAfter) != "", die: func() {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL) // there is nobody left to tell
		select {}
	}}
	_, err = dying(killed{}, clock, m).FireDue(context.Background())
	return err
}

func TestFireDue_exactly_one_message_wherever_the_process_is_killed(t *testing.T) {
	for name, where := range map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return filepath.Join(t.TempDir(), "queue.db") },
		"postgres": func(t *testing.T) string { return pgtest.URL(t) },
	} {
		// The calls are due, send, advance, and due again.
		for call := 1; call <= 5; call++ {
			for _, after := range []string{"", "after"} {
				t.Run(fmt.Sprintf("%s call %d %s", name, call, after), func(t *testing.T) {
					clock := testclock.New(noon)
					database := where(t)
					open := func() *rig {
						tr, err := openStorage(t.Context(), database, clock)
						if err != nil {
							t.Fatal(err)
						}
						return newRig(t, clock, tr)
					}
					before := open()
					id := before.create(every(time.Minute)).ID
					if err := before.tr.Close(); err != nil {
						t.Fatal(err)
					}
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					child := osexec.CommandContext(ctx, os.Args[0])
					child.Env = append(os.Environ(), killStorage+"="+database, fmt.Sprintf("%s=%d", killCall, call), killAfter+"="+after)
					out, err := child.CombinedOutput()
					var exit *osexec.ExitError
					switch dead := errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL; {
					case call < 5 && !dead, call == 5 && err != nil: // there is no fifth call
						t.Fatalf("the process ended with %v: %s", err, out)
					}
					r := open()
					defer r.tr.Close()
					r.to(noon.Add(time.Minute))
					r.fire()
					r.wantHistory(id, fired(time.Minute))
					r.wantMessages(noon.Add(time.Minute))
					if got := r.get(id); got.RunCount != 1 || !got.NextRunAt.Equal(noon.Add(2*time.Minute)) {
						t.Errorf("ran %d times, next %v", got.RunCount, got.NextRunAt)
					}
				})
			}
		}
	}
}

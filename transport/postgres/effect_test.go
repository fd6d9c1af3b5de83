package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/transport/postgres"
	"github.com/symphony-messenger/symphony/worker"
)

// effectSteps are the points at which a process that handles a message in a transaction is killed, in their order.
var effectSteps = []string{"claimed", "begun", "effect written", "message dispatched", "acked", "committed", "handler returned", "settled"}

const (
	effectURL  = "SYMPHONY_TEST_EFFECT_URL"
	effectStep = "SYMPHONY_TEST_EFFECT_STEP"
)

// killAt ends the process the hard way if it has come to the step at which it is to die.
func killAt(step string) {
	if n, err := strconv.Atoi(os.Getenv(effectStep)); err == nil && n < len(effectSteps) && effectSteps[n] == step {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL) // there is nobody left to tell
		select {}
	}
}

// handleEffects is a worker whose handler writes an effect, dispatches a message and acks, all in one transaction.
func handleEffects(ctx context.Context, url string) error {
	tr, err := postgres.Open(ctx, url, postgres.Options{})
	if err != nil {
		return err
	}
	defer tr.Close()
	db, err := pgxpool.New(ctx, url)
	if err != nil {
		return err
	}
	defer db.Close()
	bus, err := symphony.NewBus([]symphony.Transport{tr, tr.Named("next")}, symphony.BusOptions{})
	if err != nil {
		return err
	}
	mux := symphony.NewMux()
	mux.HandleFunc("Effect", func(ctx context.Context, d *symphony.Delivery) error {
		killAt("claimed")
		err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
			killAt("begun")
			if _, err := tx.Exec(ctx, "INSERT INTO effects VALUES ($1)", d.ID); err != nil {
				return err
			}
			killAt("effect written")
			in := tr.Tx(tx)
			if _, err := bus.In(in).Dispatch(ctx, "Next", struct{}{}, symphony.DispatchOptions{Transport: "next"}); err != nil {
				return err
			}
			killAt("message dispatched")
			if err := in.Ack(ctx, d); err != nil {
				return err
			}
			killAt("acked")
			return nil
		})
		killAt("committed")
		return err
	})
	mux.Use(func(next symphony.Handler) symphony.Handler {
		return symphony.HandlerFunc(func(ctx context.Context, d *symphony.Delivery) error {
			err := next.Handle(ctx, d)
			killAt("handler returned")
			return err
		})
	})
	w, err := worker.New(tr, mux, worker.Options{StopWhenEmpty: true, Lease: symphony.MinLease, Concurrency: 1, BatchSize: 3})
	if err != nil {
		return err
	}
	_, err = w.Run(ctx)
	killAt("settled")
	return err
}

func effectChild() error { return handleEffects(context.Background(), os.Getenv(effectURL)) }

func TestTx_effects_happen_exactly_once_wherever_the_process_is_killed(t *testing.T) {
	t.Parallel()
	const messages = 5
	for step, name := range append(effectSteps, "never") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, tr, bus := openForTx(t, postgres.Options{})
			exec(t, url, "CREATE TABLE effects (id uuid)")
			for range messages {
				if _, err := bus.Dispatch(t.Context(), "Effect", struct{}{}, symphony.DispatchOptions{}); err != nil {
					t.Fatal(err)
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			child := osexec.CommandContext(ctx, os.Args[0])
			child.Env = append(os.Environ(), childEnv+"=effect", effectURL+"="+url, fmt.Sprintf("%s=%d", effectStep, step))
			out, err := child.CombinedOutput()
			var exit *osexec.ExitError
			switch killed := errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL; {
			case name == "never" && err != nil, name != "never" && !killed:
				t.Fatalf("the process ended with %v: %s", err, out)
			}
			// Another process finishes, when the dead one's leases have run out.
			for {
				if err := handleEffects(ctx, url); err != nil {
					t.Fatal(err)
				}
				stats, err := tr.Stats(ctx)
				if err != nil {
					t.Fatal(err)
				}
				if stats.Depth() == 0 {
					break
				}
				// Waits for the lease's end rather than for a time.
				got, err := tr.Receive(ctx, symphony.ReceiveOptions{Max: 1, Wait: 10 * time.Second, Lease: symphony.MinLease})
				if err != nil {
					t.Fatal(err)
				}
				for _, d := range got {
					if errs := tr.Settle(ctx, []symphony.Settlement{{Lease: d.Lease, Outcome: symphony.Release}}); errs != nil {
						t.Fatal(errs)
					}
				}
			}
			var effects, distinct int
			query(t, url, "SELECT count(*), count(DISTINCT id) FROM effects", &effects, &distinct)
			stats, err := tr.Named("next").Stats(ctx)
			if err != nil || effects != messages || distinct != messages || stats.Pending != messages {
				t.Errorf("%d effects of %d messages, %d further messages (%v); want %d of each", effects, distinct, stats.Pending, err, messages)
			}
		})
	}
}

// query reads one row.
func query(t *testing.T, url, sql string, into ...any) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if err := conn.QueryRow(t.Context(), sql).Scan(into...); err != nil {
		t.Fatal(err)
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/internal/pgtest"
	"github.com/symphony-messenger/symphony/worker"
)

// These make the test binary a process that places order 7 on a database, and is killed at one of its statements.
const (
	urlEnv    = "SHOP_TEST_URL"
	killAtEnv = "SHOP_TEST_KILL_AT"
)

func TestMain(m *testing.M) {
	if url := os.Getenv(urlEnv); url != "" {
		if err := placeAndDie(context.Background(), url); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func placeAndDie(ctx context.Context, url string) error {
	c, err := pgxpool.ParseConfig(url)
	if err != nil {
		return err
	}
	at, err := strconv.Atoi(os.Getenv(killAtEnv))
	if err != nil {
		return err
	}
	end := &killer{left: at}
	c.ConnConfig.Tracer = end
	s, err := open(ctx, url, c)
	if err != nil {
		return err
	}
	end.armed = true
	if err := s.place(ctx, Order{Number: 7, Customer: 1}); err != nil {
		return err
	}
	return s.close()
}

// killer kills its process before or after one of the statements on a connection, as the system would.
type killer struct {
	armed bool
	left  int // moments that are lived through
}

func (k *killer) moment() {
	if !k.armed {
		return
	}
	if k.left == 0 {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL) // there is nobody left to tell
		select {}
	}
	k.left--
}

func (k *killer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	k.moment()
	return ctx
}

func (k *killer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) { k.moment() }

func openShop(t *testing.T, url string) *shop {
	t.Helper()
	c, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	s, err := open(t.Context(), url, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// counts is how many orders, messages that wait, and invoices there are.
func (s *shop) counts(t *testing.T) (orders int, messages int64, invoices int) {
	t.Helper()
	const counting = "SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM invoices)"
	err := s.db.QueryRow(t.Context(), counting).Scan(&orders, &invoices)
	if err != nil {
		t.Fatal(err)
	}
	stats, err := s.transport.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return orders, stats.Pending, invoices
}

func (s *shop) mustHave(t *testing.T, wantOrders int, wantMessages int64, wantInvoices int) {
	t.Helper()
	orders, messages, invoices := s.counts(t)
	if orders != wantOrders || messages != wantMessages || invoices != wantInvoices {
		t.Errorf("there are %d orders, %d messages and %d invoices, want %d, %d and %d",
			orders, messages, invoices, wantOrders, wantMessages, wantInvoices)
	}
}

// workUntilEmpty handles what waits.
func (s *shop) workUntilEmpty(t *testing.T) worker.Report {
	t.Helper()
	mux := symphony.NewMux()
	symphony.Handle(mux, "order.placed", s.invoice)
	w, err := worker.New(s.transport, mux, worker.Options{StopWhenEmpty: true})
	if err != nil {
		t.Fatal(err)
	}
	report, err := w.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestPlace(t *testing.T) {
	s := openShop(t, pgtest.URL(t))

	t.Run("a commit leaves both, and the handler makes one invoice", func(t *testing.T) {
		if err := s.place(t.Context(), Order{Number: 1, Customer: 1}); err != nil {
			t.Fatal(err)
		}
		s.mustHave(t, 1, 1, 0)
		if report := s.workUntilEmpty(t); report.Succeeded != 1 {
			t.Errorf("the worker reports %+v", report)
		}
		s.mustHave(t, 1, 0, 1)
	})

	t.Run("a COMMIT that is refused leaves neither", func(t *testing.T) {
		if err := s.place(t.Context(), Order{Number: 2, Customer: 99}); !errors.Is(err, errCustomer) {
			t.Errorf("an order of nobody: %v", err)
		}
		s.mustHave(t, 1, 0, 1)
	})

	t.Run("a number that is taken leaves neither", func(t *testing.T) {
		if err := s.place(t.Context(), Order{Number: 1, Customer: 1}); !errors.Is(err, errTaken) {
			t.Errorf("the same order again: %v", err)
		}
		s.mustHave(t, 1, 0, 1)
	})

	t.Run("a rollback after the dispatch leaves neither", func(t *testing.T) {
		tx, err := s.db.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(t.Context(), "INSERT INTO orders VALUES (3, 1)"); err != nil {
			t.Fatal(err)
		}
		in := s.bus.In(s.transport.Tx(tx))
		_, err = in.Dispatch(t.Context(), "order.placed", Order{Number: 3}, symphony.DispatchOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := tx.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.mustHave(t, 1, 0, 1)
	})
}

// A process is killed before and after each of its statements, BEGIN and COMMIT among them, until one gets through.
func TestPlace_killed(t *testing.T) {
	neither, both := 0, 0
	for at := 0; ; at++ {
		url := pgtest.URL(t)
		s := openShop(t, url)
		child := exec.CommandContext(t.Context(), os.Args[0])
		child.Env = append(os.Environ(), urlEnv+"="+url, killAtEnv+"="+strconv.Itoa(at))
		output, err := child.CombinedOutput()
		var ended *exec.ExitError
		killed := errors.As(err, &ended) && ended.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
		if err != nil && !killed {
			t.Fatalf("%v\n%s", err, output)
		}
		orders, messages, _ := s.counts(t)
		switch {
		case orders == 0 && messages == 0:
			neither++
		case orders == 1 && messages == 1:
			both++
		default:
			t.Errorf("killed at moment %d: there are %d orders and %d messages", at, orders, messages)
		}
		if !killed {
			break
		}
	}
	// BEGIN, INSERT, what the dispatch does, COMMIT; both are there from the end of the last on.
	if neither < 7 || both != 2 {
		t.Errorf("%d moments left neither and %d both, want at least 7 and exactly 2", neither, both)
	}
}

// The whole program: it serves, works, and ends when it is told to.
func TestRun(t *testing.T) {
	url := pgtest.URL(t)
	s := openShop(t, url)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- run(ctx, url, listener) }()
	place := func(body string) int {
		t.Helper()
		url := "http://" + listener.Addr().String() + "/orders"
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r) // the system keeps the connection until the program takes it
		if err != nil {
			t.Fatal(err)
		}
		if err := answer.Body.Close(); err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode
	}
	for _, order := range []struct {
		body string
		want int
	}{
		{`{"number": 5, "customer": 1}`, http.StatusCreated}, {`{"number": 5, "customer": 1}`, http.StatusConflict},
		{`{"number": 6, "customer": 99}`, http.StatusBadRequest}, {`{"customer": 1}`, http.StatusBadRequest},
	} {
		if got := place(order.body); got != order.want {
			t.Errorf("%s is answered %d, want %d", order.body, got, order.want)
		}
	}
	for invoices := 0; invoices == 0; {
		_, _, invoices = s.counts(t)
	}
	stop()
	if err := <-done; err != nil {
		t.Errorf("the program ends with %v", err)
	}
	s.mustHave(t, 1, 0, 1)
}

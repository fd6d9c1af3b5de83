package postgres_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/internal/pgtest"
	"github.com/symphony-messenger/symphony/transport/postgres"
	"github.com/symphony-messenger/symphony/worker"
)

// An order is stored and its message dispatched in one transaction: both are there, or neither is.
func ExampleTransport_Tx() {
	ctx := context.Background()
	var test exampleTest
	defer test.end()
	url := pgtest.URL(&test)
	transport, err := postgres.Open(ctx, url, postgres.Options{})
	if err != nil {
		panic(err)
	}
	defer transport.Close()
	bus, err := symphony.NewBus([]symphony.Transport{transport}, symphony.BusOptions{})
	if err != nil {
		panic(err)
	}
	db, err := pgxpool.New(ctx, url)
	if err != nil {
		panic(err)
	}
	defer db.Close()
	if _, err := db.Exec(ctx, "CREATE TABLE orders (number int PRIMARY KEY)"); err != nil {
		panic(err)
	}

	place := func(number int) error {
		tx, err := db.Begin(ctx)
		if err != nil {
			return err
		}
		defer tx.Rollback(ctx)
		if _, err := tx.Exec(ctx, "INSERT INTO orders VALUES ($1)", number); err != nil {
			return err
		}
		messages := transport.Tx(tx)
		order := struct {
			Number int `json:"number"`
		}{number}
		if _, err := bus.In(messages).Dispatch(ctx, "OrderPlaced", order, symphony.DispatchOptions{}); err != nil {
			return err
		}
		if err := tx.Commit(ctx); err != nil {
			return err
		}
		messages.Committed() // workers need not find it by themselves
		return nil
	}
	fmt.Println("first:", place(7) == nil)
	fmt.Println("again:", place(7) == nil)
	stats, err := transport.Stats(ctx)
	fmt.Println("messages:", stats.Pending, err)
	// Output:
	// first: true
	// again: false
	// messages: 1 <nil>
}

// A handler whose changes are in the same database commits them together with its ack: they happen exactly once, even if
// the process is killed anywhere in between.
func ExampleTx_Ack() {
	ctx := context.Background()
	var test exampleTest
	defer test.end()
	url := pgtest.URL(&test)
	transport, err := postgres.Open(ctx, url, postgres.Options{})
	if err != nil {
		panic(err)
	}
	defer transport.Close()
	db, err := pgxpool.New(ctx, url)
	if err != nil {
		panic(err)
	}
	defer db.Close()
	if _, err := db.Exec(ctx, "CREATE TABLE invoices (order_number int)"); err != nil {
		panic(err)
	}

	mux := symphony.NewMux()
	symphony.Handle(mux, "OrderPlaced", func(ctx context.Context, order struct{ Number int }) error {
		tx, err := db.Begin(ctx)
		if err != nil {
			return err
		}
		defer tx.Rollback(ctx)
		if _, err := tx.Exec(ctx, "INSERT INTO invoices VALUES ($1)", order.Number); err != nil {
			return err
		}
		if err := transport.Tx(tx).Ack(ctx, symphony.DeliveryFrom(ctx)); err != nil {
			return err
		}
		return tx.Commit(ctx)
	})

	bus, err := symphony.NewBus([]symphony.Transport{transport}, symphony.BusOptions{})
	if err != nil {
		panic(err)
	}
	if _, err := bus.Dispatch(ctx, "OrderPlaced", struct{ Number int }{7}, symphony.DispatchOptions{}); err != nil {
		panic(err)
	}
	w, err := worker.New(transport, mux, worker.Options{StopWhenEmpty: true})
	if err != nil {
		panic(err)
	}
	report, err := w.Run(ctx)
	if err != nil {
		panic(err)
	}
	var invoices int
	if err := db.QueryRow(ctx, "SELECT count(*) FROM invoices").Scan(&invoices); err != nil {
		panic(err)
	}
	fmt.Println("invoices:", invoices, "succeeded:", report.Succeeded, "lost:", report.Lost)
	// Output:
	// invoices: 1 succeeded: 1 lost: 0
}

// exampleTest is what an example has in place of a testing.T.
type exampleTest struct {
	testing.TB
	cleanups []func()
}

func (t *exampleTest) Helper()                           {}
func (t *exampleTest) Context() context.Context          { return context.Background() }
func (t *exampleTest) Cleanup(f func())                  { t.cleanups = append(t.cleanups, f) }
func (t *exampleTest) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
func (t *exampleTest) Errorf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

func (t *exampleTest) end() {
	for _, f := range t.cleanups {
		f()
	}
}

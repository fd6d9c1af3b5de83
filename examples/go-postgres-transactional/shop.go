package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/transport/postgres"
	"github.com/symphony-messenger/symphony/worker"
)

// tables are the shop's own. Whether there is such a customer is looked at by the COMMIT, when the message of the order
// is in the transaction already.
const tables = `
CREATE TABLE IF NOT EXISTS customers (id int PRIMARY KEY);
CREATE TABLE IF NOT EXISTS orders (
  number int PRIMARY KEY,
  customer int NOT NULL REFERENCES customers DEFERRABLE INITIALLY DEFERRED
);
CREATE TABLE IF NOT EXISTS invoices (number int PRIMARY KEY REFERENCES orders);
INSERT INTO customers VALUES (1) ON CONFLICT DO NOTHING;`

var (
	errTaken    = errors.New("that number is another order's")
	errCustomer = errors.New("there is no such customer")
)

// Order is a row of the shop, and the payload of "order.placed".
type Order struct {
	Number   int `json:"number"`
	Customer int `json:"customer"`
}

// shop has its own tables and the messages in one database.
type shop struct {
	db        *pgxpool.Pool
	transport *postgres.Transport
	bus       *symphony.Bus
}

// open connects, and makes what tables are missing. The shop's own statements run on connections as c has them.
func open(ctx context.Context, url string, c *pgxpool.Config) (_ *shop, err error) {
	db, err := pgxpool.NewWithConfig(ctx, c)
	if err != nil {
		return nil, err
	}
	s := &shop{db: db}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if _, err := db.Exec(ctx, tables); err != nil {
		return nil, fmt.Errorf("make tables: %w", err)
	}
	if s.transport, err = postgres.Open(ctx, url, postgres.Options{}); err != nil {
		return nil, err
	}
	s.bus, err = symphony.NewBus([]symphony.Transport{s.transport}, symphony.BusOptions{})
	return s, err
}

func (s *shop) close() error {
	s.db.Close()
	if s.transport == nil {
		return nil
	}
	return s.transport.Close()
}

// place stores an order and dispatches its message in one transaction: both are there, or neither is.
func (s *shop) place(ctx context.Context, o Order) error {
	var messages *postgres.Tx
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO orders (number, customer) VALUES ($1, $2)", o.Number, o.Customer)
		if err != nil {
			return err
		}
		messages = s.transport.Tx(tx)
		_, err = s.bus.In(messages).Dispatch(ctx, "order.placed", o, symphony.DispatchOptions{})
		return err
	})
	var refused *pgconn.PgError
	switch {
	case err == nil:
		messages.Committed() // wakes a worker at once; without it the message is found within a few seconds
	case errors.As(err, &refused) && refused.Code == pgerrcode.UniqueViolation:
		return errTaken
	case errors.As(err, &refused) && refused.Code == pgerrcode.ForeignKeyViolation:
		return errCustomer
	}
	return err
}

// invoice handles a message: the invoice and the ack are one transaction, so each order has one invoice however often
// its message comes.
func (s *shop) invoice(ctx context.Context, o Order) error {
	return pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "INSERT INTO invoices (number) VALUES ($1)", o.Number); err != nil {
			return err
		}
		return s.transport.Tx(tx).Ack(ctx, symphony.DeliveryFrom(ctx))
	})
}

// work handles messages until ctx ends.
func (s *shop) work(ctx context.Context) error {
	mux := symphony.NewMux()
	symphony.Handle(mux, "order.placed", s.invoice)
	w, err := worker.New(s.transport, mux, worker.Options{})
	if err != nil {
		return err
	}
	_, err = w.Run(ctx)
	return err
}

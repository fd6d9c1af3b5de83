package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	"github.com/symphony-messenger/symphony"
)

// Order is what the shop sells, and the payload of "order.paid".
type Order struct {
	Number int    `json:"number"`
	Item   string `json:"item"`
	Cents  int    `json:"cents"`
}

func (o Order) validate() error {
	if o.Number <= 0 || o.Item == "" || o.Cents <= 0 {
		return errors.New("an order has a number, an item and a price in cents")
	}
	return nil
}

// takeOrder dispatches a message for an order. When it answers, the message is on disk; an order that is sent twice is
// one message.
func takeOrder(bus *symphony.Bus) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var o Order
		err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&o)
		if err == nil {
			err = o.validate()
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		key := "order-" + strconv.Itoa(o.Number)
		receipt, err := bus.Dispatch(r.Context(), "order.paid", o, symphony.DispatchOptions{IdempotencyKey: key})
		var conflict *symphony.IdempotencyConflictError
		switch {
		case errors.As(err, &conflict):
			http.Error(w, "that number is another order's", http.StatusConflict)
		case err != nil:
			http.Error(w, "try again in a moment", http.StatusServiceUnavailable)
		default:
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusAccepted)
			_ = json.NewEncoder(w).Encode(map[string]string{"messageId": receipt.ID}) // the caller may have gone
		}
	}
}

// invoices are files in a folder.
type invoices struct{ folder string }

// register has orders handled in this process.
func (i invoices) register(mux *symphony.Mux) {
	symphony.Handle(mux, "order.paid", func(ctx context.Context, o Order) error {
		if err := o.validate(); err != nil {
			return symphony.Permanent(err) // a dead letter, without retries
		}
		return i.write(o)
	})
}

func (i invoices) path(order int) string {
	return filepath.Join(i.folder, strconv.Itoa(order)+".txt")
}

// write makes the invoice of an order, as a whole or not at all. A message may come twice; the second time makes the
// same file.
func (i invoices) write(o Order) (err error) {
	f, err := os.CreateTemp(i.folder, "invoice-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = fmt.Fprintf(f, "Invoice for order %d\n%s: %d.%02d\n", o.Number, o.Item, o.Cents/100, o.Cents%100)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), i.path(o.Number))
}

func (i invoices) show(w http.ResponseWriter, r *http.Request) {
	order, err := strconv.Atoi(r.PathValue("order"))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	text, err := os.ReadFile(i.path(order))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		http.NotFound(w, r)
	case err != nil:
		http.Error(w, "the invoice cannot be read", http.StatusInternalServerError)
	default:
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write(text) // the caller may have gone
	}
}

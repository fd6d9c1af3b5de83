// Package handler is the whole API as one Go function, as Vercel runs it.
package handler

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"sync"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/config"
	"github.com/symphony-messenger/symphony/server"
)

// Order is the payload of "order.paid".
type Order struct {
	Number int `json:"number"`
}

// register has messages handled by the function itself, when a cron or POST /consume has it work.
func register(mux *symphony.Mux) {
	symphony.Handle(mux, "order.paid", func(_ context.Context, o Order) error {
		slog.Info("order is paid", "order", o.Number)
		return nil
	})
}

// instance is what a cold start makes. One that fails is tried again with the next request.
var instance struct {
	sync.Mutex
	server *server.Server
}

func handler() (http.Handler, error) {
	instance.Lock()
	defer instance.Unlock()
	if instance.server != nil {
		return instance.server.Handler(), nil
	}
	c, err := config.Load(config.Sources{Environ: os.Environ()})
	if err != nil {
		return nil, err
	}
	s, err := server.New(context.Background(), c, server.Options{Mode: server.HandlerOnly, Handlers: register})
	if err != nil {
		return nil, err
	}
	instance.server = s
	return s.Handler(), nil
}

// Handler answers a request.
func Handler(w http.ResponseWriter, r *http.Request) {
	h, err := handler()
	if err != nil {
		slog.Error("cold start", "error", err)
		http.Error(w, "not available", http.StatusServiceUnavailable)
		return
	}
	h.ServeHTTP(w, r)
}

package server_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/config"
	"github.com/symphony-messenger/symphony/server"
)

// A shop has the whole of Symphony Messenger in its own process: the API on its own mux, and its own Go handler.
func Example() {
	if err := shop(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// order 42 is paid
	// the shop is closed
}

func shop() error {
	dir, err := os.MkdirTemp("", "shop")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	c, err := config.Load(config.Sources{Environ: []string{"SYMPHONY_DATABASE=" + filepath.Join(dir, "shop.db")}})
	if err != nil {
		return err
	}
	type order struct{ ID int }
	paid := make(chan struct{})
	ready := make(chan server.Started, 1)
	s, err := server.New(context.Background(), c, server.Options{
		Mode: server.Mounted,
		Handlers: func(mux *symphony.Mux) {
			symphony.Handle(mux, "order.paid", func(_ context.Context, o order) error {
				fmt.Printf("order %d is paid\n", o.ID)
				close(paid)
				return nil
			})
		},
		FirstKey: true, // others are made by "symphony keys create", beside the running program
		Started:  func(started server.Started) { ready <- started },
		Logger:   slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()

	mux := http.NewServeMux()
	mux.Handle("/api/symphony/", s.Handler())
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "Welcome to the shop.") })
	site := httptest.NewServer(mux)
	select {
	case started := <-ready:
		err = pay(site.URL, started.FirstKey)
	case err = <-done:
		stop()
		return err
	}
	if err == nil {
		<-paid
	}
	site.Close() // first the requests, then what they need
	stop()
	if err := <-done; err != nil {
		return err
	}
	fmt.Println("the shop is closed")
	return err
}

// pay dispatches a message, as a program in any language does.
func pay(url, key string) error {
	body := `{"message": {"type": "order.paid", "payload": {"ID": 42}}}`
	r, err := http.NewRequest(http.MethodPost, url+"/api/symphony/dispatch", strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}

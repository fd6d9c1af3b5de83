package httpapi_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/httpapi"
	"github.com/symphony-messenger/symphony/symphonytest"
	"github.com/symphony-messenger/symphony/transport/sqlite"
	"github.com/symphony-messenger/symphony/worker"
)

// pipes is a network within the process, where deadlines follow the clock of the test.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if c, ok := <-p; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (p pipes) Close() error   { close(p); return nil }
func (p pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

func (p pipes) dial(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	p <- there
	return here, nil
}

// A run takes as long as it takes: what bounds the reading of requests and the writing of quick answers leaves it
// alone.
func TestServer_lets_long_runs_go_on(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := symphonytest.Storage(t, sqlite.Options{})
		mux := symphony.NewMux()
		mux.HandleFunc("Slow", func(ctx context.Context, _ *symphony.Delivery) error {
			select {
			case <-time.After(50 * time.Second):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for range 4 {
			if _, err := bus.Dispatch(t.Context(), "Slow", struct{}{}, symphony.DispatchOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		cron, err := auth.NewCron(cronSecret)
		if err != nil {
			t.Fatal(err)
		}
		log := slog.New(slog.DiscardHandler)
		api, err := httpapi.New(httpapi.Options{Bus: bus, Mux: mux, Cron: cron, Logger: log,
			CronWorker: func(string) worker.Options { return worker.Options{Concurrency: 1, TimeLimit: 10 * time.Minute} }})
		if err != nil {
			t.Fatal(err)
		}
		network, server := make(pipes), httpapi.NewServer(api.Handler(), log)
		served := make(chan error)
		go func() { served <- server.Serve(network) }()
		client := &http.Client{Transport: &http.Transport{DialContext: network.dial}}
		req, err := http.NewRequest(http.MethodPost, "http://pipe/api/cron/symphony-worker", strings.NewReader(""))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+cronSecret)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		var body struct {
			Processed int
			Health    struct{ StopReason string }
		}
		if err := json.Unmarshal(raw, &body); err != nil || body.Processed != 4 || body.Health.StopReason != "empty" {
			t.Errorf("got %d %s, %v; want all 4 processed", resp.StatusCode, raw, err)
		}
		client.CloseIdleConnections()
		if err := server.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}

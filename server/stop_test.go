package server_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/symphony-messenger/symphony/server"
)

// A stop that is asked for as soon as the server says that it listens holds for its workers, which start behind that.
func TestRun_stops_workers_that_have_not_started(t *testing.T) {
	stopped := make(chan struct{}, 1)
	o := quiet()
	o.Logger = slog.New(notices{slog.DiscardHandler, func(r slog.Record) {
		if r.Message == "worker stopped" {
			stopped <- struct{}{}
		}
	}})
	var s *server.Server
	o.Started = func(started server.Started) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/symphony/workers/stop", http.NoBody)
		r.Header.Set("Authorization", "Bearer "+started.FirstKey)
		answer := httptest.NewRecorder()
		if s.Handler().ServeHTTP(answer, r); answer.Code != http.StatusOK {
			t.Errorf("stop: %d %s", answer.Code, answer.Body)
		}
	}
	s, err := server.New(t.Context(), configured(t, ""), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	<-stopped
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// notices is a handler that tells of what is logged.
type notices struct {
	slog.Handler
	notice func(slog.Record)
}

func (n notices) Enabled(context.Context, slog.Level) bool { return true }

func (n notices) Handle(_ context.Context, r slog.Record) error {
	n.notice(r)
	return nil
}

func (n notices) WithAttrs([]slog.Attr) slog.Handler { return n }

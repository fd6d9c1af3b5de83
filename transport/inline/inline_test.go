package inline_test

import (
	"context"
	"errors"
	"testing"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/transport/inline"
)

func TestSend_handles_at_once_and_returns_the_handlers_error(t *testing.T) {
	boom := errors.New("boom")
	mux := symphony.NewMux()
	var handled []string
	mux.HandleFunc("Good", func(_ context.Context, d *symphony.Delivery) error {
		handled = append(handled, string(d.Payload))
		return nil
	})
	mux.HandleFunc("Bad", func(context.Context, *symphony.Delivery) error { return boom })
	tr := inline.Open(mux, inline.Options{})
	bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bus.Dispatch(t.Context(), "Good", map[string]int{"n": 1}, symphony.DispatchOptions{}); err != nil || len(handled) != 1 || handled[0] != `{"n":1}` {
		t.Errorf("handled %v, %v", handled, err)
	}
	_, err = bus.Dispatch(t.Context(), "Bad", struct{}{}, symphony.DispatchOptions{})
	var failure *inline.HandlerError
	if !errors.As(err, &failure) || !errors.Is(err, boom) || !errors.Is(err, symphony.ErrHandlerFailed) || failure.MessageID == "" {
		t.Errorf("got %v, want the handler's error", err)
	}
	var none *symphony.NoHandlerError
	if _, err := bus.Dispatch(t.Context(), "Unknown", struct{}{}, symphony.DispatchOptions{}); !errors.As(err, &none) {
		t.Errorf("got %v, want a NoHandlerError", err)
	}
	if stats, err := tr.Stats(t.Context()); err != nil || stats.Completed != 1 || stats.Depth() != 0 {
		t.Errorf("stats %+v, %v", stats, err)
	}
}

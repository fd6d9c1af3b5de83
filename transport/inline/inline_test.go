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

type witness struct{ ended []symphony.EndedAttempt }

func (w *witness) MessagesDispatched([]*symphony.Envelope, []symphony.Receipt) {}
func (w *witness) AttemptsEnded(ended []symphony.EndedAttempt)                 { w.ended = append(w.ended, ended...) }

func TestObserver_is_told_of_each_message(t *testing.T) {
	mux := symphony.NewMux()
	mux.HandleFunc("Good", func(context.Context, *symphony.Delivery) error { return nil })
	mux.HandleFunc("Bad", func(context.Context, *symphony.Delivery) error { return errors.New("boom") })
	seen := &witness{}
	bus, err := symphony.NewBus([]symphony.Transport{inline.Open(mux, inline.Options{Observer: seen})}, symphony.BusOptions{})
	if err != nil {
		t.Fatal(err)
	}
	receipt, _ := bus.Dispatch(t.Context(), "Good", struct{}{}, symphony.DispatchOptions{})
	_, _ = bus.Dispatch(t.Context(), "Bad", struct{}{}, symphony.DispatchOptions{})
	if len(seen.ended) != 2 {
		t.Fatalf("told %+v, want two attempts", seen.ended)
	}
	if good := seen.ended[0]; good.MessageID != receipt.ID || good.Type != "Good" || good.Transport != "sync" || good.Attempt != 1 || good.Settlement.Outcome != symphony.Ack || good.Settlement.StartedAt.IsZero() {
		t.Errorf("told %+v", good)
	}
	if bad := seen.ended[1].Settlement; bad.Outcome != symphony.Fail || bad.Error != "boom" || bad.ErrorClass != "error" {
		t.Errorf("told %+v", bad)
	}
}

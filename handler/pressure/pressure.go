// Package pressure has the messages of an endpoint wait that asks for fewer: instead of failing one message after the
// other, and using up their attempts, what goes to the endpoint stays in storage until the time that it named, on all
// nodes. Package flow says what else becomes of it.
package pressure

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
)

// Asker is an error of a handler whose endpoint may ask for fewer messages, such as *httppush.StatusError.
type Asker interface {
	error
	// AsksToWait returns for how long, 0 where it does not say. ok is false for an error that is about something else.
	AsksToWait() (wait time.Duration, ok bool)
}

// Options are what a Handler needs.
type Options struct {
	// Pattern is that by which the handler is registered.
	Pattern string
	// Tell has the endpoint's wish kept by the storage of a transport. Required.
	Tell func(ctx context.Context, transport string, ask flow.Ask) error
	// Logger tells of wishes that could not be kept. Default slog.Default().
	Logger *slog.Logger
	// Clock tells how long ago the storage was told. Default symphony.SystemClock.
	Clock symphony.Clock
}

// Handler is a handler whose endpoint may ask for fewer messages. Safe for concurrent use.
type Handler struct {
	inner symphony.Handler
	o     Options

	mu   sync.Mutex
	told map[place]time.Duration // until when the storage knows, in what has elapsed on the clock
}

// place is what is made to wait.
type place struct{ transport, key string }

// mostPlaces bounds what is remembered. Where it is more, the storage is told again.
const mostPlaces = 1000

// New wraps a handler.
func New(h symphony.Handler, o Options) *Handler {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Clock == nil {
		o.Clock = symphony.SystemClock()
	}
	return &Handler{inner: h, o: o, told: make(map[place]time.Duration)}
}

// Handle calls the handler. Where its endpoint asks for fewer messages this one is given back until then, which uses up
// no attempt, and the others wait as well. Where the storage cannot be told the error is that of the handler.
func (h *Handler) Handle(ctx context.Context, d *symphony.Delivery) error {
	err := h.inner.Handle(ctx, d)
	var asker Asker
	if err == nil || !errors.As(err, &asker) {
		return err
	}
	wait, ok := asker.AsksToWait()
	if !ok {
		return err
	}
	wait = min(max(wait, flow.MinPressure), flow.MaxPressure)
	at := place{transport: d.Transport}
	if d.Flow != nil {
		at.key = d.Flow.ConcurrencyKey
	}
	if h.knows(at, wait) {
		return symphony.Defer(err, wait)
	}
	ask := flow.Ask{Message: &d.Envelope, Pattern: h.o.Pattern, Wait: wait, From: said(asker)}
	if terr := h.o.Tell(context.WithoutCancel(ctx), d.Transport, ask); terr != nil {
		if errors.Is(terr, symphony.ErrUnsupported) { // such as the transport sync: it has nothing that could wait
			return err
		}
		h.o.Logger.Warn("an endpoint asks for fewer messages, and storage could not be told",
			"type", d.Type, "transport", d.Transport, "error", terr)
		return err
	}
	h.note(at, wait)
	return symphony.Defer(err, wait)
}

// said is what an error says for the log, where it leaves out what may repeat a payload.
func said(err error) string {
	text := err.Error()
	if v, ok := err.(slog.LogValuer); ok {
		text = v.LogValue().String()
	}
	if len(text) > flow.MaxHoldText {
		text = text[:flow.MaxHoldText]
	}
	return symphony.ClipError(text)
}

// knows reports whether storage was told within the last second that a place waits as long: many messages are in hand
// when an endpoint begins to ask.
func (h *Handler) knows(at place, wait time.Duration) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	until, ok := h.told[at]
	now := symphony.Elapsed(h.o.Clock)
	return ok && now+wait <= until+flow.MinPressure && now < until
}

func (h *Handler) note(at place, wait time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := symphony.Elapsed(h.o.Clock)
	if len(h.told) >= mostPlaces {
		clear(h.told)
	}
	h.told[at] = now + wait
}

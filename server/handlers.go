package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/config"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/handler/breaker"
	"github.com/symphony-messenger/symphony/handler/command"
	"github.com/symphony-messenger/symphony/handler/httppush"
	"github.com/symphony-messenger/symphony/handler/pressure"
)

// handlers are the configured handlers and their circuit breakers.
type handlers struct {
	mux      *symphony.Mux
	breakers []*breaker.Breaker
	bus      *lateBus
	receipts *receipts
}

// lateBus is the bus, which is made after the handlers.
type lateBus struct{ atomic.Pointer[symphony.Bus] }

// tell has the wish of an endpoint for fewer messages kept by the storage of a transport.
func (l *lateBus) tell(ctx context.Context, transport string, ask flow.Ask) error {
	bus := l.Load()
	if bus == nil {
		return symphony.ErrUnavailable
	}
	control, err := flow.ControlOf(bus, transport)
	if err != nil {
		return err
	}
	return control.ChangeLimits(ctx, ask.Change)
}

// receipts make the receipts that go along with pushes, once there is an API that takes them.
type receipts struct {
	make atomic.Pointer[func(context.Context, *symphony.Delivery) string]
}

// of is the receipt of a delivery, empty while there is no API.
func (r *receipts) of(ctx context.Context, d *symphony.Delivery) string {
	if f := r.make.Load(); f != nil {
		return (*f)(ctx, d)
	}
	return ""
}

// newMux makes the configured handlers with their circuit breakers. Mistakes that only a handler itself can see are a
// *config.Error, with their lines. programs are those that handlers of kind command run.
func newMux(c *config.Config, log *slog.Logger, programs *command.Programs) (made handlers, err error) {
	mux, bus, pushed := symphony.NewMux(), new(lateBus), new(receipts)
	var breakers []*breaker.Breaker
	for _, t := range c.Types {
		if t.Retry != nil {
			mux.Retry(t.Pattern, t.Retry.Policy())
		}
		if t.KeepLogs {
			mux.KeepLogs(t.Pattern)
		}
	}
	var problems []config.Problem
	for i := range c.Handlers {
		h := &c.Handlers[i]
		one, err := newHandler(h, programs, pushed)
		if err != nil {
			for text := range strings.SplitSeq(err.Error(), "\n") {
				problems = append(problems, config.Problem{Source: h.Source, Key: fmt.Sprintf("handlers[%d]", i), Message: text})
			}
			continue
		}
		if h.HTTP != nil {
			one = pressure.New(one, pressure.Options{Pattern: h.Pattern, Tell: bus.tell, Logger: log})
		}
		if h.Breaker != nil {
			b, err := breaker.New(one, breaker.Options{Name: handlerName(h), Failures: h.Breaker.Failures, Pause: h.Breaker.Pause, MaxPause: h.Breaker.MaxPause, Logger: log})
			if err != nil {
				return made, err
			}
			one, breakers = b, append(breakers, b)
		}
		mux.Handle(h.Pattern, one, symphony.HandlerOptions{Name: h.Name, Timeout: h.Timeout, Places: cmp.Or(h.Places, symphony.HalfPlaces)})
		if h.Retry != nil {
			mux.Retry(h.Pattern, h.Retry.Policy())
		}
	}
	if c.Push.Enabled() {
		push, err := httppush.NewOwnURL(c.Push.Origins(), httppush.Options{
			Secrets: config.Reveal(c.Push.Secrets), Timeout: httppush.NoTimeout, // the mux has its timeout
			KeepOutput: c.Push.KeepOutput, Receipt: pushed.of,
		})
		if err != nil {
			return made, err // Load has checked it
		}
		mux.Push(push, symphony.HandlerOptions{Timeout: c.Push.Timeout, Places: symphony.HalfPlaces})
	}
	if len(problems) > 0 {
		return made, &config.Error{Problems: problems}
	}
	return handlers{mux, breakers, bus, pushed}, nil
}

// handlerName tells a handler from others, for people.
func handlerName(h *config.Handler) string {
	if h.Name == "" {
		return h.Pattern
	}
	return h.Pattern + " " + h.Name
}

func newHandler(h *config.Handler, programs *command.Programs, pushed *receipts) (symphony.Handler, error) {
	switch {
	case h.HTTP != nil:
		return httppush.New(h.HTTP.URL, httppush.Options{
			Secrets: config.Reveal(h.HTTP.Secrets), Headers: h.HTTP.Headers, Timeout: httppush.NoTimeout, // the mux has its timeout
			KeepOutput: h.KeepOutput, Receipt: pushed.of,
		})
	case h.Command != nil:
		return command.New(h.Command.Run, command.Options{
			Dir: h.Command.Dir, Env: h.Command.Env, FailCodes: h.Command.FailExitCodes, Grace: h.Command.Grace, Programs: programs,
		})
	}
	return nil, errors.New("needs either http or command")
}

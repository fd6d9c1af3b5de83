package server

import (
	"context"
	"errors"
	"slices"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/config"
	"github.com/symphony-messenger/symphony/handler/dynamic"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/monitor"
	"github.com/symphony-messenger/symphony/storage"
)

// openLate has the mux know the handlers that are set at run time.
func (n *node) openLate(ctx context.Context) error {
	if n.records == nil {
		return nil
	}
	o := dynamic.Options{
		Records: n.records, Mux: n.mux, Origins: n.config.Push.Origins(), Timeout: n.config.Push.Timeout,
		Policy: n.config.Retry.Policy(), Older: n.unaware, SealKeys: n.config.Push.SealingKeys(), Logger: n.log,
	}
	if n.lateBus != nil {
		o.Receipt, o.Tell = n.receipts.of, n.lateBus.tell
	}
	set, err := dynamic.New(o)
	if err != nil {
		return err
	}
	n.late.Store(set)
	if n.o.Mode == Command {
		return nil // they are looked for when one is needed
	}
	return set.Look(ctx)
}

// publicOutputs reports of which types outputs are shown to who has a token.
func publicOutputs(c *config.Config) func(typ string) bool {
	var types symphony.Patterns[bool]
	for _, t := range c.Types {
		if err := types.Set(t.Pattern, t.PublicOutput); err != nil {
			panic("server: " + err.Error()) // Load has checked it
		}
	}
	return func(typ string) bool {
		public, _ := types.Match(typ)
		return public
	}
}

// unaware are the names of the processes that know of no handlers that are set at run time.
func (n *node) unaware(ctx context.Context) ([]string, error) {
	for _, t := range n.transports {
		if t == nil {
			continue
		}
		shared, err := storage.NodesOf(t)
		if errors.Is(err, symphony.ErrUnsupported) {
			continue
		}
		if err != nil {
			return nil, err
		}
		nodes, err := shared.Nodes(ctx)
		if err != nil {
			return nil, err
		}
		return monitor.Unaware(nodes), nil // all of them share the one storage
	}
	return nil, nil
}

// configuredHandlers are those that were there when this process started: of the configuration, and the program's own.
func (n *node) configuredHandlers() (list []wire.Handler) {
	c := n.config
	if n.o.NoHandlers {
		return nil
	}
	for i := range c.Handlers {
		list = append(list, configuredHandler(&c.Handlers[i]))
	}
	for _, pattern := range n.mux.Patterns() {
		_, names := n.mux.Handlers(pattern)
		if slices.ContainsFunc(c.Handlers, func(h config.Handler) bool { return h.Pattern == pattern }) {
			continue
		}
		for _, name := range names {
			list = append(list, wire.Handler{Pattern: pattern, Name: name, Source: wire.HandlerOfProgram, Kind: "go"})
		}
	}
	return list
}

func configuredHandler(h *config.Handler) wire.Handler {
	out := wire.Handler{Pattern: h.Pattern, Name: h.Name, Source: wire.HandlerOfConfig, Kind: "command"}
	if h.KeepOutput {
		out.KeepOutput = &h.KeepOutput
	}
	if h.Places > 0 {
		out.Concurrency = &h.Places
	}
	if ms := int(h.Timeout.Milliseconds()); ms > 0 {
		out.Timeout = &ms
	}
	if h.HTTP != nil {
		out.Kind, out.Secrets = "http", len(h.HTTP.Secrets)
		out.URL = config.ShownEndpoint(h.HTTP.URL)
	}
	if h.Retry != nil {
		retries := h.Retry.Policy().Retries()
		out.Retry = &wire.HandlerRetry{MaxRetries: &retries}
		for _, d := range h.Retry.Delays {
			out.Retry.RetryDelay = append(out.Retry.RetryDelay, int(d.Milliseconds()))
		}
	}
	return out
}

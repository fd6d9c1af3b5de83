package httpapi

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/handler/dynamic"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/worker"
)

var errNoHandlers = unsupported(
	"sets no handlers: no transport keeps them, or the API was made without Options.Handlers")

// ofQueue tells handlers of one pattern apart.
var ofQueue = parameter{name: "queue", doc: "The handler of the pattern that is for this queue alone. Default: the " +
	"one for all queues, as far as its queues say."}

func handlersRoutes() []route {
	return []route{
		on(wire.ListHandlers, route{
			tag: "Handlers", scope: auth.ScopeOperate,
			summary: "List the handlers: configured ones, and those that are set",
			doc: "A message is handled by what is configured for its type, else by what is set: what is for its " +
				"queue alone, then the most specific pattern.",
			errors: []int{501},
			serve:  listHandlers,
		}),
		on(wire.GetHandler, route{
			tag: "Handlers", scope: auth.ScopeOperate,
			summary: "Show the handler of a pattern",
			query:   []parameter{ofQueue},
			errors:  []int{404, 501},
			serve:   getHandler,
		}),
		on(wire.SetHandler, route{
			tag: "Handlers", scope: auth.ScopeOperate, audit: "handler.set",
			summary: "Have the messages of a pattern of types pushed to a URL",
			doc: "To url, http or https, whose origin must be among push.allowed_origins; the address is looked at" +
				" when it is connected to. Beside the configured handlers, which win: a pattern of which they " +
				"take all is 409 with code handler_configured. It holds on the node that answers at once, on all " +
				"others within a second, and is kept across restarts. What is pushed is signed " +
				"(docs/handlers.md). The answer for a new handler is 201 with its secret, which is told this " +
				"once; for one that was there 200, and its secrets stay. With secret (whsec_…) that one signs " +
				"alone. retry: attempts after the first, and milliseconds before each, one number or a list whose" +
				" last repeats. timeout: milliseconds of an attempt, by default push.timeout. keepOutput: the " +
				"body of a success with Content-Type application/json is the output. concurrency: how many of a " +
				"worker's messages it has at the same time, by default half of them, or all where it is the only " +
				"handler. queues: those whose messages it takes, by default all.",
			example: `{"url":"https://app.example.com/api/symphony","timeout":30000}`,
			query:   []parameter{ofQueue},
			also:    map[int]any{201: wire.HandlerResponse{}}, errors: []int{409, 501},
			serve: setHandler,
		}),
		on(wire.DeleteHandler, route{
			tag: "Handlers", scope: auth.ScopeOperate, audit: "handler.delete",
			summary: "Delete a handler that was set",
			doc: "Messages that wait for it fail with errorClass no_handler when their turn comes, unless " +
				"something else handles them. Pause the queue first to keep them waiting.",
			query:  []parameter{ofQueue},
			errors: []int{404, 501},
			serve:  deleteHandler,
		}),
		on(wire.RotateHandler, route{
			tag: "Handlers", scope: auth.ScopeOperate, audit: "handler.rotate",
			summary: "Make the next secret of a handler",
			doc: "From now on both sign each push, until the older one is retired. Where two sign already, the new" +
				" one takes the place of the newer.",
			optionalBody: true, example: `{}`,
			query:  []parameter{ofQueue},
			errors: []int{404, 409, 501},
			serve:  rotateHandler,
		}),
		on(wire.RetireHandler, route{
			tag: "Handlers", scope: auth.ScopeOperate, audit: "handler.retire",
			summary: "Have the newer secret of a handler sign alone",
			doc:     "Where only one signs, 409 with code no_rotation.",
			query:   []parameter{ofQueue},
			errors:  []int{404, 409, 501},
			serve:   retireHandler,
		}),
	}
}

// handlerTarget is which handler a request is about.
func (c *call) handlerTarget() dynamic.Target {
	return dynamic.Target{Pattern: c.PathValue("id"), Queue: c.query["queue"]}
}

// freshHandlers has a run of workers know the handlers that are set, in a process that does not follow them.
func (c *call) freshHandlers(ctx context.Context) error {
	if c.api.o.Handlers == nil {
		return nil
	}
	return c.api.o.Handlers.Fresh(ctx)
}

func listHandlers(c *call) error {
	list, err := c.allHandlers()
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, wire.HandlersResponse{Success: true, Handlers: list})
}

// allHandlers are all, in the order of their patterns.
func (c *call) allHandlers() ([]wire.Handler, error) {
	set := c.api.o.Handlers
	if set == nil {
		return nil, errNoHandlers
	}
	known, err := set.List(c.Context())
	if err != nil {
		return nil, err
	}
	list := append(make([]wire.Handler, 0, len(known)), c.api.o.Configured...)
	for i := range known {
		list = append(list, c.wireHandler(&known[i]))
	}
	slices.SortStableFunc(list, func(a, b wire.Handler) int {
		return cmp.Or(cmp.Compare(a.Pattern, b.Pattern), cmp.Compare(a.Queue, b.Queue))
	})
	return list, nil
}

func (c *call) wireHandler(h *dynamic.Handler) wire.Handler {
	out := wire.Handler{Pattern: h.Pattern, Queue: h.Queue, Source: wire.HandlerSet, Kind: "http", URL: h.URL,
		Secrets: 1, CreatedAt: optional(h.CreatedAt), UpdatedAt: optional(h.ChangedAt), By: h.By,
		OverriddenBy: c.api.o.Handlers.Registered(h.Pattern)}
	out.Timeout, out.Concurrency = given(int(h.Timeout.Milliseconds())), given(h.Concurrency)
	out.KeepOutput, out.Queues = given(h.KeepOutput), h.Queues
	if h.Rotating {
		out.Secrets = 2
	}
	if h.MaxRetries != nil || h.RetryDelay != nil {
		out.Retry = &wire.HandlerRetry{MaxRetries: h.MaxRetries, RetryDelay: toldDelays(h.RetryDelay)}
	}
	if h.Problem != nil {
		out.Problem = h.Problem.Error()
	}
	return out
}

func getHandler(c *call) error {
	list, err := c.allHandlers()
	if err != nil {
		return err
	}
	t := c.handlerTarget()
	var found *wire.Handler
	for i := range list {
		h := &list[i]
		if h.Pattern == t.Pattern && h.Queue == t.Queue && (found == nil || h.Source == wire.HandlerSet) {
			found = h
		}
	}
	if found == nil {
		return symphony.ErrNotFound
	}
	return c.answer(http.StatusOK, wire.HandlerResponse{Success: true, Handler: *found})
}

func setHandler(c *call) error {
	change := dynamic.Change{Target: c.handlerTarget(), By: c.principal.ID}
	var req wire.HandlerRequest
	check := func(bool) (list []symphony.Problem) {
		change.Settings = dynamic.Settings{URL: req.URL, KeepOutput: value(req.KeepOutput), Queues: req.Queues,
			Timeout:     time.Duration(asked(value(req.Timeout), reflect.TypeFor[time.Duration]())),
			Concurrency: value(req.Concurrency)}
		change.Secret = value(req.Secret)
		// To the domain these are what is left out.
		refuse := func(given bool, path, format string, args ...any) {
			if given {
				list = append(list, symphony.Problem{Path: path, Message: fmt.Sprintf(format, args...)})
			}
		}
		refuse(req.Timeout != nil && *req.Timeout == 0, "timeout", "must be %d to %d",
			symphony.MinTimeout.Milliseconds(), symphony.MaxTimeout.Milliseconds())
		refuse(req.Concurrency != nil && *req.Concurrency == 0, "concurrency", "must be 1 to %d", worker.MaxConcurrency)
		refuse(req.Secret != nil && *req.Secret == "", "secret", "must not be empty")
		if r := req.Retry; r != nil {
			change.MaxRetries = r.MaxRetries
			if r.RetryDelay != nil {
				change.RetryDelay = delays(r.RetryDelay, "retry.retryDelay", &list)
			}
		}
		return list
	}
	if err := c.accept(&req, check); err != nil {
		return err
	}
	if c.api.o.Handlers == nil {
		return errNoHandlers
	}
	h, secret, created, err := c.api.o.Handlers.Put(c.Context(), change)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if created {
		status = http.StatusCreated
	}
	c.noteResult("created", created)
	return c.answer(status, wire.HandlerResponse{Success: true, Handler: c.wireHandler(&h), Secret: secret})
}

func deleteHandler(c *call) error {
	if c.api.o.Handlers == nil {
		return errNoHandlers
	}
	t := c.handlerTarget()
	if err := c.api.o.Handlers.Delete(c.Context(), t); err != nil {
		return err
	}
	message := "The handler of " + t.String() + " was deleted."
	return c.answer(http.StatusOK, wire.DoneResponse{Success: true, Message: message})
}

func rotateHandler(c *call) error {
	var req wire.HandlerSecretRequest
	check := func(bool) (list []symphony.Problem) {
		if req.Secret != nil && *req.Secret == "" {
			list = append(list, symphony.Problem{Path: "secret", Message: "must not be empty"})
		}
		return list
	}
	if err := c.accept(&req, check); err != nil {
		return err
	}
	if c.api.o.Handlers == nil {
		return errNoHandlers
	}
	h, secret, err := c.api.o.Handlers.Rotate(c.Context(), c.handlerTarget(), value(req.Secret), c.principal.ID)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, wire.HandlerResponse{Success: true, Handler: c.wireHandler(&h), Secret: secret})
}

func retireHandler(c *call) error {
	if c.api.o.Handlers == nil {
		return errNoHandlers
	}
	h, err := c.api.o.Handlers.Retire(c.Context(), c.handlerTarget(), c.principal.ID)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, wire.HandlerResponse{Success: true, Handler: c.wireHandler(&h)})
}

package httpapi

import (
	"net/http"
	"slices"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/operation"
)

// maxNameShown bounds what an operation says of who asked for it, in bytes.
const maxNameShown = 100

// operations is for routes about work in the background.
func operations(serve func(*call, *operation.Operations) error) func(*call) error {
	return func(c *call) error {
		if c.api.o.Operations == nil {
			return errNoOperations
		}
		return serve(c, c.api.o.Operations)
	}
}

var errNoOperations = unsupported("does no work in the background: the API was made without Options.Operations")

// startOperation starts an operation and answers it.
func (c *call) startOperation(r operation.Request) error {
	ops := c.api.o.Operations
	if ops == nil {
		return errNoOperations
	}
	r.By = c.principal.ID[:min(len(c.principal.ID), maxNameShown)]
	op, err := ops.Start(c.Context(), r)
	if err != nil {
		return err
	}
	return c.answer(http.StatusAccepted, wire.OperationResponse{Success: true, Operation: wireOperation(&op)})
}

func wireOperation(op *operation.Operation) wire.Operation {
	out := wire.Operation{
		ID: op.ID, Kind: string(op.Kind), State: string(op.State), Transport: op.Transport, Selected: op.Selected, Rate: op.Rate, Total: op.Total,
		Done: op.Done, Skipped: op.Skipped, Error: op.Error, By: op.By, Node: op.Node, CreatedAt: op.CreatedAt.UTC(), StartedAt: optional(op.StartedAt),
		UpdatedAt: op.UpdatedAt.UTC(), FinishedAt: optional(op.FinishedAt),
	}
	if out.Error == "" {
		out.Error = op.Refused
	}
	out.Unreadable = op.DecodeErr != nil
	if f := op.Filter; f != nil {
		out.Filter = &wire.OperationFilter{Queue: f.Queue, Type: f.Type, Priority: f.Priority, ErrorClass: f.ErrorClass,
			Since: optional(f.Since), Until: optional(f.Until), Q: f.Text}
	}
	return out
}

func operationsList(c *call, ops *operation.Operations) error {
	var list []symphony.Problem
	q := operation.Query{State: operation.State(c.query["state"]), After: c.query["cursor"], Limit: c.number("limit", 1, operation.MaxPage, &list)}
	if len(list) > 0 {
		return invalid(list...)
	}
	page, err := ops.List(c.Context(), q)
	if err != nil {
		return err
	}
	answer := wire.OperationsResponse{Success: true, Operations: make([]wire.Operation, len(page.Operations)), HasMore: page.HasMore}
	for i := range page.Operations {
		answer.Operations[i] = wireOperation(&page.Operations[i])
	}
	if page.HasMore {
		answer.NextCursor = page.Operations[len(page.Operations)-1].ID
	}
	return c.answer(http.StatusOK, answer)
}

func operationsShow(c *call, ops *operation.Operations) error {
	op, err := ops.Get(c.Context(), c.PathValue("id"))
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, wire.OperationResponse{Success: true, Operation: wireOperation(&op)})
}

func operationsStop(c *call, ops *operation.Operations) error {
	op, err := ops.Stop(c.Context(), c.PathValue("id"))
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, wire.OperationResponse{Success: true, Operation: wireOperation(&op)})
}

func operationsResume(c *call, ops *operation.Operations) error {
	op, err := ops.Resume(c.Context(), c.PathValue("id"))
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, wire.OperationResponse{Success: true, Operation: wireOperation(&op)})
}

// rate is the rate of an operation; 0 was asked for, and is out of range.
func rate(given *int) int {
	if given != nil && *given == 0 {
		return -1
	}
	return value(given)
}

// distinct are ids without repetitions.
func distinct(ids []string) []string {
	if ids == nil {
		return nil
	}
	list := slices.Clone(ids)
	slices.Sort(list)
	return slices.Compact(list)
}

func messagesReplayMany(c *call) error {
	var req wire.ReplayManyRequest
	var r operation.Request
	err := c.accept(&req, func(bool) (list []symphony.Problem) {
		r, list = c.replayMany(&req)
		return list
	})
	if err != nil {
		return err
	}
	if !value(req.DryRun) {
		return c.startOperation(r)
	}
	if c.api.o.Operations == nil {
		return errNoOperations
	}
	c.deadline(time.Time{}) // however many there are to look at; a caller that is gone ends it
	n, err := c.api.o.Operations.Preview(c.Context(), r)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, wire.PreviewCountResponse{Success: true, DryRun: true, Count: n})
}

// replayMany is what a request asks for, with what the domain cannot see.
func (c *call) replayMany(req *wire.ReplayManyRequest) (r operation.Request, list []symphony.Problem) {
	r = operation.Request{Kind: operation.MessagesReplay, Transport: c.transportOr(value(req.Transport)), IDs: distinct(req.IDs), Rate: rate(req.Rate)}
	if f := req.Filter; f != nil {
		filter := c.filterOf(f, "filter.", &list)
		r.Filter = &filter
	}
	return r, list
}

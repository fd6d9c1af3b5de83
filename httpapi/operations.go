package httpapi

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

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
	out.Set, out.Reason = op.Set.Names(), op.Reason
	if out.Error == "" {
		out.Error = op.Refused
	}
	out.Unreadable = op.DecodeErr != nil
	if f := op.Filter; f != nil {
		out.Filter = wireOperationFilter(f)
	}
	return out
}

// wireOperationFilter is the filter of an operation as it was asked for, so that a list with the same shows what it
// selects.
func wireOperationFilter(f *symphony.MessageFilter) *wire.OperationFilter {
	out := &wire.OperationFilter{
		Queue: f.Queue, Type: f.Type, Priority: f.Priority, ErrorClass: f.ErrorClass, FailureGroup: f.FailureGroup,
		Since: optional(f.Since), Until: optional(f.Until),
		EndedSince: optional(f.EndedSince), EndedUntil: optional(f.EndedUntil),
		Tag: f.Tags, IdempotencyKey: f.IdempotencyKey, CorrelationID: f.CorrelationID, CausationID: f.CausationID,
		GroupKey: f.GroupKey, ConcurrencyKey: f.ConcurrencyKey, DispatchedBy: f.DispatchedBy, Worker: f.Worker,
		Q: f.Text,
	}
	for _, s := range f.AllStatuses() {
		out.Status = append(out.Status, string(s))
	}
	if len(f.Metadata) > 0 {
		out.Metadata, _ = json.Marshal(f.Metadata, json.Deterministic(true)) // texts by texts
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

// selected has a request about many messages select what its body says, with what the domain cannot see.
func (c *call) selected(
	r *operation.Request, transport *string, ids wire.IDs, f *wire.MessageFilter, perSecond *int,
) (list []symphony.Problem) {
	r.Transport, r.IDs, r.Rate = c.transportOr(value(transport)), distinct(ids), rate(perSecond)
	if f != nil {
		filter := c.filterOf(f, "filter.", &list)
		r.Filter = &filter
	}
	return list
}

// checked adds what the domain says of a request. wrong says that something is wrong already; else an operation that is
// begun tells.
func checked(r *operation.Request, list []symphony.Problem, wrong bool) []symphony.Problem {
	if !wrong && len(list) == 0 {
		return nil
	}
	for _, p := range r.Problems() {
		within := func(told symphony.Problem) bool { return strings.HasPrefix(told.Path+".", p.Path+".") }
		if !slices.ContainsFunc(list, within) { // else what seems to be missing is what is told already
			list = append(list, p)
		}
	}
	return list
}

// preview counts what a request selects.
func (c *call) preview(r operation.Request) error {
	ops := c.api.o.Operations
	if ops == nil {
		return errNoOperations
	}
	n, atLeast, err := ops.Preview(c.Context(), r)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, wire.PreviewCountResponse{Success: true, DryRun: true, Count: n, AtLeast: atLeast})
}

// many serves a route about many messages: it starts an operation, or only counts.
func many[Req any](
	dryRun func(*Req) *bool, ask func(*call, *Req, *operation.Request) []symphony.Problem,
) func(*call) error {
	return func(c *call) error {
		var (
			req Req
			r   operation.Request
		)
		err := c.accept(&req, func(wrong bool) []symphony.Problem {
			r = operation.Request{}
			return checked(&r, ask(c, &req, &r), wrong)
		})
		if err != nil {
			return err
		}
		if value(dryRun(&req)) {
			return c.preview(r)
		}
		return c.startOperation(r)
	}
}

var messagesReplayMany = many(func(req *wire.ReplayManyRequest) *bool { return req.DryRun },
	func(c *call, req *wire.ReplayManyRequest, r *operation.Request) []symphony.Problem {
		r.Kind = operation.MessagesReplay
		return c.selected(r, req.Transport, req.IDs, req.Filter, req.Rate)
	})

var messagesCancelMany = many(func(req *wire.CancelManyRequest) *bool { return req.DryRun },
	func(c *call, req *wire.CancelManyRequest, r *operation.Request) []symphony.Problem {
		r.Kind, r.Reason = operation.MessagesCancel, value(req.Reason)
		return c.selected(r, req.Transport, req.IDs, req.Filter, req.Rate)
	})

var messagesEditMany = many(func(req *wire.EditManyRequest) *bool { return req.DryRun },
	func(c *call, req *wire.EditManyRequest, r *operation.Request) []symphony.Problem {
		r.Kind = operation.MessagesEdit
		return append(c.selected(r, req.Transport, req.IDs, req.Filter, req.Rate), c.set(req.Set, r)...)
	})

var messagesDeleteMany = many(func(req *wire.DeleteManyRequest) *bool { return req.DryRun },
	func(c *call, req *wire.DeleteManyRequest, r *operation.Request) []symphony.Problem {
		r.Kind, r.All = operation.MessagesDelete, value(req.All)
		list := c.selected(r, req.Transport, req.IDs, req.Filter, req.Rate)
		return append(list, allProblems(req.All, req.Filter)...)
	})

// allProblems is what is wrong with the confirmation of an empty filter, where there is none.
func allProblems(all *bool, f *wire.MessageFilter) []symphony.Problem {
	if value(all) && (f == nil || !f.SelectsAll()) {
		return []symphony.Problem{{Path: "all", Message: "is for an empty filter, which selects everything"}}
	}
	return nil
}

// set reads what an edit of many messages changes.
func (c *call) set(raw jsontext.Value, r *operation.Request) []symphony.Problem {
	if raw == nil {
		return nil // the domain says so
	}
	var given map[string]jsontext.Value
	err := decode(c.Context(), raw, &given)
	if err != nil {
		err = explain(err, &given, nil)
	} else {
		var edit symphony.MessageEdit
		edit, err = c.messageEdit(given)
		r.Edit = &edit
	}
	var (
		invalid *symphony.ValidationError
		found   *mistakes
		list    []symphony.Problem
	)
	switch {
	case errors.As(err, &invalid):
		list = slices.Clone(invalid.Problems)
	case errors.As(err, &found):
		list = slices.Clone(found.list)
	case err != nil: // it was read as a part of the body
		list = []symphony.Problem{{Message: err.Error()}}
	}
	for i, p := range list {
		list[i].Path = strings.TrimSuffix("set."+p.Path, ".")
	}
	return list
}

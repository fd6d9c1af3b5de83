package httpapi

import (
	"fmt"
	"net/http"

	stdjson "encoding/json"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/operation"
	"github.com/symphony-messenger/symphony/triage"
)

// groupStore is what groups the dead letters of a transport.
func (c *call) groupStore(transport string) (triage.Store, error) {
	if _, err := c.deadLetters(transport); err != nil {
		return nil, err
	}
	t, err := c.api.o.Bus.Transport(transport)
	if err != nil {
		return nil, err
	}
	return triage.StoreOf(t)
}

// groupParameters select the dead letters of a transport that are grouped.
func groupParameters() []parameter {
	list := []parameter{ofTransport}
	for _, p := range filterParameters(true) {
		switch p.name {
		case "queue", "type", "priority", "q", "since", "until", "endedSince", "endedUntil", "errorClass",
			"failureGroup", "dispatchedBy":
			list = append(list, p)
		}
	}
	return list
}

func failedGroups(c *call) error {
	var list []symphony.Problem
	q := c.failedQuery(&list)
	q.Limit, q.After = c.number("limit", 1, symphony.MaxMessagePage, &list), c.query["cursor"]
	if q = q.WithDefaults(); len(list) == 0 {
		list = q.Problems("")
	}
	if len(list) > 0 {
		return invalid(list...)
	}
	store, err := c.groupStore(c.transport())
	if err != nil {
		return err
	}
	groups, err := store.FailureGroups(c.Context(),
		triage.Query{MessageFilter: q.MessageFilter, Limit: q.Limit + 1, After: q.After})
	if err != nil {
		return err
	}
	answer := wire.FailureGroupsResponse{Success: true, Groups: []wire.FailureGroup{}}
	for i := range groups {
		if i == q.Limit {
			answer.HasMore, answer.NextCursor = true, groups[i-1].FailedID
			break
		}
		answer.Groups = append(answer.Groups, failureGroup(c.transport(), &groups[i]))
	}
	return c.answer(http.StatusOK, answer)
}

func failureGroup(transport string, g *triage.Group) wire.FailureGroup {
	return wire.FailureGroup{Group: g.Name, Transport: transport, Type: g.Type, ErrorClass: g.ErrorClass,
		Sample: g.Sample, Count: g.Count, Attempts: g.Attempts,
		FirstSeen: g.FirstSeen.UTC(), LastSeen: g.LastSeen.UTC(),
		Series: g.Hours[:]}
}

// failedGroupRetry dispatches the dead letters of a group again, in the background, or shows what that would do.
func failedGroupRetry(c *call) error {
	var (
		req wire.GroupRetryRequest
		r   operation.Request
	)
	group := c.PathValue("id")
	err := c.accept(&req, func(bool) []symphony.Problem {
		r = operation.Request{Kind: operation.FailedRetry, Transport: c.transport(), Rate: rate(req.Rate),
			Filter: &symphony.MessageFilter{FailureGroup: group}, Patch: stdjson.RawMessage(req.Patch)}
		return r.Problems()
	})
	if err != nil {
		return err
	}
	store, err := c.groupStore(r.Transport)
	if err != nil {
		return err
	}
	found, err := store.FailureGroups(c.Context(), triage.Query{MessageFilter: *r.Filter, Limit: 1})
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return fmt.Errorf("group of failures %s: %w", group, symphony.ErrNotFound)
	}
	if !value(req.DryRun) {
		return c.startOperation(r)
	}
	dead, err := c.deadLetters(r.Transport)
	if err != nil {
		return err
	}
	count, err := operation.Count(c.Context(), dead, r)
	if err != nil {
		return err
	}
	answer := wire.GroupPreviewResponse{Success: true, DryRun: true, Count: count}
	if answer.Examples, err = c.examples(dead, r); err != nil {
		return err
	}
	return c.answer(http.StatusOK, answer)
}

// examples shows what a request's patch makes of some payloads.
func (c *call) examples(dead *symphony.DeadLetters, r operation.Request) ([]wire.PatchExample, error) {
	list, err := operation.Examples(c.Context(), dead, r)
	if err != nil {
		return nil, err
	}
	out := []wire.PatchExample{}
	for i := range list {
		out = append(out, patchExample(&list[i]))
	}
	return out, nil
}

func patchExample(e *operation.Example) wire.PatchExample {
	out := wire.PatchExample{ID: e.FailedID, Before: payload(e.Payload), Problems: []wire.PatchProblem{}}
	if e.After != nil {
		out.After = jsontext.Value(e.After)
	}
	for _, p := range e.Problems {
		out.Problems = append(out.Problems, wire.PatchProblem{Path: p.Path, Message: p.Message})
	}
	return out
}

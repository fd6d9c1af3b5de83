package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	stdjson "encoding/json"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/operation"
	"github.com/symphony-messenger/symphony/triage"
)

// ofGroup names the transport of a group.
var ofGroup = parameter{name: "transport", doc: "Default: whichever has the group."}

// groups are those of a transport, with what was decided about them.
func (c *call) groups(transport string) (*triage.Groups, error) {
	if _, err := c.deadLetters(transport); err != nil {
		return nil, err
	}
	t, err := c.api.o.Bus.Transport(transport)
	if err != nil {
		return nil, err
	}
	return triage.GroupsOf(t, c.api.o.Clock)
}

// allGroups are the groups of the transport that is named, or of all that have some, by the transports' names in order.
func (c *call) allGroups() (names []string, list []*triage.Groups, err error) {
	if name := c.query["transport"]; name != "" {
		g, err := c.groups(name)
		return []string{name}, []*triage.Groups{g}, err
	}
	for _, name := range c.api.o.Bus.Names() {
		g, err := c.groups(name)
		switch {
		case errors.Is(err, symphony.ErrUnsupported):
			continue
		case err != nil:
			return nil, nil, err
		}
		names, list = append(names, name), append(list, g)
	}
	if len(list) == 0 {
		return nil, nil, unsupported("keeps no failed messages")
	}
	return names, list, nil
}

// group finds the group that a route names, and its transport.
func (c *call) group() (transport string, g *triage.Groups, found triage.Group, err error) {
	names, list, err := c.allGroups()
	if err != nil {
		return "", nil, found, err
	}
	missing := fmt.Errorf("group of failures %s: %w", c.PathValue("id"), symphony.ErrNotFound)
	var in []string
	for i := range list {
		one, err := list[i].Find(c.Context(), c.PathValue("id"))
		switch {
		case errors.Is(err, symphony.ErrNotFound):
			continue
		case err != nil:
			return "", nil, found, err
		}
		in = append(in, names[i])
		transport, g, found = names[i], list[i], one
	}
	switch len(in) {
	case 0:
		return "", nil, found, missing
	case 1:
		return transport, g, found, nil
	}
	return "", nil, found, invalid(symphony.Problem{Path: "transport",
		Message: "must be given, because several have this group: " + strings.Join(in, ", ")})
}

// regressedState selects the groups that were resolved and have failed since, which are open.
const regressedState = "regressed"

func groupStates() []string {
	return append(texts(triage.Open, triage.Ignored, triage.Resolved), regressedState)
}

// groupParameters select the dead letters of a transport that are grouped.
func groupParameters() []parameter {
	list := []parameter{ofTransports}
	for _, p := range filterParameters(true) {
		switch p.name {
		case "queue", "type", "priority", "q", "since", "until", "endedSince", "endedUntil", "errorClass",
			"failureGroup", "dispatchedBy":
			list = append(list, p)
		}
	}
	return append(list,
		parameter{name: "state", oneOf: groupStates(), doc: "What was decided about them; open ones are also those " +
			"that have regressed."},
		parameter{name: "left", kind: "boolean", doc: "Only those of which dead letters are there."})
}

func failedGroups(c *call) error {
	var list []symphony.Problem
	q := c.failedQuery(&list)
	q.Limit, q.After = c.number("limit", 1, symphony.MaxMessagePage, &list), c.query["cursor"]
	wanted := c.wantedGroups(&list)
	if q = q.WithDefaults(); len(list) == 0 {
		list = q.Problems("")
	}
	if len(list) > 0 {
		return invalid(list...)
	}
	names, all, err := c.allGroups()
	if err != nil {
		return err
	}
	var (
		found   []listedGroup
		through string // where a transport was not looked at further
	)
	for i, g := range all {
		page, stopped, err := c.groupsOf(names[i], g, &q, wanted)
		if err != nil {
			return err
		}
		found, through = append(found, page...), max(through, stopped)
	}
	slices.SortStableFunc(found, func(a, b listedGroup) int { return strings.Compare(b.cursor, a.cursor) })
	answer := wire.FailureGroupsResponse{Success: true, Groups: []wire.FailureGroup{}}
	answer.HasMore, answer.NextCursor = through != "", through
	for i := range found {
		if i == q.Limit {
			answer.HasMore, answer.NextCursor = true, found[i-1].cursor
			break
		}
		if found[i].cursor < through {
			break // others that were not looked at come before it
		}
		answer.Groups = append(answer.Groups, found[i].FailureGroup)
	}
	return c.answer(http.StatusOK, answer)
}

// listedGroup is a group in a list, and its place there.
type listedGroup struct {
	wire.FailureGroup
	cursor string
}

// groupPages is how many pages of a transport's groups are looked at for those that are wanted.
const groupPages = 10

// wantedGroups are those that a list is narrowed to by what was decided about them, nil for all.
func (c *call) wantedGroups(list *[]symphony.Problem) func(*wire.FailureGroup) bool {
	left, state := c.queryBool("left", list), c.query["state"]
	if state != "" && !slices.Contains(groupStates(), state) {
		*list = append(*list, symphony.Problem{Path: "state",
			Message: "must be one of " + strings.Join(groupStates(), ", ")})
	}
	if !left && state == "" {
		return nil
	}
	return func(g *wire.FailureGroup) bool {
		return (!left || g.Count > 0) &&
			(state == "" || state == g.State || state == regressedState && g.Regressed)
	}
}

// groupsOf are groups of one transport for a page, one more than fit on it. stopped is how far was looked, where there
// may be more behind it.
func (c *call) groupsOf(
	transport string, g *triage.Groups, q *symphony.MessageQuery, wanted func(*wire.FailureGroup) bool,
) (found []listedGroup, stopped string, err error) {
	decisions, err := g.Decisions(c.Context())
	if err != nil {
		return nil, "", err
	}
	next := triage.Query{MessageFilter: q.MessageFilter, Limit: q.Limit + 1, After: q.After}
	if wanted != nil {
		next.Limit = symphony.MaxMessagePage
	}
	for range groupPages {
		page, err := g.FailureGroups(c.Context(), next)
		if err != nil {
			return nil, "", err
		}
		for k := range page {
			told := failureGroup(transport, &page[k], decisions[page[k].Name], g.Now())
			if wanted == nil || wanted(&told) {
				found = append(found, listedGroup{told, page[k].FailedID})
			}
		}
		if wanted == nil || len(page) < next.Limit || len(found) > q.Limit {
			return found, "", nil
		}
		next.After = page[len(page)-1].FailedID
	}
	return found, next.After, nil
}

func failureGroup(transport string, g *triage.Group, d *triage.Decision, now time.Time) wire.FailureGroup {
	out := wire.FailureGroup{Group: g.Name, Transport: transport, Type: g.Type, ErrorClass: g.ErrorClass,
		Sample: g.Sample, Count: g.Count, Failures: g.Failures, Attempts: g.Attempts,
		FirstSeen: g.FirstSeen.UTC(), LastSeen: g.LastSeen.UTC(), Series: g.Hours[:]}
	state, regressed := d.Of(g, now)
	out.State, out.Regressed = string(state), regressed
	if d != nil {
		out.Note = d.Note
		if state == triage.Ignored {
			out.Until = optional(d.Until)
		}
	}
	return out
}

// failedGroupDelete deletes the dead letters of a group, in the background, or counts them.
func failedGroupDelete(c *call) error {
	var req wire.GroupDeleteRequest
	err := c.accept(&req, func(bool) []symphony.Problem {
		r := operation.Request{Kind: operation.FailedDelete, IDs: []string{""}, Rate: rate(req.Rate)}
		return r.Problems()
	})
	if err != nil {
		return err
	}
	transport, _, group, err := c.group()
	if err != nil {
		return err
	}
	if value(req.DryRun) {
		return c.answer(http.StatusOK, wire.PreviewCountResponse{Success: true, DryRun: true, Count: group.Count})
	}
	return c.startOperation(operation.Request{Kind: operation.FailedDelete, Transport: transport, Rate: rate(req.Rate),
		Filter: &symphony.MessageFilter{FailureGroup: group.Name}})
}

func failedGroupIgnore(c *call) error {
	var req wire.GroupIgnoreRequest
	d := triage.Decision{State: triage.Ignored}
	err := c.accept(&req, func(bool) (list []symphony.Problem) {
		d.Note, d.Count = value(req.Note), value(req.Count)
		if req.Count != nil && d.Count == 0 { // to the domain no number; here it was asked for, and is out of range
			d.Count = -1
		}
		if req.Until != nil {
			d.Until = instant(req.Until, "until", &list)
		}
		return list
	})
	if err != nil {
		return err
	}
	return c.decide(d)
}

func failedGroupResolve(c *call) error {
	var req wire.GroupResolveRequest
	if err := c.accept(&req, nil); err != nil {
		return err
	}
	return c.decide(triage.Decision{State: triage.Resolved, Note: value(req.Note)})
}

// decide keeps what is decided about a group, and answers it.
func (c *call) decide(d triage.Decision) error {
	transport, groups, found, err := c.group()
	if err != nil {
		return err
	}
	d.By = c.principal.ID
	group, decided, err := groups.Decide(c.Context(), found.Name, d)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, wire.FailureGroupResponse{Success: true,
		Group: failureGroup(transport, &group, decided, groups.Now())})
}

// failedGroupRetry dispatches the dead letters of a group again, in the background, or shows what that would do.
func failedGroupRetry(c *call) error {
	var (
		req wire.GroupRetryRequest
		r   operation.Request
	)
	err := c.accept(&req, func(bool) []symphony.Problem {
		r = operation.Request{Kind: operation.FailedRetry, Rate: rate(req.Rate), Patch: stdjson.RawMessage(req.Patch),
			Filter: &symphony.MessageFilter{FailureGroup: c.PathValue("id")}}
		return r.Problems()
	})
	if err != nil {
		return err
	}
	if r.Transport, _, _, err = c.group(); err != nil {
		return err
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
	out := wire.PatchExample{ID: e.FailedID, Type: e.Type, Before: payload(e.Payload), Problems: []wire.PatchProblem{}}
	if e.After != nil {
		out.After = jsontext.Value(e.After)
	}
	for _, p := range e.Problems {
		out.Problems = append(out.Problems, wire.PatchProblem{Path: p.Path, Message: p.Message})
	}
	return out
}

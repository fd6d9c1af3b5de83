package httpapi

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/audit"
	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// Every route that changes something names the action that the audit trail has for it, or says that it is traffic; see
// route.audit. The rest happens here, for all of them alike:
//
//  1. When the request's body is decoded, or at once where the route takes none, the intent is recorded: who is about to do
//     what to what. Where this fails the request is refused with 503, and nothing has been done.
//  2. Before the answer is given its outcome is recorded. Where this fails, which the log tells, the entry stays unfinished.
//
// A body that cannot be decoded is not recorded: the route has not even seen it. Nor are callers without credentials.

// traffic marks a route that changes something and is not audited.
const traffic = "-"

// maxAuditIDs is how many ids of a call are kept; their number is told in any case.
const maxAuditIDs = 1000

// outcomeGrace bounds the recording of an outcome, whose caller may be gone.
const outcomeGrace = 10 * time.Second

// recording is the trail's part in one call.
type recording struct {
	trail  *audit.Trail
	entry  audit.Entry
	action *audit.Action  // nil until the intent is recorded
	result map[string]any // what the answer does not say; see noteResult
	ended  bool
}

// audited reports whether a method of the route is recorded.
func (rt *route) audited(method string) bool {
	return rt.audit != "" && rt.audit != traffic && method != http.MethodGet && method != http.MethodHead
}

// begin makes the call one that is recorded.
func (c *call) begin(rt *route) {
	action := rt.audit
	switch {
	case c.api.o.Audit == nil:
		return
	case c.unmasked && c.Method == http.MethodGet:
		action = auditUnmask
	case !rt.audited(c.Method):
		return
	}
	p := c.principal
	c.record = &recording{trail: c.api.o.Audit, entry: audit.Entry{
		Action: action, Who: audit.Who{Kind: string(p.Kind), ID: p.ID, Name: p.Name}, RequestID: c.w.id, Remote: remoteAddress(c.Request, c.api.o.TrustedProxies),
	}}
}

// noteRequest records the intent. body is what was decoded, nil for a route without a body.
func (c *call) noteRequest(body any) error {
	r := c.record
	if r == nil || r.action != nil {
		return nil
	}
	r.entry.Target = c.target(body)
	action, err := r.trail.Begin(c.Context(), r.entry)
	if err != nil {
		return fmt.Errorf("%w: %w", errNoAudit, err)
	}
	r.action = action
	return nil
}

// refused records that the caller has not the scope for the route. Whether that can be recorded changes nothing for the
// caller.
func (c *call) refused(rt *route, err error) {
	var denied *auth.Error
	if !errors.As(err, &denied) || denied.Code != auth.CodeInsufficientScope {
		return
	}
	if c.begin(rt); c.record == nil {
		return
	}
	c.record.entry.Target = c.target(nil)
	if err := c.record.trail.Refuse(c.Context(), c.record.entry, denied.Code); err != nil {
		c.api.o.Logger.Warn("a refused action is missing in the audit trail", "request_id", c.w.id, "error", err)
	}
}

// noteResult has the outcome of a success say something that stands not in the answer.
func (c *call) noteResult(name string, value any) {
	if c.record == nil {
		return
	}
	if c.record.result == nil {
		c.record.result = make(map[string]any)
	}
	c.record.result[name] = value
}

// noteAnswer records the outcome of a success. What has not been recorded before must not have been done.
func (c *call) noteAnswer(body any) error {
	if c.record == nil || c.record.ended {
		return nil
	}
	if c.record.action == nil {
		return errors.New("the route acts before its intent is recorded")
	}
	result := keep(body)
	maps.Copy(result, c.record.result)
	c.end(audit.OK, "", result)
	return nil
}

// noteError records the outcome of a failure.
func (c *call) noteError(err error) {
	if c.record == nil || c.record.ended || c.record.action == nil {
		return
	}
	e := describe(err)
	outcome := audit.Refused
	if e.status >= http.StatusInternalServerError || errors.As(err, new(*refusal)) {
		outcome = audit.Failed // a part may have been done
	}
	c.end(outcome, e.code, nil)
}

func (c *call) end(o audit.Outcome, code string, result map[string]any) {
	c.record.ended = true
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Context()), outcomeGrace)
	defer cancel()
	if err := c.record.action.End(ctx, o, code, jsonOf(result)); err != nil {
		c.api.o.Logger.Error("the outcome of an action is missing in the audit trail", "request_id", c.w.id, "action", c.record.entry.Action, "outcome", string(o), "error", err)
	}
}

// target is what a request is about: the parts of its path, its query, and what the tags of its body say.
func (c *call) target(body any) []byte {
	target := keep(body)
	for name, v := range c.query {
		target[name] = v
	}
	for _, part := range []string{"id", "transport"} {
		if v := c.PathValue(part); v != "" {
			target[part] = v
		}
	}
	return jsonOf(target)
}

// jsonOf is an object, nil for an empty one.
func jsonOf(m map[string]any) []byte {
	if len(m) == 0 {
		return nil
	}
	raw, err := json.Marshal(m, json.Deterministic(true))
	if err != nil {
		return nil // what was decoded can be encoded
	}
	return raw
}

// keep returns what the tags of a struct of package wire say; of a map, which stands for the members of a patch, their
// names.
func keep(body any) map[string]any {
	kept := make(map[string]any)
	v := reflect.ValueOf(body)
	for v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.Struct:
		keepMembers(v, kept)
	case reflect.Map:
		names := make([]string, 0, v.Len())
		for _, k := range v.MapKeys() {
			names = append(names, k.String())
		}
		slices.Sort(names)
		kept["changes"] = names
	}
	return kept
}

func keepMembers(v reflect.Value, kept map[string]any) {
	for _, f := range reflect.VisibleFields(v.Type()) {
		if f.Anonymous || !f.IsExported() {
			continue
		}
		member := v.FieldByIndex(f.Index)
		// What is given and empty, as a filter that selects everything, is a pointer. A count says something also where
		// it is 0.
		if member.IsZero() && !member.CanInt() {
			continue
		}
		if member.Kind() == reflect.Pointer {
			member = member.Elem()
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch f.Tag.Get("audit") {
		case "keep":
			if member.Kind() == reflect.Slice && member.Len() > maxAuditIDs {
				kept[name+"Count"] = member.Len()
				kept[name] = member.Slice(0, maxAuditIDs).Interface()
				continue
			}
			kept[name] = member.Interface()
		case "given":
			kept[name+"Given"] = true
		case "within":
			inner := make(map[string]any)
			if keepMembers(member, inner); len(inner) > 0 {
				kept[name] = inner
			}
		}
	}
}

var errNoTrail = unsupported("keeps no audit trail: no transport can, or the API was made without Options.Audit")

func auditList(c *call) error {
	if c.api.o.Audit == nil {
		return errNoTrail
	}
	var list []symphony.Problem
	q := audit.Query{Action: c.query["action"], Who: c.query["who"], Target: c.query["target"],
		Since: c.queryTime("since", &list), Until: c.queryTime("until", &list),
		Limit: c.number("limit", 1, audit.MaxPage, &list), Cursor: c.query["cursor"]}
	if len(list) > 0 {
		return invalid(list...)
	}
	page, err := c.api.o.Audit.List(c.Context(), q)
	if err != nil {
		return err
	}
	out := wire.AuditResponse{Success: true, Entries: make([]wire.AuditEntry, len(page.Entries)), HasMore: page.Next != "", NextCursor: page.Next}
	for i := range page.Entries {
		out.Entries[i] = auditEntry(&page.Entries[i])
	}
	return c.answer(http.StatusOK, out)
}

func auditEntry(e *audit.Entry) wire.AuditEntry {
	return wire.AuditEntry{
		ID: e.Seq, At: e.At.UTC(), Action: e.Action, Who: wire.AuditWho(e.Who), RequestID: e.RequestID, Remote: e.Remote,
		Target: jsontext.Value(e.Target), Outcome: string(e.Outcome), Code: e.Code, Result: jsontext.Value(e.Result), FinishedAt: optional(e.FinishedAt), Count: repeats(e.Count), Unreadable: e.DecodeErr != nil,
	}
}

// repeats is a count that says more than once.
func repeats(n int64) int64 {
	if n == 1 {
		return 0
	}
	return n
}

package httpapi

import (
	"bytes"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/event"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/redact"
)

// What messages say is hidden from two sorts of callers:
//
//   - who has not the scope read, such as with the scope observe, sees nothing of it: no payload, metadata, header,
//     output, key or error text. He cannot search for it either, nor export.
//   - everybody but who handles messages sees them without what Options.Redact hides of their types. With unmask=true,
//     which takes the scope admin and stands in the audit trail, it is shown.
//
// Both are done in one place, where an answer is written, by the tags of package wire; routes know nothing of it.
type maskRule int

const (
	masking  maskRule = iota
	wholly            // the route shows messages as a whole or not at all: it takes read, not observe
	handling          // the route hands messages to who handles them: nothing is hidden
)

// observable reports whether the scope observe opens the route, which then answers masked.
func (rt *route) observable() bool { return rt.scope == auth.ScopeRead && rt.mask != wholly }

// maskDoc says what the scope observe means for the route, for the OpenAPI document.
func (rt *route) maskDoc() string {
	if !rt.observable() {
		return ""
	}
	return " With observe alone it is masked."
}

// auditUnmask is the action of reading what Options.Redact hides.
const auditUnmask = "message.unmask"

// unmaskParameter shows what is redacted.
var unmaskParameter = parameter{name: "unmask", kind: "boolean",
	doc: "true shows what types.X.redact hides. It takes the scope admin, and is recorded in the audit trail."}

// eventTexts are the members of events' data that are hidden from who sees no texts.
const eventTexts = "data.**.error data.**.text data.**.q data.**.key"

// newEventMask makes the rules by which events are masked.
func newEventMask() (*redact.Rules, error) {
	return redact.New(map[string][]string{"*": strings.Fields(eventTexts)})
}

// maskedEvent is an event, as it goes over the wire, without what is hidden from the caller.
func (c *call) maskedEvent(f event.Frame) []byte {
	if !c.mask().All {
		return f.Bytes
	}
	before, rest, ok := bytes.Cut(f.Bytes, []byte("\ndata: "))
	data, after, ok2 := bytes.Cut(rest, []byte("\n"))
	if !ok || !ok2 {
		return f.Bytes
	}
	masked, _ := c.api.eventMask.JSON(f.Type, jsontext.Value(data))
	return bytes.Join([][]byte{before, []byte("\ndata: "), masked, []byte("\n"), after}, nil)
}

// mask is what is hidden from the caller.
func (c *call) mask() wire.Mask {
	if c.route.access != userAccess || c.route.mask == handling {
		return wire.Mask{}
	}
	m := wire.Mask{All: !c.principal.Has(auth.ScopeRead), Rules: c.api.o.Redact}
	if c.unmasked {
		m.Rules = nil
	}
	return m
}

// masked is an answer, or a record of one, without what is hidden from the caller.
func (c *call) masked(v any) any { return c.mask().Apply(v) }

// closedTypes are the types into whose messages a search does not look: what is hidden from the caller must not be
// found by guessing.
func (c *call) closedTypes() []string {
	if c.route.access != userAccess || c.principal.Has(auth.ScopeAdmin) {
		return nil
	}
	return c.api.o.Redact.Types()
}

// checkMask refuses what a caller who sees masked messages cannot ask for, and notes that one asks for unmasked ones,
// which is recorded as what routes do is; see begin.
func (c *call) checkMask() error {
	if len(c.query)+len(c.several) == 0 {
		return nil
	}
	if c.route.access == userAccess && !c.principal.Has(auth.ScopeRead) {
		for _, p := range c.route.query {
			if p.reveals && c.gives(&p) {
				return say(errMaskedParameter,
					"the parameter %s needs the scope read: it selects by what is hidden from the caller", p.name)
			}
		}
	}
	var list []symphony.Problem
	unmask := c.queryBool(unmaskParameter.name, &list)
	switch {
	case len(list) > 0:
		return invalid(list...)
	case !unmask:
		return nil
	}
	if err := c.principal.Require(auth.ScopeAdmin); err != nil {
		return err
	}
	c.unmasked = true
	return nil
}

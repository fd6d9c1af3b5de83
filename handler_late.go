package symphony

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"
)

// Handlers that come late are set while workers run, such as those that a server is told of at run time. They stand
// behind what was registered before: a message that any of those matches is never theirs.

// LateHandlers are those that are set at one moment; see Mux.Late. All are optional. Of each Mux only the handlers and
// their policies count. None may be changed any more.
type LateHandlers struct {
	// Own are those of single queues: they have the messages of their queue before all others.
	Own map[string]*Mux
	// In are further ones of single queues, All those of every queue. Of these the most specific pattern counts.
	In  map[string]*Mux
	All *Mux

	bounded bool
	count   int // patterns, in all of them
}

// patterns are how many there are; none of nil.
func (l *LateHandlers) patterns() int {
	if l == nil {
		return 0
	}
	return l.count
}

// lookAgain is how long a message waits whose handler could not be looked for.
const lookAgain = time.Second

// Late sets handlers for messages that no handler of m matches, in place of those that it has set before. Unlike
// others they may be set at any time: messages whose attempt begins afterwards see them, those in hand go on with what
// they began with. Middleware, codec and the handling of URLs stay those of m.
func (m *Mux) Late(h LateHandlers) {
	l := &LateHandlers{Own: maps.Clone(h.Own), In: maps.Clone(h.In), All: h.All}
	each := slices.AppendSeq(slices.Collect(maps.Values(h.Own)), maps.Values(h.In))
	if h.All != nil {
		each = append(each, h.All)
	}
	for _, of := range each {
		l.bounded, l.count = l.bounded || of.bounded, l.count+of.patterns
	}
	if l.count == 0 {
		l = nil
	}
	m.late.Store(l)
}

// BeforeNoHandler has look called before a message fails for want of a handler, and the message tried once more: what
// others have set meanwhile can be learned and given to Late. Where look fails, nobody knows whether there is a
// handler, and the message is given back for a while, uncounted. Call it before the first worker runs. look is called
// concurrently.
func (m *Mux) BeforeNoHandler(look func(ctx context.Context) error) { m.look = look }

// lateRoute finds the late handlers of a message, and where they are from.
func (m *Mux) lateRoute(e *Envelope) (rt route, from *Mux, ok bool) {
	l := m.late.Load()
	if l == nil {
		return route{}, nil, false
	}
	if from = l.Own[e.Queue]; from != nil {
		if rt, ok = from.routes.Match(e.Type); ok {
			rt.queue = e.Queue
			return rt, from, true
		}
	}
	if from = l.All; from != nil {
		rt, ok = from.routes.Match(e.Type)
	}
	if in := l.In[e.Queue]; in != nil {
		if other, found := in.routes.Match(e.Type); found && (!ok || moreSpecific(other.pattern, rt.pattern)) {
			return other, in, true
		}
	}
	return rt, from, ok
}

// moreSpecific reports whether of two patterns that match a type the first one is the more specific.
func moreSpecific(a, b string) bool {
	return !strings.HasSuffix(a, "*") || strings.HasSuffix(b, "*") && len(a) > len(b)
}

// latePolicy is the policy that was set with the late handlers of a message.
func (m *Mux) latePolicy(e *Envelope) (p Policy, ok bool) {
	if m.late.Load() == nil || e.Terms.Pushed() {
		return p, false
	}
	if _, early := m.routes.Match(e.Type); early {
		return p, false
	}
	rt, from, ok := m.lateRoute(e)
	if !ok {
		return p, false
	}
	return from.policies.get(rt.pattern)
}

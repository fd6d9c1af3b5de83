package symphony

import (
	"cmp"
	"fmt"
)

// binding is what Within has a bus dispatch alone.
type binding struct {
	outside func(typ, queue string) string
	refuse  func([]Problem) error
}

// Within returns a bus like b that dispatches only some messages: as they would be stored, in each of their transports,
// and the callbacks that would follow them. outside decides by the type and the queue of each: it names the one that is
// not admitted, "type" or "queue", or nothing. A dispatch, or a batch, with any such message is refused with the error
// that refuse makes of them, and nothing is stored. Both are safe for concurrent use.
func (b *Bus) Within(outside func(typ, queue string) string, refuse func([]Problem) error) *Bus {
	within := *b
	within.bound = &binding{outside, refuse}
	return &within
}

// queueOf is the queue that a message goes to in a transport, of which it may have named one.
func (b *Bus) queueOf(transport, named string) string {
	return cmp.Or(named, b.opts.Defaults[transport].Queue, DefaultQueue)
}

// within notes a message that the bus does not admit, and reports whether it does. The paths are those of its members.
func (p *problems) within(bound *binding, typ, queue, typePath, queuePath string) bool {
	if bound == nil {
		return true
	}
	path, value := typePath, typ
	switch bound.outside(typ, queue) {
	case "":
		return true
	case "queue":
		path, value = queuePath, queue
	}
	const format = "%.100q is outside of what the caller is bound to"
	p.bound = bound
	p.outside = append(p.outside, Problem{Path: p.prefix + path, Message: fmt.Sprintf(format, value)})
	return false
}

package auth

import (
	"fmt"
	"slices"
	"strings"

	"github.com/symphony-messenger/symphony"
)

// Binding is what an API key is bound to beside its scopes: types of messages, queues, or both. A message is within it
// if its type and its queue are. Nil binds nothing.
type Binding struct {
	// Types are 1 to MaxBound types, or patterns of them; see symphony.Patterns. None: every type.
	Types []string
	// Queues are 1 to MaxBound names of queues, of every transport. None: every queue.
	Queues []string
}

// Outside decides whether a message is within the binding, by its type and its queue: it names the one that is not,
// "type" or "queue", or nothing.
func (b *Binding) Outside(typ, queue string) string {
	if b == nil {
		return ""
	}
	matches := func(pattern string) bool { return symphony.PatternMatches(pattern, typ) }
	switch {
	case len(b.Types) > 0 && !slices.ContainsFunc(b.Types, matches):
		return "type"
	case len(b.Queues) > 0 && !slices.Contains(b.Queues, queue):
		return "queue"
	}
	return ""
}

// Allows reports whether a message is within the binding, by its type and its queue.
func (b *Binding) Allows(typ, queue string) bool { return b.Outside(typ, queue) == "" }

// bindable are the scopes that a bound key may have: what they open can be bound.
const bindable = ScopeSet(ScopeDispatch | ScopeConsume)

// Problems are what is wrong with the binding of a key with some scopes.
func (b *Binding) Problems(scopes ScopeSet) (list []symphony.Problem) {
	if b == nil {
		return nil
	}
	add := func(path, format string, args ...any) {
		list = append(list, symphony.Problem{Path: path, Message: fmt.Sprintf(format, args...)})
	}
	if len(b.Types)+len(b.Queues) == 0 {
		add("types", "or queues must name what the key is bound to")
	}
	for _, of := range []struct {
		path  string
		names []string
		valid func(string) error
	}{{"types", b.Types, symphony.ValidatePattern}, {"queues", b.Queues, symphony.ValidateName}} {
		if n := len(of.names); n > MaxBound {
			add(of.path, "must have 1 to %d entries, has %d", MaxBound, n)
			continue
		}
		for i, name := range of.names {
			if err := of.valid(name); err != nil {
				add(fmt.Sprintf("%s[%d]", of.path, i), "%s", err.Error())
			}
		}
	}
	if more := scopes &^ bindable; more != 0 {
		add("scopes", "a key that is bound to types or queues can have dispatch and consume only: "+
			"what %s opens cannot be bound", more)
	}
	if len(b.Types) > 0 && scopes&ScopeSet(ScopeConsume) != 0 {
		add("types", "cannot bind a key with the scope consume: a worker gets what is in its queues, whatever the "+
			"type; bind the key to queues")
	}
	return list
}

// String says what the binding names, for people: some of it where that is much.
func (b *Binding) String() string {
	if b == nil {
		return "nothing"
	}
	var parts []string
	for _, of := range []struct {
		one, many string
		names     []string
	}{{"type", "types", b.Types}, {"queue", "queues", b.Queues}} {
		n := len(of.names)
		if n == 0 {
			continue
		}
		what := of.many
		if n == 1 {
			what = of.one
		}
		text := what + " " + strings.Join(of.names[:min(n, toldBound)], ", ")
		if n > toldBound {
			text += fmt.Sprintf(" and %d more", n-toldBound)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, " and ")
}

func (b *Binding) clone() *Binding {
	if b == nil {
		return nil
	}
	return &Binding{Types: slices.Clone(b.Types), Queues: slices.Clone(b.Queues)}
}

package auth

import (
	"errors"
	"fmt"
	"strings"
)

// Scope is one thing a caller may do.
type Scope uint8

const (
	ScopeDispatch Scope = 1 << iota // send messages
	ScopeConsume                    // work on messages
	ScopeObserve                    // look as ScopeRead does, without what messages say
	ScopeRead                       // look at messages, queues and statistics
	ScopeOperate                    // steer queues, messages and schedules
	ScopeAdmin                      // everything, and what only administrators do
)

// scopes holds the scope 1<<i at i, with what it opens, for people. Which scope each route needs stands
// in the table of package httpapi, whose tests hold these sentences against it.
var scopes = [...]struct{ name, opens string }{
	{"dispatch", "dispatch messages, one or a batch"},
	{"consume", "work: consume, receive, ack, nack, extend; retry and delete one failed message"},
	{"observe", "look as with read, masked: no payload, metadata, headers, output, key or error text, no export, " +
		"no search for them"},
	{"read", "look: every GET but keys and audit"},
	{"operate", "steer: pause, drain, resume, stop and start workers; delete, run now, replay and import messages; " +
		"retry and delete failed ones in bulk; operations; schedules; handlers"},
	{"admin", "all of these, and alone: keys, purge, audit, test of alerts"},
}

const noScopes = "none"

// ScopeNames returns the names of all scopes, in the order in which they are told.
func ScopeNames() []string {
	names := make([]string, len(scopes))
	for i := range scopes {
		names[i] = scopes[i].name
	}
	return names
}

// ParseScope reads the name of one scope, one of ScopeNames.
func ParseScope(s string) (Scope, error) {
	for i := range scopes {
		if s == scopes[i].name {
			return 1 << i, nil
		}
	}
	return 0, fmt.Errorf("unknown scope %.40q: the scopes are %s", s, strings.Join(ScopeNames(), ", "))
}

// Opens says in a few words what a single scope opens.
func (s Scope) Opens() string {
	for i := range scopes {
		if s == 1<<i {
			return scopes[i].opens
		}
	}
	return "nothing"
}

// String returns the scope's name.
func (s Scope) String() string { return ScopeSet(s).String() }

// ScopeSet is a set of scopes. The zero value holds none.
type ScopeSet uint8

// DefaultScopes are the scopes of a Supabase user unless configured otherwise: all but operate and admin.
const DefaultScopes = ScopeSet(ScopeDispatch | ScopeConsume | ScopeRead)

// Scopes returns the set of the scopes given.
func Scopes(list ...Scope) ScopeSet {
	var set ScopeSet
	for _, s := range list {
		set |= ScopeSet(s)
	}
	return set
}

// ParseScopes reads names separated by commas, spaces around them allowed, or "none".
// The error names every unknown scope.
func ParseScopes(s string) (ScopeSet, error) {
	if strings.TrimSpace(s) == noScopes {
		return 0, nil
	}
	var set ScopeSet
	var errs []error
	for name := range strings.SplitSeq(s, ",") {
		scope, err := ParseScope(strings.TrimSpace(name))
		set |= ScopeSet(scope)
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return 0, err
	}
	return set, nil
}

// Has reports whether the set allows scope: it holds it, or it holds admin, or for observe, read.
func (s ScopeSet) Has(scope Scope) bool {
	switch {
	case scope == 0:
		return false
	case scope == ScopeObserve && s&ScopeSet(ScopeRead) != 0:
		return true
	}
	return s&ScopeSet(ScopeAdmin) != 0 || s&ScopeSet(scope) == ScopeSet(scope)
}

// Within returns what both sets allow.
func (s ScopeSet) Within(bound ScopeSet) ScopeSet {
	switch {
	case s.Has(ScopeAdmin):
		return bound
	case bound.Has(ScopeAdmin):
		return s
	}
	both := s & bound
	if s.Has(ScopeObserve) && bound.Has(ScopeObserve) && !both.Has(ScopeObserve) {
		both |= ScopeSet(ScopeObserve)
	}
	return both
}

// String returns the names separated by commas, or "none". ParseScopes reads it back.
func (s ScopeSet) String() string {
	var names []string
	for i := range scopes {
		if s&(1<<i) != 0 {
			names = append(names, scopes[i].name)
		}
	}
	if names == nil {
		return noScopes
	}
	return strings.Join(names, ",")
}

// MarshalText writes the form of String.
func (s ScopeSet) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the form of ParseScopes.
func (s *ScopeSet) UnmarshalText(text []byte) error {
	set, err := ParseScopes(string(text))
	if err != nil {
		return err
	}
	*s = set
	return nil
}

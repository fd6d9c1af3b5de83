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
	ScopeConsume                    // run workers, receive and settle messages
	ScopeRead                       // look at messages, queues and statistics
	ScopeAdmin                      // everything, and what only operators do
)

// scopeNames holds the name of the scope 1<<i at i.
var scopeNames = [...]string{"dispatch", "consume", "read", "admin"}

const noScopes = "none"

// ParseScope reads the name of one scope: dispatch, consume, read or admin.
func ParseScope(s string) (Scope, error) {
	for i, name := range scopeNames {
		if s == name {
			return 1 << i, nil
		}
	}
	return 0, fmt.Errorf("unknown scope %.40q: the scopes are %s", s, strings.Join(scopeNames[:], ", "))
}

// String returns the scope's name.
func (s Scope) String() string { return ScopeSet(s).String() }

// ScopeSet is a set of scopes. The zero value holds none.
type ScopeSet uint8

// DefaultScopes are the scopes of a Supabase user unless configured otherwise: all but admin.
const DefaultScopes = ScopeSet(ScopeDispatch | ScopeConsume | ScopeRead)

// Scopes returns the set of the scopes given.
func Scopes(scopes ...Scope) ScopeSet {
	var set ScopeSet
	for _, s := range scopes {
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

// Has reports whether the set allows scope: it holds it, or it holds admin.
func (s ScopeSet) Has(scope Scope) bool {
	return scope != 0 && (s&ScopeSet(ScopeAdmin) != 0 || s&ScopeSet(scope) == ScopeSet(scope))
}

// String returns the names separated by commas, or "none". ParseScopes reads it back.
func (s ScopeSet) String() string {
	var names []string
	for i, name := range scopeNames {
		if s&(1<<i) != 0 {
			names = append(names, name)
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

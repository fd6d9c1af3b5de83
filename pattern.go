package symphony

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Patterns maps patterns of message types to values. A pattern is an exact type, "Prefix.*" for every type that begins
// with "Prefix.", or "*" for all types. The most specific match wins: exact, then the longest prefix, then "*". The
// zero value is empty. A filled Patterns is safe for concurrent use.
type Patterns[V any] struct {
	exact    map[string]V
	prefixes []prefixPattern[V] // longest first
	all      *V
}

type prefixPattern[V any] struct {
	prefix string // with its final dot
	value  V
}

// ValidatePattern returns an error if s is not a pattern of message types.
func ValidatePattern(s string) error {
	switch {
	case s == "":
		return fmt.Errorf("pattern is empty")
	case !printable(s) || utf8.RuneCountInString(s) > MaxTypeLength:
		return fmt.Errorf("pattern %.100q: must have at most %d characters, all of them printable", s, MaxTypeLength)
	case s == "*":
		return nil
	case strings.HasSuffix(s, ".*") && len(s) > 2 && !strings.Contains(s[:len(s)-2], "*"):
		return nil
	case strings.Contains(s, "*"):
		return fmt.Errorf(`pattern %q: "*" may stand alone or end a pattern as ".*"`, s)
	}
	return nil
}

// PatternMatches reports whether a pattern matches a type.
func PatternMatches(pattern, typ string) bool {
	prefix, isPrefix := strings.CutSuffix(pattern, "*")
	return pattern == typ || isPrefix && strings.HasPrefix(typ, prefix)
}

// Set sets the value of a pattern, replacing any earlier one. It fails if the pattern is invalid.
func (p *Patterns[V]) Set(pattern string, v V) error {
	if err := ValidatePattern(pattern); err != nil {
		return err
	}
	p.set(pattern, v)
	return nil
}

// set is Set for a pattern known to be valid.
func (p *Patterns[V]) set(pattern string, v V) {
	prefix, isPrefix := strings.CutSuffix(pattern, "*")
	switch {
	case pattern == "*":
		p.all = &v
	case isPrefix:
		at, found := slices.BinarySearchFunc(p.prefixes, prefix, func(e prefixPattern[V], s string) int {
			if d := len(s) - len(e.prefix); d != 0 {
				return d
			}
			return strings.Compare(e.prefix, s)
		})
		if found {
			p.prefixes[at].value = v
			return
		}
		p.prefixes = slices.Insert(p.prefixes, at, prefixPattern[V]{prefix, v})
	default:
		if p.exact == nil {
			p.exact = make(map[string]V)
		}
		p.exact[pattern] = v
	}
}

// get returns the value set for exactly this pattern.
func (p *Patterns[V]) get(pattern string) (v V, ok bool) {
	if pattern == "*" {
		if p.all == nil {
			return v, false
		}
		return *p.all, true
	}
	if prefix, isPrefix := strings.CutSuffix(pattern, "*"); isPrefix {
		for _, e := range p.prefixes {
			if e.prefix == prefix {
				return e.value, true
			}
		}
		return v, false
	}
	v, ok = p.exact[pattern]
	return v, ok
}

// values are those of all patterns, in no order.
func (p *Patterns[V]) values() []V {
	list := slices.Collect(maps.Values(p.exact))
	for _, e := range p.prefixes {
		list = append(list, e.value)
	}
	if p.all != nil {
		list = append(list, *p.all)
	}
	return list
}

// Match returns the value of the most specific pattern for a type.
func (p *Patterns[V]) Match(typ string) (v V, ok bool) {
	if v, ok := p.exact[typ]; ok {
		return v, true
	}
	for _, e := range p.prefixes {
		if strings.HasPrefix(typ, e.prefix) {
			return e.value, true
		}
	}
	if p.all != nil {
		return *p.all, true
	}
	return v, false
}

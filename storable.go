package symphony

import (
	"bytes"
	"encoding/json"
	"time"
	"unicode/utf8"
)

// What can be kept is what can be shown again: every list, export and delivery writes times as RFC 3339, whose years have
// four digits, and values as JSON, which readers refuse when it is nested too deeply. So each entrance, of the HTTP API, the
// Go API, a file or a flag, takes times and values by the rules of this file.

// MinTime and MaxTime are the first and the last second of the times that are kept, in seconds since 1970: the years 1970
// to 9999 in UTC.
const (
	MinTime = 0
	MaxTime = 253_402_300_799
)

// StorableTime reports whether t can be kept. The zero time cannot: where none is meant, nothing is given.
func StorableTime(t time.Time) bool {
	s := t.Unix()
	return s >= MinTime && s <= MaxTime
}

// TimeProblem is what is wrong with a time that StorableTime refuses.
const TimeProblem = "must be in the years 1970 to 9999 (UTC)"

// time appends a problem of a time that cannot be kept. Zero is none.
func (p *problems) time(path string, t time.Time) {
	if !t.IsZero() && !StorableTime(t) {
		p.add(path, TimeProblem)
	}
}

// RangeProblems returns what is wrong with the times that select something, of which either may be zero: that they cannot
// be kept. Paths are "since" and "until" with prefix.
func RangeProblems(prefix string, since, until time.Time) []Problem {
	p := problems{prefix: prefix}
	p.time("since", since)
	p.time("until", until)
	return p.list
}

// TooDeep reports whether JSON text has objects and arrays within each other on more than MaxDepth levels; the outermost
// value is the first. The text need not be valid.
func TooDeep(raw []byte) bool {
	if len(raw) <= MaxDepth || bytes.Count(raw, []byte{'{'})+bytes.Count(raw, []byte{'['}) <= MaxDepth {
		return false // nearly always: so many brackets are not there
	}
	depth, quoted := 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case quoted:
			switch c {
			case '\\':
				i++
			case '"':
				quoted = false
			}
		case c == '"':
			quoted = true
		case c == '{' || c == '[':
			if depth++; depth > MaxDepth {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// object appends a problem of a payload that is not a JSON object as it can be kept.
func (p *problems) object(path string, raw json.RawMessage) {
	switch {
	case !isObject(raw):
		p.add(path, "must be a JSON object")
	case TooDeep(raw):
		p.add(path, "must have at most %d levels", MaxDepth)
	case !json.Valid(raw) || !utf8.Valid(raw):
		p.add(path, "must be valid JSON in UTF-8")
	}
}

func isObject(raw json.RawMessage) bool {
	for _, c := range raw {
		switch c {
		case ' ', '\t', '\r', '\n':
		default:
			return c == '{'
		}
	}
	return false
}

// free appends the problems of an object of free values of Go, as metadata is, and returns its size as JSON.
func (p *problems) free(path string, data map[string]any) int {
	if len(data) == 0 {
		return 0
	}
	raw, err := json.Marshal(data)
	switch {
	case err != nil:
		p.add(path, "must be representable as JSON: %v", err)
	case !utf8.Valid(raw):
		p.add(path, "must be valid UTF-8")
	case TooDeep(raw):
		p.add(path, "must have at most %d levels", MaxDepth)
	}
	return len(raw)
}

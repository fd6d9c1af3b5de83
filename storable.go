package symphony

import (
	"bytes"
	"encoding/json"
	"time"
	"unicode/utf8"
)

// Whatever is stored must be presentable later: lists, exports and deliveries write times as RFC 3339, whose years have
// four digits, and values as JSON, which parsers reject when nested too deeply. So every entrance (HTTP, Go, files,
// flags) accepts times and values by the rules in this file.

// MinTime and MaxTime are the first and last second that can be stored, in seconds since 1970: the years 1970 to 9999,
// UTC.
const (
	MinTime = 0
	MaxTime = 253_402_300_799
)

// StorableTime reports whether t can be stored. The zero time cannot; it stands for no time.
func StorableTime(t time.Time) bool {
	s := t.Unix()
	return s >= MinTime && s <= MaxTime
}

// TimeProblem is what is wrong with a time that StorableTime refuses.
const TimeProblem = "must be in the years 1970 to 9999 (UTC)"

// time appends a problem if t cannot be stored. The zero time is no problem.
func (p *problems) time(path string, t time.Time) {
	if !t.IsZero() && !StorableTime(t) {
		p.add(path, TimeProblem)
	}
}

// RangeProblems returns the problems of a time range that selects something: times that cannot be stored. Either may be
// zero. Paths are prefix followed by "since" and "until".
func RangeProblems(prefix string, since, until time.Time) []Problem {
	p := problems{prefix: prefix}
	p.time("since", since)
	p.time("until", until)
	return p.list
}

// TooDeep reports whether objects and arrays in a JSON text are nested more than MaxDepth levels deep; the outermost
// value is level one. The text need not be valid.
func TooDeep(raw []byte) bool {
	if len(raw) <= MaxDepth || bytes.Count(raw, []byte{'{'})+bytes.Count(raw, []byte{'['}) <= MaxDepth {
		return false // there are not enough brackets, as nearly always
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

// object appends a problem if a payload is not a JSON object that can be stored.
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

// free appends the problems of a map of arbitrary Go values, such as metadata, and returns its size as JSON.
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

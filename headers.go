package symphony

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Headers are free data like metadata, by names of their own: any JSON value is kept and handed on as it was given. They
// are told apart from metadata by who reads them: what carries a message on (tracing, schedules, replays, a push) rather
// than its handler.

// HeaderText is the value of a header as one line of text, for where headers are lines, such as HTTP. ok is false for null,
// objects and arrays, and for strings with control characters, which no line can hold.
func HeaderText(value any) (text string, ok bool) {
	switch v := value.(type) {
	case string:
		return v, !strings.ContainsFunc(v, unicode.IsControl)
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	case int:
		return strconv.Itoa(v), true
	case int32, int64, uint, uint32, uint64, float32, float64:
		raw, err := json.Marshal(v) // as it is when it has been stored
		return string(raw), err == nil
	}
	return "", false
}

// Header is the header of that name as text: a string as it is, a number or boolean as JSON writes it. It is empty where
// there is none, and for null, objects and arrays.
func (e *Envelope) Header(name string) string {
	value := e.Headers[name]
	if s, ok := value.(string); ok {
		return s
	}
	text, _ := HeaderText(value)
	return text
}

// headers appends the problems of the headers of one message.
func (p *problems) headers(headers map[string]any) {
	if len(headers) == 0 {
		return
	}
	if len(headers) > MaxHeaders {
		p.add("options.headers", "must have at most %d entries, has %d", MaxHeaders, len(headers))
		return
	}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		if name == "" || len(name) > MaxHeaderNameLength || !printable(name) {
			p.add("options.headers", "names must be 1 to %d printable characters", MaxHeaderNameLength)
			continue
		}
		if problem := headerProblem(headers[name]); problem != "" {
			p.add("options.headers."+name, "%s", problem)
		}
	}
}

// headerProblem is what is wrong with the value of a header, "" if nothing.
func headerProblem(value any) string {
	n := 0
	if s, ok := value.(string); ok {
		if n = len(s); !utf8.ValidString(s) {
			return "must be valid UTF-8"
		}
	} else {
		raw, err := json.Marshal(value)
		switch {
		case err != nil:
			return fmt.Sprintf("must be representable as JSON: %v", err)
		case !utf8.Valid(raw):
			return "must be valid UTF-8"
		case TooDeep(raw):
			return fmt.Sprintf("must have at most %d levels", MaxDepth)
		}
		n = len(raw)
	}
	if n > MaxHeaderValueLength {
		return fmt.Sprintf("must have at most %d bytes, has %d", MaxHeaderValueLength, n)
	}
	return ""
}

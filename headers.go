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

// Headers hold any JSON values, like metadata, and are passed on as given. The difference is who reads them: whatever
// transports the message (tracing, schedules, replays, a push) rather than its handler.

// HeaderText returns a header's value as a line of text, for protocols such as HTTP. ok is false for null, objects,
// arrays and strings with control characters, which a line cannot hold.
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
		raw, err := json.Marshal(v) // as it is stored
		return string(raw), err == nil
	}
	return "", false
}

// Header returns a header as text: a string as it is, a number or boolean as in JSON. It is empty if there is no such
// header, and for null, objects and arrays.
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

// headerProblem says what is wrong with a header's value, "" if nothing is.
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

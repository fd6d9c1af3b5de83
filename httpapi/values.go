package httpapi

import (
	"bytes"
	stdjson "encoding/json"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// Payloads, metadata and headers are JSON of the caller's own. Here they come in and go out: every digit of a number
// and every character of a string stays, while white space between the parts of JSON does not.

// free reads a JSON value as Go has it, with json.Number for numbers. It keeps nothing of raw, which must be valid.
func free(raw jsontext.Value) any {
	switch raw.Kind() {
	case '"':
		if s, err := jsontext.AppendUnquote(nil, raw); err == nil {
			return string(s)
		}
	case '0':
		return stdjson.Number(raw)
	case 't', 'f':
		return raw.Kind() == 't'
	case '{', '[':
		dec := stdjson.NewDecoder(bytes.NewReader(raw))
		dec.UseNumber()
		var v any
		if dec.Decode(&v) == nil {
			return v
		}
	}
	return nil
}

// freeHeaders reads the headers of a request.
func freeHeaders(given map[string]jsontext.Value) map[string]any {
	if len(given) == 0 {
		return nil
	}
	out := make(map[string]any, len(given))
	for name, raw := range given {
		out[name] = free(raw)
	}
	return out
}

// object decodes an optional JSON object, keeping every digit of numbers.
func object(raw jsontext.Value, path string, list *[]symphony.Problem) map[string]any {
	if len(raw) == 0 {
		return nil
	}
	m, ok := free(raw).(map[string]any)
	if !ok {
		*list = append(*list, symphony.Problem{Path: path, Message: "must be an object"})
	}
	return m
}

// instant is an optional time of a request. One that cannot be kept is a problem here, since to the domain the year 1
// means that none is given.
func instant(t *time.Time, path string, list *[]symphony.Problem) time.Time {
	if t == nil {
		return time.Time{}
	}
	if !symphony.StorableTime(*t) {
		*list = append(*list, symphony.Problem{Path: path, Message: symphony.TimeProblem})
		return time.Time{}
	}
	return *t
}

// plain writes a Go value that came from free, or from a storage, as JSON. What cannot be written is null.
func plain(v any) jsontext.Value {
	var buf bytes.Buffer
	enc := stdjson.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return jsontext.Value("null")
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
}

// metadata is an object, also where there is none.
func metadata(m map[string]any) jsontext.Value {
	if len(m) == 0 {
		return jsontext.Value("{}")
	}
	return plain(m)
}

// headers are those of a message as the API tells them.
func headers(m map[string]any) map[string]jsontext.Value {
	out := make(map[string]jsontext.Value, len(m))
	for name, v := range m {
		out[name] = plain(v)
	}
	return out
}

// payload is a stored payload as JSON: what is not valid JSON, because storage was damaged, is shown as a string.
func payload(raw []byte) jsontext.Value {
	if v := jsontext.Value(raw); utf8.Valid(raw) && v.IsValid(wire.AsGiven()) {
		return v
	}
	quoted, err := jsontext.AppendQuote(nil, slices.Clone(raw))
	if err != nil {
		quoted, _ = stdjson.Marshal(string(raw))
	}
	return quoted
}

package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/symphony-messenger/symphony"
)

// A body that does not decode is looked at a second time, value by value, to tell everything that is wrong with it and
// not just the first mistake. This way is slow and only bad requests go it.

var (
	rawType  = reflect.TypeFor[jsontext.Value]()
	timeType = reflect.TypeFor[time.Time]()
)

// misfits returns what does not fit a Go type in a body of valid JSON, and the body without it.
func misfits(body []byte, t reflect.Type) (list []symphony.Problem, rest []byte) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return []symphony.Problem{{Message: "must be valid JSON: " + err.Error()}}, nil
	}
	s := shaper{}
	v, _ = s.fit(v, t, "")
	rest, err := json.Marshal(v)
	if err != nil {
		rest = nil
	}
	return s.problems, rest
}

type shaper struct{ problems []symphony.Problem }

func (s *shaper) bad(path, format string, args ...any) (any, bool) {
	s.problems = append(s.problems, symphony.Problem{Path: path, Message: fmt.Sprintf(format, args...)})
	return nil, false
}

// fit returns v without what does not fit t, and whether v itself does.
func (s *shaper) fit(v any, t reflect.Type, path string) (any, bool) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t {
	case rawType:
		return v, true
	case timeType:
		text, ok := v.(string)
		if _, err := time.Parse(time.RFC3339, text); !ok || err != nil {
			return s.bad(path, "must be a time in RFC 3339, such as 2026-12-01T09:00:00Z")
		}
		return v, true
	}
	switch t.Kind() {
	case reflect.String:
		if _, ok := v.(string); !ok {
			return s.bad(path, "must be a string")
		}
	case reflect.Bool:
		if _, ok := v.(bool); !ok {
			return s.bad(path, "must be true or false")
		}
	case reflect.Int:
		n, ok := v.(json.Number)
		if _, err := strconv.ParseInt(string(n), 10, 64); !ok || err != nil {
			return s.bad(path, "must be an integer")
		}
	case reflect.Slice:
		list, ok := v.([]any)
		if !ok {
			return s.bad(path, "must be an array")
		}
		for i, e := range list {
			// A member that does not fit stays as its zero value, so that the others keep their places.
			if list[i], ok = s.fit(e, t.Elem(), fmt.Sprintf("%s[%d]", path, i)); !ok {
				list[i] = reflect.Zero(t.Elem()).Interface()
			}
		}
	case reflect.Map, reflect.Struct:
		m, ok := v.(map[string]any)
		if !ok {
			return s.bad(path, "must be an object")
		}
		s.members(m, t, path)
	}
	return v, true
}

func (s *shaper) members(m map[string]any, t reflect.Type, path string) {
	fields := make(map[string]reflect.Type)
	if t.Kind() == reflect.Struct {
		for f := range t.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			fields[name] = f.Type
		}
	}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		ft, ok := fields[k]
		switch {
		case t.Kind() == reflect.Map:
			ft = t.Elem()
		case !ok:
			s.bad(join(path, k), "is not a known field; known are %s", strings.Join(slices.Sorted(maps.Keys(fields)), ", "))
			delete(m, k)
			continue
		}
		if m[k], ok = s.fit(m[k], ft, join(path, k)); !ok {
			delete(m, k)
		}
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

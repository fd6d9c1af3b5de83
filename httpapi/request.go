package httpapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/symphony-messenger/symphony"
)

// accept reads the body into v, a pointer to what the route takes, has the audit trail record it, and checks it.
// Everything that is wrong is told at once: what does not fit v's shape and what check finds. check may leave to the
// domain what the domain will refuse, unless wrong says that something is wrong already. A nil check finds nothing.
//
// A body with payloads counts as in flight until the call ends, since they are on their way so long; another one until
// it is read.
func (c *call) accept(v any, check func(wrong bool) []symphony.Problem) error {
	limit := c.api.o.MaxBodyBytes
	if c.route.body != shortBody {
		limit = c.api.o.MaxBatchBytes
	}
	if c.route.body == diagnosticBody {
		limit = max(limit, c.api.o.MaxBodyBytes)
	}
	buf, err := c.body(limit)
	if err != nil {
		return err
	}
	if t := traitsOf(reflect.TypeOf(v)); t.raw {
		c.held = buf
	} else {
		defer buf.free()
	}
	if !c.route.optionalBody || len(bytes.TrimSpace(buf.b)) > 0 {
		if !isJSON(c.Header.Get("Content-Type")) {
			return errNotJSON
		}
		body := buf.b
		if c.route.body == diagnosticBody {
			body = cleanTexts(body)
		}
		if err := decode(c.Context(), body, v); err != nil {
			return explain(err, v, check)
		}
	}
	if err := c.noteRequest(v); err != nil || check == nil {
		return err
	}
	if list := check(false); len(list) > 0 {
		return invalid(list...)
	}
	return nil
}

// cleanTexts replaces half a surrogate pair, and bytes that are not UTF-8, in the texts of a body.
func cleanTexts(body []byte) []byte {
	clean := jsontext.Value(body).Clone()
	if clean.Format(jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true)) != nil {
		return body // what else is wrong with it is told as with every body
	}
	return clean
}

// explain adds to what does not fit a request's shape the problems of the rest, so that all are told at once.
func explain(err error, v any, check func(wrong bool) []symphony.Problem) error {
	var m *misfit
	if !errors.As(err, &m) {
		return err
	}
	if err := json.Unmarshal(m.rest, v); err != nil {
		if broken := brokenJSON(err); broken != nil {
			return broken // in a part that the shape says nothing about
		}
		return m
	}
	if check == nil {
		return m
	}
	told := make([]string, len(m.found.list))
	for i, p := range m.found.list {
		told[i] = p.Path + "."
	}
	known := func(p symphony.Problem) bool {
		return slices.ContainsFunc(told, func(path string) bool { return path == "." || strings.HasPrefix(p.Path+".", path) })
	}
	found := m.found
	for _, p := range check(true) {
		if !known(p) {
			found.add(p.Path, p.Message)
		}
	}
	return &found
}

// inPlace leaves values as they are in the body, instead of copying them: for bodies whose buffer is not used again.
var inPlace = json.WithUnmarshalers(json.UnmarshalFromFunc(func(d *jsontext.Decoder, v *jsontext.Value) error {
	value, err := d.ReadValue()
	*v = slices.Clip(value)
	return err
}))

// decode decodes JSON into v, or tells every problem with it.
func decode(ctx context.Context, body []byte, v any) error {
	if string(bytes.TrimSpace(body)) == "null" {
		return invalid(symphony.Problem{Message: "must be an object, not null"})
	}
	t := reflect.TypeOf(v)
	how := []json.Options{json.RejectUnknownMembers(true)}
	if len(body) > maxPooled {
		how = append(how, inPlace)
	}
	if !traitsOf(t).selective {
		if err := json.Unmarshal(body, v, how...); err == nil {
			return nil
		} else if broken := brokenJSON(err); broken != nil {
			return broken
		}
	}
	found, rest, err := misfits(ctx, body, t)
	switch {
	case err != nil:
		if broken := brokenJSON(err); broken != nil {
			return broken
		}
		return err
	case len(found.list) > 0:
		return &misfit{found, rest}
	}
	if err := json.Unmarshal(body, v, how...); err != nil {
		if broken := brokenJSON(err); broken != nil {
			return broken
		}
		var semantic *json.SemanticError
		if errors.As(err, &semantic) {
			return invalid(symphony.Problem{Path: pathOf(string(semantic.JSONPointer)), Message: "does not fit"})
		}
		return err
	}
	return nil
}

// brokenJSON is the answer to a body that is not JSON, nil for any other error.
func brokenJSON(err error) error {
	var syntax *jsontext.SyntacticError
	if !errors.As(err, &syntax) {
		return nil
	}
	problem := symphony.Problem{Path: pathOf(string(syntax.JSONPointer)), Message: fmt.Sprintf("must be one valid JSON value in UTF-8, without duplicate names and at most %d levels deep (byte %d)", symphony.MaxDepth, syntax.ByteOffset)}
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		problem.Message = "is given twice"
	case errors.Is(err, errTrailing):
		problem.Message = fmt.Sprintf("must end with its one JSON value (byte %d)", syntax.ByteOffset)
	}
	return &notJSON{problem}
}

// notJSON says that a body is not one valid JSON value.
type notJSON struct{ problem symphony.Problem }

func (e *notJSON) Error() string { return e.problem.Path + ": " + e.problem.Message }

// misfit says that a body is JSON and does not fit the route's shape. rest is the body without what does not fit.
type misfit struct {
	found mistakes
	rest  []byte
}

func (m *misfit) Error() string { return m.found.Error() }
func (m *misfit) Unwrap() error { return &m.found }

var errNotJSON = say(errMediaType, "the body must be JSON, sent as Content-Type: application/json, application/*+json or text/plain, in UTF-8, or without one")

// isJSON reports whether a body of a content type is read as JSON: text/plain is what fetch sends for a string.
func isJSON(contentType string) bool {
	if contentType == "application/json" || contentType == "" {
		return true
	}
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false
	}
	structured := strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json")
	if media != "application/json" && media != "text/plain" && !structured {
		return false
	}
	charset, given := params["charset"]
	return !given || strings.EqualFold(charset, "utf-8")
}

// pathOf turns a JSON pointer (/messages/1/message) into a path (messages[1].message).
func pathOf(pointer string) string {
	var places []place
	for part := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if n, err := strconv.Atoi(part); err == nil && n >= 0 {
			places = append(places, place{index: n})
			continue
		}
		places = append(places, place{name: unescapePointer.Replace(part), index: -1})
	}
	return pathTo(places)
}

var unescapePointer = strings.NewReplacer("~1", "/", "~0", "~")

// transport returns the transport that the query names, or the default.
func (c *call) transport() string { return c.transportOr(c.query["transport"]) }

func (c *call) transportOr(name string) string {
	if name == "" {
		return c.api.o.Bus.DefaultTransport()
	}
	return name
}

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

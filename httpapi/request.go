package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"mime"
	"reflect"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/symphony-messenger/symphony"
)

// decode reads a JSON body into v, a pointer to a struct of package wire, and returns the body, which v refers to. An
// empty optional body leaves v as it is. On error there is nothing to free.
func (c *call) decode(v any, limit int64, optional bool) (*buffer, error) {
	buf, err := c.body(limit)
	if err != nil {
		return nil, err
	}
	if !optional || len(bytes.TrimSpace(buf.b)) > 0 {
		err = c.decodeBody(buf.b, v)
	}
	if err == nil {
		err = c.noteRequest(v)
	}
	if err != nil {
		buf.free()
		return nil, err
	}
	return buf, nil
}

// accept decodes a body into v, which must keep nothing of it, and checks v. What does not fit v's shape and what check
// finds are told together.
func (c *call) accept(v any, optional bool, check func() []symphony.Problem) error {
	return c.acceptUpTo(c.api.o.MaxBodyBytes, v, optional, func(body []byte) []byte { return body }, check)
}

// acceptDiagnostic is accept for a body that tells of a failure, which is not to be lost because of how it is told: it may
// be as long as a batch, and half a surrogate pair, or bytes that are not UTF-8, are replaced in its texts.
func (c *call) acceptDiagnostic(v any, check func() []symphony.Problem) error {
	return c.acceptUpTo(max(c.api.o.MaxBodyBytes, c.api.o.MaxBatchBytes), v, false, func(body []byte) []byte {
		clean := jsontext.Value(body).Clone()
		if clean.Format(jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true)) != nil {
			return body // what else is wrong with it is told as with every body
		}
		return clean
	}, check)
}

func (c *call) acceptUpTo(limit int64, v any, optional bool, clean func([]byte) []byte, check func() []symphony.Problem) error {
	buf, err := c.body(limit)
	if err != nil {
		return err
	}
	defer buf.free()
	if !optional || len(bytes.TrimSpace(buf.b)) > 0 {
		if err := c.decodeBody(clean(buf.b), v); err != nil {
			return c.explain(err, v, check)
		}
	}
	if err := c.noteRequest(v); err != nil {
		return err
	}
	if list := check(); len(list) > 0 {
		return invalid(list...)
	}
	return nil
}

// decodeBody decodes a body into v, or tells every problem with it.
func (c *call) decodeBody(body []byte, v any) error {
	if !isJSON(c.Header.Get("Content-Type")) {
		return errNotJSON
	}
	if string(bytes.TrimSpace(body)) == "null" {
		return invalid(symphony.Problem{Message: "must be an object, not null"})
	}
	t := reflect.TypeOf(v)
	if !selective(t) {
		if err := json.Unmarshal(body, v, json.RejectUnknownMembers(true)); err == nil {
			return nil
		} else if broken := brokenJSON(err); broken != nil {
			return broken
		}
	}
	found, rest, err := misfits(c.Context(), body, t)
	switch {
	case err != nil:
		if broken := brokenJSON(err); broken != nil {
			return broken
		}
		return err
	case len(found.list) > 0:
		return &misfit{found, rest}
	}
	if err := json.Unmarshal(body, v, json.RejectUnknownMembers(true)); err != nil {
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

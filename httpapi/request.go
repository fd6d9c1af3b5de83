package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/symphony-messenger/symphony"
)

// body reads the request's body, at most limit bytes. The buffer goes back to its pool with free.
func (c *call) body(limit int64) (*buffer, error) {
	if c.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	buf := buffers.Get().(*buffer)
	if need := int(c.ContentLength) + 1; need > cap(buf.b) {
		buf.b = make([]byte, 0, need)
	}
	for {
		if len(buf.b) == cap(buf.b) {
			buf.b = append(buf.b, 0)[:len(buf.b)]
		}
		n, err := c.Body.Read(buf.b[len(buf.b):cap(buf.b)])
		buf.b = buf.b[:len(buf.b)+n]
		switch {
		case int64(len(buf.b)) > limit:
			buf.free()
			return nil, tooLarge(limit)
		case errors.Is(err, io.EOF):
			return buf, nil
		case err != nil:
			buf.free()
			return nil, &apiError{status: http.StatusBadRequest, code: "body_unreadable", message: "The body could not be read to its end.", cause: err}
		}
	}
}

func tooLarge(limit int64) error {
	return &apiError{status: http.StatusRequestEntityTooLarge, code: "body_too_large", message: fmt.Sprintf("The body must have at most %d bytes.", limit)}
}

// decode reads a JSON body into v, a pointer to a struct of package wire, and returns the body, which v refers to. An
// empty optional body leaves v as it is. On error there is nothing to free.
func (c *call) decode(v any, limit int64, optional bool) (*buffer, error) {
	buf, err := c.body(limit)
	if err != nil {
		return nil, err
	}
	if !optional || len(bytes.TrimSpace(buf.b)) > 0 {
		err = decodeBody(c.Header, buf.b, v)
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
	buf, err := c.body(c.api.o.MaxBodyBytes)
	if err != nil {
		return err
	}
	defer buf.free()
	if !optional || len(bytes.TrimSpace(buf.b)) > 0 {
		if err := decodeBody(c.Header, buf.b, v); err != nil {
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

func decodeBody(h http.Header, body []byte, v any) error {
	if !isJSON(h.Get("Content-Type")) {
		return &apiError{status: http.StatusUnsupportedMediaType, code: "unsupported_media_type", message: "The body must be sent as Content-Type: application/json."}
	}
	err := json.Unmarshal(body, v, json.RejectUnknownMembers(true))
	if err == nil {
		return nil
	}
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		problem := symphony.Problem{Path: pathOf(string(syntax.JSONPointer)), Message: fmt.Sprintf("must be one valid JSON value in UTF-8 without duplicate names (byte %d)", syntax.ByteOffset)}
		if errors.Is(err, jsontext.ErrDuplicateName) {
			problem.Message = "is given twice"
		}
		e := invalid(problem)
		e.code, e.message = "invalid_json", "The body is not one valid JSON value."
		return e
	}
	list, rest := misfits(body, reflect.TypeOf(v))
	return &misfit{list, rest}
}

// misfit says that a body is JSON and does not fit the route's shape. rest is the body without what does not fit.
type misfit struct {
	problems []symphony.Problem
	rest     []byte
}

func (m *misfit) Error() string { return m.Unwrap().Error() }
func (m *misfit) Unwrap() error { return invalid(m.problems...) }

func isJSON(contentType string) bool {
	if contentType == "application/json" {
		return true
	}
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil || media != "application/json" {
		return false
	}
	charset, given := params["charset"]
	return !given || strings.EqualFold(charset, "utf-8")
}

// pathOf turns a JSON pointer (/messages/1/message) into a path (messages[1].message).
func pathOf(pointer string) string {
	path := ""
	for _, part := range strings.Split(strings.TrimPrefix(pointer, "/"), "/") {
		if _, err := strconv.Atoi(part); err == nil {
			path += "[" + part + "]"
			continue
		}
		path = join(path, strings.NewReplacer("~1", "/", "~0", "~").Replace(part))
	}
	return path
}

// Reading of query parameters: each notes its problem.

func (c *call) queryInt(name string, def int, list *[]symphony.Problem) int {
	s, ok := c.query[name]
	if !ok {
		return def
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		*list = append(*list, symphony.Problem{Path: name, Message: "must be an integer"})
	}
	return n
}

func (c *call) queryTime(name string, list *[]symphony.Problem) time.Time {
	s, ok := c.query[name]
	if !ok {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		*list = append(*list, symphony.Problem{Path: name, Message: "must be a time in RFC 3339, such as 2026-12-01T09:00:00Z"})
	}
	return t
}

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

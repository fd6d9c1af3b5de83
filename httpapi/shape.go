package httpapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// A body that does not decode is read a second time, token by token, to tell everything that is wrong with it and not
// just the first mistake. So is each body of a type in which the absence of a member selects more (tag absent:"all"),
// because decoding cannot tell null from absent. Work and memory are linear in the body: what is too much is skipped,
// not kept.

var (
	rawType  = reflect.TypeFor[jsontext.Value]()
	timeType = reflect.TypeFor[time.Time]()
	// delaysType is a list that may be given as a number.
	delaysType = reflect.TypeFor[wire.Delays]()

	unmarshaler     = reflect.TypeFor[json.UnmarshalerFrom]()
	textUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
)

// mistakes are problems, of which no more are kept than are told.
type mistakes struct {
	list []symphony.Problem
	more int
}

// Error is for logs, which have nothing of what the caller sent.
func (m *mistakes) Error() string {
	return fmt.Sprintf("the request has %d problems", len(m.list)+m.more)
}

func (m *mistakes) add(path, message string) {
	if len(m.list) == symphony.MaxProblems {
		m.more++
		return
	}
	m.list = append(m.list, symphony.Problem{Path: path, Message: message})
}

var errTrailing = errors.New("there is something after the value")

// misfits returns what does not fit a Go type in a body of valid JSON, and the body without it. The error is a
// *jsontext.SyntacticError, or ctx's.
func misfits(ctx context.Context, body []byte, t reflect.Type) (found mistakes, rest []byte, err error) {
	var out bytes.Buffer
	s := shaper{
		ctx: ctx, shapes: make(map[reflect.Type]*shape),
		// Names of members that are not known would all have to be remembered to tell that they are given twice.
		in:  jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true)),
		out: jsontext.NewEncoder(&out, jsontext.AllowDuplicateNames(true)),
	}
	fits, err := s.fit(t, member{})
	if err == nil {
		if _, err = s.in.ReadToken(); err == nil {
			err = &jsontext.SyntacticError{ByteOffset: s.in.InputOffset(), Err: errTrailing}
		} else if errors.Is(err, io.EOF) {
			err = nil
		}
	}
	if err != nil || !fits {
		return s.found, nil, err
	}
	return s.found, out.Bytes(), nil
}

type shaper struct {
	ctx    context.Context
	in     *jsontext.Decoder
	out    *jsontext.Encoder
	shapes map[reflect.Type]*shape
	path   []place
	found  mistakes
	values int
}

// place is one step of a path: a member's name, or the number of an element.
type place struct {
	name  string
	index int // of an element, where name is empty
}

// shape is what a struct may have.
type shape struct {
	members map[string]member
	names   string // of all members, sorted
}

// member is one member of a struct.
type member struct {
	name string // to be written before its value; empty for an element, or the whole
	typ  reflect.Type
	most int // entries of a list or a map; 0: any number
	// absent is what its absence means, which null and empty must not be taken for; empty where they may.
	absent string
}

func (s *shaper) bad(format string, args ...any) {
	if len(s.found.list) == symphony.MaxProblems {
		s.found.more++ // without the work of saying it
		return
	}
	s.found.add(pathTo(s.path), fmt.Sprintf(format, args...))
}

// pathTo writes a path as messages[1].message.type.
func pathTo(places []place) string {
	var b strings.Builder
	for i, p := range places {
		switch {
		case p.name == "" && p.index >= 0:
			b.WriteString("[" + strconv.Itoa(p.index) + "]")
		case i > 0:
			b.WriteString("." + p.name)
		default:
			b.WriteString(p.name)
		}
	}
	return b.String()
}

// fit reads a value and writes it, without what does not fit t, behind the name of m if that has one. It reports
// whether the value itself fits; what does not is not written.
func (s *shaper) fit(t reflect.Type, m member) (bool, error) {
	if s.values++; s.values%1024 == 0 {
		if err := s.ctx.Err(); err != nil {
			return false, err
		}
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	kind := s.in.PeekKind()
	if kind == 'n' && m.absent != "" {
		s.bad("must not be null; leave it out for %s", m.absent)
		return false, s.in.SkipValue()
	}
	list, object := t.Kind() == reflect.Slice && t != rawType, t.Kind() == reflect.Map || t.Kind() == reflect.Struct && t != timeType
	if !list && (reflect.PointerTo(t).Implements(unmarshaler) || reflect.PointerTo(t).Implements(textUnmarshaler)) {
		object = false
	}
	switch {
	case t == delaysType && kind == '0':
	case list && kind == '[':
		return true, s.elements(t.Elem(), m)
	case object && kind == '{':
		return true, s.members(t, m)
	case list && kind != 'n':
		s.bad("must be %s", listed(t))
		return false, s.in.SkipValue()
	case object && kind != 'n':
		s.bad("must be an object")
		return false, s.in.SkipValue()
	}
	return s.leaf(t, m)
}

// leaf is fit for what is decoded as a whole.
func (s *shaper) leaf(t reflect.Type, m member) (bool, error) {
	value, err := s.in.ReadValue()
	if err != nil {
		return false, err
	}
	if t != rawType && value.Kind() != 'n' {
		into := reflect.New(t)
		if json.Unmarshal(value, into.Interface()) != nil {
			s.bad("%s", wants(t))
			return false, nil
		}
		if m.absent != "" && into.Elem().IsZero() {
			s.bad("must not be %s; leave it out for %s", zero(t), m.absent)
			return false, nil
		}
	}
	if err := s.name(m); err != nil {
		return false, err
	}
	return true, s.out.WriteValue(value)
}

// wants says what a type takes.
func wants(t reflect.Type) string {
	if t == timeType {
		return "must be a time in RFC 3339, such as 2026-12-01T09:00:00Z"
	}
	if t == delaysType {
		return "must be " + listed(t)
	}
	switch t.Kind() {
	case reflect.String:
		return "must be a string"
	case reflect.Bool:
		return "must be true or false"
	case reflect.Int, reflect.Int64:
		return "must be an integer"
	default:
		return "does not fit"
	}
}

// listed says what a list takes.
func listed(t reflect.Type) string {
	if t == delaysType {
		return "an integer or an array of integers"
	}
	return "an array"
}

// zero says what a value is that says nothing.
func zero(t reflect.Type) string {
	if t.Kind() == reflect.String {
		return "empty"
	}
	return "zero"
}

func (s *shaper) name(m member) error {
	if m.name == "" {
		return nil
	}
	return s.out.WriteToken(jsontext.String(m.name))
}

func (s *shaper) elements(t reflect.Type, m member) error {
	if err := errors.Join(s.name(m), s.out.WriteToken(jsontext.BeginArray)); err != nil {
		return err
	}
	if _, err := s.in.ReadToken(); err != nil {
		return err
	}
	if m.absent != "" && s.in.PeekKind() == ']' {
		s.bad("must not be empty; leave it out for %s", m.absent)
	}
	for i := 0; s.in.PeekKind() != ']'; i++ {
		if m.most > 0 && i == m.most {
			s.bad("must have at most %d entries", m.most)
			return errors.Join(s.skipRest(), s.out.WriteToken(jsontext.EndArray))
		}
		s.path = append(s.path, place{index: i})
		fits, err := s.fit(t, member{})
		s.path = s.path[:len(s.path)-1]
		if err == nil && !fits {
			// What does not fit stays as a zero value, so that the others keep their places.
			err = s.out.WriteToken(jsontext.Null)
		}
		if err != nil {
			return err
		}
	}
	if _, err := s.in.ReadToken(); err != nil {
		return err
	}
	return s.out.WriteToken(jsontext.EndArray)
}

// skipRest reads to the end of the list or object that is open.
func (s *shaper) skipRest() error {
	for n := 0; ; n++ {
		if n%1024 == 0 && s.ctx.Err() != nil {
			return s.ctx.Err()
		}
		switch s.in.PeekKind() {
		case ']', '}':
			_, err := s.in.ReadToken()
			return err
		default:
			if err := s.in.SkipValue(); err != nil {
				return err
			}
		}
	}
}

func (s *shaper) members(t reflect.Type, m member) error {
	if err := errors.Join(s.name(m), s.out.WriteToken(jsontext.BeginObject)); err != nil {
		return err
	}
	if _, err := s.in.ReadToken(); err != nil {
		return err
	}
	var of *shape
	if t.Kind() == reflect.Struct {
		of = s.shape(t)
	}
	var given []string
	for n := 0; s.in.PeekKind() != '}'; n++ {
		if of == nil && m.most > 0 && n == m.most {
			s.bad("must have at most %d entries", m.most)
			return errors.Join(s.skipRest(), s.out.WriteToken(jsontext.EndObject))
		}
		token, err := s.in.ReadToken()
		if err != nil {
			return err
		}
		name := token.String()
		s.path = append(s.path, place{name: shortened(name, maxPathTold), index: -1})
		inner, known := member{name: name}, true
		if of == nil {
			inner.typ = t.Elem()
		} else {
			inner, known = of.members[name]
		}
		switch {
		case !known:
			s.bad("is not a known field; known are %s", of.names)
			err = s.in.SkipValue()
		case of != nil && slices.Contains(given, name):
			s.bad("is given twice")
			err = s.in.SkipValue()
		default:
			if of != nil {
				given = append(given, name)
			}
			_, err = s.fit(inner.typ, inner)
		}
		s.path = s.path[:len(s.path)-1]
		if err != nil {
			return err
		}
	}
	if _, err := s.in.ReadToken(); err != nil {
		return err
	}
	return s.out.WriteToken(jsontext.EndObject)
}

// shape is that of a struct, with the members of those embedded in it.
func (s *shaper) shape(t reflect.Type) *shape {
	if of := s.shapes[t]; of != nil {
		return of
	}
	of := &shape{members: membersOf(t)}
	names := make([]string, 0, len(of.members))
	for name := range of.members {
		names = append(names, name)
	}
	slices.Sort(names)
	of.names = strings.Join(names, ", ")
	s.shapes[t] = of
	return of
}

func membersOf(t reflect.Type) map[string]member {
	members := make(map[string]member)
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous || !f.IsExported() || name == "" || name == "-" {
			continue
		}
		most, _ := strconv.Atoi(f.Tag.Get("maxItems")) // 0 without the tag
		members[name] = member{name: name, typ: f.Type, most: most, absent: f.Tag.Get("absent")}
	}
	return members
}

// traits are what reading a body into a type has to know of it.
type traits struct {
	selective bool // a member somewhere must not be null, and does not see to that itself
	raw       bool // a member somewhere is JSON of the caller's own
}

// traitsOf is asked on the way of every request, so what was found once is kept.
func traitsOf(t reflect.Type) *traits {
	known, ok := knownTraits.Load(t)
	if !ok {
		known, _ = knownTraits.LoadOrStore(t, &traits{selective: hasAbsent(t), raw: hasRaw(t)})
	}
	return known.(*traits)
}

var knownTraits sync.Map // what traitsOf found, by reflect.Type

func hasRaw(t reflect.Type) bool {
	if t == rawType {
		return true
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return hasRaw(t.Elem())
	case reflect.Struct:
		for _, m := range membersOf(t) {
			if hasRaw(m.typ) {
				return true
			}
		}
	}
	return false
}

func hasAbsent(t reflect.Type) bool {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t == timeType {
		return false
	}
	for _, m := range membersOf(t) {
		if m.absent != "" && !reflect.PointerTo(m.typ).Implements(unmarshaler) || hasAbsent(m.typ) {
			return true
		}
	}
	return false
}

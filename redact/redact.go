// Package redact hides parts of what messages carry from those who look at them: rules say, by type, which members of
// their JSON are nobody's business but the handlers'.
package redact

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/symphony-messenger/symphony"
)

// Text stands in the place of a text, or of a member's value, that is hidden.
const Text = "[redacted]"

// Value stands in the place of a whole JSON value that is hidden.
func Value() jsontext.Value { return jsontext.Value(`{"redacted":true}`) }

// MaxPaths is how many paths one type may have, MaxPathLength how many bytes each.
const (
	MaxPaths      = 100
	MaxPathLength = 255
)

// Rules are the members to hide, by type of message. A path is names of members with dots between: "card.number". "*"
// stands for any name, "**" for any number of names, none included. Arrays are looked through: the path "cards.number"
// hides the number of each card of an array, too. A type has the paths of all patterns that match it. Rules never
// change, and are safe for concurrent use. A nil *Rules hides nothing.
type Rules struct{ list []rule }

type rule struct {
	pattern string
	paths   []path
}

// path is the names of a path, in their order.
type path []string

const (
	anyName  = "*"
	anyDepth = "**"
)

// New makes rules of paths by pattern of types. The error tells every mistake.
func New(types map[string][]string) (*Rules, error) {
	r := new(Rules)
	var errs []error
	for _, pattern := range slices.Sorted(maps.Keys(types)) {
		if err := symphony.ValidatePattern(pattern); err != nil {
			errs = append(errs, err)
			continue
		}
		one := rule{pattern: pattern}
		for _, text := range types[pattern] {
			p, err := parse(text)
			if err != nil {
				errs = append(errs, fmt.Errorf("redact of type %q: %w", pattern, err))
				continue
			}
			one.paths = append(one.paths, p)
		}
		if len(one.paths) > MaxPaths {
			errs = append(errs, fmt.Errorf("redact of type %q: must have at most %d paths, has %d", pattern, MaxPaths,
				len(one.paths)))
		}
		if len(one.paths) > 0 {
			r.list = append(r.list, one)
		}
	}
	return r, errors.Join(errs...)
}

// CheckPath says what is wrong with a path.
func CheckPath(text string) error {
	_, err := parse(text)
	return err
}

func parse(text string) (path, error) {
	if len(text) > MaxPathLength {
		return nil, fmt.Errorf("path %.40q: must have at most %d bytes, has %d", text, MaxPathLength, len(text))
	}
	p := path(strings.Split(text, "."))
	for i, name := range p {
		switch {
		case name == "":
			return nil, fmt.Errorf(`path %q: must be names with dots between, such as "card.number" or "*.token"`, text)
		case name == anyDepth && i > 0 && p[i-1] == anyDepth:
			return nil, fmt.Errorf(`path %q: "**" twice in a row says no more than once`, text)
		}
	}
	return p, nil
}

// Types are the patterns of the types of which something is hidden, in alphabetical order.
func (r *Rules) Types() []string {
	if r == nil {
		return nil
	}
	out := make([]string, len(r.list))
	for i := range r.list {
		out[i] = r.list[i].pattern
	}
	return out
}

// Hides reports whether something of a type is hidden.
func (r *Rules) Hides(typ string) bool { return len(r.of(typ)) > 0 }

// of are the paths of a type.
func (r *Rules) of(typ string) (paths []path) {
	if r == nil {
		return nil
	}
	for i := range r.list {
		if symphony.PatternMatches(r.list[i].pattern, typ) {
			paths = append(paths, r.list[i].paths...)
		}
	}
	return paths
}

// ofSource are the paths to what is hidden of the output that a callback has in its payload, of a message of another
// type. They are those of all types: who corrects the callback by a patch must not see more because he changes the name
// of that type in it.
func (r *Rules) ofSource(raw jsontext.Value) (paths []path) {
	if r == nil || !bytes.Contains(raw, []byte(`"`+symphony.CallbackSource+`"`)) ||
		!bytes.Contains(raw, []byte(`"output"`)) {
		return nil
	}
	for _, of := range r.list {
		for _, p := range of.paths {
			paths = append(paths, append(path{symphony.CallbackSource, "output"}, p...))
		}
	}
	return paths
}

// JSON returns a JSON value of a message of a type, such as its payload, without what is hidden, and whether that was
// anything; where nothing was, it is raw itself. What is no JSON is hidden as a whole. Of the output of a message that
// a callback follows, what the rules of any type name is hidden.
func (r *Rules) JSON(typ string, raw jsontext.Value) (masked jsontext.Value, hidden bool) {
	paths := append(r.of(typ), r.ofSource(raw)...)
	if len(paths) == 0 || len(raw) == 0 {
		return raw, false
	}
	var out bytes.Buffer
	out.Grow(len(raw))
	m := masker{paths: paths, in: jsontext.NewDecoder(bytes.NewReader(raw), asGiven()),
		out: jsontext.NewEncoder(&out, asGiven())}
	if err := m.value(m.begin()); err != nil {
		return Value(), true
	}
	if _, err := m.in.ReadToken(); !errors.Is(err, io.EOF) {
		return Value(), true
	}
	if !m.hidden {
		return raw, false
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), true
}

// Members is JSON for the members of an object, each by itself.
func (r *Rules) Members(typ string, members map[string]jsontext.Value) (masked map[string]jsontext.Value, hidden bool) {
	paths := r.of(typ)
	if len(paths) == 0 || len(members) == 0 {
		return members, false
	}
	masked = make(map[string]jsontext.Value, len(members))
	for name, raw := range members {
		masked[name] = raw
		one := bytes.NewBuffer(nil)
		enc := jsontext.NewEncoder(one, asGiven())
		if enc.WriteToken(jsontext.BeginObject) != nil || enc.WriteToken(jsontext.String(name)) != nil ||
			enc.WriteValue(raw) != nil || enc.WriteToken(jsontext.EndObject) != nil {
			masked[name], hidden = Value(), true
			continue
		}
		object, changed := r.JSON(typ, jsontext.Value(one.Bytes()))
		if !changed {
			continue
		}
		hidden = true
		masked[name] = member(object)
	}
	return masked, hidden
}

// member is the value of an object's only member.
func member(object jsontext.Value) jsontext.Value {
	dec := jsontext.NewDecoder(bytes.NewReader(object), asGiven())
	for range 2 { // the brace and the name
		if _, err := dec.ReadToken(); err != nil {
			return Value()
		}
	}
	v, err := dec.ReadValue()
	if err != nil {
		return Value()
	}
	return v.Clone()
}

// asGiven has JSON read and written as it was stored: with names that are there twice, each of which is looked at, and
// texts that are no Unicode.
func asGiven() jsontext.Options {
	return json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true),
		jsontext.PreserveRawStrings(true))
}

// masker copies a value and leaves out what paths name.
type masker struct {
	paths  []path
	in     *jsontext.Decoder
	out    *jsontext.Encoder
	hidden bool
}

// state is a place in a path: the names before at have been met.
type state struct{ path, at int }

// begin are the places before a whole value.
func (m *masker) begin() []state {
	states := make([]state, 0, len(m.paths))
	for i := range m.paths {
		states = m.add(states, state{i, 0})
	}
	return states
}

// add adds a place, with those to which "**" for no name leads from there.
func (m *masker) add(states []state, s state) []state {
	if slices.Contains(states, s) {
		return states
	}
	states = append(states, s)
	if p := m.paths[s.path]; s.at < len(p) && p[s.at] == anyDepth {
		return m.add(states, state{s.path, s.at + 1})
	}
	return states
}

// below are the places behind a member, and whether one of them is the end of its path. An element of an array is a
// member without a name.
func (m *masker) below(states []state, name string, element bool) (next []state, end bool) {
	for _, s := range states {
		p := m.paths[s.path]
		if element {
			next = m.add(next, s)
		}
		if s.at == len(p) {
			continue
		}
		switch of := p[s.at]; {
		case of == anyDepth:
			next = m.add(next, s)
		case of == anyName, !element && of == name:
			next = m.add(next, state{s.path, s.at + 1})
		}
	}
	for _, s := range next {
		end = end || s.at == len(m.paths[s.path])
	}
	return next, end
}

// value copies the next value. states are the places before it.
func (m *masker) value(states []state) error {
	kind := m.in.PeekKind()
	if len(states) == 0 || kind != '{' && kind != '[' {
		raw, err := m.in.ReadValue()
		if err != nil {
			return err
		}
		return m.out.WriteValue(raw)
	}
	if err := m.token(); err != nil {
		return err
	}
	for m.in.PeekKind() != '}' && m.in.PeekKind() != ']' {
		name := ""
		if kind == '{' {
			raw, err := m.in.ReadValue()
			if err != nil {
				return err
			}
			text, _ := jsontext.AppendUnquote(nil, raw) // what is no Unicode in it is no part of a path's names
			if err := m.out.WriteValue(raw); err != nil {
				return err
			}
			name = string(text)
		}
		next, end := m.below(states, name, kind == '[')
		if !end {
			if err := m.value(next); err != nil {
				return err
			}
			continue
		}
		m.hidden = true
		if err := m.in.SkipValue(); err != nil {
			return err
		}
		if err := m.out.WriteToken(jsontext.String(Text)); err != nil {
			return err
		}
	}
	return m.token()
}

// token copies the next token, which opens or closes.
func (m *masker) token() error {
	tok, err := m.in.ReadToken()
	if err != nil {
		return err
	}
	return m.out.WriteToken(tok)
}

package triage

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// Patch is a JSON merge patch (RFC 7396): an object whose members replace those of the same name, objects member by
// member, and remove those for which they are null. The zero Patch changes nothing.
type Patch struct{ root *change }

// change is what a patch has at one place: members to change, or a value that takes the place of what is there.
type change struct {
	members []member       // of an object, in their order
	value   jsontext.Value // of anything else
	object  bool
}

type member struct {
	name string
	to   *change
}

// remove reports whether a member is taken away.
func (c *change) remove() bool { return !c.object && c.value.Kind() == 'n' }

// ParsePatch reads a patch, in time linear in its size. A patch that is no object cannot leave a payload an object, and
// is an error, as is a name that occurs twice.
func ParsePatch(raw []byte) (Patch, error) {
	dec := jsontext.NewDecoder(bytes.NewReader(raw))
	root, err := parse(dec)
	if err == nil && !root.object {
		err = errors.New("must be a JSON object")
	}
	if err == nil {
		if _, more := dec.ReadToken(); !errors.Is(more, io.EOF) {
			err = errors.New("must be one JSON object")
		}
	}
	if err != nil {
		return Patch{}, err
	}
	return Patch{root}, nil
}

func parse(dec *jsontext.Decoder) (*change, error) {
	if dec.PeekKind() != '{' {
		value, err := dec.ReadValue()
		if err != nil {
			return nil, badJSON(err)
		}
		return &change{value: value.Clone()}, nil
	}
	c := &change{object: true}
	if _, err := dec.ReadToken(); err != nil {
		return nil, badJSON(err)
	}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, badJSON(err)
		}
		m := member{name: name.String()}
		if m.to, err = parse(dec); err != nil {
			return nil, err
		}
		c.members = append(c.members, m)
	}
	_, err := dec.ReadToken()
	return c, badJSON(err)
}

func badJSON(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("must be valid JSON: %w", err)
}

// Apply returns what a patch makes of a JSON object, in time linear in the size of both. Members that stay are in their
// order and byte for byte as they were, so that numbers keep every digit; new ones follow in the order of the patch.
func (p Patch) Apply(doc []byte) ([]byte, error) {
	if p.root == nil {
		return doc, nil
	}
	// Go programs may have dispatched what HTTP refuses: a name that occurs twice.
	dec := jsontext.NewDecoder(bytes.NewReader(doc), jsontext.AllowDuplicateNames(true))
	out, err := merge(make([]byte, 0, len(doc)+64), dec, p.root)
	if err != nil {
		return nil, fmt.Errorf("patch a payload: %w", err)
	}
	return out, nil
}

// merge appends what a change makes of the next value.
func merge(out []byte, dec *jsontext.Decoder, c *change) ([]byte, error) {
	if !c.object || dec.PeekKind() != '{' {
		if err := dec.SkipValue(); err != nil {
			return nil, err
		}
		return create(out, c), nil
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, err
	}
	out = append(out, '{')
	first := true
	begin := func(name []byte) {
		if !first {
			out = append(out, ',')
		}
		first = false
		out = append(append(out, name...), ':')
	}
	byName := make(map[string]*change, len(c.members))
	for _, m := range c.members {
		byName[m.name] = m.to
	}
	met := make(map[string]bool, len(c.members))
	for dec.PeekKind() != '}' {
		raw, err := dec.ReadValue()
		if err != nil {
			return nil, err
		}
		name, err := jsontext.AppendUnquote(nil, raw)
		if err != nil {
			return nil, err
		}
		to := byName[string(name)]
		switch {
		case to == nil:
			begin(raw)
			value, err := dec.ReadValue()
			if err != nil {
				return nil, err
			}
			out = append(out, value...)
			continue
		case to.remove():
			if err := dec.SkipValue(); err != nil {
				return nil, err
			}
		default:
			begin(raw)
			if out, err = merge(out, dec, to); err != nil {
				return nil, err
			}
		}
		met[string(name)] = true
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, err
	}
	for _, m := range c.members {
		if !met[m.name] && !m.to.remove() {
			begin(quote(m.name))
			out = create(out, m.to)
		}
	}
	return append(out, '}'), nil
}

// create appends what a change makes where there is nothing: an object without what it removes.
func create(out []byte, c *change) []byte {
	if !c.object {
		return append(out, c.value...)
	}
	out = append(out, '{')
	first := true
	for _, m := range c.members {
		if m.to.remove() {
			continue
		}
		if !first {
			out = append(out, ',')
		}
		first = false
		out = create(append(append(out, quote(m.name)...), ':'), m.to)
	}
	return append(out, '}')
}

func quote(name string) []byte {
	raw, _ := jsontext.AppendQuote(nil, name) // a name that was read is valid UTF-8
	return raw
}

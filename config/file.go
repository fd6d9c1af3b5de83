package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/symphony-messenger/symphony"
)

// maxFile bounds the configuration file, in bytes.
const maxFile = 1 << 20

// file reads the configuration file, if there is one.
func (l *loader) file(s Sources) {
	path, at := s.File, place{level: byFlag, source: "--config"}
	if path == "" {
		for _, entry := range s.Environ {
			if name, value, _ := strings.Cut(entry, "="); name == FileVariable {
				path, at = value, place{level: byVariable, source: FileVariable}
			}
		}
		if at.level == byVariable && path == "" {
			l.problem(at, "", "is set to nothing; leave it out, or give it the path of a file")
			return
		}
	}
	named := path != ""
	if !named {
		path = DefaultFile
	}
	raw, err := os.ReadFile(path)
	switch {
	case err == nil && len(raw) > maxFile:
		l.problem(at, "", "%s has %d bytes, which is too much for a configuration", path, len(raw))
		return
	case errors.Is(err, fs.ErrNotExist) && !named:
		return
	case err != nil:
		l.problem(at, "", "%v", err)
		return
	}
	l.config.File = path
	l.parse(path, raw)
}

// parse reads the text of a file; path is for messages.
func (l *loader) parse(path string, raw []byte) {
	d := &document{loader: l, path: path, anchors: map[string]ast.Node{}}
	// Doubled keys are reported here together with everything else, not by the parser.
	raw = bytes.TrimPrefix(raw, []byte("\ufeff")) // as editors on Windows put it in front
	tree, err := parser.ParseBytes(raw, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		at, message := place{level: byFile, source: path}, err.Error()
		var syntax yaml.Error
		if errors.As(err, &syntax) && syntax.GetToken() != nil {
			message = syntax.GetMessage()
			at = d.position(syntax.GetToken().Position.Line, syntax.GetToken().Position.Column)
		}
		l.problem(at, "", "%s", message)
		return
	}
	for i, doc := range tree.Docs {
		if doc.Body == nil {
			continue
		}
		if i > 0 {
			l.problem(d.at(doc.Body), "", "a configuration is one YAML document")
			return
		}
		ast.Walk(d, doc.Body)
		d.section(doc.Body, "", l.table, map[string]func(entry){
			"transports": d.transports, "routes": d.routes, "types": d.types, "queues": d.queues, "handlers": d.handlers, "schedules": d.schedules, "alerts.webhooks": d.webhooks,
			"dashboard.servers": d.servers,
		})
	}
}

// document is one file while it is read.
type document struct {
	*loader
	path    string
	anchors map[string]ast.Node
}

// Visit notes the anchors, for their aliases.
func (d *document) Visit(n ast.Node) ast.Visitor {
	if a, ok := n.(*ast.AnchorNode); ok {
		d.anchors[a.Name.GetToken().Value] = a.Value
	}
	return d
}

func (d *document) position(line, column int) place {
	return place{level: byFile, source: fmt.Sprintf("%s:%d:%d", d.path, line, column), line: line, column: column}
}

func (d *document) at(n ast.Node) place {
	// A mapping in block style begins with its first key; its own token is the colon.
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		n = m.Values[0].Key
	}
	p := n.GetToken().Position
	return d.position(p.Line, p.Column)
}

// resolve returns the node that an anchor, alias or tag stands for. A null node stands for what can't be resolved.
func (d *document) resolve(n ast.Node) ast.Node {
	// The bound ends an alias of itself.
	for range 10 {
		switch t := n.(type) {
		case *ast.AnchorNode:
			n = t.Value
		case *ast.AliasNode:
			n = d.anchors[t.Value.GetToken().Value]
		case *ast.TagNode:
			n = t.Value
		default:
			return n
		}
	}
	return nil
}

// entry is a key of a mapping with its value.
type entry struct {
	key   string // full, dotted
	name  string // the last step
	value ast.Node
	at    place // of the key
}

// entries returns what a mapping holds, without doubled keys. It reports anything that is not a mapping; nothing
// stands for an empty one.
func (d *document) entries(n ast.Node, key string, at place) []entry {
	var pairs []*ast.MappingValueNode
	switch t := d.resolve(n).(type) {
	case nil, *ast.NullNode:
		return nil
	case *ast.MappingNode:
		pairs = t.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{t}
	default:
		d.problem(at, key, "must be a mapping of keys to values")
		return nil
	}
	entries := make([]entry, 0, len(pairs))
	seen := map[string]bool{}
	for _, pair := range pairs {
		name := pair.Key.GetToken().Value
		e := entry{key: join(key, name), name: name, value: pair.Value, at: d.at(pair.Key)}
		switch {
		case pair.Key.IsMergeKey():
			d.problem(e.at, key, "merge keys (<<) are not supported; write the settings out")
		case seen[name]:
			d.problem(e.at, e.key, "is set twice")
		default:
			entries = append(entries, e)
		}
		seen[name] = true
	}
	return entries
}

func join(key, name string) string {
	if key == "" || name == "" {
		return key + name
	}
	return key + "." + name
}

// section reads a mapping whose keys stand in a table. prefix is the part of the table's keys that led here; others
// are keys that have readers of their own.
func (d *document) section(n ast.Node, prefix string, table []*field, others map[string]func(entry)) {
	key := prefix
	if len(table[0].prefix) > 0 {
		key = join(dotted(table[0].prefix), prefix)
	}
	d.fill(d.entries(n, key, d.nodeAt(n)), prefix, table, others)
}

func (d *document) nodeAt(n ast.Node) place {
	if n == nil {
		return place{level: byFile, source: d.path}
	}
	return d.at(n)
}

func (d *document) fill(entries []entry, prefix string, table []*field, others map[string]func(entry)) {
	for _, e := range entries {
		key := join(prefix, e.name)
		if read := others[key]; read != nil {
			read(e)
			continue
		}
		var siblings []string
		for _, name := range slices.Sorted(maps.Keys(others)) {
			if rest, ok := strings.CutPrefix("."+name, strings.TrimSuffix("."+prefix, ".")+"."); ok {
				name, _, _ := strings.Cut(rest, ".")
				siblings = append(siblings, name)
			}
		}
		var leaf, below *field
		for _, f := range table {
			switch {
			case f.key == key:
				leaf = f
			case strings.HasPrefix(f.key, key+"."):
				below = f
			}
			if rest, ok := strings.CutPrefix("."+f.key, strings.TrimSuffix("."+prefix, ".")+"."); ok {
				name, _, _ := strings.Cut(rest, ".")
				siblings = append(siblings, name)
			}
		}
		switch {
		case leaf != nil:
			if in, ok := d.input(e); ok {
				d.set(leaf, in, d.valueAt(e))
			}
		case below != nil:
			d.section(e.value, key, table, others)
		default:
			slices.Sort(siblings)
			d.problem(e.at, e.key, "unknown key%s", hint(e.name, slices.Compact(siblings)))
		}
	}
}

// hint suggests the nearest sibling, or lists them all.
func hint(name string, siblings []string) string {
	if s := suggest(name, siblings); s != "" {
		return s
	}
	return "; there are " + strings.Join(siblings, ", ")
}

// valueAt is where an entry's value stands: for mistakes in it.
func (d *document) valueAt(e entry) place {
	if _, null := e.value.(*ast.NullNode); null || e.value == nil {
		return e.at
	}
	return d.at(e.value)
}

// secretTag marks an entry of a list that must not be shown.
const secretTag = "!secret"

// input turns a value into what a field takes. It reports what can't be turned.
func (d *document) input(e entry) (input, bool) {
	switch t := d.resolve(e.value).(type) {
	case *ast.SequenceNode:
		in := input{shape: sequence, list: make([]string, len(t.Values))}
		for i, item := range t.Values {
			s, ok := scalarText(d.resolve(item))
			if !ok {
				d.problem(d.at(item), e.key, "entries must be single values")
				return input{}, false
			}
			if tag, ok := item.(*ast.TagNode); ok && tag.Start.Value == secretTag {
				in.secret = append(in.secret, i)
			}
			in.list[i] = s
		}
		return in, true
	case *ast.MappingNode, *ast.MappingValueNode:
		in := input{shape: mapping}
		for _, child := range d.entries(t, e.key, e.at) {
			s, ok := scalarText(d.resolve(child.value))
			if !ok {
				d.problem(child.at, child.key, "must be a single value")
				return input{}, false
			}
			in.pairs = append(in.pairs, pair{child.name, s})
		}
		return in, true
	default:
		s, ok := scalarText(t)
		if !ok {
			d.problem(e.at, e.key, "has a value that can't be read")
		}
		return input{shape: scalar, text: s, fromFile: true}, ok
	}
}

// scalarText returns a scalar as it was written, so that numbers keep their form. Nothing is "".
func scalarText(n ast.Node) (string, bool) {
	switch t := n.(type) {
	case nil:
		return "", false
	case *ast.NullNode:
		return "", true
	case *ast.StringNode:
		return t.Value, true
	case *ast.LiteralNode:
		return t.Value.Value, true
	case ast.ScalarNode:
		return t.GetToken().Value, true
	}
	return "", false
}

func (d *document) transports(e entry) {
	entries := d.entries(e.value, e.key, e.at)
	if len(entries) == 0 {
		d.problem(e.at, e.key, "names no transport; leave it out for one named %q", symphony.DefaultTransport)
	}
	for _, e := range entries {
		if err := symphony.ValidateName(e.name); err != nil {
			d.problem(e.at, e.key, "the name %v", err)
			continue
		}
		d.section(e.value, "", d.transport(e.name, e.at).fields, nil)
	}
}

func (d *document) routes(e entry) {
	for _, e := range d.entries(e.value, e.key, e.at) {
		if err := symphony.ValidatePattern(e.name); err != nil {
			d.problem(e.at, e.key, "%v", err)
			continue
		}
		in, ok := d.input(e)
		if !ok {
			continue
		}
		r := &route{pattern: e.name, place: d.valueAt(e)}
		r.field = &field{prefix: []string{"routes", e.name}, value: list{p: &r.names}}
		d.set(r.field, in, r.place)
		if len(in.list) == 0 && in.text == "" {
			d.problem(e.at, e.key, "names no transport")
		}
		d.loader.routes = append(d.loader.routes, r)
	}
}

// handlers reads a list of handlers.
func (d *document) handlers(e entry) {
	switch t := d.resolve(e.value).(type) {
	case nil, *ast.NullNode:
	case *ast.SequenceNode:
		for i, item := range t.Values {
			h := &handler{place: d.nodeAt(item)}
			h.fields = under([]string{"handlers", fmt.Sprintf("[%d]", i)}, overriding(settings(&h.settings)))
			d.section(item, "", h.fields, nil)
			d.loader.handlers = append(d.loader.handlers, h)
		}
	default:
		d.problem(e.at, e.key, "must be a list of handlers, each with its type")
	}
}

// Package schema checks payloads against JSON Schemas (draft 2020-12, or what a schema's $schema says), by the type of
// their message.
package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"github.com/symphony-messenger/symphony"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// Schemas are compiled schemas by pattern of types. It is a symphony.PayloadChecker. Safe for concurrent use.
type Schemas struct {
	byPattern symphony.Patterns[*jsonschema.Schema]
}

// New compiles schemas, given as JSON by pattern ("Mail", "Mail.*", "*"); of several patterns that fit a type the most
// specific one applies. A $ref leads to the same document only: nothing is loaded from elsewhere. The error tells of
// every schema that does not compile.
func New(byPattern map[string][]byte) (*Schemas, error) {
	s := new(Schemas)
	var errs []error
	for _, pattern := range slices.Sorted(maps.Keys(byPattern)) {
		compiled, err := compile(byPattern[pattern])
		if err != nil {
			errs = append(errs, fmt.Errorf("schema of %s: %w", pattern, err))
			continue
		}
		if err := s.byPattern.Set(pattern, compiled); err != nil {
			errs = append(errs, err)
		}
	}
	return s, errors.Join(errs...)
}

// place is where a schema is said to be, for references within it.
const place = "schema:///payload.json"

func compile(raw []byte) (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	c.UseLoader(nothing{})
	if err := c.AddResource(place, doc); err != nil {
		return nil, err
	}
	return c.Compile(place)
}

// nothing loads no documents: what a server accepts must not depend on others.
type nothing struct{}

func (nothing) Load(url string) (any, error) {
	return nil, fmt.Errorf("%s is another document, and none is loaded; put what it says under $defs", url)
}

// CheckPayload returns every problem of a payload with the schema of its type, none where no schema applies.
func (s *Schemas) CheckPayload(typ string, payload json.RawMessage) []symphony.Problem {
	schema, ok := s.byPattern.Match(typ)
	if !ok {
		return nil
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(payload))
	if err != nil {
		return []symphony.Problem{{Message: "must be valid JSON"}}
	}
	var invalid *jsonschema.ValidationError
	if err := schema.Validate(value); !errors.As(err, &invalid) {
		if err != nil {
			return []symphony.Problem{{Message: err.Error()}}
		}
		return nil
	}
	var list []symphony.Problem
	collect(invalid, &list)
	slices.SortStableFunc(list, func(a, b symphony.Problem) int { return strings.Compare(a.Path, b.Path) })
	return slices.Compact(list)
}

// collect appends the leaves of an error's tree: what is wrong, not what that makes wrong in turn.
func collect(e *jsonschema.ValidationError, list *[]symphony.Problem) {
	if len(e.Causes) > 0 {
		for _, cause := range e.Causes {
			collect(cause, list)
		}
		return
	}
	at := path(e.InstanceLocation)
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		for _, name := range k.Missing {
			*list = append(*list, symphony.Problem{Path: join(at, name), Message: "is required"})
		}
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			*list = append(*list, symphony.Problem{Path: join(at, name), Message: "is not allowed"})
		}
	default:
		*list = append(*list, symphony.Problem{Path: at, Message: "does not fit the schema: " + e.ErrorKind.LocalizedString(message.NewPrinter(language.English))})
	}
}

// path is a location as the HTTP contract writes it: items[2].sku.
func path(steps []string) string {
	p := ""
	for _, step := range steps {
		if _, err := strconv.Atoi(step); err == nil {
			p += "[" + step + "]"
			continue
		}
		p = join(p, step)
	}
	return p
}

func join(at, name string) string {
	if at == "" {
		return name
	}
	return at + "." + name
}

package httpapi

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// What messages are selected by is enumerated in wire.MessageFilter, for the queries of lists, counts and exports and
// for the bodies of work in bulk. It is copied to symphony.MessageFilter by the names in JSON, in which both agree but
// for q.

var askedFilter = pairsOf[wire.MessageFilter, symphony.MessageFilter]()

// filterParameters are the parameters by which a query selects messages. In the order of failure there is no status.
func filterParameters(failed bool) []parameter {
	list := []parameter{ofTransports}
	for _, m := range wire.FilterMembers() {
		if failed && m.Name == "status" {
			continue
		}
		p := parameter{name: m.Name, doc: m.Tag.Get("description"), reveals: m.Tag.Get("reveals") != ""}
		switch m.Of(new(wire.MessageFilter)).(type) {
		case *int:
			p.kind = "integer"
			p.low, _ = strconv.Atoi(m.Tag.Get("minimum"))
			p.high, _ = strconv.Atoi(m.Tag.Get("maximum"))
		case **time.Time:
			p.format = "date-time"
		case *wire.Names:
			p.many = true
		case *wire.Equalities:
			p.prefix = wire.MetadataPrefix
		}
		if enum := m.Tag.Get("enum"); enum != "" {
			p.oneOf = strings.Split(enum, ",")
		}
		list = append(list, p)
	}
	return list
}

// queryFilter reads the filter of a query.
func (c *call) queryFilter(list *[]symphony.Problem) symphony.MessageFilter {
	var f wire.MessageFilter
	for _, m := range wire.FilterMembers() {
		switch v := m.Of(&f).(type) {
		case *string:
			*v = c.query[m.Name]
		case *int:
			low, _ := strconv.Atoi(m.Tag.Get("minimum"))
			high, _ := strconv.Atoi(m.Tag.Get("maximum"))
			*v = c.number(m.Name, low, high, list)
		case **time.Time:
			if t := c.queryTime(m.Name, list); !t.IsZero() {
				*v = &t
			}
		case *wire.Names:
			*v = c.several[m.Name]
			if enum := m.Tag.Get("enum"); enum != "" {
				for _, name := range *v {
					if !slices.Contains(strings.Split(enum, ","), name) {
						known := "must be " + strings.ReplaceAll(enum, ",", ", ")
						*list = append(*list, symphony.Problem{Path: m.Name, Message: known})
						break
					}
				}
			}
		case *wire.Equalities:
			for name, values := range c.several {
				if path, ok := strings.CutPrefix(name, wire.MetadataPrefix); ok {
					if *v == nil {
						*v = make(wire.Equalities)
					}
					(*v)[path] = values[0]
				}
			}
		}
	}
	return c.filterOf(&f, "", list)
}

// filterOf is a filter as the domain has it, with what that cannot see: that something is given, and empty or unknown.
// Paths of problems begin with prefix.
func (c *call) filterOf(f *wire.MessageFilter, prefix string, list *[]symphony.Problem) symphony.MessageFilter {
	out := symphony.MessageFilter{Text: f.Q}
	if f.Q != "" || len(f.Metadata) > 0 {
		out.Closed = c.closedTypes()
	}
	askedFilter.ask(f, &out, prefix, list)
	if f.Metadata != nil && len(f.Metadata) == 0 {
		*list = append(*list, symphony.Problem{Path: prefix + "metadata",
			Message: "must not be empty; leave it out for all"})
	}
	for _, s := range f.Status {
		out.Statuses = append(out.Statuses, symphony.Status(s))
		if i := slices.Index(f.Status, s); i != len(out.Statuses)-1 {
			*list = append(*list, symphony.Problem{Path: prefix + "status", Message: fmt.Sprintf("has %s twice", s)})
		}
	}
	if len(out.Statuses) == 1 {
		out.Status, out.Statuses = out.Statuses[0], nil
	}
	return out
}

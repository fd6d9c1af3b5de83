package httpapi

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/symphony-messenger/symphony"
)

// parseQuery returns the query parameters, or every problem with them. Nothing of a query is left out in silence: what
// cannot be read is a problem with the pair's text as its path.
//
// several has the values of the parameters that may be repeated, and those of which a prefix of the name is known.
func (rt *route) parseQuery(r *http.Request) (query map[string]string, several map[string][]string, err error) {
	query = make(map[string]string)
	var found mistakes
	for pair := range strings.SplitSeq(r.URL.RawQuery, "&") {
		if pair == "" {
			continue
		}
		escapedName, escapedValue, _ := strings.Cut(pair, "=")
		name, nameErr := url.QueryUnescape(escapedName)
		value, valueErr := url.QueryUnescape(escapedValue)
		_, again := query[name]
		known := rt.parameter(name)
		switch {
		case escapedName == "token" && (strings.Contains(pair, ";") || valueErr != nil):
			found.add(escapedName, "is not a token") // which is not repeated
		case strings.Contains(pair, ";"):
			found.add(pair, "must not have a semicolon: parameters are separated by &, and in a value it is written %3B")
		case cmp.Or(nameErr, valueErr) != nil:
			found.add(pair, "must be a name and a value, with a percent sign written as %25")
		case known == nil:
			found.add(strings.ToValidUTF8(name, "\uFFFD"), "is not a known query parameter")
		case again:
			found.add(name, "is given more than once")
		case value == "":
			found.add(name, "must not be empty")
		case !symphony.ValidText(value):
			found.add(name, "must be UTF-8 without NUL")
		case known.many || known.prefix != "":
			if several == nil {
				several = make(map[string][]string)
			}
			if several[name] != nil && !known.many {
				found.add(name, "is given more than once")
				continue
			}
			several[name] = append(several[name], value)
		default:
			query[name] = value
		}
	}
	if len(found.list) > 0 {
		slices.SortStableFunc(found.list, func(a, b symphony.Problem) int { return strings.Compare(a.Path, b.Path) })
		return nil, nil, &found
	}
	return query, several, nil
}

// parameter is the one that a name in a query is about, nil for none.
func (rt *route) parameter(name string) *parameter {
	for i := range rt.query {
		p := &rt.query[i]
		if p.prefix == "" && p.name == name {
			return p
		}
		if p.prefix != "" && len(name) > len(p.prefix) && strings.HasPrefix(name, p.prefix) {
			return p
		}
	}
	return nil
}

// gives reports whether the query has a parameter.
func (c *call) gives(p *parameter) bool {
	if p.prefix == "" {
		_, one := c.query[p.name]
		return one || c.several[p.name] != nil
	}
	for name := range c.several {
		if strings.HasPrefix(name, p.prefix) {
			return true
		}
	}
	return false
}

// checkPath refuses what no id and no name can have. A path that is not escaped as it must be does not come so far.
func checkPath(r *http.Request) error {
	if symphony.ValidText(r.URL.Path) {
		return nil
	}
	return invalid(symphony.Problem{Path: strings.ToValidUTF8(strings.ReplaceAll(r.URL.EscapedPath(), "\x00", "%00"), "\uFFFD"), Message: "must be UTF-8 without NUL"})
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

func (c *call) queryBool(name string, list *[]symphony.Problem) bool {
	switch c.query[name] {
	case "", "false":
		return false
	case "true":
		return true
	}
	*list = append(*list, symphony.Problem{Path: name, Message: "must be true or false"})
	return false
}

func (c *call) queryTime(name string, list *[]symphony.Problem) time.Time {
	s, ok := c.query[name]
	if !ok {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, s)
	switch {
	case err != nil:
		*list = append(*list, symphony.Problem{Path: name, Message: "must be a time in RFC 3339, such as 2026-12-01T09:00:00Z"})
	case !symphony.StorableTime(t): // also the zero time, which would mean that none is given
		*list = append(*list, symphony.Problem{Path: name, Message: symphony.TimeProblem})
	}
	return t
}

package config

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"

	"github.com/symphony-messenger/symphony/dashboard"
)

// Dashboard configures the page for people.
type Dashboard struct {
	// Serve the dashboard.
	Enabled bool `key:"enabled" default:"true"`
	// Where it is. Links to it have it, and it may stand behind a proxy that takes a prefix off.
	Path string `key:"path" about:"a path" check:"DashboardPath" default:"dashboard.DefaultPath"`
	// Let those who sign in to the dashboard change nothing, whatever they may otherwise: their sessions only read.
	ReadOnly bool `key:"read_only" default:"false"`

	Environment Environment `key:"environment"`
	// Where the trace of a message is shown, like https://traces.example.com/trace/{traceId}.
	TraceURL string `key:"trace_url" about:"a URL with {traceId}" empty:"ok" check:"TraceURL"`

	Servers []DashboardServer
}

// Environment is what the dashboard's badge says, so that nobody takes production for something else.
type Environment struct {
	// What people call this installation, like Production. None: the dashboard has no badge.
	Name string `key:"name" about:"text" empty:"ok" check:"EnvironmentName"`
	// The badge's colour.
	Color string `key:"color" about:"a word such as red, or #rrggbb" check:"Color" default:"gray"`
}

// DashboardServer is another installation, to whose dashboard there is a link.
type DashboardServer struct {
	// What the link says. Required.
	Name string `key:"name" about:"text" check:"EnvironmentName"`
	// Where that dashboard is. Required.
	URL string `key:"url" about:"URL" check:"DashboardURL"`
}

// colors are the words for colours. Each has a form for light and for dark pages.
var colors = []string{"gray", "red", "orange", "yellow", "green", "teal", "blue", "purple", "pink"}

var hexColor = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)

func checkColor(s string) error {
	if slices.Contains(colors, s) || hexColor.MatchString(s) {
		return nil
	}
	return fmt.Errorf("must be %s, or like #c2410c, is %q", strings.Join(colors, ", "), s)
}

// maxEnvironmentName keeps a badge short, in characters.
const maxEnvironmentName = 40

func checkEnvironmentName(s string) error {
	hidden := func(r rune) bool { return !unicode.IsPrint(r) }
	if utf8.RuneCountInString(s) > maxEnvironmentName || strings.ContainsFunc(s, hidden) {
		return fmt.Errorf("must have at most %d printable characters", maxEnvironmentName)
	}
	return nil
}

// traceID stands in a template for the id of a trace.
const traceID = "{traceId}"

func checkTraceURL(s string) error {
	if !strings.Contains(s, traceID) {
		return errors.New("must have " + traceID + " where the id of the trace goes")
	}
	return checkPageURL(strings.ReplaceAll(s, traceID, "0"))
}

// checkPageURL refuses what a page must not link to, such as javascript:.
func checkPageURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return errors.New("must be a URL like https://queue.example.com/dashboard")
	}
	return nil
}

func checkDashboardPath(s string) error { return dashboard.CheckPath(s) }

// serverSection is one entry of the list dashboard.servers while it is read.
type serverSection struct {
	settings DashboardServer
	fields   []*field
	place    place
}

// servers reads a list of other installations.
func (d *document) servers(e entry) {
	switch t := d.resolve(e.value).(type) {
	case nil, *ast.NullNode:
	case *ast.SequenceNode:
		for i, item := range t.Values {
			s := &serverSection{place: d.nodeAt(item)}
			s.fields = under([]string{"dashboard", "servers", fmt.Sprintf("[%d]", i)}, settings(&s.settings))
			d.section(item, "", s.fields, nil)
			d.loader.servers = append(d.loader.servers, s)
		}
	default:
		d.problem(e.at, e.key, "must be a list of servers, each with its name and url")
	}
}

func (l *loader) finishDashboard() {
	c := &l.config.Dashboard
	for _, s := range l.servers {
		if !isSet(s.fields, "name") || !isSet(s.fields, "url") {
			l.problem(s.place, dotted(s.fields[0].prefix), "needs a name and a url")
		}
		c.Servers = append(c.Servers, s.settings)
		l.config.fields = append(l.config.fields, s.fields...)
	}
}

package monitoring

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
	"github.com/prometheus/prometheus/promql/parser"
)

// board reads the dashboard with Grafana's own types. What they do not know, they leave out of what they write again.
func board(t *testing.T) dashboard.Dashboard {
	t.Helper()
	cog.NewRuntime().RegisterPanelcfgVariant(timeseries.VariantConfig())
	cog.NewRuntime().RegisterPanelcfgVariant(stat.VariantConfig())
	cog.NewRuntime().RegisterDataqueryVariant(prometheus.VariantConfig())
	raw, err := os.ReadFile("grafana-dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard.Dashboard
	if err := json.Unmarshal(raw, &d); err != nil {
		t.Fatal(err)
	}
	var list cog.BuildErrors
	if err := d.Validate(); err != nil && (!errors.As(err, &list) || len(list) > 0) { // it returns an empty list for success
		t.Fatal(err)
	}
	again, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	var given, known any
	if err := errors.Join(json.Unmarshal(raw, &given), json.Unmarshal(again, &known)); err != nil {
		t.Fatal(err)
	}
	for _, path := range unknown(given, known, "dashboard") {
		t.Errorf("Grafana does not know %s", path)
	}
	return d
}

// unknown returns the paths of what is in given and not, or differently, in known. What is empty may be left out.
func unknown(given, known any, path string) (paths []string) {
	switch given := given.(type) {
	case map[string]any:
		other, _ := known.(map[string]any)
		for name, v := range given {
			paths = append(paths, unknown(v, other[name], path+"."+name)...)
		}
		return paths
	case []any:
		other, _ := known.([]any)
		for i, v := range given {
			if i >= len(other) {
				return append(paths, fmt.Sprintf("%s[%d]", path, i))
			}
			paths = append(paths, unknown(v, other[i], fmt.Sprintf("%s[%d]", path, i))...)
		}
		return paths
	}
	if given == nil || given == "" || given == known {
		return nil
	}
	return []string{path}
}

// query is an expression of the dashboard or of a rule.
type query struct{ where, expr, legend string }

// variables stand for what Grafana puts in place of them.
var variables = strings.NewReplacer("$__rate_interval", "5m", "$job", ".*", "$instance", ".*", "$transport", ".*")

func dashboardQueries(t *testing.T) (list []query) {
	t.Helper()
	for _, p := range board(t).Panels {
		if p.Panel == nil {
			continue
		}
		for _, target := range p.Panel.Targets {
			q := target.(*prometheus.Dataquery)
			list = append(list, query{"panel " + *p.Panel.Title, variables.Replace(q.Expr), *q.LegendFormat})
		}
	}
	return list
}

func TestDashboardIsWhole(t *testing.T) {
	d := board(t)
	if d.Id != nil || d.Uid == nil || *d.Uid != "symphony-messenger" {
		t.Error("a dashboard to import has a uid and no id")
	}
	var names []string
	for _, v := range d.Templating.List {
		names = append(names, v.Name)
	}
	if want := []string{"datasource", "job", "instance", "transport"}; !slices.Equal(names, want) {
		t.Errorf("variables %v, want %v", names, want)
	}
	ids, taken := make(map[uint32]string), make(map[[2]uint32]string)
	for _, p := range d.Panels {
		id, title, at := place(p)
		if id == 0 || ids[id] != "" {
			t.Errorf("%q has the id %d, as %q has", title, id, ids[id])
		}
		ids[id] = title
		if at.W == 0 || at.H == 0 || at.X+at.W > 24 {
			t.Errorf("%q stands at %+v, beyond the 24 columns", title, at)
		}
		for x := at.X; x < at.X+at.W; x++ {
			for y := at.Y; y < at.Y+at.H; y++ {
				if other := taken[[2]uint32{x, y}]; other != "" {
					t.Fatalf("%q lies over %q", title, other)
				}
				taken[[2]uint32{x, y}] = title
			}
		}
		if p.Panel == nil {
			continue
		}
		if p.Panel.Datasource == nil || *p.Panel.Datasource.Uid != "${datasource}" {
			t.Errorf("%q is bound to a data source", title)
		}
		if p.Panel.FieldConfig == nil || p.Panel.FieldConfig.Defaults.Unit == nil || *p.Panel.FieldConfig.Defaults.Unit == "" {
			t.Errorf("%q has no unit", title)
		}
		if len(p.Panel.Targets) == 0 {
			t.Errorf("%q asks for nothing", title)
		}
	}
}

// place is where a panel or row stands.
func place(p dashboard.PanelOrRowPanel) (id uint32, title string, at dashboard.GridPos) {
	if p.Panel != nil {
		return *p.Panel.Id, *p.Panel.Title, *p.Panel.GridPos
	}
	return p.RowPanel.Id, *p.RowPanel.Title, *p.RowPanel.GridPos
}

// What the dashboard and the rules ask for is what a server that has done some work really shows.
func TestQueriesMatchARealScrape(t *testing.T) {
	shown := scrape(t)
	list := dashboardQueries(t)
	for _, r := range alerts(t) {
		list = append(list, query{"alert " + r.Alert, r.Expr, ""})
	}
	if len(list) < 30 {
		t.Fatalf("only %d queries", len(list))
	}
	asked := make(map[string]bool)
	for _, q := range list {
		expr, err := parser.NewParser(parser.Options{}).ParseExpr(q.expr)
		if err != nil {
			t.Errorf("%s: %v", q.where, err)
			continue
		}
		for _, problem := range checkExpr(expr, shown, asked) {
			t.Errorf("%s: %s\n%s", q.where, problem, q.expr)
		}
		for _, label := range regexp.MustCompile(`{{(\w+)}}`).FindAllStringSubmatch(q.legend, -1) {
			if !slices.Contains(labelsOf(expr, shown), label[1]) {
				t.Errorf("%s: the legend names %s, which its series do not have", q.where, label[1])
			}
		}
	}
	for name := range shown {
		base := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_sum"), "_count")
		used := asked[name] || asked[base+"_bucket"] || asked[base+"_count"]
		if strings.HasPrefix(name, "symphony_") && !used {
			t.Errorf("nothing shows %s", name)
		}
	}
}

// series are the metrics of a scrape with the labels that each has.
type series map[string][]string

// checkExpr returns what an expression asks for that is not there.
func checkExpr(expr parser.Expr, shown series, asked map[string]bool) (problems []string) {
	known := func(labels []string, node parser.Node, what string) {
		for _, l := range labels {
			if !slices.Contains(labelsOf(node, shown), l) {
				problems = append(problems, fmt.Sprintf("%s %s, which its series do not have", what, l))
			}
		}
	}
	parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
		switch n := n.(type) {
		case *parser.VectorSelector:
			asked[n.Name] = true
			if shown[n.Name] == nil {
				problems = append(problems, fmt.Sprintf("asks for %s, which is not there", n.Name))
				return nil
			}
			for _, m := range n.LabelMatchers {
				if m.Name != "__name__" {
					known([]string{m.Name}, n, "looks at the label")
				}
			}
		case *parser.AggregateExpr:
			known(n.Grouping, n.Expr, "groups by")
		case *parser.BinaryExpr:
			if n.VectorMatching != nil {
				known(n.VectorMatching.MatchingLabels, n.LHS, "matches on")
				known(n.VectorMatching.MatchingLabels, n.RHS, "matches on")
			}
		}
		return nil
	})
	return problems
}

// labelsOf are the labels that the result of an expression has.
func labelsOf(n parser.Node, shown series) []string {
	switch n := n.(type) {
	case *parser.VectorSelector:
		return append(slices.Clone(shown[n.Name]), "job", "instance")
	case *parser.AggregateExpr:
		return n.Grouping
	case *parser.BinaryExpr:
		return append(slices.Clone(labelsOf(n.LHS, shown)), labelsOf(n.RHS, shown)...)
	}
	var all []string
	for child := range parser.ChildrenIter(n) {
		all = append(all, labelsOf(child, shown)...)
	}
	return all
}

func TestCheckExpr(t *testing.T) {
	shown := series{"a_total": {"type"}, "b": {"queue"}}
	for expr, want := range map[string]int{
		`sum by (type) (rate(a_total{type="x"}[5m])) / on (job) sum by (job) (b)`: 1, // the left side has no job any more
		`max by (job, queue) (b{job="x"})`:                                        0,
		`sum by (queue) (a_total)`:                                                1,
		`b{type="x"}`:                                                             1,
		`gone > 1`:                                                                1,
		`sum by (queue) (max by (type) (a_total))`:                                1,
	} {
		parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
		if err != nil {
			t.Fatal(err)
		}
		if got := checkExpr(parsed, shown, map[string]bool{}); len(got) != want {
			t.Errorf("%s: %q, want %d problems", expr, got, want)
		}
	}
}

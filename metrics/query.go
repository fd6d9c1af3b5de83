package metrics

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/symphony-messenger/symphony"
)

// MaxPoints bounds the points of a series, MaxGroups, unless more are asked for, the groups of a result, and
// MaxGroupPoints the points of the series of each.
const (
	MaxPoints      = 1500
	MaxGroups      = 50
	MaxGroupPoints = 120
)

// recordPage is how many records are read at a time.
const recordPage = 500

// Query asks for the figures of a time span.
type Query struct {
	// From and To bound the span, [From, To), which is widened to whole minutes, or hours where it begins before
	// DetailRetention. What is still to come of it is left out.
	From, To time.Time
	// Step is the time between two points of the series: whole minutes, or hours where the span begins before
	// DetailRetention. Default: a minute for a day and less, else what makes a readable number of points.
	Step time.Duration
	// Transport, unless empty, selects what is counted, and so does one of Type, Queue and Worker.
	Transport, Type, Queue, Worker string
	// GroupBy, unless empty, adds Result.Groups. Where a type, a queue or a worker is selected it can only be by that.
	GroupBy By
	// Groups is how many groups are told apart, up to MaxSeenTypes. Default MaxGroups.
	Groups int
}

// selected is what names select, and by what they do.
func (q *Query) selected() (by By, name string) {
	switch {
	case q.Queue != "":
		return ByQueue, q.Queue
	case q.Worker != "":
		return ByWorker, q.Worker
	}
	return ByType, q.Type
}

// Summary are the figures of some messages.
type Summary struct {
	Counts
	Processing Distribution // how long the handlers of attempts took
	Waiting    Distribution // how long messages that were ready waited for their first attempt
}

// Point is one of a series.
type Point struct {
	At time.Time
	Summary
}

// ErrorCount is how many attempts failed with an error of a class.
type ErrorCount struct {
	Class string
	Count int64
}

// Result answers a Query.
type Result struct {
	From, To    time.Time // of the span that was added up
	Step        time.Duration
	Total       Summary
	ByTransport map[string]Summary
	ByType      map[string]Summary // at most MaxSeries, and Other; none where a queue or worker is selected
	Errors      []ErrorCount       // the most frequent first
	Series      []Point            // one for each step, also where nothing happened
	Groups      []Group            // those with the most attempts first; see Query.GroupBy
}

// Group are the figures of one type, queue, worker or status. There are at most Query.Groups and one named Other.
type Group struct {
	// Transport is that of a queue or worker. Types and statuses are those of all transports together.
	Transport, Name string
	Summary
	Errors []ErrorCount
	Series []Point
}

// steps are what Query.Step is chosen from.
var steps = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour}

// resolve checks a query and aligns its span. hours says that it is answered by the hour.
func (r *Recorder) resolve(q Query) (Query, error) {
	var list []symphony.Problem
	bad := func(path, format string, args ...any) {
		list = append(list, symphony.Problem{Path: path, Message: fmt.Sprintf(format, args...)})
	}
	now := r.o.Clock.Now().UTC()
	q.From, q.To = q.From.UTC().Truncate(time.Minute), ceil(q.To.UTC(), time.Minute)
	detailed := !q.From.Before(now.Add(-min(DetailRetention, r.o.Retention)).Truncate(time.Minute))
	unit := time.Minute
	if !detailed {
		unit = time.Hour
		q.From, q.To = q.From.Truncate(time.Hour), ceil(q.To, time.Hour)
	}
	switch {
	case !symphony.StorableTime(q.From):
		bad("startTime", symphony.TimeProblem)
	case !symphony.StorableTime(q.To):
		bad("endTime", symphony.TimeProblem)
	case q.From.After(now):
		bad("startTime", "must not be in the future")
	case !q.From.Before(q.To):
		bad("endTime", "must be after startTime")
	case q.From.Before(now.Add(-r.o.Retention).Truncate(time.Hour)):
		bad("startTime", "must not be before %s: figures are kept for %s", now.Add(-r.o.Retention).Format(time.RFC3339), r.o.Retention)
	}
	if len(list) == 0 {
		q.To = later(q.From.Add(unit), earlier(q.To, now.Truncate(time.Minute).Add(time.Minute)))
		if q.Step == 0 {
			q.Step = chosen(q.To.Sub(q.From), unit, q.maxPoints())
		}
	}
	switch {
	case q.Step < 0 || q.Step%time.Minute != 0:
		bad("step", "must be whole minutes, at least 1")
	case q.Step%unit != 0:
		bad("step", "must be whole hours (60, 120, …), as the time before the last %s is kept by the hour", DetailRetention)
	case len(list) == 0 && ceilDiv(q.To.Sub(q.From), q.Step) > q.maxPoints():
		least := ceilDiv(ceilDiv(q.To.Sub(q.From), q.maxPoints()), unit) * (unit / time.Minute)
		bad("step", "must be at least %d, as a series has at most %d points", least, q.maxPoints())
	}
	q.checkNames(bad)
	if q.Groups = cmp.Or(q.Groups, MaxGroups); q.Groups < 1 || q.Groups > MaxSeenTypes {
		bad("groups", "must be 1 to %d, is %d", MaxSeenTypes, q.Groups)
	}
	if len(list) > 0 {
		return q, &symphony.ValidationError{Problems: list}
	}
	return q, nil
}

// maxPoints is how many points a series may have.
func (q *Query) maxPoints() time.Duration {
	if q.GroupBy != "" {
		return MaxGroupPoints
	}
	return MaxPoints
}

// checkNames looks whether the names that are asked for can be told apart together.
func (q *Query) checkNames(bad func(path, format string, args ...any)) {
	if q.GroupBy != "" && !slices.Contains(Groupings(), q.GroupBy) {
		bad("groupBy", "must be type, queue, worker or status, is %q", q.GroupBy)
		return
	}
	given := 0
	for _, name := range []string{q.Type, q.Queue, q.Worker} {
		if name != "" {
			given++
		}
	}
	by, name := q.selected()
	switch {
	case given > 1:
		bad(string(by), "cannot be combined with another of type, queue and worker: figures are kept by each, "+
			"not by two at once")
	case name != "" && q.GroupBy != "" && q.GroupBy != by:
		bad("groupBy", "must be %s with the parameter %s: figures are kept by each, not by two at once", by, by)
	}
}

// chosen is the smallest step that makes not too many points.
func chosen(span, unit, most time.Duration) time.Duration {
	for _, step := range steps {
		if step >= unit && ceilDiv(span, step) <= most {
			return step
		}
	}
	return steps[len(steps)-1]
}

func ceil(t time.Time, d time.Duration) time.Time {
	if floor := t.Truncate(d); floor.Before(t) {
		return floor.Add(d)
	}
	return t
}

func ceilDiv(a, b time.Duration) time.Duration { return (a + b - 1) / b }

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Query adds up what all processes have counted. Figures of other processes are up to about ten seconds old, those of
// this one are of the moment. What is out of range is a *symphony.ValidationError with the paths startTime, endTime and
// step.
func (r *Recorder) Query(ctx context.Context, q Query) (Result, error) {
	q, err := r.resolve(q)
	if err != nil {
		return Result{}, err
	}
	a := newSum(q)
	// Hours are read as such where that makes no difference and they cannot change any more.
	border := q.From
	if q.Step%time.Hour == 0 && q.From.Equal(q.From.Truncate(time.Hour)) {
		border = later(q.From, earlier(q.To.Truncate(time.Hour), r.o.Clock.Now().UTC().Add(-time.Hour).Truncate(time.Hour)))
	}
	live := r.live()
	if err := r.read(ctx, hoursKind, hoursLayout, q.From, border, nil, a); err != nil {
		return Result{}, err
	}
	if err := r.read(ctx, minutesKind, minutesLayout, border, q.To, live, a); err != nil {
		return Result{}, err
	}
	for _, b := range live {
		if !b.at.Before(border) && b.at.Before(q.To) {
			a.add(b)
		}
	}
	return a.result(), nil
}

// live returns this process's minutes that storage may not have, or not in full, by id. They belong to the caller, but
// their series must not be changed.
func (r *Recorder) live() map[string]*bucket {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make(map[string]*bucket)
	for _, b := range r.ended {
		list[b.id] = b
	}
	if r.current != nil {
		list[r.current.id] = r.current.copy()
	}
	return list
}

// read adds the records of a span. Of live ones it takes out those of which storage has more.
func (r *Recorder) read(ctx context.Context, kind, layout string, from, to time.Time, live map[string]*bucket, a *sum) error {
	if !from.Before(to) {
		return nil
	}
	for next, end := from.Format(layout), to.Format(layout); ; {
		page, err := r.store.RangeRecords(ctx, kind, next, end, recordPage)
		if err != nil {
			return fmt.Errorf("metrics: read: %w", err)
		}
		for _, record := range page {
			b, err := decode(record.Data)
			minute, _, _ := strings.Cut(record.ID, "/")
			if err == nil {
				b.at, err = time.Parse(layout, minute)
			}
			if err != nil { // of another release, perhaps; all others count
				r.o.Logger.Warn("a metrics record cannot be read", "record", record.ID, "error", err)
				continue
			}
			if mine := live[record.ID]; mine == nil || mine.events < b.events {
				delete(live, record.ID)
				a.add(b)
			}
		}
		if len(page) < recordPage {
			return nil
		}
		next = page[len(page)-1].ID + "\x00"
	}
}

// sum adds up buckets for a query.
type sum struct {
	Query
	all    table // by what is selected
	points []*series
	groups map[key]*group
}

// group is one of a query's groups.
type group struct {
	series
	points []*series // nil where nothing happened
}

func newSum(q Query) *sum {
	return &sum{Query: q, all: make(table), points: q.points(), groups: make(map[key]*group)}
}

func (q *Query) points() []*series { return make([]*series, ceilDiv(q.To.Sub(q.From), q.Step)) }

func (a *sum) add(b *bucket) {
	at := b.at.Sub(a.From) / a.Step
	figures := b.figures()
	by, name := a.selected()
	for k, s := range figures[by] {
		if a.wants(name, k) {
			a.all.at(k).merge(s)
			mergeAt(a.points, int(at), s)
		}
	}
	for k, s := range figures[a.GroupBy] {
		if !a.wants(name, k) {
			continue
		}
		if a.GroupBy == ByType || a.GroupBy == ByStatus || k.name == Other {
			k.transport = ""
		}
		a.group(k).merge(s, int(at))
	}
}

// wants reports whether a series is selected.
func (a *sum) wants(name string, k key) bool {
	return (a.Transport == "" || k.transport == a.Transport) && (name == "" || k.name == name)
}

// group returns a group, that of Other where there are too many. Tables are bounded; many processes' together are not.
func (a *sum) group(k key) *group {
	if g := a.groups[k]; g != nil {
		return g
	}
	if len(a.groups) >= max(2*MaxSeries, a.Groups) {
		k = key{name: Other}
	}
	if a.groups[k] == nil {
		a.groups[k] = &group{points: a.Query.points()}
	}
	return a.groups[k]
}

func (g *group) merge(s *series, at int) {
	g.series.merge(s)
	mergeAt(g.points, at, s)
}

func mergeAt(points []*series, at int, s *series) {
	if points[at] == nil {
		points[at] = &series{}
	}
	points[at].merge(s)
}

func (s *series) summary() Summary {
	return Summary{s.Counts, s.run.distribution(), s.wait.distribution()}
}

func (a *sum) result() Result {
	total := &series{}
	byTransport, byType := make(map[string]*series), make(map[string]*series)
	into := func(m map[string]*series, name string, s *series) {
		if m[name] == nil {
			m[name] = &series{}
		}
		m[name].merge(s)
	}
	errors := make(map[string]int64)
	by, _ := a.selected()
	for k, s := range a.all {
		total.merge(s)
		into(byTransport, k.transport, s)
		if by == ByType {
			into(byType, k.name, s)
		}
		for class, n := range s.errors {
			errors[class] += n
		}
	}
	return Result{
		From: a.From, To: a.To, Step: a.Step, Total: total.summary(), ByTransport: summaries(byTransport),
		ByType: summaries(byType), Errors: ranked(errors), Series: a.series(a.points), Groups: a.ranking(),
	}
}

func (a *sum) series(points []*series) []Point {
	list := make([]Point, len(points))
	for i, s := range points {
		if list[i].At = a.From.Add(time.Duration(i) * a.Step); s != nil {
			list[i].Summary = s.summary()
		}
	}
	return list
}

// ranking are the groups, those with the most attempts first, and behind them what is not told apart.
func (a *sum) ranking() []Group {
	if a.GroupBy == "" {
		return nil
	}
	keys := slices.SortedFunc(maps.Keys(a.groups), func(x, y key) int {
		p, q := a.groups[x], a.groups[y]
		return cmp.Or(cmp.Compare(q.Processed(), p.Processed()), cmp.Compare(q.Dispatched, p.Dispatched),
			strings.Compare(x.name, y.name), strings.Compare(x.transport, y.transport))
	})
	keys = slices.DeleteFunc(keys, func(k key) bool { return k == key{name: Other} })
	if len(keys) > a.Groups {
		for _, k := range keys[a.Groups:] {
			rest, g := a.groups[key{name: Other}], a.groups[k]
			if rest == nil {
				rest = &group{points: a.Query.points()}
				a.groups[key{name: Other}] = rest
			}
			rest.series.merge(&g.series)
			for at, s := range g.points {
				if s != nil {
					mergeAt(rest.points, at, s)
				}
			}
		}
		keys = keys[:a.Groups]
	}
	if a.groups[key{name: Other}] != nil {
		keys = append(keys, key{name: Other})
	}
	list := make([]Group, len(keys))
	for i, k := range keys {
		g := a.groups[k]
		list[i] = Group{k.transport, k.name, g.summary(), ranked(maps.Clone(g.errors)), a.series(g.points)}
	}
	return list
}

func summaries(m map[string]*series) map[string]Summary {
	out := make(map[string]Summary, len(m))
	for name, s := range m {
		out[name] = s.summary()
	}
	return out
}

// maxErrors bounds Result.Errors; what is less frequent counts as Other.
const maxErrors = 100

func ranked(errors map[string]int64) []ErrorCount {
	rest := errors[Other]
	delete(errors, Other)
	classes := slices.SortedFunc(maps.Keys(errors), func(a, b string) int {
		return cmp.Or(cmp.Compare(errors[b], errors[a]), strings.Compare(a, b))
	})
	var list []ErrorCount
	for _, class := range classes {
		if len(list) == maxErrors {
			rest += errors[class]
			continue
		}
		list = append(list, ErrorCount{class, errors[class]})
	}
	if rest > 0 {
		list = append(list, ErrorCount{Other, rest})
	}
	return list
}

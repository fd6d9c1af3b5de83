package transporttest

import (
	"maps"
	"slices"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
)

// What FlowModel knows of limits, of those that Limits configures and of those that it sets at random.

var modelTargets = []flow.LimitTarget{
	{Type: "*"}, {Type: "Two"}, {Type: "Job"}, {Transport: symphony.DefaultTransport, Queue: symphony.DefaultQueue},
	{Key: "a"}, {Key: "a", Type: "Two"}, {Key: "b", Type: "Order"},
}

// limit sets a limit, for some time or until it is deleted, or deletes it.
func (m *flowModel) limit() {
	now := m.queue.Now()
	m.endOver(now)
	t := modelTargets[m.rnd.IntN(len(modelTargets))]
	if _, set := m.limits[t.Name()]; set && m.rnd.IntN(2) == 0 {
		m.queue.DeleteLimit(t)
		delete(m.limits, t.Name())
		return
	}
	s := flow.SetLimit{LimitTarget: t, Set: true, Limit: flow.Limit{Concurrency: m.rnd.IntN(5)}}
	if m.rnd.IntN(3) == 0 {
		s.Until = now.Add(time.Duration(1+m.rnd.IntN(500)) * time.Millisecond)
	}
	m.queue.SetLimit(s)
	m.limits[t.Name()] = s
}

// endOver forgets the pauses and limits that have ended by themselves.
func (m *flowModel) endOver(now time.Time) {
	over := func(until time.Time) bool { return !until.IsZero() && !until.After(now) }
	maps.DeleteFunc(m.paused, func(_ string, until time.Time) bool { return over(until) })
	maps.DeleteFunc(m.limits, func(_ string, s flow.SetLimit) bool { return over(s.Until) })
}

// checkLimits compares what is in hand with what may be, after a claim. Where a limit is exceeded that was exceeded
// before, because it was set later, nothing may have come.
func (m *flowModel) checkLimits(had map[string]symphony.Delivery) {
	before, counts := m.counts(had), m.counts(m.held)
	for name, most := range m.most() {
		if n := counts[name]; n > most && n > before[name] {
			m.Fatalf("%d of %s in hand, %d before, of at most %d", n, name, before[name], most)
		}
	}
}

// most are the limits, by what counts returns; keys that are not there have no limit.
func (m *flowModel) most() map[string]int {
	most := make(map[string]int)
	if _, set := m.limits["type:Two"]; !set {
		most["configured Two"] = 2
	}
	for _, key := range []string{"a", "b"} {
		for _, pattern := range []string{"", "Two", "Slow"} {
			most["configured "+pattern+"/"+key] = 1
		}
	}
	for name, s := range m.limits {
		if s.Limit.Concurrency > 0 {
			most[name] = s.Limit.Concurrency
		}
	}
	return most
}

// counts counts deliveries by what bounds them.
func (m *flowModel) counts(held map[string]symphony.Delivery) map[string]int {
	counts := make(map[string]int)
	for _, d := range held {
		key := ""
		if d.Flow != nil {
			key = d.Flow.ConcurrencyKey
		}
		replaced := false
		for name, s := range m.limits {
			if s.Key != key && s.Key != "" || s.Type != "" && !symphony.PatternMatches(s.Type, d.Type) {
				continue
			}
			counts[name]++
			replaced = replaced || s.Key != ""
		}
		if d.Type == "Two" {
			counts["configured Two"]++
		}
		if key != "" && !replaced {
			pattern := d.Type
			if !slices.Contains([]string{"Two", "Slow"}, pattern) {
				pattern = "" // keys count together where nothing limits the type
			}
			counts["configured "+pattern+"/"+key]++
		}
	}
	return counts
}

// Package retention decides how long messages are kept once they have ended: by their outcome, and by what they say
// themselves, their type, their queue, their transport and their storage, in this order. Storages ask it; none decides
// for itself.
//
//	rules, err := retention.New(retention.Options{
//		Types: map[string]retention.Periods{"Report.*": {Completed: new(7 * 24 * time.Hour)}},
//	})
//	tr, err := sqlite.Open(ctx, "queue.db", sqlite.Options{Periods: rules})
//
// A message past its period is neither listed nor counted, whether its row has been deleted by then or not.
package retention

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/symphony-messenger/symphony"
)

const (
	// Forever is the period of what is kept until somebody deletes it.
	Forever time.Duration = math.MaxInt64
	// MaxPeriods is how many distinct periods there may be, of all outcomes together, Forever aside: storages look for
	// what is over once for each.
	MaxPeriods = 8
	// DefaultFailed is how long failed messages are kept.
	DefaultFailed = Forever
)

// Periods say how long messages of each outcome are kept, from 0 to symphony.MaxRetention, or Forever. 0 is not at all.
// Nil: as what is less specific says.
type Periods struct {
	Completed, Failed, Cancelled *time.Duration
}

// Of is the period of an outcome, nil if it has none, or the status is none.
func (p Periods) Of(outcome symphony.Status) *time.Duration {
	switch outcome {
	case symphony.Completed:
		return p.Completed
	case symphony.Failed:
		return p.Failed
	case symphony.Cancelled:
		return p.Cancelled
	}
	return nil
}

// Options are what is kept for how long.
type Options struct {
	// Default is for what nothing else is said of: symphony.DefaultRetention for completed and cancelled messages,
	// DefaultFailed for failed ones, where it does not say.
	Default Periods
	// Transports are by name, Queues by transport and name, like "default/mail", and Types by pattern.
	Transports, Queues, Types map[string]Periods
}

// Rule is one period with the messages that it is for: of a pattern of types, or of a transport, or of one queue of it,
// or with nothing given all others.
type Rule struct {
	Pattern          string
	Transport, Queue string
	Period           time.Duration
}

// selects reports whether a rule is for messages of a type in a place.
func (r Rule) selects(transport, queue, typ string) bool {
	switch {
	case r.Pattern != "":
		return symphony.PatternMatches(r.Pattern, typ)
	case r.Queue != "":
		return r.Transport == transport && r.Queue == queue
	case r.Transport != "":
		return r.Transport == transport
	}
	return true
}

// Rules are periods that were checked. Safe for concurrent use.
type Rules struct {
	by map[symphony.Status][]Rule // the most specific first; the last one is for all
}

// outcomes are those of messages that have ended.
var outcomes = [...]symphony.Status{symphony.Completed, symphony.Failed, symphony.Cancelled}

// Or is rules, or where they are nil those that keep completed and cancelled messages for a period, as a storage's
// Options.Retention says it: 0 is symphony.DefaultRetention, and less is not at all.
func Or(rules *Rules, period time.Duration) (*Rules, error) {
	if rules != nil {
		return rules, nil
	}
	switch {
	case period == 0:
		period = symphony.DefaultRetention
	case period < 0:
		period = 0
	}
	return New(Options{Default: Periods{Completed: &period, Cancelled: &period}})
}

// New checks periods. The error lists everything that is wrong with them.
func New(o Options) (*Rules, error) {
	c := checker{rules: &Rules{by: make(map[symphony.Status][]Rule)}, distinct: make(map[time.Duration]bool)}
	for _, pattern := range byPrecedence(o.Types) {
		if err := symphony.ValidatePattern(pattern); err != nil {
			c.wrong(fmt.Errorf("types: %w", err))
			continue
		}
		c.add("types."+pattern, Rule{Pattern: pattern}, o.Types[pattern])
	}
	for _, name := range slices.Sorted(maps.Keys(o.Queues)) {
		transport, queue, ok := strings.Cut(name, "/")
		if !ok || transport == "" || symphony.ValidateName(queue) != nil {
			c.wrong(fmt.Errorf("queues.%s: must be named transport/queue, like default/%s", name,
				symphony.DefaultQueue))
			continue
		}
		c.add("queues."+name, Rule{Transport: transport, Queue: queue}, o.Queues[name])
	}
	for _, name := range slices.Sorted(maps.Keys(o.Transports)) {
		c.add("transports."+name, Rule{Transport: name}, o.Transports[name])
	}
	base := Periods{Completed: new(symphony.DefaultRetention), Failed: new(DefaultFailed),
		Cancelled: new(symphony.DefaultRetention)}
	base.Completed, base.Failed = cmp.Or(o.Default.Completed, base.Completed), cmp.Or(o.Default.Failed, base.Failed)
	base.Cancelled = cmp.Or(o.Default.Cancelled, base.Cancelled)
	c.add("", Rule{}, base)
	if n := len(c.distinct); n > MaxPeriods {
		list := slices.Sorted(maps.Keys(c.distinct))
		texts := make([]string, n)
		for i, d := range list {
			texts[i] = d.String()
		}
		c.wrong(fmt.Errorf("%d distinct periods (%s): there may be %d at most, of all outcomes; let some share one",
			n, strings.Join(texts, ", "), MaxPeriods))
	}
	if len(c.errs) > 0 {
		return nil, errors.Join(c.errs...)
	}
	return c.rules, nil
}

// checker makes rules.
type checker struct {
	rules    *Rules
	distinct map[time.Duration]bool
	errs     []error
}

func (c *checker) wrong(err error) { c.errs = append(c.errs, fmt.Errorf("retention: %w", err)) }

// add adds the rules of one entry.
func (c *checker) add(name string, r Rule, p Periods) {
	for _, outcome := range outcomes {
		d := p.Of(outcome)
		if d == nil {
			continue
		}
		if *d < 0 || *d > symphony.MaxRetention && *d != Forever {
			at := strings.TrimPrefix(name+"."+string(outcome), ".")
			c.wrong(fmt.Errorf("%s: %s: must be 0s to %s, or for ever", at, *d, symphony.MaxRetention))
			continue
		}
		if *d != Forever {
			c.distinct[*d] = true
		}
		r.Period = *d
		c.rules.by[outcome] = append(c.rules.by[outcome], r)
	}
}

// byPrecedence are patterns, the most specific first: exact ones, then the longest prefixes, then all.
func byPrecedence(of map[string]Periods) []string {
	rank := func(pattern string) int {
		if strings.HasSuffix(pattern, "*") {
			return -len(pattern)
		}
		return -symphony.MaxTypeLength * 8
	}
	return slices.SortedFunc(maps.Keys(of), func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a, b))
	})
}

// Of are the rules for an outcome in the order in which they are asked: the first one that selects a message says how
// long it is kept. The last one selects all. What a message says itself comes before them; see Period.
func (r *Rules) Of(outcome symphony.Status) []Rule { return r.by[outcome] }

// Period is how long a message is kept that has ended.
func (r *Rules) Period(outcome symphony.Status, e *symphony.Envelope) time.Duration {
	if own := e.Terms.Kept(outcome); own != nil {
		return *own
	}
	for _, rule := range r.by[outcome] {
		if rule.selects(e.Transport, e.Queue, e.Type) {
			return rule.Period
		}
	}
	return Forever // no outcome
}

// Always is the period of all messages of an outcome that say nothing themselves; false if they have several.
func (r *Rules) Always(outcome symphony.Status) (time.Duration, bool) {
	list := r.by[outcome]
	for _, rule := range list {
		if rule.Period != list[0].Period {
			return 0, false
		}
	}
	return list[0].Period, true
}

// Nothing reports whether no message of an outcome is kept unless it says so itself.
func (r *Rules) Nothing(outcome symphony.Status) bool {
	period, always := r.Always(outcome)
	return always && period == 0
}

// Ends are the distinct periods of an outcome that end, ascending.
func (r *Rules) Ends(outcome symphony.Status) (list []time.Duration) {
	for _, rule := range r.by[outcome] {
		if rule.Period != Forever && !slices.Contains(list, rule.Period) {
			list = append(list, rule.Period)
		}
	}
	slices.Sort(list)
	return list
}

// Longest is the longest period of an outcome.
func (r *Rules) Longest(outcome symphony.Status) (longest time.Duration) {
	for _, rule := range r.by[outcome] {
		longest = max(longest, rule.Period)
	}
	return longest
}

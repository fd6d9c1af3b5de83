package flow

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/symphony-messenger/symphony"
)

// NoLimit as a Limit's Concurrency switches off the default of a limit by key.
const NoLimit = -1

// Rate bounds how many messages are started in a time. Starts are spread evenly: no Per has more than Count+Burst-1.
// The zero Rate is no bound.
type Rate struct {
	Count int           // at least 1
	Per   time.Duration // 1 ms to 24 h
	// Burst is how many may start at the same moment after a pause, 1 to Count. Default: what the rate allows in
	// 50 ms, at least 1, so that up to 20 a second are never exceeded in any second.
	Burst int
}

// Limit bounds messages that count together. The zero Limit is none.
type Limit struct {
	// Concurrency is how many may be in workers' hands at the same time. 0: no bound.
	Concurrency int
	Rate        Rate
}

// TypeLimit is the limit of the messages whose types match one pattern.
type TypeLimit struct {
	Limit // of all of them together
	// PerKey is the limit of those with the same ConcurrencyKey. Its Concurrency is 1 by default; NoLimit for none.
	PerKey Limit
}

// LimitOptions are the limits of the messages of one storage.
type LimitOptions struct {
	// Types are limits by pattern ("Mail", "Mail.*", "*"). The most specific pattern for a message applies.
	Types map[string]TypeLimit
	// Queues are limits by "transport/queue".
	Queues map[string]Limit
}

// Limits say which messages count together and how many of them may be handled at once, or started in a time, by all
// workers of a storage together. All processes that use a storage must have the same. A nil *Limits has only the
// default of ConcurrencyKey: one at a time. It never changes; With makes others of what is set at run time.
type Limits struct {
	types  symphony.Patterns[typeGates]
	queues map[queueName]Gate
	perKey map[string]Limit // by pattern
	byName map[string]Gate
	set    *limitsSet // at run time; nil for none
}

type queueName struct{ transport, queue string }

type typeGates struct {
	pattern string
	all     Gate
	perKey  Limit
}

// NewLimits reports every mistake in the options at once.
func NewLimits(o LimitOptions) (*Limits, error) {
	l := &Limits{queues: make(map[queueName]Gate), perKey: make(map[string]Limit), byName: make(map[string]Gate)}
	var errs []error
	check := func(what string, lim Limit, lowest int) {
		if err := lim.validate(lowest); err != nil {
			errs = append(errs, fmt.Errorf("limit of %s: %w", what, err))
		}
	}
	for _, pattern := range slices.Sorted(maps.Keys(o.Types)) {
		t := o.Types[pattern]
		g := typeGates{pattern: pattern, all: Gate{Name: typeGate + pattern, Limit: t.Limit}, perKey: t.PerKey}
		if err := l.types.Set(pattern, g); err != nil {
			errs = append(errs, fmt.Errorf("limit: %w", err))
			continue
		}
		check("type "+pattern, t.Limit, 0)
		check("type "+pattern+" by key", t.PerKey, NoLimit)
		l.perKey[pattern] = t.PerKey
		l.byName[g.all.Name] = g.all
	}
	for _, name := range slices.Sorted(maps.Keys(o.Queues)) {
		transport, queue, ok := strings.Cut(name, "/")
		if err := errors.Join(symphony.ValidateName(transport), symphony.ValidateName(queue)); !ok || err != nil {
			errs = append(errs, fmt.Errorf("limit of queue %q: must be named transport/queue", name))
			continue
		}
		check("queue "+name, o.Queues[name], 0)
		g := Gate{Name: queueGate + name, Limit: o.Queues[name]}
		l.queues[queueName{transport, queue}], l.byName[g.Name] = g, g
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return l, nil
}

func (l Limit) validate(lowest int) error {
	switch r := l.Rate; {
	case l.Concurrency < lowest:
		return fmt.Errorf("concurrency %d: must be at least 1", l.Concurrency)
	case r == Rate{}:
		return nil
	case r.Count < 1:
		return fmt.Errorf("rate count %d: must be at least 1", r.Count)
	case r.Per < time.Millisecond || r.Per > 24*time.Hour:
		return fmt.Errorf("rate period %s: must be 1ms to 24h", r.Per)
	case r.Burst < 0 || r.Burst > r.Count:
		return fmt.Errorf("rate burst %d: must be 1 to %d", r.Burst, r.Count)
	}
	return nil
}

// Gates returns the gates that a message must pass together to be handed to a worker, none for most.
func (l *Limits) Gates(e *symphony.Envelope) []Gate {
	var (
		gates []Gate
		g     typeGates
	)
	add := func(g Gate) {
		if g.Limit != (Limit{}) || !g.Pressure.Until.IsZero() {
			gates = append(gates, g)
		}
	}
	if l != nil {
		g, _ = l.types.Match(e.Type)
		add(l.configured(g.all))
		for _, s := range l.set.matching(e.Type) {
			add(s.gate())
		}
		if q, ok := l.queues[queueName{e.Transport, e.Queue}]; ok {
			add(l.configured(q))
		}
		if s, ok := l.set.of(LimitTarget{Transport: e.Transport, Queue: e.Queue}); ok {
			add(s.gate())
		}
	}
	if e.Flow == nil || e.Flow.ConcurrencyKey == "" {
		return gates
	}
	key, replaced := e.Flow.ConcurrencyKey, false
	if l != nil {
		for _, s := range l.set.ofKey(key) {
			if s.Type == "" || symphony.PatternMatches(s.Type, e.Type) {
				add(s.gate())
				replaced = replaced || s.Set
			}
		}
	}
	if !replaced {
		add(l.keyGate(g.pattern, key, g.perKey))
	}
	return gates
}

// Gate returns the gate of a name, with the limit that it has now. A gate that nothing limits any more is open.
func (l *Limits) Gate(name string) Gate {
	if l == nil {
		if _, key, ok := cutGateName(keyGate, name); ok {
			if g := l.keyGate("", key, Limit{}); g.Name == name {
				return g
			}
		}
		return Gate{Name: name}
	}
	if g, ok := l.byName[name]; ok {
		return l.configured(g)
	}
	if target, ok := strings.CutPrefix(name, setGate); ok {
		if s, ok := l.set.named(target); ok {
			return s.gate()
		}
		return Gate{Name: name}
	}
	bare := name
	if rest, ok := strings.CutPrefix(name, restGate); ok {
		_, bare, _ = strings.Cut(rest, ":")
	}
	if pattern, key, ok := cutGateName(keyGate, bare); ok {
		// Where keys are limited otherwise than when messages were put before the gate, it has another name.
		if g := l.keyGate(pattern, key, l.perKey[pattern]); g.Name == name {
			return g
		}
	}
	return Gate{Name: name}
}

// keyGate is the gate of a key by what is configured for a pattern.
func (l *Limits) keyGate(pattern, key string, perKey Limit) Gate {
	g := Gate{Name: gateName(keyGate, pattern, key), Limit: keyed(perKey)}
	if l == nil {
		return g
	}
	if s, ok := l.set.named(g.Name); ok && !s.Set {
		g.Pressure.Factor, g.Pressure.At = s.Pressure.Factor, s.Pressure.At
	}
	if rest := l.set.rest(key); rest != "" {
		g.Name = restGate + rest + ":" + g.Name
	}
	return g
}

// configured is a gate of a configured limit as long as it is in force: it is open while another limit is set for the
// same, and slower while an endpoint asked for less.
func (l *Limits) configured(g Gate) Gate {
	s, ok := l.set.named(g.Name)
	switch {
	case ok && s.Set:
		g.Limit = Limit{}
	case ok:
		g.Pressure.Factor, g.Pressure.At = s.Pressure.Factor, s.Pressure.At
	}
	return g
}

func keyed(l Limit) Limit {
	switch l.Concurrency {
	case 0:
		l.Concurrency = 1
	case NoLimit:
		l.Concurrency = 0
	}
	return l
}

// Covers reports whether a message is under flow control by its options or the configuration, or has callbacks: it must
// be looked at, beside its place in line, before it is handed to a worker, and when it ends. What is set at run time
// does not count: see Looks.
func (l *Limits) Covers(e *symphony.Envelope) bool {
	if e.Flow != nil || e.Terms.Follows() || l == nil {
		return e.Flow != nil || e.Terms.Follows()
	}
	if g, _ := l.types.Match(e.Type); g.all.Limit != (Limit{}) {
		return true
	}
	_, ok := l.queues[queueName{e.Transport, e.Queue}]
	return ok
}

var errRate = errors.New(`must be a rate like "100/s", "30/m" or "5/10s"`)

// ParseRate reads a number of starts in a time: "100/s", "10/m", "5/10s".
func ParseRate(s string) (r Rate, err error) {
	number, span, ok := strings.Cut(s, "/")
	r.Count, err = strconv.Atoi(number)
	if !ok || err != nil || r.Count < 1 || r.Count > math.MaxInt32 {
		return Rate{}, errRate
	}
	for i, unit := range rateUnits {
		if span == rateNames[i] {
			r.Per = unit
			return r, nil
		}
	}
	if r.Per, err = time.ParseDuration(span); err != nil || r.Per < time.Millisecond || r.Per > 24*time.Hour {
		return Rate{}, errRate
	}
	return r, nil
}

// String is the rate as ParseRate reads it, empty for none. Its burst is not told.
func (r Rate) String() string {
	if r.Count == 0 {
		return ""
	}
	for i, unit := range rateUnits {
		if r.Per == unit {
			return strconv.Itoa(r.Count) + "/" + rateNames[i]
		}
	}
	return strconv.Itoa(r.Count) + "/" + r.Per.Round(time.Millisecond).String()
}

var (
	rateUnits = [...]time.Duration{time.Second, time.Minute, time.Hour, 24 * time.Hour}
	rateNames = [...]string{"s", "m", "h", "d"}
)

// every is the time between two starts, rounded up so that the rate is never exceeded.
func (r Rate) every() time.Duration {
	if r.Count == 0 {
		return 0
	}
	return (r.Per + time.Duration(r.Count) - 1) / time.Duration(r.Count)
}

func (r Rate) burst() int {
	if r.Burst > 0 {
		return r.Burst
	}
	return max(int(50*time.Millisecond/r.every()), 1)
}

// slack is how much earlier than evenly spread a start may be.
func (r Rate) slack() time.Duration { return r.every() * time.Duration(r.burst()-1) }

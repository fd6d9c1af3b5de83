package flow

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/symphony-messenger/symphony"
)

// Limits that are set at run time.
//
// A limit that is set takes the place of the configured one of the same target. Beside that it bounds all messages that
// match it, whatever else bounds them: a limit that is set for "*" slows down everything. By key, a limit that is set
// for some types takes the place of what is configured by key for messages of these types with that key.
//
// Each limit that is set has a gate of its own, beside that of the configured one. So a message never waits before a
// gate by a rule that does not hold for it any more: when a limit is set, changed or ends, the gates that are not in
// force any more let go of all that wait before them, and claims look at these messages anew.

// LimitTarget is what a limit bounds: the types of a pattern, a queue of a transport, or messages with one
// ConcurrencyKey, there of all types, or of those of a pattern.
type LimitTarget struct {
	Type      string `json:"type,omitempty"`
	Transport string `json:"transport,omitempty"`
	Queue     string `json:"queue,omitempty"`
	Key       string `json:"key,omitempty"`
}

// name is what the target is stored by: the name of the gate of its configured limit.
func (t LimitTarget) name() string {
	switch {
	case t.Key != "":
		return gateName(keyGate, t.Type, t.Key)
	case t.Queue != "":
		return queueGate + t.Transport + "/" + t.Queue
	}
	return typeGate + t.Type
}

// Name is by what storages keep the limit that is set for the target.
func (t LimitTarget) Name() string { return t.name() }

func (t LimitTarget) String() string {
	switch {
	case t.Key != "" && t.Type != "":
		return fmt.Sprintf("key %q of type %q", t.Key, t.Type)
	case t.Key != "":
		return fmt.Sprintf("key %q", t.Key)
	case t.Queue != "":
		return fmt.Sprintf("queue %q of transport %q", t.Queue, t.Transport)
	}
	return fmt.Sprintf("type %q", t.Type)
}

// Validate reports every problem of a target.
func (t LimitTarget) Validate() error {
	p := t.problems()
	return p.err()
}

func (t LimitTarget) problems() (p problems) {
	switch {
	case t.Key != "" && (t.Transport != "" || t.Queue != ""):
		p.add("key", "cannot be combined with a queue")
	case t.Key != "":
		if utf8.RuneCountInString(t.Key) > symphony.MaxKeyLength || !utf8.ValidString(t.Key) ||
			strings.ContainsFunc(t.Key, func(r rune) bool { return !unicode.IsPrint(r) }) {
			p.add("key", "must have at most %d characters, all of them printable", symphony.MaxKeyLength)
		}
		if t.Type != "" {
			p.pattern(t.Type)
		}
	case t.Transport != "" || t.Queue != "":
		if err := symphony.ValidateName(t.Transport); err != nil {
			p.add("transport", "%v", err)
		}
		if err := symphony.ValidateName(t.Queue); err != nil {
			p.add("queue", "%v", err)
		}
		if t.Type != "" {
			p.add("type", "cannot be combined with a queue")
		}
	default:
		p.pattern(t.Type)
	}
	return p
}

// pattern adds the problem of a pattern of types, if it has one.
func (p *problems) pattern(pattern string) {
	if err := symphony.ValidatePattern(pattern); err != nil {
		p.add("type", "%v", err)
	}
}

// OlderNodesError refuses to set a limit while processes are alive whose release knows of no limits at run time.
type OlderNodesError struct{ Nodes []string }

func (e *OlderNodesError) Error() string {
	return fmt.Sprintf("limits cannot be set while nodes of an older release are alive, which would not keep to them: %s; "+
		"replace them first", strings.Join(e.Nodes, ", "))
}

// SetLimit is a limit that is set at run time, or what an endpoint asked for, or both. Storages keep it as JSON.
type SetLimit struct {
	LimitTarget
	// Set says that Limit, of which the zero value is none, takes the place of the configured one.
	Set   bool      `json:"set,omitempty"`
	Limit Limit     `json:"limit,omitzero"`
	Since time.Time `json:"since,omitzero"` // on the store's clock
	// Until is when the limit ends by itself, on the store's clock. Zero: never.
	Until time.Time `json:"until,omitzero"`
	// By says who set it, for people.
	By string `json:"by,omitempty"`
	// Pressure is what an endpoint asked for.
	Pressure Pressure `json:"pressure,omitzero"`
}

// Validate reports every problem of a limit that is to be set.
func (s SetLimit) Validate() error {
	p := s.problems()
	if s.Limit.Concurrency < 0 || s.Limit.Concurrency > math.MaxInt32 {
		p.add("concurrency", "must be 1 to %d", math.MaxInt32)
	} else if err := s.Limit.validate(0); err != nil {
		p.add("rate", "%v", err)
	}
	if !s.Until.IsZero() && !symphony.StorableTime(s.Until) {
		p.add("until", "must be in the years 1970 to 9999")
	}
	if len(s.By) > MaxHoldText {
		p.add("by", "must have at most %d bytes", MaxHoldText)
	}
	return p.err()
}

// gate is the gate of the limit, open where it is only kept for what is left of a pressure.
func (s SetLimit) gate() Gate {
	g := Gate{Name: setGate + s.name(), Pressure: s.Pressure}
	if s.Set {
		g.Limit = s.Limit
	}
	return g
}

// after is what is left of a limit at a time. ok is false if that is nothing.
func (s SetLimit) after(now, wall time.Time) (left SetLimit, ok bool) {
	if s.Set && !s.Until.IsZero() && !s.Until.After(wall) {
		s.Set, s.Limit, s.Until, s.By = false, Limit{}, time.Time{}, ""
	}
	if s.Pressure.over(now) {
		s.Pressure = Pressure{}
	}
	return s, s.Set || s.Pressure != (Pressure{})
}

// limitsSet are the limits that are set. It never changes.
type limitsSet struct {
	byName    map[string]SetLimit
	types     []SetLimit // by pattern
	byKey     map[string][]SetLimit
	rests     map[string]string // by key: which of its types have limits of their own
	uncounted time.Time         // see With
}

// With are the limits beside those that are set, which replace all that were set before. uncounted is since when
// messages may be in workers' hands that were handed out before one of the limits was set, and hold no place behind it:
// the last change that was not followed by Store.Counted, zero for none.
func (l *Limits) With(set []SetLimit, uncounted time.Time) *Limits {
	var with Limits
	if l != nil {
		with = *l
	}
	if len(set) == 0 && uncounted.IsZero() {
		if with.set = nil; l == nil || l.set == nil {
			return l
		}
		return &with
	}
	s := &limitsSet{byName: make(map[string]SetLimit, len(set)), byKey: make(map[string][]SetLimit),
		rests: make(map[string]string), uncounted: uncounted}
	with.set = s
	for _, one := range slices.SortedFunc(slices.Values(set), compareTargets) {
		s.byName[one.name()] = one
		switch {
		case one.Key != "":
			s.byKey[one.Key] = append(s.byKey[one.Key], one)
		case one.Queue == "":
			s.types = append(s.types, one)
		}
	}
	for key, list := range s.byKey {
		if rest := restOf(list); rest != "" {
			s.rests[key] = rest
		}
	}
	return &with
}

func compareTargets(a, b SetLimit) int { return cmp.Compare(a.name(), b.name()) }

// restOf names the types for which limits by a key are set.
func restOf(list []SetLimit) string {
	h, any := fnv.New64a(), false
	for _, s := range list {
		if s.Set {
			any = true
			_, _ = h.Write([]byte(s.name())) // never fails
		}
	}
	if !any {
		return ""
	}
	return strconv.FormatUint(h.Sum64(), 36)
}

func (s *limitsSet) named(target string) (one SetLimit, ok bool) {
	if s == nil {
		return SetLimit{}, false
	}
	one, ok = s.byName[target]
	return one, ok
}

func (s *limitsSet) of(t LimitTarget) (SetLimit, bool) {
	if s == nil || len(s.byName) == 0 {
		return SetLimit{}, false
	}
	return s.named(t.name())
}

// setOf is what is set for a target.
func (l *Limits) setOf(t LimitTarget) (SetLimit, bool) {
	if l == nil {
		return SetLimit{}, false
	}
	return l.set.of(t)
}

func (s *limitsSet) ofKey(key string) []SetLimit {
	if s == nil {
		return nil
	}
	return s.byKey[key]
}

func (s *limitsSet) rest(key string) string {
	if s == nil {
		return ""
	}
	return s.rests[key]
}

// matching are the limits by patterns that match a type.
func (s *limitsSet) matching(typ string) (list []SetLimit) {
	if s == nil {
		return nil
	}
	for _, one := range s.types {
		if symphony.PatternMatches(one.Type, typ) {
			list = append(list, one)
		}
	}
	return list
}

// list are all limits that are set, by name.
func (s *limitsSet) list() []SetLimit {
	if s == nil {
		return nil
	}
	return slices.SortedFunc(maps.Values(s.byName), compareTargets)
}

// Looks reports whether each message of a queue must be looked at before it is handed out, because of a limit that is
// set. Messages with keys are always looked at.
func (l *Limits) Looks(transport, queue string, now time.Time) bool {
	if l == nil || l.set == nil {
		return false
	}
	for _, s := range l.set.types {
		if !s.gate().open(now) {
			return true
		}
	}
	s, ok := l.set.of(LimitTarget{Transport: transport, Queue: queue})
	return ok && !s.gate().open(now)
}

// ChangesAt is when the first of the limits that are set ends by itself, by the time of day, and the first pressure, by
// the storage's time; zero for never.
func (l *Limits) ChangesAt() (limit, pressure time.Time) {
	if l == nil {
		return limit, pressure
	}
	for _, s := range l.set.list() {
		if s.Set {
			limit = earlier(limit, s.Until)
		}
		pressure = earlier(pressure, s.Pressure.end())
	}
	return limit, pressure
}

// earlier is the earlier of two times, of which zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// uncounted reports whether there may be deliveries that hold no place behind a limit which bounds them.
func (l *Limits) uncounted() bool { return l != nil && l.set != nil && !l.set.uncounted.IsZero() }

// affected are the gates before which messages may wait whose way changes when the limit of a target does, by name.
func (l *Limits) affected(t LimitTarget) []string {
	names := []string{t.name(), setGate + t.name()}
	if t.Key == "" {
		return names
	}
	patterns := []string{""}
	var set *limitsSet
	if l != nil {
		patterns, set = append(patterns, slices.Sorted(maps.Keys(l.perKey))...), l.set
	}
	for _, pattern := range patterns {
		name := gateName(keyGate, pattern, t.Key)
		names = append(names, name)
		if rest := set.rest(t.Key); rest != "" {
			names = append(names, restGate+rest+":"+name)
		}
	}
	return names
}

// LimitState is a limit, configured or set, and how much of it is used.
type LimitState struct {
	LimitTarget
	Configured *Limit // nil: none
	PerKey     *Limit // what is configured for each key of the types, nil for none
	Set        *SetLimit
	// Now is what holds at this moment, slower than what is set where an endpoint asked for less.
	Now Limit
	// Running are the deliveries that hold a place, Waiting the messages before the gate, and Tokens how many may start
	// at this moment by the rate alone, -1 without one.
	Running, Waiting, Tokens int
}

// states are what is configured and what is set, by name, without what is used.
func (l *Limits) states() []LimitState {
	if l == nil {
		return nil
	}
	byName := make(map[string]*LimitState)
	of := func(t LimitTarget) *LimitState {
		s := byName[t.name()]
		if s == nil {
			s = &LimitState{LimitTarget: t}
			byName[t.name()] = s
		}
		return s
	}
	for pattern, perKey := range l.perKey {
		s := of(LimitTarget{Type: pattern})
		if limit := l.byName[s.name()].Limit; limit != (Limit{}) {
			s.Configured = &limit
		}
		if perKey != (Limit{}) {
			s.PerKey = &perKey
		}
	}
	for name, g := range l.queues {
		limit := g.Limit
		of(LimitTarget{Transport: name.transport, Queue: name.queue}).Configured = &limit
	}
	for _, one := range l.set.list() {
		of(one.LimitTarget).Set = &one
	}
	list := make([]LimitState, 0, len(byName))
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		if s := byName[name]; s.Configured != nil || s.PerKey != nil || s.Set != nil {
			list = append(list, *s)
		}
	}
	return list
}

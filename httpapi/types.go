package httpapi

import (
	"cmp"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/metrics"
	"github.com/symphony-messenger/symphony/monitor"
	"github.com/symphony-messenger/symphony/storage"
)

// steering is what holds and limits messages, of all transports or of one.
type steering struct {
	transports []string
	holds      []wire.PlacedHold
	limits     []flow.LimitState // of each storage once
	now        time.Time
}

// steering reads what is stopped and limited in a transport, empty for all.
func (c *call) steering(transport string) (*steering, error) {
	s := &steering{transports: c.api.o.Bus.Names(), now: c.api.stored.Now()}
	if transport != "" {
		s.transports = []string{transport}
	}
	read := make(map[any]bool)
	for _, name := range s.transports {
		t, err := c.api.o.Bus.Transport(name)
		if err != nil {
			return nil, err
		}
		control := flow.Of(t)
		if control == nil {
			continue
		}
		holds, err := control.Holds(c.Context())
		if err != nil {
			return nil, err
		}
		for _, h := range wireHolds(holds) {
			s.holds = append(s.holds, wire.PlacedHold{Transport: name, Hold: h})
		}
		if storage := t.Capabilities().Storage; storage == nil || !read[storage] {
			read[storage] = true
			limits, err := control.LimitStates(c.Context())
			if err != nil {
				return nil, err
			}
			s.limits = append(s.limits, limits...)
		}
	}
	return s, nil
}

// ofType are the limits of types that apply to a type: of those that are configured the most specific one, and all that
// are set.
func (s *steering) ofType(typ string) []wire.Limit {
	var best symphony.Patterns[string]
	for _, l := range s.limits {
		if l.Type != "" && l.Key == "" && (l.Configured != nil || l.PerKey != nil) {
			_ = best.Set(l.Type, l.Type) // it was checked when it was configured
		}
	}
	configured, _ := best.Match(typ)
	list := []wire.Limit{}
	for _, l := range s.limits {
		if l.Type == "" || l.Key != "" || !symphony.PatternMatches(l.Type, typ) {
			continue
		}
		if l.Type == configured || l.Set != nil {
			list = append(list, wireLimit(l, s.now))
		}
	}
	return list
}

// ofQueue are the limits of a queue.
func (s *steering) ofQueue(transport, queue string) []wire.Limit {
	list := []wire.Limit{}
	for _, l := range s.limits {
		if l.Queue == queue && l.Transport == transport {
			list = append(list, wireLimit(l, s.now))
		}
	}
	return list
}

// pageOfNames cuts one page out of names, which are sorted, by limit and cursor of the query. A cursor is the last name
// of the page before.
func (c *call) pageOfNames(names []string, limit int) ([]string, wire.NamePages) {
	after := c.query["cursor"]
	from, found := slices.BinarySearch(names, after)
	if found {
		from++
	}
	names = names[from:]
	pages := wire.NamePages{Limit: limit, HasMore: len(names) > limit}
	if pages.HasMore {
		names = names[:limit]
		pages.NextCursor = names[limit-1]
	}
	return names, pages
}

// transportFilter is the transport that a list is about, empty for all.
func (c *call) transportFilter(list *[]symphony.Problem) string {
	name := c.query["transport"]
	if name != "" {
		if _, err := c.api.o.Bus.Transport(name); err != nil {
			*list = append(*list, symphony.Problem{Path: "transport", Message: err.Error()})
		}
	}
	return name
}

func typesList(c *call) error {
	var list []symphony.Problem
	limit := cmp.Or(c.number("limit", 1, symphony.MaxMessagePage, &list), symphony.DefaultMessagePage)
	transport, pattern := c.transportFilter(&list), c.query["type"]
	counting := c.queryBool("counts", &list)
	if pattern != "" {
		if err := symphony.ValidatePattern(pattern); err != nil {
			list = append(list, symphony.Problem{Path: "type", Message: err.Error()})
		}
	}
	if cursor := c.query["cursor"]; cursor != "" && symphony.ValidatePattern(cursor) != nil {
		list = append(list, symphony.Problem{Path: "cursor", Message: "must be the nextCursor of another page"})
	}
	if len(list) > 0 {
		return invalid(list...)
	}
	s, err := c.steering(transport)
	if err != nil {
		return err
	}
	types, err := c.knownTypes(s)
	if err != nil {
		return err
	}
	maps.DeleteFunc(types, func(typ string, _ *wire.TypeInfo) bool {
		return pattern != "" && !symphony.PatternMatches(pattern, typ)
	})
	names, pages := c.pageOfNames(slices.Sorted(maps.Keys(types)), limit)
	answer := wire.TypesResponse{Success: true, Types: make([]wire.TypeInfo, len(names)),
		Schemas: make(map[string]any), Pagination: pages}
	counted, err := c.recent(metrics.ByType, transport)
	if err != nil {
		return err
	}
	var counts *storage.TypeCounts
	if counting {
		if counts, err = c.countTypes(s, transport); err != nil {
			return err
		}
	}
	if counts != nil {
		answer.PendingAtLeast, answer.ProcessingAtLeast = counts.MorePending, counts.MoreProcessing
	}
	for i, name := range names {
		info := types[name]
		c.describeType(info, s)
		if counts != nil && !strings.Contains(name, "*") { // a pattern stands for several types
			n := counts.Types[name]
			info.Pending, info.Processing = &n.Pending, &n.Processing
		}
		if info.Schema != "" {
			answer.Schemas[info.Schema] = jsontext.Value(c.api.o.Schemas[info.Schema])
		}
		info.Figures, info.Series = counted.of("", name)
		answer.Types[i] = *info
	}
	return c.answer(http.StatusOK, answer)
}

// knownTypes are the types that were seen, and the patterns for which something is configured or set, by name.
func (c *call) knownTypes(s *steering) (map[string]*wire.TypeInfo, error) {
	types := make(map[string]*wire.TypeInfo)
	of := func(name string) *wire.TypeInfo {
		if types[name] == nil {
			types[name] = &wire.TypeInfo{Type: name, Transports: []string{}, Holds: []wire.PlacedHold{}}
		}
		return types[name]
	}
	if c.api.o.Metrics != nil {
		seen, err := c.api.o.Metrics.Types(c.Context())
		if err != nil {
			return nil, err
		}
		for _, t := range seen {
			if !slices.Contains(s.transports, t.Transport) {
				continue
			}
			info := of(t.Type)
			info.Transports = append(info.Transports, t.Transport)
			info.MoreQueues = info.MoreQueues || t.MoreQueues
			for _, queue := range t.Queues {
				info.Queues = append(info.Queues, wire.TypeQueue{Transport: t.Transport, Queue: queue})
			}
			if info.FirstSeen == nil || t.First.Before(*info.FirstSeen) {
				info.FirstSeen = optional(t.First)
			}
			if info.LastSeen == nil || t.Last.After(*info.LastSeen) {
				info.LastSeen = optional(t.Last)
			}
		}
	}
	for _, pattern := range c.api.o.Mux.Patterns() {
		of(pattern)
	}
	if c.api.o.Handlers != nil {
		set, err := c.api.o.Handlers.List(c.Context())
		if err != nil {
			return nil, err
		}
		for _, h := range set {
			of(h.Pattern)
		}
	}
	for pattern := range c.api.o.Schemas {
		of(pattern)
	}
	for _, l := range s.limits {
		if l.Type != "" && l.Key == "" {
			of(l.Type)
		}
	}
	for _, h := range s.holds {
		if h.Type != "" {
			of(h.Type)
		}
	}
	return types, nil
}

// describeType says what is configured for a type, and what stops and limits it.
func (c *call) describeType(info *wire.TypeInfo, s *steering) {
	if pattern, names := c.api.o.Mux.Handlers(info.Type); pattern != "" {
		info.Handler = &wire.TypeHandler{Pattern: pattern, Names: names,
			Breakers: wireBreakers(breakersOf(c.openBreakers(), pattern, names))}
		if !c.api.o.Mux.Handles(info.Type) {
			info.Handler.Source = wire.HandlerSet
		}
	}
	info.Retries = c.typeRetries(info, s)
	info.Schema, _ = c.api.schemas.Match(info.Type)
	info.Limits = s.ofType(info.Type)
	for _, h := range s.holds {
		here := len(info.Transports) == 0 || slices.Contains(info.Transports, h.Transport)
		if h.Type != "" && symphony.PatternMatches(h.Type, info.Type) || h.Type == "" && h.Queue == "" && here {
			info.Holds = append(info.Holds, h)
		}
	}
}

// openBreakers are the circuit breakers of this process that are not closed.
func (c *call) openBreakers() []monitor.OpenBreaker {
	if c.api.o.Breakers == nil {
		return nil
	}
	return c.api.o.Breakers()
}

// breakersOf are those of the handlers of a pattern. They are named by the pattern, or by it and the handler's name.
func breakersOf(list []monitor.OpenBreaker, pattern string, names []string) (of []monitor.OpenBreaker) {
	for _, b := range list {
		name, more := strings.CutPrefix(b.Handler, pattern+" ")
		if b.Handler == pattern || more && slices.Contains(names, name) {
			of = append(of, b)
		}
	}
	return of
}

// typeRetries are how failed messages of a type are retried, where it was seen or else wherever it may be.
func (c *call) typeRetries(info *wire.TypeInfo, s *steering) []wire.TypeRetry {
	list := []wire.TypeRetry{}
	for _, transport := range s.transports {
		if len(info.Transports) > 0 && !slices.Contains(info.Transports, transport) {
			continue
		}
		policy := c.policy(transport, info.Type).WithDefaults()
		r := wire.TypeRetry{MaxRetries: policy.Retries(), Delays: []int64{}, Jitter: max(policy.Jitter, 0)}
		for attempt := 1; attempt <= min(r.MaxRetries, wire.MaxTypeDelays); attempt++ {
			r.Delays = append(r.Delays, policy.Decide(attempt, errAny, 0.5).Delay.Milliseconds()) // without jitter
		}
		same := slices.IndexFunc(list, func(o wire.TypeRetry) bool {
			return o.MaxRetries == r.MaxRetries && o.Jitter == r.Jitter && slices.Equal(o.Delays, r.Delays)
		})
		if same < 0 {
			same, list = len(list), append(list, r)
		}
		list[same].Transports = append(list[same].Transports, transport)
	}
	return list
}

// errAny is an error after which a message is retried.
var errAny = errors.New("any")

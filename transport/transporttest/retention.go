package transporttest

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/retention"
	"github.com/symphony-messenger/symphony/triage"
)

// retentionTests are about how long messages are kept that have ended.
var retentionTests = []test{
	{"by default, failed messages are kept for ever and all others for a day", func(s *suite) {
		k := s.newKeeping(retention.Options{})
		for _, outcome := range []symphony.Status{symphony.Completed, symphony.Failed, symphony.Cancelled} {
			k.end("Order", symphony.DispatchOptions{}, outcome)
		}
		for _, after := range []time.Duration{symphony.DefaultRetention - time.Second, time.Second, time.Second,
			9 * 365 * 24 * time.Hour} {
			s.clock.Advance(after)
			k.check()
		}
	}},
	{"what a message says goes before its type, that before its queue, and that before its transport", func(s *suite) {
		hours := func(n int) *time.Duration { return new(time.Duration(n) * time.Hour) }
		k := s.newKeeping(retention.Options{
			Default: retention.Periods{Completed: hours(1), Failed: hours(2), Cancelled: hours(3)},
			Transports: map[string]retention.Periods{"default": {Completed: hours(4)}, "email": {Completed: hours(1),
				Failed: hours(1)}},
			Queues: map[string]retention.Periods{"default/mail": {Completed: hours(5), Failed: hours(5)}},
			Types: map[string]retention.Periods{"A.*": {Completed: hours(3), Failed: new(retention.Forever)},
				"A.B.*": {Completed: hours(2)},
				"A.B.C": {Completed: hours(0), Cancelled: hours(2)}, "It's": {Failed: hours(0)}},
		})
		for _, typ := range []string{"Order", "A.x", "A.B.x", "A.B.C", "It's"} {
			for _, queue := range []string{"", "mail"} {
				for _, outcome := range []symphony.Status{symphony.Completed, symphony.Failed, symphony.Cancelled} {
					k.end(typ, symphony.DispatchOptions{Queue: queue}, outcome)
				}
			}
		}
		for _, own := range []*time.Duration{new(time.Duration(0)), new(90 * time.Minute), hours(6)} {
			for _, outcome := range []symphony.Status{symphony.Completed, symphony.Failed, symphony.Cancelled} {
				k.end("A.B.C", symphony.DispatchOptions{Retention: own}, outcome)
			}
		}
		k.check()
		for range 7 {
			s.clock.Advance(time.Hour)
			k.check()
			if s.Tidy(s.T); s.Failed() {
				return
			}
			k.check()
		}
	}},
	{"rules hold for what is stored already", func(s *suite) {
		k := s.newKeeping(retention.Options{Default: retention.Periods{Completed: new(10 * time.Hour),
			Failed: new(10 * time.Hour)}})
		for range 3 {
			for _, outcome := range []symphony.Status{symphony.Completed, symphony.Failed, symphony.Cancelled} {
				k.end("Order", symphony.DispatchOptions{}, outcome)
				k.end("Bill", symphony.DispatchOptions{}, outcome)
			}
		}
		s.clock.Advance(2 * time.Hour)
		k.rule(retention.Options{Types: map[string]retention.Periods{
			"Bill": {Completed: new(time.Hour), Failed: new(time.Hour), Cancelled: new(3 * time.Hour)}}})
		k.check()
		k.tidy()
		k.check()
		k.rule(retention.Options{Default: retention.Periods{Failed: new(30 * 24 * time.Hour)}})
		s.clock.Advance(20 * time.Hour)
		k.check()
		s.Tidy(s.T)
		k.check()
	}},
	{"a message that is not to be kept is gone at once, and its end is remembered for a minute", func(s *suite) {
		k := s.newKeeping(retention.Options{})
		for range 2 {
			k.end("Order", symphony.DispatchOptions{Retention: new(time.Duration(0))}, symphony.Completed)
			k.end("Order", symphony.DispatchOptions{Retention: new(time.Duration(0))}, symphony.Cancelled)
		}
		k.check()
		for _, after := range []time.Duration{0, symphony.EndsRemembered - 10*time.Millisecond, time.Second,
			time.Hour} {
			s.clock.Advance(after)
			s.Tidy(s.T)
			k.check()
		}
	}},
	{"a message that is to be kept is, where nothing else is", func(s *suite) {
		if s.KeepNothing == nil {
			s.Skip("what is kept cannot be said")
		}
		s.use(s.KeepNothing(s.T), nil)
		kept := s.dispatch(symphony.DispatchOptions{Retention: new(time.Hour)}).ID
		other := s.dispatch(symphony.DispatchOptions{}).ID
		for _, d := range s.receive(all) {
			s.mustSettle(d, symphony.Settlement{Outcome: symphony.Ack, Output: json.RawMessage(`{"a": 1}`)})
		}
		cancelled := s.dispatch(symphony.DispatchOptions{Retention: new(time.Hour)}).ID
		if _, err := s.messages().CancelMessage(ctx, cancelled, symphony.Cancellation{}); err != nil {
			s.Fatal(err)
		}
		if got, want := s.search(symphony.MessageQuery{Oldest: true}), []string{kept, cancelled}; !slices.Equal(got,
			want) {
			s.Errorf("got %v, want %v", got, want)
		}
		if m := s.show(kept); string(m.Output) != `{"a": 1}` || m.Status != symphony.Completed {
			s.Errorf("got %+v", m)
		}
		if e := s.ends(s.def, other)[other]; !e.Forgotten || e.Status != symphony.Completed {
			s.Errorf("the end of the other one: %+v", e)
		}
		s.clock.Advance(time.Hour)
		if got := s.search(symphony.MessageQuery{}); len(got) != 0 {
			s.Errorf("after its period: %v", got)
		}
	}},
	{"dead letters whose period is over are told of once a run, and counted", func(s *suite) {
		k := s.newKeeping(retention.Options{Types: map[string]retention.Periods{"Bill": {Failed: new(time.Hour)},
			"A.*": {Failed: new(2 * time.Hour)}}})
		for range 3 {
			k.end("Bill", symphony.DispatchOptions{Queue: "q"}, symphony.Failed)
		}
		k.end("A.b", symphony.DispatchOptions{}, symphony.Failed)
		k.end("Order", symphony.DispatchOptions{}, symphony.Failed)
		s.clock.Advance(3 * time.Hour)
		k.check()
		for range 3 {
			s.Tidy(s.T)
		}
		k.check()
		want := []retention.AgedIn{{Place: retention.Place{Transport: "default", Queue: "q", Type: "Bill"}, Count: 3},
			{Place: retention.Place{Transport: "default", Queue: "default", Type: "A.b"}, Count: 1}}
		k.mu.Lock()
		defer k.mu.Unlock()
		if got, rest := k.aged.List(5); !slices.Equal(got, want) || rest != 0 || k.runs > 2 {
			s.Errorf("told of %v and %d more in %d runs, want %v", got, rest, k.runs, want)
		}
	}},
	{"whatever ends in whichever way, it is there until its period is over", (*suite).retentionModel},
}

// keeping compares what a storage shows with what it is to keep.
type keeping struct {
	*suite
	rules *retention.Rules
	ended []endedMessage

	mu   sync.Mutex // housekeeping tells in the background
	aged retention.Aged
	runs int
}

// endedMessage is a message that ended.
type endedMessage struct {
	symphony.Envelope
	status symphony.Status
	at     time.Time
}

func (s *suite) newKeeping(o retention.Options) *keeping {
	s.Helper()
	if s.Rules == nil || s.Tidy == nil {
		s.Skip("what is kept cannot be said")
	}
	k := &keeping{suite: s}
	k.rule(o)
	return k
}

// rule opens the storage with other rules.
func (k *keeping) rule(o retention.Options) {
	k.Helper()
	rules, err := retention.New(o)
	if err != nil {
		k.Fatal(err)
	}
	k.rules = rules
	k.use(k.Rules(k.T, rules, func(_ context.Context, a retention.Aged) {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.aged.AddAll(a)
		k.runs++
	}))
}

// end dispatches a message and ends it.
func (k *keeping) end(typ string, o symphony.DispatchOptions, outcome symphony.Status) {
	k.Helper()
	r, err := k.bus.Dispatch(ctx, typ, struct{}{}, o)
	if err != nil {
		k.Fatal(err)
	}
	k.clock.Advance(time.Millisecond)
	m := endedMessage{status: outcome}
	if outcome == symphony.Cancelled {
		m.Envelope = k.show(r.ID).Envelope
		m.at = k.clock.Now()
		if _, err := k.messages().CancelMessage(ctx, r.ID, symphony.Cancellation{}); err != nil {
			k.Fatal(err)
		}
	} else {
		got := k.receive(all)
		if len(got) != 1 || got[0].ID != r.ID {
			k.Fatalf("got %v, want %s", ids(got), r.ID)
		}
		m.Envelope, m.at = got[0].Envelope, k.clock.Now()
		st := symphony.Settlement{Outcome: symphony.Ack, Output: json.RawMessage(`1`)}
		if outcome == symphony.Failed {
			st = symphony.Settlement{Outcome: symphony.Fail, Error: "boom " + typ, ErrorClass: "test"}
		}
		k.mustSettle(got[0], st)
	}
	k.ended = append(k.ended, m)
	k.clock.Advance(time.Millisecond)
}

// tidy has deleted what is past its period, so that it does not come back with other rules.
func (k *keeping) tidy() {
	k.Tidy(k.T)
	k.ended = slices.DeleteFunc(k.ended, func(m endedMessage) bool { return k.over(&m) })
}

// over reports whether a message's period is over.
func (k *keeping) over(m *endedMessage) bool {
	period := k.rules.Period(m.status, &m.Envelope)
	return period != retention.Forever && k.clock.Now().Sub(m.at) >= period
}

// check compares everything that shows or counts messages.
func (k *keeping) check() {
	k.Helper()
	now := k.clock.Now()
	want := make(map[symphony.Status][]string)
	var all, known []string
	failed, groups := make(map[string]int64), make(map[string]int64) // by queue and type
	ends := make(map[string]symphony.MessageEnd)
	for i := range k.ended {
		m := &k.ended[i]
		known = append(known, m.ID)
		end := symphony.MessageEnd{ID: m.ID, Queue: m.Queue, Status: m.status, FinishedAt: m.at}
		if !k.over(m) {
			want[m.status], all = append(want[m.status], m.ID), append(all, m.ID)
			ends[m.ID] = end
			if m.status == symphony.Failed {
				failed[m.Queue]++
				groups[m.Type]++
			}
		} else if end.Forgotten = true; m.status != symphony.Failed && now.Sub(m.at) < symphony.EndsRemembered {
			ends[m.ID] = end
		}
	}
	same := func(what string, got, want []string) {
		k.Helper()
		got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
		if !slices.Equal(got, want) {
			k.Errorf("%s: got %d, want %d: %v, want %v", what, len(got), len(want), got, want)
		}
	}
	list := func(q symphony.MessageQuery) (ids []string) {
		k.Helper()
		for q.Limit = symphony.MaxMessagePage; ; {
			page, err := k.messages().ListMessages(ctx, q.WithDefaults())
			if err != nil {
				k.Fatal(err)
			}
			for _, m := range page.Messages {
				ids = append(ids, m.ID)
			}
			if q.After = page.Next; q.After == "" {
				return ids
			}
		}
	}
	same("all", list(symphony.MessageQuery{}), all)
	same("in the order of failure", list(symphony.MessageQuery{ByFailure: true}), want[symphony.Failed])
	page, err := k.messages().ListMessages(ctx, symphony.MessageQuery{CountOnly: true,
		Scan: symphony.MaxMessageScan}.WithDefaults())
	if err != nil || page.Total != int64(len(all)) {
		k.Errorf("counted %d, %v; want %d", page.Total, err, len(all))
	}
	for _, status := range []symphony.Status{symphony.Completed, symphony.Failed, symphony.Cancelled} {
		q := symphony.MessageQuery{MessageFilter: symphony.MessageFilter{Status: status}}
		same(string(status), list(q), want[status])
		q.Status, q.Statuses = "", []symphony.Status{status, symphony.Pending}
		same(string(status)+" or pending", list(q), want[status])
		if page.Counts[status] != int64(len(want[status])) {
			k.Errorf("counted %d %s, want %d", page.Counts[status], status, len(want[status]))
		}
	}
	for _, all := range []bool{true, false} {
		q := symphony.MessageQuery{ByFailure: true, Total: true, Limit: 1}
		if !all {
			q.ErrorClass = "test"
		}
		page, err := k.messages().ListMessages(ctx, q.WithDefaults())
		if err != nil || page.Total != int64(len(want[symphony.Failed])) {
			k.Errorf("the dead letter queue has %d, %v; want %d", page.Total, err, len(want[symphony.Failed]))
		}
	}
	stats := k.stats()
	if stats.Failed != int64(len(want[symphony.Failed])) {
		k.Errorf("statistics have %d failed, want %d", stats.Failed, len(want[symphony.Failed]))
	}
	for queue, q := range stats.Queues {
		if q.Failed != failed[queue] {
			k.Errorf("statistics have %d failed in %s, want %d", q.Failed, queue, failed[queue])
		}
	}
	got, err := k.def.(triage.Store).FailureGroups(ctx, triage.Query{Limit: 1000})
	grouped := make(map[string]int64)
	for _, g := range got {
		if g.Count > 0 { // else it is remembered, and nothing is left of it
			grouped[g.Type] += g.Count
		}
	}
	if err != nil || !maps.Equal(grouped, groups) {
		k.Errorf("groups of %v, %v; want %v", grouped, err, groups)
	}
	found := k.ends(k.def, known...)
	for _, m := range k.ended {
		if found[m.ID] != ends[m.ID] {
			k.Errorf("the end of %s %s: got %+v, want %+v", m.status, m.ID, found[m.ID], ends[m.ID])
		}
	}
	k.single()
}

// single compares what is said of one message.
func (k *keeping) single() {
	k.Helper()
	m := &k.ended[rand.IntN(len(k.ended))]
	info, err := GetMessage(ctx, k.messages(), m.ID)
	if k.over(m) {
		if !errors.Is(err, symphony.ErrNotFound) {
			k.Errorf("%s %s is past its period: got %+v, %v", m.status, m.ID, info.Status, err)
		}
		if _, err := k.messages().CancelMessage(ctx, m.ID, symphony.Cancellation{}); !errors.Is(err,
			symphony.ErrNotFound) {
			k.Errorf("cancelling %s %s, past its period: got %v", m.status, m.ID, err)
		}
		return
	}
	if err != nil || info.Status != m.status || !info.FinishedAt.Equal(m.at) {
		k.Errorf("%s %s: got %+v, %v", m.status, m.ID, info, err)
	}
}

// retentionModel ends messages at random, moves the clock, and has the storage open again with other rules.
func (s *suite) retentionModel() {
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 0))
	s.Logf("seed %d", seed)
	hours := func() *time.Duration {
		return [...]*time.Duration{nil, new(time.Duration(0)), new(time.Minute), new(time.Hour), new(5 * time.Hour),
			new(30 * time.Hour), new(retention.Forever)}[rnd.IntN(7)]
	}
	periods := func() retention.Periods {
		return retention.Periods{Completed: hours(), Failed: hours(), Cancelled: hours()}
	}
	types := []string{"Order", "A.b", "A.c"}
	k := s.newKeeping(retention.Options{})
	for range modelSteps(s) / 10 {
		switch n := rnd.IntN(20); {
		case n < 12:
			o := symphony.DispatchOptions{Queue: []string{"", "q"}[rnd.IntN(2)]}
			if own := hours(); rnd.IntN(3) == 0 && own != nil && *own != retention.Forever {
				o.Retention = own
			}
			outcome := []symphony.Status{symphony.Completed, symphony.Failed, symphony.Cancelled}[rnd.IntN(3)]
			k.end(types[rnd.IntN(len(types))], o, outcome)
		case n < 16:
			s.clock.Advance(time.Duration(rnd.IntN(6*3600_000)) * time.Millisecond)
		case n < 17:
			s.clock.Advance(time.Duration(rnd.IntN(120_000)) * time.Millisecond)
		case n < 19:
			s.Tidy(s.T)
		default:
			s.clock.Advance(symphony.EndsRemembered) // what is not kept at all leaves a row or not until then
			k.tidy()
			k.rule(retention.Options{Default: periods(), Types: map[string]retention.Periods{"A.*": periods(),
				"A.b": periods()},
				Queues: map[string]retention.Periods{"default/q": periods()}})
		}
		if len(k.ended) > 0 {
			k.check()
		}
		if s.Failed() {
			return
		}
	}
}

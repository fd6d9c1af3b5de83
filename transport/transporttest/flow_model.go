package transporttest

import (
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
)

var flowModelTests = []test{
	{"whatever dies or is stopped, nothing is lost, doubled or out of turn", func(s *suite) {
		seed := rand.Uint64()
		defer func() {
			if s.Failed() {
				s.Logf("seed %d", seed)
			}
		}()
		FlowModel(s, flowQueue{s}, rand.New(rand.NewPCG(seed, 0)), modelSteps(s))
		if s.def.Capabilities().Messages {
			s.wantGroups("in the end")
		}
	}},
}

// FlowQueue is what FlowModel drives: a fresh queue with the limits of Limits, under a clock that stands still between
// the calls. What fails fails the test.
type FlowQueue interface {
	// Send dispatches a message, a millisecond after the one before.
	Send(typ string, o symphony.DispatchOptions) symphony.Receipt
	// Claim receives up to so many messages, for DefaultLease, with those that are pushed or without.
	Claim(most int, pushes bool) []symphony.Delivery
	Settle(d symphony.Delivery, st symphony.Settlement) error
	// CancelMessage cancels a message, and says what it is then.
	CancelMessage(id string) (symphony.Status, error)
	// Pause stops the types of a pattern, until a time unless that is zero, Resume ends that. An empty pattern is all of
	// the queue.
	Pause(pattern string, until time.Time)
	Resume(pattern string)
	// SetLimit sets a limit at run time, DeleteLimit ends that.
	SetLimit(s flow.SetLimit)
	DeleteLimit(t flow.LimitTarget)
	Now() time.Time
	Advance(d time.Duration)
	// Crash ends the process and starts it again.
	Crash()
	Stats() symphony.QueueStats
	// Wait says why a message waits that is not in hand.
	Wait(id string) flow.Wait
}

// FlowTest is the test that a model fails.
type FlowTest interface {
	Helper()
	Fatalf(format string, args ...any)
}

// Choices are where a model's decisions come from: IntN returns 0 to n-1.
type Choices interface{ IntN(n int) int }

// flowQueue is a transport as FlowModel drives it.
type flowQueue struct{ s *suite }

func (q flowQueue) Send(typ string, o symphony.DispatchOptions) symphony.Receipt {
	return q.s.send(typ, o)
}
func (q flowQueue) Claim(most int, pushes bool) []symphony.Delivery {
	return q.s.pull(symphony.ReceiveOptions{Max: most, MaxLost: symphony.MaxReceive, Worker: "w1", Pushes: pushes})
}
func (q flowQueue) Settle(d symphony.Delivery, st symphony.Settlement) error {
	return q.s.settle(d, st)
}
func (q flowQueue) CancelMessage(id string) (symphony.Status, error) {
	return q.s.messages().CancelMessage(ctx, id, request)
}
func (q flowQueue) Pause(pattern string, until time.Time) {
	q.s.hold(flow.Hold{HoldTarget: flow.HoldTarget{Type: pattern}, Mode: flow.Paused, Until: until})
}
func (q flowQueue) SetLimit(l flow.SetLimit)       { q.s.setLimit(l) }
func (q flowQueue) DeleteLimit(t flow.LimitTarget) { q.s.deleteLimit(t) }
func (q flowQueue) Resume(pattern string)          { q.s.release(flow.HoldTarget{Type: pattern}) }
func (q flowQueue) Now() time.Time                 { return q.s.clock.Now() }
func (q flowQueue) Advance(d time.Duration)        { q.s.clock.Advance(d) }
func (q flowQueue) Crash()                         { q.s.reopenIfPossible() }
func (q flowQueue) Stats() symphony.QueueStats     { return q.s.stats().QueueStats }
func (q flowQueue) Wait(id string) flow.Wait       { return q.s.whyWaits(id) }

// flowModel knows what a queue under flow control must have.
type flowModel struct {
	FlowTest
	queue  FlowQueue
	rnd    Choices
	paused map[string]time.Time         // until when, zero for no end
	limits map[string]flow.SetLimit     // set at run time, by their targets' names
	held   map[string]symphony.Delivery // in hand
	lost   []symphony.Delivery          // whose leases are over
	waits  map[string]bool              // must be delivered some day
	order  map[string][]string          // what ordered groups have left
	keys   map[string]string            // who waits by debounce or throttle key, as far as it was not claimed
	expiry map[string]time.Time         // of messages that were not begun
	starts []time.Time                  // of the type with a rate
	ending map[string]bool              // of those in hand, what is to be cancelled
	ended  int64
	failed int64
	gone   int64 // cancelled
}

// FlowModel dispatches, claims, settles, loses workers, crashes, pauses types and lets time pass at random, so many
// times, and compares what the queue does with what it must. In the end everything is handled.
func FlowModel(t FlowTest, q FlowQueue, rnd Choices, steps int) {
	t.Helper()
	m := &flowModel{FlowTest: t, queue: q, rnd: rnd,
		paused: make(map[string]time.Time), limits: make(map[string]flow.SetLimit), held: make(map[string]symphony.Delivery),
		ending: make(map[string]bool), waits: make(map[string]bool), order: make(map[string][]string),
		keys: make(map[string]string), expiry: make(map[string]time.Time)}
	for range steps {
		m.step()
	}
	m.finish()
}

var modelTypes = []string{"Two", "Slow", "Order", "Job"}

func (m *flowModel) step() {
	switch m.rnd.IntN(19) {
	case 0, 1, 2, 3:
		m.dispatch()
	case 4, 5, 6:
		m.claim(1+m.rnd.IntN(10), m.rnd.IntN(4) > 0)
	case 7, 8, 9:
		m.settleOne()
	case 10:
		m.queue.Advance(time.Duration(m.rnd.IntN(300)) * time.Millisecond)
	case 11: // every worker dies
		m.queue.Advance(symphony.DefaultLease + time.Millisecond)
		m.expire()
	case 12:
		m.hold()
	case 14, 15:
		m.limit()
	case 16:
		m.cancel()
	case 17, 18:
		m.explain()
	case 13:
		if m.rnd.IntN(8) == 0 {
			m.queue.Crash()
			// A crash may end the leases of the process, or leave them until they run out.
			m.queue.Advance(symphony.DefaultLease + time.Millisecond)
			m.expire()
		}
	}
}

// expire drops what was in hand when its lease ended. A stale settlement must be refused.
func (m *flowModel) expire() {
	for _, id := range slices.Sorted(maps.Keys(m.held)) { // the choices decide, not the map
		if m.ending[id] {
			m.cancelled(id)
			continue
		}
		m.lost = append(m.lost, m.held[id])
	}
	clear(m.held)
	if len(m.lost) > 0 {
		d := m.lost[m.rnd.IntN(len(m.lost))]
		if err := m.queue.Settle(d, symphony.Settlement{Outcome: symphony.Ack}); !errors.Is(err, symphony.ErrLeaseLost) {
			m.Fatalf("a stale ack of %s: %v, want ErrLeaseLost", d.ID, err)
		}
	}
}

func (m *flowModel) dispatch() {
	o := symphony.DispatchOptions{Priority: 1 + m.rnd.IntN(10)}
	pick := func(names ...string) string { return names[m.rnd.IntN(len(names))] }
	switch m.rnd.IntN(10) {
	case 0:
		o.ConcurrencyKey = pick("a", "b")
	case 1:
		o.GroupKey = pick("g", "h")
	case 2, 3:
		o.GroupKey, o.Ordered = pick("x", "y"), true
	case 4:
		o.Delay = time.Duration(m.rnd.IntN(500)) * time.Millisecond
	case 5:
		o.DebounceKey = pick("d", "e")
	case 6:
		o.ThrottleKey = pick("t", "u")
	case 7:
		o.ConcurrencyKey, o.GroupKey = pick("a", "b"), pick("g", "h")
	case 8:
		o.ExpiresAt = m.queue.Now().Add(time.Duration(50+m.rnd.IntN(1000)) * time.Millisecond)
	}
	if m.rnd.IntN(5) == 0 {
		o = pushed(o)
	}
	r := m.queue.Send(modelTypes[m.rnd.IntN(len(modelTypes))], o)
	key := o.DebounceKey + o.ThrottleKey
	before := m.keys[key]
	switch {
	case key == "":
	case o.ThrottleKey != "" && before != "":
		if !r.Dropped || r.ID != before {
			m.Fatalf("throttled: %+v, want it dropped for %s", r, before)
		}
		return
	case r.Dropped || r.Replaced != before:
		m.Fatalf("key %s: %+v, want it in place of %q", key, r, before)
	default:
		delete(m.waits, before)
		m.keys[key] = r.ID
	}
	m.waits[r.ID] = true
	if !o.ExpiresAt.IsZero() {
		m.expiry[r.ID] = o.ExpiresAt
	}
	if o.Ordered {
		m.order[o.GroupKey] = append(m.order[o.GroupKey], r.ID)
	}
}

func (m *flowModel) claim(most int, pushes bool) {
	now := m.queue.Now()
	for id, at := range m.expiry {
		if !at.After(now) { // it goes to the dead letter queue, before the claim at the latest
			delete(m.expiry, id)
			delete(m.waits, id)
			m.failed++
		}
	}
	m.endOver(now)
	had := maps.Clone(m.held)
	for _, d := range m.queue.Claim(most, pushes) {
		if _, twice := m.held[d.ID]; twice || !m.waits[d.ID] {
			m.Fatalf("message %s was handed out, in hand: %t, waiting: %t", d.ID, twice, m.waits[d.ID])
		}
		if !pushes && d.Terms.Pushed() {
			m.Fatalf("message %s was handed to somebody who does not push", d.ID)
		}
		if m.isPaused(d.Type) || m.isPaused("") {
			m.Fatalf("message %s of the paused type %s was handed out", d.ID, d.Type)
		}
		m.held[d.ID] = d
		delete(m.expiry, d.ID)
		if d.Type == "Slow" {
			m.start(now)
		}
		for key, id := range m.keys {
			if id == d.ID {
				delete(m.keys, key)
			}
		}
		if d.Flow != nil && d.Flow.Ordered {
			if line := m.order[d.Flow.GroupKey]; len(line) == 0 || line[0] != d.ID {
				m.Fatalf("ordered group %s: got %s, want the first of %v", d.Flow.GroupKey, d.ID, line)
			}
		}
	}
	m.checkLimits(had)
}

// explain asks why a message waits, and claims the next one: that is the message where nothing holds it up and it is
// the first in line, and is another one where anything does.
func (m *flowModel) explain() {
	now := m.queue.Now()
	ids := slices.DeleteFunc(slices.Sorted(maps.Keys(m.waits)), func(id string) bool {
		at, expires := m.expiry[id]
		_, held := m.held[id]
		return held || expires && !at.After(now)
	})
	if len(ids) == 0 {
		return
	}
	id := ids[m.rnd.IntN(len(ids))]
	w := m.queue.Wait(id)
	before := maps.Clone(m.held)
	m.claim(1, true)
	_, got := m.held[id]
	starved := false // has overtaken it
	for other, d := range m.held {
		_, had := before[other]
		starved = starved || !had && !d.CreatedAt.IsZero() && now.Sub(d.CreatedAt) >= flow.StarvationAge
	}
	switch {
	case got && w.Reason != flow.WaitsForWorker:
		m.Fatalf("message %s was handed out, and is said to wait: %+v", id, w)
	case !got && w.Reason == flow.WaitsForWorker && w.Position == 1 && !starved:
		m.Fatalf("message %s was not handed out, and is said to wait for a worker alone: %+v", id, w)
	case w.Reason == flow.WaitsForTime && !w.Until.After(now):
		m.Fatalf("message %s is said to wait for a time that has come: %+v at %s", id, w, now)
	case w.Position < 0 || w.Position > len(m.waits):
		m.Fatalf("message %s is said to be the %d. of %d", id, w.Position, len(m.waits))
	}
}

// start counts a start of the type that may have 10 a second.
func (m *flowModel) start(now time.Time) {
	m.starts = append(slices.DeleteFunc(m.starts, func(at time.Time) bool { return now.Sub(at) >= time.Second }), now)
	if len(m.starts) > 10 {
		m.Fatalf("%d of Slow were started within a second, want at most 10", len(m.starts))
	}
}

func (m *flowModel) settleOne() {
	ids := slices.Sorted(maps.Keys(m.held))
	if len(ids) == 0 {
		return
	}
	m.end(m.held[ids[m.rnd.IntN(len(ids))]], symphony.Outcome(1+m.rnd.IntN(4)))
}

func (m *flowModel) end(d symphony.Delivery, outcome symphony.Outcome) {
	delete(m.held, d.ID)
	if outcome == symphony.Release && d.Flow != nil && !d.Flow.ExpiresAt.IsZero() {
		outcome = symphony.Ack // whether it was begun depends on who looked when
	}
	st := symphony.Settlement{Outcome: outcome, Delay: time.Duration(m.rnd.IntN(300)) * time.Millisecond, Error: "e"}
	err := m.queue.Settle(d, st)
	if m.ending[d.ID] {
		if !errors.Is(err, symphony.ErrCancelled) {
			m.Fatalf("%s of the cancelled message %s: %v, want ErrCancelled", outcome, d.ID, err)
		}
		m.cancelled(d.ID)
		return
	}
	if err != nil {
		m.Fatalf("%s of %s: %v", outcome, d.ID, err)
	}
	switch outcome {
	case symphony.Ack:
		m.ended++
	case symphony.Fail:
		m.failed++
	default:
		return
	}
	delete(m.waits, d.ID)
	if d.Flow != nil && d.Flow.Ordered {
		m.order[d.Flow.GroupKey] = m.order[d.Flow.GroupKey][1:]
	}
}

// cancel cancels a message that waits or is in hand.
func (m *flowModel) cancel() {
	ids := slices.DeleteFunc(slices.Sorted(maps.Keys(m.waits)), func(id string) bool {
		at, expires := m.expiry[id]
		return expires && !at.After(m.queue.Now())
	})
	if len(ids) == 0 {
		return
	}
	id := ids[m.rnd.IntN(len(ids))]
	want := symphony.Cancelled
	if _, held := m.held[id]; held {
		want = symphony.Processing
	}
	if got, err := m.queue.CancelMessage(id); err != nil || got != want {
		m.Fatalf("cancel of %s: %q, %v; want %q", id, got, err, want)
	}
	if want == symphony.Processing {
		m.ending[id] = true
		return
	}
	m.cancelled(id)
}

// cancelled forgets a message that is cancelled.
func (m *flowModel) cancelled(id string) {
	m.gone++
	delete(m.waits, id)
	delete(m.ending, id)
	delete(m.expiry, id)
	maps.DeleteFunc(m.keys, func(_, waiting string) bool { return waiting == id })
	for group, line := range m.order {
		m.order[group] = slices.DeleteFunc(slices.Clone(line), func(of string) bool { return of == id })
	}
}

// hold pauses something, for some time or until it is resumed, or resumes it.
func (m *flowModel) hold() {
	m.endOver(m.queue.Now())
	pattern := append(modelTypes, "")[m.rnd.IntN(len(modelTypes)+1)]
	if m.isPaused(pattern) {
		m.queue.Resume(pattern)
		delete(m.paused, pattern)
		return
	}
	until := time.Time{}
	if m.rnd.IntN(2) == 0 {
		until = m.queue.Now().Add(time.Duration(1+m.rnd.IntN(500)) * time.Millisecond)
	}
	m.queue.Pause(pattern, until)
	m.paused[pattern] = until
}

func (m *flowModel) isPaused(pattern string) bool {
	_, is := m.paused[pattern]
	return is
}

// finish resumes everything and handles what is left.
func (m *flowModel) finish() {
	m.endOver(m.queue.Now())
	for _, pattern := range slices.Sorted(maps.Keys(m.paused)) {
		m.queue.Resume(pattern)
	}
	clear(m.paused)
	for _, name := range slices.Sorted(maps.Keys(m.limits)) {
		m.queue.DeleteLimit(m.limits[name].LimitTarget)
	}
	clear(m.limits)
	for quiet := 0; quiet < 400 && len(m.waits) > 0; quiet++ {
		for _, id := range slices.Sorted(maps.Keys(m.held)) {
			m.end(m.held[id], symphony.Ack)
			quiet = 0
		}
		m.queue.Advance(100 * time.Millisecond)
		m.claim(symphony.MaxReceive, true)
	}
	if len(m.waits) > 0 {
		m.Fatalf("%d messages were never handed out again, such as %s; stats %+v",
			len(m.waits), anyOf(m.waits), m.queue.Stats())
	}
	if q := m.queue.Stats(); q.Pending != 0 || q.Processing != 0 || q.Completed != m.ended || q.Failed != m.failed ||
		q.Cancelled != m.gone {
		m.Fatalf("stats %+v, want %d completed, %d failed and %d cancelled", q, m.ended, m.failed, m.gone)
	}
}

func anyOf(set map[string]bool) string {
	for id := range set {
		return id
	}
	return ""
}

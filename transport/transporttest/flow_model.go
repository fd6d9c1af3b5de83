package transporttest

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
)

var flowModelTests = []test{
	{"whatever dies or is stopped, nothing is lost, doubled or out of turn", func(s *suite) { newFlowModel(s).run() }},
}

// flowModel knows what a transport under flow control must have: it dispatches, claims, settles, loses workers, crashes,
// pauses types and lets messages expire at random, and compares.
type flowModel struct {
	*suite
	rnd    *rand.Rand
	seed   uint64
	paused map[string]bool
	held   map[string]symphony.Delivery // in hand
	since  map[string]time.Time         // when each was claimed
	lost   []symphony.Delivery          // whose leases are over
	waits  map[string]bool              // must be delivered some day
	order  map[string][]string          // what ordered groups have left
	keys   map[string]string            // who waits by debounce or throttle key, as far as it was not claimed
	ended  int64
	failed int64
}

func newFlowModel(s *suite) *flowModel {
	seed := rand.Uint64()
	return &flowModel{suite: s, rnd: rand.New(rand.NewPCG(seed, 0)), seed: seed, paused: make(map[string]bool), held: make(map[string]symphony.Delivery),
		since: make(map[string]time.Time), waits: make(map[string]bool), order: make(map[string][]string), keys: make(map[string]string)}
}

var modelTypes = []string{"Two", "Slow", "Order", "Job"}

func (m *flowModel) run() {
	defer func() {
		if m.Failed() {
			m.Logf("seed %d", m.seed)
		}
	}()
	for range modelSteps(m) {
		switch m.rnd.IntN(14) {
		case 0, 1, 2, 3:
			m.dispatch()
		case 4, 5, 6:
			m.claim(1 + m.rnd.IntN(10))
		case 7, 8, 9:
			m.settleOne()
		case 10:
			m.clock.Advance(time.Duration(m.rnd.IntN(300)) * time.Millisecond)
		case 11: // every worker dies
			m.clock.Advance(symphony.DefaultLease + time.Millisecond)
			m.expire()
		case 12:
			m.hold()
		case 13:
			if m.rnd.IntN(8) == 0 {
				m.reopenIfPossible()
				for id := range m.held { // a crash may end the leases of the process, or leave them
					m.lost = append(m.lost, m.held[id])
				}
				m.clock.Advance(symphony.DefaultLease + time.Millisecond)
				m.expire()
			}
		}
	}
	m.finish()
}

// expire drops what was in hand when its lease ended. A stale settlement must be refused.
func (m *flowModel) expire() {
	for id, d := range m.held {
		m.lost = append(m.lost, d)
		delete(m.held, id)
	}
	if len(m.lost) > 0 {
		d := m.lost[m.rnd.IntN(len(m.lost))]
		if err := m.settle(d, symphony.Settlement{Outcome: symphony.Ack}); !errors.Is(err, symphony.ErrLeaseLost) {
			m.Fatalf("a stale ack of %s: %v, want ErrLeaseLost", d.ID, err)
		}
	}
}

func (m *flowModel) dispatch() {
	o := symphony.DispatchOptions{Priority: 1 + m.rnd.IntN(10)}
	pick := func(names ...string) string { return names[m.rnd.IntN(len(names))] }
	switch m.rnd.IntN(9) {
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
	}
	r := m.send(modelTypes[m.rnd.IntN(len(modelTypes))], o)
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
	if o.Ordered {
		m.order[o.GroupKey] = append(m.order[o.GroupKey], r.ID)
	}
}

func (m *flowModel) claim(most int) {
	got := m.receive(symphony.ReceiveOptions{Max: most, MaxLost: symphony.MaxReceive, Worker: "w1"})
	for _, d := range got {
		if _, twice := m.held[d.ID]; twice || !m.waits[d.ID] {
			m.Fatalf("message %s was handed out, in hand: %t, waiting: %t", d.ID, twice, m.waits[d.ID])
		}
		if m.paused[d.Type] || m.paused[""] {
			m.Fatalf("message %s of the paused type %s was handed out", d.ID, d.Type)
		}
		m.held[d.ID] = d
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
	counts := make(map[string]int)
	for _, d := range m.held {
		if d.Type == "Two" {
			counts["Two"]++
		}
		if d.Flow != nil && d.Flow.ConcurrencyKey != "" {
			pattern := d.Type
			if pattern == "Order" || pattern == "Job" {
				pattern = "" // keys count together where nothing limits the type
			}
			counts[pattern+"/"+d.Flow.ConcurrencyKey]++
		}
	}
	for name, n := range counts {
		if most := map[string]int{"Two": 2}[name]; n > max(most, 1) {
			m.Fatalf("%d of %s in hand", n, name)
		}
	}
}

func (m *flowModel) settleOne() {
	ids := make([]string, 0, len(m.held))
	for id := range m.held {
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		return
	}
	slices.Sort(ids) // the seed decides, not the map
	m.end(m.held[ids[m.rnd.IntN(len(ids))]], symphony.Outcome(1+m.rnd.IntN(4)))
}

func (m *flowModel) end(d symphony.Delivery, outcome symphony.Outcome) {
	delete(m.held, d.ID)
	m.mustSettle(d, symphony.Settlement{Outcome: outcome, Delay: time.Duration(m.rnd.IntN(300)) * time.Millisecond, Error: "e"})
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

// hold pauses something, or resumes it.
func (m *flowModel) hold() {
	typ := append(modelTypes, "")[m.rnd.IntN(len(modelTypes)+1)]
	target := flow.HoldTarget{Type: typ}
	if m.paused[typ] {
		m.release(target)
	} else {
		m.suite.hold(flow.Hold{HoldTarget: target, Mode: flow.Paused})
	}
	m.paused[typ] = !m.paused[typ]
}

// finish resumes everything and handles what is left.
func (m *flowModel) finish() {
	for typ, paused := range m.paused {
		if paused {
			m.release(flow.HoldTarget{Type: typ})
		}
	}
	clear(m.paused)
	for quiet := 0; quiet < 400 && len(m.waits) > 0; quiet++ {
		for _, d := range m.held {
			m.end(d, symphony.Ack)
			quiet = 0
		}
		m.clock.Advance(100 * time.Millisecond)
		m.claim(symphony.MaxReceive)
	}
	if len(m.waits) > 0 {
		m.Fatalf("%d messages were never handed out again, such as %s; stats %+v", len(m.waits), anyOf(m.waits), m.stats().QueueStats)
	}
	if q := m.stats().QueueStats; q.Pending != 0 || q.Processing != 0 || q.Completed != m.ended || q.Failed != m.failed {
		m.Fatalf("stats %+v, want %s completed and %s failed", q, strconv.FormatInt(m.ended, 10), strconv.FormatInt(m.failed, 10))
	}
}

func anyOf(set map[string]bool) string {
	for id := range set {
		return id
	}
	return ""
}

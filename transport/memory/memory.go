// Package memory is a transport that keeps messages in the process and forgets them when it ends: for tests, for
// development, and as the shortest reading of what a transport must do. Completed messages are counted, not kept.
package memory

import (
	"container/heap"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/symphony-messenger/symphony"
)

// Options are the optional settings of a storage.
type Options struct {
	// Name is the transport's name. Default symphony.DefaultTransport.
	Name string
	// Clock is the storage's clock. Default symphony.SystemClock.
	Clock symphony.Clock
}

// Transport is one named transport. Safe for concurrent use.
type Transport struct {
	*store
	name string
}

var (
	_ symphony.Transport   = (*Transport)(nil)
	_ symphony.FailedStore = (*Transport)(nil)
	_ symphony.RecordStore = (*Transport)(nil)
)

// store is what transports made with Named share. mu guards all of it.
type store struct {
	clock symphony.Clock

	mu      sync.Mutex
	closed  bool
	changed chan struct{} // closed and replaced whenever something may have become ready
	lanes   map[laneKey]*lane
	fair    map[string]*symphony.FairShare
	leases  map[string]*lease
	keys    map[key]remembered
	failed  []*symphony.FailedMessage // oldest first, ids ascending
	records map[string]map[string][]byte
	lastSeq int64
	lastID  time.Time
}

type laneKey struct{ transport, queue string }

// lane is one queue of one transport.
type lane struct {
	laneKey
	ready     [symphony.MaxPriority + 1]waiting // by priority
	scheduled waiting                           // messages counted as scheduled, by their scheduled time
	counts    symphony.QueueStats
}

// message is a message on its way.
type message struct {
	symphony.Envelope
	lane      *lane
	seq       int64
	available time.Time
	attempt   int // deliveries so far
	lost      int
	attempts  []symphony.Attempt
	done      []string
}

// waiting is a heap with the message at its top that comes first.
type waiting struct {
	list []*message
	at   func(*message) time.Time
}

func (w *waiting) Len() int { return len(w.list) }
func (w *waiting) Less(i, j int) bool {
	a, b := w.list[i], w.list[j]
	if d := w.at(a).Compare(w.at(b)); d != 0 {
		return d < 0
	}
	return a.seq < b.seq
}
func (w *waiting) Swap(i, j int) { w.list[i], w.list[j] = w.list[j], w.list[i] }
func (w *waiting) Push(x any)    { w.list = append(w.list, x.(*message)) }
func (w *waiting) Pop() any {
	m := w.list[len(w.list)-1]
	w.list = w.list[:len(w.list)-1]
	return m
}

// top returns the first message if its time has come.
func (w *waiting) top(by time.Time) *message {
	if len(w.list) == 0 || w.at(w.list[0]).After(by) {
		return nil
	}
	return w.list[0]
}

type key struct{ transport, key string }

type remembered struct {
	receipt     symphony.Receipt
	fingerprint symphony.Fingerprint
	until       time.Time
}

// Open makes an empty storage and returns its first transport.
func Open(o Options) *Transport {
	if o.Name == "" {
		o.Name = symphony.DefaultTransport
	}
	if o.Clock == nil {
		o.Clock = symphony.SystemClock()
	}
	s := &store{
		clock: o.Clock, changed: make(chan struct{}), lanes: make(map[laneKey]*lane), fair: make(map[string]*symphony.FairShare),
		leases: make(map[string]*lease), keys: make(map[key]remembered), records: make(map[string]map[string][]byte),
	}
	return (&Transport{store: s}).Named(o.Name)
}

// Name is the transport's name.
func (t *Transport) Name() string { return t.name }

// Named returns the transport of another name on the same storage. It panics on an invalid name.
func (t *Transport) Named(name string) *Transport {
	if err := symphony.ValidateName(name); err != nil {
		panic(fmt.Sprintf("memory: transport name %q %v", name, err))
	}
	return &Transport{store: t.store, name: name}
}

// Capabilities says that this transport can do everything but survive.
func (t *Transport) Capabilities() symphony.Capabilities {
	return symphony.Capabilities{Receive: true, Idempotency: true, Failed: true, Records: true}
}

// Storage is what transports made with Named share.
func (t *Transport) Storage() any { return t.store }

// Close ends the storage for all its transports.
func (s *store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		close(s.changed)
	}
	return nil
}

// enter locks the storage for one call. leave must follow unless there is an error.
func (s *store) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return fmt.Errorf("memory: %w", symphony.ErrClosed)
	}
	return nil
}

// now is the time of a call, to the microsecond as durable transports keep it.
func (s *store) now() time.Time { return s.clock.Now().UTC().Truncate(time.Microsecond) }

// wake lets every waiting receiver look again.
func (s *store) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *store) lane(transport, queue string) *lane {
	k := laneKey{transport, queue}
	l := s.lanes[k]
	if l == nil {
		l = &lane{laneKey: k}
		for i := range l.ready {
			l.ready[i].at = func(m *message) time.Time { return m.available }
		}
		l.scheduled.at = func(m *message) time.Time { return m.ScheduledAt }
		s.lanes[k] = l
	}
	return l
}

// Send stores the envelopes.
func (t *Transport) Send(ctx context.Context, envelopes []*symphony.Envelope) ([]symphony.Receipt, error) {
	if err := t.enter(ctx); err != nil {
		return nil, err
	}
	defer t.mu.Unlock()
	now := t.now()
	maps.DeleteFunc(t.keys, func(_ key, r remembered) bool { return !r.until.After(now) })
	receipts := make([]symphony.Receipt, len(envelopes))
	fresh := make(map[key]remembered)
	for i, e := range envelopes {
		receipts[i] = symphony.Receipt{ID: e.ID, Transport: e.Transport, Queue: e.Queue, ScheduledAt: e.ScheduledAt, IdempotencyKey: e.IdempotencyKey}
		if e.IdempotencyKey == "" {
			continue
		}
		k := key{e.Transport, e.IdempotencyKey}
		known, ok := t.keys[k]
		if !ok {
			known, ok = fresh[k]
		}
		switch {
		case !ok:
			fresh[k] = remembered{receipts[i], e.Fingerprint, now.Add(e.IdempotencyWindow)}
		case known.fingerprint != e.Fingerprint:
			return nil, &symphony.IdempotencyConflictError{Key: e.IdempotencyKey, Transport: e.Transport, MessageID: known.receipt.ID}
		default:
			receipts[i] = known.receipt
			receipts[i].Duplicate = true
		}
	}
	maps.Copy(t.keys, fresh)
	for i, e := range envelopes {
		if receipts[i].Duplicate {
			continue
		}
		m := &message{Envelope: clone(e), lane: t.lane(e.Transport, e.Queue)}
		m.available = now
		if e.ScheduledAt.After(now) {
			m.available = e.ScheduledAt
			heap.Push(&m.lane.scheduled, m)
			m.lane.counts.Scheduled++
		}
		t.add(m)
	}
	t.wake()
	return receipts, nil
}

// clone copies an envelope, so that neither side can change the other's.
func clone(e *symphony.Envelope) symphony.Envelope {
	c := *e
	c.Payload, c.Metadata, c.Headers = slices.Clone(e.Payload), maps.Clone(e.Metadata), maps.Clone(e.Headers)
	return c
}

// add puts a new message into its lane.
func (s *store) add(m *message) {
	s.lastSeq++
	m.seq = s.lastSeq
	s.put(m)
}

// put makes a message wait in its lane.
func (s *store) put(m *message) {
	heap.Push(&m.lane.ready[m.Priority], m)
	m.lane.counts.Pending++
}

// Receive claims messages, waiting for one if there is none.
func (t *Transport) Receive(ctx context.Context, o symphony.ReceiveOptions) ([]symphony.Delivery, error) {
	o = o.WithDefaults()
	var timeout <-chan time.Time
	if o.Wait > 0 {
		timer := t.clock.NewTimer(o.Wait)
		defer timer.Stop()
		timeout = timer.C()
	}
	for {
		if err := t.enter(ctx); err != nil {
			return nil, err
		}
		got := t.claim(o)
		changed, next := t.changed, t.nextEvent()
		t.mu.Unlock()
		if len(got) > 0 || o.Wait == 0 {
			return got, nil
		}
		due := t.clock.NewTimer(next)
		select {
		case <-changed:
		case <-due.C():
		case <-timeout:
			due.Stop()
			return nil, nil
		case <-ctx.Done():
			due.Stop()
			return nil, ctx.Err()
		}
		due.Stop()
	}
}

// nextEvent is how long until a lease ends or a message becomes ready.
func (s *store) nextEvent() time.Duration {
	now := s.now()
	next := time.Hour
	for _, l := range s.leases {
		for i := range l.items {
			if it := &l.items[i]; it.open {
				next = min(next, it.expires.Sub(now))
			}
		}
	}
	for _, l := range s.lanes {
		for p := range l.ready {
			if w := &l.ready[p]; len(w.list) > 0 {
				if d := w.at(w.list[0]).Sub(now); d > 0 {
					next = min(next, d)
				}
			}
		}
	}
	return next
}

// claim takes messages by priority and age, after the share of those that low priority has kept waiting.
func (t *Transport) claim(o symphony.ReceiveOptions) []symphony.Delivery {
	now := t.now()
	t.expire(now)
	var lanes []*lane
	for k, l := range t.lanes {
		if k.transport == t.name && (len(o.Queues) == 0 || slices.Contains(o.Queues, k.queue)) {
			lanes = append(lanes, l)
		}
	}
	fair := t.fair[t.name]
	if fair == nil {
		fair = &symphony.FairShare{}
		t.fair[t.name] = fair
	}
	var taken []*message
	bytes, lost, ended := 0, 0, false
	take := func(most int, by time.Time, from, to int) {
		for len(taken) < most && !ended {
			var first *waiting
			for _, l := range lanes {
				for p := from; p <= to; p++ {
					if w := &l.ready[p]; w.top(by) != nil && (first == nil || before(w.list[0], first.list[0])) {
						first = w
					}
				}
			}
			if first == nil {
				return
			}
			m := first.list[0]
			if len(taken) > 0 && bytes+m.Size() > o.MaxBytes || m.lost > 0 && lost >= o.MaxLost {
				ended = true // later messages must not overtake the one that does not fit
				return
			}
			heap.Pop(first)
			taken = append(taken, m)
			bytes += m.Size()
			if m.lost > 0 {
				lost++
			}
		}
	}
	take(fair.Reserve(o.Max), now.Add(-symphony.StarvationAge), symphony.MinPriority, symphony.MaxPriority)
	starved := len(taken)
	for p := symphony.MaxPriority; p >= symphony.MinPriority; p-- {
		take(o.Max, now, p, p)
	}
	fair.Spend(len(taken), starved)
	slices.SortStableFunc(taken, func(a, b *message) int {
		if a.Priority != b.Priority {
			return b.Priority - a.Priority
		}
		if before(a, b) {
			return -1
		}
		return 1
	})
	return t.lease(taken, o, now)
}

func before(a, b *message) bool {
	if d := a.available.Compare(b.available); d != 0 {
		return d < 0
	}
	return a.seq < b.seq
}

// lease hands claimed messages to a worker.
func (s *store) lease(taken []*message, o symphony.ReceiveOptions, now time.Time) []symphony.Delivery {
	if len(taken) == 0 {
		return nil
	}
	var random [16]byte
	rand.Read(random[:]) // never fails
	l := &lease{worker: o.Worker, claimed: now, items: make([]item, len(taken))}
	token := hex.EncodeToString(random[:])
	s.leases[token] = l
	out := make([]symphony.Delivery, len(taken))
	for i, m := range taken {
		m.attempt++
		m.lane.counts.Pending--
		m.lane.counts.Processing++
		l.items[i] = item{message: m, expires: now.Add(o.Lease), open: true}
		out[i] = symphony.Delivery{
			Envelope: clone(&m.Envelope), Lease: symphony.Lease{MessageID: m.ID, Token: token, Index: i}, Attempt: m.attempt, Lost: m.lost,
			ClaimedAt: now, LeasedUntil: now.Add(o.Lease), Done: slices.Clone(m.done),
		}
		out[i].Fingerprint, out[i].IdempotencyWindow = symphony.Fingerprint{}, 0
	}
	return out
}

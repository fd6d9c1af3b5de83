// Package memory is a transport that keeps messages in the process and forgets them when it ends: for tests, for
// development, and as the shortest reading of what a transport must do. Of the completed messages the newest are kept.
package memory

import (
	"bytes"
	"container/heap"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/internal/steady"
	"github.com/symphony-messenger/symphony/schedule"
	"github.com/symphony-messenger/symphony/storage"
)

// Options are the optional settings of a storage.
type Options struct {
	// Name is the transport's name. Default symphony.DefaultTransport.
	Name string
	// Retention is how long completed messages are kept, the newest MaxKept of them. Default symphony.DefaultRetention;
	// KeepNothing for not at all.
	Retention time.Duration
	// Limits bound how many messages are handled at once, or started in a time. Default: none but one message at a time
	// for each concurrency key.
	Limits *flow.Limits
	// Clock is the storage's clock. Default symphony.SystemClock.
	Clock symphony.Clock
}

// Transport is one named transport. Safe for concurrent use.
type Transport struct {
	*store
	name string
}

var (
	_ symphony.Transport    = (*Transport)(nil)
	_ symphony.FailedStore  = (*Transport)(nil)
	_ storage.Records       = (*Transport)(nil)
	_ schedule.Store        = (*Transport)(nil)
	_ flow.Control          = (*Transport)(nil)
	_ storage.Log           = (*Transport)(nil)
	_ symphony.MessageStore = (*Transport)(nil)
	_ storage.Steps         = (*Transport)(nil)
)

// store is what transports made with Named share. mu guards all of it.
type store struct {
	clock     symphony.Clock
	limits    *flow.Limits
	retention time.Duration
	steady    *steady.Clock

	mu        sync.Mutex
	closed    bool
	changed   chan struct{} // closed and replaced whenever something may have become ready
	lanes     map[laneKey]*lane
	fair      map[string]*flow.FairShare
	leases    map[string]*lease
	ending    sorted[*item] // open deliveries, by the end of their lease
	keys      map[key]remembered
	known     sorted[expiry] // the keys, by when they are forgotten
	index     index
	archive   archive
	failed    []*failure // oldest first, ids ascending
	records   map[string]map[string][]byte
	logs      map[string]*journal
	schedules map[string]*history
	gates     map[string]*gate
	holds     map[string][]flow.Hold // by transport, oldest first
	waiting   map[uniqueKey]*message
	// expiring are messages that were sent with an ExpiresAt, also those that have been begun.
	expiring sorted[*message]
	looked   time.Time // the last time of a call
	lastSeq  int64
	lastID   time.Time
}

type laneKey struct{ transport, queue string }

// lane is one queue of one transport.
type lane struct {
	laneKey
	ready     [symphony.MaxPriority + 1]sorted[*message] // by priority
	scheduled sorted[*message]                           // messages counted as scheduled, by their scheduled time
	counts    symphony.QueueStats
}

// due uncounts the scheduled messages whose time of day has come.
func (l *lane) due(now time.Time) {
	for len(l.scheduled.list) > 0 && !l.scheduled.list[0].ScheduledAt.After(now) {
		heap.Pop(&l.scheduled)
		l.counts.Scheduled--
	}
}

// readySince returns the message of a priority that has been ready longest, nil if none has been since then.
func (l *lane) readySince(then time.Time, priority int) *message {
	if list := l.ready[priority].list; len(list) > 0 && !list[0].available.After(then) {
		return list[0]
	}
	return nil
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
	place     int     // in the heap in which it waits, -1 while it is in hand
	gate      *gate   // before which it waits, nil while it is in its lane
	passed    []*gate // the limits behind which it holds a place
	// Where it is; see status.
	item      *item
	completed completion
	failed    *failure
	gone      bool
}

// before orders the messages of one priority.
func before(a, b *message) bool {
	if d := a.available.Compare(b.available); d != 0 {
		return d < 0
	}
	return a.seq < b.seq
}

type key struct{ transport, key string }

type remembered struct {
	receipt     symphony.Receipt
	fingerprint symphony.Fingerprint
	until       time.Time
}

// expiry says when a key is forgotten.
type expiry struct {
	key
	at time.Time
}

// Open makes an empty storage and returns its first transport.
func Open(o Options) *Transport {
	if o.Name == "" {
		o.Name = symphony.DefaultTransport
	}
	if o.Clock == nil {
		o.Clock = symphony.SystemClock()
	}
	switch {
	case o.Retention == 0:
		o.Retention = symphony.DefaultRetention
	case o.Retention < 0:
		o.Retention = 0
	}
	s := &store{
		clock: o.Clock, steady: steady.New(o.Clock, 0), retention: o.Retention, limits: o.Limits, gates: make(map[string]*gate), holds: make(map[string][]flow.Hold), waiting: make(map[uniqueKey]*message),
		expiring: sorted[*message]{before: func(a, b *message) bool { return a.Flow.ExpiresAt.Before(b.Flow.ExpiresAt) }},
		changed:  make(chan struct{}), lanes: make(map[laneKey]*lane), fair: make(map[string]*flow.FairShare),
		leases: make(map[string]*lease), keys: make(map[key]remembered), records: make(map[string]map[string][]byte), logs: make(map[string]*journal), schedules: make(map[string]*history),
		ending: sorted[*item]{before: func(a, b *item) bool { return a.expires.Before(b.expires) }, moved: func(it *item, place int) { it.place = place }},
		known:  sorted[expiry]{before: func(a, b expiry) bool { return a.at.Before(b.at) }},
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
	return symphony.Capabilities{Receive: true, Idempotency: true, Failed: true, Records: true, Flow: true, Schedules: true, Messages: true, Log: true, Steps: true}
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
			l.ready[i].before, l.ready[i].moved = before, moved
		}
		l.scheduled.before = func(a, b *message) bool { return a.ScheduledAt.Before(b.ScheduledAt) }
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
	return t.send(envelopes)
}

// send is Send under the lock.
func (t *Transport) send(envelopes []*symphony.Envelope) ([]symphony.Receipt, error) {
	now := t.now()
	t.forget(now)
	clones := make([]symphony.Envelope, len(envelopes))
	receipts := make([]symphony.Receipt, len(envelopes))
	fresh := make(map[key]remembered)
	for i, e := range envelopes {
		var err error
		if clones[i], err = clone(e); err != nil {
			return nil, fmt.Errorf("memory: send %s: %w", e.ID, err)
		}
		receipts[i] = symphony.Receipt{ID: e.ID, Transport: e.Transport, Queue: e.Queue, ScheduledAt: e.ScheduledAt, IdempotencyKey: e.IdempotencyKey}
		if e.IdempotencyKey == "" {
			if err := flow.Drained(t.holds[e.Transport], e.Transport, e.Queue); err != nil {
				return nil, err
			}
			continue
		}
		k := key{e.Transport, e.IdempotencyName()}
		known, ok := t.keys[k]
		if !ok {
			known, ok = fresh[k]
		}
		switch {
		case !ok:
			if err := flow.Drained(t.holds[e.Transport], e.Transport, e.Queue); err != nil {
				return nil, err
			}
			fresh[k] = remembered{receipts[i], e.Fingerprint, now.Add(e.IdempotencyWindow)}
		case known.fingerprint != e.Fingerprint:
			return nil, &symphony.IdempotencyConflictError{Key: e.IdempotencyKey, Transport: e.Transport, MessageID: known.receipt.ID}
		default:
			receipts[i] = known.receipt
			receipts[i].Duplicate = true
		}
	}
	for i, e := range envelopes {
		if receipts[i].Duplicate {
			continue
		}
		if t.meet(&clones[i], &receipts[i]) {
			delete(fresh, key{e.Transport, e.IdempotencyName()}) // it is not stored, so its key stays free
			continue
		}
		m := &message{Envelope: clones[i], lane: t.lane(e.Transport, e.Queue), available: now}
		if e.ScheduledAt.After(t.shown(now)) {
			m.available = t.placed(e.ScheduledAt)
			heap.Push(&m.lane.scheduled, m)
			m.lane.counts.Scheduled++
		}
		t.add(m)
	}
	for k, r := range fresh {
		t.keys[k] = r
		heap.Push(&t.known, expiry{k, r.until})
	}
	t.wake()
	return receipts, nil
}

// forget drops the keys whose window is over.
func (s *store) forget(now time.Time) {
	for len(s.known.list) > 0 && !s.known.list[0].at.After(now) {
		delete(s.keys, s.known.list[0].key)
		heap.Pop(&s.known)
	}
}

// clone copies an envelope, so that neither side can change the other's. Headers and metadata take the form that they have
// when they come from any storage, so the error, of what JSON cannot represent, is of a caller's envelope only.
func clone(e *symphony.Envelope) (symphony.Envelope, error) {
	c := *e
	c.Payload = slices.Clone(e.Payload)
	if e.Flow != nil {
		flow := *e.Flow
		c.Flow = &flow
	}
	var err error
	if c.Headers, err = cloneFree(e.Headers); err == nil {
		c.Metadata, err = cloneFree(e.Metadata)
	}
	return c, err
}

// cloneFree copies headers or metadata.
func cloneFree(m map[string]any) (c map[string]any, err error) {
	if len(m) == 0 {
		return nil, nil
	}
	plain := true
	for _, v := range m {
		if _, ok := v.(string); !ok {
			plain = false
		}
	}
	if plain {
		return maps.Clone(m), nil
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	return c, dec.Decode(&c)
}

// stored clones an envelope that is in the store.
func stored(e *symphony.Envelope) symphony.Envelope {
	c, err := clone(e)
	if err != nil {
		panic(err) // it was decoded from JSON
	}
	c.Fingerprint, c.IdempotencyWindow = symphony.Fingerprint{}, 0
	return c
}

// add puts a new message into its lane.
func (s *store) add(m *message) {
	s.lastSeq++
	m.seq = s.lastSeq
	s.index.add(m)
	if k, ok := unique(&m.Envelope); ok {
		s.waiting[k] = m
	}
	if m.Flow != nil && !m.Flow.ExpiresAt.IsZero() {
		heap.Push(&s.expiring, m)
	}
	if line := s.line(m); line != nil {
		s.park(m, line)
		return
	}
	s.put(m)
}

// put makes a message wait in its lane.
func (s *store) put(m *message) {
	heap.Push(&m.lane.ready[m.Priority], m)
	m.lane.counts.Pending++
}

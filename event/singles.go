package event

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

// Singles tell, of messages that a reader asks for, each event: dispatched, progress, retrying, completed, failed,
// cancelled. These events are not among the numbered ones and are kept nowhere: who reads gets what happens meanwhile,
// at most MaxSingles a second, and the number of those beyond.
//
// While nobody reads they cost a look at a pointer or two for each batch of results. Where several processes share a
// storage, each that has readers says so in a record (kind "events.readers", id: the process), with what they ask for,
// and renews it. Who dispatches or handles anything looks for such records, every readersEvery while it does, and what
// happens before the first look waits for it. What is asked for goes to a log of its own, which those with readers
// follow. Processes that do nothing look for nothing. A reader is told that it is connected once all others must have
// looked: from then on it misses nothing.
const (
	// MaxSingles is how many events of messages a reader gets in a second.
	MaxSingles = 1000
	// maxTold is how many events a process passes to others in a second.
	maxTold = 4 * MaxSingles

	singlesLog  = "events.messages"
	readersKind = "events.readers"
	// readersEvery is the time between two looks for the readers of other processes, followEvery that between two looks
	// for what others tell.
	readersEvery = 400 * time.Millisecond
	followEvery  = 250 * time.Millisecond
	// connectTime is how long it takes until all processes know of a new reader.
	connectTime = 2 * readersEvery
	// readersLife is how long a record of readers counts, and renewEvery how often it is written again.
	readersLife = 15 * time.Second
	renewEvery  = 5 * time.Second
	// singlesKept is how long the log keeps what was told, singlesTrim how often it is trimmed.
	singlesKept = time.Minute
	singlesTrim = 30 * time.Second
	// maxFilters bounds the filters that are looked through where something happens, and told to other processes, and
	// maxFilterIDs their ids. Where readers ask for more, all is taken and looked through aside.
	maxFilters   = 20
	maxFilterIDs = 500
)

// SinglesOptions are the settings of Singles.
type SinglesOptions struct {
	// Node is this process, among those that share the storage.
	Node string
	// Find looks for a message. Nil: none is found.
	Find   func(ctx context.Context, transport, id string) (symphony.MessageInfo, error)
	Clock  symphony.Clock
	Logger *slog.Logger
}

// Singles is a symphony.Observer and a worker.NoteObserver. Safe for concurrent use.
type Singles struct {
	o      SinglesOptions
	wanted atomic.Pointer[wanted] // nil: nobody reads
	shared atomic.Bool            // other processes may read
	known  atomic.Bool            // whether they do was looked for just now
	busy   atomic.Bool            // something has happened since the last look
	wake   chan struct{}

	mu      sync.Mutex
	readers map[*SingleReader]bool
	others  []MessageFilter // of the readers of other processes
	waiting []single
	lost    map[string]int64 // what found no room, by type

	// announcing is held while others are told who reads here, and guards the rest. It is taken before mu.
	announcing sync.Mutex
	records    storage.Records
	log        storage.Log
	announced  time.Time // zero: there is no record
	place      int64     // in the log
	looked     time.Time
	trimmed    time.Time
	second     int64
	told       int // to others, in that second
}

// wanted is what readers ask for. any says that it is too much to be looked through where something happens.
type wanted struct {
	any     bool
	filters []MessageFilter
}

// NewSingles makes Singles. Without Run they tell nothing.
func NewSingles(o SinglesOptions) *Singles {
	if o.Clock == nil {
		o.Clock = symphony.SystemClock()
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return &Singles{
		o: o, wake: make(chan struct{}, 1), readers: make(map[*SingleReader]bool), lost: make(map[string]int64),
	}
}

func (w *wanted) selects(s *single) bool {
	return w.any || slices.ContainsFunc(w.filters, func(f MessageFilter) bool {
		yes, _ := f.selects(s)
		return yes
	})
}

// everything is wanted until it is known what is.
var everything = &wanted{any: true}

// asked returns what readers ask for, nil where none does.
func (l *Singles) asked() *wanted {
	if l.shared.Load() {
		if !l.busy.Load() {
			l.busy.Store(true)
		}
		if !l.known.Load() {
			return everything
		}
	}
	return l.wanted.Load()
}

func (l *Singles) nudge() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// MessagesDispatched takes what was dispatched.
func (l *Singles) MessagesDispatched(envelopes []*symphony.Envelope, receipts []symphony.Receipt) {
	w := l.asked()
	if w == nil {
		return
	}
	for i, e := range envelopes {
		if i < len(receipts) && (receipts[i].Duplicate || receipts[i].Dropped) {
			continue
		}
		s := single{Kind: MessageDispatched, By: e.DispatchedBy, singleData: singleData{
			MessageID: e.ID, Transport: e.Transport, Queue: e.Queue, Type: e.Type,
		}}
		if e.Terms != nil {
			s.Tags = e.Terms.Tags
		}
		l.take(w, s)
	}
}

// AttemptsEnded takes how attempts ended.
func (l *Singles) AttemptsEnded(ended []symphony.EndedAttempt) {
	w := l.asked()
	if w == nil {
		return
	}
	for i := range ended {
		if s := ofAttempt(&ended[i]); s.Kind != "" {
			l.take(w, s)
		}
	}
}

// MessagesNoted takes how far messages have come.
func (l *Singles) MessagesNoted(transport string, notes []symphony.Note) {
	w := l.asked()
	if w == nil {
		return
	}
	for i := range notes {
		if p := notes[i].Progress; p != nil {
			progress := *p
			l.take(w, single{Kind: MessageProgress, lacks: lacksAll, singleData: singleData{
				MessageID: notes[i].Lease.MessageID, Transport: transport, Progress: &progress,
			}})
		}
	}
}

func (l *Singles) take(w *wanted, s single) {
	if !w.selects(&s) {
		return
	}
	s.At, s.Node = l.o.Clock.Now().UTC(), l.o.Node
	l.mu.Lock()
	if len(l.waiting) >= maxWaiting {
		l.lost[s.Kind]++
	} else {
		l.waiting = append(l.waiting, s)
	}
	l.mu.Unlock()
	l.nudge()
}

// Run tells readers until ctx ends, and then the last of it. records and log are those of a storage that other
// processes share; nil where none does.
func (l *Singles) Run(ctx context.Context, records storage.Records, log storage.Log) {
	l.announcing.Lock()
	l.records, l.log = records, log
	l.announcing.Unlock()
	l.shared.Store(records != nil && log != nil)
	for {
		pause, err := l.round(ctx)
		if err != nil {
			l.o.Logger.Warn("events of messages could not be passed between processes; it is tried again",
				"error", err)
			pause = failurePause
		}
		var timer symphony.Timer
		var again <-chan time.Time
		if pause > 0 {
			timer = l.o.Clock.NewTimer(pause)
			again = timer.C()
		}
		select {
		case <-ctx.Done():
		case <-l.wake:
		case <-again:
		}
		if timer != nil {
			timer.Stop()
		}
		if ctx.Err() != nil {
			_, _ = l.round(ctx) // what happened last may be asked for elsewhere
			l.leave(ctx)
			return
		}
	}
}

// leave tells others that nobody reads here any more.
func (l *Singles) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTime)
	defer cancel()
	l.announcing.Lock()
	defer l.announcing.Unlock()
	if !l.announced.IsZero() {
		_ = storage.Delete(ctx, l.records, readersKind, l.o.Node) // it ends by itself as well
	}
}

// round does what is to be done now, and returns after what time there is more; 0: not before it is told. The end of
// ctx does not interrupt it: what was taken up by then must be told.
func (l *Singles) round(ctx context.Context) (pause time.Duration, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTime)
	defer cancel()
	l.announcing.Lock()
	defer l.announcing.Unlock()
	now := l.o.Clock.Now()
	shared := l.shared.Load()
	if shared {
		pause, err = l.lookAround(ctx, now) // readers here are told all the same
	}
	l.mu.Lock()
	list, lost, others := l.waiting, l.lost, l.others
	if l.waiting = nil; len(lost) > 0 {
		l.lost = make(map[string]int64)
	}
	l.mu.Unlock()
	w := l.wanted.Load()
	list = slices.DeleteFunc(list, func(s single) bool { return w == nil || !w.selects(&s) })
	for i := range list {
		l.complete(ctx, &list[i])
	}
	l.deliver(list, lost)
	if shared && len(others) > 0 {
		err = errors.Join(err, l.tellOthers(ctx, now, others, list, lost))
	}
	return pause, errors.Join(err, l.trim(ctx, now))
}

// complete looks for what is not known of a message and asked for.
func (l *Singles) complete(ctx context.Context, s *single) {
	if s.lacks == lacksNothing || l.o.Find == nil || s.lacks == lacksTags && !l.needsTags(s) {
		return
	}
	if m, err := l.o.Find(ctx, s.Transport, s.MessageID); err == nil {
		s.learn(&m)
	}
}

func (l *Singles) needsTags(s *single) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	needs := func(f *MessageFilter) bool {
		_, needs := f.selects(s)
		return needs
	}
	for r := range l.readers {
		if needs(&r.filter) {
			return true
		}
	}
	return slices.ContainsFunc(l.others, func(f MessageFilter) bool { return needs(&f) })
}

// wants reports whether a filter selects a message of which all is known that can be.
func (f *MessageFilter) wants(s *single) bool {
	yes, needs := f.selects(s)
	return yes && !needs
}

// deliver gives readers here what they ask for.
func (l *Singles) deliver(list []single, lost map[string]int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.readers) == 0 {
		return
	}
	now := l.o.Clock.Now()
	for i := range list {
		var f Frame
		for r := range l.readers {
			if !r.filter.wants(&list[i]) {
				continue
			}
			if f.Bytes == nil {
				f = list[i].frame()
			}
			r.give(now, f)
		}
	}
	for kind, n := range lost {
		for r := range l.readers {
			r.drop(now, kind, n)
		}
	}
}

// tellOthers writes what readers of other processes ask for.
func (l *Singles) tellOthers(
	ctx context.Context, now time.Time, others []MessageFilter, list []single, lost map[string]int64,
) error {
	if now.Unix() != l.second {
		l.second, l.told = now.Unix(), 0
	}
	var entries []storage.Entry
	beyond := make(map[string]int64)
	for kind, n := range lost {
		beyond[kind] += n
	}
	for i := range list {
		s := &list[i]
		if !slices.ContainsFunc(others, func(f MessageFilter) bool { return f.wants(s) }) {
			continue
		}
		if l.told++; l.told > maxTold {
			beyond[s.Kind]++
			continue
		}
		raw, err := json.Marshal(s)
		if err != nil {
			continue // it has texts and numbers only
		}
		entries = append(entries, storage.Entry{Kind: s.Kind, Data: raw})
	}
	if len(beyond) > 0 {
		if raw, err := json.Marshal(lostSingles{l.o.Node, beyond}); err == nil {
			entries = append(entries, storage.Entry{Kind: Dropped, Data: raw})
		}
	}
	for part := range slices.Chunk(entries, appendSize) {
		if _, err := l.log.AppendLog(ctx, singlesLog, part); err != nil {
			return fmt.Errorf("event: %w", err)
		}
	}
	return nil
}

// lostSingles is what a process tells others of events that it could not tell.
type lostSingles struct {
	Node   string           `json:"node"`
	Counts map[string]int64 `json:"counts"`
}

var _ symphony.Observer = (*Singles)(nil)

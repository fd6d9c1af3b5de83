package metrics

import (
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

// Recorder counts the messages of one process. It is a symphony.Observer. Safe for concurrent use.
type Recorder struct {
	store  storage.Records
	o      Options
	writer string

	mu sync.Mutex
	// generation tells apart what this process writes before and after its clock was set back, or it wrote for the last
	// time.
	generation int
	current    *bucket   // of this minute; nil before the first event
	ended      []*bucket // minutes that are over and have not been written for the last time, the oldest first
	totals     map[key]*total

	writing sync.Mutex // held by a write, and taken before mu; guards what follows
	hours   []*bucket  // the hours of which a minute has ended that is not in the stored record, the oldest first
	hour    *bucket    // the last of them, which further minutes are added to; nil before the first
	trimmed time.Time
	failing error // of the latest write; nil while all is well
	since   time.Time
	types   map[key]time.Time // those of which storage knows, with the hour; see types.go

	typesTrimmed time.Time
}

var _ symphony.Observer = (*Recorder)(nil)

// key tells series apart.
type key struct{ transport, typ string }

// bucket are the figures of a minute or an hour.
type bucket struct {
	kind, id string
	at       time.Time // when it begins
	began    int64     // the same as Unix time, for minutes
	series   map[key]*series
	events   int64 // grows with each change
	stored   int64 // the events of which storage has the record
	added    bool  // to the hour; for the writer
}

// series are the figures of one type of a transport.
type series struct {
	Counts
	run, wait durations
	errors    map[string]int64 // by class
	total     *total           // of the process; nil in buckets that were read or merged
}

// Retention is how long figures are kept.
func (r *Recorder) Retention() time.Duration { return r.o.Retention }

// MessagesDispatched counts messages that a dispatch has made.
func (r *Recorder) MessagesDispatched(envelopes []*symphony.Envelope, receipts []symphony.Receipt) {
	now := r.o.Clock.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.bucketLocked(now)
	var last *series
	var lastKey key
	for i, e := range envelopes {
		if i < len(receipts) && (receipts[i].Duplicate || receipts[i].Dropped) {
			continue
		}
		if k := (key{e.Transport, e.Type}); last == nil || k != lastKey {
			last, lastKey = r.seriesLocked(b, k), k
		}
		last.Dispatched++
		last.total.Dispatched++
		b.events++
	}
}

// AttemptsEnded counts attempts, and how long they and the wait before them took.
func (r *Recorder) AttemptsEnded(ended []symphony.EndedAttempt) {
	now := r.o.Clock.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.bucketLocked(now)
	var last *series
	var lastKey key
	for i := range ended {
		e := &ended[i]
		if k := (key{e.Transport, e.Type}); last == nil || k != lastKey {
			last, lastKey = r.seriesLocked(b, k), k
		}
		last.ended(e)
	}
	b.events += int64(len(ended))
}

func (s *series) ended(e *symphony.EndedAttempt) {
	st := &e.Settlement
	switch st.Outcome {
	case symphony.Ack:
		s.Succeeded++
		s.total.Succeeded++
	case symphony.Retry:
		s.Retried++
		s.total.Retried++
		s.failed(st.ErrorClass)
	case symphony.Fail:
		s.Dead++
		s.total.Dead++
		s.failed(st.ErrorClass)
		if !handlerRan(st.ErrorClass) {
			return
		}
	case symphony.Cancel:
		s.Cancelled++
		s.total.Cancelled++
		return
	default:
		s.Released++
		s.total.Released++
		return
	}
	took := st.FinishedAt.Sub(st.StartedAt)
	s.run.add(took)
	s.total.run.observe(runBounds, took)
	if e.Attempt == 1 && !e.CreatedAt.IsZero() {
		ready := e.CreatedAt
		if e.ScheduledAt.After(ready) {
			ready = e.ScheduledAt
		}
		waited := st.StartedAt.Sub(ready)
		s.wait.add(waited)
		s.total.wait.observe(waitBounds, waited)
	}
}

// handlerRan reports whether an attempt that failed for good had a handler run at all.
func handlerRan(class string) bool {
	switch class {
	case (*symphony.ExpiredError)(nil).ErrorClass(), symphony.LostClass, (&symphony.UsedUpError{}).ErrorClass():
		return false
	}
	return true
}

func (s *series) failed(class string) {
	if s.errors == nil {
		s.errors = make(map[string]int64)
	}
	countError(s.errors, class, 1)
}

// countError counts errors of a class, as Other where the map has too many.
func countError(errors map[string]int64, class string, n int64) {
	if _, known := errors[class]; !known && len(errors) >= MaxErrorClasses {
		class = Other
	}
	errors[class] += n
}

// bucketLocked returns the bucket of the minute that it is.
func (r *Recorder) bucketLocked(now time.Time) *bucket {
	if b := r.current; b != nil && b.began <= now.Unix() && now.Unix() < b.began+60 {
		return b
	}
	minute := now.UTC().Truncate(time.Minute)
	if b := r.current; b != nil {
		if minute.Before(b.at) {
			r.generation++ // whatever has been written about this minute stays as it is
		}
		r.endMinuteLocked()
	}
	r.current = &bucket{kind: minutesKind, id: minute.Format(minutesLayout) + "/" + r.writerLocked(), at: minute, began: minute.Unix(), series: make(map[key]*series)}
	return r.current
}

// writerLocked is the writer's id in the records of this generation.
func (r *Recorder) writerLocked() string {
	if r.generation == 0 {
		return r.writer
	}
	return fmt.Sprintf("%s.%d", r.writer, r.generation)
}

// endMinuteLocked has the current bucket be written for the last time. It is not changed any more.
func (r *Recorder) endMinuteLocked() {
	if b := r.current; b != nil && b.events > 0 {
		if r.ended = append(r.ended, b); len(r.ended) > maxEnded {
			r.ended = r.ended[1:]
		}
	}
	r.current = nil
}

// seriesLocked returns a series of a bucket, that of the type Other where there are too many.
func (r *Recorder) seriesLocked(b *bucket, k key) *series {
	if s := b.series[k]; s != nil {
		return s
	}
	if len(b.series) >= MaxSeries {
		k.typ = Other
		if s := b.series[k]; s != nil {
			return s
		}
	}
	s := &series{total: r.totalLocked(k)}
	b.series[k] = s
	return s
}

// merge adds the series of a bucket, as far as it has room to tell them apart.
func (b *bucket) merge(o *bucket) {
	for k, s := range o.series {
		into := b.series[k]
		if into == nil && len(b.series) >= MaxSeries {
			k.typ = Other
			into = b.series[k]
		}
		if into == nil {
			into = &series{}
			b.series[k] = into
		}
		into.merge(s)
	}
	b.events += o.events
}

func (s *series) merge(o *series) {
	s.add(o.Counts)
	s.run.merge(&o.run)
	s.wait.merge(&o.wait)
	for class, n := range o.errors {
		if s.errors == nil {
			s.errors = make(map[string]int64)
		}
		countError(s.errors, class, n)
	}
}

// copy is a bucket that does not change with b.
func (b *bucket) copy() *bucket {
	c := *b
	c.series = make(map[key]*series, len(b.series))
	for k, s := range b.series {
		c.series[k] = &series{Counts: s.Counts, run: s.run.copy(), wait: s.wait.copy(), errors: maps.Clone(s.errors)}
	}
	return &c
}

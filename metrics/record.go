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
	totals     map[totalKey]*total
	typeNames  map[key]bool // those told apart in totals
	queueNames map[key]bool

	writing sync.Mutex // held by a write, and taken before mu; guards what follows
	hours   []*bucket  // the hours of which a minute has ended that is not in the stored record, the oldest first
	hour    *bucket    // the last of them, which further minutes are added to; nil before the first
	trimmed time.Time
	failing error // of the latest write; nil while all is well
	since   time.Time
	types   map[key]knownType // those of which storage knows; see types.go

	typesTrimmed time.Time
}

var _ symphony.Observer = (*Recorder)(nil)

// bucket are the figures of a minute or an hour: of a minute that this process counts as cells, else as tables.
type bucket struct {
	kind, id string
	at       time.Time // when it begins
	began    int64     // the same as Unix time, for minutes
	cells    map[cellKey]*cell
	tables   tables // where there are no cells
	events   int64  // grows with each change
	stored   int64  // the events of which storage has the record
	added    bool   // to the hour; for the writer
}

// cellKey tells apart what is counted together.
type cellKey struct{ transport, queue, typ, worker string }

// cell are the figures of one type in one queue at one worker, none for what is dispatched. What it costs to count does
// not depend on by how many names figures are asked for: cells are added up by each when they are stored or read.
type cell struct {
	Counts
	ends  [ends]end
	total *total // of the process; nil in buckets that were copied
}

// end are the figures of attempts by what became of their messages.
type end struct {
	run, wait durations
	errors    map[string]int64 // by class
}

const (
	completed = iota
	pending   // another attempt follows
	failed
	ends
)

// Retention is how long figures are kept.
func (r *Recorder) Retention() time.Duration { return r.o.Retention }

// MessagesDispatched counts messages that a dispatch has made.
func (r *Recorder) MessagesDispatched(envelopes []*symphony.Envelope, receipts []symphony.Receipt) {
	now := r.o.Clock.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.bucketLocked(now)
	var last *cell
	var lastKey cellKey
	for i, e := range envelopes {
		if i < len(receipts) && (receipts[i].Duplicate || receipts[i].Dropped) {
			continue
		}
		if k := (cellKey{e.Transport, e.Queue, e.Type, ""}); last == nil || k != lastKey {
			last, lastKey = r.cellLocked(b, k), k
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
	var last *cell
	var lastKey cellKey
	for i := range ended {
		e := &ended[i]
		if k := (cellKey{e.Transport, e.Queue, e.Type, e.Worker}); last == nil || k != lastKey {
			last, lastKey = r.cellLocked(b, k), k
		}
		last.ended(e)
	}
	b.events += int64(len(ended))
}

func (c *cell) ended(e *symphony.EndedAttempt) {
	st := &e.Settlement
	became := &c.ends[completed]
	switch st.Outcome {
	case symphony.Ack:
		c.Succeeded++
		c.total.Succeeded++
	case symphony.Retry:
		c.Retried++
		c.total.Retried++
		became = &c.ends[pending]
		became.failed(st.ErrorClass)
	case symphony.Fail:
		c.Dead++
		c.total.Dead++
		became = &c.ends[failed]
		became.failed(st.ErrorClass)
		if !handlerRan(st.ErrorClass) {
			return
		}
	case symphony.Cancel:
		c.Cancelled++
		c.total.Cancelled++
		return
	default:
		c.Released++
		c.total.Released++
		return
	}
	took := st.FinishedAt.Sub(st.StartedAt)
	became.run.add(took)
	c.total.run.observe(runBounds, took)
	if e.Attempt == 1 && !e.CreatedAt.IsZero() {
		ready := e.CreatedAt
		if e.ScheduledAt.After(ready) {
			ready = e.ScheduledAt
		}
		waited := st.StartedAt.Sub(ready)
		became.wait.add(waited)
		c.total.wait.observe(waitBounds, waited)
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

func (e *end) failed(class string) {
	if e.errors == nil {
		e.errors = make(map[string]int64)
	}
	countError(e.errors, class, 1)
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
	r.current = &bucket{
		kind: minutesKind, id: minute.Format(minutesLayout) + "/" + r.writerLocked(), at: minute, began: minute.Unix(),
		cells: make(map[cellKey]*cell),
	}
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

// maxCells bounds the cells of a bucket. Beyond it workers, then queues, then types are told apart no more in what
// comes new, each with room for MaxSeries more cells.
const maxCells = 1000

// cellLocked returns a cell of a bucket.
func (r *Recorder) cellLocked(b *bucket, k cellKey) *cell {
	if c := b.cells[k]; c != nil {
		return c
	}
	for i, name := range []*string{&k.worker, &k.queue, &k.typ} {
		if len(b.cells) < maxCells+i*MaxSeries {
			break
		}
		if *name != "" {
			*name = Other
		}
		if c := b.cells[k]; c != nil {
			return c
		}
	}
	c := &cell{total: r.totalLocked(totalKey{k.transport, k.queue, k.typ})}
	b.cells[k] = c
	return c
}

// copy is a bucket that does not change with b.
func (b *bucket) copy() *bucket {
	c := *b
	c.cells = make(map[cellKey]*cell, len(b.cells))
	for k, of := range b.cells {
		copied := &cell{Counts: of.Counts}
		for i := range of.ends {
			e := &of.ends[i]
			copied.ends[i] = end{e.run.copy(), e.wait.copy(), maps.Clone(e.errors)}
		}
		c.cells[k] = copied
	}
	return &c
}

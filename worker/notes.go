package worker

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/symphony-messenger/symphony"
)

const (
	// notesEvery is the time between two calls that store what handlers tell while they are at work.
	notesEvery = 250 * time.Millisecond
	// maxNotes is the most attempts of one call.
	maxNotes = 500
	// notesTimeout bounds one call.
	notesTimeout = 5 * time.Second
)

// NoteObserver is told of what handlers tell of their messages, once it is stored. A symphony.Observer of the worker
// that is one, too, is told. It must return quickly, and must not keep or change its arguments.
type NoteObserver interface {
	MessagesNoted(transport string, notes []symphony.Note)
}

// notes gather what handlers tell of their messages, and store it for all of them together: a few times a second while
// any tells something, and what is left of an attempt before its result. What storage does not take is dropped but for
// the next try: it must not hold up results. Nothing here costs anything until the first handler tells something.
type notes struct {
	store symphony.MessageStore // nil: nowhere
	used  atomic.Bool           // since the first note

	mu      sync.Mutex
	pending map[symphony.Lease]*symphony.Note // what is not stored yet
	storing bool                              // a goroutine stores what is pending
	flying  map[symphony.Lease]bool           // those of whom it stores something now
	writers sync.WaitGroup

	// call is held while the goroutine stores; it is taken before mu.
	call sync.Mutex
}

// told takes what a handler tells. It is called by handlers, concurrently.
func (r *run) told(n symphony.Note) {
	if r.notes.store == nil {
		return
	}
	t := &r.notes
	t.used.Store(true)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pending == nil {
		t.pending = make(map[symphony.Lease]*symphony.Note)
	}
	known := t.pending[n.Lease]
	if known == nil {
		known = &symphony.Note{Lease: n.Lease}
		t.pending[n.Lease] = known
	}
	if n.Progress != nil {
		known.Progress = n.Progress
	}
	if len(n.Log) > 0 {
		known.Log = symphony.AppendLog(known.Log, n.Log...)
	}
	known.KeepLog = n.KeepLog
	if !t.storing {
		t.storing = true
		t.writers.Go(r.storeNotes)
	}
}

// storeNotes stores what is pending every now and then, until nothing is.
func (r *run) storeNotes() {
	t := &r.notes
	for {
		timer := r.o.Clock.NewTimer(notesEvery)
		select {
		case <-timer.C():
		case <-r.handled:
		}
		timer.Stop()
		t.call.Lock()
		t.mu.Lock()
		list := make([]symphony.Note, 0, min(len(t.pending), maxNotes))
		t.flying = make(map[symphony.Lease]bool, cap(list))
		for lease, n := range t.pending {
			if len(list) == maxNotes {
				break
			}
			list = append(list, *n)
			t.flying[lease] = true
			delete(t.pending, lease)
		}
		t.storing = len(list) > 0
		t.mu.Unlock()
		if len(list) > 0 {
			r.putNotes(list)
		}
		t.call.Unlock()
		if len(list) == 0 {
			return
		}
	}
}

// putNotes stores some notes. Those of messages that are in other hands by now are nobody's.
func (r *run) putNotes(list []symphony.Note) {
	ctx, cancel := context.WithTimeout(r.base, notesTimeout)
	defer cancel()
	errs := r.notes.store.NoteMessages(ctx, list)
	stored := list
	if errs != nil {
		stored = make([]symphony.Note, 0, len(list))
	}
	for i, err := range errs {
		if err != nil {
			r.log.Debug("what a handler told is dropped", "message_id", list[i].Lease.MessageID, "error", err)
			continue
		}
		stored = append(stored, list[i])
	}
	for _, o := range symphony.ObserversAs[NoteObserver](r.o.Observer) {
		o.MessagesNoted(r.transport.Name(), stored)
	}
}

// lastNotes stores what is left of attempts whose results are stored next: after that nobody could tell anything more.
// Of one that succeeded the log is of no use unless it is kept.
func (r *run) lastNotes(part []result) {
	t := &r.notes
	if !t.used.Load() {
		return
	}
	var list []symphony.Note
	t.mu.Lock()
	for i := range part {
		if t.flying[part[i].Lease] {
			t.mu.Unlock()
			t.call.Lock() // until that is stored
			defer t.call.Unlock()
			t.mu.Lock()
			break
		}
	}
	for i := range part {
		n := t.pending[part[i].Lease]
		if n == nil {
			continue
		}
		delete(t.pending, part[i].Lease)
		if part[i].Outcome == symphony.Ack && !n.KeepLog {
			n.Log = nil
		}
		if n.Progress != nil || len(n.Log) > 0 {
			list = append(list, *n)
		}
	}
	t.mu.Unlock()
	if len(list) > 0 {
		r.putNotes(list)
	}
}

// forgetNotes drops what was told of a message that is in other hands.
func (r *run) forgetNotes(lease symphony.Lease) {
	if t := &r.notes; t.used.Load() {
		t.mu.Lock()
		delete(t.pending, lease)
		t.mu.Unlock()
	}
}

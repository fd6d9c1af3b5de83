package operation

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

// Run works on operations until ctx ends; then it lets go of those in hand, so that another process can carry on at
// once, and returns nil. Any number of processes may run one on a storage.
//
// It looks for operations that nobody works on when one is started or resumed here, every Poll while any runs, and
// every Lease otherwise: those that were started elsewhere are worked on there, as long as that process lives. Storage
// that fails is waited for. The error is symphony.ErrClosed if a storage was closed underneath.
func (o *Operations) Run(ctx context.Context) error {
	var (
		working sync.WaitGroup
		watched = make(map[string]sighting)
		failing bool
	)
	defer working.Wait()
	o.sweep(ctx)
	for ctx.Err() == nil {
		wait := o.o.Lease
		busy, err := o.round(ctx, watched, &working)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, symphony.ErrClosed):
			return err
		case err != nil && !failing:
			o.o.Logger.Error("operations cannot be looked for; trying again", "error", err)
		case err == nil && failing:
			o.o.Logger.Info("operations are looked for again")
		}
		failing = err != nil
		if busy || failing {
			wait = o.o.Poll
		}
		o.pause(ctx, wait, o.wake)
	}
	return nil
}

// RunWaiting works on the operations that nobody else works on until they have ended or ctx ends; then it lets go of
// those in hand and returns. It is for a process that does not go on between calls and has no Run, and it may be called
// beside one. Errors are the storage's.
func (o *Operations) RunWaiting(ctx context.Context) error {
	o.sweep(ctx)
	watched := make(map[string]sighting)
	for ctx.Err() == nil {
		var working sync.WaitGroup
		before := o.taken()
		_, err := o.round(ctx, watched, &working)
		working.Wait()
		if ctx.Err() == nil && (err != nil || o.taken() == before) {
			return err
		}
	}
	return nil
}

func (o *Operations) taken() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.took
}

// pause waits for a time, the end of ctx, or a wake-up.
func (o *Operations) pause(ctx context.Context, d time.Duration, wake <-chan struct{}) {
	timer := o.o.Clock.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C():
	case <-wake:
	case <-ctx.Done():
	}
}

// sighting is which state of an operation was seen first, and when.
type sighting struct {
	version int64
	at      time.Duration // by what has elapsed
}

// round takes on what nobody works on, and forgets what ended long ago. busy says that something runs, here or
// elsewhere.
func (o *Operations) round(ctx context.Context, watched map[string]sighting, working *sync.WaitGroup) (busy bool, err error) {
	for _, h := range o.homes {
		list, err := h.all(ctx)
		if err != nil {
			return busy, err
		}
		finished := 0
		for i := len(list) - 1; i >= 0; i-- { // the newest first, so that the oldest are too many
			k, now, passed := list[i], h.clock.Now(), symphony.Elapsed(o.o.Clock)
			if k.op.DecodeErr != nil {
				continue // of a release to come, perhaps
			}
			if k.op.State != Running {
				delete(watched, k.op.ID)
				if finished++; finished > maxFinished || now.Sub(k.op.FinishedAt) > o.o.Retention {
					o.forget(ctx, k)
				}
				continue
			}
			if _, err := o.home(k.op.Transport); err != nil {
				continue // of a process that is configured otherwise
			}
			busy = true
			seen := watched[k.op.ID]
			if seen.version != k.op.Version {
				seen = sighting{k.op.Version, passed}
				watched[k.op.ID] = seen
			}
			if k.op.Owner == "" || k.op.LeasedUntil.Before(now) || passed-seen.at > o.o.Lease {
				if err := o.take(ctx, k, working); err != nil {
					return busy, err
				}
			}
		}
	}
	return busy, nil
}

// take takes on an operation, unless this process has enough to do or another is faster.
func (o *Operations) take(ctx context.Context, k kept, working *sync.WaitGroup) error {
	o.mu.Lock()
	free := !o.mine[k.op.ID] && len(o.mine) < concurrency
	if free {
		o.mine[k.op.ID] = true
	}
	o.mu.Unlock()
	if !free {
		return nil
	}
	before := k.op.Node
	w := &work{Operations: o, home: k.home, turn: make(chan struct{}, 1), op: k.op, raw: k.raw}
	err := w.change(ctx, func(op *Operation) {
		op.Owner, op.Node = o.id, o.o.Node
		if op.StartedAt.IsZero() {
			op.StartedAt = w.clock.Now().UTC()
		}
	})
	if err != nil {
		o.drop(k.op.ID)
		if errors.Is(err, errLost) {
			return nil
		}
		return err
	}
	if k.op.Owner != "" {
		o.o.Logger.Warn("an operation is carried on whose process is gone", "operation", k.op.ID, "kind", string(k.op.Kind), "node", before)
	}
	o.mu.Lock()
	o.took++
	o.mu.Unlock()
	working.Go(func() {
		w.run(ctx)
		o.drop(k.op.ID)
		o.look() // there may be others
	})
	return nil
}

func (o *Operations) drop(id string) {
	o.mu.Lock()
	delete(o.mine, id)
	o.mu.Unlock()
}

// forget deletes an operation that has ended. One that was resumed meanwhile stays.
func (o *Operations) forget(ctx context.Context, k kept) {
	err := k.records.SwapRecord(ctx, recordKind, k.op.ID, k.raw, nil)
	if err == nil && k.op.Selected+k.op.Ahead > 0 {
		err = storage.Delete(ctx, k.records, idsKind, k.op.ID)
	}
	if err != nil && !errors.Is(err, symphony.ErrConflict) && !errors.Is(err, symphony.ErrNotFound) {
		o.o.Logger.Warn("an operation that has ended cannot be forgotten", "operation", k.op.ID, "error", err)
	}
}

// sweep deletes ids whose operation is not there, because the process that asked for it died in between.
func (o *Operations) sweep(ctx context.Context) {
	for _, h := range o.homes {
		old := symphony.NewID(h.clock.Now().Add(-time.Hour)) // those of younger ones may be about to get theirs
		for from := ""; ctx.Err() == nil; {
			list, err := h.records.RangeRecords(ctx, idsKind, from, old, 1)
			if err != nil || len(list) == 0 {
				break
			}
			id := list[0].ID
			if _, err := storage.Get(ctx, h.records, recordKind, id); errors.Is(err, symphony.ErrNotFound) {
				if err := storage.Delete(ctx, h.records, idsKind, id); err != nil {
					o.o.Logger.Warn("ids of an operation that is not there cannot be deleted", "operation", id, "error", fmt.Errorf("operation: %w", err))
				}
			}
			from = id + "\x00"
		}
	}
}

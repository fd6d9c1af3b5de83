package symphony

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

// Defaults of BatchOptions.
const (
	DefaultBatchSize = 100
	MaxBatchSize     = 10_000
	DefaultBatchWait = time.Second
	DefaultBatchIdle = 20 * time.Millisecond
)

// BatchOptions are the optional settings of a batch handler.
type BatchOptions struct {
	// Name and Timeout work as in HandlerOptions. The time spent gathering counts towards the timeout.
	Name    string
	Timeout time.Duration
	// Size is the maximum number of messages in a batch, 1 to MaxBatchSize, default DefaultBatchSize. A worker can
	// gather only as many messages as it handles concurrently, so its concurrency should be at least Size.
	Size int
	// Wait is how long the first message of a batch waits for others, default DefaultBatchWait. Idle ends the wait
	// earlier when no message has arrived for that long, default DefaultBatchIdle. A worker that is stopping does not
	// wait.
	Wait time.Duration
	Idle time.Duration
}

// HandleBatch registers a handler that takes several messages at a time. The handler returns one error per message, in
// the order given, or nil if all succeeded; each message is acked, retried or failed according to its own error.
// Messages stay leased while a batch is gathered and handled; a message whose lease is lost before the batch begins is
// left out. If the handler panics, or returns the wrong number of errors, the attempt fails for every message. The
// context ends when every message has timed out or lost its lease, or when the worker is interrupted; OfBatch returns
// that of one of the messages. Like Handle, HandleBatch panics on programming mistakes.
func (m *Mux) HandleBatch(pattern string, o BatchOptions, f func(ctx context.Context, batch []*Delivery) []error) {
	if f == nil {
		panic("symphony: nil handler for " + pattern)
	}
	if o.Size < 0 || o.Size > MaxBatchSize || o.Wait < 0 || o.Idle < 0 {
		panic(fmt.Sprintf("symphony: batch handler for %s: size must be 1 to %d, times not negative", pattern, MaxBatchSize))
	}
	if o.Size == 0 {
		o.Size = DefaultBatchSize
	}
	if o.Wait == 0 {
		o.Wait = DefaultBatchWait
	}
	if o.Idle == 0 {
		o.Idle = DefaultBatchIdle
	}
	m.Handle(pattern, &batcher{o: o, handle: f}, HandlerOptions{Name: o.Name, Timeout: o.Timeout})
}

// HandleBatchOf is HandleBatch with payloads decoded into T. A message whose payload does not decode fails alone, as
// undecodable.
func HandleBatchOf[T any](m *Mux, pattern string, o BatchOptions, f func(ctx context.Context, batch []T) []error) {
	if f == nil {
		panic("symphony: nil handler for " + pattern)
	}
	m.HandleBatch(pattern, o, func(ctx context.Context, batch []*Delivery) []error {
		errs := make([]error, len(batch))
		var (
			values []T
			places []int
		)
		for i, d := range batch {
			var v T
			if err := json.Unmarshal(d.Payload, &v); err != nil {
				errs[i] = &DecodeError{err}
				continue
			}
			values, places = append(values, v), append(places, i)
		}
		if len(values) == 0 {
			return errs
		}
		results := f(someOfBatch(ctx, places), values)
		if results != nil && len(results) != len(values) {
			return results // is told as the mistake it is
		}
		for i, err := range results {
			errs[places[i]] = err
		}
		return errs
	})
}

// OfBatch returns the context of the i-th message of the batch whose handler ctx is, in the order in which the handler
// has them. With it SetOutput, Progress, Log, Logger and DeliveryFrom are about that message; and it ends when that
// message has timed out, has lost its lease or is cancelled. It has no values that were added to ctx.
//
// Outside of a batch handler it returns ctx. It panics where the batch has no such message.
func OfBatch(ctx context.Context, i int) context.Context {
	h, _ := ctx.Value(handlingKey{}).(*handling)
	if h == nil || h.members == nil {
		return ctx
	}
	return h.members[i]
}

// someOfBatch is the context of a batch handler that has only the messages of some places.
func someOfBatch(ctx context.Context, places []int) context.Context {
	h, _ := ctx.Value(handlingKey{}).(*handling)
	if h == nil || len(places) == len(h.members) {
		return ctx
	}
	some := &handling{Context: ctx, pattern: h.pattern, entry: h.entry, mux: h.mux}
	for _, i := range places {
		some.members = append(some.members, h.members[i])
	}
	return some
}

// batcher is a Handler that collects messages into batches.
type batcher struct {
	o      BatchOptions
	handle func(context.Context, []*Delivery) []error

	mu  sync.Mutex
	now *batch // that gathers; nil for none
}

// batch is a group of messages that are handled together.
type batch struct {
	members []*member
	wait    *time.Timer
	idle    *time.Timer
}

// member is one message of a batch.
type member struct {
	ctx    context.Context
	d      *Delivery
	result chan error // has room for one
}

// Handle adds the message to a batch and waits for its result.
func (b *batcher) Handle(ctx context.Context, d *Delivery) error {
	mb := &member{ctx: ctx, d: d, result: make(chan error, 1)}
	b.join(mb)
	select {
	case err := <-mb.result:
		return err
	case <-ctx.Done():
	}
	if b.quit(mb) {
		return context.Cause(ctx) // it never began
	}
	return <-mb.result // the batch's context ends as well, so this does not last
}

func (b *batcher) join(mb *member) {
	b.mu.Lock()
	defer b.mu.Unlock()
	bt := b.now
	if bt == nil {
		bt = &batch{}
		b.now = bt
		bt.wait = time.AfterFunc(b.o.Wait, func() { b.flush(bt) })
		bt.idle = time.AfterFunc(b.o.Idle, func() { b.flush(bt) })
	}
	bt.members = append(bt.members, mb)
	if len(bt.members) == b.o.Size {
		b.beginLocked(bt)
		return
	}
	bt.idle.Reset(b.o.Idle)
}

// quit removes a message from a batch that has not begun.
func (b *batcher) quit(mb *member) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.now == nil {
		return false
	}
	for i, other := range b.now.members {
		if other == mb {
			b.now.members = append(b.now.members[:i:i], b.now.members[i+1:]...)
			return true
		}
	}
	return false
}

// flush begins a batch that is still gathering.
func (b *batcher) flush(bt *batch) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.now == bt {
		b.beginLocked(bt)
	}
}

func (b *batcher) beginLocked(bt *batch) {
	b.now = nil
	bt.wait.Stop()
	bt.idle.Stop()
	if len(bt.members) > 0 {
		go b.run(bt.members)
	}
}

// run handles a batch and reports the results to its members.
func (b *batcher) run(members []*member) {
	// The context carries the values of the first message, but it ends only when the contexts of all messages have.
	of := &handling{Context: context.WithoutCancel(members[0].ctx), entry: &entry{}}
	if h, _ := members[0].ctx.Value(handlingKey{}).(*handling); h != nil {
		of.pattern, of.entry, of.mux = h.pattern, h.entry, h.mux
	}
	ctx, cancel := context.WithCancelCause(of)
	defer cancel(nil)
	var left sync.WaitGroup
	done := make(chan struct{})
	for _, mb := range members {
		left.Go(func() {
			select {
			case <-mb.ctx.Done():
				if cause := context.Cause(mb.ctx); errors.Is(cause, ErrInterrupted) {
					cancel(cause)
				}
			case <-done:
			}
		})
	}
	go func() {
		left.Wait()
		cancel(context.Cause(members[0].ctx))
	}()
	deliveries := make([]*Delivery, len(members))
	for i, mb := range members {
		deliveries[i] = mb.d
		of.members = append(of.members, mb.ctx)
	}
	errs := b.call(ctx, deliveries)
	close(done)
	for i, mb := range members {
		if errs == nil {
			mb.result <- nil
		} else {
			mb.result <- errs[i]
		}
	}
}

// call returns nil, or one error per message.
func (b *batcher) call(ctx context.Context, deliveries []*Delivery) (errs []error) {
	all := func(err error) []error {
		list := make([]error, len(deliveries))
		for i := range list {
			list[i] = err
		}
		return list
	}
	ended := false
	defer func() {
		if v := recover(); v != nil {
			errs = all(&PanicError{Value: v, Stack: debug.Stack()})
		} else if !ended {
			errs = all(errors.New("the batch handler ended its goroutine"))
		}
	}()
	errs = b.handle(ctx, deliveries)
	ended = true
	if errs != nil && len(errs) != len(deliveries) {
		return all(fmt.Errorf("the batch handler returned %d results for %d messages", len(errs), len(deliveries)))
	}
	return errs
}

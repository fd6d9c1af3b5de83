package worker

import (
	"slices"
	"time"

	"github.com/symphony-messenger/symphony"
)

// item is a message in hand. Each is a value of its own, so that a long handler keeps alive its own message only and
// not all that were claimed with it.
type item struct {
	symphony.Delivery
	size int
	// By what has elapsed on the worker's clock, which setting the machine's does not move:
	arrived time.Duration
	until   time.Duration // when the lease ends unless extended
	slot    *slot         // where it is at work; nil before
	// bulkhead has the places of its handlers; nil where they may have all.
	bulkhead *bulkhead
	gone     bool // out of hand: it has a result, or has lost its lease
	// cancelled says that the message was cancelled: its lease is not extended any more.
	cancelled bool
}

// buffer holds the messages that were claimed and have not started, in the order of their claims.
type buffer struct {
	items []*item // from head on
	head  int
	bytes int
}

func (b *buffer) len() int { return len(b.items) - b.head }

// all returns the messages. The slice is valid until the next change.
func (b *buffer) all() []*item { return b.items[b.head:] }

// push appends messages.
func (b *buffer) push(items []*item) {
	if b.head > 0 { // what has left makes room, so that the slice does not creep through memory
		n := copy(b.items, b.all())
		clear(b.items[n:])
		b.items, b.head = b.items[:n], 0
	}
	b.items = append(b.items, items...)
	for _, it := range items {
		b.bytes += it.size
	}
}

// unshift puts a message before all others.
func (b *buffer) unshift(it *item) {
	if b.head == 0 {
		b.items = slices.Insert(b.items, 0, it)
	} else {
		b.head--
		b.items[b.head] = it
	}
	b.bytes += it.size
}

// pop takes the first message. There must be one.
func (b *buffer) pop() *item {
	it := b.items[b.head]
	b.items[b.head] = nil
	b.head++
	b.bytes -= it.size
	return it
}

// take takes all messages.
func (b *buffer) take() []*item {
	all := b.all()
	*b = buffer{}
	return all
}

// dropGone removes the messages that are out of hand.
func (b *buffer) dropGone() {
	all := b.take()
	kept := all[:0]
	for _, it := range all {
		if !it.gone {
			kept = append(kept, it)
		}
	}
	clear(all[len(kept):])
	b.push(kept)
}

package storage

import (
	"context"
	"fmt"
	"slices"

	"github.com/symphony-messenger/symphony"
)

// Live are messages that have not ended.
type Live struct {
	Pending, Processing int64 // that wait, and that are in hand
}

// TypeCounts are how many messages that have not ended each type has.
type TypeCounts struct {
	Types map[string]Live // without types that have none
	// MorePending and MoreProcessing say that there are more such messages than were looked at: then what is counted
	// of each type is the least that it has.
	MorePending, MoreProcessing bool
}

// Types counts messages by their types. It is optional: no storage keeps counters of types, so it looks at messages,
// and at no more than it is told.
type Types interface {
	// CountTypes counts the messages of some transports, which have the same Capabilities.Storage, that wait and that
	// are in hand. It looks at no more than most of each, so that many that wait hide none in hand. Where more wait,
	// lanes are looked at as Share says. The answer is of one moment.
	CountTypes(ctx context.Context, transports []string, most int) (TypeCounts, error)
}

// CountTypes adds up what the storages of some transports count, each asked once. Transports that do not count are left
// out; the error is symphony.ErrUnsupported where none does.
func CountTypes(ctx context.Context, transports []symphony.Transport, most int) (TypeCounts, error) {
	type part struct {
		storage any
		names   []string
		counts  Types
	}
	var parts []*part
	for _, t := range transports {
		counts, err := Part[Types](t, t.Capabilities().Messages, "")
		if err != nil {
			continue
		}
		storage := t.Capabilities().Storage
		i := slices.IndexFunc(parts, func(p *part) bool { return storage != nil && p.storage == storage })
		if i < 0 {
			i, parts = len(parts), append(parts, &part{storage: storage, counts: counts})
		}
		parts[i].names = append(parts[i].names, t.Name())
	}
	if len(parts) == 0 {
		return TypeCounts{}, fmt.Errorf("no transport counts its messages by type: %w", symphony.ErrUnsupported)
	}
	sum := TypeCounts{Types: make(map[string]Live)}
	for _, p := range parts {
		n, err := p.counts.CountTypes(ctx, p.names, most)
		if err != nil {
			return TypeCounts{}, err
		}
		for typ, live := range n.Types {
			sum.Add(typ, live)
		}
		sum.MorePending = sum.MorePending || n.MorePending
		sum.MoreProcessing = sum.MoreProcessing || n.MoreProcessing
	}
	return sum, nil
}

// Add adds messages of a type.
func (c *TypeCounts) Add(typ string, n Live) {
	if n == (Live{}) {
		return
	}
	of := c.Types[typ]
	c.Types[typ] = Live{of.Pending + n.Pending, of.Processing + n.Processing}
}

// Share is how many messages of each lane are looked at where lanes have so many and most may be: all of the smaller
// ones, and of the others as many of each.
func Share(waiting []int64, most int) int64 {
	waiting = slices.Sorted(slices.Values(waiting))
	share, left := int64(0), int64(most)
	for i, n := range waiting {
		// It grows while lanes have less than their part, and leave the rest to the larger ones.
		share = max(share, left/int64(len(waiting)-i))
		left -= n
	}
	return share
}

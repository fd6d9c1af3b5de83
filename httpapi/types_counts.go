package httpapi

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/storage"
)

// typeCounts are the counts by type that requests share: however many look on, storages count once in
// wire.TypeCountsFor. The zero value is ready for use, by several at once.
type typeCounts struct {
	mu sync.Mutex
	of map[string]*typeCount // by transport, empty for all
}

type typeCount struct {
	turn   chan struct{} // who counts, and sets what follows, has put something in
	known  bool
	at     time.Duration // elapsed
	counts storage.TypeCounts
}

// get counts, or returns what was counted a moment ago.
func (c *typeCounts) get(
	ctx context.Context, clock symphony.Clock, transport string, count func() (storage.TypeCounts, error),
) (storage.TypeCounts, error) {
	c.mu.Lock()
	if c.of == nil {
		c.of = make(map[string]*typeCount)
	}
	if c.of[transport] == nil { // of as many as are configured
		c.of[transport] = &typeCount{turn: make(chan struct{}, 1)}
	}
	shared := c.of[transport]
	c.mu.Unlock()
	select {
	case shared.turn <- struct{}{}:
		defer func() { <-shared.turn }()
	case <-ctx.Done():
		return storage.TypeCounts{}, ctx.Err()
	}
	if now := symphony.Elapsed(clock); !shared.known || now-shared.at >= wire.TypeCountsFor {
		counts, err := count()
		if err != nil {
			return counts, err
		}
		shared.known, shared.at, shared.counts = true, now, counts
	}
	return shared.counts, nil
}

// countTypes counts the messages of a transport by type, or of all where it is empty; nil where none is stored.
func (c *call) countTypes(s *steering, transport string) (*storage.TypeCounts, error) {
	counts, err := c.api.typeCounts.get(c.Context(), c.api.o.Clock, transport, func() (storage.TypeCounts, error) {
		list := make([]symphony.Transport, len(s.transports))
		for i, name := range s.transports {
			var err error
			if list[i], err = c.api.o.Bus.Transport(name); err != nil {
				return storage.TypeCounts{}, err
			}
		}
		return storage.CountTypes(c.Context(), list, symphony.MaxCounted)
	})
	switch {
	case errors.Is(err, symphony.ErrUnsupported):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return &counts, nil
}

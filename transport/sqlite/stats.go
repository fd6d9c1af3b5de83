package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/internal/asks"
	"zombiezen.com/go/sqlite"
)

// Stats reads counts that are kept as messages move, and the age of the oldest from the head of each lane's index.
func (t *Transport) Stats(ctx context.Context) (symphony.Stats, error) {
	if err := ctx.Err(); err != nil {
		return symphony.Stats{}, err
	}
	// Whoever asks how the storage does, asks by this; an idle one writes nothing in which it would show.
	if err := t.standing(); err != nil {
		return symphony.Stats{}, err
	}
	if t.due() {
		if err := t.do(ctx, &houseOp{}); err != nil {
			return symphony.Stats{}, err
		}
	}
	stats, lanes := t.stats(t.name)
	now := t.now()
	for name, q := range stats.Queues {
		asked := func(pushed bool) time.Time {
			return t.shown(max(t.asks.Last(asks.Queue{Transport: t.name, Name: name, Pushed: pushed}, now), t.begun))
		}
		q.UnaskedSince, q.UnpushedSince = asked(false), asked(true)
		stats.Queues[name] = q
	}
	err := t.read(ctx, "read", func(r *reader) error {
		for _, l := range lanes {
			q := stats.Queues[l.queue]
			oldest, err := r.oldest(l.id)
			if err != nil {
				return err
			}
			q.OldestPendingAge = max(q.OldestPendingAge, time.Duration(max(now-oldest, 0))*time.Microsecond)
			stats.Queues[l.queue] = q
			stats.OldestPendingAge = max(stats.OldestPendingAge, q.OldestPendingAge)
		}
		return r.countFailed(t.store, t.name, &stats)
	})
	if err != nil {
		return symphony.Stats{}, fmt.Errorf("stats: %w", err)
	}
	return stats, nil
}

// oldest returns the time since which the first message of a lane is available, over all ranks: one look into the
// index for each rank that has messages.
func (r *reader) oldest(lane int64) (int64, error) {
	oldest := int64(never)
	for rank := int64(0); rank < symphony.MaxPriority; rank++ {
		found := false
		err := r.query("SELECT rank, available_at FROM messenger_ready WHERE lane=? AND rank>=? ORDER BY lane, rank, available_at LIMIT 1", func(s *sqlite.Stmt) bool {
			rank, found = s.ColumnInt64(0), true
			oldest = min(oldest, s.ColumnInt64(1))
			return true
		}, lane, rank)
		if err != nil || !found {
			return oldest, err
		}
	}
	return oldest, nil
}

package sqlite

import (
	"context"

	"github.com/symphony-messenger/symphony/storage"
	"zombiezen.com/go/sqlite"
)

// CountTypes counts messages that wait and that are in hand by type. What waits is read by the rows by which it waits:
// the messages' table has completed ones, too.
func (t *Transport) CountTypes(
	ctx context.Context, transports []string, most int,
) (counts storage.TypeCounts, err error) {
	counts.Types = make(map[string]storage.Live)
	err = t.view(ctx, t.searchers, "count types in", func(v *view) error {
		if err := v.typesInHand(&counts, most); err != nil {
			return err
		}
		return v.typesWaiting(&counts, most)
	}, transports...)
	return counts, err
}

// typesInHand counts what leases list, and is neither completed nor cancelled.
func (v *view) typesInHand(counts *storage.TypeCounts, most int) error {
	looked := 0
	for seq := range v.claims {
		if counts.MoreProcessing = looked == most; counts.MoreProcessing {
			return nil
		}
		looked++
		err := v.query(`SELECT lane, type FROM messenger_messages m WHERE seq=?
			AND NOT EXISTS (SELECT 1 FROM messenger_completed c WHERE c.seq=m.seq)
			AND NOT EXISTS (SELECT 1 FROM messenger_cancelled c WHERE c.seq=m.seq)`, func(s *sqlite.Stmt) bool {
			if v.lanes[s.ColumnInt64(0)] != nil {
				counts.Add(v.intern(s, 1), storage.Live{Processing: 1})
			}
			return false
		}, seq)
		if err != nil {
			return err
		}
	}
	return nil
}

// typesWaiting counts the ready messages of each lane, and then those before gates.
func (v *view) typesWaiting(counts *storage.TypeCounts, most int) error {
	var (
		waiting []int64
		all     int64
		counted int64
	)
	for _, l := range v.lanes {
		waiting = append(waiting, l.pending)
		all += l.pending
	}
	add := func(typ string, n int64) {
		counts.Add(typ, storage.Live{Pending: n})
		counted += n
	}
	share := storage.Share(waiting, most)
	for id, l := range v.lanes {
		if l.pending == 0 {
			continue
		}
		err := v.query(`SELECT type, count(*) FROM (SELECT seq FROM messenger_ready WHERE lane=? LIMIT +?) r
			CROSS JOIN messenger_messages m ON m.seq=r.seq GROUP BY type`, func(s *sqlite.Stmt) bool {
			add(v.intern(s, 0), s.ColumnInt64(1))
			return true
		}, id, share)
		if err != nil {
			return err
		}
	}
	if left := int64(most) - counted; counted < all && left > 0 {
		err := v.query(`SELECT r.lane, type, count(*) FROM (SELECT seq, lane FROM messenger_parked LIMIT +?) r
			CROSS JOIN messenger_messages m ON m.seq=r.seq GROUP BY r.lane, type`, func(s *sqlite.Stmt) bool {
			if v.lanes[s.ColumnInt64(0)] != nil {
				add(v.intern(s, 1), s.ColumnInt64(2))
			}
			return true
		}, left)
		if err != nil {
			return err
		}
	}
	counts.MorePending = counted < all
	return nil
}

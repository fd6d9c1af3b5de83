package sqlite

import (
	"context"

	"github.com/symphony-messenger/symphony"
	"zombiezen.com/go/sqlite"
)

// noteRetry keeps, for those who ask for a failed message that is gone, which one took its place.
func (w *writer) noteRetry(message string, move *symphony.FailedMove) error {
	for _, id := range []string{message, move.ID} {
		err := w.exec("INSERT OR REPLACE INTO messenger_retried (id, new_id, retried_at) VALUES (?, ?, ?)", id,
			move.NewID, w.wall)
		if err != nil {
			return err
		}
	}
	return nil
}

// retriedAs adds to a page without the message that was asked for which one took its place.
func (t *Transport) retriedAs(ctx context.Context, page *symphony.MessagePage, id string) error {
	if len(page.Messages) > 0 {
		return nil
	}
	return t.read(ctx, "look for the retry of a message in", func(r *reader) error {
		return r.query("SELECT new_id FROM messenger_retried WHERE id=?", func(s *sqlite.Stmt) bool {
			page.RetriedAs = s.ColumnText(0)
			return false
		}, id)
	})
}

type purgeRetriedOp struct {
	before  int64
	deleted int
}

func (o *purgeRetriedOp) rows() int { return purgeRows }

func (o *purgeRetriedOp) apply(w *writer) error {
	err := w.exec(`DELETE FROM messenger_retried WHERE id IN
		(SELECT id FROM messenger_retried WHERE retried_at<=? ORDER BY retried_at LIMIT ?)`, o.before, purgeRows)
	o.deleted = w.conn.Changes()
	return err
}

// purgeRetried deletes notes that were kept long enough.
func (s *store) purgeRetried(ctx context.Context) error {
	for {
		o := &purgeRetriedOp{before: micros(s.clock.Now().Add(-symphony.RetriedFor))}
		if err := s.do(ctx, o); err != nil || o.deleted < purgeRows {
			return err
		}
	}
}

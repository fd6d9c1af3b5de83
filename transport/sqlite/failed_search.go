package sqlite

import (
	"context"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
	"zombiezen.com/go/sqlite"
)

// A search for a text, or for what is in JSON, must look at each message: at payloads, which may be large and many. It
// does so on the connections for searches, a part at a time: between two parts others have their turn, and the
// write-ahead log can be taken over.
const (
	failedPartRows  = 5000
	failedPartBytes = 32 << 20
)

// failedWalk is a way through the dead letter queue.
type failedWalk struct {
	*symphony.MessageQuery
	after string // behind this id; empty: from the first
	scan  int    // the most messages to look at, 0: all
}

// walkFailed calls visit with the ids of failed messages that match, until it returns false. It returns the id of the
// last message that was looked at, empty where that was the last there is.
func (t *Transport) walkFailed(ctx context.Context, w failedWalk, visit func(id string) bool) (next string, err error) {
	where, args := t.where(w.MessageQuery)
	of, names := t.transportsOf(w.MessageQuery)
	rare, f := "", &filter{MessageFilter: &w.MessageFilter}
	if w.Rare() {
		rare = ", message_id" + rareColumns
	}
	order := " AND id<? ORDER BY id DESC"
	if next = w.after; next == "" {
		next = "g" // behind all ids
	}
	if w.Oldest {
		order, next = " AND id>? ORDER BY id", w.after
	}
	for looked, more := 0, true; more; {
		more = false
		rows, bytes := 0, int64(0)
		stopped := false
		err := t.readOn(ctx, t.searchers, "search failed messages in", func(r *reader) error {
			return r.query("SELECT id, "+where+", octet_length(payload)"+rare+" FROM messenger_failed_messages WHERE "+of+order, func(s *sqlite.Stmt) bool {
				next = s.ColumnText(0)
				rows++
				bytes += s.ColumnInt64(2)
				if s.ColumnInt(1) != 0 && (rare == "" || f.carries(s, 3)) && !visit(next) {
					stopped = true
					return false
				}
				more = rows < failedPartRows && bytes < failedPartBytes
				if w.scan > 0 && looked+rows >= w.scan {
					stopped = true
					return false
				}
				return more
			}, append(append(append([]any{}, args...), names...), next)...)
		})
		if err != nil || stopped {
			return next, err
		}
		looked += rows
		more = rows == failedPartRows || bytes >= failedPartBytes
	}
	return "", nil
}

// searchFailed is listFailed for a text.
func (t *Transport) searchFailed(ctx context.Context, q *symphony.MessageQuery) (page symphony.MessagePage, err error) {
	var ids []string
	skip := q.Offset
	if q.After != "" {
		skip = 0
	}
	found, more := int64(0), false
	walk := failedWalk{MessageQuery: q}
	if !q.Total {
		walk.after, walk.scan = q.After, q.Scan
	}
	next, err := t.walkFailed(ctx, walk, func(id string) bool {
		found++
		switch {
		case q.After != "" && (q.Oldest && id <= q.After || !q.Oldest && id >= q.After):
		case skip > 0:
			skip--
		case len(ids) < q.Limit:
			ids = append(ids, id)
		default:
			more = true
			return q.Total
		}
		return true
	})
	if err != nil {
		return page, err
	}
	if page.Next = next; more {
		page.Next = ids[len(ids)-1]
	}
	if q.Total {
		page.Total = found
	}
	rows := newFailedReader(storage.NewPageBytes(q.Bytes))
	of, names := t.transportsOf(q)
	err = t.readOn(ctx, t.searchers, "list failed messages in", func(r *reader) error {
		for _, id := range ids {
			err := r.query("SELECT "+rows.columns()+" FROM messenger_failed_messages WHERE id=? AND "+of, func(s *sqlite.Stmt) bool {
				page.Messages = append(page.Messages, rows.row(s))
				return false
			}, append([]any{id}, names...)...) // one that is gone by now is left out
			if err != nil {
				return err
			}
		}
		return nil
	})
	return page, err
}

package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
	"zombiezen.com/go/sqlite"
)

// failedColumns are what failedMessage reads, in its order.
const failedColumns = `id, queue, message_id, type, priority, created_at, scheduled_at, failed_at, idempotency_key,
	headers, metadata, done, error, error_class, retry_count, max_retries, attempts, payload, extras,
	CASE WHEN json_valid(attempts) THEN json_array_length(attempts) ELSE 0 END`

// failedRow reads a row of a page, without its body where nothing is left of the page's bytes.
func failedRow(s *sqlite.Stmt, transport string, bytes *storage.PageBytes) symphony.FailedMessage {
	if bytes.Left() > 0 {
		f := failedMessage(s, transport)
		bytes.Message(&f.Envelope, f.Attempts)
		return f
	}
	f := bareFailed(s, transport)
	f.Omitted = &symphony.Omitted{Payload: s.ColumnLen(17), Metadata: s.ColumnLen(10), Headers: s.ColumnLen(9), Attempts: s.ColumnInt(19)}
	return f
}

func failedMessage(s *sqlite.Stmt, transport string) symphony.FailedMessage {
	f := bareFailed(s, transport)
	f.Payload = columnBytes(s, 17)
	// A message may be here because it could not be decoded: show what can be shown.
	f.DecodeErr = errors.Join(f.DecodeErr, decode("headers", columnBytes(s, 9), &f.Headers), decode("metadata", columnBytes(s, 10), &f.Metadata))
	var attempts []struct {
		Attempt                   int
		StartedAt, FinishedAt     int64
		RetryAt                   int64
		Worker, Error, ErrorClass string
	}
	if err := json.Unmarshal(columnBytes(s, 16), &attempts); err != nil {
		f.DecodeErr = errors.Join(f.DecodeErr, fmt.Errorf("attempts: %w", err))
	} else {
		for _, a := range attempts {
			f.Attempts = append(f.Attempts, symphony.Attempt{Number: a.Attempt, StartedAt: fromMicros(a.StartedAt),
				FinishedAt: fromMicros(a.FinishedAt), Worker: a.Worker, Error: a.Error, ErrorClass: a.ErrorClass, RetryAt: fromMicros(a.RetryAt)})
		}
	}
	return f
}

// bareFailed reads all but the body and the attempts.
func bareFailed(s *sqlite.Stmt, transport string) symphony.FailedMessage {
	f := symphony.FailedMessage{
		ID: s.ColumnText(0), Error: s.ColumnText(12), ErrorClass: s.ColumnText(13),
		RetryCount: s.ColumnInt(14), MaxRetries: s.ColumnInt(15), FailedAt: fromMicros(s.ColumnInt64(7)),
		Envelope: symphony.Envelope{
			Transport: transport, Queue: s.ColumnText(1), ID: s.ColumnText(2), Type: s.ColumnText(3), Priority: s.ColumnInt(4),
			CreatedAt: fromMicros(s.ColumnInt64(5)), ScheduledAt: fromMicros(s.ColumnInt64(6)), IdempotencyKey: s.ColumnText(8),
		},
	}
	f.DecodeErr = errors.Join(decode("done", columnBytes(s, 11), &f.Done), f.DecodeExtras(columnBytes(s, 18)))
	return f
}

// where builds the condition of a filter.
func (t *Transport) where(f symphony.FailedFilter) (string, []any) {
	conditions, args := []string{"transport=?"}, []any{t.name}
	add := func(condition string, arg any) {
		conditions = append(conditions, condition)
		args = append(args, arg)
	}
	if f.Queue != "" {
		add("queue=?", f.Queue)
	}
	if f.Type != "" {
		add("type=?", f.Type)
	}
	if f.ErrorClass != "" {
		add("error_class=?", f.ErrorClass)
	}
	if f.DispatchedBy != "" {
		add(ofCaller, f.DispatchedBy)
	}
	if !f.Since.IsZero() {
		add("failed_at>=?", micros(f.Since))
	}
	if !f.Until.IsZero() {
		add("failed_at<?", micros(f.Until))
	}
	if f.Text != "" {
		// lower() folds ASCII only, which is what FailedFilter promises; instr knows no wildcards. Each column is
		// looked at by itself, so that no match spans two of them.
		add("(instr(lower(type), ?) OR instr(lower(error), ?) OR instr(lower(payload), ?))", lowerASCII(f.Text))
		args = append(args, lowerASCII(f.Text), lowerASCII(f.Text))
	}
	return strings.Join(conditions, " AND "), args
}

func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// ListFailed returns a page of failed messages, newest failure first.
func (t *Transport) ListFailed(ctx context.Context, q symphony.FailedQuery) (page symphony.FailedPage, err error) {
	if q.Text != "" {
		return t.searchFailed(ctx, q)
	}
	readers := t.searchers
	if q.FailedFilter == (symphony.FailedFilter{}) {
		readers = t.readers // it looks at no more than it returns
	}
	where, args := t.where(q.FailedFilter)
	bytes := storage.NewPageBytes(q.Bytes)
	err = t.readOn(ctx, readers, "list failed messages in", func(r *reader) error {
		switch {
		case q.NoTotal:
		case q.FailedFilter == (symphony.FailedFilter{}):
			stats, _ := t.stats(t.name)
			page.Total = stats.Failed
		default:
			err := r.query("SELECT count(*) FROM messenger_failed_messages WHERE "+where, func(s *sqlite.Stmt) bool {
				page.Total = s.ColumnInt64(0)
				return true
			}, args...)
			if err != nil {
				return err
			}
		}
		offset := q.Offset
		if q.After != "" {
			where, args, offset = where+" AND id<?", append(args, q.After), 0
		}
		return r.query("SELECT "+failedColumns+" FROM messenger_failed_messages WHERE "+where+" ORDER BY id DESC LIMIT ? OFFSET ?", func(s *sqlite.Stmt) bool {
			if page.HasMore = len(page.Messages) == q.Limit; !page.HasMore {
				page.Messages = append(page.Messages, failedRow(s, t.name, bytes))
			}
			return true
		}, append(args, q.Limit+1, offset)...)
	})
	if page.HasMore {
		page.Next = page.Messages[len(page.Messages)-1].ID
	}
	return page, err
}

// GetFailed returns one failed message.
func (t *Transport) GetFailed(ctx context.Context, id string) (f symphony.FailedMessage, err error) {
	err = t.read(ctx, "read failed message in", func(r *reader) error {
		err := r.query("SELECT "+failedColumns+" FROM messenger_failed_messages WHERE id=? AND transport=?", func(s *sqlite.Stmt) bool {
			f = failedMessage(s, t.name)
			return false
		}, id, t.name)
		if err == nil && f.ID == "" {
			return fmt.Errorf("failed message %s: %w", id, symphony.ErrNotFound)
		}
		return err
	})
	return f, err
}

// SelectFailed returns ids of failed messages, oldest failure first.
func (t *Transport) SelectFailed(ctx context.Context, f symphony.FailedFilter, limit int) (ids []string, err error) {
	if f.Text != "" {
		_, err = t.walkFailed(ctx, failedWalk{FailedFilter: f, oldest: true}, func(id string) bool {
			ids = append(ids, id)
			return len(ids) < limit
		})
		return ids, err
	}
	where, args := t.where(f)
	err = t.readOn(ctx, t.searchers, "select failed messages in", func(r *reader) error {
		return r.query("SELECT id FROM messenger_failed_messages WHERE "+where+" ORDER BY id LIMIT ?", func(s *sqlite.Stmt) bool {
			ids = append(ids, s.ColumnText(0))
			return true
		}, append(args, limit)...)
	})
	return ids, err
}

// RetryFailed dispatches failed messages again.
func (t *Transport) RetryFailed(ctx context.Context, retries []symphony.FailedRetry) ([]string, error) {
	o := &retryFailedOp{transport: t.name, retries: retries}
	if err := t.do(ctx, o); err != nil {
		return nil, err
	}
	return o.done, nil
}

type retryFailedOp struct {
	transport string
	retries   []symphony.FailedRetry
	done      []string
}

func (o *retryFailedOp) rows() int { return len(o.retries) }

func (o *retryFailedOp) apply(w *writer) error {
	o.done = nil
	for _, retry := range o.retries {
		row := messageRow{Envelope: &symphony.Envelope{ID: retry.NewID, Transport: o.transport, CreatedAt: fromMicros(w.wall)}}
		found := false
		err := w.query(`SELECT queue, type, priority, idempotency_key, headers, metadata, done, payload, extras
			FROM messenger_failed_messages WHERE id=? AND transport=?`, func(s *sqlite.Stmt) bool {
			found = true
			row.Queue, row.Type, row.Priority, row.IdempotencyKey = s.ColumnText(0), s.ColumnText(1), s.ColumnInt(2), s.ColumnText(3)
			row.headers, row.metadata, row.done, row.Payload = columnBytes(s, 4), columnBytes(s, 5), columnBytes(s, 6), columnBytes(s, 7)
			_ = row.DecodeExtras(columnBytes(s, 8)) // what cannot be read limits nothing
			return false
		}, retry.ID, o.transport)
		if err != nil {
			return err
		}
		if !found {
			continue
		}
		row.Flow = row.Flow.Again()
		if row.extras, err = row.EncodeExtras(); err != nil {
			return err
		}
		if retry.Payload != nil {
			row.Payload = retry.Payload
		}
		l, err := w.lane(o.transport, row.Queue, w.limits.Covers(row.Envelope))
		if err != nil {
			return err
		}
		if err := errors.Join(w.insert(&row, l), w.deleteFailed(retry.ID, l)); err != nil {
			return err
		}
		o.done = append(o.done, retry.ID)
	}
	return nil
}

// deleteFailed removes one message of a lane from the dead letter queue.
func (w *writer) deleteFailed(id string, l *lane) error {
	l.next.failed--
	return w.exec("DELETE FROM messenger_failed_messages WHERE id=?", id)
}

// DeleteFailed deletes failed messages.
func (t *Transport) DeleteFailed(ctx context.Context, ids []string) (int, error) {
	o := &deleteFailedOp{transport: t.name, ids: ids}
	if err := t.do(ctx, o); err != nil {
		return 0, err
	}
	return o.deleted, nil
}

type deleteFailedOp struct {
	transport string
	ids       []string
	deleted   int
}

func (o *deleteFailedOp) rows() int { return len(o.ids) }

func (o *deleteFailedOp) apply(w *writer) error {
	o.deleted = 0
	for _, id := range o.ids {
		queue, found := "", false
		err := w.query("SELECT queue FROM messenger_failed_messages WHERE id=? AND transport=?", func(s *sqlite.Stmt) bool {
			queue, found = s.ColumnText(0), true
			return false
		}, id, o.transport)
		if err != nil {
			return err
		}
		if !found {
			continue
		}
		l, err := w.lane(o.transport, queue, false)
		if err != nil {
			return err
		}
		if err := w.deleteFailed(id, l); err != nil {
			return err
		}
		o.deleted++
	}
	return nil
}

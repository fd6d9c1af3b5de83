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

// failedRow is a row of the dead letter queue.
type failedRow struct {
	symphony.MessageInfo
	retries int
	sizes   symphony.Omitted
}

// failedColumns are all but the body and the attempts, of which they have the sizes.
var failedColumns = columns[failedRow]{
	{"id", func(f *failedRow, v cell) { f.FailedID = v.text() }},
	{"transport", func(f *failedRow, v cell) { f.Transport = v.text() }},
	{"queue", func(f *failedRow, v cell) { f.Queue = v.text() }},
	{"message_id", func(f *failedRow, v cell) { f.ID = v.text() }},
	{"type", func(f *failedRow, v cell) { f.Type = v.text() }},
	{"priority", func(f *failedRow, v cell) { f.Priority = v.int() }},
	{"created_at", func(f *failedRow, v cell) { f.CreatedAt = v.time() }},
	{"scheduled_at", func(f *failedRow, v cell) { f.ScheduledAt = v.time() }},
	{"failed_at", func(f *failedRow, v cell) { f.FinishedAt = v.time() }},
	{"idempotency_key", func(f *failedRow, v cell) { f.IdempotencyKey = v.text() }},
	{"error", func(f *failedRow, v cell) { f.Error = v.text() }},
	{"error_class", func(f *failedRow, v cell) { f.ErrorClass = v.text() }},
	{"failure_group", func(f *failedRow, v cell) { f.FailureGroup = v.text() }},
	{"retry_count", func(f *failedRow, v cell) { f.retries = v.int() }},
	{"max_retries", func(f *failedRow, v cell) { f.MaxRetries = v.int() }},
	{"done", func(f *failedRow, v cell) { f.broken(decode("done", v.bytes(), &f.Done)) }},
	{"extras", func(f *failedRow, v cell) { f.broken(f.DecodeExtras(v.bytes())) }},
	{"octet_length(payload)", func(f *failedRow, v cell) { f.sizes.Payload = v.int() }},
	{"octet_length(metadata)", func(f *failedRow, v cell) { f.sizes.Metadata = v.int() }},
	{"octet_length(headers)", func(f *failedRow, v cell) { f.sizes.Headers = v.int() }},
	{"CASE WHEN json_valid(attempts) THEN json_array_length(attempts) ELSE 0 END", func(f *failedRow, v cell) { f.sizes.Attempts = v.int() }},
}

// failedBody are the columns of the body and the attempts. A message may be here because it could not be decoded:
// what can be shown of it is.
var failedBody = columns[failedRow]{
	{"payload", func(f *failedRow, v cell) { f.Payload = v.bytes() }},
	{"headers", func(f *failedRow, v cell) { f.broken(decode("headers", v.bytes(), &f.Headers)) }},
	{"metadata", func(f *failedRow, v cell) { f.broken(decode("metadata", v.bytes(), &f.Metadata)) }},
	{"attempts", func(f *failedRow, v cell) { f.broken(f.readAttempts(v.bytes())) }},
}

// broken notes what could not be read.
func (f *failedRow) broken(err error) { f.DecodeErr = errors.Join(f.DecodeErr, err) }

func (f *failedRow) readAttempts(raw []byte) error {
	var attempts []struct {
		Attempt                   int
		StartedAt, FinishedAt     int64
		RetryAt                   int64
		Worker, Error, ErrorClass string
	}
	if err := json.Unmarshal(raw, &attempts); err != nil {
		return fmt.Errorf("attempts: %w", err)
	}
	for _, a := range attempts {
		f.Attempts = append(f.Attempts, symphony.Attempt{Number: a.Attempt, StartedAt: fromMicros(a.StartedAt),
			FinishedAt: fromMicros(a.FinishedAt), Worker: a.Worker, Error: a.Error, ErrorClass: a.ErrorClass, RetryAt: fromMicros(a.RetryAt)})
	}
	return nil
}

// failedReader reads rows of the dead letter queue into a page, whose bodies have so many bytes.
type failedReader struct {
	bytes  *storage.PageBytes
	bodies bool // the statement reads bodies
}

func newFailedReader(bytes *storage.PageBytes) failedReader {
	return failedReader{bytes, bytes.Left() > 0}
}

// columns is what a statement selects.
func (r failedReader) columns() string {
	if r.bodies {
		return failedColumns.String() + ", " + failedBody.String()
	}
	return failedColumns.String()
}

// row reads a row, without its body where nothing is left of the page's bytes.
func (r failedReader) row(s *sqlite.Stmt) symphony.MessageInfo {
	var f failedRow
	failedColumns.read(&f, s, 0)
	f.Status = symphony.Failed
	if f.retries > 0 || f.sizes.Attempts > 0 { // one that expired has no attempt
		f.Deliveries = f.retries + 1
	}
	if r.bytes.Left() > 0 {
		failedBody.read(&f, s, len(failedColumns))
		r.bytes.Message(&f.Envelope, f.Attempts)
	} else {
		f.Omitted = &f.sizes
	}
	return f.MessageInfo
}

// transportsOf are those that a query is about, as an IN clause and its parameters.
func (t *Transport) transportsOf(q *symphony.MessageQuery) (string, []any) {
	v := view{transports: q.Transports}
	if len(v.transports) == 0 {
		v.transports = []string{t.name}
	}
	return v.of(), v.named()
}

// where builds the condition of a query in the order of failure, but for what Carries tells.
func (t *Transport) where(q *symphony.MessageQuery) (string, []any) {
	f := &q.MessageFilter
	of, args := t.transportsOf(q)
	conditions := []string{of}
	add := func(given bool, condition string, arg ...any) {
		if given {
			conditions, args = append(conditions, condition), append(args, arg...)
		}
	}
	prefix, prefixed := f.TypePrefix()
	add(f.Queue != "", "queue=?", f.Queue)
	add(f.Type != "" && !prefixed, "type=?", f.Type)
	add(prefixed, "substr(type, 1, length(?))=?", prefix, prefix)
	for _, pattern := range f.Unsearched() {
		if begin, ok := strings.CutSuffix(pattern, "*"); ok {
			add(true, "substr(type, 1, length(?))<>?", begin, begin)
		} else {
			add(true, "type<>?", pattern)
		}
	}
	add(f.SkipsCallbacks(), "instr(coalesce(headers, ''), ?)=0", callbackMember)
	add(f.Priority != 0, "priority=?", f.Priority)
	add(f.ErrorClass != "", "error_class=?", f.ErrorClass)
	add(f.FailureGroup != "", "failure_group=?", f.FailureGroup)
	add(f.DispatchedBy != "", ofCaller, f.DispatchedBy)
	add(f.Worker != "", "false") // nobody has failed messages in hand
	add(!f.Since.IsZero(), "failed_at>=?", micros(f.Since))
	add(!f.Until.IsZero(), "failed_at<?", micros(f.Until))
	add(!f.EndedSince.IsZero(), "failed_at>=?", microsUp(f.EndedSince))
	add(!f.EndedUntil.IsZero(), "failed_at<?", microsUp(f.EndedUntil))
	add(!f.ScheduledAfter.IsZero(), "scheduled_at>?", micros(f.ScheduledAfter))
	// lower() folds ASCII only, which is what MessageFilter promises; instr knows no wildcards. Each column is looked
	// at by itself, so that no match spans two of them.
	text := lowerASCII(f.Text)
	add(t.kept.failed != "", t.kept.failed, micros(t.clock.Now()))
	add(text != "", "(instr(lower(type), ?) OR instr(lower(error), ?) OR instr(lower(payload), ?))", text, text, text)
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

// selectsAll reports whether a filter selects every failed message.
func selectsAll(f symphony.MessageFilter) bool {
	f.Status = ""
	f.Statuses = nil
	return f.SelectsAll()
}

// listFailed returns a page in the order of failure.
func (t *Transport) listFailed(ctx context.Context, q *symphony.MessageQuery) (page symphony.MessagePage, err error) {
	if q.ID != "" {
		if page, err = t.failedMessage(ctx, q); err == nil {
			err = t.retriedAs(ctx, &page, q.ID)
		}
		return page, err
	}
	if q.Text != "" || q.Rare() {
		return t.searchFailed(ctx, q)
	}
	readers, all := t.searchers, selectsAll(q.MessageFilter)
	if all {
		readers = t.readers // it looks at no more than it returns
	}
	where, args := t.where(q)
	rows := newFailedReader(storage.NewPageBytes(q.Bytes))
	err = t.readOn(ctx, readers, "list failed messages in", func(r *reader) error {
		switch {
		case !q.Total:
		case all:
			_, names := t.transportsOf(q)
			for _, name := range names {
				stats, _ := t.stats(name.(string))
				if err := r.countFailed(t.store, name.(string), &stats); err != nil {
					return err
				}
				page.Total += stats.Failed
			}
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
		order, behind := " ORDER BY id"+direction(q), " AND id<?"
		if q.Oldest {
			behind = " AND id>?"
		}
		if q.After != "" {
			where, args, offset = where+behind, append(args, q.After), 0
		}
		statement := "SELECT " + rows.columns() + " FROM messenger_failed_messages WHERE " + where + order + " LIMIT ? OFFSET ?"
		return r.query(statement, func(s *sqlite.Stmt) bool {
			if n := len(page.Messages); n == q.Limit {
				page.Next = page.Messages[n-1].FailedID
			} else {
				page.Messages = append(page.Messages, rows.row(s))
			}
			return true
		}, append(args, q.Limit+1, offset)...)
	})
	return page, err
}

// failedMessage returns a page of one failed message.
func (t *Transport) failedMessage(
	ctx context.Context, q *symphony.MessageQuery,
) (page symphony.MessagePage, err error) {
	rows := newFailedReader(storage.NewPageBytes(0))
	of, names := t.transportsOf(q)
	kept, args := t.kept.andKept(micros(t.clock.Now()), append([]any{q.ID}, names...)...)
	err = t.read(ctx, "read failed message in", func(r *reader) error {
		err := r.query("SELECT "+rows.columns()+" FROM messenger_failed_messages WHERE id=? AND "+of+kept,
			func(s *sqlite.Stmt) bool {
				page.Messages = append(page.Messages, rows.row(s))
				return false
			}, args...)
		if err == nil && len(page.Messages) > 0 {
			err = r.notes(&page.Messages[0])
		}
		return err
	})
	return page, err
}

// MoveFailed takes messages out of the dead letter queue.
func (t *Transport) MoveFailed(ctx context.Context, moves []symphony.FailedMove) (int, error) {
	o := &moveFailedOp{transport: t.name, moves: moves}
	if err := t.do(ctx, o); err != nil {
		return 0, err
	}
	return o.done, nil
}

type moveFailedOp struct {
	transport string
	moves     []symphony.FailedMove
	done      int
	entering  []*waiting // messages with a Flow that are dispatched again
}

func (o *moveFailedOp) rows() int { return len(o.moves) }

func (o *moveFailedOp) apply(w *writer) error {
	o.done, o.entering = 0, nil
	for i := range o.moves {
		moved, err := o.move(w, &o.moves[i])
		if err != nil {
			return err
		}
		if moved {
			o.done++
		}
	}
	return w.enter(nil, o.entering)
}

// againColumns are what a message that is dispatched again keeps.
var againColumns = columns[messageRow]{
	{"queue", func(m *messageRow, v cell) { m.Queue = v.text() }},
	{"message_id", func(m *messageRow, v cell) { m.ID = v.text() }},
	{"type", func(m *messageRow, v cell) { m.Type = v.text() }},
	{"priority", func(m *messageRow, v cell) { m.Priority = v.int() }},
	{"idempotency_key", func(m *messageRow, v cell) { m.IdempotencyKey = v.text() }},
	{"headers", func(m *messageRow, v cell) { m.headers = v.bytes() }},
	{"metadata", func(m *messageRow, v cell) { m.metadata = v.bytes() }},
	{"done", func(m *messageRow, v cell) { m.done = v.bytes() }},
	{"payload", func(m *messageRow, v cell) { m.Payload = v.bytes() }},
	{"extras", func(m *messageRow, v cell) { _ = m.DecodeExtras(v.bytes()) }}, // what cannot be read limits nothing
}

func (o *moveFailedOp) move(w *writer, move *symphony.FailedMove) (moved bool, err error) {
	row := messageRow{Envelope: &symphony.Envelope{Transport: o.transport, CreatedAt: fromMicros(w.wall)}}
	read := againColumns
	if move.NewID == "" {
		read = againColumns[:1] // its queue, for the counts
	}
	kept, args := w.kept.andKept(w.wall, move.ID, o.transport)
	err = w.query("SELECT "+read.String()+" FROM messenger_failed_messages WHERE id=? AND transport=?"+kept,
		func(s *sqlite.Stmt) bool {
			moved = true
			read.read(&row, s, 0)
			return false
		}, args...)
	if err != nil || !moved {
		return false, err
	}
	if move.NewID == "" {
		l, err := w.lane(laneKey{transport: o.transport, queue: row.Queue})
		if err != nil {
			return false, err
		}
		return true, w.deleteFailed(move.ID, l)
	}
	old := row.ID
	row.RetryAs(move)
	if row.extras, err = row.EncodeExtras(); err != nil {
		return false, err
	}
	if err := w.noteRetry(old, move); err != nil {
		return false, err
	}
	l, err := w.laneFor(row.Envelope)
	if err != nil {
		return false, err
	}
	ready, err := w.insert(&row, l)
	if err != nil {
		return false, err
	}
	if row.Flow != nil {
		o.entering = append(o.entering, newWaiting(row.Envelope, located{readyRow: ready}))
	}
	return true, w.deleteFailed(move.ID, l)
}

// deleteFailed removes one message of a lane from the dead letter queue.
func (w *writer) deleteFailed(id string, l *lane) error {
	l.next.failed--
	if err := w.dropMarks(marksOfFailed, id); err != nil {
		return err
	}
	return w.exec("DELETE FROM messenger_failed_messages WHERE id=?", id)
}

package sqlite

import (
	"bytes"
	"strings"

	"github.com/symphony-messenger/symphony"
	"zombiezen.com/go/sqlite"
)

// filter is a query's in the terms of the tables.
type filter struct {
	*symphony.MessageFilter
	lanes        map[int64]bool
	queue        string
	typ, prefix  []byte // of the type, one of the two
	priority     int
	since, until int64
	text         []byte // in lower case
	by           string // who had it dispatched; then only his are walked through
	after        int64  // of scheduled_at
	class, group []byte // of failed messages
	rare         bool   // rareColumns are looked at
	closed       bool   // messages of some types are not looked into
	late         bool   // fits looks where a message is, and how it ended
}

func (v *view) filter(q *symphony.MessageQuery) *filter {
	f := &filter{MessageFilter: &q.MessageFilter, lanes: make(map[int64]bool), queue: q.Queue, priority: q.Priority,
		since: -never, until: never,
		text: []byte(lowerASCII(q.Text)), by: q.DispatchedBy, class: []byte(q.ErrorClass),
		group: []byte(q.FailureGroup), rare: q.Rare(),
		closed: len(q.Unsearched()) > 0,
		late:   len(q.AllStatuses()) > 1 || q.Worker != "" || q.Ended()}
	if prefix, ok := q.TypePrefix(); ok {
		f.prefix = []byte(prefix)
	} else {
		f.typ = []byte(q.Type)
	}
	for _, l := range v.lanes {
		if q.Queue == "" || q.Queue == l.queue {
			f.lanes[l.id] = true
		}
	}
	if !q.ScheduledAfter.IsZero() {
		f.after = micros(q.ScheduledAfter)
	}
	if !q.Since.IsZero() {
		f.since = microsUp(q.Since)
	}
	if !q.Until.IsZero() {
		f.until = microsUp(q.Until)
	}
	return f
}

// callbackMember is in the headers of callbacks.
const callbackMember = `"` + symphony.HeaderCallback + `"`

// searchColumns are what matches reads; with a text it looks also at textColumns, which follow, and rareColumns come
// behind these.
const (
	searchColumns = "priority, created_at, scheduled_at, type"
	textColumns   = ", payload, metadata, headers"
	rareColumns   = ", idempotency_key, extras, metadata"
)

// Where they stand among these.
const (
	priorityColumn = iota
	createdColumn
	scheduledColumn
	typeColumn
	payloadColumn
	metadataColumn
	headersColumn
	endOfColumns
)

// columns are those of a table in which the message's id has a name.
func (f *filter) columns(id string) string {
	columns := searchColumns
	if len(f.text) > 0 {
		columns += textColumns
	}
	if f.rare {
		columns += ", " + id + rareColumns
	}
	return columns
}

// failedColumns are those of the dead letter queue: the class of the error, the time, where it was, and the group of
// the failure follow.
func (f *filter) failedColumns() string {
	return f.columns("message_id") + ", error_class, failed_at, transport, failure_group"
}

// rareColumn is where the id and rareColumns stand.
func (f *filter) rareColumn() int {
	if len(f.text) > 0 {
		return endOfColumns
	}
	return payloadColumn
}

func (f *filter) classColumn() int {
	if f.rare {
		return f.rareColumn() + 4
	}
	return f.rareColumn()
}

// matches looks at a row whose columns begin at col. What is cheap to look at comes first.
func (v *view) matches(f *filter, s *sqlite.Stmt, col int) bool {
	if f.priority != 0 && f.priority != s.ColumnInt(col+priorityColumn) {
		return false
	}
	if at := s.ColumnInt64(col + createdColumn); at < f.since || at >= f.until {
		return false
	}
	if f.after != 0 && s.ColumnInt64(col+scheduledColumn) <= f.after {
		return false
	}
	if !v.equal(s, col+typeColumn, f.typ) {
		return false
	}
	if len(f.prefix) > 0 && !bytes.HasPrefix(v.bytes(s, col+typeColumn), f.prefix) {
		return false
	}
	if f.closed && !f.Open(s.ColumnText(col+typeColumn)) {
		return false
	}
	if f.SkipsCallbacks() && bytes.Contains(v.bytes(s, col+headersColumn), []byte(callbackMember)) {
		return false
	}
	if f.rare && !f.carries(s, col+f.rareColumn()) {
		return false
	}
	if len(f.text) == 0 {
		return true
	}
	for c := typeColumn; c < endOfColumns; c++ {
		if s.ColumnLen(col+c) >= len(f.text) && bytes.Contains(foldASCII(v.bytes(s, col+c)), f.text) {
			return true
		}
	}
	return false
}

// carries looks at the id and rareColumns of a row, which begin at col.
func (f *filter) carries(s *sqlite.Stmt, col int) bool {
	// Most rows have none of what is asked for, and need not be decoded.
	own := f.CorrelationID != "" && s.ColumnText(col) == f.CorrelationID
	wants := [...]bool{
		f.IdempotencyKey != "",
		f.CausationID+f.GroupKey+f.ConcurrencyKey != "" || len(f.Tags) > 0 || f.CorrelationID != "" && !own,
		len(f.Metadata) > 0,
	}
	for i, wants := range wants {
		if wants && s.ColumnType(col+1+i) == sqlite.TypeNull {
			return false
		}
	}
	e := symphony.Envelope{ID: s.ColumnText(col), IdempotencyKey: s.ColumnText(col + 1)}
	// What cannot be read selects nothing.
	if e.DecodeExtras(columnBytes(s, col+2)) != nil {
		return false
	}
	if len(f.Metadata) > 0 && decode("metadata", columnBytes(s, col+3), &e.Metadata) != nil {
		return false
	}
	return f.Carries(&e)
}

// fits looks at what is not in the row of a message that is not in the dead letter queue, which was created at a time:
// whether it is kept still, where it is, and how it ended.
func (v *view) fits(f *filter, seq, created int64) (bool, error) {
	if gone, err := v.gone(seq, created); err != nil || gone {
		return false, err
	}
	if !f.late {
		return true, nil
	}
	status, err := v.status(seq)
	if err != nil || !f.Wants(status) {
		return false, err
	}
	m := symphony.MessageInfo{Status: status}
	switch {
	case f.Worker == "" && !f.Ended():
		return true, nil
	case status == symphony.Pending:
		return false, nil
	case status == symphony.Processing:
		m.Worker = v.claims[seq].worker
	default:
		if err := v.ended(&m, seq); err != nil {
			return false, err
		}
	}
	ended := !f.Ended() || !m.FinishedAt.IsZero() && f.EndedAt(m.FinishedAt)
	return ended && (f.Worker == "" || f.Worker == m.Worker), nil
}

// failedMatches is matches for a row of walkFailedQuery.
func (v *view) failedMatches(f *filter, s *sqlite.Stmt) bool {
	class := 3 + f.classColumn()
	if v.failedGone(s, class) {
		return false
	}
	return f.Wants(symphony.Failed) && f.Worker == "" && (f.queue == "" || f.queue == s.ColumnText(2)) &&
		v.equal(s, class, f.class) && v.equal(s, class+3, f.group) &&
		(!f.Ended() || f.EndedAt(fromMicros(s.ColumnInt64(class+1)))) && v.matches(f, s, 3)
}

// failedGone reports whether a row of walkFailedQuery, with the class of its error in a column, is past its period.
func (v *view) failedGone(s *sqlite.Stmt, class int) bool {
	if v.kept.failed == "" {
		return false
	}
	e := symphony.Envelope{Transport: s.ColumnText(class + 2), Queue: s.ColumnText(2), Type: s.ColumnText(3 +
		typeColumn)}
	return s.ColumnInt64(class+1)+v.kept.Period(symphony.Failed, &e).Microseconds() <= v.now
}

// equal reports whether a column has a text, which is so for any if none is asked for.
func (v *view) equal(s *sqlite.Stmt, col int, want []byte) bool {
	return len(want) == 0 || s.ColumnLen(col) == len(want) && bytes.Equal(v.bytes(s, col), want)
}

// bytes reads a column into a buffer that the next call uses again.
func (v *view) bytes(s *sqlite.Stmt, col int) []byte {
	n := s.ColumnLen(col)
	if cap(v.buf) < n {
		v.buf = make([]byte, n+n/2)
	}
	b := v.buf[:n]
	s.ColumnBytes(col, b)
	return b
}

// foldASCII makes the capital letters of ASCII small, in place.
func foldASCII(b []byte) []byte {
	for i, c := range b {
		if c-'A' < 26 {
			b[i] = c + 'a' - 'A'
		}
	}
	return b
}

// failedRows are the rows of the dead letter queue among which a filter's are, for the order of the messages' ids: those
// of one kind of failure alone, if that is asked for. failedArgs are its parameters, and further ones.
func (v *view) failedRows(f *filter) string {
	index, kind := "messenger_failed_messages_by_message", ""
	switch {
	case len(f.group) > 0:
		index, kind = "messenger_failed_messages_group_message", "failure_group=? AND "
	case len(f.class) > 0:
		index, kind = "messenger_failed_messages_class_message", "error_class=? AND "
	}
	return "messenger_failed_messages INDEXED BY " + index + " WHERE " + kind + v.of()
}

func (v *view) failedArgs(f *filter, more ...any) []any {
	args := v.named(more...)
	switch {
	case len(f.group) > 0:
		return append([]any{f.FailureGroup}, args...)
	case len(f.class) > 0:
		return append([]any{f.ErrorClass}, args...)
	}
	return args
}

// of selects the rows of the view's transports, whose names are its parameters.
func (v *view) of() string {
	if len(v.transports) == 1 {
		return "transport=?"
	}
	return "transport IN (?" + strings.Repeat(",?", len(v.transports)-1) + ")"
}

// named are the view's transports and further parameters.
func (v *view) named(more ...any) []any {
	args := make([]any, 0, len(v.transports)+len(more))
	for _, name := range v.transports {
		args = append(args, name)
	}
	return append(args, more...)
}

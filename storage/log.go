package storage

import (
	"context"
	"encoding/json"
	"math"
	"time"

	"github.com/symphony-messenger/symphony"
)

// The limits and defaults of logs.
const (
	// MaxLogPage is the most entries of a log that one read returns; DefaultLogPage is what it returns unasked.
	// MaxLogKind bounds, in bytes, the kind of an entry.
	MaxLogPage     = 1000
	DefaultLogPage = 100
	MaxLogKind     = 100
)

// Entry is one entry of a log.
type Entry struct {
	// Seq orders the entries of a log: 1, 2, 3, … without a gap, in the order in which they can be read. The storage
	// sets it, and At, when it appends.
	Seq int64
	At  time.Time // on the store's clock
	// Kind says what the entry is about, like "message.failed", in at most MaxLogKind bytes.
	Kind string
	Data json.RawMessage // a JSON object
}

// LogQuery asks for entries of a log.
type LogQuery struct {
	Log string
	// After selects entries with a greater Seq, oldest first.
	After int64
	// Newest turns the order around: the newest entry first. Then Before, unless 0, selects entries with a smaller Seq,
	// and After still bounds them.
	Newest bool
	Before int64
	// Kinds selects entries of these kinds; none means all.
	Kinds []string
	// Since and Until, unless zero, select entries written at or after, and before.
	Since, Until time.Time
	// Limit is 1 to MaxLogPage, default DefaultLogPage.
	Limit int
}

// WithDefaults returns q with the default for a limit that it does not give.
func (q LogQuery) WithDefaults() LogQuery {
	if q.Limit == 0 {
		q.Limit = DefaultLogPage
	}
	return q
}

// LogPage is what a read of a log returns.
type LogPage struct {
	Entries []Entry
	// End is the Seq of the newest entry ever written, as of after the entries were read: none of them has a greater
	// one. 0 before the first.
	End int64
}

// Log is the part of a storage that keeps logs: entries that are added at the end, read in their order, and never
// changed. It is optional; see symphony.Capabilities.Log. Logs are shared by all transports, and all processes, of a
// storage, and exist by being written to. Methods are safe for concurrent use.
type Log interface {
	// AppendLog adds entries, all or nothing and durably, and returns the Seq of the last. A reader who has seen an
	// entry will find no entry with a smaller Seq that it could not have read before.
	AppendLog(ctx context.Context, log string, entries []Entry) (int64, error)
	// ReadLog returns up to q.Limit entries, and the log's end.
	ReadLog(ctx context.Context, q LogQuery) (LogPage, error)
	// TrimLog deletes entries written before a moment, and all but the newest keep (0: however many there are), in
	// several transactions, and returns how many.
	TrimLog(ctx context.Context, log string, before time.Time, keep int64) (int, error)
}

// LogEnd returns the Seq of the newest entry ever written to a log, 0 before the first.
func LogEnd(ctx context.Context, l Log, log string) (int64, error) {
	page, err := l.ReadLog(ctx, LogQuery{Log: log, After: math.MaxInt64, Limit: 1})
	return page.End, err
}

// LogOf returns the logs of a transport's storage, or symphony.ErrUnsupported where it keeps none.
func LogOf(t symphony.Transport) (Log, error) {
	return Part[Log](t, t.Capabilities().Log, "keeps no logs")
}

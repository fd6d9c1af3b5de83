package symphony

import (
	"context"
	"encoding/json"
	"time"
)

// LogEntry is one entry of a log.
type LogEntry struct {
	// Seq orders the entries of a log: 1, 2, 3, … without a gap, in the order in which they can be read. The storage sets
	// it, and At, when it appends.
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
	// Newest turns the order around: the newest entry first. Then Before, unless 0, selects entries with a smaller Seq, and
	// After still bounds them.
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

// LogStore is the part of a storage that keeps logs: entries that are added at the end, read in their order, and never
// changed. It is optional; see Capabilities.Log. Logs are shared by all transports, and all processes, of a storage, and
// exist by being written to. Methods are safe for concurrent use.
type LogStore interface {
	// AppendLog adds entries, all or nothing and durably, and returns the Seq of the last. A reader who has seen an entry
	// will find no entry with a smaller Seq that it could not have read before.
	AppendLog(ctx context.Context, log string, entries []LogEntry) (int64, error)
	// ReadLog returns up to q.Limit entries.
	ReadLog(ctx context.Context, q LogQuery) ([]LogEntry, error)
	// LogEnd returns the Seq of the newest entry ever written, 0 before the first.
	LogEnd(ctx context.Context, log string) (int64, error)
	// TrimLog deletes entries written before a moment, and all but the newest keep (0: however many there are), in several
	// transactions, and returns how many.
	TrimLog(ctx context.Context, log string, before time.Time, keep int64) (int, error)
}

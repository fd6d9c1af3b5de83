package storage

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/symphony-messenger/symphony"
)

// What a storage uses bytes for.
const (
	BytesWaiting   = "waiting"   // messages that wait or are in hand
	BytesCompleted = "completed" // messages, each until its period is over
	BytesFailed    = "failed"
	BytesCancelled = "cancelled"
	BytesAttempts  = "attempts"  // attempts that failed, with logs and progress
	BytesOutputs   = "outputs"   // what completed messages have left, where that is kept apart
	BytesSchedules = "schedules" // with their histories
	BytesEvents    = "events"    // the audit trail and events
	BytesLog       = "log"       // a log that is written ahead of the database
	BytesOther     = "other"     // keys of idempotency, records, limits and all else
	BytesFree      = "free"      // given back, for what comes
)

// Kinds are what a storage uses bytes for, in the order in which they are shown.
func Kinds() []string {
	return []string{BytesWaiting, BytesCompleted, BytesFailed, BytesCancelled, BytesAttempts, BytesOutputs,
		BytesSchedules, BytesEvents, BytesLog, BytesOther, BytesFree}
}

// Bytes are those that a storage uses.
type Bytes struct {
	// At is when it was looked at; zero: not yet.
	At time.Time
	// Total is exact.
	Total int64
	// Kinds add up to Total, with indexes. What is not known is not among them.
	Kinds map[string]int64
	// Approximate says that kinds, but for the log and what is free, are estimates from samples.
	Approximate bool
}

// String tells them to people, without kinds that hardly count.
func (b Bytes) String() string {
	if b.At.IsZero() {
		return "not known yet"
	}
	about := ""
	if b.Approximate {
		about = "about "
	}
	var parts []string
	for _, kind := range Kinds() {
		if n := b.Kinds[kind]; n > b.Total/200 {
			parts = append(parts, fmt.Sprintf("%s %s", kind, Size(n)))
		}
	}
	if len(parts) == 0 {
		return Size(b.Total)
	}
	return Size(b.Total) + ", of which " + about + strings.Join(parts, ", ")
}

// Used are the bytes that something is stored in: all but those that are free.
func (b Bytes) Used() int64 { return b.Total - b.Kinds[BytesFree] }

// Size is a number of bytes for people, like 12 MB.
func Size(n int64) string {
	for _, unit := range []struct {
		bytes int64
		name  string
	}{{1 << 30, "GB"}, {1 << 20, "MB"}, {1 << 10, "kB"}} {
		if n >= 10*unit.bytes || n >= unit.bytes && unit.bytes == 1<<10 {
			return fmt.Sprintf("%d %s", n/unit.bytes, unit.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}

// Sizes tell what a storage uses bytes for. They are optional.
type Sizes interface {
	// Bytes answers with what was found out within the last minutes. It costs the same however many messages there
	// are.
	Bytes(ctx context.Context) (Bytes, error)
}

// SizesOf returns the sizes of a transport's storage, or symphony.ErrUnsupported where they are not known.
func SizesOf(t symphony.Transport) (Sizes, error) {
	return Part[Sizes](t, true, "does not tell its size")
}

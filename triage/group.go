package triage

import (
	"context"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

// Group is what there is in the dead letter queue of one kind of failure.
type Group struct {
	Name             string // a Fingerprint, or Other
	Type, ErrorClass string // of Other, as Sample: those of its latest failure
	Sample           string // the error's text of the latest failure
	Count            int64  // dead letters
	Attempts         int64  // that they have had
	// FirstSeen and LastSeen are when the oldest and the newest of them failed; FailedID is the newest one's.
	FirstSeen, LastSeen time.Time
	FailedID            string
	// Hours are the failures of each of the last SeriesHours, of those dead letters: the last is the hour of the
	// answer.
	Hours [SeriesHours]int64
}

// SeriesHours is of how many hours the failures are told one by one.
const SeriesHours = 24

// Query asks for groups, those that failed last first.
type Query struct {
	// MessageFilter selects the dead letters that are looked at, as in the order of failure. With a FailureGroup, one
	// group is returned.
	symphony.MessageFilter
	// Limit is 1 to symphony.MaxMessagePage, default symphony.DefaultMessagePage. After is the FailedID of the group
	// before, empty for the first page.
	Limit int
	After string
}

// Store is the part of a transport that groups its dead letters. It goes with symphony.MessageStore. Methods are safe
// for concurrent use.
type Store interface {
	// FailureGroups answers a query, which has been checked, of one moment. Dead letters that have no group yet,
	// because an older release has stored them, are given theirs first, so many at a time; what is left is in Other.
	FailureGroups(ctx context.Context, q Query) ([]Group, error)
}

// StoreOf returns the part of a transport that groups its dead letters, or symphony.ErrUnsupported where it has none.
func StoreOf(t symphony.Transport) (Store, error) {
	return storage.Part[Store](t, t.Capabilities().Messages, "does not group its failures")
}

// GroupedAtOnce is how many dead letters one call of FailureGroups gives a group.
const GroupedAtOnce = 2000

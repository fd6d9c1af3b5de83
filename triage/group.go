package triage

import (
	"context"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

const (
	// MaxGroups is how many groups a storage remembers, Other aside. What failed last stays.
	MaxGroups = 10_000
	// RememberedFor is how long a group is remembered after its last failure. The dead letters that are there of one
	// that is forgotten are of Other from then on.
	RememberedFor = 30 * 24 * time.Hour
)

// Group is one kind of failure: what there is of it in the dead letter queue, and what there was.
type Group struct {
	Name             string // a Fingerprint, or Other
	Type, ErrorClass string // of Other, as Sample: those of its latest failure
	Sample           string // the error's text of the latest failure
	Count            int64  // dead letters that are there
	// Failures are all that there were since the group is remembered, also those that were retried or deleted since,
	// and Attempts what they have had. Where the query selects by more than the group, type and class, these, and what
	// follows, are of the dead letters that are there.
	Failures, Attempts int64
	// FirstSeen and LastSeen are when the oldest and the newest of them failed; FailedID is the newest one's.
	FirstSeen, LastSeen time.Time
	FailedID            string
	// Hours are the failures of each of the last SeriesHours: the last is the hour of the answer.
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

// Remembered reports whether the query selects by no more than what is remembered of groups, so that the answer need
// not look at dead letters.
func (q *Query) Remembered() bool {
	rest := q.MessageFilter
	rest.FailureGroup, rest.Type, rest.ErrorClass, rest.Status, rest.Statuses = "", "", "", "", nil
	return rest.SelectsAll()
}

// Store is the part of a transport that groups its dead letters. It goes with symphony.MessageStore. Methods are safe
// for concurrent use.
type Store interface {
	// FailureGroups answers a query, which has been checked, of one moment. Groups are remembered while there are no
	// more than MaxGroups in the storage and they failed within RememberedFor, whatever becomes of their dead letters;
	// those of the groups that are forgotten are of Other from then on. Dead letters that have no group yet, because an
	// older release has stored them, are given theirs, GroupedAtOnce of them before each answer and the rest in the
	// background; until then they are in none.
	FailureGroups(ctx context.Context, q Query) ([]Group, error)
}

// StoreOf returns the part of a transport that groups its dead letters, or symphony.ErrUnsupported where it has none.
func StoreOf(t symphony.Transport) (Store, error) {
	return storage.Part[Store](t, t.Capabilities().Messages, "does not group its failures")
}

// GroupedAtOnce is how many dead letters are given a group in one transaction.
const GroupedAtOnce = 2000

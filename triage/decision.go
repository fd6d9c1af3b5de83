package triage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

// State is what has been decided about a group.
type State string

// The states.
const (
	Open     State = "open"     // nothing, or nothing that still holds
	Ignored  State = "ignored"  // nobody is to look at it, for a time or a number of failures
	Resolved State = "resolved" // its cause is removed; the dead letters stay where they are
)

// Bounds of a decision.
const (
	MaxNote        = 1000      // bytes of Decision.Note
	MaxIgnoreCount = 1_000_000 // Decision.Count
)

// Decision is what somebody has decided about a group. It is kept as long as the group is remembered.
type Decision struct {
	State State     `json:"state"` // Ignored or Resolved
	Note  string    `json:"note,omitempty"`
	By    string    `json:"by,omitempty"`
	At    time.Time `json:"at"`
	// An Ignored group is Open again from Until on, or when it has failed Count more times, whichever is given.
	Until time.Time `json:"until,omitzero"`
	Count int64     `json:"count,omitempty"`
	// Failures and FailedID are the group's at that time.
	Failures int64  `json:"failures"`
	FailedID string `json:"failedId"`
}

// Of is the state of a group for which this was decided, nil for nothing. regressed says that it was Resolved and has
// failed since: it is Open.
func (d *Decision) Of(g *Group, now time.Time) (s State, regressed bool) {
	switch {
	case d == nil:
		return Open, false
	case d.State == Resolved && g.FailedID > d.FailedID: // ids of failures only grow
		return Open, true
	case d.State == Ignored && !d.Until.IsZero() && !now.Before(d.Until),
		d.State == Ignored && d.Count > 0 && g.Failures-d.Failures >= d.Count:
		return Open, false
	}
	return d.State, false
}

// problems returns what is wrong with a decision.
func (d *Decision) problems(now time.Time) (list []symphony.Problem) {
	bad := func(path, format string, args ...any) {
		list = append(list, symphony.Problem{Path: path, Message: fmt.Sprintf(format, args...)})
	}
	switch {
	case len(d.Note) > MaxNote:
		bad("note", "must have at most %d bytes, has %d", MaxNote, len(d.Note))
	case !symphony.ValidText(d.Note):
		bad("note", "must be valid UTF-8 without NUL")
	}
	if !d.Until.IsZero() && !d.Until.After(now) {
		bad("until", "must be in the future, is %s", d.Until.UTC().Format(time.RFC3339))
	}
	switch {
	case d.Count < 0 || d.Count > MaxIgnoreCount:
		bad("count", "must be 1 to %d", MaxIgnoreCount)
	case d.Count > 0 && !d.Until.IsZero():
		bad("count", "must not be given with until")
	}
	return list
}

// recordKind is where decisions are kept, by group and transport.
const recordKind = "failure.group"

func recordID(group, transport string) string { return group + "/" + transport }

// Groups are the groups of one transport, with what was decided about them. Safe for concurrent use.
type Groups struct {
	Store
	records   storage.Records
	transport string
	clock     symphony.Clock
}

// GroupsOf returns the groups of a transport, or symphony.ErrUnsupported where it has none. Without a clock of the
// storage's own, times are those of clock.
func GroupsOf(t symphony.Transport, clock symphony.Clock) (*Groups, error) {
	store, err := StoreOf(t)
	if err != nil {
		return nil, err
	}
	records, err := storage.RecordsOf(t)
	if err != nil {
		return nil, err
	}
	return &Groups{store, records, t.Name(), symphony.StoreClock(t, clock)}, nil
}

// Now is the time by which decisions are judged.
func (g *Groups) Now() time.Time { return g.clock.Now() }

// Find returns one group, or symphony.ErrNotFound.
func (g *Groups) Find(ctx context.Context, name string) (Group, error) {
	var list []Group
	var err error
	if ValidGroup(name) {
		list, err = g.FailureGroups(ctx, Query{MessageFilter: symphony.MessageFilter{FailureGroup: name}, Limit: 1})
	}
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("group of failures %s: %w", name, symphony.ErrNotFound)
	}
	if err != nil {
		return Group{}, err
	}
	return list[0], nil
}

// Decided returns what was decided about a group, nil for nothing.
func (g *Groups) Decided(ctx context.Context, name string) (*Decision, error) {
	raw, err := storage.Get(ctx, g.records, recordKind, recordID(name, g.transport))
	if errors.Is(err, symphony.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("triage: %w", err)
	}
	return decode(raw), nil
}

// Decisions are all decisions about groups of the transport, by group.
func (g *Groups) Decisions(ctx context.Context) (map[string]*Decision, error) {
	records, err := storage.List(ctx, g.records, recordKind)
	if err != nil {
		return nil, fmt.Errorf("triage: %w", err)
	}
	all := make(map[string]*Decision)
	for _, r := range records {
		if name, ok := strings.CutSuffix(r.ID, "/"+g.transport); ok && ValidGroup(name) {
			all[name] = decode(r.Data)
		}
	}
	return all, nil
}

// decode reads a decision. One that cannot be read, of a release to come perhaps, holds for nothing here.
func decode(raw []byte) *Decision {
	d := new(Decision)
	if json.Unmarshal(raw, d) != nil {
		return nil
	}
	return d
}

// Decide keeps a decision about a group, in the place of the one before, and returns both. State, Note, By, Until and
// Count are given. Errors: *symphony.ValidationError, symphony.ErrNotFound where there is no such group, and those of
// the storage.
func (g *Groups) Decide(ctx context.Context, name string, d Decision) (Group, *Decision, error) {
	now := g.clock.Now()
	if list := d.problems(now); len(list) > 0 {
		return Group{}, nil, &symphony.ValidationError{Problems: list}
	}
	group, err := g.Find(ctx, name)
	if err != nil {
		return Group{}, nil, err
	}
	d.At, d.Failures, d.FailedID = now.UTC(), group.Failures, group.FailedID
	raw, err := json.Marshal(&d)
	if err == nil {
		err = storage.Put(ctx, g.records, recordKind, recordID(name, g.transport), raw)
	}
	if err != nil {
		return Group{}, nil, fmt.Errorf("triage: %w", err)
	}
	return group, &d, nil
}

// Regressions are the groups that were Resolved, have failed since, and have dead letters. What was decided about
// groups that are not remembered any more is forgotten.
func (g *Groups) Regressions(ctx context.Context) (list []Group, err error) {
	records, err := storage.List(ctx, g.records, recordKind)
	if err != nil {
		return nil, fmt.Errorf("triage: %w", err)
	}
	now := g.clock.Now()
	for _, r := range records {
		d := decode(r.Data)
		name, mine := strings.CutSuffix(r.ID, "/"+g.transport)
		if d == nil || !mine || !ValidGroup(name) || d.State != Resolved && now.Sub(d.At) < RememberedFor {
			continue
		}
		group, err := g.Find(ctx, name)
		switch {
		case errors.Is(err, symphony.ErrNotFound):
			err = g.records.SwapRecord(ctx, recordKind, r.ID, r.Data, nil)
			if err != nil && !errors.Is(err, symphony.ErrConflict) {
				return nil, fmt.Errorf("triage: %w", err)
			}
			continue
		case err != nil:
			return nil, err
		}
		if _, regressed := d.Of(&group, now); regressed && group.Count > 0 {
			list = append(list, group)
		}
	}
	return list, nil
}

// Package schedule holds schedules: what they are, what is wrong with one, and what a storage that keeps them promises.
// Package scheduler makes, changes and fires them.
package schedule

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/symphony-messenger/symphony"
)

// Schedule dispatches a message at a time, or again and again. Package scheduler makes, changes and fires schedules.
//
// The times at which it is meant to fire are its occurrences. They follow from its definition alone, to the
// millisecond: neither jitter nor a late or repeated attempt moves them. Each makes one message, however many nodes
// there are.
type Schedule struct {
	ID string // UUID version 7
	// Name is optional, for people, and unique in its storage. Schedules of the configuration file are found by it.
	Name   string
	Source Source

	// Exactly one of At, Cron and Interval says when.

	// At is the only occurrence. One that is past when the schedule is made is due at once.
	At time.Time
	// Cron is an expression of five fields, of six (seconds first), or such as @daily; see package scheduler.
	Cron string
	// Timezone is the name in the time zone database by which Cron is understood. Default "UTC".
	Timezone string
	// Interval is the time between two occurrences, MinInterval to MaxInterval: occurrence n is at
	// start + n*Interval, where start is StartAt, or without it CreatedAt, which itself is no occurrence.
	Interval time.Duration

	// StartAt and EndAt bound the occurrences of Cron and Interval: none is before StartAt, none after EndAt. Zero: not
	// bounded.
	StartAt time.Time
	EndAt   time.Time
	// MaxRuns completes the schedule when RunCount has reached it. 0: never.
	MaxRuns int
	// Jitter delays each occurrence's message by 0 to Jitter, at most MaxJitter and less than the time to the next
	// occurrence. The delay follows from occurrence and id, so that every node has the same one. Default: none.
	Jitter time.Duration
	// Missed says what becomes of occurrences that could not fire in time. Default MissedLast.
	Missed MissedPolicy
	// Overlap says what becomes of an occurrence while the messages of the last run are unfinished. Default
	// OverlapAllow.
	Overlap OverlapPolicy
	// Disabled is the user's switch: while it is set nothing fires, and occurrences that pass are no missed ones; they
	// never were. A new schedule is enabled unless told otherwise.
	Disabled bool

	// Message and Options are what is dispatched. ScheduledAt and IdempotencyKey belong to the schedule and are not
	// given; nor is ExpiresAt, unless the schedule is one with At.
	Message symphony.Message
	Options symphony.DispatchOptions

	// All below is state, kept by package scheduler.

	// NextRunAt is the next occurrence. Zero where there is none: the schedule is disabled or completed.
	NextRunAt time.Time
	// DueAt is when NextRunAt is fired: with its jitter, or later after an attempt that failed. Zero with NextRunAt.
	DueAt time.Time
	// LastRunAt is when it last dispatched messages, by hand included, and LastMessages are those.
	LastRunAt    time.Time
	LastMessages []MessageRef
	// RunCount counts the occurrences that were dispatched. Runs by hand and skipped ones do not count.
	RunCount int
	// LastError says why the last attempt to fire failed, cut to symphony.MaxErrorLength bytes, and Failures how many
	// have failed in a row. Both end with the next success.
	LastError string
	Failures  int
	// CompletedAt is when nothing was left to fire. Zero as long as something is.
	CompletedAt time.Time
	CreatedAt   time.Time
	UpdatedAt   time.Time // of the definition or of Disabled, not of state
	// Version grows by one with every change, and guards against changes by two at once. The first is 1.
	Version int64
	// DecodeErr is set when the stored definition could not be decoded. Such a schedule cannot fire, only be replaced
	// or deleted. It is not stored.
	DecodeErr error
	// Omitted is nil unless a page has left out payload, metadata and headers. Such a schedule is to look at only.
	Omitted *symphony.Omitted
}

// Source is where a schedule comes from.
type Source string

const (
	SourceAPI    Source = "api"    // HTTP, command line or Go
	SourceConfig Source = "config" // the configuration file
)

// MissedPolicy says what becomes of occurrences whose time passed while nothing could fire them.
type MissedPolicy string

const (
	// MissedAll fires all of them, the oldest first, at most MaxCatchUp of one schedule in a round.
	MissedAll MissedPolicy = "all"
	// MissedLast fires the newest and skips those before it.
	MissedLast MissedPolicy = "last"
	// MissedSkip does as MissedLast, but skips the newest too when it is late by more than MissedGrace.
	MissedSkip MissedPolicy = "skip"
)

// OverlapPolicy says what becomes of an occurrence while messages of the run before are pending or processing.
type OverlapPolicy string

const (
	OverlapAllow OverlapPolicy = "allow"
	// OverlapSkip skips the occurrence. A message in the dead letter queue is finished, also when it is retried.
	OverlapSkip OverlapPolicy = "skip"
)

// Kind is which of At, Cron and Interval a schedule has.
type Kind string

const (
	Once     Kind = "once"
	Cron     Kind = "cron"
	Interval Kind = "interval"
)

// Kind is the schedule's kind, "" where it is not exactly one.
func (s *Schedule) Kind() (kind Kind) {
	n := 0
	for _, k := range []struct {
		given bool
		kind  Kind
	}{{!s.At.IsZero(), Once}, {s.Cron != "", Cron}, {s.Interval != 0, Interval}} {
		if k.given {
			kind = k.kind
			n++
		}
	}
	if n != 1 {
		return ""
	}
	return kind
}

// State is what a schedule is doing.
type State string

const (
	Active    State = "active"
	Disabled  State = "disabled"
	Completed State = "completed" // nothing is left to fire
)

// State is the schedule's state.
func (s *Schedule) State() State {
	switch {
	case !s.CompletedAt.IsZero():
		return Completed
	case s.Disabled:
		return Disabled
	}
	return Active
}

// MessageRef is a message that a schedule dispatched. A route to several transports makes one for each.
type MessageRef struct {
	ID        string `json:"id"`
	Transport string `json:"transport"`
}

// Run is an entry in the history of a schedule.
type Run struct {
	ScheduleID string
	// Seq numbers the entries of a schedule from 1, in the order in which they were recorded. The store gives it.
	Seq int64
	// Occurrence is when the run was meant to be; of a run by hand, when that was asked for.
	Occurrence time.Time
	// Through is the newest occurrence that the entry stands for, where several were skipped together (SkippedMissed);
	// else it is Occurrence.
	Through time.Time
	// FiredAt is when it was dispatched, skipped or failed.
	FiredAt  time.Time
	Messages []MessageRef // those dispatched; none of a run that was skipped or failed
	Outcome  Outcome
	Error    string // why it failed
	Manual   bool   // by hand
}

// Outcome is what became of an occurrence.
type Outcome string

const (
	Fired          Outcome = "fired"
	SkippedOverlap Outcome = "skipped_overlap" // by OverlapSkip
	SkippedMissed  Outcome = "skipped_missed"  // by MissedLast or MissedSkip
	// Skipped is by hand: somebody had it left out.
	Skipped Outcome = "skipped"
	// Failed is recorded for the first of failures in a row. The occurrence is tried again.
	Failed Outcome = "failed"
)

// HeaderSchedule and HeaderOccurrence are headers of scheduled messages: the id of the schedule, and the occurrence in
// RFC 3339 with milliseconds.
const (
	HeaderSchedule   = "symphony-schedule"
	HeaderOccurrence = "symphony-occurrence"
)

// OccurrenceText is how an occurrence is written in HeaderOccurrence and in idempotency keys.
func OccurrenceText(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z07:00") }

// IdempotencyKey is the key with which an occurrence is dispatched, so that it makes one message.
func (s *Schedule) IdempotencyKey(occurrence time.Time) string {
	return "schedule:" + s.ID + ":" + OccurrenceText(occurrence)
}

// WithDefaults returns s with the defaults of what it does not say, and its times in UTC to the millisecond.
func (s Schedule) WithDefaults() Schedule {
	if s.Source == "" {
		s.Source = SourceAPI
	}
	if s.Timezone == "" && s.Cron != "" {
		s.Timezone = "UTC"
	}
	if s.Missed == "" {
		s.Missed = MissedLast
	}
	if s.Overlap == "" {
		s.Overlap = OverlapAllow
	}
	for _, t := range []*time.Time{&s.At, &s.StartAt, &s.EndAt} {
		if !t.IsZero() {
			*t = t.UTC().Truncate(time.Millisecond)
		}
	}
	return s
}

// Problems returns every problem of the definition, with paths that begin with prefix. What it does not know is whether
// Cron can be read and whether the message could be dispatched: package scheduler and Bus.Check do.
func (s *Schedule) Problems(prefix string) []symphony.Problem {
	p := problems{prefix: prefix}
	if s.Name != "" {
		if err := symphony.ValidateName(s.Name); err != nil {
			p.add("name", "%v", err)
		}
	}
	switch s.Source {
	case "", SourceAPI:
	case SourceConfig:
		if s.Name == "" {
			p.add("name", "is required")
		}
	default:
		p.add("source", "must be %q or %q", SourceAPI, SourceConfig)
	}
	s.timing(&p)
	if s.MaxRuns < 0 {
		p.add("maxRuns", "must be at least 1, or 0 for no limit")
	}
	switch {
	case s.Jitter < 0 || s.Jitter > MaxJitter:
		p.add("jitter", "must be 0 to %d ms", MaxJitter.Milliseconds())
	case s.Jitter%time.Millisecond != 0:
		p.add("jitter", "must be whole milliseconds")
	}
	switch s.Missed {
	case "", MissedAll, MissedLast, MissedSkip:
	default:
		p.add("missed", "must be %q, %q or %q", MissedAll, MissedLast, MissedSkip)
	}
	switch s.Overlap {
	case "", OverlapAllow, OverlapSkip:
	default:
		p.add("overlap", "must be %q or %q", OverlapAllow, OverlapSkip)
	}
	if !s.Options.ScheduledAt.IsZero() {
		p.add("options.scheduledAt", "cannot be set, the schedule says when")
	}
	if s.Options.IdempotencyKey != "" {
		p.add("options.idempotencyKey", "cannot be set, each occurrence has its own")
	}
	switch expires := s.Options.ExpiresAt; {
	case expires.IsZero(), !symphony.StorableTime(expires): // the latter is told by the checks of the dispatch
	case s.At.IsZero():
		p.add("options.expiresAt", "can be set with at only")
	case !expires.After(s.At):
		p.add("options.expiresAt", "must be after at")
	}
	return p.list
}

// problems gathers what is wrong with one schedule, with every path under the same prefix.
type problems struct {
	prefix string
	list   []symphony.Problem
}

func (p *problems) add(path, format string, args ...any) {
	p.list = append(p.list, symphony.Problem{Path: p.prefix + path, Message: fmt.Sprintf(format, args...)})
}

// time appends a problem of a time that cannot be kept. Zero is none.
func (p *problems) time(path string, t time.Time) {
	if !t.IsZero() && !symphony.StorableTime(t) {
		p.add(path, symphony.TimeProblem)
	}
}

// timing appends the problems of when the schedule fires.
func (s *Schedule) timing(p *problems) {
	var kinds []string
	if !s.At.IsZero() {
		kinds = append(kinds, "at")
		p.time("at", s.At)
		for _, rest := range []struct {
			path  string
			given bool
		}{{"startAt", !s.StartAt.IsZero()}, {"endAt", !s.EndAt.IsZero()}, {"maxRuns", s.MaxRuns > 0}} {
			if rest.given {
				p.add(rest.path, "cannot be combined with at")
			}
		}
	}
	if s.Cron != "" {
		kinds = append(kinds, "cron")
		if n := utf8.RuneCountInString(s.Cron); n > MaxCronLength {
			p.add("cron", "must have at most %d characters, has %d", MaxCronLength, n)
		}
	}
	if s.Interval != 0 {
		kinds = append(kinds, "interval")
		switch {
		case s.Interval < MinInterval || s.Interval > MaxInterval:
			p.add("interval", "must be %d to %d ms", MinInterval.Milliseconds(), MaxInterval.Milliseconds())
		case s.Interval%time.Millisecond != 0:
			p.add("interval", "must be whole milliseconds")
		}
	}
	switch len(kinds) {
	case 0:
		p.add("at", "is required, or cron, or interval")
	case 1:
	default:
		for _, path := range kinds[1:] {
			p.add(path, "cannot be combined with %s", kinds[0])
		}
	}
	if s.Timezone != "" {
		if s.Cron == "" {
			p.add("timezone", "can be set with cron only")
		} else if err := checkTimezone(s.Timezone); err != nil {
			p.add("timezone", "%v", err)
		}
	}
	for _, bound := range []struct {
		path string
		at   time.Time
	}{{"startAt", s.StartAt}, {"endAt", s.EndAt}} {
		p.time(bound.path, bound.at)
	}
	if !s.StartAt.IsZero() && !s.EndAt.IsZero() && s.EndAt.Before(s.StartAt) {
		p.add("endAt", "must not be before startAt")
	}
}

// checkTimezone reports whether name is a time zone that means the same on every node.
func checkTimezone(name string) error {
	if strings.EqualFold(name, "local") {
		return fmt.Errorf("must be a name of the time zone database such as %q, not the machine's own", "Europe/Berlin")
	}
	if _, err := time.LoadLocation(name); err != nil {
		return fmt.Errorf("must be a name of the time zone database such as %q: %w", "Europe/Berlin", err)
	}
	return nil
}

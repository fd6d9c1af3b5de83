package scheduler

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/schedule"
)

// timetable knows the occurrences of a schedule.
type timetable struct {
	id     string
	at     time.Time // of a schedule with one occurrence
	cron   *Cron
	every  time.Duration // with first, the first occurrence
	first  time.Time
	start  time.Time // zero: none
	end    time.Time // zero: none
	jitter time.Duration
}

// newTimetable fails where what is stored does not say when to fire, or in a way that this program does not understand.
func newTimetable(s *schedule.Schedule) (*timetable, error) {
	if s.DecodeErr != nil {
		return nil, s.DecodeErr
	}
	if kind := s.Kind(); kind == "" || kind == schedule.Interval && s.Interval < schedule.MinInterval {
		return nil, errors.New("its definition does not say when to fire")
	}
	t := &timetable{id: s.ID, at: s.At, every: s.Interval, first: s.StartAt, start: s.StartAt, end: s.EndAt, jitter: s.Jitter}
	if s.Cron != "" {
		var err error
		t.cron, err = ParseCron(s.Cron, s.Timezone)
		return t, err
	}
	if t.first.IsZero() {
		t.first = s.CreatedAt.Add(s.Interval)
	}
	return t, nil
}

// next is the first occurrence after a time, zero if there is none: a schedule ends with the times that can be kept.
func (t *timetable) next(after time.Time) time.Time {
	var at time.Time
	switch {
	case !t.at.IsZero():
		if at = t.at; !at.After(after) {
			at = time.Time{}
		}
	case t.cron != nil:
		if after.Before(t.start) {
			after = t.start.Add(-1)
		}
		at = t.cron.Next(after)
	case after.Before(t.first):
		at = t.first
	default:
		at = t.first.Add((after.Sub(t.first)/t.every + 1) * t.every)
	}
	if !t.end.IsZero() && at.After(t.end) || !symphony.StorableTime(at) {
		return time.Time{}
	}
	return at
}

// last is the newest occurrence up to a time. from is one that is not after it.
func (t *timetable) last(from, upTo time.Time) time.Time {
	if !t.end.IsZero() && upTo.After(t.end) {
		upTo = t.end
	}
	switch {
	case !t.at.IsZero():
		return from
	case t.cron == nil:
		return t.first.Add(upTo.Sub(t.first) / t.every * t.every)
	}
	// Years of seconds may lie between: halve the time in which the last one is to be found.
	passed := func(at time.Time) bool { return !at.IsZero() && !at.After(upTo) }
	low, high := from, upTo
	for high.Sub(low) > time.Second {
		if middle := low.Add(high.Sub(low) / 2); passed(t.next(middle)) {
			low = middle
		} else {
			high = middle
		}
	}
	for at := t.next(low); passed(at); at = t.next(at) {
		from = at
	}
	return from
}

// due is when an occurrence is fired. It is before the next occurrence, so that they are fired in their order.
func (t *timetable) due(at time.Time) time.Time {
	window := t.jitter
	if next := t.next(at); !next.IsZero() {
		window = min(window, next.Sub(at)-time.Millisecond)
	}
	window = min(window, time.Unix(symphony.MaxTime, 0).Sub(at))
	if window <= 0 {
		return at
	}
	sum := sha256.Sum256([]byte(t.id + schedule.OccurrenceText(at)))
	steps := uint64(window/time.Millisecond) + 1
	return at.Add(time.Duration(binary.BigEndian.Uint64(sum[:])%steps) * time.Millisecond)
}

package memory

import (
	"container/heap"
	"time"

	"github.com/symphony-messenger/symphony"
)

// What lasts a while is kept in steady time (package internal/steady), which goes on while the machine's clock is set; what
// has a time of day goes by the machine's clock.

// now is the steady time of a call, to the microsecond as durable transports keep it. If the machine's clock was set since
// the last, scheduled messages are placed again.
func (s *store) now() time.Time {
	r := s.steady.Look()
	if r.Set != 0 {
		// What had come by the clock as it was is not waited for again.
		before := s.shown(s.looked)
		for _, l := range s.lanes {
			l.due(before)
		}
		s.steady.Notice(r)
		for _, l := range s.lanes {
			for _, m := range l.scheduled.list {
				s.place(m, time.UnixMicro(r.Now).UTC())
			}
		}
	}
	s.looked = time.UnixMicro(r.Now).UTC()
	return s.looked
}

// shown is the time of day of a steady time, and placed the steady time of a time of day.
func (s *store) shown(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(-time.Duration(s.steady.Ahead()) * time.Microsecond)
}

func (s *store) placed(t time.Time) time.Time {
	return t.Add(time.Duration(s.steady.Ahead()) * time.Microsecond)
}

// place moves a scheduled message that waits to where its time of day is.
func (s *store) place(m *message, now time.Time) {
	if m.place < 0 || m.attempt > 0 || m.status() != symphony.Pending {
		return // it was begun
	}
	if m.available = s.placed(m.ScheduledAt); m.available.Before(now) {
		m.available = now
	}
	if m.gate != nil {
		heap.Fix(&m.gate.parked, m.place)
	} else {
		heap.Fix(&m.lane.ready[m.Priority], m.place)
	}
}

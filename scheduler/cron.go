package scheduler

import (
	"errors"
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // zones work where the system has no database of them

	"github.com/netresearch/go-cron"
)

// Cron is a cron expression in a time zone.
//
// An expression has the fields minute, hour, day of month, month and day of week, before them optionally seconds, or is
// one of @yearly, @annually, @monthly, @weekly, @daily, @midnight and @hourly. A field is * or ?, a value, a range a-b,
// a step */n or a-b/n, or a list of those with commas. Months and days of the week may be names (JAN, MON); Sunday is 0
// or 7. Ranges may wrap (FRI-MON, 22-2). Days of the month may be L (the last), L-n (n days before it), nW (the working
// day nearest to the n-th) and LW (the last working day), days of the week d#n (the n-th of the month) and d#L (the
// last). Where both day of month and day of week are given, a day matches that matches either.
//
// The expression is about the wall clock of its zone. When that is set forward or back:
//
//   - An expression whose hour is not every hour ("30 2 * * *", "0 9-17 * * *") means times of the wall clock, and each of
//     them happens once. Times in the hour that is missing happen together, once, at the moment the clock is set forward.
//     Times in the hour that comes twice happen the first time.
//   - An expression that has every hour ("*/15 * * * *", "@hourly") means a rhythm, and goes on with it: nothing is made up
//     for the hour that is missing, and in the hour that comes twice it happens in both.
type Cron struct {
	spec *cron.SpecSchedule
	zone *time.Location
	// rhythm says that the expression has every hour.
	rhythm bool
}

// cronFields are what expressions may have. The days are combined as cron has always done it.
const cronFields = cron.SecondOptional | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor |
	cron.DowNth | cron.DowLast | cron.DomL | cron.DomW | cron.DowOrDom

// searchYears is how far ahead a match is looked for: February 29th on a given day of the week can be 40 years away.
const searchYears = 40

const everyHour = 1<<24 - 1

// ParseCron reads an expression. The zone is a name of the time zone database, "" for UTC.
func ParseCron(expression, timezone string) (*Cron, error) {
	zone, err := time.LoadLocation(timezone)
	if err != nil {
		return nil, fmt.Errorf("time zone: %w", err)
	}
	// In upper case the library takes the H of THU for one of its extensions.
	text := strings.ToLower(strings.TrimSpace(expression))
	switch {
	case strings.Contains(text, "tz="):
		return nil, errors.New("must not name a time zone; the schedule has a field for it")
	case strings.HasPrefix(text, "@every"):
		return nil, errors.New("must not be @every; use an interval, which does not drift")
	}
	parsed, err := cron.MustNewParser(cronFields).WithMaxSearchYears(searchYears).Parse(text)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return nil, errors.New("does not say at which times")
	}
	// The library takes a field of commas only for one that nothing matches, and looks for that for minutes.
	if spec.Second == 0 || spec.Minute == 0 || spec.Hour == 0 || spec.Month == 0 ||
		spec.Dom == 0 && len(spec.DomConstraints) == 0 || spec.Dow == 0 && len(spec.DowConstraints) == 0 {
		return nil, errors.New("has a field without a value")
	}
	// The library is asked about wall clocks only, which it takes for UTC. What they mean is decided here.
	spec.Location = time.UTC
	return &Cron{spec: spec, zone: zone, rhythm: spec.Hour&everyHour == everyHour}, nil
}

// Next is the first occurrence after t, zero if there is none within 40 years.
func (c *Cron) Next(t time.Time) time.Time {
	if c.rhythm {
		return c.nextOfRhythm(t)
	}
	return c.nextOfClock(t)
}

// period is a time without a change of the zone's offset: from start on, up to end. They are zero where there is none.
// It need not be the longest such time.
type period struct {
	start, end time.Time
	offset     time.Duration
}

func (c *Cron) period(t time.Time) period {
	local := t.In(c.zone)
	start, end := local.ZoneBounds()
	if !end.IsZero() && !end.After(t) {
		// Package time takes each year of its rules for the future to have 365 days, and the last day of a leap year
		// to come after its period.
		end = t.Add(time.Hour)
	}
	_, seconds := local.Zone()
	return period{start.UTC(), end.UTC(), time.Duration(seconds) * time.Second}
}

// wall is what the wall clock shows at t, as if it were UTC.
func (p period) wall(t time.Time) time.Time { return t.UTC().Add(p.offset) }

// instant is when the wall clock shows w in this period or, if it does not, would show it.
func (p period) instant(w time.Time) time.Time { return w.Add(-p.offset) }

func (p period) endsAfter(t time.Time) bool { return p.end.IsZero() || t.Before(p.end) }

// nextOfRhythm takes an occurrence to happen whenever the wall clock shows its time.
func (c *Cron) nextOfRhythm(t time.Time) time.Time {
	p := c.period(t)
	after := p.wall(t)
	for w := c.spec.Next(after); !w.IsZero(); {
		if at := p.instant(w); p.endsAfter(at) {
			return at
		}
		p = c.later(p, w)
		// Up to w nothing matches, unless the clock was set back behind where the search began. It may have skipped w.
		if begin := p.wall(p.start).Add(-1); begin.Before(after) || !w.After(begin) {
			after = begin
			w = c.spec.Next(after)
		}
	}
	return time.Time{}
}

// later is the period after p, or a much later one if the clock shows w no earlier than in that.
func (c *Cron) later(p period, w time.Time) period {
	const farthest = 36 * time.Hour // no zone is that far from UTC
	if near := w.Add(-farthest); near.After(p.end) {
		return c.period(near)
	}
	next := c.period(p.end)
	next.start = p.end
	return next
}

// nextOfClock takes an occurrence to happen at the first moment at which the wall clock shows its time or a later one.
// So it happens once if the clock shows it twice, and also if the clock skips it.
func (c *Cron) nextOfClock(t time.Time) time.Time {
	p := c.period(t)
	after := p.wall(t)
	if !p.start.IsZero() {
		// Before it was set back, the clock has shown everything up to this.
		if shown := c.period(p.start.Add(-1)).wall(p.start).Add(-1); shown.After(after) {
			after = shown
		}
	}
	w := c.spec.Next(after)
	if w.IsZero() {
		return time.Time{}
	}
	for {
		at := p.instant(w)
		if at.Before(p.start) {
			at = p.start
		}
		if p.endsAfter(at) {
			return at
		}
		p = c.later(p, w)
	}
}

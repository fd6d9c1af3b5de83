package scheduler_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony/scheduler"
)

func parse(t *testing.T, expression, zone string) *scheduler.Cron {
	t.Helper()
	c, err := scheduler.ParseCron(expression, zone)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// at reads a time such as 2026-11-23T12:00:00+01:00.
func at(t *testing.T, text string) time.Time {
	t.Helper()
	got, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// nexts are the n occurrences after a time, as the clocks of the zone show them.
func nexts(t *testing.T, c *scheduler.Cron, zone string, from time.Time, n int) []string {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for range n {
		if from = c.Next(from); from.IsZero() {
			break
		}
		list = append(list, from.In(loc).Format(time.RFC3339))
	}
	return list
}

func TestCron_fields(t *testing.T) {
	for _, test := range []struct {
		expression string
		want       []string // after Monday, 2026-11-23T12:00:00Z
	}{
		{"*/15 * * * *", []string{"2026-11-23T12:15:00Z", "2026-11-23T12:30:00Z"}},
		{"* * * * * *", []string{"2026-11-23T12:00:01Z", "2026-11-23T12:00:02Z"}},
		{"30 */15 9-17 * * MON-FRI", []string{"2026-11-23T12:00:30Z", "2026-11-23T12:15:30Z"}},
		{"0 9 1,15 jan,Jul *", []string{"2027-01-01T09:00:00Z", "2027-01-15T09:00:00Z", "2027-07-01T09:00:00Z"}},
		{"5/20 * * * *", []string{"2026-11-23T12:05:00Z", "2026-11-23T12:25:00Z"}},
		{"10-30/10 * * * *", []string{"2026-11-23T12:10:00Z", "2026-11-23T12:20:00Z", "2026-11-23T12:30:00Z", "2026-11-23T13:10:00Z"}},
		{"0 22-1 * * *", []string{"2026-11-23T22:00:00Z", "2026-11-23T23:00:00Z", "2026-11-24T00:00:00Z", "2026-11-24T01:00:00Z", "2026-11-24T22:00:00Z"}},
		{"0 0 * * THU", []string{"2026-11-26T00:00:00Z", "2026-12-03T00:00:00Z"}},
		{"0 0 * mar Sun", []string{"2027-03-07T00:00:00Z"}},
		{"0 0 * * 0", []string{"2026-11-29T00:00:00Z"}},
		{"0 0 * * 7", []string{"2026-11-29T00:00:00Z"}},
		{"0 0 ? * MON", []string{"2026-11-30T00:00:00Z", "2026-12-07T00:00:00Z"}},
		{"0 0 1 * MON", []string{"2026-11-30T00:00:00Z", "2026-12-01T00:00:00Z", "2026-12-07T00:00:00Z"}},
		{"0 0 */7 * *", []string{"2026-11-29T00:00:00Z", "2026-12-01T00:00:00Z"}},
		{"0 0 L * *", []string{"2026-11-30T00:00:00Z", "2026-12-31T00:00:00Z", "2027-01-31T00:00:00Z", "2027-02-28T00:00:00Z"}},
		{"0 0 L-2 * *", []string{"2026-11-28T00:00:00Z", "2026-12-29T00:00:00Z"}},
		{"0 0 LW * *", []string{"2026-11-30T00:00:00Z", "2026-12-31T00:00:00Z", "2027-01-29T00:00:00Z"}},
		{"0 0 15W * *", []string{"2026-12-15T00:00:00Z", "2027-01-15T00:00:00Z", "2027-02-15T00:00:00Z", "2027-03-15T00:00:00Z", "2027-04-15T00:00:00Z", "2027-05-14T00:00:00Z"}},
		{"0 0 * * MON#2", []string{"2026-12-14T00:00:00Z", "2027-01-11T00:00:00Z"}},
		{"0 0 * * 1#5", []string{"2026-11-30T00:00:00Z", "2027-03-29T00:00:00Z"}},
		{"0 0 * * FRI#L", []string{"2026-11-27T00:00:00Z", "2026-12-25T00:00:00Z", "2027-01-29T00:00:00Z"}},
		{"0 0 29 2 *", []string{"2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"}},
		{"@yearly", []string{"2027-01-01T00:00:00Z"}},
		{"@annually", []string{"2027-01-01T00:00:00Z"}},
		{"@monthly", []string{"2026-12-01T00:00:00Z"}},
		{"@weekly", []string{"2026-11-29T00:00:00Z"}},
		{"@daily", []string{"2026-11-24T00:00:00Z"}},
		{"@midnight", []string{"2026-11-24T00:00:00Z"}},
		{"@hourly", []string{"2026-11-23T13:00:00Z"}},
		{" @Daily ", []string{"2026-11-24T00:00:00Z"}},
		{"0 0 31 2 *", nil},
	} {
		t.Run(test.expression, func(t *testing.T) {
			c := parse(t, test.expression, "")
			got := nexts(t, c, "UTC", at(t, "2026-11-23T12:00:00Z"), max(1, len(test.want)))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestCron_rare_days(t *testing.T) {
	// February 29th is a Monday every 28 years, and 40 years apart around 2100, which has none.
	c := parse(t, "0 0 29 2 *", "UTC")
	got := nexts(t, c, "UTC", at(t, "2096-02-29T00:00:00Z"), 1)
	if diff := cmp.Diff([]string{"2104-02-29T00:00:00Z"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestCron_clock_changes is the promise about daylight saving time: Cron's documentation in executable form.
func TestCron_clock_changes(t *testing.T) {
	const berlin, newYork, lordHowe = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"
	for name, test := range map[string]struct {
		zone, expression, from string
		want                   []string
	}{
		// Berlin, 2027-03-28: 02:00 +01:00 becomes 03:00 +02:00. 2027-10-31: 03:00 +02:00 becomes 02:00 +01:00.
		"Berlin: a time in the missing hour happens when the clock is set forward": {berlin, "30 2 * * *", "2027-03-27T02:30:00+01:00",
			[]string{"2027-03-28T03:00:00+02:00", "2027-03-29T02:30:00+02:00"}},
		"Berlin: the first moment of the missing hour": {berlin, "0 2 * * *", "2027-03-27T02:00:00+01:00",
			[]string{"2027-03-28T03:00:00+02:00", "2027-03-29T02:00:00+02:00"}},
		"Berlin: the last second of the missing hour": {berlin, "59 59 2 * * *", "2027-03-27T02:59:59+01:00",
			[]string{"2027-03-28T03:00:00+02:00", "2027-03-29T02:59:59+02:00"}},
		"Berlin: several times in the missing hour happen together, once": {berlin, "*/20 2 * * *", "2027-03-27T02:40:00+01:00",
			[]string{"2027-03-28T03:00:00+02:00", "2027-03-29T02:00:00+02:00", "2027-03-29T02:20:00+02:00"}},
		"Berlin: those in the missing hour and the one right after it are one": {berlin, "30 2,3 * * *", "2027-03-27T03:30:00+01:00",
			[]string{"2027-03-28T03:00:00+02:00", "2027-03-28T03:30:00+02:00", "2027-03-29T02:30:00+02:00"}},
		"Berlin: the hour after the missing one": {berlin, "0 2,3 * * *", "2027-03-27T03:00:00+01:00",
			[]string{"2027-03-28T03:00:00+02:00", "2027-03-29T02:00:00+02:00"}},
		"Berlin: a rhythm makes nothing up for the missing hour": {berlin, "*/30 * * * *", "2027-03-28T01:15:00+01:00",
			[]string{"2027-03-28T01:30:00+01:00", "2027-03-28T03:00:00+02:00", "2027-03-28T03:30:00+02:00"}},
		"Berlin: a rhythm of hours": {berlin, "30 * * * *", "2027-03-28T00:30:00+01:00",
			[]string{"2027-03-28T01:30:00+01:00", "2027-03-28T03:30:00+02:00"}},
		"Berlin: a time in the hour that comes twice happens the first time": {berlin, "30 2 * * *", "2027-10-30T02:30:00+02:00",
			[]string{"2027-10-31T02:30:00+02:00", "2027-11-01T02:30:00+01:00"}},
		"Berlin: asked during the second time": {berlin, "30 2 * * *", "2027-10-31T02:15:00+01:00",
			[]string{"2027-11-01T02:30:00+01:00"}},
		"Berlin: the first moment of the hour that comes twice": {berlin, "0 2 * * *", "2027-10-31T01:59:59+02:00",
			[]string{"2027-10-31T02:00:00+02:00", "2027-11-01T02:00:00+01:00"}},
		"Berlin: the moment at which the clock is set back": {berlin, "0 3 * * *", "2027-10-31T02:59:59+02:00",
			[]string{"2027-10-31T03:00:00+01:00", "2027-11-01T03:00:00+01:00"}},
		"Berlin: all hours of a part of the day, each once": {berlin, "0 0-4 * * *", "2027-10-31T00:30:00+02:00",
			[]string{"2027-10-31T01:00:00+02:00", "2027-10-31T02:00:00+02:00", "2027-10-31T03:00:00+01:00", "2027-10-31T04:00:00+01:00"}},
		"Berlin: a rhythm goes on through the hour that comes twice": {berlin, "*/30 * * * *", "2027-10-31T02:00:00+02:00",
			[]string{"2027-10-31T02:30:00+02:00", "2027-10-31T02:00:00+01:00", "2027-10-31T02:30:00+01:00", "2027-10-31T03:00:00+01:00"}},
		"Berlin: a rhythm of hours goes on": {berlin, "@hourly", "2027-10-31T01:30:00+02:00",
			[]string{"2027-10-31T02:00:00+02:00", "2027-10-31T02:00:00+01:00", "2027-10-31T03:00:00+01:00"}},
		// New York, 2027-03-14: 02:00 -05:00 becomes 03:00 -04:00. 2027-11-07: 02:00 -04:00 becomes 01:00 -05:00.
		"New York: a time in the missing hour": {newYork, "30 2 * * *", "2027-03-13T02:30:00-05:00",
			[]string{"2027-03-14T03:00:00-04:00", "2027-03-15T02:30:00-04:00"}},
		"New York: a time in the hour that comes twice": {newYork, "30 1 * * *", "2027-11-06T01:30:00-04:00",
			[]string{"2027-11-07T01:30:00-04:00", "2027-11-08T01:30:00-05:00"}},
		"New York: a rhythm in spring": {newYork, "*/30 * * * *", "2027-03-14T01:30:00-05:00",
			[]string{"2027-03-14T03:00:00-04:00", "2027-03-14T03:30:00-04:00"}},
		"New York: a rhythm in autumn": {newYork, "*/30 * * * *", "2027-11-07T01:00:00-04:00",
			[]string{"2027-11-07T01:30:00-04:00", "2027-11-07T01:00:00-05:00", "2027-11-07T01:30:00-05:00", "2027-11-07T02:00:00-05:00"}},
		"New York: a day of the week in the missing hour": {newYork, "30 2 * * SUN", "2027-03-07T02:30:00-05:00",
			[]string{"2027-03-14T03:00:00-04:00", "2027-03-21T02:30:00-04:00"}},
		// Lord Howe, by half an hour. 2026-10-04: 02:00 +10:30 becomes 02:30 +11:00. 2027-04-04: 02:00 +11:00 becomes
		// 01:30 +10:30.
		"Lord Howe: a time in the missing half hour": {lordHowe, "15 2 * * *", "2026-10-03T02:15:00+10:30",
			[]string{"2026-10-04T02:30:00+11:00", "2026-10-05T02:15:00+11:00"}},
		"Lord Howe: a time after the missing half hour": {lordHowe, "45 2 * * *", "2026-10-03T02:45:00+10:30",
			[]string{"2026-10-04T02:45:00+11:00", "2026-10-05T02:45:00+11:00"}},
		"Lord Howe: a time in the half hour that comes twice": {lordHowe, "45 1 * * *", "2027-04-03T01:45:00+11:00",
			[]string{"2027-04-04T01:45:00+11:00", "2027-04-05T01:45:00+10:30"}},
		"Lord Howe: a time before the half hour that comes twice": {lordHowe, "15 1 * * *", "2027-04-03T01:15:00+11:00",
			[]string{"2027-04-04T01:15:00+11:00", "2027-04-05T01:15:00+10:30"}},
		"Lord Howe: a rhythm in spring": {lordHowe, "*/10 * * * *", "2026-10-04T01:45:00+10:30",
			[]string{"2026-10-04T01:50:00+10:30", "2026-10-04T02:30:00+11:00", "2026-10-04T02:40:00+11:00"}},
		"Lord Howe: a rhythm in autumn": {lordHowe, "*/15 * * * *", "2027-04-04T01:30:00+11:00",
			[]string{"2027-04-04T01:45:00+11:00", "2027-04-04T01:30:00+10:30", "2027-04-04T01:45:00+10:30", "2027-04-04T02:00:00+10:30"}},
		"New York: the last day of a leap year far ahead": {newYork, "59 59 23 31 12 ?", "2040-09-23T00:00:00-04:00",
			[]string{"2040-12-31T23:59:59-05:00", "2041-12-31T23:59:59-05:00"}},
		"New York: a rhythm on that day": {newYork, "0 */30 * * * *", "2040-12-30T18:30:00-05:00",
			[]string{"2040-12-30T19:00:00-05:00", "2040-12-30T19:30:00-05:00", "2040-12-30T20:00:00-05:00"}},
		// Sao Paulo, 2018-11-04: midnight became 01:00. Apia, 2011-12-30: the day was left out.
		"Sao Paulo: a missing midnight": {"America/Sao_Paulo", "@daily", "2018-11-03T00:00:00-03:00",
			[]string{"2018-11-04T01:00:00-02:00", "2018-11-05T00:00:00-02:00"}},
		"Apia: a missing day": {"Pacific/Apia", "0 12 * * *", "2011-12-29T12:00:00-10:00",
			[]string{"2011-12-31T00:00:00+14:00", "2011-12-31T12:00:00+14:00"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := parse(t, test.expression, test.zone)
			from := at(t, test.from)
			got := nexts(t, c, test.zone, from, len(test.want))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			// Whoever asks a moment before an occurrence gets that one.
			for i, text := range test.want {
				if next := c.Next(at(t, text).Add(-time.Nanosecond)); !next.Equal(at(t, text)) {
					t.Errorf("a moment before occurrence %d, next is %v", i, next)
				}
			}
		})
	}
}

func TestCron_mistakes(t *testing.T) {
	for _, test := range []struct{ expression, zone, want string }{
		{"", "", "empty"},
		{"nonsense", "", "expected 5 to 6 fields, found 1"},
		{"60 * * * *", "", "above maximum (59)"},
		{"* * * *", "", "expected 5 to 6 fields, found 4"},
		{"* * * * * * 2030", "", "found 7"},
		{"*/0 * * * *", "", "step of range"},
		{"H * * * *", "", "cannot be read"},
		{"@reboot", "", "unrecognized descriptor"},
		{"@every 1h", "", "use an interval"},
		{"TZ=Asia/Tokyo 0 9 * * *", "", "must not name a time zone"},
		{"CRON_TZ=Asia/Tokyo 0 9 * * *", "", "must not name a time zone"},
		{"0 9 * * *", "Europe/Atlantis", "time zone"},
		{", * * * * *", "", "without a value"},
		{"0 0 , * *", "", "without a value"},
		{"0 0 32 * *", "", "above maximum (31)"},
		{"0 0 * * FRI#6", "", "cannot be read"},
	} {
		if _, err := scheduler.ParseCron(test.expression, test.zone); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q in %q: got %v, want an error with %q", test.expression, test.zone, err, test.want)
		}
	}
}

// FuzzCron looks for expressions that make it panic, go back, or miss an occurrence that it gives elsewhere.
func FuzzCron(f *testing.F) {
	zones := []string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia", "America/Sao_Paulo"}
	for i, e := range []string{"*/15 * * * *", "30 2 * * *", "0 0 L * FRI#2", "* * * * * *", "0 0 29 2 MON", "59 59 23 31 12 ?", "@weekly", "0 22-2/3 15W 1-3,DEC *"} {
		f.Add(e, i, int64(1_800_000_000+i*86_400_000))
	}
	f.Fuzz(func(t *testing.T, expression string, zone int, from int64) {
		c, err := scheduler.ParseCron(expression, zones[uint(zone)%uint(len(zones))])
		if err != nil {
			return
		}
		start := time.Unix(from%4_000_000_000, 0)
		before := start
		for range 5 {
			next := c.Next(before)
			if next.IsZero() {
				return
			}
			if !next.After(before) {
				t.Fatalf("%q: %v does not come after %v", expression, next, before)
			}
			if middle := before.Add(next.Sub(before) / 2); !c.Next(middle).Equal(next) && middle.Before(next) {
				t.Fatalf("%q: after %v comes %v, but after %v comes %v", expression, before, next, middle, c.Next(middle))
			}
			before = next
		}
	})
}

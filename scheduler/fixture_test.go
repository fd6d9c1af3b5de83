package scheduler_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony/symphonytest/testclock"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/schedule"
	"github.com/symphony-messenger/symphony/scheduler"
	"github.com/symphony-messenger/symphony/symphonytest"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

// noon is when the tests' clocks begin: a Monday.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// storage is a transport that keeps schedules, and shows its messages.
type storage interface {
	symphony.Transport
	symphony.MessageStore
	schedule.Store
}

// rig is a scheduler on a storage, with a clock that the test moves.
type rig struct {
	*testing.T
	*scheduler.Scheduler
	clock *testclock.Clock
	tr    storage
	bus   *symphony.Bus
	log   *logBuffer

	mu   sync.Mutex
	told []string // by Options.Failed: ids of schedules
}

// logBuffer is a log that can be read while it is written.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// onStorage is a rig on a storage of its own.
func onStorage(t *testing.T) *rig {
	t.Helper()
	clock := testclock.New(noon)
	return newRig(t, clock, symphonytest.Storage(t, sqlite.Options{Clock: clock}))
}

func newRig(t *testing.T, clock *testclock.Clock, tr storage) *rig {
	t.Helper()
	r := &rig{T: t, clock: clock, tr: tr, log: &logBuffer{}}
	var err error
	if r.bus, err = symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{Clock: clock}); err != nil {
		t.Fatal(err)
	}
	r.Scheduler = r.node(tr)
	return r
}

// node is a scheduler of another node, which reaches the storage through store.
func (r *rig) node(store schedule.Store) *scheduler.Scheduler {
	r.Helper()
	s, err := scheduler.New(store, r.bus, scheduler.Options{Clock: r.clock, Failed: r.tell, Logger: slog.New(slog.NewTextHandler(r.log, nil))})
	if err != nil {
		r.Fatal(err)
	}
	return s
}

func (r *rig) tell(s schedule.Schedule) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told = append(r.told, s.ID)
}

// every is a schedule of an interval, enabled.
func every(interval time.Duration) schedule.Schedule {
	return schedule.Schedule{Interval: interval, Message: symphony.Message{Type: "Tick", Payload: json.RawMessage(`{}`)}}
}

func cron(expression string) schedule.Schedule {
	s := every(0)
	s.Cron = expression
	return s
}

func once(at time.Time) schedule.Schedule {
	s := every(0)
	s.At = at
	return s
}

func (r *rig) create(sch schedule.Schedule) schedule.Schedule {
	r.Helper()
	got, err := r.Create(r.Context(), sch)
	if err != nil {
		r.Fatal(err)
	}
	return got
}

func (r *rig) get(id string) schedule.Schedule {
	r.Helper()
	got, err := r.Get(r.Context(), id)
	if err != nil {
		r.Fatal(err)
	}
	return got
}

// to moves the clock on to a time.
func (r *rig) to(at time.Time) { r.clock.Advance(at.Sub(r.clock.Now())) }

func (r *rig) fire() scheduler.Report {
	r.Helper()
	report, err := r.FireDue(r.Context())
	if err != nil {
		r.Fatal(err)
	}
	return report
}

// wantReport compares what a round did.
func (r *rig) wantReport(got scheduler.Report, fired, skipped, failed int) {
	r.Helper()
	if got.Fired != fired || got.Skipped != skipped || got.Failed != failed {
		r.Errorf("fired %d, skipped %d, failed %d; want %d, %d, %d", got.Fired, got.Skipped, got.Failed, fired, skipped, failed)
	}
}

// messages claims and acks all messages that are ready and returns the occurrences that they are for, oldest first.
func (r *rig) messages() []string {
	r.Helper()
	return occurrencesOf(r.T, r.tr)
}

// fataler is a test, or one of rapid's.
type fataler interface {
	Helper()
	Fatal(args ...any)
}

func occurrencesOf(t fataler, tr symphony.Transport) []string {
	t.Helper()
	var list []string
	for {
		got, err := tr.Receive(context.Background(), symphony.ReceiveOptions{Max: symphony.MaxReceive, Worker: "test"})
		if err != nil {
			t.Fatal(err)
		}
		if len(got) == 0 {
			slices.Sort(list)
			return list
		}
		var settlements []symphony.Settlement
		for _, d := range got {
			list = append(list, d.Header(schedule.HeaderOccurrence))
			settlements = append(settlements, symphony.Settlement{Lease: d.Lease, Outcome: symphony.Ack})
		}
		if err := errors.Join(tr.Settle(context.Background(), settlements)...); err != nil {
			t.Fatal(err)
		}
	}
}

func texts(times ...time.Time) []string {
	var list []string
	for _, t := range times {
		list = append(list, schedule.OccurrenceText(t))
	}
	return list
}

func (r *rig) wantMessages(want ...time.Time) {
	r.Helper()
	if diff := cmp.Diff(texts(want...), r.messages()); diff != "" {
		r.Errorf("occurrences with a message (-want +got):\n%s", diff)
	}
}

// history is what is recorded of a schedule, oldest first.
func (r *rig) history(id string) []schedule.Run {
	r.Helper()
	page, err := r.Runs(r.Context(), schedule.RunQuery{ScheduleID: id, Limit: schedule.MaxPage})
	if err != nil {
		r.Fatal(err)
	}
	slices.Reverse(page.Runs)
	return page.Runs
}

// entry is an entry of a history without what tests of outcomes do not look at.
type entry struct {
	Outcome             schedule.Outcome
	Occurrence, Through time.Duration // since noon
	Manual              bool
}

func (r *rig) wantHistory(id string, want ...entry) {
	r.Helper()
	var got []entry
	for _, run := range r.history(id) {
		got = append(got, entry{run.Outcome, run.Occurrence.Sub(noon), run.Through.Sub(noon), run.Manual})
		if fired := run.Outcome == schedule.Fired; fired != (len(run.Messages) > 0) {
			r.Errorf("entry %d is %s and has the messages %v", run.Seq, run.Outcome, run.Messages)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		r.Errorf("history (-want +got):\n%s", diff)
	}
}

func fired(at time.Duration) entry { return entry{schedule.Fired, at, at, false} }

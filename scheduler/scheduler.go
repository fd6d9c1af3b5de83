// Package scheduler makes, changes and fires schedules: messages that are dispatched once at a time, by a cron
// expression, or at an interval.
//
//	s, err := scheduler.New(store, bus, scheduler.Options{})
//	_, err = s.Create(ctx, schedule.Schedule{Name: "report", Cron: "0 9 * * MON-FRI", Timezone: "Europe/Berlin",
//		Message: symphony.Message{Type: "DailyReport", Payload: json.RawMessage(`{}`)}})
//	err = s.Run(ctx) // until ctx ends
//
// Any number of nodes may run a scheduler on one storage; none of them is special. Where no process runs all the time,
// FireDue fires what is due and returns.
//
// # One message for each occurrence
//
// An occurrence is fired in two steps: its message is dispatched with the idempotency key of schedule and occurrence,
// and then the schedule is advanced to the next occurrence, together with the entry in its history, if nobody has
// changed it since it was read. Of several nodes at the same occurrence all get the same message, and one advances. A
// node that dies between the steps leaves the occurrence due: whoever fires it again gets the message that is there,
// and records it.
//
// The key is remembered for the bus's idempotency window, from the dispatch on. A second message could only be made if
// all schedulers died between the two steps of an occurrence and none came back within that window, 24 hours by
// default. Occurrences that are older than the window when they are fired for the first time have no such limit: what
// was advanced past is not fired again. If, when another node takes over, the MissedPolicy has the occurrence skipped,
// the history says so, although the dead node's message is there. A transport that remembers no keys, such as
// transport/inline, may handle an occurrence twice when a node dies.
//
// # Times
//
// The clock of the store decides what is due. An occurrence that cannot be dispatched stays due and is tried again with
// growing pauses, up to 5 minutes, while other schedules go on; what became of it meanwhile is for its MissedPolicy to
// say.
package scheduler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/schedule"
	"golang.org/x/sync/errgroup"
)

// DefaultPoll is Options.Poll unless given.
const DefaultPoll = time.Second

// How many schedules are read at a time, and how many are fired at the same time.
const (
	pageSize    = 100
	concurrency = 8
)

// awhile is the pause before a look at what is due that this round could do nothing about.
const awhile = 50 * time.Millisecond

// stepTime bounds one firing, so that storage that hangs holds up the others no longer.
const stepTime = 30 * time.Second

// Options are the optional settings of a Scheduler.
type Options struct {
	// Poll is how long Run sleeps at most, and so how late it sees what other nodes have changed. Default DefaultPoll.
	Poll time.Duration
	// Failed is called with a schedule that could not fire, the first time in a row, by the process that tried. It is
	// called concurrently and must return at once. Default: nobody is told.
	Failed func(schedule.Schedule)
	// Clock makes the timers of Run. Default symphony.SystemClock.
	Clock symphony.Clock
	// Logger reports schedules that cannot fire. Default slog.Default.
	Logger *slog.Logger
}

// Scheduler works on the schedules of one storage. Safe for concurrent use.
type Scheduler struct {
	store   schedule.Store
	bus     *symphony.Bus
	o       Options
	changed chan struct{} // wakes Run
}

// New makes a scheduler over a store, such as schedule.Of returns, and the bus to which messages are dispatched.
func New(store schedule.Store, bus *symphony.Bus, o Options) (*Scheduler, error) {
	if store == nil || bus == nil {
		return nil, errors.New("scheduler: a store and a bus are required")
	}
	if o.Poll < 0 {
		return nil, fmt.Errorf("scheduler: poll %s must not be negative", o.Poll)
	}
	if o.Poll == 0 {
		o.Poll = DefaultPoll
	}
	if o.Failed == nil {
		o.Failed = func(schedule.Schedule) {}
	}
	if o.Clock == nil {
		o.Clock = symphony.SystemClock()
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return &Scheduler{store: store, bus: bus, o: o, changed: make(chan struct{}, 1)}, nil
}

// wake has Run look again.
func (s *Scheduler) wake() {
	select {
	case s.changed <- struct{}{}:
	default: // it will look anyway
	}
}

// Report is what a round did.
type Report struct {
	Fired   int // occurrences that were dispatched
	Skipped int // entries in histories about occurrences that were skipped
	Failed  int // schedules that could not fire
	// More says that something is due still, such as further missed occurrences of a schedule with schedule.MissedAll.
	More bool
	// Next is when something will be due next, on the store's clock; zero where nothing is known to be.
	Next time.Time
}

func (r *Report) add(o Report) {
	r.Fired += o.Fired
	r.Skipped += o.Skipped
	r.Failed += o.Failed
}

// FireDue fires each schedule that is due, up to schedule.MaxCatchUp occurrences of each, and returns. A schedule that
// cannot fire is counted and tried again later; it stops no other. The error is the storage's, or that of ctx; the
// report says what was done before it.
func (s *Scheduler) FireDue(ctx context.Context) (Report, error) {
	report, _, err := s.round(ctx)
	return report, err
}

// Run fires schedules as they become due, until ctx ends; then it finishes what is in hand and returns nil. It sleeps
// until the next one is due, and looks again when this Scheduler changes one, and after Options.Poll. Storage that
// fails is waited for. The error is symphony.ErrClosed if the store was closed underneath.
func (s *Scheduler) Run(ctx context.Context) error {
	failures := 0
	for ctx.Err() == nil {
		report, wait, err := s.round(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, symphony.ErrClosed):
			return err
		case err != nil:
			if failures++; failures == 1 {
				s.o.Logger.Error("schedules cannot be fired; trying again", "error", err)
			}
			wait = s.o.Poll
		default:
			if failures > 0 {
				s.o.Logger.Info("schedules are fired again", "attempts", failures+1)
			}
			failures = 0
			switch {
			case report.More && report.Fired+report.Skipped+report.Failed > 0:
				continue
			case report.More: // another node is at it
				wait = min(wait, awhile)
			}
		}
		timer := s.o.Clock.NewTimer(wait)
		select {
		case <-timer.C():
		case <-s.changed:
		case <-ctx.Done():
		}
		timer.Stop()
	}
	return nil
}

// round is FireDue. wait is how long there is nothing to do, at most Options.Poll.
func (s *Scheduler) round(ctx context.Context) (report Report, wait time.Duration, err error) {
	var (
		mu    sync.Mutex
		place schedule.DuePlace
		seen  = make(map[string]bool)
		due   schedule.Page
		errs  []error
	)
	for {
		if due, err = schedule.Due(ctx, s.store, place, pageSize); err != nil {
			return report, 0, fmt.Errorf("scheduler: %w", err)
		}
		var group errgroup.Group // goes on after an error
		group.SetLimit(concurrency)
		for _, sch := range due.Schedules {
			place = schedule.DuePlace{DueAt: sch.DueAt, ID: sch.ID}
			if seen[sch.ID] { // it has more, which is for the next round
				continue
			}
			seen[sch.ID] = true
			group.Go(func() error {
				did, err := s.fire(ctx, sch, due.Now)
				mu.Lock()
				defer mu.Unlock()
				report.add(did)
				return err
			})
		}
		errs = append(errs, group.Wait())
		if !due.HasMore {
			break
		}
	}
	if len(seen) > 0 { // they have been moved since
		if due, err = schedule.Due(ctx, s.store, schedule.DuePlace{}, 1); err != nil {
			return report, 0, fmt.Errorf("scheduler: %w", err)
		}
		report.More = len(due.Schedules) > 0
	}
	report.Next = due.Next
	if err = errors.Join(append(errs, ctx.Err())...); err != nil {
		return report, 0, fmt.Errorf("scheduler: %w", err)
	}
	wait = s.o.Poll
	if !due.Next.IsZero() {
		wait = min(wait, due.Next.Sub(due.Now))
	}
	return report, wait, nil
}

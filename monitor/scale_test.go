package monitor_test

import (
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/metrics"
	"github.com/symphony-messenger/symphony/monitor"
	"github.com/symphony-messenger/symphony/symphonytest"
	"github.com/symphony-messenger/symphony/symphonytest/testclock"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

// queueStory has messages dispatched to the queue mail, some of them taken and some handled.
type queueStory struct {
	backlog, inHand int
	handled         int           // attempts that succeeded, counted aside of the messages
	retried         int           // attempts that failed, likewise
	took            time.Duration // each of them
	ago             time.Duration // when they ended
	scheduled       int           // for later
	paused          bool
	ask             monitor.ScaleQuery
}

func (story queueStory) scale(t *testing.T) monitor.Scale {
	t.Helper()
	clock := testclock.New(noon)
	tr := symphonytest.Storage(t, sqlite.Options{Clock: clock})
	recorder, err := metrics.New(tr, metrics.Options{Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{Clock: clock, Observer: recorder})
	if err != nil {
		t.Fatal(err)
	}
	m, err := monitor.New(monitor.Options{Bus: bus, Metrics: recorder, Clock: clock, Concurrency: 4})
	if err != nil {
		t.Fatal(err)
	}
	for outcome, n := range map[symphony.Outcome]int{symphony.Ack: story.handled, symphony.Retry: story.retried} {
		for range n {
			now := clock.Now()
			recorder.AttemptsEnded([]symphony.EndedAttempt{{
				Transport: "default", Queue: "mail", Type: "Mail", Attempt: 2,
				Settlement: symphony.Settlement{Outcome: outcome, StartedAt: now.Add(-story.took), FinishedAt: now},
			}})
		}
	}
	clock.Advance(story.ago)
	dispatch := func(o symphony.DispatchOptions) {
		o.Queue = "mail"
		if _, err := bus.Dispatch(t.Context(), "Mail", struct{}{}, o); err != nil {
			t.Fatal(err)
		}
	}
	for range story.backlog + story.inHand {
		dispatch(symphony.DispatchOptions{})
	}
	for range story.scheduled {
		dispatch(symphony.DispatchOptions{ScheduledAt: clock.Now().Add(time.Hour)})
	}
	for taken := 0; taken < story.inHand; {
		list, err := tr.Receive(t.Context(), symphony.ReceiveOptions{
			Queues: []string{"mail"}, Max: story.inHand - taken, Lease: time.Hour,
		})
		if err != nil {
			t.Fatal(err)
		}
		taken += len(list)
	}
	if story.paused {
		control, err := flow.ControlOf(bus, "default")
		if err != nil {
			t.Fatal(err)
		}
		hold := flow.Hold{HoldTarget: flow.HoldTarget{Queue: "mail"}, Mode: flow.Paused}
		if err := control.Hold(t.Context(), hold); err != nil {
			t.Fatal(err)
		}
	}
	clock.Advance(40 * time.Second)
	story.ask.Queue = "mail"
	got, err := m.Scale(t.Context(), story.ask)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestScale(t *testing.T) {
	for name, test := range map[string]struct {
		story queueStory
		want  int
	}{
		"nothing is there, nothing is needed":       {queueStory{}, 0},
		"one worker finds out what a message takes": {queueStory{backlog: 900}, 1},
		"what is scheduled for later needs nobody":  {queueStory{scheduled: 50}, 0},
		"a backlog is handled within the drain time": { // 2 s * (600/340 s + 600/60 s) / 4
			queueStory{backlog: 600, handled: 1, took: 2 * time.Second}, 6},
		"within a longer one by fewer": {
			queueStory{backlog: 600, handled: 1, took: 2 * time.Second, ask: monitor.ScaleQuery{Drain: time.Hour}}, 1},
		"by fewer that do more at a time": {
			queueStory{backlog: 600, handled: 1, took: 2 * time.Second, ask: monitor.ScaleQuery{Concurrency: 12}}, 2},
		"what is in hand keeps its workers": {queueStory{inHand: 9}, 3},
		"a paused queue needs those alone": {
			queueStory{backlog: 600, inHand: 5, handled: 1, took: 2 * time.Second, paused: true}, 2},
		"attempts that fail come again": {queueStory{retried: 340, took: 8 * time.Second}, 2}, // 8 s * 340/340 s / 4
		"the run time of the last hour counts": {
			queueStory{backlog: 60, handled: 3, took: 8 * time.Second, ago: 30 * time.Minute}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := test.story.scale(t); got.DesiredWorkers != test.want {
				t.Errorf("%d workers, want %d: %+v", got.DesiredWorkers, test.want, got)
			}
		})
	}
	got := queueStory{backlog: 34, inHand: 3, handled: 68, retried: 17, took: time.Second, scheduled: 1}.scale(t)
	want := monitor.Scale{
		ScaleQuery: monitor.ScaleQuery{Transport: "default", Queue: "mail", Concurrency: 4, Drain: time.Minute},
		Backlog:    34, Processing: 3, OldestAge: 40 * time.Second, ArrivalRate: 38. / 340, RetryRate: 17. / 340,
		HandleRate: 85. / 340, RunTime: time.Second, DesiredWorkers: 1,
	}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

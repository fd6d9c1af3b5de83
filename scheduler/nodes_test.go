package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony/symphonytest/testclock"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/internal/pgtest"
	"github.com/symphony-messenger/symphony/schedule"
	"github.com/symphony-messenger/symphony/scheduler"
	"github.com/symphony-messenger/symphony/transport/postgres"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

// errDead is what a node that has died gets from its storage.
var errDead = errors.New("this node is dead")

// mortal is a storage as one node sees it, which dies at one of its calls: before the call is made, or after it was
// made and before its result arrives. What it calls it counts, and what it recorded it remembers.
type mortal struct {
	storage

	mu       sync.Mutex
	calls    []string
	dieAt    int // the number of the call; 0: never
	after    bool
	die      func() // how; nil: by errDead, for good
	recorded []schedule.Run
}

// call makes a call unless the node is dead.
func (m *mortal) call(name string, do func() error) error {
	m.mu.Lock()
	m.calls = append(m.calls, name)
	n := len(m.calls)
	m.mu.Unlock()
	if m.dieAt > 0 && (n > m.dieAt || n == m.dieAt && !m.after) {
		return m.death()
	}
	err := do()
	if n == m.dieAt {
		return m.death()
	}
	return err
}

func (m *mortal) death() error {
	if m.die != nil {
		m.die()
	}
	return errDead
}

func (m *mortal) Send(ctx context.Context, e []*symphony.Envelope) (got []symphony.Receipt, err error) {
	err = m.call("send", func() (err error) { got, err = m.storage.Send(ctx, e); return err })
	return got, err
}

func (m *mortal) ListSchedules(ctx context.Context, q schedule.Query) (got schedule.Page, err error) {
	name := "get"
	if q.Due != nil {
		name = "due"
	}
	err = m.call(name, func() (err error) { got, err = m.storage.ListSchedules(ctx, q); return err })
	return got, err
}

func (m *mortal) ListMessages(ctx context.Context, q symphony.MessageQuery) (got symphony.MessagePage, err error) {
	err = m.call("unfinished", func() (err error) { got, err = m.storage.ListMessages(ctx, q); return err })
	return got, err
}

func (m *mortal) PutSchedule(ctx context.Context, c schedule.Change) (got schedule.Schedule, err error) {
	err = m.call("advance", func() (err error) {
		if got, err = m.storage.PutSchedule(ctx, c); err == nil {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.recorded = append(m.recorded, c.Runs...)
		}
		return err
	})
	return got, err
}

// dying is a node that reaches the storage through m.
func dying(t fataler, clock symphony.Clock, m *mortal) *scheduler.Scheduler {
	t.Helper()
	bus, err := symphony.NewBus([]symphony.Transport{m}, symphony.BusOptions{Clock: clock, IdempotencyWindow: 365 * 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	s, err := scheduler.New(m, bus, scheduler.Options{Clock: clock, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestFireDue_one_message_for_each_occurrence_wherever_a_node_dies(t *testing.T) {
	r := onStorage(t)
	sch := every(time.Minute)
	sch.Missed, sch.Overlap = schedule.MissedAll, schedule.OverlapSkip
	id := r.create(sch).ID
	var want []time.Time
	tick := func() {
		// Three occurrences in a round, each of them finished before the next.
		for range 3 {
			r.clock.Advance(time.Minute)
			want = append(want, r.clock.Now())
		}
	}
	seen := make(map[string]bool)
	tick()
	var got []string
	for dieAt := 1; ; dieAt++ {
		died := false
		for _, after := range []bool{false, true} {
			m := &mortal{storage: r.tr, dieAt: dieAt, after: after}
			if _, err := dying(t, r.clock, m).FireDue(t.Context()); err != nil {
				died = true
				seen[m.calls[dieAt-1]] = true
			}
			// Another node takes over, and workers handle what there is.
			for {
				got = append(got, r.messages()...)
				if !r.fire().More && r.get(id).DueAt.After(r.clock.Now()) {
					break
				}
			}
			got = append(got, r.messages()...)
			tick()
		}
		if !died {
			break // the round has no such call
		}
	}
	for r.fire().More {
		got = append(got, r.messages()...)
	}
	got = append(got, r.messages()...)
	slices.Sort(got)
	fired := make(map[string]bool)
	for _, text := range got {
		if fired[text] {
			t.Errorf("%s has two messages", text)
		}
		fired[text] = true
	}
	if total := r.get(id).RunCount; total != len(got) {
		t.Errorf("%d messages, and %d runs were counted", len(got), total)
	}
	if diff := cmp.Diff(map[string]bool{"due": true, "send": true, "advance": true, "unfinished": true}, seen); diff != "" {
		t.Errorf("calls at which it died (-want +got):\n%s", diff)
	}
}

func TestFireDue_a_node_that_dies_between_the_steps_leaves_nothing_to_lose(t *testing.T) {
	r := onStorage(t)
	id := r.create(every(time.Minute)).ID
	r.to(noon.Add(time.Minute))
	m := &mortal{storage: r.tr, dieAt: 3} // due, send, advance
	if _, err := dying(t, r.clock, m).FireDue(t.Context()); !errors.Is(err, errDead) {
		t.Fatalf("got %v", err)
	}
	if got := r.get(id); got.RunCount != 0 || !got.NextRunAt.Equal(noon.Add(time.Minute)) {
		t.Fatalf("ran %d times, next %v", got.RunCount, got.NextRunAt)
	}
	r.wantReport(r.fire(), 1, 0, 0)
	r.wantHistory(id, fired(time.Minute))
	run := r.history(id)[0]
	got, err := r.tr.Receive(t.Context(), symphony.ReceiveOptions{})
	if err != nil || len(got) != 1 || got[0].ID != run.Messages[0].ID {
		t.Errorf("received %v, %v; the history has %v", got, err, run.Messages)
	}
}

func TestFireDue_a_message_changed_between_the_steps_is_not_sent_twice(t *testing.T) {
	r := onStorage(t)
	id := r.create(every(time.Minute)).ID
	r.to(noon.Add(time.Minute))
	m := &mortal{storage: r.tr, dieAt: 3}
	if _, err := dying(t, r.clock, m).FireDue(t.Context()); !errors.Is(err, errDead) {
		t.Fatalf("got %v", err)
	}
	if _, err := r.Update(t.Context(), id, func(s *schedule.Schedule) error { s.Message.Payload = []byte(`{"new":true}`); return nil }); err != nil {
		t.Fatal(err)
	}
	r.wantReport(r.fire(), 1, 0, 0)
	r.wantHistory(id, fired(time.Minute))
	r.wantMessages(noon.Add(time.Minute))
}

// interrupting lets another do something between the two steps of a firing.
type interrupting struct {
	storage
	between func()
	once    sync.Once
}

func (i *interrupting) PutSchedule(ctx context.Context, c schedule.Change) (schedule.Schedule, error) {
	i.once.Do(i.between)
	return i.storage.PutSchedule(ctx, c)
}

func TestFireDue_changes_between_the_steps(t *testing.T) {
	const m = time.Minute
	for name, test := range map[string]struct {
		between func(r *rig, id string) error
		runs    int
		want    []entry
	}{
		"another node fires it": {func(r *rig, _ string) error { _, err := r.FireDue(r.Context()); return err }, 1, []entry{fired(m)}},
		"it gets other times": {func(r *rig, id string) error {
			_, err := r.Update(r.Context(), id, func(s *schedule.Schedule) error { s.Interval = 7 * m; return nil })
			return err
		}, 1, []entry{fired(m)}},
		"it is disabled": {func(r *rig, id string) error { _, err := r.Disable(r.Context(), id); return err }, 1, []entry{fired(m)}},
		"its message is changed": {func(r *rig, id string) error {
			_, err := r.Update(r.Context(), id, func(s *schedule.Schedule) error { s.Message.Payload = []byte(`{"a":1}`); return nil })
			return err
		}, 1, []entry{fired(m)}},
		"it is run by hand": {func(r *rig, id string) error { _, err := r.RunNow(r.Context(), id); return err }, 1,
			[]entry{{schedule.Fired, m, m, true}, fired(m)}},
	} {
		t.Run(name, func(t *testing.T) {
			r := onStorage(t)
			id := r.create(every(m)).ID
			r.to(noon.Add(m))
			i := &interrupting{storage: r.tr, between: func() {
				if err := test.between(r, id); err != nil {
					r.Error(err)
				}
			}}
			if _, err := r.node(i).FireDue(r.Context()); err != nil {
				r.Fatal(err)
			}
			r.fire()
			r.wantHistory(id, test.want...)
			if got := r.get(id).RunCount; got != test.runs {
				r.Errorf("ran %d times, want %d", got, test.runs)
			}
			if got := len(r.messages()); got != len(test.want) {
				r.Errorf("%d messages, want %d", got, len(test.want))
			}
		})
	}
	t.Run("it is deleted", func(t *testing.T) {
		r := onStorage(t)
		id := r.create(every(m)).ID
		r.to(noon.Add(m))
		i := &interrupting{storage: r.tr, between: func() {
			if err := r.Delete(t.Context(), id); err != nil {
				t.Error(err)
			}
		}}
		if _, err := r.node(i).FireDue(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.wantMessages(noon.Add(m))
	})
}

// TestNodes_race has several nodes fire the same schedules at the same time.
func TestNodes_race(t *testing.T) {
	const nodes, rounds, schedules = 4, 12, 5
	// Each opens a node, on one storage.
	for name, prepare := range map[string]func(t *testing.T, clock symphony.Clock) func(t *testing.T) storage{
		"sqlite": func(t *testing.T, clock symphony.Clock) func(*testing.T) storage {
			tr, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "queue.db"), sqlite.Options{Clock: clock})
			if err != nil {
				t.Fatal(err)
			}
			return func(*testing.T) storage { return tr }
		},
		"postgres": func(t *testing.T, clock symphony.Clock) func(*testing.T) storage {
			url := pgtest.URL(t)
			return func(t *testing.T) storage { // with connections of its own
				tr, err := postgres.Open(t.Context(), url, postgres.Options{Clock: clock, Logger: slog.New(slog.DiscardHandler)})
				if err != nil {
					t.Fatal(err)
				}
				return tr
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			clock := testclock.New(noon)
			node := prepare(t, clock)
			fresh := func(t *testing.T) storage {
				tr := node(t)
				t.Cleanup(func() {
					if err := tr.Close(); err != nil {
						t.Error(err)
					}
				})
				return tr
			}
			first := newRig(t, clock, fresh(t))
			all := []*scheduler.Scheduler{first.Scheduler}
			for range nodes - 1 {
				all = append(all, newRig(t, clock, fresh(t)).Scheduler)
			}
			var ids []string
			var want []string
			for i := range schedules {
				sch := every(time.Minute)
				sch.Name, sch.Missed = fmt.Sprintf("s%d", i), []schedule.MissedPolicy{schedule.MissedAll, schedule.MissedLast}[i%2]
				ids = append(ids, first.create(sch).ID)
			}
			for round := range rounds {
				clock.Advance(time.Minute)
				for range schedules {
					want = append(want, schedule.OccurrenceText(noon.Add(time.Duration(round+1)*time.Minute)))
				}
				var group sync.WaitGroup
				for _, s := range all {
					group.Go(func() {
						if _, err := s.FireDue(t.Context()); err != nil {
							t.Error(err)
						}
					})
				}
				group.Wait()
			}
			// A node finds what others have sent a moment before when it is told, or looks again: by a clock that
			// stands still, only a node that has not looked yet is sure to find everything.
			if diff := cmp.Diff(want, occurrencesOf(t, fresh(t))); diff != "" {
				t.Errorf("occurrences with a message (-want +got):\n%s", diff)
			}
			for _, id := range ids {
				var entries []entry
				for round := range rounds {
					entries = append(entries, fired(time.Duration(round+1)*time.Minute))
				}
				first.wantHistory(id, entries...)
				if got := first.get(id).RunCount; got != rounds {
					t.Errorf("ran %d times, want %d", got, rounds)
				}
			}
		})
	}
}

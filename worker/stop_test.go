package worker_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
	"github.com/symphony-messenger/symphony/worker"
)

// Every worker that runs sees the request, also one that is idle, and one that starts later does not.
func TestStopAll_ends_the_workers_that_run_and_no_later_one(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		o := worker.Options{StopRequests: f.tr.Transport}
		first, second := f.start(o), f.start(o)
		wait(10 * time.Second)
		began := time.Now()
		if err := worker.StopAll(t.Context(), f.tr.Transport, began); err != nil {
			t.Fatal(err)
		}
		for _, w := range []*run{first, second} {
			if <-w.done; w.err != nil || w.report.Reason != worker.StopRequested {
				t.Errorf("stopped by %q (%v), want %q", w.report.Reason, w.err, worker.StopRequested)
			}
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("stopped after %s, want about a second", took)
		}
		o.TimeLimit = time.Minute
		if report := f.run(o); report.Reason != worker.TimeLimit {
			t.Errorf("a worker started afterwards was stopped by %q, want its time limit", report.Reason)
		}
	})
}

func TestStartAll_takes_back_the_latest_stop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		records, now := f.tr.Transport, time.Now()
		if stopped, err := worker.StartAll(t.Context(), records); stopped || err != nil {
			t.Fatalf("without a stop: %t, %v", stopped, err)
		}
		stop := func() {
			if err := worker.StopAll(t.Context(), records, now); err != nil {
				t.Fatal(err)
			}
		}
		start := func() {
			if stopped, err := worker.StartAll(t.Context(), records); !stopped || err != nil {
				t.Fatalf("after a stop: %t, %v", stopped, err)
			}
		}
		awaited := func() <-chan error {
			done := make(chan error, 1)
			go func() {
				_, err := worker.AwaitStart(t.Context(), records, "", symphony.SystemClock())
				done <- err
			}()
			synctest.Wait()
			return done
		}
		stop()
		waiting := awaited()
		wait(time.Minute)
		if len(waiting) != 0 {
			t.Fatal("it did not wait for a start")
		}
		start()
		wait(2 * time.Second)
		if err := <-waiting; err != nil {
			t.Fatal(err)
		}
		// Who looks late misses nothing: the stop it saw was taken back.
		if err := <-awaited(); err != nil {
			t.Fatal(err)
		}
		// A later stop is another one.
		stop()
		again := awaited()
		wait(time.Minute)
		if len(again) != 0 {
			t.Fatal("a start before the stop counted")
		}
		start()
		if err := <-again; err != nil {
			t.Fatal(err)
		}
		if stopped, err := worker.StartAll(t.Context(), records); stopped || err != nil {
			t.Fatalf("a second start: %t, %v", stopped, err)
		}
	})
}

// A node is stopped and started alone, whatever was asked of all before.
func TestStopNode_ends_the_workers_of_one_node(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		records, alive := f.tr.Transport, []string{"one", "two"}
		on := func(node string) worker.Options { return worker.Options{StopRequests: records, Node: node} }
		one, two := f.start(on("one")), f.start(on("two"))
		wait(10 * time.Second)
		if err := worker.StopNode(t.Context(), records, "one", alive, time.Now()); err != nil {
			t.Fatal(err)
		}
		if <-one.done; one.report.Reason != worker.StopRequested {
			t.Errorf("stopped by %q", one.report.Reason)
		}
		wait(time.Minute)
		if len(two.done) != 0 {
			t.Error("the other node was stopped too")
		}
		stopped := func() string {
			t.Helper()
			list, err := worker.StoppedNodes(t.Context(), records, alive)
			if err != nil {
				t.Fatal(err)
			}
			return strings.Join(list, " ")
		}
		if got := stopped(); got != "one" {
			t.Errorf("stopped are %q", got)
		}
		started := make(chan error, 1)
		go func() {
			_, err := worker.AwaitStart(t.Context(), records, "one", symphony.SystemClock())
			started <- err
		}()
		wait(time.Minute)
		if len(started) != 0 {
			t.Fatal("it did not wait for a start")
		}
		start := func(node string, want bool) {
			t.Helper()
			if was, err := worker.StartNode(t.Context(), records, node, alive); was != want || err != nil {
				t.Errorf("start of %s: %t, %v", node, was, err)
			}
		}
		start("one", true)
		if err := <-started; err != nil || stopped() != "" {
			t.Errorf("started: %v, stopped are %q", err, stopped())
		}
		start("one", false)

		// All are stopped, and one is started again.
		if err := worker.StopAll(t.Context(), records, time.Now()); err != nil {
			t.Fatal(err)
		}
		if <-two.done; stopped() != "one two" {
			t.Errorf("stopped are %q", stopped())
		}
		start("two", true)
		if got := stopped(); got != "one" {
			t.Errorf("stopped are %q", got)
		}
		if err := worker.StopNode(t.Context(), records, "two", alive, time.Now()); err != nil {
			t.Fatal(err)
		}
		if was, err := worker.StartAll(t.Context(), records); !was || err != nil || stopped() != "" {
			t.Errorf("start of all: %t, %v, stopped are %q", was, err, stopped())
		}
		if was, err := worker.StartAll(t.Context(), records); was || err != nil {
			t.Errorf("start of all again: %t, %v", was, err)
		}
	})
}

// A process is not concerned by what was asked before it began, and is by all that is asked from then on, also before
// its workers have started.
func TestJoin(t *testing.T) {
	tests := map[string]struct {
		meanwhile func(t *testing.T, records storage.Records) error
		want      worker.StopReason
	}{
		"nothing is asked": {func(*testing.T, storage.Records) error { return nil }, worker.TimeLimit},
		"all are to stop": {func(t *testing.T, records storage.Records) error {
			return worker.StopAll(t.Context(), records, time.Now())
		}, worker.StopRequested},
		"it alone is to stop": {func(t *testing.T, records storage.Records) error {
			return worker.StopNode(t.Context(), records, "new", []string{"new"}, time.Now())
		}, worker.StopRequested},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				records := f.tr.Transport
				if err := worker.StopAll(t.Context(), records, time.Now()); err != nil {
					t.Fatal(err)
				}
				asked, err := worker.Join(t.Context(), records, "new", []string{"old"})
				if err != nil {
					t.Fatal(err)
				}
				stopped, err := worker.StoppedNodes(t.Context(), records, []string{"old", "new"})
				if err != nil || !slices.Equal(stopped, []string{"old"}) {
					t.Errorf("stopped are %q, %v; want the node that was there", stopped, err)
				}
				wait(time.Second)
				if err := test.meanwhile(t, records); err != nil {
					t.Fatal(err)
				}
				o := worker.Options{StopRequests: records, Node: "new", Asked: asked, TimeLimit: time.Minute}
				if report := f.run(o); report.Reason != test.want {
					t.Errorf("stopped by %q, want %q", report.Reason, test.want)
				}
			})
		})
	}
}

// What was asked of nodes that are gone is forgotten.
func TestStopNode_forgets_nodes_that_are_gone(t *testing.T) {
	f := newFixture(t)
	records := f.tr.Transport
	for _, node := range []string{"a", "b"} {
		if err := worker.StopNode(t.Context(), records, node, []string{"a", node}, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if err := worker.StopNode(t.Context(), records, "c", []string{"c", "b"}, time.Now()); err != nil {
		t.Fatal(err)
	}
	list, err := worker.StoppedNodes(t.Context(), records, []string{"a", "b", "c"})
	if got := strings.Join(list, " "); err != nil || got != "b c" {
		t.Errorf("stopped are %q (%v)", got, err)
	}
}

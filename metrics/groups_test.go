package metrics_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/metrics"
	"github.com/symphony-messenger/symphony/storage"
	"github.com/symphony-messenger/symphony/symphonytest"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

// at is an attempt in a queue at a worker.
func at(queue, worker string, e symphony.EndedAttempt) symphony.EndedAttempt {
	e.Queue, e.Worker = queue, worker
	return e
}

func groups(t *testing.T, r *metrics.Recorder, q metrics.Query) metrics.Result {
	t.Helper()
	if q.From.IsZero() {
		q.From, q.To = noon.Add(-10*time.Minute), noon.Add(time.Hour)
	}
	got, err := r.Query(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// countsOf are the counts of groups, by their names behind those of their transports.
func countsOf(m metrics.Result) map[string]metrics.Counts {
	out := make(map[string]metrics.Counts)
	for _, g := range m.Groups {
		out[g.Transport+"/"+g.Name] = g.Counts
	}
	return out
}

func TestQuery_groups(t *testing.T) {
	storages(t, func(t *testing.T, store storage.Records) {
		clock := newClock()
		writer := recorder(t, store, clock)
		writer.MessagesDispatched([]*symphony.Envelope{
			{Transport: "default", Queue: "mail", Type: "A"}, {Transport: "fast", Queue: "mail", Type: "A"},
		}, make([]symphony.Receipt, 2))
		writer.AttemptsEnded([]symphony.EndedAttempt{
			at("mail", "w1", attempt("A", symphony.Ack, time.Second, 4*time.Second)),
			at("mail", "w2", attempt("A", symphony.Retry, 2*time.Second, 0)),
			at("bulk", "w1", attempt("B", symphony.Fail, 3*time.Second, 0)),
			at("bulk", "w2", attempt("B", symphony.Cancel, 0, 0)),
		})
		flush(t, writer)
		clock.Advance(time.Minute)
		writer.AttemptsEnded([]symphony.EndedAttempt{at("bulk", "w1", attempt("B", symphony.Ack, 5*time.Second, 0))})
		flush(t, writer)
		for name, r := range map[string]*metrics.Recorder{"its own": writer, "stored": recorder(t, store, clock)} {
			for by, want := range map[metrics.By]map[string]metrics.Counts{
				metrics.ByType: {"/A": {Dispatched: 2, Succeeded: 1, Retried: 1}, "/B": {Succeeded: 1, Dead: 1, Cancelled: 1}},
				metrics.ByQueue: {
					"default/mail": {Dispatched: 1, Succeeded: 1, Retried: 1}, "fast/mail": {Dispatched: 1},
					"default/bulk": {Succeeded: 1, Dead: 1, Cancelled: 1},
				},
				metrics.ByWorker: {"default/w1": {Succeeded: 2, Dead: 1}, "default/w2": {Retried: 1, Cancelled: 1}},
				metrics.ByStatus: {
					"/completed": {Succeeded: 2}, "/pending": {Dispatched: 2, Retried: 1}, "/failed": {Dead: 1},
					"/cancelled": {Cancelled: 1},
				},
			} {
				if diff := cmp.Diff(want, countsOf(groups(t, r, metrics.Query{GroupBy: by}))); diff != "" {
					t.Errorf("%s by %s (-want +got)\n%s", name, by, diff)
				}
			}
			got := groups(t, r, metrics.Query{GroupBy: metrics.ByQueue, Queue: "bulk"})
			if len(got.Groups) != 1 || got.Total.Counts != got.Groups[0].Counts || len(got.ByType) != 0 {
				t.Fatalf("%s: of one queue %+v", name, got)
			}
			bulk := got.Groups[0]
			if p := bulk.Processing; p.Count != 2 || p.Max != 5000 || math.Abs(p.P50-3000) > 60 {
				t.Errorf("%s: run times of the queue %+v", name, p)
			}
			if diff := cmp.Diff([]metrics.ErrorCount{{Class: "error", Count: 1}}, bulk.Errors); diff != "" {
				t.Errorf("%s: errors of the queue (-want +got)\n%s", name, diff)
			}
			var series []int64
			for _, p := range bulk.Series[9:] {
				series = append(series, p.Processed())
			}
			if diff := cmp.Diff([]int64{0, 1, 1}, series); diff != "" {
				t.Errorf("%s: series of the queue (-want +got)\n%s", name, diff)
			}
			want := map[string]metrics.Counts{"default/mail": {Dispatched: 1, Succeeded: 1, Retried: 1},
				"/other": {Dispatched: 1, Succeeded: 1, Dead: 1, Cancelled: 1}}
			one := countsOf(groups(t, r, metrics.Query{GroupBy: metrics.ByQueue, Groups: 1}))
			if diff := cmp.Diff(want, one); diff != "" {
				t.Errorf("%s: one group (-want +got)\n%s", name, diff)
			}
			got = groups(t, r, metrics.Query{GroupBy: metrics.ByStatus, Transport: "default"})
			for _, g := range got.Groups {
				if g.Name == "completed" && (g.Processing.Max != 5000 || g.Waiting.Max != 4000 || g.Processing.Count != 2) {
					t.Errorf("%s: of what is completed %+v", name, g.Summary)
				}
				if g.Name == "pending" && (g.Processing.Max != 2000 || g.Processing.Count != 1) {
					t.Errorf("%s: of what is tried again %+v", name, g.Summary)
				}
			}
		}
	})
}

// The figures of hours are grouped as those of minutes are.
func TestQuery_groups_by_the_hour(t *testing.T) {
	clock := newClock()
	store := symphonytest.Storage(t, sqlite.Options{})
	r := recorder(t, store, clock)
	for range 4 {
		r.AttemptsEnded([]symphony.EndedAttempt{
			at("mail", "w1", attempt("A", symphony.Ack, time.Second, 0)), at("bulk", "w2", attempt("A", symphony.Ack, time.Minute, 0)),
		})
		clock.Advance(15 * time.Minute)
		flush(t, r)
	}
	clock.Advance(3 * 24 * time.Hour)
	got := groups(t, recorder(t, store, clock), metrics.Query{From: noon, To: clock.Now(), GroupBy: metrics.ByQueue})
	want := map[string]metrics.Counts{"default/mail": {Succeeded: 4}, "default/bulk": {Succeeded: 4}}
	if diff := cmp.Diff(want, countsOf(got)); diff != "" || got.Step != time.Hour {
		t.Errorf("by %s (-want +got)\n%s", got.Step, diff)
	}
	for _, g := range got.Groups {
		if longest := map[string]float64{"mail": 1000, "bulk": 60_000}[g.Name]; g.Processing.Max != longest {
			t.Errorf("%s took up to %v ms, want %v", g.Name, g.Processing.Max, longest)
		}
	}
}

// What releases wrote that told types apart only counts still, of what is not told apart.
func TestQuery_reads_what_earlier_releases_wrote(t *testing.T) {
	clock := newClock()
	store := symphonytest.Storage(t, sqlite.Options{})
	r := recorder(t, store, clock)
	r.AttemptsEnded([]symphony.EndedAttempt{
		at("mail", "w1", attempt("A", symphony.Ack, time.Second, 0)), at("mail", "w1", attempt("B", symphony.Fail, time.Second, 0)),
	})
	flush(t, r)
	list, err := storage.List(t.Context(), store, "metrics")
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	var earlier map[string]any
	if err := json.Unmarshal(list[0].Data, &earlier); err != nil {
		t.Fatal(err)
	}
	for _, later := range []string{"queues", "workers", "statuses"} {
		delete(earlier, later)
	}
	raw, err := json.Marshal(earlier)
	if err != nil {
		t.Fatal(err)
	}
	if err := storage.Put(t.Context(), store, "metrics", "2026-11-28T12:00/earlier", raw); err != nil {
		t.Fatal(err)
	}
	for by, want := range map[metrics.By]map[string]metrics.Counts{
		metrics.ByType:   {"/A": {Succeeded: 2}, "/B": {Dead: 2}},
		metrics.ByQueue:  {"default/mail": {Succeeded: 1, Dead: 1}, "/other": {Succeeded: 1, Dead: 1}},
		metrics.ByWorker: {"default/w1": {Succeeded: 1, Dead: 1}, "/other": {Succeeded: 1, Dead: 1}},
		metrics.ByStatus: {"/completed": {Succeeded: 2}, "/failed": {Dead: 2}},
	} {
		got := groups(t, recorder(t, store, clock), metrics.Query{GroupBy: by})
		if diff := cmp.Diff(want, countsOf(got)); diff != "" {
			t.Errorf("by %s (-want +got)\n%s", by, diff)
		}
		for _, g := range got.Groups {
			if g.Name == metrics.Other && g.Processing.Count != 2 {
				t.Errorf("by %s: run times of the others %+v, want those of both attempts", by, g.Processing)
			}
		}
	}
}

// Earlier releases read what this one writes: by type, each type once.
func TestRecords_have_each_type_once(t *testing.T) {
	clock := newClock()
	store := symphonytest.Storage(t, sqlite.Options{})
	r := recorder(t, store, clock)
	for _, queue := range []string{"mail", "bulk"} {
		for _, worker := range []string{"w1", "w2"} {
			r.AttemptsEnded([]symphony.EndedAttempt{at(queue, worker, attempt("A", symphony.Ack, time.Second, 0))})
		}
	}
	flush(t, r)
	list, err := storage.List(t.Context(), store, "metrics")
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	var got struct {
		Series []struct {
			Transport, Type string
			Succeeded       int64
		}
	}
	if err := json.Unmarshal(list[0].Data, &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Series) != 1 || got.Series[0].Type != "A" || got.Series[0].Succeeded != 4 {
		t.Errorf("by type there are %+v", got.Series)
	}
}

func TestQuery_refuses_names_that_are_not_kept_together(t *testing.T) {
	r := recorder(t, symphonytest.Storage(t, sqlite.Options{}), newClock())
	for name, test := range map[string]struct {
		q    metrics.Query
		path string
	}{
		"two names":           {metrics.Query{Type: "A", Queue: "mail"}, "queue"},
		"by another":          {metrics.Query{Worker: "w", GroupBy: metrics.ByQueue}, "groupBy"},
		"a type by status":    {metrics.Query{Type: "A", GroupBy: metrics.ByStatus}, "groupBy"},
		"nothing that exists": {metrics.Query{GroupBy: "colour"}, "groupBy"},
		"too many points":     {metrics.Query{From: noon.Add(-3 * time.Hour), GroupBy: metrics.ByType, Step: time.Minute}, "step"},
	} {
		if test.q.From.IsZero() {
			test.q.From = noon.Add(-time.Hour)
		}
		test.q.To = noon
		_, err := r.Query(t.Context(), test.q)
		var invalid *symphony.ValidationError
		if !errors.As(err, &invalid) || len(invalid.Problems) != 1 || invalid.Problems[0].Path != test.path {
			t.Errorf("%s: got %v, want a problem with %s", name, err, test.path)
		}
	}
}

// However many names there are, nothing is lost: what is not told apart is of other ones.
func TestRecorder_bounds_queues_and_workers(t *testing.T) {
	clock := newClock()
	store := symphonytest.Storage(t, sqlite.Options{})
	r := recorder(t, store, clock)
	const names = 1500
	for i := range names {
		r.AttemptsEnded([]symphony.EndedAttempt{
			at(fmt.Sprint("queue", i), fmt.Sprint("worker", i), attempt(fmt.Sprint("type", i%3), symphony.Ack, time.Second, 0)),
		})
	}
	flush(t, r)
	for _, by := range metrics.Groupings() {
		got := groups(t, recorder(t, store, clock), metrics.Query{GroupBy: by})
		var sum int64
		for _, g := range got.Groups {
			sum += g.Succeeded
		}
		if n := len(got.Groups); n > metrics.MaxGroups+1 || sum != names || got.Total.Succeeded != names {
			t.Errorf("by %s: %d groups with %d attempts of %d", by, n, sum, got.Total.Succeeded)
		}
		if by == metrics.ByType && (len(got.Groups) != 3 || got.Groups[0].Succeeded != names/3) {
			t.Errorf("types are not told apart for the number of queues: %v", countsOf(got))
		}
	}
	if n := len(r.Totals()); n > 1000+metrics.MaxSeries+1 {
		t.Errorf("%d totals", n)
	}
}

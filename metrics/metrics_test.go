package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony/symphonytest"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/metrics"
	"github.com/symphony-messenger/symphony/storage"
	"github.com/symphony-messenger/symphony/transport/sqlite"
	"pgregory.net/rapid"
)

func TestQuery_adds_up_what_happened(t *testing.T) {
	storages(t, func(t *testing.T, store storage.Records) {
		clock := newClock()
		r := recorder(t, store, clock)
		dispatched := []*symphony.Envelope{{Transport: "default", Type: "A"}, {Transport: "default", Type: "A"}, {Transport: "email", Type: "B"}}
		r.MessagesDispatched(dispatched, []symphony.Receipt{{}, {Duplicate: true}, {}})
		ended(r, 3, "A", symphony.Ack)
		clock.Advance(2 * time.Minute)
		ended(r, 2, "A", symphony.Retry)
		ended(r, 1, "B", symphony.Fail)
		ended(r, 4, "B", symphony.Release)
		flush(t, r)
		got := query(t, r, clock, 5)
		want := metrics.Counts{Dispatched: 2, Succeeded: 3, Retried: 2, Dead: 1, Released: 4}
		if got.Total.Counts != want || got.Total.Processed() != 6 || got.Total.Failed() != 3 {
			t.Errorf("total %+v, want %+v", got.Total.Counts, want)
		}
		if a, b := got.ByType["A"].Counts, got.ByType["B"].Counts; a != (metrics.Counts{Dispatched: 1, Succeeded: 3, Retried: 2}) || b != (metrics.Counts{Dispatched: 1, Dead: 1, Released: 4}) {
			t.Errorf("by type %+v", got.ByType)
		}
		if d := got.ByTransport["email"].Counts; d != (metrics.Counts{Dispatched: 1}) {
			t.Errorf("by transport %+v", got.ByTransport)
		}
		if diff := cmp.Diff([]metrics.ErrorCount{{Class: "error", Count: 3}}, got.Errors); diff != "" {
			t.Errorf("errors (-want +got)\n%s", diff)
		}
		var series []int64
		for _, p := range got.Series {
			series = append(series, p.Processed())
		}
		if diff := cmp.Diff([]int64{0, 0, 3, 0, 3}, series); diff != "" {
			t.Errorf("series (-want +got)\n%s", diff)
		}
		if p := got.Total.Processing; p.Count != 6 || p.Max != 10 || math.Abs(p.P99-10) > 0.2 || p.Average != 10 {
			t.Errorf("processing %+v, want 6 of 10 ms", p)
		}
		only, err := r.Query(t.Context(), metrics.Query{From: noon, To: noon.Add(time.Hour), Transport: "default", Type: "B"})
		if err != nil || only.Total.Counts != (metrics.Counts{Dead: 1, Released: 4}) || len(only.ByType) != 1 {
			t.Errorf("of B alone: %+v, %v", only, err)
		}
	})
}

// Several processes write beside each other, and again and again.
func TestQuery_covers_all_processes_and_restarts(t *testing.T) {
	storages(t, func(t *testing.T, store storage.Records) {
		clock := newClock()
		a, b := recorder(t, store, clock), recorder(t, store, clock)
		for range 3 {
			ended(a, 1, "A", symphony.Ack)
			ended(b, 10, "A", symphony.Ack)
			flush(t, a)
			flush(t, b)
			flush(t, b) // nothing is counted twice
			clock.Advance(20 * time.Second)
		}
		clock.Advance(time.Minute)
		flush(t, a)
		flush(t, b)
		ended(b, 5, "A", symphony.Ack)
		if got := query(t, a, clock, 10).Total.Succeeded; got != 33 {
			t.Errorf("process a sees %d, want the 33 that are stored", got)
		}
		if got := query(t, b, clock, 10).Total.Succeeded; got != 38 {
			t.Errorf("process b sees %d, want its own 5 of this moment, too", got)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := b.Run(ctx); err != nil { // a clean stop
			t.Fatal(err)
		}
		again := recorder(t, store, clock) // within the same minute
		ended(again, 100, "A", symphony.Ack)
		flush(t, again)
		if got := query(t, a, clock, 10).Total.Succeeded; got != 138 {
			t.Errorf("after a restart there are %d, want 138", got)
		}
	})
}

func TestQuery_reads_by_the_hour_what_is_older(t *testing.T) {
	storages(t, func(t *testing.T, store storage.Records) {
		clock := newClock()
		r := recorder(t, store, clock)
		for range 5 { // hours
			for range 4 {
				ended(r, 1, "A", symphony.Ack)
				flush(t, r)
				clock.Advance(15 * time.Minute)
			}
		}
		flush(t, r)
		clock.Advance(3 * 24 * time.Hour)
		ended(r, 7, "A", symphony.Ack)
		got, err := r.Query(t.Context(), metrics.Query{From: noon.Add(10 * time.Minute), To: clock.Now().Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		if !got.From.Equal(noon) || got.Step != time.Hour || got.Total.Succeeded != 27 || got.Total.Processing.Count != 27 {
			t.Errorf("from %s by %s: %+v; want 27 from noon, by the hour", got.From, got.Step, got.Total)
		}
		var first []int64
		for _, p := range got.Series[:6] {
			first = append(first, p.Succeeded)
		}
		if diff := cmp.Diff([]int64{4, 4, 4, 4, 4, 0}, first); diff != "" {
			t.Errorf("the first hours (-want +got)\n%s", diff)
		}
		// Of the last day it does not matter by which it is read.
		ended(r, 1, "A", symphony.Ack)
		clock.Advance(5 * time.Hour)
		flush(t, r)
		for _, step := range []time.Duration{time.Minute, time.Hour, 5 * time.Hour} {
			got, err := r.Query(t.Context(), metrics.Query{From: clock.Now().Truncate(time.Hour).Add(-10 * time.Hour), To: clock.Now().Add(time.Hour), Step: step})
			if err != nil || got.Total.Succeeded != 8 {
				t.Errorf("by %s: %d succeeded, %v; want 8", step, got.Total.Succeeded, err)
			}
		}
	})
}

func TestQuery_refuses_what_is_out_of_range(t *testing.T) {
	r := recorder(t, symphonytest.Storage(t, sqlite.Options{}), newClock())
	for name, test := range map[string]struct {
		q    metrics.Query
		want string
	}{
		"backwards":       {metrics.Query{From: noon.Add(-time.Hour), To: noon.Add(-2 * time.Hour)}, "endTime"},
		"no time at all":  {metrics.Query{}, "endTime startTime"},
		"too long ago":    {metrics.Query{From: noon.Add(-8 * 24 * time.Hour), To: noon}, "startTime"},
		"to come":         {metrics.Query{From: noon.Add(time.Hour), To: noon.Add(2 * time.Hour)}, "startTime"},
		"part of minutes": {metrics.Query{From: noon.Add(-time.Hour), To: noon, Step: time.Second}, "step"},
		"part of hours":   {metrics.Query{From: noon.Add(-72 * time.Hour), To: noon, Step: time.Minute}, "step"},
		"too many points": {metrics.Query{From: noon.Add(-40 * time.Hour), To: noon, Step: time.Minute}, "step"},
		"negative":        {metrics.Query{From: noon.Add(-time.Hour), To: noon, Step: -time.Minute}, "step"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := r.Query(t.Context(), test.q)
			var invalid *symphony.ValidationError
			if !errors.As(err, &invalid) {
				t.Fatalf("got %v", err)
			}
			for _, p := range invalid.Problems {
				if !strings.Contains(test.want, p.Path) {
					t.Errorf("problem %+v, want of %s", p, test.want)
				}
			}
		})
	}
}

func TestQuery_has_every_step_also_without_anything(t *testing.T) {
	clock := newClock()
	clock.Advance(30 * time.Second)
	r := recorder(t, symphonytest.Storage(t, sqlite.Options{}), clock)
	got := query(t, r, clock, 60)
	if len(got.Series) != 60 || !got.Series[59].At.Equal(noon) || got.Total != (metrics.Summary{}) || len(got.Errors) != 0 {
		t.Errorf("%d points to %s, %+v", len(got.Series), got.Series[len(got.Series)-1].At, got.Total)
	}
	if got := query(t, r, clock, 7*24*60); got.Step != time.Hour || len(got.Series) != 7*24+1 {
		t.Errorf("a week has %d points by %s", len(got.Series), got.Step)
	}
}

func TestRecorder_bounds_types_and_classes_of_errors(t *testing.T) {
	clock := newClock()
	r := recorder(t, symphonytest.Storage(t, sqlite.Options{}), clock)
	for i := range 1000 {
		e := attempt(fmt.Sprint("type", i), symphony.Retry, time.Millisecond, 0)
		e.Settlement.ErrorClass = fmt.Sprint("class", i)
		r.AttemptsEnded([]symphony.EndedAttempt{e})
		e.Type = "Many"
		if i == 0 {
			e.Type = "type0"
		}
		r.AttemptsEnded([]symphony.EndedAttempt{e})
	}
	flush(t, r)
	clock.Advance(time.Minute)
	flush(t, r)
	got := query(t, r, clock, 5)
	if n := len(got.ByType); n < metrics.MaxSeries || n > metrics.MaxSeries+1 || got.Total.Retried != 2000 {
		t.Errorf("%d types, %d attempts; want %d and 2000", len(got.ByType), got.Total.Retried, metrics.MaxSeries+1)
	}
	if n := len(r.Totals()); n != metrics.MaxSeries+1 {
		t.Errorf("%d totals, want %d", n, metrics.MaxSeries+1)
	}
	var sum int64
	for _, e := range got.Errors {
		sum += e.Count
	}
	if len(got.Errors) > 101 || sum != 2000 {
		t.Errorf("%d classes with %d errors; want all 2000 in at most 101", len(got.Errors), sum)
	}
}

func TestRecorder_counts_no_duration_where_no_handler_ran(t *testing.T) {
	clock := newClock()
	r := recorder(t, symphonytest.Storage(t, sqlite.Options{}), clock)
	for _, class := range []string{"expired", "worker_lost"} {
		e := attempt("A", symphony.Fail, time.Hour, 0)
		e.Settlement.ErrorClass = class
		r.AttemptsEnded([]symphony.EndedAttempt{e})
	}
	second := attempt("A", symphony.Ack, time.Second, time.Hour)
	second.Attempt = 2
	r.AttemptsEnded([]symphony.EndedAttempt{second})
	scheduled := attempt("A", symphony.Ack, time.Second, time.Hour)
	scheduled.ScheduledAt = noon.Add(time.Hour - 5*time.Second)
	r.AttemptsEnded([]symphony.EndedAttempt{scheduled})
	got := query(t, r, clock, 1).Total
	if got.Dead != 2 || got.Processing.Count != 2 || got.Processing.Max != 1000 || got.Waiting.Count != 1 || got.Waiting.Max != 5000 {
		t.Errorf("%+v; want 2 dead, 2 durations of a second, 1 wait of 5 seconds", got)
	}
}

func TestRecorder_survives_storage_that_is_away(t *testing.T) {
	clock := newClock()
	store := &faulty{Records: symphonytest.Storage(t, sqlite.Options{}), away: true}
	r := recorder(t, store, clock)
	for range 30 {
		ended(r, 1, "A", symphony.Ack)
		if err := r.Flush(t.Context()); !errors.Is(err, errAway) {
			t.Fatal(err)
		}
		clock.Advance(time.Minute)
	}
	if got := query(t, r, clock, 60).Total.Succeeded; got != 30 {
		t.Errorf("%d meanwhile, want 30", got)
	}
	store.away = false
	flush(t, r)
	if got := query(t, recorder(t, store, clock), clock, 60).Total.Succeeded; got != 30 {
		t.Errorf("%d are stored, want 30", got)
	}
	store.away = true
	for range 200 {
		ended(r, 1, "A", symphony.Ack)
		_ = r.Flush(t.Context())
		clock.Advance(time.Minute)
	}
	if got := query(t, r, clock, 300).Total.Succeeded; got != 151 {
		t.Errorf("%d after a long outage, want the 121 of the last two hours and the 30 before", got)
	}
	store.away = false
	flush(t, r)
	later, err := r.Query(t.Context(), metrics.Query{From: noon, To: clock.Now().Add(2 * time.Hour), Step: time.Hour})
	if err != nil || later.Total.Succeeded < 210 {
		t.Errorf("by the hour there are %d, %v; want what the hours still know", later.Total.Succeeded, err)
	}
}

func TestRecorder_overwrites_nothing_when_its_clock_is_set_back(t *testing.T) {
	clock := newClock()
	store := symphonytest.Storage(t, sqlite.Options{})
	r := recorder(t, store, clock)
	ended(r, 5, "A", symphony.Ack)
	flush(t, r)
	clock.Advance(10 * time.Minute)
	ended(r, 7, "A", symphony.Ack)
	flush(t, r)
	clock.Advance(-10 * time.Minute)
	ended(r, 1, "A", symphony.Ack)
	flush(t, r)
	clock.Advance(-24 * time.Hour)
	ended(r, 2, "A", symphony.Ack)
	flush(t, r)
	clock.Advance(24*time.Hour + 11*time.Minute)
	flush(t, r)
	if got := query(t, recorder(t, store, clock), clock, 25*60).Total.Succeeded; got != 15 {
		t.Errorf("%d are stored, want all 15", got)
	}
}

func TestRecorder_keeps_counting_after_its_last_write(t *testing.T) {
	clock := newClock()
	store := symphonytest.Storage(t, sqlite.Options{})
	r := recorder(t, store, clock)
	ended(r, 5, "A", symphony.Ack)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Run(ctx); err != nil {
		t.Fatal(err)
	}
	ended(r, 1, "A", symphony.Ack)
	flush(t, r)
	if got := query(t, recorder(t, store, clock), clock, 5).Total.Succeeded; got != 6 {
		t.Errorf("%d are stored, want 6", got)
	}
	if hours, err := storage.List(t.Context(), store, "metrics.hours"); err != nil || len(hours) != 1 {
		t.Errorf("%d records of hours, %v; want that of the first write", len(hours), err)
	}
}

func TestRecorder_deletes_what_is_old(t *testing.T) {
	storages(t, func(t *testing.T, store storage.Records) {
		clock := newClock()
		r := recorder(t, store, clock)
		for range 10 {
			ended(r, 1, "A", symphony.Ack)
			flush(t, r)
			clock.Advance(24 * time.Hour)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- r.Run(ctx) }()
		count := func(kind string) int {
			list, err := storage.List(context.Background(), store, kind)
			if err != nil {
				t.Fatal(err)
			}
			return len(list)
		}
		for deadline := time.Now().Add(10 * time.Second); count("metrics") > 1 || count("metrics.hours") > 7; {
			if time.Now().After(deadline) {
				t.Fatalf("%d minutes and %d hours are left, want 1 and 7", count("metrics"), count("metrics.hours"))
			}
			clock.Advance(10 * time.Second)
			<-time.After(5 * time.Millisecond)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestRecorder_skips_records_that_it_cannot_read(t *testing.T) {
	clock := newClock()
	store := symphonytest.Storage(t, sqlite.Options{})
	r := recorder(t, store, clock)
	ended(r, 1, "A", symphony.Ack)
	for id, data := range map[string]string{
		"2026-11-28T11:58/x": `nonsense`, "2026-11-28T11:58/y": `{"series":[{"transport":"t","type":"x","run":{"sum":1,"sketch":"////"}}]}`, "2026-11-28T11:5": `{}`,
	} {
		if err := storage.Put(t.Context(), store, "metrics", id, []byte(data)); err != nil {
			t.Fatal(err)
		}
	}
	if got := query(t, r, clock, 10).Total.Succeeded; got != 1 {
		t.Errorf("%d, want 1", got)
	}
}

// However attempts are spread over processes and minutes, the percentiles are those of all together.
func TestPercentiles_merge_exactly(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		clock := newClock()
		store := symphonytest.Storage(t, sqlite.Options{})
		defer store.Close()
		var recorders []*metrics.Recorder
		for range rapid.IntRange(1, 3).Draw(rt, "processes") {
			recorders = append(recorders, recorder(t, store, clock))
		}
		var all []float64
		var sum float64
		for range rapid.IntRange(1, 4).Draw(rt, "minutes") {
			for _, r := range recorders {
				for _, micros := range rapid.SliceOfN(rapid.Int64Range(1, 10_000_000_000), 0, 30).Draw(rt, "durations") {
					took := time.Duration(micros) * time.Microsecond
					r.AttemptsEnded([]symphony.EndedAttempt{attempt(rapid.SampledFrom([]string{"A", "B"}).Draw(rt, "type"), symphony.Ack, took, 0)})
					all = append(all, float64(took)/float64(time.Millisecond))
					sum += all[len(all)-1]
				}
				flush(t, r)
			}
			clock.Advance(time.Minute)
		}
		got := query(t, recorders[0], clock, 10).Total.Processing
		if int(got.Count) != len(all) {
			rt.Fatalf("%d, want %d", got.Count, len(all))
		}
		if len(all) == 0 {
			return
		}
		slices.Sort(all)
		if math.Abs(got.Average-sum/float64(len(all))) > 1e-6*got.Average || got.Max != all[len(all)-1] {
			rt.Errorf("average %v and maximum %v, want %v and %v", got.Average, got.Max, sum/float64(len(all)), all[len(all)-1])
		}
		for q, value := range map[float64]float64{0.5: got.P50, 0.95: got.P95, 0.99: got.P99} {
			want := all[int(math.Ceil(q*float64(len(all))))-1]
			if math.Abs(value-want) > metrics.RelativeAccuracy*want+1e-9 {
				rt.Errorf("quantile %v of %d is %v, want %v", q, len(all), value, want)
			}
		}
	})
}

func BenchmarkRecorder(b *testing.B) {
	r, err := metrics.New(symphonytest.Storage(b, sqlite.Options{}), metrics.Options{})
	if err != nil {
		b.Fatal(err)
	}
	for _, size := range []int{1, 100} {
		batch := make([]symphony.EndedAttempt, size)
		for i := range batch {
			batch[i] = attempt(fmt.Sprint("type", i%3), symphony.Ack, time.Duration(i+1)*time.Millisecond, time.Millisecond)
		}
		b.Run(fmt.Sprintf("attempts by %d", size), func(b *testing.B) {
			b.ReportAllocs()
			for range (b.N + size - 1) / size {
				r.AttemptsEnded(batch)
			}
		})
	}
	envelope := []*symphony.Envelope{{Transport: "default", Type: "A"}}
	receipt := []symphony.Receipt{{}}
	b.Run("dispatches", func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			r.MessagesDispatched(envelope, receipt)
		}
	})
}

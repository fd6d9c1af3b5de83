package event_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/event"
	"github.com/symphony-messenger/symphony/storage"
	"github.com/symphony-messenger/symphony/symphonytest"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

func record(t *testing.T, store storage.Log) (r *event.Recorder, stop func()) {
	t.Helper()
	r = event.NewRecorder(event.RecorderOptions{Logger: quiet})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := r.Run(ctx, store); err != nil {
			t.Error(err)
		}
	})
	stop = func() { cancel(); running.Wait() }
	t.Cleanup(stop)
	return r, stop
}

func ended(o symphony.Outcome, n int) []symphony.EndedAttempt {
	list := make([]symphony.EndedAttempt, n)
	for i := range list {
		list[i] = symphony.EndedAttempt{MessageID: fmt.Sprint("m", i), Transport: "default", Queue: "q", Type: "Mail", Attempt: 3, Worker: "w",
			Settlement: symphony.Settlement{Outcome: o, Error: "secret text", ErrorClass: "timeout", Delay: 1500 * time.Millisecond}}
	}
	return list
}

func stored(t *testing.T, store storage.Log) (list []storage.Entry) {
	t.Helper()
	for {
		after := int64(0)
		if len(list) > 0 {
			after = list[len(list)-1].Seq
		}
		page, err := store.ReadLog(context.Background(), storage.LogQuery{Log: event.LogName, After: after, Limit: storage.MaxLogPage})
		if err != nil {
			t.Fatal(err)
		}
		if list = append(list, page.Entries...); len(page.Entries) < storage.MaxLogPage {
			return list
		}
	}
}

func TestRecorder_tells_of_attempts_that_fail(t *testing.T) {
	tr := symphonytest.Storage(t, sqlite.Options{})
	r, stop := record(t, tr)
	r.AttemptsEnded(ended(symphony.Ack, 5))
	r.AttemptsEnded(ended(symphony.Release, 5))
	r.AttemptsEnded(ended(symphony.Fail, 1))
	r.AttemptsEnded(ended(symphony.Retry, 1))
	stop()
	got := stored(t, tr)
	want := []string{
		`message.failed {"messageId":"m0","transport":"default","queue":"q","type":"Mail","attempts":3,"errorClass":"timeout","worker":"w"}`,
		`message.retrying {"messageId":"m0","transport":"default","queue":"q","type":"Mail","attempts":3,"errorClass":"timeout","worker":"w","retryIn":1500}`,
	}
	if len(got) != len(want) {
		t.Fatalf("got %d events", len(got))
	}
	for i, e := range got {
		if line := e.Kind + " " + string(e.Data); line != want[i] {
			t.Errorf("got  %s\nwant %s", line, want[i])
		}
	}
}

// counts of a log: stored events by type, and those that were told to be left out.
func counts(t *testing.T, list []storage.Entry) (there, dropped map[string]int64) {
	there, dropped = map[string]int64{}, map[string]int64{}
	for _, e := range list {
		if there[e.Kind]++; e.Kind == event.Dropped {
			var d struct{ Counts map[string]int64 }
			if err := json.Unmarshal(e.Data, &d); err != nil {
				t.Fatal(err)
			}
			for typ, n := range d.Counts {
				dropped[typ] += n
			}
		}
	}
	return there, dropped
}

func TestRecorder_bounds_a_flood_and_counts_what_it_leaves_out(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := symphonytest.Storage(t, sqlite.Options{})
		r, stop := record(t, tr)
		const seconds, each = 5, 1000
		for range seconds * 10 {
			r.AttemptsEnded(ended(symphony.Fail, each/10))
			r.AttemptsEnded(ended(symphony.Retry, each/10))
			<-time.After(100 * time.Millisecond)
		}
		stop()
		there, dropped := counts(t, stored(t, tr))
		if there[event.MessageFailed] != 100*seconds || there[event.MessageRetrying] != 10*seconds || there[event.Dropped] > seconds+1 {
			t.Errorf("got %v", there)
		}
		for _, typ := range []string{event.MessageFailed, event.MessageRetrying} {
			if there[typ]+dropped[typ] != seconds*each {
				t.Errorf("%s: %d are there and %d are told to be missing, of %d", typ, there[typ], dropped[typ], seconds*each)
			}
		}
	})
}

// awayLog is a log that is away for a time.
type awayLog struct {
	storage.Log
	away atomic.Bool
}

func (l *awayLog) AppendLog(ctx context.Context, log string, entries []storage.Entry) (int64, error) {
	if l.away.Load() {
		return 0, symphony.ErrUnavailable
	}
	return l.Log.AppendLog(ctx, log, entries)
}

func TestRecorder_outlasts_an_outage_in_bounded_memory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := symphonytest.Storage(t, sqlite.Options{})
		store := &awayLog{Log: tr}
		store.away.Store(true)
		r, stop := record(t, store)
		const total = 10_000
		for n := range total {
			r.Publish(event.Audit, map[string]int{"n": n})
		}
		<-time.After(time.Hour)
		if got := stored(t, tr); len(got) != 0 {
			t.Fatalf("got %d events", len(got))
		}
		store.away.Store(false)
		<-time.After(10 * time.Second)
		there, dropped := counts(t, stored(t, tr))
		if there[event.Audit] != 4096 || there[event.Audit]+dropped[event.Audit] != total || there[event.Dropped] > 2 {
			t.Errorf("got %v, told to be missing %v", there, dropped)
		}
		stop()
	})
}

func TestRecorder_deletes_what_is_old(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := symphonytest.Storage(t, sqlite.Options{})
		_, stop := record(t, tr)
		for n := range 12 {
			write(t, tr, n*1000, 1000)
		}
		<-time.After(time.Hour)
		if got := stored(t, tr); len(got) != event.Keep || got[0].Seq != 2001 {
			t.Errorf("kept %d from %d on", len(got), got[0].Seq)
		}
		<-time.After(event.KeepFor)
		if got := stored(t, tr); len(got) != 0 {
			t.Errorf("kept %d", len(got))
		}
		stop()
	})
}

func TestRecorder_without_a_recorder(t *testing.T) {
	var r *event.Recorder
	r.Publish(event.Audit, nil)
}

func BenchmarkRecorder_attempts_that_succeed(b *testing.B) {
	r := event.NewRecorder(event.RecorderOptions{})
	list := ended(symphony.Ack, 100)
	for b.Loop() {
		r.AttemptsEnded(list)
	}
}

func BenchmarkRecorder_attempts_that_fail(b *testing.B) {
	r := event.NewRecorder(event.RecorderOptions{})
	list := ended(symphony.Fail, 100)
	for b.Loop() {
		r.AttemptsEnded(list)
	}
}

package event_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/event"
	"github.com/symphony-messenger/symphony/storage"
	"github.com/symphony-messenger/symphony/symphonytest"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

// process is one of those that share a storage, or the only one where records are nil.
func process(
	t *testing.T, name string, tr *sqlite.Transport, records storage.Records, log storage.Log,
) (*event.Singles, *event.Hub) {
	t.Helper()
	singles := event.NewSingles(event.SinglesOptions{Node: name, Logger: quiet,
		Find: func(_ context.Context, _, id string) (m symphony.MessageInfo, err error) {
			if id == "gone" {
				return m, symphony.ErrNotFound
			}
			m.ID, m.Transport, m.Queue, m.Type, m.DispatchedBy = id, "default", "mail", "order.paid", "user:1"
			m.Terms = &symphony.Terms{Tags: []string{"vip", "eu"}}
			return m, nil
		}})
	hub := follow(t, tr, event.HubOptions{Singles: singles, MaxReaders: 50})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { singles.Run(ctx, records, log) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return singles, hub
}

// happens has something of everything happen to a message.
func happens(s *event.Singles, id, queue, typ, by string, tags ...string) {
	e := &symphony.Envelope{ID: id, Transport: "default", Queue: queue, Type: typ, DispatchedBy: by}
	if tags != nil {
		e.Terms = &symphony.Terms{Tags: tags}
	}
	s.MessagesDispatched([]*symphony.Envelope{e, {ID: id, Queue: queue}}, []symphony.Receipt{{}, {Duplicate: true}})
	for _, outcome := range []symphony.Outcome{
		symphony.Release, symphony.Retry, symphony.Ack, symphony.Fail, symphony.Cancel,
	} {
		s.AttemptsEnded([]symphony.EndedAttempt{{
			MessageID: id, Transport: "default", Queue: queue, Type: typ, DispatchedBy: by, Attempt: 2, Worker: "w",
			Settlement: symphony.Settlement{Outcome: outcome, ErrorClass: "busy", Delay: time.Second},
		}})
	}
	progress := &symphony.ProgressState{Done: 1, Total: 2, Text: "half"}
	s.MessagesNoted("default", []symphony.Note{{Lease: symphony.Lease{MessageID: id}, Progress: progress},
		{Lease: symphony.Lease{MessageID: id}, Log: []string{"a line"}}})
}

var everything = []string{event.MessageDispatched, event.MessageRetrying, event.MessageCompleted, event.MessageFailed,
	event.MessageCancelled, event.MessageProgress}

func messageReader(t *testing.T, hub *event.Hub, f event.MessageFilter) *event.SingleReader {
	t.Helper()
	r, err := hub.ReadMessages(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// got takes n events behind the first, which tells that the reader is connected.
func got(t *testing.T, r *event.SingleReader, n int) (types []string, data []json.RawMessage) {
	t.Helper()
	for len(types) < n {
		list, err := r.Next(t.Context(), 10*time.Second)
		if err != nil || len(list) == 0 {
			t.Fatalf("got %d of %d events: %v", len(types), n, err)
		}
		for _, f := range list {
			e := parse(t, f)
			if e.ID != 0 || f.Seq != 0 {
				t.Errorf("%s has the number %d", e.Type, e.ID)
			}
			if e.Type != event.Connected {
				types, data = append(types, e.Type), append(data, e.Data)
			}
		}
	}
	return types, data
}

func TestSingles_tell_each_event_of_what_is_asked_for(t *testing.T) {
	tr := symphonytest.Storage(t, sqlite.Options{})
	singles, hub := process(t, "here", tr, nil, nil)
	numbered := reader(t, hub, 0, "message.*")
	type asked struct {
		event.MessageFilter
		want []string
	}
	readers := make(map[string]*event.SingleReader)
	all := map[string]asked{
		"an id":     {event.MessageFilter{IDs: []string{"one", "two"}}, everything},
		"a queue":   {event.MessageFilter{Queue: "mail"}, everything},
		"a type":    {event.MessageFilter{Type: "order.paid"}, everything},
		"a pattern": {event.MessageFilter{Type: "order.*", Transport: "default"}, everything},
		"tags":      {event.MessageFilter{Tags: []string{"eu", "vip"}}, everything},
		"his own":   {event.MessageFilter{Queue: "mail", By: "user:1"}, everything},
		"types of events": {event.MessageFilter{Queue: "mail", Types: []string{event.MessageFailed, "message.*"}},
			everything},
		"one type of event": {event.MessageFilter{Queue: "mail", Types: []string{event.MessageFailed}},
			[]string{event.MessageFailed}},
		"another id":        {event.MessageFilter{IDs: []string{"two"}}, nil},
		"another queue":     {event.MessageFilter{Queue: "bulk"}, nil},
		"another type":      {event.MessageFilter{Type: "invoice.*"}, nil},
		"a tag more":        {event.MessageFilter{Tags: []string{"eu", "us"}}, nil},
		"another transport": {event.MessageFilter{Queue: "mail", Transport: "fast"}, nil},
		"somebody else's":   {event.MessageFilter{Queue: "mail", By: "user:2"}, nil},
	}
	for name, a := range all {
		readers[name] = messageReader(t, hub, a.MessageFilter)
	}
	happens(singles, "one", "mail", "order.paid", "user:1", "vip", "eu")
	happens(singles, "gone", "gone", "gone", "gone")
	for name, a := range all {
		types, data := got(t, readers[name], len(a.want))
		if diff := cmp.Diff(a.want, types); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
		if name == "a queue" {
			var texts []string
			for _, d := range data {
				texts = append(texts, string(d))
			}
			const of = `{"messageId":"one","transport":"default","queue":"mail","type":"order.paid"`
			want := []string{of + `}`,
				of + `,"attempts":2,"errorClass":"busy","worker":"w","retryIn":1000}`,
				of + `,"attempts":2,"errorClass":"busy","worker":"w"}`,
				of + `,"attempts":2,"errorClass":"busy","worker":"w"}`,
				of + `,"attempts":2,"worker":"w"}`, of + `,"progress":{"done":1,"total":2,"text":"half"}}`}
			if diff := cmp.Diff(want, texts); diff != "" {
				t.Errorf("data (-want +got)\n%s", diff)
			}
		}
	}
	page, err := tr.ReadLog(t.Context(), storage.LogQuery{Log: "events.messages"})
	if err != nil || page.End != 0 {
		t.Errorf("%d are stored, %v: one process tells nobody else", page.End, err)
	}
	numbered.Close()
}

func TestSingles_are_bounded_by_the_second(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := symphonytest.Storage(t, sqlite.Options{})
		singles, hub := process(t, "here", tr, nil, nil)
		r := messageReader(t, hub, event.MessageFilter{Queue: "mail"})
		tell := func(n int) {
			for range n {
				singles.MessagesDispatched([]*symphony.Envelope{{ID: "m", Queue: "mail"}}, nil)
			}
			synctest.Wait()
		}
		tell(1700)
		types, data := got(t, r, event.MaxSingles+1)
		if types[event.MaxSingles] != event.Dropped {
			t.Fatalf("%d events, the last of them %s", len(types), types[len(types)-1])
		}
		var told struct{ Counts map[string]int }
		err := json.Unmarshal(data[event.MaxSingles], &told)
		if err != nil || told.Counts[event.MessageDispatched] != 700 {
			t.Errorf("dropped %s, %v; want 700", data[event.MaxSingles], err)
		}
		<-time.After(time.Second)
		tell(3)
		if types, _ := got(t, r, 3); types[2] != event.MessageDispatched {
			t.Errorf("a second later there are %v", types)
		}
	})
}

// asking counts what a storage is asked.
type asking struct {
	*sqlite.Transport
	asked atomic.Int64
}

func (a *asking) RangeRecords(ctx context.Context, kind, from, to string, limit int) ([]storage.Record, error) {
	a.asked.Add(1)
	return a.Transport.RangeRecords(ctx, kind, from, to, limit)
}

func (a *asking) AppendLog(ctx context.Context, log string, entries []storage.Entry) (int64, error) {
	a.asked.Add(1)
	return a.Transport.AppendLog(ctx, log, entries)
}

func (a *asking) ReadLog(ctx context.Context, q storage.LogQuery) (storage.LogPage, error) {
	a.asked.Add(1)
	return a.Transport.ReadLog(ctx, q)
}

// Processes tell each other what is asked for, and ask for nothing where nobody does.
func TestSingles_reach_readers_of_other_processes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := symphonytest.Storage(t, sqlite.Options{})
		there := &asking{Transport: tr}
		works, _ := process(t, "there", tr, there, there)
		_, hub := process(t, "here", tr, tr, tr)
		<-time.After(time.Hour)
		if n := there.asked.Load(); n != 0 {
			t.Errorf("a process that does nothing asks %d times", n)
		}
		for range 100 { // of work, with nobody to be told
			happens(works, "early", "mail", "order.paid", "")
			<-time.After(10 * time.Millisecond)
		}
		synctest.Wait()
		if n := there.asked.Load(); n < 1 || n > 5 {
			t.Errorf("one that works for a second asks %d times, want three times or so", n)
		}
		<-time.After(time.Hour)
		r := messageReader(t, hub, event.MessageFilter{Queue: "mail", Tags: []string{"eu"}})
		list, err := r.Next(t.Context(), time.Second)
		if err != nil || len(list) != 1 || list[0].Type != event.Connected {
			t.Fatalf("%v, %v; want to be connected within a second", list, err)
		}
		began := time.Now()
		happens(works, "one", "mail", "order.paid", "", "eu")
		types, data := got(t, r, len(everything))
		if diff := cmp.Diff(everything, types); diff != "" || time.Since(began) > time.Second {
			t.Errorf("after %s (-want +got)\n%s", time.Since(began), diff)
		}
		want := `{"messageId":"one","transport":"default","queue":"mail","type":"order.paid"}`
		if string(data[0]) != want {
			t.Errorf("got %s, want %s", data[0], want)
		}
		<-time.After(time.Minute) // the record is renewed as long as somebody reads
		happens(works, "two", "mail", "order.paid", "", "eu")
		got(t, r, len(everything))
		r.Close()
		synctest.Wait()
		if list, err := storage.List(t.Context(), tr, "events.readers"); err != nil || len(list) != 0 {
			t.Errorf("%d records of readers are left, %v", len(list), err)
		}
		<-time.After(time.Second)
		before, err := storage.LogEnd(t.Context(), tr, "events.messages")
		if err != nil {
			t.Fatal(err)
		}
		happens(works, "late", "mail", "order.paid", "", "eu")
		<-time.After(time.Second)
		if after, err := storage.LogEnd(t.Context(), tr, "events.messages"); err != nil || after != before {
			t.Errorf("%d events are told when nobody reads, %v", after-before, err)
		}
	})
}

// A process that is killed leaves its record behind, which counts for some seconds.
func TestSingles_forget_readers_of_processes_that_are_gone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := symphonytest.Storage(t, sqlite.Options{})
		works, _ := process(t, "there", tr, tr, tr)
		until := time.Now().Add(15 * time.Second).Format(time.RFC3339)
		raw := fmt.Appendf(nil, `{"until":%q,"filters":[{"queue":"mail"}]}`, until)
		if err := storage.Put(t.Context(), tr, "events.readers", "killed", raw); err != nil {
			t.Fatal(err)
		}
		end := func() int64 {
			happens(works, "one", "mail", "order.paid", "")
			<-time.After(time.Second)
			end, err := storage.LogEnd(t.Context(), tr, "events.messages")
			if err != nil {
				t.Fatal(err)
			}
			return end
		}
		end()
		if told := end(); told == 0 {
			t.Error("nothing is told while the record counts")
		}
		<-time.After(20 * time.Second)
		end()
		before := end()
		if after := end(); after != before {
			t.Errorf("%d are told for a process that is gone", after-before)
		}
		<-time.After(2 * time.Minute)
		end()
		if list, err := storage.List(t.Context(), tr, "events.readers"); err != nil || len(list) != 0 {
			t.Errorf("%d records are left, %v", len(list), err)
		}
	})
}

// A process that ends as soon as it has dispatched, as a command does, is heard of as well.
func TestSingles_tell_others_what_happened_last(t *testing.T) {
	for range 20 { // whatever comes first, the end or the event
		synctest.Test(t, func(t *testing.T) {
			tr := symphonytest.Storage(t, sqlite.Options{})
			_, hub := process(t, "here", tr, tr, tr)
			r := messageReader(t, hub, event.MessageFilter{Queue: "mail"})
			if list, err := r.Next(t.Context(), time.Second); err != nil || len(list) != 1 {
				t.Fatalf("%v, %v", list, err)
			}
			brief := event.NewSingles(event.SinglesOptions{Node: "brief"})
			ctx, end := context.WithCancel(t.Context())
			var running sync.WaitGroup
			running.Go(func() { brief.Run(ctx, tr, tr) })
			synctest.Wait()
			brief.MessagesDispatched([]*symphony.Envelope{{ID: "one", Transport: "default", Queue: "mail"}},
				[]symphony.Receipt{{}})
			end()
			running.Wait()
			got(t, r, 1)
		})
	}
}

// More filters than are looked through where something happens select as exactly.
func TestSingles_take_many_readers(t *testing.T) {
	tr := symphonytest.Storage(t, sqlite.Options{})
	singles, hub := process(t, "here", tr, nil, nil)
	var readers []*event.SingleReader
	for i := range 40 {
		readers = append(readers, messageReader(t, hub, event.MessageFilter{IDs: []string{fmt.Sprint(i)}}))
	}
	for i := range readers {
		happens(singles, fmt.Sprint(i), "mail", "order.paid", "")
	}
	for i, r := range readers {
		types, data := got(t, r, len(everything))
		if diff := cmp.Diff(everything, types); diff != "" {
			t.Errorf("reader %d (-want +got)\n%s", i, diff)
		}
		var about struct{ MessageID string }
		if err := json.Unmarshal(data[0], &about); err != nil || about.MessageID != fmt.Sprint(i) {
			t.Errorf("reader %d got %s", i, data[0])
		}
	}
	for range 10 {
		readers = append(readers, messageReader(t, hub, event.MessageFilter{Queue: "mail"}))
	}
	mail := event.MessageFilter{Queue: "mail"}
	if _, err := hub.ReadMessages(t.Context(), mail); !errors.Is(err, event.ErrTooManyReaders) {
		t.Errorf("got %v", err)
	}
	deaf := event.NewHub(tr, event.HubOptions{})
	if _, err := deaf.ReadMessages(t.Context(), mail); !errors.Is(err, symphony.ErrUnsupported) {
		t.Errorf("got %v", err)
	}
}

func BenchmarkSingles(b *testing.B) {
	singles := event.NewSingles(event.SinglesOptions{})
	ended := make([]symphony.EndedAttempt, 100)
	b.Run("attempts that nobody asks for, by 100", func(b *testing.B) {
		b.ReportAllocs()
		for range b.N/100 + 1 {
			singles.AttemptsEnded(ended)
		}
	})
}

package event_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
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

	"github.com/google/go-cmp/cmp"
)

var quiet = slog.New(slog.DiscardHandler)

// open makes a log, and a hub that follows it until the test ends.
func open(t *testing.T, o event.HubOptions) (*event.Hub, *sqlite.Transport) {
	t.Helper()
	tr := symphonytest.Storage(t, sqlite.Options{})
	return follow(t, tr, o), tr
}

func follow(t *testing.T, store storage.Log, o event.HubOptions) *event.Hub {
	t.Helper()
	o.Logger = quiet
	hub := event.NewHub(store, o)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := hub.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
	return hub
}

func write(t *testing.T, store storage.Log, from, n int) {
	t.Helper()
	entries := make([]storage.Entry, n)
	for i := range entries {
		entries[i] = storage.Entry{Kind: event.MessageFailed, Data: fmt.Appendf(nil, `{"n":%d}`, from+i)}
	}
	if _, err := store.AppendLog(context.Background(), event.LogName, entries); err != nil {
		t.Error(err)
	}
}

// told is an event as a client gets it.
type told struct {
	ID   int64
	Type string
	Data json.RawMessage
}

func parse(t *testing.T, f event.Frame) told {
	t.Helper()
	_, data, ok := bytes.Cut(f.Bytes, []byte("\ndata: "))
	var e told
	if err := json.Unmarshal(data, &e); !ok || err != nil {
		t.Fatalf("frame %q: %v", f.Bytes, err)
	}
	if !bytes.HasSuffix(f.Bytes, []byte("}\n\n")) || bytes.Count(f.Bytes, []byte("\n\n")) != 1 {
		t.Fatalf("frame %q", f.Bytes)
	}
	return e
}

// read takes n events, and those that are not stored as they come between them.
func read(t *testing.T, r *event.Reader, n int) (numbers []int64, others []told) {
	t.Helper()
	for len(numbers) < n {
		list, err := r.Next(t.Context(), time.Minute)
		if err != nil || len(list) == 0 {
			t.Fatalf("got %d of %d events: %v", len(numbers), n, err)
		}
		for _, f := range list {
			if e := parse(t, f); e.ID > 0 {
				numbers = append(numbers, e.ID)
			} else {
				others = append(others, e)
			}
		}
	}
	return numbers, others
}

func reader(t *testing.T, hub *event.Hub, after int64, types string) *event.Reader {
	t.Helper()
	f, err := event.ParseFilter(types)
	if err != nil {
		t.Fatal(err)
	}
	r, err := hub.Read(t.Context(), after, f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func sequence(from, to int64) (list []int64) {
	for n := from; n <= to; n++ {
		list = append(list, n)
	}
	return list
}

func TestReader_begins_where_it_asks_to(t *testing.T) {
	hub, tr := open(t, event.HubOptions{})
	write(t, tr, 0, 3000) // more than memory holds
	oldest, behind, now := reader(t, hub, 0, ""), reader(t, hub, 2500, ""), reader(t, hub, event.FromNow, "")
	write(t, tr, 3000, 10)
	hub.Nudge()
	for name, test := range map[string]struct {
		r    *event.Reader
		from int64
	}{"the oldest": {oldest, 1}, "behind a number": {behind, 2501}, "now": {now, 3001}} {
		got, others := read(t, test.r, int(3010-test.from+1))
		if diff := cmp.Diff(sequence(test.from, 3010), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if len(others) != 1 || others[0].Type != event.Connected || string(others[0].Data) != fmt.Sprintf(`{"after":%d}`, test.from-1) {
			t.Errorf("%s: got %v", name, others)
		}
	}
}

func TestReader_is_told_of_what_it_missed(t *testing.T) {
	for name, test := range map[string]struct {
		after, from int64
		reset       string
	}{
		"behind what is kept":       {50, 91, `{"after":50,"oldest":91}`},
		"just before what is kept":  {90, 91, ""},
		"the oldest is no gap":      {0, 91, ""},
		"numbers of another log":    {1000, 101, `{"after":1000,"oldest":101}`},
		"the end is where it waits": {100, 101, ""},
	} {
		hub, tr := open(t, event.HubOptions{})
		write(t, tr, 0, 100)
		if _, err := tr.TrimLog(t.Context(), event.LogName, time.Time{}, 10); err != nil {
			t.Fatal(err)
		}
		r := reader(t, hub, test.after, "audit,message.*")
		write(t, tr, 100, 1)
		hub.Nudge()
		got, others := read(t, r, 1)
		reset := ""
		for _, e := range others {
			if e.Type == event.Reset {
				reset = string(e.Data)
			}
		}
		if got[0] != test.from || reset != test.reset {
			t.Errorf("%s: got %d and the reset %q, want %d and %q", name, got[0], reset, test.from, test.reset)
		}
	}
}

func TestReader_filters(t *testing.T) {
	hub, tr := open(t, event.HubOptions{Transports: []symphony.Transport{}})
	r := reader(t, hub, 0, "alert.*, audit")
	for i, kind := range []string{event.MessageFailed, event.Audit, event.AlertFiring, event.WorkerStarted, event.AlertResolved} {
		if _, err := tr.AppendLog(t.Context(), event.LogName, []storage.Entry{{Kind: kind, Data: fmt.Appendf(nil, `{"n":%d}`, i)}}); err != nil {
			t.Fatal(err)
		}
	}
	hub.Nudge()
	if got, _ := read(t, r, 3); cmp.Diff([]int64{2, 3, 5}, got) != "" {
		t.Errorf("got %v", got)
	}
	for _, bad := range []string{"nothing", "message.*,nope.*", ",", "mess*", "message.failed,"} {
		if _, err := event.ParseFilter(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestHub_bounds_its_readers(t *testing.T) {
	hub, _ := open(t, event.HubOptions{MaxReaders: 2})
	a, err := hub.Read(t.Context(), event.FromNow, event.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	reader(t, hub, event.FromNow, "")
	if _, err := hub.Read(t.Context(), event.FromNow, event.Filter{}); !errors.Is(err, event.ErrTooManyReaders) {
		t.Errorf("got %v", err)
	}
	a.Close()
	reader(t, hub, event.FromNow, "")
}

// counting counts the reads of a log.
type counting struct {
	storage.Log
	reads, ends atomic.Int64
}

func (c *counting) ReadLog(ctx context.Context, q storage.LogQuery) (storage.LogPage, error) {
	if q.After == math.MaxInt64 { // see storage.LogEnd
		c.ends.Add(1)
	} else {
		c.reads.Add(1)
	}
	return c.Log.ReadLog(ctx, q)
}

func TestHub_does_nothing_unless_somebody_reads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := symphonytest.Storage(t, sqlite.Options{})
		store := &counting{Log: tr}
		hub := follow(t, store, event.HubOptions{})
		<-time.After(time.Hour)
		if store.reads.Load()+store.ends.Load() != 0 {
			t.Errorf("%d reads", store.reads.Load())
		}
		r, err := hub.Read(t.Context(), event.FromNow, event.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		<-time.After(10 * time.Second)
		// Another process writes; no nudge comes.
		write(t, tr, 0, 1)
		began := time.Now()
		if got, _ := read(t, r, 1); got[0] != 1 || time.Since(began) > event.DefaultPoll {
			t.Errorf("got %d after %v", got[0], time.Since(began))
		}
		r.Close()
		synctest.Wait()
		before := store.reads.Load()
		<-time.After(time.Hour)
		if n := store.reads.Load() - before; n != 0 {
			t.Errorf("%d reads after the last reader went", n)
		}
	})
}

func TestHub_counts_messages_while_somebody_reads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := symphonytest.Storage(t, sqlite.Options{})
		hub := follow(t, tr, event.HubOptions{Transports: []symphony.Transport{tr}})
		bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{})
		if err != nil {
			t.Fatal(err)
		}
		r, err := hub.Read(t.Context(), event.FromNow, event.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		next := func() told {
			for {
				list, err := r.Next(t.Context(), time.Minute)
				if err != nil || len(list) == 0 {
					t.Fatal("no counts", err)
				}
				if e := parse(t, list[0]); e.Type == event.Stats {
					return e
				}
			}
		}
		next()
		for range 10 {
			if _, err := bus.Dispatch(t.Context(), "a", map[string]any{}, symphony.DispatchOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		got, err := tr.Receive(t.Context(), symphony.ReceiveOptions{Max: 4})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range got {
			tr.Settle(t.Context(), []symphony.Settlement{{Lease: d.Lease, Outcome: symphony.Ack}})
		}
		began := time.Now()
		want := `{"transports":[{"transport":"default","depth":6,"pending":6,"processing":0,"completed":4,"failed":0,"cancelled":0,"scheduled":0,"oldestPendingAge":2000,"completedPerSecond":2}]}`
		if e := next(); string(e.Data) != want || e.ID != 0 || time.Since(began) > event.StatsInterval {
			t.Errorf("got %s after %v", e.Data, time.Since(began))
		}
	})
}

// Readers come and go at any time, on several nodes, while events are written at others: each finds every event once
// and in order, whatever it had seen when it went.
func TestReader_loses_and_repeats_nothing(t *testing.T) {
	const total = 6000
	tr := symphonytest.Storage(t, sqlite.Options{})
	hubs := []*event.Hub{follow(t, tr, event.HubOptions{Poll: time.Millisecond}), follow(t, tr, event.HubOptions{Poll: 3 * time.Millisecond})}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var all sync.WaitGroup
	all.Go(func() {
		random := rand.New(rand.NewPCG(1, 2))
		for n := 0; n < total; {
			size := min(1+random.IntN(40), total-n)
			write(t, tr, n, size)
			n += size
			if random.IntN(3) == 0 {
				hubs[random.IntN(2)].Nudge()
			}
		}
	})
	for i := range 16 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(i), 7))
			last := int64(0)
			for last < total {
				r, err := hubs[random.IntN(2)].Read(ctx, last, event.Filter{})
				if err != nil {
					t.Error(err)
					return
				}
				for range 1 + random.IntN(5) {
					list, err := r.Next(ctx, 10*time.Millisecond)
					if err != nil {
						t.Error(err)
					}
					// The connection is lost in the middle of what was sent.
					for _, f := range list[:len(list)-random.IntN(len(list)+1)] {
						if f.Type == event.Reset || f.Seq != 0 && f.Seq != last+1 {
							t.Errorf("reader %d got %d after %d (%s)", i, f.Seq, last, f.Type)
							r.Close()
							return
						}
						last = max(last, f.Seq)
					}
					if last < r.After() {
						break
					}
				}
				r.Close()
				if ctx.Err() != nil {
					t.Errorf("reader %d has %d of %d", i, last, total)
					return
				}
			}
		})
	}
	all.Wait()
}

package memory

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony"
)

// held is how much a storage still knows.
type held struct{ Scheduled, Ready, Leases, Ending, Keys, Known int }

func holds(s *store) (h held) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h = held{Leases: len(s.leases), Ending: len(s.ending.list), Keys: len(s.keys), Known: len(s.known.list)}
	for _, l := range s.lanes {
		h.Scheduled += len(l.scheduled.list)
		for p := range l.ready {
			h.Ready += len(l.ready[p].list)
		}
	}
	return h
}

// Nothing is kept of messages that are done, whether or not anybody asks for statistics.
func TestStore_forgets_what_is_over(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, ctx := Open(Options{}), context.Background()
		defer tr.Close()
		// The first is remembered longest.
		for _, window := range []time.Duration{3 * time.Hour, time.Hour, 2 * time.Hour} {
			now := time.Now()
			_, err := tr.Send(ctx, []*symphony.Envelope{{ID: symphony.NewID(now), Type: "t", Payload: []byte(`{}`), Transport: tr.Name(), Queue: "q", Priority: 5,
				ScheduledAt: now.Add(time.Minute), IdempotencyKey: window.String(), IdempotencyWindow: window}})
			if err != nil {
				t.Fatal(err)
			}
		}
		check := func(when string, want held) {
			t.Helper()
			if diff := cmp.Diff(want, holds(tr.store)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", when, diff)
			}
		}
		check("scheduled", held{Scheduled: 3, Ready: 3, Keys: 3, Known: 3})
		got, err := tr.Receive(ctx, symphony.ReceiveOptions{Wait: time.Hour})
		if err != nil || len(got) != 3 {
			t.Fatalf("got %d messages, %v", len(got), err)
		}
		check("received", held{Leases: 1, Ending: 3, Keys: 3, Known: 3})
		for i := range got {
			if errs := tr.Settle(ctx, []symphony.Settlement{{Lease: got[i].Lease, Outcome: symphony.Ack}}); errs != nil {
				t.Fatal(errs)
			}
		}
		check("settled", held{Keys: 3, Known: 3})
		for left := 2; left >= 0; left-- {
			<-time.After(time.Hour)
			if _, err := tr.Send(ctx, nil); err != nil {
				t.Fatal(err)
			}
			check("another hour later", held{Keys: left, Known: left})
		}
	})
}

// Of completed messages the newest are kept, by number, size and time, and nothing of the others.
func TestStore_keeps_the_newest_completed_messages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, ctx := Open(Options{Retention: time.Hour}), context.Background()
		defer tr.Close()
		work := func(n, size int) (ids []string) {
			t.Helper()
			payload := append(append([]byte(`{"p":"`), make([]byte, size)...), `"}`...)
			for range n {
				now := time.Now()
				e := &symphony.Envelope{ID: symphony.NewID(now), Type: "t", Payload: payload, Transport: tr.Name(), Queue: "q", Priority: 5, CreatedAt: now}
				if _, err := tr.Send(ctx, []*symphony.Envelope{e}); err != nil {
					t.Fatal(err)
				}
				got, err := tr.Receive(ctx, symphony.ReceiveOptions{Max: 1})
				if err != nil || len(got) != 1 {
					t.Fatalf("got %d messages, %v", len(got), err)
				}
				if errs := tr.Settle(ctx, []symphony.Settlement{{Lease: got[0].Lease, Outcome: symphony.Ack}}); errs != nil {
					t.Fatal(errs)
				}
				<-time.After(time.Millisecond)
				ids = append(ids, e.ID)
			}
			return ids
		}
		check := func(when string, want int, gone, there string) {
			t.Helper()
			c, err := tr.CountMessages(ctx, symphony.MessageQuery{MessageFilter: symphony.MessageFilter{Status: symphony.Completed}})
			if err != nil || c.Count != int64(want) {
				t.Errorf("%s: %d are kept, %v; want %d", when, c.Count, err, want)
			}
			if _, err := tr.GetMessage(ctx, gone); !errors.Is(err, symphony.ErrNotFound) {
				t.Errorf("%s: an old message: %v, want ErrNotFound", when, err)
			}
			if _, err := tr.GetMessage(ctx, there); there != "" && err != nil {
				t.Errorf("%s: a new message: %v", when, err)
			}
			if n := len(tr.index.list); n > 2*want+400 {
				t.Errorf("%s: the index has %d entries", when, n)
			}
			if n := len(tr.archive.list); n > 2*want+2 {
				t.Errorf("%s: the archive has %d entries", when, n)
			}
		}
		ids := work(MaxKept+3000, 1)
		check("many", MaxKept, ids[2999], ids[3000])
		big := work(70, 1<<20)
		check("large", 15, ids[len(ids)-1], big[69])
		<-time.After(time.Hour)
		check("an hour later", 0, big[69], "")
		if st, err := tr.Stats(ctx); err != nil || st.Completed != MaxKept+3070 {
			t.Errorf("%d are counted, %v", st.Completed, err)
		}
		none := Open(Options{Retention: symphony.KeepNothing})
		defer none.Close()
		tr = none
		ids = work(3, 1)
		check("nothing", 0, ids[2], "")
	})
}

// What was taken out of a heap is not kept alive by it.
func TestSorted_lets_go(t *testing.T) {
	s := sorted[*int]{before: func(a, b *int) bool { return *a < *b }}
	for n := range 3 {
		s.Push(&n)
	}
	s.Pop()
	if rest := s.list[:3]; rest[2] != nil {
		t.Error("the list still refers to what was taken out")
	}
}

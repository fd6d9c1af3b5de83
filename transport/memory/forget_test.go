package memory

import (
	"context"
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

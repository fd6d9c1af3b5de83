package transporttest

import (
	"errors"
	"sync"
	"time"

	"github.com/symphony-messenger/symphony"
)

// cancelRivals has messages in hand acked, retried, extended, ended and cancelled at the same time, by two processes
// where they can share the storage.
func cancelRivals(s *suite) {
	other := s.def
	if s.Second != nil {
		other = s.Second(s.T)
	}
	cancelled := int64(0)
	for round := range 8 {
		const n = 12
		o := symphony.DispatchOptions{}
		if round%2 == 1 {
			o.GroupKey = "g" // in a flow
		}
		list := s.dispatchMany(n, o)
		got := s.takeAll(n)
		if round%4 > 1 {
			s.clock.Jump(symphony.DefaultLease - time.Millisecond)
		}
		var (
			acts   sync.WaitGroup
			acked  = make(map[string]bool)
			gone   = make(map[string]bool)
			status = make([]symphony.Status, n)
		)
		acts.Go(func() {
			for i, d := range got {
				outcome := []symphony.Outcome{symphony.Ack, symphony.Retry, symphony.Ack, symphony.Release}[i%4]
				switch err := first(s.def.Settle(ctx, []symphony.Settlement{{Lease: d.Lease, Outcome: outcome}})); {
				case err == nil:
					acked[d.ID] = outcome == symphony.Ack
				case errors.Is(err, symphony.ErrCancelled):
					gone[d.ID] = true
				case !errors.Is(err, symphony.ErrLeaseLost):
					s.Error(err)
				}
			}
		})
		for place, tr := range []symphony.Transport{s.def, other} {
			acts.Go(func() {
				for i, id := range list {
					got, err := tr.(symphony.MessageStore).CancelMessage(ctx, id, request)
					switch {
					case err == nil && place == 1: // other, which may be the same
						status[i] = got
					case err != nil && !errors.Is(err, symphony.ErrConflict):
						s.Error(err)
					}
				}
			})
		}
		acts.Go(func() {
			other.Extend(ctx, []symphony.Lease{got[n-1].Lease}, symphony.MinLease) // lost, or not
			s.clock.Advance(time.Millisecond)
		})
		acts.Wait()
		s.clock.Advance(symphony.DefaultLease)
		for i, id := range list {
			m := s.show(id)
			switch {
			case m.Status == symphony.Completed && acked[id] && !gone[id] && status[i] == "":
			case m.Status == symphony.Cancelled && !acked[id]:
				cancelled++
			default:
				s.Errorf("round %d: message %s is %s; acked: %t, told its worker: %t, told who cancelled: %q",
					round, id, m.Status, acked[id], gone[id], status[i])
			}
		}
		s.wantCancelledCount(cancelled, 0)
	}
}

package transporttest

import (
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
)

var termTests = []test{
	{"what a message has of its own stays with it, wherever it goes", func(s *suite) {
		want := &symphony.Terms{
			MaxRetries: new(0), RetryDelay: []time.Duration{0,
				1500 * time.Millisecond}, Timeout: time.Minute, Retention: new(time.Hour),
			Tags: []string{"b", "a", `"`},
			OnSuccess: &symphony.Callback{Type: "Done", Payload: []byte("{\"a\" : \"\\u0000\\ud800\"}"), Queue: "q",
				Transport: "default", Priority: 5},
			OnFailure: &symphony.Callback{Type: "Undone", Payload: []byte(`{}`), Queue: "default", Transport: "email",
				Priority: 5},
		}
		o := symphony.DispatchOptions{MaxRetries: want.MaxRetries, RetryDelay: want.RetryDelay, Timeout: want.Timeout,
			Retention: want.Retention, Tags: append([]string{"b"},
				want.Tags...), OnFailure: &symphony.Callback{Type: "Undone", Transport: "email"},
			OnSuccess: &symphony.Callback{Type: "Done", Payload: want.OnSuccess.Payload, Queue: "q"}, DispatchedBy: ada}
		has := func(where string, got *symphony.Terms) {
			s.Helper()
			if diff := cmp.Diff(want, got); diff != "" {
				s.Errorf("%s (-want +got):\n%s", where, diff)
			}
		}
		id := s.dispatch(o).ID
		has("pending", s.show(id).Terms)
		s.reopenIfPossible()
		d := s.one()
		has("delivered", d.Terms)
		f := s.fail(d, "boom")
		has("failed", f.Terms)
		has("failed, among all", s.show(id).Terms)
		s.dispatch(symphony.DispatchOptions{})
		for range 3 { // what followed, and the other one, without terms
			for _, d := range s.receive(symphony.ReceiveOptions{}) {
				if d.ID != id && d.Terms != nil {
					s.Errorf("a message without terms has %+v", d.Terms)
				}
				s.mustSettle(d, symphony.Settlement{Outcome: symphony.Ack})
			}
		}
		again := symphony.NewID(s.clock.Now())
		if done, err := s.def.(symphony.MessageStore).MoveFailed(ctx,
			[]symphony.FailedMove{{ID: f.FailedID, NewID: again}}); err != nil || done != 1 {
			s.Fatalf("retried %v, %v", done, err)
		}
		if d = s.one(); d.ID != again {
			s.Fatalf("got %s, want %s", d.ID, again)
		}
		d.Terms.RetryOf = nil
		has("retried", d.Terms)
		s.mustSettle(d, symphony.Settlement{Outcome: symphony.Ack})
		has("completed", s.show(again).Terms.Again())
	}},
}

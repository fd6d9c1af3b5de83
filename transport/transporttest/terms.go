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
				1500 * time.Millisecond}, Timeout: time.Minute,
			Tags: []string{"b", "a", `"`},
			OnSuccess: &symphony.Callback{Type: "Done", Payload: []byte("{\"a\" : \"\\u0000\\ud800\"}"), Queue: "q",
				Transport: "default", Priority: 5},
			OnFailure: &symphony.Callback{Type: "Undone", Payload: []byte(`{}`), Queue: "default", Transport: "email",
				Priority: 5},
		}
		o := symphony.DispatchOptions{MaxRetries: want.MaxRetries, RetryDelay: want.RetryDelay, Timeout: want.Timeout,
			Tags: append([]string{"b"},
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
		if diff := cmp.Diff(&symphony.RetryOf{FailedID: f.FailedID, MessageID: id}, d.Terms.RetryOf); diff != "" {
			s.Errorf("what it was retried for (-want +got):\n%s", diff)
		}
		d.Terms.RetryOf = nil
		has("retried", d.Terms)
		s.mustSettle(d, symphony.Settlement{Outcome: symphony.Ack})
		has("completed", s.show(again).Terms.Again())
	}},
	{"a failed message that was retried leads to the one in its place", func(s *suite) {
		id := s.dispatch(symphony.DispatchOptions{}).ID
		f := s.fail(s.one(), "boom")
		move := symphony.FailedMove{ID: f.FailedID, NewID: symphony.NewID(s.clock.Now()), Payload: []byte(`{"n": 0}`)}
		store := s.def.(symphony.MessageStore)
		if done, err := store.MoveFailed(ctx, []symphony.FailedMove{move}); err != nil || done != 1 {
			s.Fatalf("retried %v, %v", done, err)
		}
		want := &symphony.RetryOf{FailedID: f.FailedID, MessageID: id, Payload: f.Payload}
		if diff := cmp.Diff(want, s.show(move.NewID).Terms.RetryOf); diff != "" {
			s.Errorf("what it was retried for (-want +got):\n%s", diff)
		}
		s.mustSettle(s.one(), symphony.Settlement{Outcome: symphony.Ack})
		s.reopenIfPossible()
		store = s.def.(symphony.MessageStore)
		asked := func(want string) {
			s.Helper()
			for _, q := range []symphony.MessageQuery{{ID: id}, {ID: f.FailedID, ByFailure: true}, {ID: f.FailedID}} {
				page, err := store.ListMessages(ctx, q)
				if err != nil || len(page.Messages) > 0 || page.RetriedAs != want {
					s.Errorf("%+v leads to %q, %v; want %q", q, page.RetriedAs, err, want)
				}
			}
		}
		asked(move.NewID)
		if page, err := store.ListMessages(ctx,
			symphony.MessageQuery{ID: symphony.NewID(s.clock.Now())}); err != nil || page.RetriedAs != "" {
			s.Errorf("an unknown id leads to %q, %v", page.RetriedAs, err)
		}
		gone := s.fail(s.receiveAnother(), "boom")
		if done, err := store.MoveFailed(ctx, []symphony.FailedMove{{ID: gone.FailedID}}); err != nil || done != 1 {
			s.Fatalf("deleted %v, %v", done, err)
		}
		if page, err := store.ListMessages(ctx, symphony.MessageQuery{ID: gone.ID}); err != nil ||
			page.RetriedAs != "" {
			s.Errorf("one that was deleted leads to %q, %v", page.RetriedAs, err)
		}
	}},
}

// receiveAnother dispatches one more message and receives it.
func (s *suite) receiveAnother() symphony.Delivery {
	s.Helper()
	s.dispatch(symphony.DispatchOptions{})
	return s.one()
}

package transporttest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
)

// following are options of a message that both callbacks follow, in a queue of their own.
func following(o symphony.DispatchOptions) symphony.DispatchOptions {
	o.OnSuccess = &symphony.Callback{Type: "Done", Payload: json.RawMessage(`{"n": 1.50}`), Queue: "after"}
	o.OnFailure = &symphony.Callback{Type: "Undone", Queue: "after", Transport: "email"}
	return o
}

// followed receives what has followed, from both transports, and completes it. Each is told as its type and source.
func (s *suite) followed() (list []string) {
	s.Helper()
	for _, tr := range []symphony.Transport{s.def, s.Email} {
		got, err := tr.Receive(ctx, symphony.ReceiveOptions{Queues: []string{"after"}, Max: 1000})
		if err != nil {
			s.Fatal(err)
		}
		for _, d := range got {
			var of struct{ Source symphony.Source }
			if err := json.Unmarshal(d.Payload, &of); err != nil {
				s.Fatalf("%s: %v", d.Payload, err)
			}
			o := of.Source
			if d.CausationID != o.MessageID || d.Terms != nil || d.Attempt != 1 {
				s.Errorf("%s is caused by %q, and its source is %q", d.Type, d.CausationID, o.MessageID)
			}
			list = append(list, fmt.Sprintf("%s of %s, %s: %s/%s after %d", d.Type, o.MessageID, o.Status, o.Error,
				o.ErrorClass, o.Attempts))
			if errs := tr.Settle(ctx, []symphony.Settlement{{Lease: d.Lease, Outcome: symphony.Ack}}); errs != nil {
				s.Fatal(errs)
			}
		}
	}
	slices.Sort(list)
	return list
}

func (s *suite) follows(want ...string) {
	s.Helper()
	if diff := cmp.Diff(want, s.followed()); diff != "" {
		s.Errorf("what follows (-want +got):\n%s", diff)
	}
}

// here receives one message of the queue of sources.
func (s *suite) here() symphony.Delivery {
	s.Helper()
	got := s.receive(symphony.ReceiveOptions{Queues: []string{"default"}, Max: 1, Worker: "w1"})
	if len(got) != 1 {
		s.Fatalf("got %d messages, want 1", len(got))
	}
	return got[0]
}

var callbackTests = []test{
	{"what follows a completed message is dispatched with it, once", func(s *suite) {
		id := s.dispatch(following(symphony.DispatchOptions{CorrelationID: "story", DispatchedBy: ada})).ID
		s.reopenIfPossible()
		d := s.here()
		s.follows()
		s.mustSettle(d, symphony.Settlement{Outcome: symphony.Retry})
		d = s.here()
		s.follows()
		ack := symphony.Settlement{Outcome: symphony.Ack, Output: json.RawMessage(`{"rows": 3}`)}
		s.mustSettle(d, ack)
		if err := s.settle(d, ack); err == nil {
			s.Error("a second ack is taken")
		}
		got, err := s.def.Receive(ctx, symphony.ReceiveOptions{Queues: []string{"after"}, Max: 10})
		if err != nil || len(got) != 1 {
			s.Fatalf("got %d, %v; want what follows", len(got), err)
		}
		f := got[0]
		want := fmt.Sprintf(`{"n": 1.50,"source":{"messageId":"%s","type":"Order","status":"completed","output":{"rows":3},"attempts":2}}`, id)
		if string(f.Payload) != want || f.Type != "Done" || f.CorrelationID != "story" || f.CausationID != id ||
			f.DispatchedBy != ada ||
			f.Header(symphony.HeaderCallback) != "onSuccess" {
			s.Errorf("got %+v with %s\nwant %s", f.Envelope, f.Payload, want)
		}
	}},
	{"what follows a message that fails for good is dispatched with it", func(s *suite) {
		id := s.dispatch(following(symphony.DispatchOptions{})).ID
		s.fail(s.here(), "boom")
		s.follows("Undone of " + id + ", failed: boom/test after 1")
		s.dispatch(symphony.DispatchOptions{OnSuccess: &symphony.Callback{Type: "Done", Queue: "after"}})
		s.fail(s.here(), "boom")
		s.dispatch(symphony.DispatchOptions{OnFailure: &symphony.Callback{Type: "Undone", Queue: "after"}})
		s.mustSettle(s.here(), symphony.Settlement{Outcome: symphony.Ack})
		s.follows()
	}},
	{"what follows a message that expires is dispatched with its failure", func(s *suite) {
		id := s.dispatch(following(symphony.DispatchOptions{ExpiresAt: s.clock.Now().Add(time.Minute)})).ID
		s.clock.Advance(2 * time.Minute)
		s.receive(symphony.ReceiveOptions{Queues: []string{"default"}})
		got := s.followed()
		if len(got) != 1 || !slices.Contains(got, "Undone of "+id+", failed: "+s.show(id).Error+"/expired after 0") {
			s.Errorf("got %v", got)
		}
	}},
	{"what follows a message that is cancelled is dispatched with that", func(s *suite) {
		store := s.def.(symphony.MessageStore)
		id := s.dispatch(following(symphony.DispatchOptions{})).ID
		if _, err := store.CancelMessage(ctx, id, symphony.Cancellation{}); err != nil {
			s.Fatal(err)
		}
		s.follows("Undone of " + id + ", cancelled: / after 0")
		id = s.dispatch(following(symphony.DispatchOptions{})).ID
		d := s.here()
		if _, err := store.CancelMessage(ctx, id, symphony.Cancellation{}); err != nil {
			s.Fatal(err)
		}
		s.follows()
		if err := s.settle(d, symphony.Settlement{Outcome: symphony.Ack}); err == nil {
			s.Error("the ack of a message that is cancelled is taken")
		}
		s.follows("Undone of " + id + ", cancelled: / after 1")
	}},
	{"a retry out of the dead letter queue takes callbacks along, and a deleted message has none", func(s *suite) {
		s.dispatch(following(symphony.DispatchOptions{}))
		f := s.fail(s.here(), "boom")
		s.followed()
		again := symphony.NewID(s.clock.Now())
		store := s.def.(symphony.MessageStore)
		if done, err := store.MoveFailed(ctx, []symphony.FailedMove{{ID: f.FailedID, NewID: again}}); err != nil ||
			done != 1 {
			s.Fatalf("retried %d, %v", done, err)
		}
		s.mustSettle(s.here(), symphony.Settlement{Outcome: symphony.Ack})
		s.follows("Done of " + again + ", completed: / after 1")
		id := s.dispatch(following(symphony.DispatchOptions{})).ID
		if err := store.DeleteMessage(ctx, id); err != nil {
			s.Fatal(err)
		}
		s.follows()
	}},
	{"a drain keeps nothing from following", func(s *suite) {
		id := s.dispatch(following(symphony.DispatchOptions{})).ID
		d := s.here()
		s.hold(flow.Hold{HoldTarget: flow.HoldTarget{Queue: "after"}, Mode: flow.Draining})
		s.mustSettle(d, symphony.Settlement{Outcome: symphony.Ack})
		s.follows("Done of " + id + ", completed: / after 1")
	}},
	{"a stale delivery has nothing follow", func(s *suite) {
		id := s.dispatch(following(symphony.DispatchOptions{})).ID
		stale := s.here()
		s.clock.Advance(symphony.DefaultLease + time.Second)
		d := s.here()
		if err := s.settle(stale, symphony.Settlement{Outcome: symphony.Ack}); err == nil {
			s.Error("a stale ack is taken")
		}
		if err := s.settle(stale, symphony.Settlement{Outcome: symphony.Fail}); err == nil {
			s.Error("a stale failure is taken")
		}
		s.follows()
		s.mustSettle(d, symphony.Settlement{Outcome: symphony.Ack})
		s.follows("Done of " + id + ", completed: / after 2")
	}},
}

// afterModel is what a model knows of callbacks: which messages have any, and what must have followed.
type afterModel struct {
	of   map[string]*symphony.Terms
	want []string
}

// draw are the callbacks of a message: mostly none. They go to the other transport.
func (a *afterModel) draw(rnd *rand.Rand) *symphony.Terms {
	t, n := new(symphony.Terms), rnd.IntN(6)
	if n == 0 || n == 1 {
		t.OnSuccess = &symphony.Callback{Type: "Done", Queue: "after", Transport: "email"}
	}
	if n == 1 || n == 2 {
		t.OnFailure = &symphony.Callback{Type: "Undone", Queue: "after", Transport: "email"}
	}
	return t
}

// ends notes that a message has ended, which happens once to each.
func (a *afterModel) ends(id string, status symphony.Status) {
	switch t := a.of[id]; {
	case status == symphony.Completed && t.OnSuccess != nil:
		a.want = append(a.want, fmt.Sprintf("Done of %s, %s", id, status))
	case status != symphony.Completed && t.OnFailure != nil:
		a.want = append(a.want, fmt.Sprintf("Undone of %s, %s", id, status))
	}
}

// wantFollowed holds that what follows the messages of a model was dispatched once for each, and nothing else.
func (s *suite) wantFollowed(a *afterModel) {
	s.Helper()
	var got []string
	for more := true; more; {
		list := s.followed()
		for _, f := range list {
			f, _, _ = strings.Cut(f, ":")
			got = append(got, f)
		}
		more = len(list) > 0
	}
	s.wantSame("what follows", got, a.want)
}

package transporttest

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
)

// edit is one way to change a pending message.
type edit struct {
	name   string
	change func(s *suite, e *symphony.Envelope)
	// at is when it is available from then on, after now; 0 for as before.
	at time.Duration
}

// edits are the parts of a message that can be changed, each by itself, and all at once.
var edits = []edit{
	{"its body", func(_ *suite, e *symphony.Envelope) {
		e.Payload = json.RawMessage(`{"edited":1.50}`)
		e.Metadata = map[string]any{"m": json.Number("12345678901234567890")}
	}, 0},
	{"its priority", func(_ *suite, e *symphony.Envelope) { e.Priority = 9 }, 0},
	{"its time", func(s *suite, e *symphony.Envelope) {
		e.ScheduledAt = s.clock.Now().Add(20 * time.Minute)
	}, 20 * time.Minute},
	{"its expiry", func(s *suite, e *symphony.Envelope) {
		flow := symphony.Flow{}
		if e.Flow != nil {
			flow = *e.Flow
		}
		flow.ExpiresAt = s.clock.Now().Add(5 * time.Hour)
		e.Flow = &flow
	}, 0},
	{"everything", func(s *suite, e *symphony.Envelope) {
		e.Payload, e.Metadata, e.Priority = json.RawMessage(`{"all":true}`), nil, 1
		e.ScheduledAt = s.clock.Now().Add(40 * time.Minute)
		if e.Flow == nil {
			e.Flow = &symphony.Flow{}
		}
		e.Flow.ExpiresAt = s.clock.Now().Add(6 * time.Hour)
	}, 40 * time.Minute},
}

// editTests edit each kind of waiting message in each way, one after the other.
func editTests() []test {
	var tests []test
	for _, kind := range waitingKinds {
		tests = append(tests, test{kind.name, func(s *suite) {
			id, hand, others := kind.make(s)
			before, want := s.stats().QueueStats, s.show(id)
			scheduled := before.Scheduled
			for _, edit := range edits {
				if want.Flow != nil {
					own := *want.Flow
					want.Flow = &own
				}
				edit.change(s, &want.Envelope)
				s.edit(id, func(e *symphony.Envelope) { edit.change(s, e) })
				if diff := cmp.Diff(want.Envelope, s.show(id).Envelope); diff != "" {
					s.Errorf("%s is otherwise than it was edited (-want +got)\n%s", edit.name, diff)
				}
				if edit.at > 0 {
					want.AvailableAt = s.clock.Now().Add(edit.at)
					if scheduled = before.Scheduled; !kind.scheduled {
						scheduled++
					}
				}
				info := want
				info.Envelope = symphony.Envelope{}
				s.wantInfo(edit.name, id, info)
				s.wantCounts(before.Pending, before.Processing, before.Completed, before.Failed, scheduled)
			}
			for _, d := range s.receive(all) {
				if hand = append(hand, d); d.ID == id {
					s.Error("it was handed out before its time")
				}
			}
			// It still has the key that it had.
			switch kind.name {
			case "debounced":
				r := s.send("Job", symphony.DispatchOptions{DebounceKey: "d"})
				if r.Replaced != id {
					s.Errorf("its key was free: %+v", r)
				}
				id = r.ID
			case "throttled":
				if r := s.send("Job", symphony.DispatchOptions{ThrottleKey: "t"}); !r.Dropped || r.ID != id {
					s.Errorf("its key was free: %+v", r)
				}
			}
			s.ackLeft(hand)
			for _, d := range hand {
				others = append(others, d.ID)
			}
			got := s.drain(30*time.Minute, 8)
			got = append(got, s.completedOf(append(unlike(others, got), id), got)...)
			s.wantSame("all", unlike(got, nil), append(unlike(others, nil), id))
			done := before.Completed + int64(len(unlike(others, nil))) + 1
			s.wantCounts(0, 0, done, before.Failed, 0)
		}})
	}
	return append(tests, editedTests...)
}

// unlike returns the texts of a list that are not in another, each once.
func unlike(list, not []string) (out []string) {
	seen := make(map[string]bool)
	for _, s := range not {
		seen[s] = true
	}
	for _, s := range list {
		if !seen[s] {
			seen[s], out = true, append(out, s)
		}
	}
	return out
}

// edit changes a message.
func (s *suite) edit(id string, change func(*symphony.Envelope)) {
	s.Helper()
	err := s.messages().EditMessage(ctx, id, func(e *symphony.Envelope) error {
		change(e)
		return nil
	})
	if err != nil {
		s.Fatalf("edit %s: %v", id, err)
	}
}

var editedTests = []test{
	{"a message that is to go at once is ready", func(s *suite) {
		id := s.dispatch(symphony.DispatchOptions{Delay: time.Hour}).ID
		first := s.dispatch(symphony.DispatchOptions{}).ID
		s.edit(id, func(e *symphony.Envelope) { e.ScheduledAt = time.Time{} })
		s.wantCounts(2, 0, 0, 0, 0)
		s.wantIDs(s.receive(all), first, id)
	}},
	{"a receiver that waits is woken for it", func(s *suite) {
		id := s.dispatch(symphony.DispatchOptions{Delay: time.Hour}).ID
		wait := s.wait(symphony.ReceiveOptions{Wait: 30 * time.Minute})
		s.edit(id, func(e *symphony.Envelope) { e.ScheduledAt = time.Time{} })
		s.wantIDs((<-wait).list, id)
	}},
	{"priorities are those that it has been given", func(s *suite) {
		low, high := s.dispatch(symphony.DispatchOptions{}).ID, s.dispatch(symphony.DispatchOptions{}).ID
		s.edit(high, func(e *symphony.Envelope) { e.Priority = 10 })
		s.edit(low, func(e *symphony.Envelope) { e.Priority = 1 })
		between := s.dispatch(symphony.DispatchOptions{}).ID
		s.wantIDs(s.receive(all), high, between, low)
	}},
	{"its expiry is the one that it was given last, however often", func(s *suite) {
		start := s.clock.Now()
		id := s.send("Job", symphony.DispatchOptions{ExpiresAt: start.Add(time.Hour)}).ID
		s.edit(id, func(e *symphony.Envelope) { e.ScheduledAt = start.Add(3 * time.Hour) })
		for _, after := range []time.Duration{2 * time.Hour, time.Hour, 90 * time.Minute} {
			s.edit(id, func(e *symphony.Envelope) { e.Flow.ExpiresAt = start.Add(after) })
		}
		s.clock.Advance(time.Hour)
		s.receive(all)
		s.wantCounts(1, 0, 0, 0, 1)
		s.clock.Advance(30 * time.Minute)
		s.receive(all)
		s.wantCounts(0, 0, 0, 1, 0)
		if m := s.show(id); m.ErrorClass != (&symphony.ExpiredError{}).ErrorClass() {
			s.Errorf("it failed with %q", m.ErrorClass)
		}
	}},
	{"without its expiry it goes on waiting", func(s *suite) {
		id := s.send("Job", symphony.DispatchOptions{ExpiresAt: s.clock.Now().Add(time.Hour)}).ID
		s.edit(id, func(e *symphony.Envelope) { e.Flow, e.ScheduledAt = nil, s.clock.Now().Add(2*time.Hour) })
		s.wantSame("it", s.drain(time.Hour, 4), []string{id})
	}},
	{"what the editor refuses changes nothing", func(s *suite) {
		id := s.dispatch(symphony.DispatchOptions{Metadata: map[string]any{"a": "b"}}).ID
		was, refusal := s.show(id), errors.New("no")
		err := s.messages().EditMessage(ctx, id, func(e *symphony.Envelope) error {
			e.Payload, e.Priority, e.Metadata["a"] = json.RawMessage(`{"other":1}`), 1, "c"
			return refusal
		})
		if !errors.Is(err, refusal) {
			s.Errorf("got %v, want the editor's refusal", err)
		}
		if diff := cmp.Diff(was, s.show(id)); diff != "" {
			s.Errorf("(-before +after)\n%s", diff)
		}
		s.wantIDs(s.receive(all), id)
	}},
	{"what is not pending is not edited", func(s *suite) {
		list := s.dispatchMany(3, symphony.DispatchOptions{})
		got := s.receive(all)
		s.ack(got[0])
		s.fail(got[1], "e")
		never := func(*symphony.Envelope) error {
			s.Error("the editor was called")
			return nil
		}
		for i, want := range []symphony.Status{symphony.Completed, symphony.Failed, symphony.Processing} {
			err := s.messages().EditMessage(ctx, list[i], never)
			var status *symphony.MessageStatusError
			if !errors.As(err, &status) || status.Status != want || status.ID != list[i] {
				s.Errorf("%s: %v", want, err)
			}
		}
		err := s.messages().EditMessage(ctx, symphony.NewID(s.clock.Now()), never)
		if !errors.Is(err, symphony.ErrNotFound) {
			s.Errorf("unknown: %v", err)
		}
		s.ack(got[2])
	}},
	{"whoever gets it while it is edited gets all of the edit or none of it", editRace},
	{"edits stay when it is opened again", func(s *suite) {
		id := s.dispatch(symphony.DispatchOptions{}).ID
		s.edit(id, func(e *symphony.Envelope) {
			e.Payload, e.Flow = json.RawMessage(`{"kept":1}`), &symphony.Flow{ExpiresAt: s.clock.Now().Add(time.Hour)}
		})
		s.reopenOr(func() {})
		if d := s.one(); d.ID != id || string(d.Payload) != `{"kept":1}` || d.Flow == nil {
			s.Errorf("got %s of %s", d.Payload, d.ID)
		}
	}},
}

// editRace has messages edited and received at the same time: an edit that succeeded is delivered.
func editRace(s *suite) {
	const n = 30
	edited := make(map[string]bool)
	for i, id := range s.dispatchMany(n, symphony.DispatchOptions{}) {
		done := make(chan error, 1)
		go func() {
			done <- s.messages().EditMessage(ctx, id, func(e *symphony.Envelope) error {
				e.Payload, e.Priority = json.RawMessage(fmt.Sprintf(`{"edited":%d}`, i)), 1+i%10
				return nil
			})
		}()
		if i%3 == 0 {
			for _, d := range s.receive(symphony.ReceiveOptions{Max: 1 + i%4}) {
				wantEdited(s.T, &d, edited)
			}
		}
		switch err := <-done; {
		case err == nil:
			edited[id] = true
		case !errors.Is(err, symphony.ErrConflict):
			s.Error(err)
		}
		for _, d := range s.receive(symphony.ReceiveOptions{Max: i % 2}) {
			wantEdited(s.T, &d, edited)
		}
	}
	for _, d := range s.receive(all) {
		wantEdited(s.T, &d, edited)
	}
}

// wantEdited looks whether a delivery is of an edited message where that was edited before.
func wantEdited(t *testing.T, d *symphony.Delivery, edited map[string]bool) {
	t.Helper()
	var body map[string]int
	if err := json.Unmarshal(d.Payload, &body); err != nil {
		t.Fatal(err)
	}
	if _, is := body["edited"]; !is && edited[d.ID] {
		t.Errorf("message %s was edited, and is delivered as %s", d.ID, d.Payload)
	}
}

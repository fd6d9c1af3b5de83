package transporttest

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/internal/testtier"
)

// largeBytes is the size of the largest message that is tested.
func largeBytes(s *suite) int { return testtier.Pick(s, 16<<20, 16<<20, 64<<20) }

var largeTests = []test{
	{"a large message comes as it was sent, beside small ones", func(s *suite) {
		size := largeBytes(s)
		payload := make([]byte, 0, size)
		payload = append(payload, `{"d": "`...)
		for i := 0; len(payload) < size-2; i++ {
			payload = append(payload, "abcdefghijklmnopqrstuvwxyz "[i%27])
		}
		payload = append(payload, `"}`...)
		bus, err := symphony.NewBus([]symphony.Transport{s.def}, symphony.BusOptions{MaxMessageBytes: size, Clock: s.clock})
		if err != nil {
			s.Fatal(err)
		}
		var small []string
		some := func() {
			for range 20 {
				small = append(small, s.dispatch(symphony.DispatchOptions{}).ID)
			}
		}
		some()
		r, err := bus.DispatchMessage(ctx, symphony.Message{Type: "Large", Payload: payload}, symphony.DispatchOptions{Priority: 1,
			Tags: []string{"large"}})
		if err != nil {
			s.Fatal(err)
		}
		some()
		s.reopenIfPossible()
		page, err := s.messages().ListMessages(ctx, symphony.MessageQuery{Bytes: 64}.WithDefaults())
		if err != nil || len(page.Messages) != 41 {
			s.Fatalf("listed %d messages, %v", len(page.Messages), err)
		}
		for _, m := range page.Messages {
			if m.ID == r.ID && (m.Omitted == nil || m.Omitted.Payload != size) {
				s.Errorf("the list has its payload: %+v", m.Omitted)
			}
		}
		got := s.receive(all)
		s.wantIDs(got[:len(got)-1], small...)
		s.ack(got[:len(got)-1]...)
		whole := func(where string, p json.RawMessage) {
			s.Helper()
			if !bytes.Equal(p, payload) {
				s.Errorf("%s: a payload of %d bytes came back as another one of %d", where, len(payload), len(p))
			}
		}
		d := got[len(got)-1]
		whole("delivered", d.Payload)
		s.mustSettle(d, symphony.Settlement{Outcome: symphony.Retry, Error: "e"})
		f := s.fail(s.one(), "boom")
		whole("failed", f.Payload)
		again := symphony.NewID(s.clock.Now())
		done, err := s.messages().MoveFailed(ctx, []symphony.FailedMove{{ID: f.FailedID, NewID: again}})
		if err != nil || done != 1 {
			s.Fatal(fmt.Errorf("retried %d: %w", done, err))
		}
		d = s.one()
		whole("delivered again", d.Payload)
		s.ack(d)
		whole("completed", s.show(again).Payload)
	}},
}

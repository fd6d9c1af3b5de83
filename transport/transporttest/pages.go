package transporttest

import (
	"fmt"
	"strings"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/schedule"
)

// pageRow is a row of a page, of messages or of failed ones.
type pageRow struct {
	id       string
	envelope *symphony.Envelope
	attempts int
	omitted  *symphony.Omitted
}

// wantPage says that a page has all its rows, and bodies only until they have used up its bytes.
func (s *suite) wantPage(what string, rows []pageRow, n, bytes int, whole func(id string) pageRow) {
	s.Helper()
	if len(rows) != n {
		s.Fatalf("%s: %d rows, want %d", what, len(rows), n)
	}
	used := 0
	for i, r := range rows {
		all := whole(r.id)
		switch {
		case r.omitted == nil && used >= bytes:
			s.Errorf("%s: row %d has its body though those before have %d bytes of %d", what, i, used, bytes)
		case r.omitted == nil:
			if string(r.envelope.Payload) != string(all.envelope.Payload) || len(r.envelope.Metadata) != len(all.envelope.Metadata) || r.attempts != all.attempts {
				s.Errorf("%s: row %d is %+v, want %+v", what, i, r, all)
			}
		case used < bytes-2000:
			s.Errorf("%s: row %d is without its body after %d of %d bytes", what, i, used, bytes)
		default:
			o := r.omitted
			if len(r.envelope.Payload)+len(r.envelope.Metadata)+len(r.envelope.Headers)+r.attempts > 0 {
				s.Errorf("%s: row %d says that it is without a body, and has one: %+v", what, i, r.envelope)
			}
			if o.Payload != len(all.envelope.Payload) || o.Attempts != all.attempts || (o.Metadata > 2) != (len(all.envelope.Metadata) > 0) || (o.Headers > 2) != (len(all.envelope.Headers) > 0) {
				s.Errorf("%s: row %d left out %+v of %+v", what, i, *o, all.envelope)
			}
		}
		if r.envelope.Type != all.envelope.Type || r.envelope.Queue != all.envelope.Queue || !r.envelope.CreatedAt.Equal(all.envelope.CreatedAt) {
			s.Errorf("%s: row %d is %+v, want %+v", what, i, r.envelope, all.envelope)
		}
		used += all.envelope.Size()
	}
}

var pageTests = []test{
	{"a page has all its rows, and bodies until its bytes are used up", func(s *suite) {
		const n, bytes = 12, 30_000
		messages := s.messages()
		for i := range n {
			o := symphony.DispatchOptions{Metadata: map[string]any{"m": strings.Repeat("m", 2000)}, Headers: map[string]any{"h": "v"}}
			if i%4 == 3 {
				o = symphony.DispatchOptions{}
			}
			s.sendLarge(4000+i, o)
			s.clock.Advance(time.Second)
		}
		// Some in hand, completed, failed with a history, and waiting for another try.
		got, err := s.def.Receive(ctx, symphony.ReceiveOptions{Max: 8})
		if err != nil || len(got) != 8 {
			s.Fatalf("got %d, %v", len(got), err)
		}
		now := s.clock.Now()
		for i, outcome := range []symphony.Outcome{symphony.Ack, symphony.Fail, symphony.Retry, symphony.Ack, symphony.Fail, symphony.Retry} {
			st := symphony.Settlement{Lease: got[i].Lease, Outcome: outcome, Error: strings.Repeat("e", 1000), ErrorClass: "test", StartedAt: now, FinishedAt: now, Delay: time.Hour}
			if errs := s.def.Settle(ctx, []symphony.Settlement{st}); errs != nil && errs[0] != nil {
				s.Fatal(errs[0])
			}
		}
		rowOf := func(m symphony.MessageInfo) pageRow { return pageRow{m.ID, &m.Envelope, len(m.Attempts), m.Omitted} }
		for _, oldest := range []bool{false, true} {
			for _, status := range []symphony.Status{"", symphony.Pending, symphony.Processing, symphony.Completed, symphony.Failed} {
				q := symphony.MessageQuery{MessageFilter: symphony.MessageFilter{Status: status}, Oldest: oldest}.WithDefaults()
				all, err := messages.ListMessages(ctx, q)
				if err != nil {
					s.Fatal(err)
				}
				q.Bytes = bytes
				page, err := messages.ListMessages(ctx, q)
				if err != nil {
					s.Fatal(err)
				}
				rows := make([]pageRow, len(page.Messages))
				for i := range page.Messages {
					m := page.Messages[i]
					rows[i] = rowOf(m)
					want := all.Messages[i]
					if m.Omitted != nil && (m.Status != want.Status || m.Deliveries != want.Deliveries || !m.AvailableAt.Equal(want.AvailableAt) || m.Error != want.Error || m.FailedID != want.FailedID || m.Worker != want.Worker) {
						s.Errorf("%s: row %d is %+v, want %+v", status, i, m, want)
					}
				}
				s.wantPage(fmt.Sprintf("status %q, oldest %v", status, oldest), rows, len(all.Messages), bytes, func(id string) pageRow { return rowOf(s.show(id)) })
				page.Whole(&q)
				for _, m := range page.Messages {
					if m.Omitted != nil {
						s.Errorf("%q: a page cut before the first bare row has one", status)
					}
				}
			}
		}
	}},
	{"a page of failed messages has all its rows, and bodies until its bytes are used up", func(s *suite) {
		s.needs(func(c symphony.Capabilities) bool { return c.Messages })
		failed := s.def.(symphony.MessageStore)
		const n, bytes = 9, 20_000
		now := s.clock.Now()
		for i := range n {
			s.sendLarge(4000+i, symphony.DispatchOptions{Metadata: map[string]any{"m": "v"}})
			got, err := s.def.Receive(ctx, symphony.ReceiveOptions{})
			if err != nil || len(got) != 1 {
				s.Fatalf("got %d, %v", len(got), err)
			}
			st := symphony.Settlement{Lease: got[0].Lease, Outcome: symphony.Fail, Error: "boom", ErrorClass: "test", StartedAt: now, FinishedAt: now}
			if errs := s.def.Settle(ctx, []symphony.Settlement{st}); errs != nil && errs[0] != nil {
				s.Fatal(errs[0])
			}
			s.clock.Advance(time.Second)
		}
		whole := func(id string) pageRow {
			f, err := GetFailed(ctx, failed, id)
			if err != nil {
				s.Fatal(err)
			}
			return pageRow{f.FailedID, &f.Envelope, len(f.Attempts), f.Omitted}
		}
		for what, q := range map[string]symphony.MessageQuery{
			"all": {Limit: 50}, "an offset": {Limit: 50, Offset: 2}, "by text": {Limit: 50, MessageFilter: symphony.MessageFilter{Text: "boom"}}, "a limit": {Limit: n},
		} {
			q.Bytes = bytes
			page, err := ListFailed(ctx, failed, q)
			if err != nil {
				s.Fatal(err)
			}
			rows := make([]pageRow, len(page.Messages))
			for i := range page.Messages {
				f := &page.Messages[i]
				rows[i] = pageRow{f.FailedID, &f.Envelope, len(f.Attempts), f.Omitted}
				if f.Error != "boom" || f.ErrorClass != "test" {
					s.Errorf("%s: row %d is %+v", what, i, f)
				}
			}
			s.wantPage(what, rows, n-q.Offset, bytes, whole)
			q.ByFailure = true
			if page.Whole(&q); len(page.Messages) == 0 || page.Next != page.Messages[len(page.Messages)-1].FailedID {
				s.Errorf("%s: a page cut before the first bare row goes on behind %q", what, page.Next)
			}
		}
	}},
	{"a query that asks for no bodies has none, and is told of them", func(s *suite) {
		s.needs(func(c symphony.Capabilities) bool { return c.Messages })
		s.sendLarge(500, symphony.DispatchOptions{Metadata: map[string]any{"m": "v"}})
		failed := s.fail(s.one(), "boom")
		s.sendLarge(500, symphony.DispatchOptions{Metadata: map[string]any{"m": "v"}})
		for what, q := range map[string]symphony.MessageQuery{
			"dispatch": {}, "failure": {ByFailure: true}, "failure, by text": {ByFailure: true, MessageFilter: symphony.MessageFilter{Text: "boom"}},
		} {
			q.Bytes = symphony.NoBodies
			page, err := s.messages().ListMessages(ctx, q.WithDefaults())
			if err != nil || len(page.Messages) == 0 {
				s.Fatalf("%s: %d messages, %v", what, len(page.Messages), err)
			}
			for i := range page.Messages {
				m := &page.Messages[i]
				want := symphony.Omitted{Payload: len(failed.Payload), Metadata: len(`{"m":"v"}`)}
				if m.Status == symphony.Failed {
					want.Attempts = 1
				}
				if m.Payload != nil || m.Metadata != nil || m.Attempts != nil || m.Omitted == nil || *m.Omitted != want {
					s.Errorf("%s: the %s message has %d bytes, left out are %+v, want %+v", what, m.Status, m.Size(), m.Omitted, want)
				}
			}
		}
	}},
	{"a page of schedules has all its rows, and bodies until its bytes are used up", func(s *suite) {
		s.needs(func(c symphony.Capabilities) bool { return c.Schedules })
		const n = 6
		for i := range n {
			sch := s.newSchedule(fmt.Sprint("large ", i))
			sch.Message.Payload = []byte(`{"x":"` + strings.Repeat("x", 4000) + `"}`)
			sch.Message.Metadata = map[string]any{"m": "v"}
			s.create(sch)
		}
		for bytes, whole := range map[int]int{0: n, 1: 1, 9000: 3} {
			page, err := s.scheduleStore().ListSchedules(ctx, schedule.Query{Bytes: bytes})
			if err != nil || len(page.Schedules) != n {
				s.Fatalf("got %d, %v", len(page.Schedules), err)
			}
			for i := range page.Schedules {
				sch := &page.Schedules[i]
				if (sch.Omitted == nil) != (i < whole) || (len(sch.Message.Payload) > 0) != (i < whole) || (len(sch.Message.Metadata) > 0) != (i < whole) {
					s.Errorf("of %d bytes, row %d: left out %v", bytes, i, sch.Omitted)
				}
				if o := sch.Omitted; o != nil && (o.Payload != 4008 || o.Metadata != len(`{"m":"v"}`)) || sch.Name == "" || sch.Message.Type == "" {
					s.Errorf("of %d bytes, row %d: %+v", bytes, i, sch)
				}
			}
		}
	}},
}

// sendLarge sends a message of type Large with a payload of so many bytes.
func (s *suite) sendLarge(n int, o symphony.DispatchOptions) {
	s.Helper()
	payload := []byte(`{"x":"` + strings.Repeat("x", n-8) + `"}`)
	if _, err := s.bus.DispatchMessage(ctx, symphony.Message{Type: "Large", Payload: payload}, o); err != nil {
		s.Fatal(err)
	}
}

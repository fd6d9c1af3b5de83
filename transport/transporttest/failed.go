package transporttest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/symphony-messenger/symphony"
)

// failMany makes failed messages of alternating queues and types, and returns their failed ids, oldest first.
func (s *suite) failMany(n int) []string {
	s.Helper()
	list := make([]string, n)
	for i := range list {
		_, err := s.bus.Dispatch(ctx, []string{"Order", "Mail"}[i%2], json.RawMessage(fmt.Sprintf(`{"n":%d,"text":"100%% _of_ it"}`, i)), symphony.DispatchOptions{Queue: []string{"a", "b", "c"}[i%3], Priority: 1 + i%2})
		if err != nil {
			s.Fatal(err)
		}
		list[i] = s.fail(s.one(), fmt.Sprintf("Error %d: Größe", i)).FailedID
	}
	return list
}

// list lists messages in the order of their failure, and counts them.
func (s *suite) list(q symphony.MessageQuery) symphony.MessagePage {
	s.Helper()
	q.Total = true
	return s.listed(q)
}

// listed lists messages in the order of their failure.
func (s *suite) listed(q symphony.MessageQuery) symphony.MessagePage {
	s.Helper()
	page, err := ListFailed(ctx, s.messages(), q)
	if err != nil {
		s.Fatal(err)
	}
	return page
}

func failedIDs(page symphony.MessagePage) []string {
	var out []string
	for _, f := range page.Messages {
		out = append(out, f.FailedID)
	}
	return out
}

var failedTests = []test{
	{"a search for a text finds all that match, page by page, however few are looked at for one", func(s *suite) {
		var want []string
		for i := range 12 {
			s.dispatch(symphony.DispatchOptions{})
			text := "boom"
			if i%4 == 1 {
				text = "the Needle"
			}
			if f := s.fail(s.one(), text); i%4 == 1 {
				want = append([]string{f.FailedID}, want...)
			}
		}
		filter := symphony.MessageFilter{Text: "needle"}
		for _, scan := range []int{0, 1, 2, 5, 100} {
			for limit := 1; limit <= 4; limit++ {
				var got []string
				q := symphony.MessageQuery{MessageFilter: filter, Limit: limit, Scan: scan}
				for pages := 0; ; pages++ {
					page := s.listed(q)
					got = append(got, failedIDs(page)...)
					if len(page.Messages) > limit || pages > 20 {
						s.Fatalf("page %d with a limit of %d and a scan of %d: %d messages, more: %v, next %q", pages, limit, scan, len(page.Messages), page.Next != "", page.Next)
					}
					if q.After = page.Next; page.Next == "" {
						break
					}
				}
				s.wantSame(fmt.Sprintf("pages of %d with a scan of %d", limit, scan), got, want)
			}
		}
		for offset := range 4 {
			page := s.list(symphony.MessageQuery{MessageFilter: filter, Limit: 1, Offset: offset})
			if rest := want[offset:]; page.Total != 3 || (page.Next != "") != (len(rest) > 1) || len(page.Messages) != min(len(rest), 1) {
				s.Errorf("offset %d: %d messages of %d, more: %v", offset, len(page.Messages), page.Total, page.Next != "")
			}
		}
		page := s.list(symphony.MessageQuery{MessageFilter: filter, Limit: 1, After: want[0]})
		if page.Total != 3 || !slices.Equal(failedIDs(page), want[1:2]) || page.Next == "" {
			s.Errorf("behind the first: %v of %d, more: %v", failedIDs(page), page.Total, page.Next != "")
		}
		got, err := SelectFailed(ctx, s.messages(), filter, 2)
		if oldest := []string{want[2], want[1]}; err != nil || !slices.Equal(got, oldest) {
			s.Errorf("selected %v, %v; want %v", got, err, oldest)
		}
	}},
	{"the list has the newest failure first, in pages", func(s *suite) {
		list := s.failMany(7)
		slices.Reverse(list)
		page := s.list(symphony.MessageQuery{Limit: 3, Offset: 1})
		if !slices.Equal(failedIDs(page), list[1:4]) || page.Total != 7 || page.Next == "" {
			s.Errorf("got %v of %d, more %v", failedIDs(page), page.Total, page.Next != "")
		}
		page = s.list(symphony.MessageQuery{Limit: 3, Offset: 4})
		if !slices.Equal(failedIDs(page), list[4:]) || page.Next != "" {
			s.Errorf("got %v, more %v", failedIDs(page), page.Next != "")
		}
	}},
	{"pages are read without counting all, too", func(s *suite) {
		list := s.failMany(5)
		slices.Reverse(list)
		for _, filter := range []symphony.MessageFilter{{}, {ErrorClass: "test"}} {
			page := s.listed(symphony.MessageQuery{MessageFilter: filter, Limit: 3})
			next := s.listed(symphony.MessageQuery{MessageFilter: filter, Limit: 3, After: list[2]})
			if !slices.Equal(slices.Concat(failedIDs(page), failedIDs(next)), list) || page.Next == "" || next.Next != "" || page.Total+next.Total != 0 {
				s.Errorf("got %v and %v, more %v and %v, want %v", failedIDs(page), failedIDs(next), page.Next != "", next.Next != "", list)
			}
		}
	}},
	{"the oldest failure comes first where that is asked for, page by page", func(s *suite) {
		list := s.failMany(7)
		for _, filter := range []symphony.MessageFilter{{}, {ErrorClass: "test"}, {Text: "error"}} {
			for _, total := range []bool{false, true} {
				var got []string
				for q := (symphony.MessageQuery{MessageFilter: filter, Oldest: true, Limit: 3, Total: total}); ; {
					page := s.listed(q)
					if got = append(got, failedIDs(page)...); total != (page.Total == 7) {
						s.Errorf("filter %+v: counted %d", filter, page.Total)
					}
					if q.After = page.Next; q.After == "" {
						break
					}
				}
				s.wantSame(fmt.Sprintf("filter %+v, counted %v", filter, total), got, list)
			}
		}
	}},
	{"After continues where a page ended, whatever comes and goes meanwhile", func(s *suite) {
		list := s.failMany(6)
		page := s.list(symphony.MessageQuery{Limit: 2})
		s.failMany(2)
		after := page.Messages[1].FailedID
		if _, err := DeleteFailed(ctx, s.messages(), after); err != nil {
			s.Fatal(err)
		}
		page = s.list(symphony.MessageQuery{Limit: 10, After: after})
		slices.Reverse(list)
		if !slices.Equal(failedIDs(page), list[2:]) {
			s.Errorf("got %v, want %v", failedIDs(page), list[2:])
		}
	}},
	{"filters select, and every character of the text is literal", func(s *suite) {
		list := s.failMany(6)
		third, err := GetFailed(ctx, s.messages(), list[3])
		if err != nil {
			s.Fatal(err)
		}
		tests := map[string]struct {
			filter symphony.MessageFilter
			want   int64
		}{
			"queue":            {symphony.MessageFilter{Queue: "a"}, 2},
			"type":             {symphony.MessageFilter{Type: "Mail"}, 3},
			"class":            {symphony.MessageFilter{ErrorClass: "test"}, 6},
			"priority":         {symphony.MessageFilter{Priority: 2}, 3},
			"status":           {symphony.MessageFilter{Status: symphony.Failed}, 6},
			"scheduled":        {symphony.MessageFilter{ScheduledAfter: third.CreatedAt.Add(-time.Hour)}, 0},
			"other class":      {symphony.MessageFilter{ErrorClass: "tes"}, 0},
			"since":            {symphony.MessageFilter{Since: third.FinishedAt}, 3},
			"until":            {symphony.MessageFilter{Until: third.FinishedAt}, 3},
			"queue and type":   {symphony.MessageFilter{Queue: "a", Type: "Mail"}, 1},
			"text in error":    {symphony.MessageFilter{Text: "error 3"}, 1},
			"text in payload":  {symphony.MessageFilter{Text: `"N":3`}, 1},
			"text in type":     {symphony.MessageFilter{Text: "ORDER"}, 3},
			"percent":          {symphony.MessageFilter{Text: "100% _OF_"}, 6},
			"percent wildcard": {symphony.MessageFilter{Text: "%5"}, 0},
			"underscore":       {symphony.MessageFilter{Text: "_f_"}, 0},
			"unicode":          {symphony.MessageFilter{Text: "größe"}, 6},
		}
		for name, test := range tests {
			page := s.list(symphony.MessageQuery{MessageFilter: test.filter, Limit: 10})
			if page.Total != test.want || int64(len(page.Messages)) != test.want {
				s.Errorf("%s: got %d of %d, want %d", name, len(page.Messages), page.Total, test.want)
			}
			selected, err := SelectFailed(ctx, s.messages(), test.filter, 10)
			slices.Reverse(selected)
			if err != nil || !slices.Equal(selected, failedIDs(page)) {
				s.Errorf("%s: SelectFailed has %v, the list %v (%v)", name, selected, failedIDs(page), err)
			}
		}
	}},
	{"failed messages that were scheduled, and those of a class of error, are found in both orders", func(s *suite) {
		now := s.clock.Now()
		s.dispatch(symphony.DispatchOptions{})
		s.fail(s.one(), "boom")
		s.dispatch(symphony.DispatchOptions{ScheduledAt: now.Add(time.Minute)})
		s.clock.Advance(time.Minute)
		d := s.one()
		s.mustSettle(d, symphony.Settlement{Outcome: symphony.Fail, Error: "late", ErrorClass: "timeout"})
		for what, f := range map[string]symphony.MessageFilter{
			"scheduled": {Status: symphony.Failed, ScheduledAfter: now}, "class": {Status: symphony.Failed, ErrorClass: "timeout"},
			"class and text":       {Status: symphony.Failed, ErrorClass: "timeout", Text: "order"},
			"class, of one caller": {Status: symphony.Failed, ErrorClass: "timeout", DispatchedBy: "user:a"},
		} {
			want := []string{d.ID}
			if f.DispatchedBy != "" {
				want = nil
			}
			s.wantSame(what+", in the order of dispatch", messageIDs(s.page(symphony.MessageQuery{MessageFilter: f}).Messages), want)
			s.wantSame(what+", in the order of failure", messageIDs(s.list(symphony.MessageQuery{MessageFilter: f}).Messages), want)
		}
	}},
	{"unknown ids and those of another transport are not found", func(s *suite) {
		list := s.failMany(1)
		other := s.Email.(symphony.MessageStore)
		for _, id := range []string{"", "nonsense", symphony.NewID(s.clock.Now())} {
			if _, err := GetFailed(ctx, s.messages(), id); !errors.Is(err, symphony.ErrNotFound) {
				s.Errorf("GetFailed(%q): got %v, want ErrNotFound", id, err)
			}
		}
		if _, err := GetFailed(ctx, other, list[0]); !errors.Is(err, symphony.ErrNotFound) {
			s.Errorf("through the other transport: %v", err)
		}
		if n, err := DeleteFailed(ctx, other, list...); n != 0 || err != nil {
			s.Errorf("the other transport deleted %d, %v", n, err)
		}
		if done, err := other.MoveFailed(ctx, []symphony.FailedMove{{ID: list[0], NewID: symphony.NewID(s.clock.Now())}}); done != 0 || err != nil {
			s.Errorf("the other transport retried %v, %v", done, err)
		}
	}},
	{"a retry makes a new message in its place, with a fresh budget", func(s *suite) {
		o := symphony.DispatchOptions{Queue: "q", Priority: 9, IdempotencyKey: "k", Headers: map[string]any{"a": "b"}, Metadata: map[string]any{"m": "n"}}
		r := s.dispatch(o)
		d := s.one()
		s.mustSettle(d, symphony.Settlement{Outcome: symphony.Retry, Done: []string{"mail"}})
		f := s.fail(s.one(), "boom")
		newID := symphony.NewID(s.clock.Now())
		done, err := s.messages().MoveFailed(ctx, []symphony.FailedMove{{ID: f.FailedID, NewID: newID}, {ID: "unknown", NewID: symphony.NewID(s.clock.Now())}})
		if err != nil || done != 1 {
			s.Fatalf("moved %d, %v; want 1", done, err)
		}
		s.wantCounts(1, 0, 0, 0, 0)
		again := s.one()
		if again.ID != newID || again.Attempt != 1 || again.Lost != 0 || again.Queue != "q" || again.Priority != 9 || again.IdempotencyKey != "k" || again.Headers["a"] != "b" ||
			again.Metadata["m"] != "n" || string(again.Payload) != string(d.Payload) || !slices.Equal(again.Done, []string{"mail"}) {
			s.Errorf("got %+v", again)
		}
		// Its own key did not swallow it, and goes on answering with the first message.
		dup, err := s.bus.Dispatch(ctx, "Order", d.Payload, o)
		if err != nil || dup.ID != r.ID || !dup.Duplicate {
			s.Errorf("dispatching the key again: %+v, %v; want the first message %s", dup, err, r.ID)
		}
		if done, _ := s.messages().MoveFailed(ctx, []symphony.FailedMove{{ID: f.FailedID, NewID: symphony.NewID(s.clock.Now())}}); done != 0 {
			s.Error("it was retried twice")
		}
	}},
	{"a retry can correct the payload", func(s *suite) {
		f := s.failMany(1)[0]
		if _, err := s.messages().MoveFailed(ctx, []symphony.FailedMove{{ID: f, NewID: symphony.NewID(s.clock.Now()), Payload: []byte(`{"right":true}`)}}); err != nil {
			s.Fatal(err)
		}
		if d := s.one(); string(d.Payload) != `{"right":true}` {
			s.Errorf("got %s", d.Payload)
		}
	}},
	{"two retries at once make one message", func(s *suite) {
		f := s.failMany(1)[0]
		var both sync.WaitGroup
		counts := make([]int, 8)
		for i := range counts {
			both.Go(func() {
				done, err := s.messages().MoveFailed(ctx, []symphony.FailedMove{{ID: f, NewID: symphony.NewID(s.clock.Now())}})
				if err != nil {
					s.Error(err)
				}
				counts[i] = done
			})
		}
		both.Wait()
		total := 0
		for _, n := range counts {
			total += n
		}
		if total != 1 {
			s.Errorf("%d retries succeeded, want 1", total)
		}
		s.wantCounts(1, 0, 0, 0, 0)
	}},
	{"a retried message that fails again is a new failure", func(s *suite) {
		f := s.failMany(1)[0]
		if _, err := s.messages().MoveFailed(ctx, []symphony.FailedMove{{ID: f, NewID: symphony.NewID(s.clock.Now())}}); err != nil {
			s.Fatal(err)
		}
		again := s.fail(s.one(), "again")
		if again.ID == f || len(again.Attempts) != 1 || again.Retries() != 0 {
			s.Errorf("got %+v", again)
		}
	}},
	{"deleting takes what is there and counts it", func(s *suite) {
		list := s.failMany(3)
		n, err := DeleteFailed(ctx, s.messages(), list[0], "unknown", list[2], list[0])
		if err != nil || n != 2 {
			s.Errorf("deleted %d, %v; want 2", n, err)
		}
		s.wantCounts(0, 0, 0, 1, 0)
	}},
	{"the dead letter queue survives a crash", func(s *suite) {
		list := s.failMany(3)
		s.reopen()
		s.wantCounts(0, 0, 0, 3, 0)
		slices.Reverse(list)
		if page := s.list(symphony.MessageQuery{Limit: 10}); !slices.Equal(failedIDs(page), list) {
			s.Errorf("got %v, want %v", failedIDs(page), list)
		}
	}},
}

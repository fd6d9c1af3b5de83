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
		_, err := s.bus.Dispatch(ctx, []string{"Order", "Mail"}[i%2], json.RawMessage(fmt.Sprintf(`{"n":%d,"text":"100%% _of_ it"}`, i)), symphony.DispatchOptions{Queue: []string{"a", "b", "c"}[i%3]})
		if err != nil {
			s.Fatal(err)
		}
		list[i] = s.fail(s.one(), fmt.Sprintf("Error %d: Größe", i)).ID
	}
	return list
}

func (s *suite) list(q symphony.FailedQuery) symphony.FailedPage {
	s.Helper()
	page, err := s.failures().ListFailed(ctx, q)
	if err != nil {
		s.Fatal(err)
	}
	return page
}

func failedIDs(page symphony.FailedPage) []string {
	var out []string
	for _, f := range page.Messages {
		out = append(out, f.ID)
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
				want = append([]string{f.ID}, want...)
			}
		}
		filter := symphony.FailedFilter{Text: "needle"}
		for _, scan := range []int{0, 1, 2, 5, 100} {
			for limit := 1; limit <= 4; limit++ {
				var got []string
				q := symphony.FailedQuery{FailedFilter: filter, Limit: limit, NoTotal: true, Scan: scan}
				for pages := 0; ; pages++ {
					page := s.list(q)
					got = append(got, failedIDs(page)...)
					if len(page.Messages) > limit || page.HasMore != (page.Next != "") || pages > 20 {
						s.Fatalf("page %d with a limit of %d and a scan of %d: %d messages, more: %v, next %q", pages, limit, scan, len(page.Messages), page.HasMore, page.Next)
					}
					if q.After = page.Next; !page.HasMore {
						break
					}
				}
				s.wantSame(fmt.Sprintf("pages of %d with a scan of %d", limit, scan), got, want)
			}
		}
		for offset := range 4 {
			page := s.list(symphony.FailedQuery{FailedFilter: filter, Limit: 1, Offset: offset})
			if rest := want[offset:]; page.Total != 3 || page.HasMore != (len(rest) > 1) || len(page.Messages) != min(len(rest), 1) {
				s.Errorf("offset %d: %d messages of %d, more: %v", offset, len(page.Messages), page.Total, page.HasMore)
			}
		}
		page := s.list(symphony.FailedQuery{FailedFilter: filter, Limit: 1, After: want[0]})
		if page.Total != 3 || !slices.Equal(failedIDs(page), want[1:2]) || !page.HasMore {
			s.Errorf("behind the first: %v of %d, more: %v", failedIDs(page), page.Total, page.HasMore)
		}
		got, err := s.failures().SelectFailed(ctx, filter, 2)
		if oldest := []string{want[2], want[1]}; err != nil || !slices.Equal(got, oldest) {
			s.Errorf("selected %v, %v; want %v", got, err, oldest)
		}
	}},
	{"the list has the newest failure first, in pages", func(s *suite) {
		list := s.failMany(7)
		slices.Reverse(list)
		page := s.list(symphony.FailedQuery{Limit: 3, Offset: 1})
		if !slices.Equal(failedIDs(page), list[1:4]) || page.Total != 7 || !page.HasMore {
			s.Errorf("got %v of %d, more %v", failedIDs(page), page.Total, page.HasMore)
		}
		page = s.list(symphony.FailedQuery{Limit: 3, Offset: 4})
		if !slices.Equal(failedIDs(page), list[4:]) || page.HasMore {
			s.Errorf("got %v, more %v", failedIDs(page), page.HasMore)
		}
	}},
	{"pages are read without counting all, too", func(s *suite) {
		list := s.failMany(5)
		slices.Reverse(list)
		for _, filter := range []symphony.FailedFilter{{}, {ErrorClass: "test"}} {
			page := s.list(symphony.FailedQuery{FailedFilter: filter, Limit: 3, NoTotal: true})
			next := s.list(symphony.FailedQuery{FailedFilter: filter, Limit: 3, NoTotal: true, After: list[2]})
			if !slices.Equal(slices.Concat(failedIDs(page), failedIDs(next)), list) || !page.HasMore || next.HasMore || page.Total+next.Total != 0 {
				s.Errorf("got %v and %v, more %v and %v, want %v", failedIDs(page), failedIDs(next), page.HasMore, next.HasMore, list)
			}
		}
	}},
	{"After continues where a page ended, whatever comes and goes meanwhile", func(s *suite) {
		list := s.failMany(6)
		page := s.list(symphony.FailedQuery{Limit: 2})
		s.failMany(2)
		after := page.Messages[1].ID
		if _, err := s.failures().DeleteFailed(ctx, []string{after}); err != nil {
			s.Fatal(err)
		}
		page = s.list(symphony.FailedQuery{Limit: 10, After: after})
		slices.Reverse(list)
		if !slices.Equal(failedIDs(page), list[2:]) {
			s.Errorf("got %v, want %v", failedIDs(page), list[2:])
		}
	}},
	{"filters select, and every character of the text is literal", func(s *suite) {
		list := s.failMany(6)
		third, err := s.failures().GetFailed(ctx, list[3])
		if err != nil {
			s.Fatal(err)
		}
		tests := map[string]struct {
			filter symphony.FailedFilter
			want   int64
		}{
			"queue":            {symphony.FailedFilter{Queue: "a"}, 2},
			"type":             {symphony.FailedFilter{Type: "Mail"}, 3},
			"class":            {symphony.FailedFilter{ErrorClass: "test"}, 6},
			"other class":      {symphony.FailedFilter{ErrorClass: "tes"}, 0},
			"since":            {symphony.FailedFilter{Since: third.FailedAt}, 3},
			"until":            {symphony.FailedFilter{Until: third.FailedAt}, 3},
			"queue and type":   {symphony.FailedFilter{Queue: "a", Type: "Mail"}, 1},
			"text in error":    {symphony.FailedFilter{Text: "error 3"}, 1},
			"text in payload":  {symphony.FailedFilter{Text: `"N":3`}, 1},
			"text in type":     {symphony.FailedFilter{Text: "ORDER"}, 3},
			"percent":          {symphony.FailedFilter{Text: "100% _OF_"}, 6},
			"percent wildcard": {symphony.FailedFilter{Text: "%5"}, 0},
			"underscore":       {symphony.FailedFilter{Text: "_f_"}, 0},
			"unicode":          {symphony.FailedFilter{Text: "größe"}, 6},
		}
		for name, test := range tests {
			page := s.list(symphony.FailedQuery{FailedFilter: test.filter, Limit: 10})
			if page.Total != test.want || int64(len(page.Messages)) != test.want {
				s.Errorf("%s: got %d of %d, want %d", name, len(page.Messages), page.Total, test.want)
			}
			selected, err := s.failures().SelectFailed(ctx, test.filter, 10)
			slices.Reverse(selected)
			if err != nil || !slices.Equal(selected, failedIDs(page)) {
				s.Errorf("%s: SelectFailed has %v, the list %v (%v)", name, selected, failedIDs(page), err)
			}
		}
	}},
	{"unknown ids and those of another transport are not found", func(s *suite) {
		list := s.failMany(1)
		other := s.Email.(symphony.FailedStore)
		for _, id := range []string{"", "nonsense", symphony.NewID(s.clock.Now())} {
			if _, err := s.failures().GetFailed(ctx, id); !errors.Is(err, symphony.ErrNotFound) {
				s.Errorf("GetFailed(%q): got %v, want ErrNotFound", id, err)
			}
		}
		if _, err := other.GetFailed(ctx, list[0]); !errors.Is(err, symphony.ErrNotFound) {
			s.Errorf("through the other transport: %v", err)
		}
		if n, err := other.DeleteFailed(ctx, list); n != 0 || err != nil {
			s.Errorf("the other transport deleted %d, %v", n, err)
		}
		if done, err := other.RetryFailed(ctx, []symphony.FailedRetry{{ID: list[0], NewID: symphony.NewID(s.clock.Now())}}); len(done) != 0 || err != nil {
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
		done, err := s.failures().RetryFailed(ctx, []symphony.FailedRetry{{ID: f.ID, NewID: newID}, {ID: "unknown", NewID: symphony.NewID(s.clock.Now())}})
		if err != nil || !slices.Equal(done, []string{f.ID}) {
			s.Fatalf("got %v, %v", done, err)
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
		if done, _ := s.failures().RetryFailed(ctx, []symphony.FailedRetry{{ID: f.ID, NewID: symphony.NewID(s.clock.Now())}}); len(done) != 0 {
			s.Error("it was retried twice")
		}
	}},
	{"a retry can correct the payload", func(s *suite) {
		f := s.failMany(1)[0]
		if _, err := s.failures().RetryFailed(ctx, []symphony.FailedRetry{{ID: f, NewID: symphony.NewID(s.clock.Now()), Payload: []byte(`{"right":true}`)}}); err != nil {
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
				done, err := s.failures().RetryFailed(ctx, []symphony.FailedRetry{{ID: f, NewID: symphony.NewID(s.clock.Now())}})
				if err != nil {
					s.Error(err)
				}
				counts[i] = len(done)
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
		if _, err := s.failures().RetryFailed(ctx, []symphony.FailedRetry{{ID: f, NewID: symphony.NewID(s.clock.Now())}}); err != nil {
			s.Fatal(err)
		}
		again := s.fail(s.one(), "again")
		if again.ID == f || len(again.Attempts) != 1 || again.RetryCount != 0 {
			s.Errorf("got %+v", again)
		}
	}},
	{"deleting takes what is there and counts it", func(s *suite) {
		list := s.failMany(3)
		n, err := s.failures().DeleteFailed(ctx, []string{list[0], "unknown", list[2], list[0]})
		if err != nil || n != 2 {
			s.Errorf("deleted %d, %v; want 2", n, err)
		}
		s.wantCounts(0, 0, 0, 1, 0)
	}},
	{"bulk work leaves alone what fails after it began", func(s *suite) {
		s.failMany(3)
		dead, err := s.bus.Failed(s.def.Name())
		if err != nil {
			s.Fatal(err)
		}
		n, err := dead.RetryAll(ctx, symphony.FailedSelection{}, func(int) {
			for _, d := range s.receive(all) { // fails again at once
				s.mustSettle(d, symphony.Settlement{Outcome: symphony.Fail, Error: "again", ErrorClass: "test"})
			}
		})
		if err != nil || n != 3 {
			s.Errorf("retried %d, %v; want 3", n, err)
		}
		s.clock.Advance(time.Second)
		if n, err := dead.DeleteAll(ctx, symphony.FailedSelection{Filter: symphony.FailedFilter{Queue: "a"}}, nil); err != nil || n != 1 {
			s.Errorf("deleted %d, %v; want 1", n, err)
		}
		s.wantCounts(0, 0, 0, 2, 0)
	}},
	{"the dead letter queue survives a crash", func(s *suite) {
		list := s.failMany(3)
		s.reopen()
		s.wantCounts(0, 0, 0, 3, 0)
		slices.Reverse(list)
		if page := s.list(symphony.FailedQuery{Limit: 10}); !slices.Equal(failedIDs(page), list) {
			s.Errorf("got %v, want %v", failedIDs(page), list)
		}
	}},
}

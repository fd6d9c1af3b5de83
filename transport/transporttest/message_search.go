package transporttest

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/symphony-messenger/symphony"
)

// search pages through a query to its end and returns what it found. Each page must be in order and bring nothing
// again.
func (s *suite) search(q symphony.MessageQuery) []string {
	s.Helper()
	var found []string
	for pages := 0; ; pages++ {
		page := s.page(q)
		found = append(found, messageIDs(page.Messages)...)
		s.wantOrder(found, q)
		if n := q.WithDefaults().Limit; len(page.Messages) > n {
			s.Fatalf("a page has %d messages, want at most %d", len(page.Messages), n)
		}
		if page.Next == "" {
			return found
		}
		if pages > 2000 {
			s.Fatalf("a query does not end: %+v", q)
		}
		q.After = page.Next
	}
}

func (s *suite) wantOrder(list []string, q symphony.MessageQuery) {
	s.Helper()
	for i := 1; i < len(list); i++ {
		if list[i-1] == list[i] || list[i-1] < list[i] != q.Oldest {
			s.Fatalf("%+v: message %s comes behind %s", q, list[i], list[i-1])
		}
	}
}

// count counts the messages that match a filter, in as many steps as it takes.
func (s *suite) count(q symphony.MessageQuery) int64 {
	s.Helper()
	total := int64(0)
	for steps := 0; ; steps++ {
		c, err := CountMessages(ctx, s.messages(), q.WithDefaults())
		if err != nil {
			s.Fatal(err)
		}
		total += c.Total
		if c.Next == "" {
			return total
		}
		if steps > 2000 {
			s.Fatalf("a count does not end: %+v", q)
		}
		q.After = c.Next
	}
}

// mixed makes messages of every status, queue, type and priority, and returns them, the oldest first.
func (s *suite) mixed(n int) []symphony.MessageInfo {
	s.Helper()
	var made []symphony.MessageInfo
	for i := range n {
		o := symphony.DispatchOptions{Queue: []string{"a", "b", "a"}[i%3], Priority: 1 + i%4}
		typ := []string{"Order", "Mail", "Order.Late", "Mail", "Job"}[i%5]
		if i%7 == 3 {
			o.Delay = time.Hour
		}
		m := symphony.MessageInfo{Status: symphony.Pending}
		r := s.send(typ, o)
		m.ID, m.Type, m.Queue, m.Priority, m.CreatedAt = r.ID, typ, o.Queue, o.Priority, s.clock.Now().Add(-time.Millisecond)
		if i%7 != 3 && i%2 == 0 {
			d := s.one()
			for d.ID != m.ID { // an older one, with a higher priority
				s.mustSettle(d, symphony.Settlement{Outcome: symphony.Release, Delay: time.Hour})
				d = s.one()
			}
			switch i % 3 {
			case 0:
				s.ack(d)
				m.Status = symphony.Completed
			case 1:
				s.fail(d, "e")
				m.Status = symphony.Failed
			default:
				m.Status = symphony.Processing
			}
		}
		made = append(made, m)
		s.dispatch(symphony.DispatchOptions{Transport: s.Email.Name(), Queue: "a"})
	}
	return made
}

// selected are the ids of the messages that match all of a filter but its text, in the order of a query.
func selected(made []symphony.MessageInfo, f symphony.MessageFilter, oldest bool) []string {
	var out []string
	for _, m := range made {
		if (f.Status == "" || f.Status == m.Status) && (f.Queue == "" || f.Queue == m.Queue) && (f.Type == "" || f.Type == m.Type) && (f.Priority == 0 || f.Priority == m.Priority) &&
			!m.CreatedAt.Before(f.Since) && (f.Until.IsZero() || m.CreatedAt.Before(f.Until)) &&
			f.Carries(&m.Envelope) {
			out = append(out, m.ID)
		}
	}
	slices.Sort(out)
	if !oldest {
		slices.Reverse(out)
	}
	return out
}

var searchTests = []test{
	{"filters select, each by itself and together, in both orders", func(s *suite) {
		made := s.mixed(42)
		third, last := made[13].CreatedAt, made[30].CreatedAt
		for name, f := range map[string]symphony.MessageFilter{
			"nothing":            {},
			"pending":            {Status: symphony.Pending},
			"processing":         {Status: symphony.Processing},
			"completed":          {Status: symphony.Completed},
			"failed":             {Status: symphony.Failed},
			"queue":              {Queue: "a"},
			"unknown queue":      {Queue: "A"},
			"type":               {Type: "Order"},
			"type in part":       {Type: "Orde"},
			"priority":           {Priority: 3},
			"since":              {Since: third},
			"since a little on":  {Since: third.Add(1)},
			"until":              {Until: third},
			"until a little on":  {Until: third.Add(1)},
			"since and until":    {Since: third, Until: last},
			"until before since": {Since: last, Until: third},
			"in the future":      {Since: s.clock.Now().Add(24 * time.Hour)},
			"in the past":        {Until: s.clock.Now().Add(-24 * time.Hour)},
			"since ever":         {Since: time.Unix(0, 0)},
			"before Unix":        {Since: time.Date(1960, 1, 1, 0, 0, 0, 0, time.UTC), Until: time.Date(1961, 1, 1, 0, 0, 0, 0, time.UTC)},
			"status and queue":   {Status: symphony.Pending, Queue: "b"},
			"failed and type":    {Status: symphony.Failed, Type: "Mail"},
			"all of them":        {Status: symphony.Completed, Queue: "a", Type: "Order", Priority: 3, Since: made[0].CreatedAt, Until: last},
		} {
			for _, oldest := range []bool{false, true} {
				want := selected(made, f, oldest)
				// Short steps are many calls: half of them in each order.
				queries, scans := []symphony.MessageQuery{{}, {Limit: 2}, {Limit: 7, Scan: 1000}}, []int{0, 10}
				if oldest {
					queries, scans = []symphony.MessageQuery{{}, {Limit: 5, Scan: 3}}, []int{1}
				}
				for _, q := range queries {
					q.MessageFilter, q.Oldest = f, oldest
					if got := s.search(q); !slices.Equal(got, want) {
						s.Errorf("%s, oldest first %v, limit %d, scan %d: got %d messages %v, want %d", name, oldest, q.Limit, q.Scan, len(got), got, len(want))
					}
				}
				for _, scan := range scans {
					if n := s.count(symphony.MessageQuery{MessageFilter: f, Oldest: oldest, Scan: scan}); n != int64(len(want)) {
						s.Errorf("%s: counted %d, want %d", name, n, len(want))
					}
				}
			}
		}
	}},
	{"the last page has no next, and a page that is not the last one has", func(s *suite) {
		list := s.dispatchMany(6, symphony.DispatchOptions{})
		for limit, next := range map[int]string{6: "", 7: "", 5: list[1], 1: list[5]} {
			if page := s.page(symphony.MessageQuery{Limit: limit}); page.Next != next {
				s.Errorf("limit %d: next is %q, want %q", limit, page.Next, next)
			}
		}
		for limit, next := range map[int]string{6: "", 5: list[4]} {
			if page := s.page(symphony.MessageQuery{Limit: limit, Oldest: true}); page.Next != next {
				s.Errorf("oldest first, limit %d: next is %q, want %q", limit, page.Next, next)
			}
		}
		for _, oldest := range []bool{false, true} {
			end := list[0]
			if oldest {
				end = list[5]
			}
			if page := s.page(symphony.MessageQuery{After: end, Oldest: oldest}); page.Next != "" || len(page.Messages) != 0 {
				s.Errorf("behind the last: %v, %q", messageIDs(page.Messages), page.Next)
			}
		}
	}},
	{"a page looks at so many messages and no more", func(s *suite) {
		rare := s.send("Rare", symphony.DispatchOptions{}).ID
		s.sendMany(30, "Job", symphony.DispatchOptions{})
		middle := s.send("Rare", symphony.DispatchOptions{}).ID
		s.sendMany(30, "Job", symphony.DispatchOptions{})
		for _, f := range []symphony.MessageFilter{{Type: "Rare"}, {Status: symphony.Pending, Type: "Rare"}, {Text: "RARE"}} {
			q := symphony.MessageQuery{MessageFilter: f, Scan: 10}
			if got := s.search(q); !slices.Equal(got, []string{middle, rare}) {
				s.Errorf("%+v: got %v", f, got)
			}
		}
		for _, scan := range []int{1, 10, 61, 62, 100} {
			c, err := CountMessages(ctx, s.messages(), symphony.MessageQuery{Scan: scan}.WithDefaults())
			if err != nil || c.Total != int64(min(scan, 62)) || (c.Next == "") != (scan >= 62) {
				s.Errorf("scan %d: counted %+v, %v", scan, c, err)
			}
			page := s.page(symphony.MessageQuery{Scan: scan, Limit: 200})
			if len(page.Messages) != min(scan, 62) || (page.Next == "") != (scan >= 62) {
				s.Errorf("scan %d: %d messages, next %q", scan, len(page.Messages), page.Next)
			}
		}
	}},
	{"After need not be there any more", func(s *suite) {
		list := s.dispatchMany(5, symphony.DispatchOptions{})
		if err := s.messages().DeleteMessage(ctx, list[2]); err != nil {
			s.Fatal(err)
		}
		if got := messageIDs(s.page(symphony.MessageQuery{After: list[2]}).Messages); !slices.Equal(got, []string{list[1], list[0]}) {
			s.Errorf("got %v", got)
		}
		if got := messageIDs(s.page(symphony.MessageQuery{After: list[2], Oldest: true}).Messages); !slices.Equal(got, list[3:]) {
			s.Errorf("oldest first: got %v", got)
		}
		low, high := "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"
		if got := messageIDs(s.page(symphony.MessageQuery{After: low, Oldest: true}).Messages); len(got) != 4 {
			s.Errorf("after the least id: %v", got)
		}
		if got := messageIDs(s.page(symphony.MessageQuery{After: high}).Messages); len(got) != 4 {
			s.Errorf("after the greatest id: %v", got)
		}
		if got := messageIDs(s.page(symphony.MessageQuery{After: low}).Messages); len(got) != 0 {
			s.Errorf("before the least id: %v", got)
		}
	}},
	{"every character of a text is literal, but for the case of ASCII letters", func(s *suite) {
		// As they stand in the JSON of a payload.
		nasty := []string{`100%`, `a_b`, `a*b?`, `[a-c]`, `\\d+`, `(x|y)`, `'; DROP TABLE x; --`, `\"quoted\"`, `größe`, `日本語`, `😀 ok`, `e\u0301`, `$1`, `tab\tend`, `<b>&amp;</b>`, `%25`, `ſ`, `İ`}
		byText := make(map[string]string)
		for _, text := range nasty {
			r, err := s.bus.Dispatch(ctx, "Job", json.RawMessage(`{"text":"`+text+`"}`), symphony.DispatchOptions{})
			if err != nil {
				s.Fatal(err)
			}
			byText[text] = r.ID
			s.clock.Advance(time.Millisecond)
		}
		find := func(text string) []string {
			s.Helper()
			q := symphony.MessageQuery{MessageFilter: symphony.MessageFilter{Text: text}}
			if n := s.count(q); n != int64(len(s.search(q))) {
				s.Errorf("%q: counted %d, found %d", text, n, len(s.search(q)))
			}
			return s.search(q)
		}
		for _, text := range nasty {
			if got := find(text); !slices.Equal(got, []string{byText[text]}) {
				s.Errorf("%q: got %v, want %s", text, got, byText[text])
			}
		}
		for text, want := range map[string]int{
			"GRößE": 1, "GRÖSSE": 0, "größ_": 0, "1%%": 0, "100": 1, "%": 2, "_": 1, "a%b": 0, "a.b": 0, "?": 1, "drop table": 1, "\\": 4, `\D`: 1, "ok": 1, "OK": 1, `{"TEXT":`: len(nasty),
			"job": len(nasty), "JOB": len(nasty), "null": 0, "": len(nasty),
		} {
			if got := find(text); len(got) != want {
				s.Errorf("%q: found %d messages, want %d", text, len(got), want)
			}
		}
		// In Unicode these fold to letters of ASCII.
		if slices.Contains(find("s"), byText["ſ"]) || slices.Contains(find("i"), byText["İ"]) || slices.Contains(find("S"), byText["ſ"]) {
			s.Error("a letter finds one that is none of ASCII")
		}
	}},
	{"a text is looked for in type, payload, metadata and headers, each by itself", func(s *suite) {
		r, err := s.bus.DispatchMessage(ctx, symphony.Message{Type: "Shop.Bill", Payload: json.RawMessage(`{"inPayload":"50%"}`), Metadata: map[string]any{"inMeta": "a_b%'"}},
			symphony.DispatchOptions{Queue: "needle", IdempotencyKey: "needle", Headers: map[string]any{"X-In-Header": "c_d%'"}, CorrelationID: "needle"})
		if err != nil {
			s.Fatal(err)
		}
		s.clock.Advance(time.Millisecond)
		s.dispatch(symphony.DispatchOptions{})
		check := func(status symphony.Status) {
			s.Helper()
			for text, want := range map[string]bool{
				"shop.b": true, "INPAYLOAD": true, "50%": true, "inmeta": true, "a_b%'": true, "x-in-header": true, "C_D%'": true,
				"needle": false, "a%b": false, "Bill{": false, "BillinPayload": false, `}{`: false, "c_d%'}": false, "acb": false,
			} {
				got := s.search(symphony.MessageQuery{MessageFilter: symphony.MessageFilter{Text: text, Status: status}})
				if found := slices.Equal(got, []string{r.ID}); found != want || !found && len(got) > 0 {
					s.Errorf("%s, %q: got %v, want it found: %v", status, text, got, want)
				}
			}
		}
		check(symphony.Pending)
		d := s.one()
		check(symphony.Processing)
		s.fail(d, "needle")
		check(symphony.Failed)
		check("")
	}},
	{"times are those of the dispatch, whatever the id says", func(s *suite) {
		now := s.clock.Now()
		var want []string
		for i, skew := range []time.Duration{-symphony.MaxIDSkew, 0, symphony.MaxIDSkew} {
			e := &symphony.Envelope{ID: symphony.NewID(now.Add(skew)), Type: "Job", Payload: json.RawMessage(`{}`), Transport: s.def.Name(), Queue: "q", Priority: 5,
				CreatedAt: now.Add(time.Duration(i) * time.Second)}
			if _, err := s.def.Send(ctx, []*symphony.Envelope{e}); err != nil {
				s.Fatal(err)
			}
			want = append(want, e.ID)
		}
		slices.Reverse(want)
		f := symphony.MessageFilter{Since: now, Until: now.Add(2*time.Second + 1)}
		if got := s.search(symphony.MessageQuery{MessageFilter: f, Limit: 2}); !slices.Equal(got, want) {
			s.Errorf("got %v, want %v", got, want)
		}
		f.Since = now.Add(2 * time.Second)
		if got := s.search(symphony.MessageQuery{MessageFilter: f, Oldest: true}); !slices.Equal(got, want[:1]) {
			s.Errorf("since the last: got %v, want %v", got, want[:1])
		}
	}},
	{"whatever happens between two pages, what stays is seen once", func(s *suite) {
		for _, oldest := range []bool{false, true} {
			for _, f := range []symphony.MessageFilter{{}, {Status: symphony.Pending}, {Text: "job"}} {
				s.churn(oldest, f)
			}
		}
	}},
	{"lists and counts are right after anything whatever", func(s *suite) { s.messageModel() }},
	{"a search that is called off ends", func(s *suite) {
		s.dispatch(symphony.DispatchOptions{})
		dead, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := s.messages().ListMessages(dead, symphony.MessageQuery{}.WithDefaults()); err == nil {
			s.Error("ListMessages: no error")
		}
		if _, err := CountMessages(dead, s.messages(), symphony.MessageQuery{}.WithDefaults()); err == nil {
			s.Error("CountMessages: no error")
		}
		if _, err := GetMessage(dead, s.messages(), symphony.NewID(s.clock.Now())); err == nil {
			s.Error("GetMessage: no error")
		}
	}},
	{"while workers settle, each page has each message once", func(s *suite) {
		const producers, each, workers, readers = 3, 60, 3, 2
		var all, work sync.WaitGroup
		run, stop := context.WithCancel(ctx)
		defer stop()
		for range workers {
			work.Go(func() {
				for {
					got, err := s.def.Receive(run, symphony.ReceiveOptions{Max: 5, Wait: time.Hour, Worker: "w1"})
					if err != nil {
						return
					}
					list := make([]symphony.Settlement, len(got))
					for i, d := range got {
						list[i] = symphony.Settlement{Lease: d.Lease, Outcome: symphony.Ack}
						switch {
						case d.Attempt == 1 && d.Priority == 3:
							list[i].Outcome = symphony.Retry
						case d.Priority == 4:
							list[i].Outcome = symphony.Fail
						}
					}
					if errs := s.def.Settle(ctx, list); errs != nil {
						s.Error(errs)
					}
				}
			})
		}
		for p := range producers {
			all.Go(func() {
				for i := range each {
					if _, err := s.bus.Dispatch(ctx, "Job", struct{}{}, symphony.DispatchOptions{Priority: 1 + (p+i)%6}); err != nil {
						s.Error(err)
					}
				}
			})
		}
		for r := range readers {
			all.Go(func() {
				for i := range 30 {
					q := symphony.MessageQuery{Limit: 200, Oldest: r == 1}
					q.Status = []symphony.Status{"", symphony.Pending, symphony.Processing, symphony.Completed, symphony.Failed}[i%5]
					page, err := s.messages().ListMessages(ctx, q.WithDefaults())
					if err != nil {
						s.Error(err)
						return
					}
					for j := range page.Messages {
						m := &page.Messages[j]
						if j > 0 && page.Messages[j-1].ID < m.ID != q.Oldest {
							s.Errorf("message %s comes behind %s", m.ID, page.Messages[j-1].ID)
						}
						if q.Status != "" && m.Status != q.Status || m.Status == symphony.Processing && (m.Worker == "" || m.LeasedUntil.IsZero() || m.StartedAt.IsZero()) ||
							m.Status == symphony.Pending && m.AvailableAt.IsZero() || m.Status == symphony.Completed && m.FinishedAt.IsZero() {
							s.Errorf("asked for %q: %+v", q.Status, *m)
						}
					}
				}
			})
		}
		all.Wait()
		for s.stats().Depth() > 0 {
			if len(s.page(symphony.MessageQuery{}).Messages) == 0 {
				s.Fatal("nothing is listed")
			}
		}
		stop()
		work.Wait()
		for status, want := range map[symphony.Status]int64{symphony.Completed: s.stats().Completed, symphony.Failed: s.stats().Failed, "": producers * each} {
			if n := s.count(symphony.MessageQuery{MessageFilter: symphony.MessageFilter{Status: status}, Scan: 50}); n != want {
				s.Errorf("%d messages are %q, want %d", n, status, want)
			}
		}
	}},
}

// churn pages through messages while they are dispatched, settled, deleted one by one and in bulk.
func (s *suite) churn(oldest bool, f symphony.MessageFilter) {
	s.Helper()
	var stay, move []string
	for i := range 60 {
		id := s.send("Job", symphony.DispatchOptions{Delay: time.Hour}).ID
		if i%3 == 0 {
			move = append(move, id)
		} else {
			stay = append(stay, id)
		}
	}
	seen := make(map[string]int)
	q := symphony.MessageQuery{MessageFilter: f, Oldest: oldest, Limit: 7, Scan: 20}
	for step := 0; ; step++ {
		page := s.page(q)
		for _, id := range messageIDs(page.Messages) {
			seen[id]++
		}
		if page.Next == "" {
			break
		}
		q.After = page.Next
		s.send("Job", symphony.DispatchOptions{Delay: 2 * time.Hour})
		for _, id := range []string{move[(5*step)%len(move)], move[(5*step+7)%len(move)]} {
			m, err := GetMessage(ctx, s.messages(), id)
			if err != nil || m.Status != symphony.Pending {
				continue
			}
			if step%4 == 0 {
				if err := s.messages().DeleteMessage(ctx, id); err != nil {
					s.Fatal(err)
				}
				continue
			}
			if err := s.messages().RunMessageNow(ctx, id); err != nil {
				s.Fatal(err)
			}
			for _, d := range s.receive(all) {
				switch step % 4 {
				case 1:
					s.ack(d)
				case 2:
					failed := s.fail(d, "e")
					if _, err := DeleteFailed(ctx, s.messages(), failed.ID); err != nil {
						s.Fatal(err)
					}
				default:
					s.fail(d, "e")
				}
			}
		}
	}
	for _, id := range stay {
		if seen[id] != 1 {
			s.Errorf("%+v, oldest first %v: message %s was seen %d times", f, oldest, id, seen[id])
		}
	}
	for id, n := range seen {
		if n > 1 {
			s.Errorf("%+v, oldest first %v: message %s was seen %d times", f, oldest, id, n)
		}
	}
}

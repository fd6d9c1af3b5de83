package transporttest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/symphony-messenger/symphony"
)

// sample is a message that a filter may find, with its status.
type sample struct {
	symphony.MessageInfo
	status symphony.Status
}

// samples makes, in each status, messages that carry much and messages that carry little, on both transports, and
// returns them as they are shown.
func (s *suite) samples() (list []sample) {
	s.Helper()
	ends := symphony.Statuses()
	for i, status := range append(ends, ends...) {
		for _, kind := range []string{"rich", "poor", "other"} {
			o := symphony.DispatchOptions{Queue: "q"}
			m := symphony.Message{Type: "Job", Payload: json.RawMessage(`{}`)}
			switch kind {
			case "rich":
				m.Type = "Shop.Order"
				customer := map[string]any{"id": json.Number("42.0"), "vip": true, "tags": []any{"0"}}
				m.Metadata = map[string]any{"customer": customer, "to": "a.b@example.com", "none": nil}
				o = symphony.DispatchOptions{Queue: "q", CorrelationID: "story", CausationID: "cause", GroupKey: "tenant",
					ConcurrencyKey: fmt.Sprint("key", i), DispatchedBy: "user:ada", IdempotencyKey: fmt.Sprint("once", i),
					Tags: []string{"blue", "größe"}}
			case "other":
				m.Type = "Shop.Order.Late"
				m.Metadata = map[string]any{"customer": "42.0", "customer.id": "42.0"}
				o = symphony.DispatchOptions{Queue: "other", CorrelationID: "Story", GroupKey: "tenant2",
					Transport: s.Email.Name(), Tags: []string{"blue"}}
			}
			r, err := s.bus.DispatchMessage(ctx, m, o)
			if err != nil {
				s.Fatal(err)
			}
			s.clock.Advance(time.Second)
			tr := s.def
			if o.Transport != "" {
				tr = s.Email
			}
			if status != symphony.Pending {
				s.end(tr, r.ID, status)
			} else {
				s.put(tr, r.ID)
			}
			s.clock.Advance(time.Second)
			made := symphony.MessageInfo{Envelope: symphony.Envelope{ID: r.ID, Transport: tr.Name()}}
			list = append(list, sample{made, status})
		}
	}
	for i := range list {
		tr := s.def
		if list[i].Transport == s.Email.Name() {
			tr = s.Email
		}
		m, err := GetMessage(ctx, tr.(symphony.MessageStore), list[i].ID)
		if err != nil || m.Status != list[i].status {
			s.Fatalf("message %d is %s, %v; want %s", i, m.Status, err, list[i].status)
		}
		list[i].MessageInfo = m
	}
	return list
}

// put has the one message that is ready wait for an hour, so that the next ones are received alone.
func (s *suite) put(tr symphony.Transport, id string) {
	s.Helper()
	s.settleOne(tr, id, symphony.Settlement{Outcome: symphony.Release, Delay: 24 * time.Hour})
}

// end brings the one message that is ready to a status.
func (s *suite) end(tr symphony.Transport, id string, status symphony.Status) {
	s.Helper()
	st := symphony.Settlement{StartedAt: s.clock.Now(), FinishedAt: s.clock.Now()}
	switch status {
	case symphony.Completed:
		st.Outcome = symphony.Ack
	case symphony.Failed:
		st.Outcome, st.Error, st.ErrorClass = symphony.Fail, "e", "timeout"
	case symphony.Cancelled:
		if _, err := tr.(symphony.MessageStore).CancelMessage(ctx, id, symphony.Cancellation{}); err != nil {
			s.Fatal(err)
		}
		return
	}
	s.settleOne(tr, id, st)
}

// settleOne receives the one message that is ready and settles it, unless it stays in hand.
func (s *suite) settleOne(tr symphony.Transport, id string, st symphony.Settlement) {
	s.Helper()
	got, err := tr.Receive(ctx, symphony.ReceiveOptions{Max: 1, Worker: "w" + tr.Name(), Lease: symphony.MaxLease})
	if err != nil || len(got) != 1 || got[0].ID != id {
		s.Fatalf("got %v, %v; want %s", ids(got), err, id)
	}
	if st.Lease = got[0].Lease; st.Outcome == 0 {
		return
	}
	if errs := tr.Settle(ctx, []symphony.Settlement{st}); errs != nil {
		s.Fatal(errs)
	}
}

// filterTest is a filter and which samples it selects.
type filterTest struct {
	name   string
	filter symphony.MessageFilter
	want   func(*sample) bool
}

// filterTests are at least one for each member of a filter.
func filterTests(list []sample) []filterTest {
	rich := func(m *sample) bool { return m.Type == "Shop.Order" }
	other := func(m *sample) bool { return m.Type == "Shop.Order.Late" }
	none := func(*sample) bool { return false }
	only := func(of *sample) func(*sample) bool { return func(m *sample) bool { return m.ID == of.ID } }
	ended := func(m *sample) bool { return !m.FinishedAt.IsZero() }
	failed := list[slices.IndexFunc(list, func(m sample) bool { return m.FailureGroup != "" && rich(&m) })]
	kind := func(m *sample) bool { return m.FailureGroup == failed.FailureGroup }
	mid, story := list[len(list)/2].FinishedAt, list[4]
	for i := range list {
		if !list[i].FinishedAt.IsZero() {
			mid = list[i].FinishedAt
		}
	}
	metadata := func(pairs ...string) symphony.MessageFilter {
		m := make(map[string]string)
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		return symphony.MessageFilter{Metadata: m}
	}
	typed := func(typ string, pairs ...string) symphony.MessageFilter {
		f := metadata(pairs...)
		f.Type = typ
		return f
	}
	return []filterTest{
		{"nothing", symphony.MessageFilter{}, func(*sample) bool { return true }},
		{"a type", symphony.MessageFilter{Type: "Shop.Order"}, rich},
		{"types by their prefix", symphony.MessageFilter{Type: "Shop.*"},
			func(m *sample) bool { return rich(m) || other(m) }},
		{"a longer prefix", symphony.MessageFilter{Type: "Shop.Order.*"}, other},
		{"a prefix of nothing", symphony.MessageFilter{Type: "Shop.Ord.*"}, none},
		{"a queue", symphony.MessageFilter{Queue: "other"}, other},
		{"two statuses", symphony.MessageFilter{Statuses: []symphony.Status{symphony.Pending, symphony.Failed}},
			func(m *sample) bool { return m.status == symphony.Pending || m.status == symphony.Failed }},
		{"other two", symphony.MessageFilter{Status: symphony.Completed, Statuses: []symphony.Status{symphony.Processing}},
			func(m *sample) bool { return m.status == symphony.Completed || m.status == symphony.Processing }},
		{"an idempotency key", symphony.MessageFilter{IdempotencyKey: list[3].IdempotencyKey}, only(&list[3])},
		{"an unknown idempotency key", symphony.MessageFilter{IdempotencyKey: "once"}, none},
		{"a correlation", symphony.MessageFilter{CorrelationID: "story"}, rich},
		{"a correlation in other letters", symphony.MessageFilter{CorrelationID: "Story"}, other},
		{"a story by its first message", symphony.MessageFilter{CorrelationID: story.ID}, only(&story)},
		{"the id of one that is of another story", symphony.MessageFilter{CorrelationID: list[3].ID}, none},
		{"a causation", symphony.MessageFilter{CausationID: "cause"}, rich},
		{"a group", symphony.MessageFilter{GroupKey: "tenant"}, rich},
		{"a concurrency key", symphony.MessageFilter{ConcurrencyKey: "key3"}, only(&list[9])},
		{"a tag", symphony.MessageFilter{Tags: []string{"blue"}}, func(m *sample) bool { return rich(m) || other(m) }},
		{"two tags", symphony.MessageFilter{Tags: []string{"größe", "blue"}}, rich},
		{"a tag in part", symphony.MessageFilter{Tags: []string{"blu"}}, none},
		{"a tag that nobody has", symphony.MessageFilter{Tags: []string{"blue", "red"}}, none},
		{"a caller", symphony.MessageFilter{DispatchedBy: "user:ada"}, rich},
		{"a caller and a group", symphony.MessageFilter{DispatchedBy: "user:ada", GroupKey: "tenant2"}, none},
		{"a caller and a number", symphony.MessageFilter{DispatchedBy: "user:ada",
			Metadata: map[string]string{"customer.id": "42.0"}}, rich},
		{"a class of errors", symphony.MessageFilter{ErrorClass: "timeout"},
			func(m *sample) bool { return m.status == symphony.Failed }},
		{"no class of errors", symphony.MessageFilter{ErrorClass: "time"}, none},
		{"a group of failures", symphony.MessageFilter{FailureGroup: failed.FailureGroup}, kind},
		{"a group of failures and its class", symphony.MessageFilter{FailureGroup: failed.FailureGroup,
			ErrorClass: "timeout"}, kind},
		{"a group of failures and another class", symphony.MessageFilter{FailureGroup: failed.FailureGroup,
			ErrorClass: "time"}, none},
		{"a group of failures and a caller", symphony.MessageFilter{FailureGroup: failed.FailureGroup,
			DispatchedBy: "user:ada"}, kind},
		{"a group of failures and a tag", symphony.MessageFilter{FailureGroup: failed.FailureGroup,
			Tags: []string{"blue"}}, kind},
		{"no group of failures", symphony.MessageFilter{FailureGroup: "1:0"}, none},
		{"a worker", symphony.MessageFilter{Worker: "wdefault"}, func(m *sample) bool {
			return m.Transport == "default" && (m.status == symphony.Processing || m.status == symphony.Completed)
		}},
		{"an unknown worker", symphony.MessageFilter{Worker: "w"}, none},
		{"ended since", symphony.MessageFilter{EndedSince: mid},
			func(m *sample) bool { return ended(m) && !m.FinishedAt.Before(mid) }},
		{"ended before", symphony.MessageFilter{EndedUntil: mid},
			func(m *sample) bool { return ended(m) && m.FinishedAt.Before(mid) }},
		{"ended at a moment", symphony.MessageFilter{EndedSince: mid, EndedUntil: mid.Add(time.Microsecond)},
			func(m *sample) bool { return m.FinishedAt.Equal(mid) }},
		{"a number in metadata that is indexed", typed("Shop.Order", "customer.id", "42.0"), rich},
		{"the number spelled otherwise, indexed", typed("Shop.Order", "customer.id", "42"), none},
		{"indexed metadata of types by their prefix", typed("Shop.*", "customer.id", "42.0"), rich},
		{"indexed metadata of which only one type has an index", typed("Shop.*", "to", "a.b@example.com"), rich},
		{"indexed metadata and other metadata",
			typed("Shop.Order", "to", "a.b@example.com", "customer.vip", "false"), none},
		{"indexed metadata and a tag", symphony.MessageFilter{Type: "Shop.Order", Tags: []string{"blue"},
			Metadata: map[string]string{"to": "a.b@example.com"}}, rich},
		{"metadata of a type without an index", typed("Mail", "customer.id", "42.0"), none},
		{"a number in metadata", metadata("customer.id", "42.0"), rich},
		{"the number spelled otherwise", metadata("customer.id", "42"), none},
		{"a boolean", metadata("customer.vip", "true"), rich},
		{"another boolean", metadata("customer.vip", "false"), none},
		{"a text", metadata("to", "a.b@example.com"), rich},
		{"a text in part", metadata("to", "a.b"), none},
		{"two members", metadata("to", "a.b@example.com", "customer.vip", "true"), rich},
		{"two members of which one differs", metadata("to", "a.b@example.com", "customer.vip", "no"), none},
		{"a text at the top", metadata("customer", "42.0"), other},
		{"an object", metadata("customer", "{}"), none},
		{"a null", metadata("none", "null"), none},
		{"an entry of a list", metadata("customer.tags.0", "0"), none},
		{"what is below a text", metadata("to.a", "a"), none},
		{"quotes", metadata(`a"'b`, `'"`), none},
		{"a text", symphony.MessageFilter{Text: "SHOP"}, func(m *sample) bool { return rich(m) || other(m) }},
		{"a text and a key", symphony.MessageFilter{Text: "SHOP", IdempotencyKey: list[3].IdempotencyKey}, only(&list[3])},
		{"a text and a group", symphony.MessageFilter{Text: "SHOP", GroupKey: "tenant"}, rich},
		{"a text and a key of nobody", symphony.MessageFilter{Text: "SHOP", ConcurrencyKey: "nobody"}, none},
		{"a text, but in one type", symphony.MessageFilter{Text: "SHOP", Closed: []string{"Shop.Order"}}, other},
		{"a text, but in types by their prefix",
			symphony.MessageFilter{Text: "SHOP", Closed: []string{"Shop.Order.*"}}, rich},
		{"a text, but in no type", symphony.MessageFilter{Text: "SHOP", Closed: []string{"A", "*"}}, none},
		{"metadata, but in one type", symphony.MessageFilter{Metadata: map[string]string{"customer.vip": "true"},
			Closed: []string{"Shop.Order"}}, none},
		{"neither a text nor metadata in one type",
			symphony.MessageFilter{Type: "Shop.Order", Closed: []string{"Shop.Order"}}, rich},
	}
}

// wantEachFilter checks lists and counts of each filter, by itself and with statuses.
func (s *suite) wantEachFilter(list []sample) {
	s.Helper()
	store := s.messages()
	statuses := symphony.Statuses()
	for n, f := range filterTests(list) {
		// With each status on one transport, with one of them on both.
		one := statuses[n%5 : n%5+1]
		for _, c := range []struct {
			transports []string
			statuses   []symphony.Status
			q          symphony.MessageQuery
		}{
			{nil, statuses, symphony.MessageQuery{}},
			{nil, nil, symphony.MessageQuery{Limit: 5, Scan: 9}},
			{[]string{s.def.Name(), s.Email.Name()}, one, symphony.MessageQuery{}},
		} {
			for place, status := range append([]symphony.Status{""}, c.statuses...) {
				filter := f.filter
				if len(filter.AllStatuses()) == 0 {
					filter.Status = status
				}
				var want []string
				counts := make(map[symphony.Status]int64)
				for i := range list {
					m := &list[i]
					if f.want(m) && filter.Wants(m.status) && (m.Transport == s.def.Name() || c.transports != nil) {
						want = append(want, m.ID)
						counts[m.status]++
					}
				}
				slices.Sort(want)
				q := c.q
				q.MessageFilter, q.Transports, q.Oldest = filter, c.transports, (n+place)%2 == 0
				if !q.Oldest {
					slices.Reverse(want)
				}
				if got := s.search(q); !slices.Equal(got, want) {
					s.Errorf("%s, status %q, transports %v, scan %d: got %d, want %d",
						f.name, status, c.transports, q.Scan, len(got), len(want))
				}
				if status != "" {
					continue
				}
				q = symphony.MessageQuery{MessageFilter: filter, Transports: c.transports, CountOnly: true}
				page, err := store.ListMessages(ctx, q.WithDefaults())
				if err != nil || page.Total != int64(len(want)) || page.Next != "" {
					s.Errorf("%s: counted %d, %v; want %d", f.name, page.Total, err, len(want))
				}
				for _, st := range statuses {
					if page.Counts[st] != counts[st] {
						s.Errorf("%s: %d are %s, want %d", f.name, page.Counts[st], st, counts[st])
					}
				}
			}
		}
	}
}

var messageFilterTests = []test{
	{"each filter selects what fits it, by itself and with each status, on one transport and on both", func(s *suite) {
		s.wantEachFilter(s.samples())
	}},
	{"a text is not looked for in callbacks where types are closed", func(s *suite) {
		s.dispatch(symphony.DispatchOptions{OnSuccess: &symphony.Callback{Type: "Done", Queue: "after"}})
		s.mustSettle(s.here(), symphony.Settlement{Outcome: symphony.Ack, Output: json.RawMessage(`{"animal": "zebra"}`)})
		find := func(want int, closed ...string) {
			s.Helper()
			f := symphony.MessageFilter{Text: "ZEBRA", Closed: closed}
			if got := s.search(symphony.MessageQuery{MessageFilter: f}); len(got) != want {
				s.Errorf("closed %v: found %d, want %d", closed, len(got), want)
			}
			page, err := ListFailed(ctx, s.messages(), symphony.MessageQuery{MessageFilter: f, Limit: 10})
			if failed := s.stats().Failed; err != nil || len(page.Messages) != min(want, int(failed)) {
				s.Errorf("closed %v: found %d in the order of failure, %v", closed, len(page.Messages), err)
			}
		}
		for range 2 { // while it waits, and when it has failed
			find(1)
			find(0, "Order")
			if s.stats().Failed == 0 {
				s.fail(s.receive(symphony.ReceiveOptions{Queues: []string{"after"}})[0], "boom")
			}
		}
	}},
	{"each filter selects what fits it while older messages have no marks", func(s *suite) {
		if s.Unmark == nil {
			s.Skip("has no marks")
		}
		list := s.samples()
		ids := make([]string, 0, len(list))
		for _, m := range list {
			ids = append(ids, m.ID)
		}
		slices.Sort(ids)
		s.Unmark(s.T, ids[len(ids)/2])
		s.wantEachFilter(list)
	}},
	{"each filter selects failed messages in the order of their failure", func(s *suite) {
		list := s.samples()
		for _, f := range filterTests(list) {
			if !f.filter.Wants(symphony.Failed) {
				continue
			}
			filter := f.filter
			filter.Status, filter.Statuses = "", nil
			for _, transports := range [][]string{nil, {s.def.Name(), s.Email.Name()}} {
				var want []string
				for i := range list {
					if m := &list[i]; m.status == symphony.Failed && f.want(m) && (m.Transport == s.def.Name() || transports != nil) {
						want = append(want, m.ID)
					}
				}
				q := symphony.MessageQuery{MessageFilter: filter, Transports: transports, Oldest: true, Total: true, Limit: 1}
				var got []string
				for {
					page, err := ListFailed(ctx, s.messages(), q)
					if err != nil || page.Total != int64(len(want)) {
						s.Fatalf("%s: total %d, %v; want %d", f.name, page.Total, err, len(want))
					}
					for _, m := range page.Messages {
						known := func(l sample) bool { return l.ID == m.ID && l.Transport == m.Transport }
						if got = append(got, m.ID); !slices.ContainsFunc(list, known) {
							s.Errorf("%s: message %s of transport %q", f.name, m.ID, m.Transport)
						}
					}
					if q.After = page.Next; page.Next == "" {
						break
					}
				}
				if !slices.Equal(got, want) {
					s.Errorf("%s, transports %v: got %d, want %d", f.name, transports, len(got), len(want))
				}
			}
		}
	}},
	{"one message is found among those of several transports", func(s *suite) {
		for _, m := range s.samples() {
			q := symphony.MessageQuery{ID: m.ID, Transports: []string{s.Email.Name(), s.def.Name()}}
			page, err := s.messages().ListMessages(ctx, q.WithDefaults())
			if err != nil || len(page.Messages) != 1 || page.Messages[0].Transport != m.Transport ||
				page.Messages[0].Status != m.status {
				s.Errorf("%s of %s: got %+v, %v", m.ID, m.Transport, page.Messages, err)
			}
			q.ID, q.ByFailure = m.FailedID, true
			page, err = s.messages().ListMessages(ctx, q.WithDefaults())
			if err != nil || (len(page.Messages) == 1) != (m.status == symphony.Failed) {
				s.Errorf("failed %s of %s: got %+v, %v", m.FailedID, m.Transport, page.Messages, err)
			}
		}
	}},
	{"metadata that cannot be read selects nothing and stops nothing", func(s *suite) {
		if s.Corrupt == nil {
			s.Skip("transport's messages can be decoded")
		}
		o := symphony.DispatchOptions{Metadata: map[string]any{"a": "b"}}
		broken, whole := s.dispatch(o).ID, s.dispatch(o).ID
		s.Corrupt(s.T, broken)
		f := symphony.MessageFilter{Metadata: map[string]string{"a": "b"}}
		if got := s.search(symphony.MessageQuery{MessageFilter: f}); !slices.Equal(got, []string{whole}) {
			s.Errorf("got %s, want %s", strings.Join(got, " "), whole)
		}
	}},
}

package symphony

import "context"

// countScan is how many messages one look of Counts examines, so that its answer comes soon.
const countScan = 2 * MaxCounted

// Counts counts what matches a filter, by status, in the Counts and Total of a page; of messages that have ended those
// that are still kept. Where there may be more than it has counted, the page has a Next: it looks at a bounded number
// of messages, and counts no more than about MaxCounted. What waits, is in hand and failed is told by counters, and so
// is always exact, where the filter asks for queue and status alone. With exact all is counted where an index carries
// the filter, however many there are.
func (m *Messages) Counts(ctx context.Context, f MessageFilter, exact bool) (MessagePage, error) {
	sum := MessagePage{Counts: make(map[Status]int64)}
	q := MessageQuery{MessageFilter: f, CountOnly: true, Scan: countScan}.WithDefaults()
	if problems := q.Problems(""); len(problems) > 0 {
		return MessagePage{}, &ValidationError{problems}
	}
	var none bool
	if q.MessageFilter, none = m.own(f); none {
		return sum, nil
	}
	parts := m.parts
	if parts == nil {
		parts = []*Messages{m}
	}
	for _, part := range parts {
		if err := part.counts(ctx, q, exact, &sum); err != nil {
			return MessagePage{}, err
		}
	}
	return sum, nil
}

// counts adds the messages of one storage to sum.
func (m *Messages) counts(ctx context.Context, q MessageQuery, exact bool, sum *MessagePage) error {
	add := func(s Status, n int64) {
		if n > 0 {
			sum.Counts[s] += n
			sum.Total += n
		}
	}
	asked := []MessageQuery{q}
	if q.plain() {
		ended := make(map[Status]int64)
		for _, name := range m.transports {
			t, err := m.bus.Transport(name)
			if err != nil {
				return err
			}
			stats, err := t.Stats(ctx)
			if err != nil {
				return err
			}
			n := stats.QueueStats
			if q.Queue != "" {
				n = stats.Queues[q.Queue]
			}
			told := map[Status]int64{Pending: n.Pending, Processing: n.Processing, Failed: n.Failed}
			for status, count := range told {
				if q.Wants(status) {
					add(status, count)
				}
			}
			ended[Completed] += n.Completed
			ended[Cancelled] += n.Cancelled
		}
		// The others are counted since the transport was made, also those that are no longer kept. Each is looked for
		// by itself, so that what waits is not looked at.
		asked = nil
		for _, s := range []Status{Completed, Cancelled} {
			if q.Wants(s) && ended[s] > 0 {
				one := q
				one.Status, one.Statuses, one.Scan = s, nil, MaxCounted+1
				asked = append(asked, one)
			}
		}
	}
	for _, q := range asked {
		if err := m.countEach(ctx, q, exact, sum, add); err != nil {
			return err
		}
	}
	return nil
}

// countEach adds the messages that a query selects to sum: as many as Counts counts, or all where an index carries it.
func (m *Messages) countEach(
	ctx context.Context, q MessageQuery, all bool, sum *MessagePage, add func(Status, int64),
) error {
	exact := all && q.carried()
	for counted := int64(0); ; {
		page, err := m.list(ctx, q)
		if err != nil {
			return err
		}
		for s, n := range page.Counts {
			add(s, n)
		}
		counted += page.Total
		if q.After = page.Next; page.Next == "" {
			return nil
		}
		if !exact && (!all || !page.Indexed) && (counted >= MaxCounted || q.DispatchedBy == "") {
			sum.Next = page.Next
			return nil
		}
	}
}

// plain reports whether the filter asks for no more than queue and status, by which storages keep counters.
func (f *MessageFilter) plain() bool {
	rest := *f
	rest.Status, rest.Statuses, rest.Queue = "", nil, ""
	return rest.SelectsAll()
}

// carried reports whether storages have an index of what the filter asks for, so that they look at hardly more messages
// than it selects.
func (f *MessageFilter) carried() bool {
	return f.DispatchedBy != "" || f.Mark() != "" || f.ErrorClass != "" || f.FailureGroup != ""
}

package symphony

import (
	"cmp"
	"context"
	"slices"
)

// key is by what messages are ordered: their ids, or those of their failure.
func (q *MessageQuery) key(m *MessageInfo) string {
	if q.ByFailure {
		return m.FailedID
	}
	return m.ID
}

// compare is negative where the key a comes before b in the order of the query.
func (q *MessageQuery) compare(a, b string) int {
	if q.Oldest {
		return cmp.Compare(a, b)
	}
	return cmp.Compare(b, a)
}

// merged answers a query about the messages of several storages, in one order. Each part answers for a moment of its
// own.
func (m *Messages) merged(ctx context.Context, q MessageQuery) (MessagePage, error) {
	if q.CountOnly {
		return MessagePage{}, &ValidationError{[]Problem{{Path: "order", Message: "a count alone is of one storage"}}}
	}
	var out MessagePage
	for q.Offset > 0 { // all parts together are skipped through
		skip := q
		skip.Offset, skip.Limit, skip.Bytes = 0, min(q.Offset, MaxMessagePage), NoBodies
		page, err := m.merge(ctx, skip)
		if err != nil {
			return out, err
		}
		if q.Total {
			out.Total = page.Total
		}
		q.Total, q.After, q.Offset = false, page.Next, q.Offset-len(page.Messages)
		if page.Next == "" {
			return out, nil
		}
	}
	page, err := m.merge(ctx, q)
	page.Total = max(page.Total, out.Total)
	return page, err
}

// merge is merged without an offset.
func (m *Messages) merge(ctx context.Context, q MessageQuery) (page MessagePage, err error) {
	if q.Bytes > 0 {
		q.Bytes = max(q.Bytes/len(m.parts), 1)
	}
	end := "" // how far all parts have been looked at; empty: to their ends
	for _, part := range m.parts {
		found, err := part.list(ctx, q)
		if err != nil {
			return MessagePage{}, err
		}
		page.Messages = append(page.Messages, found.Messages...)
		page.Total += found.Total
		if found.Next != "" && (end == "" || q.compare(found.Next, end) < 0) {
			end = found.Next
		}
	}
	slices.SortFunc(page.Messages, func(a, b MessageInfo) int { return q.compare(q.key(&a), q.key(&b)) })
	if end != "" {
		beyond := func(m MessageInfo) bool { return q.compare(q.key(&m), end) > 0 }
		page.Messages = slices.DeleteFunc(page.Messages, beyond)
		page.Next = end
	}
	if len(page.Messages) > q.Limit {
		page.Messages = page.Messages[:q.Limit]
		page.Next = q.key(&page.Messages[q.Limit-1])
	}
	return page, nil
}

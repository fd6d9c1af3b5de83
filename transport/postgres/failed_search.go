package postgres

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/symphony-messenger/symphony"
)

// A search for a text must look at payloads, which may be large and many: it looks at some at a time, so that no
// statement takes longer than a transaction may, and uses the few connections that all searches share.

// How many failed messages the first statement of a search looks at, and how many any does at most.
const (
	firstFailedPart = 100
	failedPart      = 20_000
)

// failedWalk is a way through the dead letter queue.
type failedWalk struct {
	*symphony.MessageQuery
	after string // behind this id; empty: from the first
	scan  int    // the most messages to look at, 0: all
}

// walkFailed calls visit with the ids of failed messages that match, until it returns false. It returns the id of the
// last message that was looked at, empty where that was the last there is.
func (t *Transport) walkFailed(ctx context.Context, w failedWalk, visit func(uuid) bool) (next string, err error) {
	at, order, behind := uuid(bytes.Repeat([]byte{0xff}, 16)), direction(w.MessageQuery), behind(w.MessageQuery)
	if w.Oldest {
		at = uuid{}
	}
	if w.after != "" {
		var ok bool
		if at, ok = parseUUID(w.after); !ok {
			return "", nil
		}
	}
	size, left := firstFailedPart, w.scan
	for {
		if w.scan > 0 {
			size = min(size, left)
		}
		where := t.where(w.MessageQuery)
		matches := where.String()
		where.add("transport = ANY (?::text[]) AND id "+behind+" ", t.transportsOf(w.MessageQuery))
		where.params = append(where.params, at[:])
		n := len(where.params)
		sql := fmt.Sprintf(`SELECT id, (%s) IS TRUE FROM (SELECT * FROM {schema}.messenger_failed_messages WHERE transport = ANY ($%d::text[]) AND id %s $%d::uuid
			ORDER BY id %s LIMIT %d) f ORDER BY id %s`, matches, n-1, behind, n, order, size, order)
		looked, stopped, start := 0, false, t.clock.Now()
		err := t.doSearch(ctx, "search failed messages", call{query: &query{sql: sql}, params: where.params, row: func(v [][]byte) error {
			if looked++; !stopped {
				at = uuidColumn(v[0])
				stopped = boolColumn(v[1]) && !visit(at)
			}
			return nil
		}})
		if left -= looked; err != nil || stopped || w.scan > 0 && left == 0 {
			return at.String(), err
		}
		if looked < size {
			return "", nil
		}
		speed := float64(size) / max(t.clock.Now().Sub(start), time.Millisecond).Seconds()
		size = min(max(int(speed*partTime.Seconds()), firstFailedPart/10), 8*size, failedPart)
	}
}

// searchFailed is listFailed for a text.
func (t *Transport) searchFailed(ctx context.Context, q *symphony.MessageQuery) (page symphony.MessagePage, err error) {
	var ids []uuid
	skip := q.Offset
	after, _ := parseUUID(q.After)
	if q.After != "" {
		skip = 0
	}
	found, more := int64(0), false
	walk := failedWalk{MessageQuery: q}
	if !q.Total {
		walk.after, walk.scan = q.After, q.Scan
	}
	next, err := t.walkFailed(ctx, walk, func(id uuid) bool {
		found++
		switch order := bytes.Compare(id[:], after[:]); {
		case q.After != "" && (q.Oldest && order <= 0 || !q.Oldest && order >= 0):
		case skip > 0:
			skip--
		case len(ids) < q.Limit:
			ids = append(ids, id)
		default:
			more = true
			return q.Total
		}
		return true
	})
	if err != nil {
		return page, err
	}
	if page.Next = next; more {
		page.Next = ids[len(ids)-1].String()
	}
	if q.Total {
		page.Total = found
	}
	if len(ids) == 0 {
		return page, nil
	}
	// One that is gone by now is left out.
	list := &query{sql: pageOfFailed(listedFailed, q)}
	err = t.doSearch(ctx, "list failed messages", call{query: list, params: [][]byte{uuidArray(ids), t.transportsOf(q)}, row: func(v [][]byte) error {
		page.Messages = append(page.Messages, t.failedMessage(v))
		return nil
	}})
	return page, err
}

package postgres

import (
	"fmt"
	"strings"

	"github.com/symphony-messenger/symphony"
)

// A search by a mark goes through the messages that have it, in the order of their ids, and looks at each where it is.
// Whether a message still has what its mark says is looked at, too.

// markedScan is how many of them one page looks at, each at the cost of several that are walked through in one go.
const markedScan = 10_000

// place is one of the tables in which messages are, and what a search wants to know of its rows.
type place struct {
	number   int    // inMessages and its like
	table    string // without the schema
	id       string // the column of the message's id
	at, key  string // by which its row is found, with the id or without
	selected string // whether the filter selects a row
}

// byMark is the mark by which messages are found, with ids behind one; all where that is empty.
type byMark struct{ mark, after string }

// useMarks has messages found by their marks.
func (b *search) useMarks(by *byMark) {
	if id, ok := parseUUID(by.after); ok {
		b.bounds = append(b.bounds, "id > "+b.param(id[:], "uuid"))
	}
	if b.onlyInHand() {
		return // these are few, and are all looked at
	}
	b.mark = b.param([]byte(cleanText(by.mark)), "text")
	b.Scan = min(b.Scan, markedScan)
	if id, ok := messageID(b.Story()); ok {
		b.story = b.param(id[:], "uuid")
	}
}

// onlyInHand reports whether nothing but messages in hand is asked for.
func (b *search) onlyInHand() bool {
	return !b.wants(symphony.Pending) && !b.wants(symphony.Completed) && !b.wants(symphony.Cancelled) &&
		!b.wants(symphony.Failed)
}

// markedText reads the messages with the mark, each in whatever place it is. A mark whose message is in none of them,
// because it is gone or has another status, is a row that the filter does not select, so that no more are looked at
// than may be.
func (b *search) markedText(places []place) []string {
	var each, list []string
	for _, p := range places {
		each = append(each, fmt.Sprintf("SELECT %d::int2 AS place, lane, %s AS at, %s AS key, (%s) IS TRUE AS hit"+
			" FROM {schema}.%s m WHERE m.%s = marked.id", p.number, p.at, p.key, p.selected, p.table, p.id))
		if b.story != "" {
			// Between, because the planner does not see that one row is in order.
			list = append(list, b.sourceText("{schema}."+p.table, p, p.id+" BETWEEN "+b.story+" AND "+b.story))
		}
	}
	within := b.within("k.id")
	if b.story != "" {
		within += " AND k.id <> " + b.story
	}
	return append(list, fmt.Sprintf(`(SELECT marked.id, coalesce(f.place, -1::int2) AS place, f.lane, f.at, f.key,
			coalesce(f.hit, false) AS hit
		FROM (SELECT k.id FROM {schema}.messenger_marks k WHERE k.mark = %[1]s AND %[2]s
			ORDER BY k.id %[3]s LIMIT %[4]d) marked
		LEFT JOIN LATERAL (%[5]s LIMIT 1) f ON true ORDER BY marked.id %[3]s)`, b.mark, within,
		direction(&b.MessageQuery), b.Scan+1, strings.Join(each, "\n\t\t\tUNION ALL ")))
}

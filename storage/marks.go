package storage

import "github.com/symphony-messenger/symphony"

// Marked answers a query by what few messages carry (symphony.MessageFilter.Mark), where all messages with ids behind
// one have their marks, and of those up to it, which an earlier release has stored, nobody knows: list answers by the
// marks from there on, marked, and by a walk up to there. after is that id, empty where all have their marks.
//
// A list goes from one part to the other with a page that ends between them, so that no page costs more than one of
// both. A count goes on with the other part: else it would say that there may be more where all is known at once.
func Marked(
	q symphony.MessageQuery, after string,
	list func(q symphony.MessageQuery, marked bool) (symphony.MessagePage, error),
) (symphony.MessagePage, error) {
	if after == "" {
		return list(q, true)
	}
	next := following(after)
	switch {
	case !q.Oldest && (q.After == "" || q.After > next):
		page, err := list(q, true)
		if page.Next != "" || err != nil {
			return page, err
		}
		if page.Next = next; q.CountOnly {
			return countOn(q, page, list)
		}
		return page, nil
	case !q.Oldest || q.CountOnly:
		return list(q, false)
	case q.After >= after:
		return list(q, true)
	}
	page, err := list(q, false)
	for i := range page.Messages {
		if page.Messages[i].ID > after { // they are found by their marks
			page.Messages, page.Next = page.Messages[:i], after
			break
		}
	}
	if err == nil && (page.Next == "" || page.Next > after) {
		page.Next = after
	}
	return page, err
}

// countOn adds what is behind a page that counts.
func countOn(
	q symphony.MessageQuery, page symphony.MessagePage,
	list func(q symphony.MessageQuery, marked bool) (symphony.MessagePage, error),
) (symphony.MessagePage, error) {
	q.After = page.Next
	rest, err := list(q, false)
	if err != nil {
		return symphony.MessagePage{}, err
	}
	page.Total, page.Next = page.Total+rest.Total, rest.Next
	counts := make(map[symphony.Status]int64)
	for _, part := range []symphony.MessagePage{page, rest} {
		for status, n := range part.Counts {
			counts[status] += n
		}
	}
	page.Counts = counts
	return page, nil
}

// following is the id that follows another one, by their hexadecimal digits.
func following(id string) string {
	next := []byte(id)
	for i := len(next) - 1; i >= 0; i-- {
		switch next[i] {
		case '-':
		case 'f':
			next[i] = '0'
		case '9':
			next[i] = 'a'
			return string(next)
		default:
			next[i]++
			return string(next)
		}
	}
	return id
}

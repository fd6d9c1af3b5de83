package storage

import "github.com/symphony-messenger/symphony"

// Marked answers a query by what few messages carry (symphony.MessageFilter.Mark), where all messages with ids behind
// one have their marks, and of those up to it, which an earlier release has stored, nobody knows: list answers by the
// marks from there on, marked, and by a walk up to there. after is that id, empty where all have their marks.
//
// A list goes from one part to the other with a page that ends between them, so that no page costs more than one of
// both.
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
		if page.Next == "" && err == nil {
			page.Next = next
		}
		return page, err
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

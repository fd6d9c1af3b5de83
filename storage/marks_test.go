package storage_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

// id is the n-th id.
func id(n int) string { return fmt.Sprintf("0197f3a2-6c1b-7d30-9a41-2f0f6f0b%04x", n) }

func message(id string) symphony.MessageInfo {
	return symphony.MessageInfo{Envelope: symphony.Envelope{ID: id}}
}

// However many messages are not in the index, and whatever the page has, each is found once, in its order.
func TestMarked_finds_each_message_once(t *testing.T) {
	const all = 40
	for _, after := range []int{-1, 0, 1, 15, 20, 31, all - 1, all + 5} {
		for _, limit := range []int{1, 3, 100} {
			for _, oldest := range []bool{false, true} {
				border := ""
				if after >= 0 {
					border = id(after)
				}
				list := func(q symphony.MessageQuery, marked bool) (page symphony.MessagePage, _ error) {
					for i := range all {
						n := all - 1 - i
						if q.Oldest {
							n = i
						}
						switch m := id(n); {
						case q.After != "" && (m <= q.After) == q.Oldest, m == q.After:
						case marked && n <= after:
						case n == 7 && marked != (after < 7): // it was changed, and is in both parts
						case len(page.Messages) == q.Limit:
							page.Next = page.Messages[len(page.Messages)-1].ID
							return page, nil
						default:
							page.Messages = append(page.Messages, message(m))
						}
					}
					return page, nil
				}
				var got []string
				q := symphony.MessageQuery{Limit: limit, Oldest: oldest}
				for pages := 0; ; pages++ {
					page, err := storage.Marked(q, border, list)
					if err != nil || pages > all+3 {
						t.Fatal(pages, err)
					}
					for _, m := range page.Messages {
						got = append(got, m.ID)
					}
					if q.After = page.Next; q.After == "" {
						break
					}
				}
				var want []string
				for n := range all {
					want = append(want, id(n))
				}
				if !oldest {
					slices.Reverse(want)
				}
				if !slices.Equal(got, want) {
					t.Errorf("behind %d, %d a page, oldest first %t: got\n%s", after, limit, oldest,
						strings.Join(got, "\n"))
				}
			}
		}
	}
}

// A count is of both parts at once, as far as each of them may look.
func TestMarked_counts_what_is_in_the_index_and_what_is_not(t *testing.T) {
	list := func(q symphony.MessageQuery, marked bool) (symphony.MessagePage, error) {
		switch {
		case marked:
			return symphony.MessagePage{Total: 2, Counts: map[symphony.Status]int64{symphony.Pending: 2}}, nil
		case q.After <= id(15):
			t.Errorf("messages behind %s are counted, those up to %s are left out", q.After, id(15))
		}
		return symphony.MessagePage{
			Total: 3, Next: id(9), Counts: map[symphony.Status]int64{symphony.Pending: 1, symphony.Failed: 2},
		}, nil
	}
	got, err := storage.Marked(symphony.MessageQuery{CountOnly: true}, id(15), list)
	if err != nil {
		t.Fatal(err)
	}
	want := map[symphony.Status]int64{symphony.Pending: 3, symphony.Failed: 2}
	if got.Total != 5 || got.Next != id(9) || !maps.Equal(got.Counts, want) {
		t.Errorf("counted %d, %v, goes on with %q; want 5, %v, %q", got.Total, got.Counts, got.Next, want, id(9))
	}
}

package sqlite

import (
	"context"
	"testing"

	"github.com/symphony-messenger/symphony"
	"zombiezen.com/go/sqlite"
)

// The end of a message is looked for in several tables; a purge between two of them must not make it what never was.
func TestRead_sees_one_moment(t *testing.T) {
	tr, bus := openTest(t, Options{})
	ctx := context.Background()
	dispatch := func() {
		t.Helper()
		if _, err := bus.Dispatch(ctx, "Order", struct{}{}, symphony.DispatchOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	dispatch()
	for name, readers := range map[string]chan *reader{"reader": tr.readers, "searcher": tr.searchers} {
		var before, meanwhile, after int64
		count := func(n *int64) func(*reader) error {
			return func(r *reader) error {
				return r.query("SELECT count(*) FROM messenger_messages", func(s *sqlite.Stmt) bool {
					*n = s.ColumnInt64(0)
					return false
				})
			}
		}
		err := tr.readOn(ctx, readers, "count", func(r *reader) error {
			if err := count(&before)(r); err != nil {
				return err
			}
			dispatch()
			return count(&meanwhile)(r)
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := tr.readOn(ctx, readers, "count", count(&after)); err != nil {
			t.Fatal(err)
		}
		if meanwhile != before || after != before+1 {
			t.Errorf("%s: counted %d, then %d while one was added, and %d in the next read", name, before, meanwhile,
				after)
		}
	}
}

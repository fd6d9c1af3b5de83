package transporttest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

var recordTests = []test{
	{"records are kept, replaced, listed and deleted", func(s *suite) {
		store := s.def.(storage.Records)
		must := func(err error) {
			s.Helper()
			if err != nil {
				s.Fatal(err)
			}
		}
		if _, err := storage.Get(ctx, store, "k", "a"); !errors.Is(err, symphony.ErrNotFound) {
			s.Errorf("got %v, want ErrNotFound", err)
		}
		must(storage.Put(ctx, store, "k", "b", []byte(`{"v":1}`)))
		must(storage.Put(ctx, store, "k", "a", []byte(`{"v":2}`)))
		must(storage.Put(ctx, store, "other", "c", []byte(`{}`)))
		must(storage.Put(ctx, store, "k", "b", []byte(`{"v":3}`)))
		list, err := storage.List(ctx, s.Email.(storage.Records), "k")
		if err != nil || len(list) != 2 || list[0].ID != "a" || string(list[1].Data) != `{"v":3}` {
			s.Errorf("got %v, %v", list, err)
		}
		must(storage.Delete(ctx, store, "k", "a"))
		if err := storage.Delete(ctx, store, "k", "a"); !errors.Is(err, symphony.ErrNotFound) {
			s.Errorf("deleting twice: %v", err)
		}
		s.reopen()
		if data, err := storage.Get(ctx, s.def.(storage.Records), "k", "b"); err != nil || string(data) != `{"v":3}` {
			s.Errorf("after a crash: %s, %v", data, err)
		}
	}},
	{"a record is swapped only if it is as expected", func(s *suite) {
		store := s.def.(storage.Records)
		a, b := []byte(`{"v":1}`), []byte(`{"v":2}`)
		steps := []struct {
			what      string
			old, new  []byte
			conflict  bool
			remaining []byte
		}{
			{"nothing for nothing", nil, nil, false, nil},
			{"change what is not there", a, b, true, nil},
			{"delete what is not there", a, nil, true, nil},
			{"make", nil, a, false, a},
			{"make again", nil, b, true, a},
			{"delete as if there were none", nil, nil, true, a},
			{"change another", b, a, true, a},
			{"change", a, b, false, b},
			{"change from before", a, a, true, b},
			{"delete another", a, nil, true, b},
			{"delete", b, nil, false, nil},
			{"delete whatever is there, which is nothing", storage.Any(), nil, false, nil},
			{"make, whatever is there", storage.Any(), a, false, a},
			{"replace whatever is there", storage.Any(), b, false, b},
			{"delete whatever is there", storage.Any(), nil, false, nil},
		}
		for _, step := range steps {
			err := store.SwapRecord(ctx, "k", "id", step.old, step.new)
			if step.conflict != errors.Is(err, symphony.ErrConflict) || err != nil && !step.conflict {
				s.Errorf("%s: got %v", step.what, err)
			}
			if data, _ := storage.Get(ctx, store, "k", "id"); string(data) != string(step.remaining) {
				s.Errorf("after %s the record is %s, want %s", step.what, data, step.remaining)
			}
		}
		for _, old := range [][]byte{nil, storage.Any(), a} {
			if err := store.SwapRecord(ctx, "k", "id", old, []byte{}); !errors.Is(err, symphony.ErrInvalid) {
				s.Errorf("an empty record in place of %q: got %v, want ErrInvalid", old, err)
			}
		}
	}},
	{"of many who swap one record at once, one succeeds", func(s *suite) {
		store := s.def.(storage.Records)
		var (
			all  sync.WaitGroup
			wins atomic.Int32
		)
		for i := range 16 {
			all.Go(func() {
				switch err := store.SwapRecord(ctx, "k", "id", nil, fmt.Appendf(nil, `{"by":%d}`, i)); {
				case err == nil:
					wins.Add(1)
				case !errors.Is(err, symphony.ErrConflict):
					s.Error(err)
				}
			})
		}
		all.Wait()
		if n := wins.Load(); n != 1 {
			s.Errorf("%d succeeded", n)
		}
	}},
	{"records are read and deleted by ranges of their ids", func(s *suite) {
		store := s.def.(storage.Records)
		for _, id := range []string{"b", "a", "B", "é", "a/1", "a-1", "c"} {
			if err := storage.Put(ctx, store, "k", id, []byte(`{}`)); err != nil {
				s.Fatal(err)
			}
		}
		if err := storage.Put(ctx, store, "other", "a", []byte(`{}`)); err != nil {
			s.Fatal(err)
		}
		read := func(from, to string, limit int) string {
			s.Helper()
			list, err := store.RangeRecords(ctx, "k", from, to, limit)
			if err != nil {
				s.Fatal(err)
			}
			var ids []string
			for _, r := range list {
				ids = append(ids, r.ID)
			}
			return strings.Join(ids, " ")
		}
		for _, c := range []struct {
			from, to string
			limit    int
			want     string
		}{
			{"", "", 100, "B a a-1 a/1 b c é"},
			{"a", "b", 100, "a a-1 a/1"},
			{"a", "b", 2, "a a-1"},
			{"b", "", 100, "b c é"},
			{"x", "a", 100, ""},
		} {
			if got := read(c.from, c.to, c.limit); got != c.want {
				s.Errorf("from %q to %q: got %q, want %q", c.from, c.to, got, c.want)
			}
		}
		if n, err := store.DeleteRecords(ctx, "k", "a-", "b"); n != 2 || err != nil {
			s.Errorf("deleted %d, %v, want 2", n, err)
		}
		if got, want := read("", "", 100), "B a b c é"; got != want {
			s.Errorf("left are %q, want %q", got, want)
		}
	}},
}

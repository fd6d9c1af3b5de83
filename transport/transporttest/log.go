package transporttest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

var logTests = []test{
	{"entries have consecutive numbers and the store's time, and are read as they were written", func(s *suite) {
		data := json.RawMessage(`{ "b": 1.50, "a": "ü <&> \u0041" }`)
		if last, err := s.log().AppendLog(ctx, "l", []storage.Entry{{Kind: "a", Data: data}, {Kind: "b", Data: data, Seq: 77, At: s.clock.Now().Add(time.Hour)}}); err != nil || last != 2 {
			s.Fatalf("appended up to %d, %v; want 2", last, err)
		}
		first := s.clock.Now()
		s.clock.Advance(1500 * time.Microsecond)
		s.append("l", "c", 1)
		s.append("other", "d", 3)
		want := []storage.Entry{{Seq: 1, At: first, Kind: "a", Data: data}, {Seq: 2, At: first, Kind: "b", Data: data},
			{Seq: 3, At: s.clock.Now(), Kind: "c", Data: json.RawMessage(`{"n":0}`)}}
		if diff := cmp.Diff(want, s.entries(storage.LogQuery{Log: "l"})); diff != "" {
			s.Errorf("entries (-want +got)\n%s", diff)
		}
		if end, err := storage.LogEnd(ctx, s.Email.(storage.Log), "other"); err != nil || end != 3 {
			s.Errorf("another transport of the storage sees the end %d, %v; want 3", end, err)
		}
		s.reopen()
		if diff := cmp.Diff(want, s.entries(storage.LogQuery{Log: "l"})); diff != "" {
			s.Errorf("after a crash (-want +got)\n%s", diff)
		}
		page, err := s.log().ReadLog(ctx, storage.LogQuery{Log: "l", After: 1, Limit: 1})
		if err != nil || !slices.Equal(numbers(page.Entries), []int64{2}) || page.End != 3 {
			s.Errorf("a page has %v and the end %d, %v; want 2 and the end 3", numbers(page.Entries), page.End, err)
		}
		if last := s.append("l", "e", 1); last != 4 {
			s.Errorf("after a crash the next entry is %d, want 4", last)
		}
	}},
	{"a log that nothing was written to is empty", func(s *suite) {
		if last, err := s.log().AppendLog(ctx, "l", nil); err != nil || last != 0 {
			s.Errorf("appending nothing: %d, %v", last, err)
		}
		if end, err := storage.LogEnd(ctx, s.log(), "l"); err != nil || end != 0 {
			s.Errorf("end %d, %v", end, err)
		}
		if list := s.entries(storage.LogQuery{Log: "l"}); len(list) != 0 {
			s.Errorf("entries %v", list)
		}
		if n, err := s.log().TrimLog(ctx, "l", s.clock.Now(), 1); err != nil || n != 0 {
			s.Errorf("trimmed %d, %v", n, err)
		}
		s.append("l", "k", 2)
		if last, err := s.log().AppendLog(ctx, "l", nil); err != nil || last != 2 {
			s.Errorf("appending nothing: %d, %v; want 2", last, err)
		}
	}},
	{"queries select by number, time and kind, in both orders", func(s *suite) {
		at := make([]time.Time, 11) // by number; two entries share each time
		for n := 1; n <= 10; n += 2 {
			at[n], at[n+1] = s.clock.Now(), s.clock.Now()
			s.append("l", []string{"a", "b", "a'%"}[n/2%3], 2)
			s.append("other", "a", 5)
			s.clock.Advance(time.Second)
		}
		for name, test := range map[string]struct {
			q    storage.LogQuery
			want []int64
		}{
			"all":                       {storage.LogQuery{}, []int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}},
			"after":                     {storage.LogQuery{After: 7}, []int64{8, 9, 10}},
			"after the end":             {storage.LogQuery{After: 10}, nil},
			"after what will be":        {storage.LogQuery{After: 99}, nil},
			"limit":                     {storage.LogQuery{After: 2, Limit: 3}, []int64{3, 4, 5}},
			"newest":                    {storage.LogQuery{Newest: true, Limit: 3}, []int64{10, 9, 8}},
			"newest before":             {storage.LogQuery{Newest: true, Before: 4}, []int64{3, 2, 1}},
			"newest before and after":   {storage.LogQuery{Newest: true, Before: 7, After: 3}, []int64{6, 5, 4}},
			"newest before the first":   {storage.LogQuery{Newest: true, Before: 1}, nil},
			"before needs newest":       {storage.LogQuery{Before: 4, After: 8}, []int64{9, 10}},
			"since":                     {storage.LogQuery{Since: at[7]}, []int64{7, 8, 9, 10}},
			"since between":             {storage.LogQuery{Since: at[7].Add(1 * time.Millisecond)}, []int64{9, 10}},
			"since later":               {storage.LogQuery{Since: at[10].Add(time.Second)}, nil},
			"until":                     {storage.LogQuery{Until: at[5]}, []int64{1, 2, 3, 4}},
			"until the first":           {storage.LogQuery{Until: at[1]}, nil},
			"until later":               {storage.LogQuery{Until: at[10].Add(time.Hour)}, []int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}},
			"since and until":           {storage.LogQuery{Since: at[3], Until: at[7]}, []int64{3, 4, 5, 6}},
			"since and until, newest":   {storage.LogQuery{Since: at[3], Until: at[7], Newest: true, Limit: 2}, []int64{6, 5}},
			"kind":                      {storage.LogQuery{Kinds: []string{"b"}}, []int64{3, 4, 9, 10}},
			"kinds":                     {storage.LogQuery{Kinds: []string{"b", "a'%"}}, []int64{3, 4, 5, 6, 9, 10}},
			"unknown kind":              {storage.LogQuery{Kinds: []string{"a'"}}, nil},
			"kind and limit":            {storage.LogQuery{Kinds: []string{"b"}, Limit: 3}, []int64{3, 4, 9}},
			"everything at once":        {storage.LogQuery{Kinds: []string{"b"}, Newest: true, Before: 10, After: 3, Since: at[3], Until: at[10].Add(1), Limit: 5}, []int64{9, 4}},
			"another log, of which ten": {storage.LogQuery{Log: "other", After: 23}, []int64{24, 25}},
		} {
			if test.q.Log == "" {
				test.q.Log = "l"
			}
			if got := numbers(s.entries(test.q)); !slices.Equal(got, test.want) {
				s.Errorf("%s: got %v, want %v", name, got, test.want)
			}
		}
	}},
	{"a read has as many entries as were asked for, by default some", func(s *suite) {
		s.append("l", "k", storage.MaxLogPage+5)
		if n := len(s.entries(storage.LogQuery{Log: "l"})); n != storage.DefaultLogPage {
			s.Errorf("by default %d entries, want %d", n, storage.DefaultLogPage)
		}
		if n := len(s.entries(storage.LogQuery{Log: "l", Limit: storage.MaxLogPage})); n != storage.MaxLogPage {
			s.Errorf("%d entries, want %d", n, storage.MaxLogPage)
		}
	}},
	{"trimming deletes the oldest, by time and by number, and the end stays", func(s *suite) {
		var at []time.Time
		for range 10 {
			at = append(at, s.clock.Now())
			s.append("l", "k", 200)
			s.append("other", "k", 1)
			s.clock.Advance(time.Second)
		}
		trim := func(before time.Time, keep int64, deleted int, first int64) {
			s.Helper()
			if n, err := s.log().TrimLog(ctx, "l", before, keep); err != nil || n != deleted {
				s.Errorf("trimmed %d, %v; want %d", n, err, deleted)
			}
			list := s.entries(storage.LogQuery{Log: "l", Limit: 1})
			if got := numbers(list); first == 0 && len(got) > 0 || first > 0 && !slices.Equal(got, []int64{first}) {
				s.Errorf("the log begins with %v, want %d", got, first)
			}
			if end, err := storage.LogEnd(ctx, s.log(), "l"); err != nil || end != 2000 {
				s.Errorf("the end is %d, %v; want 2000", end, err)
			}
		}
		trim(time.Time{}, 0, 0, 1)
		trim(time.Time{}, 3000, 0, 1)
		trim(at[0], 0, 0, 1)
		trim(at[4], 0, 800, 801)
		trim(at[4], 1500, 0, 801)
		trim(at[5], 1150, 200, 1001) // its age decides
		trim(at[6], 650, 350, 1351)  // its number decides
		trim(time.Time{}, 1, 649, 2000)
		trim(s.clock.Now(), 5, 1, 0)
		if n := len(s.entries(storage.LogQuery{Log: "other"})); n != 10 {
			s.Errorf("of the other log %d are left, want 10", n)
		}
		s.reopenIfPossible()
		if last := s.append("l", "k", 1); last != 2001 {
			s.Errorf("the next entry is %d, want 2001", last)
		}
		if got := numbers(s.entries(storage.LogQuery{Log: "l", After: 3})); !slices.Equal(got, []int64{2001}) {
			s.Errorf("got %v, want 2001", got)
		}
	}},
	{"an append that is called off writes nothing", func(s *suite) {
		dead, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := s.log().AppendLog(dead, "l", entries("k", 3)); !errors.Is(err, context.Canceled) {
			s.Errorf("got %v, want context.Canceled", err)
		}
		if last := s.append("l", "k", 1); last != 1 {
			s.Errorf("the next entry is %d, want 1", last)
		}
	}},
	{"several write and read at once: every reader sees every entry in its order", func(s *suite) {
		const writers, each, readers = 4, 30, 2
		var all sync.WaitGroup
		total := make([]int, writers)
		for w := range writers {
			rnd := rand.New(rand.NewPCG(uint64(w), 1))
			sizes := make([]int, each)
			for i := range sizes {
				sizes[i] = 1 + rnd.IntN(3)
				total[w] += sizes[i]
			}
			all.Go(func() {
				last, n := int64(0), 0
				for _, size := range sizes {
					batch := make([]storage.Entry, size)
					for i := range batch {
						batch[i] = storage.Entry{Kind: fmt.Sprint(w), Data: json.RawMessage(fmt.Sprintf(`{"n":%d}`, n))}
						n++
					}
					seq, err := s.log().AppendLog(ctx, "l", batch)
					if err != nil || seq < last+int64(size) {
						s.Errorf("appended up to %d after %d, %v", seq, last, err)
					}
					last = seq
				}
			})
		}
		want := int64(total[0] + total[1] + total[2] + total[3])
		deadline := symphony.SystemClock().Now().Add(time.Minute)
		for range readers {
			all.Go(func() {
				next := make(map[string]int)
				for after := int64(0); after < want; {
					page, err := s.log().ReadLog(ctx, storage.LogQuery{Log: "l", After: after, Limit: 7})
					if err != nil {
						s.Error(err)
						return
					}
					if len(page.Entries) == 0 && symphony.SystemClock().Now().After(deadline) {
						s.Errorf("nothing came after %d of %d", after, want)
						return
					}
					for _, e := range page.Entries {
						if e.Seq != after+1 {
							s.Errorf("read %d after %d", e.Seq, after)
							return
						}
						after = e.Seq
						if data := fmt.Sprintf(`{"n":%d}`, next[e.Kind]); string(e.Data) != data {
							s.Errorf("writer %s: read %s, want %s", e.Kind, e.Data, data)
						}
						next[e.Kind]++
					}
				}
			})
		}
		all.Wait()
	}},
}

func (s *suite) log() storage.Log { return s.def.(storage.Log) }

func entries(kind string, n int) []storage.Entry {
	list := make([]storage.Entry, n)
	for i := range list {
		list[i] = storage.Entry{Kind: kind, Data: json.RawMessage(fmt.Sprintf(`{"n":%d}`, i))}
	}
	return list
}

func (s *suite) append(log, kind string, n int) int64 {
	s.Helper()
	last, err := s.log().AppendLog(ctx, log, entries(kind, n))
	if err != nil {
		s.Fatal(err)
	}
	return last
}

func (s *suite) entries(q storage.LogQuery) []storage.Entry {
	s.Helper()
	page, err := s.log().ReadLog(ctx, q)
	if err != nil {
		s.Fatal(err)
	}
	return page.Entries
}

func numbers(list []storage.Entry) []int64 {
	var out []int64
	for _, e := range list {
		out = append(out, e.Seq)
	}
	return out
}

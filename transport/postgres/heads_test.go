package postgres

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func newHeads(known map[stream]int64) *heads {
	h := &heads{}
	h.init()
	for st, at := range known {
		h.add(st, at)
	}
	return h
}

func anyLane(int) bool { return true }

// lows are the streams with their lows.
func (h *heads) lows() map[stream]int64 {
	out := make(map[stream]int64)
	for st, hd := range h.streams {
		out[st] = hd.low
	}
	return out
}

func TestHeads_ready_has_the_highest_priority_first(t *testing.T) {
	h := newHeads(map[stream]int64{{1, 9}: 10, {2, 0}: 20, {1, 0}: 30, {3, 5}: 99, {4, 0}: 5})
	var got []stream
	for _, p := range h.ready(func(lane int) bool { return lane != 4 }, 50) {
		got = append(got, p.stream)
	}
	want := []stream{{1, 0}, {2, 0}, {1, 9}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(stream{})); diff != "" {
		t.Error(diff)
	}
	if list, next := h.due(50); len(list) != 4 || next != 99 {
		t.Errorf("%d streams are due, the next at %d", len(list), next)
	}
}

func TestHeads_raise(t *testing.T) {
	a, b := stream{1, 0}, stream{1, 1}
	for name, test := range map[string]struct {
		between func(h *heads)
		low     int64
		want    map[stream]int64
	}{
		"moves the head on":                       {func(*heads) {}, 50, map[stream]int64{a: 50, b: 10}},
		"never moves it back":                     {func(*heads) {}, 5, map[stream]int64{a: 10, b: 10}},
		"notes an empty stream":                   {func(*heads) {}, never, map[stream]int64{a: never, b: 10}},
		"keeps what came after the look":          {func(h *heads) { h.add(a, 20) }, never, map[stream]int64{a: 20, b: 10}},
		"moves on up to what came after the look": {func(h *heads) { h.add(a, 20) }, 50, map[stream]int64{a: 20, b: 10}},
		"moves on where later things came":        {func(h *heads) { h.add(a, 90) }, 50, map[stream]int64{a: 50, b: 10}},
		"keeps what came below the head":          {func(h *heads) { h.add(a, 1) }, 50, map[stream]int64{a: 1, b: 10}},
		"keeps what a sweep found below the head": {func(h *heads) {
			h.replace(map[stream]int64{a: 1, b: 10}, h.generation(), 90)
		}, never, map[stream]int64{a: 1, b: 10}},
		"keeps what a sweep and news are below the head": {func(h *heads) {
			h.replace(map[stream]int64{a: 1, b: 10}, h.generation(), 90)
			h.add(a, 5)
		}, never, map[stream]int64{a: 1, b: 10}},
		"is not hindered by another stream": {func(h *heads) { h.add(b, 20) }, never, map[stream]int64{a: never, b: 10}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHeads(map[stream]int64{a: 10, b: 10})
			probes := h.ready(anyLane, 10)
			test.between(h)
			for _, p := range probes {
				if p.stream == a {
					h.raise(p, test.low, 100)
				}
			}
			h.done(probes)
			if diff := cmp.Diff(test.want, h.lows(), cmp.AllowUnexported(stream{})); diff != "" {
				t.Error(diff)
			}
			if n := len(h.streams[a].marks) + len(h.streams[b].marks); n != 0 {
				t.Errorf("%d marks are left", n)
			}
		})
	}
}

func TestHeads_replace_takes_over_a_sweep_but_not_against_news(t *testing.T) {
	gone, kept, news, found, both := stream{1, 0}, stream{1, 1}, stream{1, 2}, stream{1, 3}, stream{1, 4}
	h := newHeads(map[stream]int64{gone: 10, kept: 10, both: 90})
	gen := h.generation()
	h.add(news, 30)
	h.add(both, 40)
	h.replace(map[stream]int64{kept: 5, found: 7, both: 60}, gen, 100)
	want := map[stream]int64{gone: never, kept: 5, news: 30, found: 7, both: 40}
	if diff := cmp.Diff(want, h.lows(), cmp.AllowUnexported(stream{})); diff != "" {
		t.Error(diff)
	}
}

func TestHeads_recent_looks_a_moment_back(t *testing.T) {
	claimed, empty, early := stream{1, 0}, stream{1, 1}, stream{1, 2}
	const now = 100 * lastMoments
	h := newHeads(map[stream]int64{claimed: 10, empty: 10, early: 10})
	probes := h.ready(anyLane, now)
	for _, p := range probes {
		switch p.stream {
		case claimed:
			h.raise(p, now/2, now)
		case empty:
			h.raise(p, never, now)
		}
	}
	h.done(probes)
	got := make(map[stream]int64)
	for _, p := range h.recent() {
		got[p.stream] = p.low
	}
	want := map[stream]int64{claimed: now/2 - lastMoments, empty: now - lastMoments, early: 10 - lastMoments}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(stream{})); diff != "" {
		t.Error(diff)
	}
	h.lower(claimed, now/2-5)
	h.lower(empty, never)
	h.lower(early, 20)
	lows := map[stream]int64{claimed: now/2 - 5, empty: never, early: 10}
	if diff := cmp.Diff(lows, h.lows(), cmp.AllowUnexported(stream{})); diff != "" {
		t.Error(diff)
	}
}

func TestHeads_sweep_from_the_beginning_as_its_cost_allows(t *testing.T) {
	h := newHeads(nil)
	if !h.wholeDue(1, false) {
		t.Error("the first sweep is not one from the beginning")
	}
	const cost = 100_000
	h.swept(0, 0, cost, true, 1000)
	for name, test := range map[string]struct {
		now  int64
		idle bool
		want bool
	}{
		"idle, too early":  {cost * sweepShare, true, false},
		"idle, in time":    {cost * (sweepShare + 1), true, true},
		"busy, too early":  {cost * (sweepShare + 1), false, false},
		"busy, after long": {cost + busySweep, false, true},
	} {
		if got := h.wholeDue(test.now, test.idle); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	h.sweepSoon()
	if !h.wholeDue(cost, false) {
		t.Error("a sweep that is wanted soon is not one from the beginning")
	}
}

func TestHeads_want_a_sweep_when_it_is_due(t *testing.T) {
	h := newHeads(nil)
	h.nextSweep = 100
	h.wantSweep(99)
	if at := h.watched(false); at != never {
		t.Errorf("nobody waits: the watch sweeps at %d", at)
	}
	if at := h.watched(true); at != 100 {
		t.Errorf("somebody waits: the watch sweeps at %d, want 100", at)
	}
	h.wantSweep(100)
	if at := h.watched(false); at != 100 {
		t.Errorf("a claim wants it: the watch sweeps at %d, want 100", at)
	}
	select {
	case <-h.rearm:
	default:
		t.Error("the watch was not told")
	}
	h.sweepSoon()
	if at := h.watched(true); at != 0 {
		t.Errorf("the watch sweeps at %d, want at once", at)
	}
}

func TestHeads_sweep_that_is_wanted_during_another_is_due_after_it(t *testing.T) {
	h := newHeads(nil)
	asked := h.sweepAsked()
	h.sweepSoon()
	h.swept(asked, 10, 20, true, 1000)
	if at := h.watched(true); at > 20 || !h.wholeDue(20, false) {
		t.Errorf("the next sweep is due at %d, from the beginning: %t", at, h.wholeDue(20, false))
	}
	h.swept(h.sweepAsked(), 20, 30, true, 1000)
	if at := h.watched(true); at != 1030 {
		t.Errorf("the one after it is due at %d", at)
	}
}

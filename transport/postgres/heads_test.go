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
		"moves the head on":                          {func(*heads) {}, 50, map[stream]int64{a: 50, b: 10}},
		"never moves it back":                        {func(*heads) {}, 5, map[stream]int64{a: 10, b: 10}},
		"forgets an empty stream":                    {func(*heads) {}, never, map[stream]int64{b: 10}},
		"keeps what came after the look":             {func(h *heads) { h.add(a, 20) }, never, map[stream]int64{a: 10, b: 10}},
		"is not hindered by another stream":          {func(h *heads) { h.add(b, 20) }, never, map[stream]int64{b: 10}},
		"does not bring back what was forgotten":     {func(h *heads) { h.replace(map[stream]int64{b: 10}, h.generation()) }, 50, map[stream]int64{b: 10}},
		"keeps what came after, also below its head": {func(h *heads) { h.add(a, 1) }, 50, map[stream]int64{a: 1, b: 10}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHeads(map[stream]int64{a: 10, b: 10})
			var looked probe
			for _, p := range h.ready(anyLane, 10) {
				if p.stream == a {
					looked = p
				}
			}
			test.between(h)
			h.raise(looked, test.low)
			if diff := cmp.Diff(test.want, h.lows(), cmp.AllowUnexported(stream{})); diff != "" {
				t.Error(diff)
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
	h.replace(map[stream]int64{kept: 5, found: 7, both: 60}, gen)
	want := map[stream]int64{kept: 5, news: 30, found: 7, both: 40}
	if diff := cmp.Diff(want, h.lows(), cmp.AllowUnexported(stream{})); diff != "" {
		t.Error(diff)
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

package worker

import (
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	repeat := func(n int, d time.Duration) []time.Duration {
		list := make([]time.Duration, n)
		for i := range list {
			list[i] = d
		}
		return list
	}
	tests := map[string]struct {
		durations []time.Duration
		handlers  int
		min, max  int
	}{
		"nothing is known":                        {nil, 10, 0, 0},
		"one fast handler tells enough":           {repeat(1, time.Microsecond), 10, maxPrefetch, maxPrefetch},
		"a clock too coarse to see them":          {repeat(5, 0), 10, maxPrefetch, maxPrefetch},
		"one at a time, 1 ms":                     {repeat(20, time.Millisecond), 1, 50, 50},
		"ten at a time, 10 ms":                    {repeat(20, 10*time.Millisecond), 10, 50, 50},
		"one at a time, longer than the span":     {repeat(20, 200*time.Millisecond), 1, 1, 1},
		"a second or more":                        {repeat(20, time.Second), 100, 0, 0},
		"fast, then slow":                         {append(repeat(100, time.Microsecond), repeat(20, 2*time.Second)...), 100, 0, 0},
		"slow, then fast":                         {append(repeat(100, 2*time.Second), repeat(100, time.Millisecond)...), 10, 100, 500},
		"one slow among fast is not taken for it": {append(repeat(100, time.Millisecond), 100*time.Millisecond), 10, 50, 200},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var p pace
			for _, d := range test.durations {
				p.add(d)
			}
			if got := p.prefetch(test.handlers); got < test.min || got > test.max {
				t.Errorf("claims %d ahead, want %d to %d", got, test.min, test.max)
			}
		})
	}
}

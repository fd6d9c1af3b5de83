package asks_test

import (
	"maps"
	"testing"

	"github.com/symphony-messenger/symphony/internal/asks"
)

func TestLast_is_that_of_the_queue_or_of_all(t *testing.T) {
	var a asks.Asks
	if got := a.Last("t", "q", 5); got != 0 {
		t.Errorf("nobody has asked: got %d", got)
	}
	a.Begin("t", nil, 10)
	a.Begin("t", []string{"q", "r"}, 11)
	for queue, want := range map[string]int64{"q": 15, "other": 15} {
		if got := a.Last("t", queue, 15); got != want {
			t.Errorf("%s while somebody waits: got %d, want %d", queue, got, want)
		}
	}
	a.End("t", nil, 20)
	a.End("t", []string{"q", "r"}, 22)
	for queue, want := range map[string]int64{"q": 22, "r": 22, "other": 20} {
		if got := a.Last("t", queue, 30); got != want {
			t.Errorf("%s: got %d, want %d", queue, got, want)
		}
	}
	if got := a.Last("u", "q", 30); got != 0 {
		t.Errorf("of another transport: got %d", got)
	}
	a.Begin("t", nil, 3) // a clock that was set back
	a.End("t", nil, 4)
	if got := a.Last("t", "other", 30); got != 20 {
		t.Errorf("the latest counts: got %d, want 20", got)
	}
}

func TestFresh_is_told_once(t *testing.T) {
	var a asks.Asks
	a.Begin("t", []string{"q"}, 10)
	a.End("t", []string{"q"}, 10)
	a.Begin("t", nil, 12)
	want := map[asks.Queue]int64{{Transport: "t", Name: "q"}: 10, {Transport: "t"}: 20}
	for range 2 { // it could not be kept
		if got, _ := a.Fresh(20); !maps.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	_, told := a.Fresh(20)
	told()
	a.End("t", nil, 21)
	if got, _ := a.Fresh(30); !maps.Equal(got, map[asks.Queue]int64{{Transport: "t"}: 21}) {
		t.Errorf("got %v", got)
	}
}

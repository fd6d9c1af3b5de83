package asks_test

import (
	"maps"
	"testing"

	"github.com/symphony-messenger/symphony/internal/asks"
)

func TestLast_is_that_of_the_queue_or_of_all(t *testing.T) {
	var a asks.Asks
	if got := a.Last(asks.Queue{Transport: "t", Name: "q"}, 5); got != 0 {
		t.Errorf("nobody has asked: got %d", got)
	}
	a.Begin("t", nil, false, 10)
	a.Begin("t", []string{"q", "r"}, false, 11)
	for queue, want := range map[string]int64{"q": 15, "other": 15} {
		if got := a.Last(asks.Queue{Transport: "t", Name: queue}, 15); got != want {
			t.Errorf("%s while somebody waits: got %d, want %d", queue, got, want)
		}
	}
	a.End("t", nil, false, 20)
	a.End("t", []string{"q", "r"}, false, 22)
	for queue, want := range map[string]int64{"q": 22, "r": 22, "other": 20} {
		if got := a.Last(asks.Queue{Transport: "t", Name: queue}, 30); got != want {
			t.Errorf("%s: got %d, want %d", queue, got, want)
		}
	}
	if got := a.Last(asks.Queue{Transport: "u", Name: "q"}, 30); got != 0 {
		t.Errorf("of another transport: got %d", got)
	}
	a.Begin("t", nil, false, 3) // a clock that was set back
	a.End("t", nil, false, 4)
	if got := a.Last(asks.Queue{Transport: "t", Name: "other"}, 30); got != 20 {
		t.Errorf("the latest counts: got %d, want 20", got)
	}
}

func TestLast_of_those_who_push(t *testing.T) {
	var a asks.Asks
	queue := asks.Queue{Transport: "t", Name: "q"}
	pushed := queue
	pushed.Pushed = true
	a.Begin("t", []string{"q"}, false, 10)
	a.End("t", []string{"q"}, false, 11)
	if got := a.Last(pushed, 30); got != 0 {
		t.Errorf("a pull worker asked: got %d, want 0", got)
	}
	a.Begin("t", nil, true, 12)
	a.End("t", nil, true, 13)
	a.Begin("t", nil, false, 14)
	a.End("t", nil, false, 15)
	if got := a.Last(pushed, 30); got != 13 {
		t.Errorf("of those who push: got %d, want 13", got)
	}
	if got := a.Last(queue, 30); got != 15 {
		t.Errorf("of all: got %d, want 15", got)
	}
}

func TestFresh_is_told_once(t *testing.T) {
	var a asks.Asks
	a.Begin("t", []string{"q"}, false, 10)
	a.End("t", []string{"q"}, false, 10)
	a.Begin("t", nil, false, 12)
	want := map[asks.Queue]int64{{Transport: "t", Name: "q"}: 10, {Transport: "t"}: 20}
	for range 2 { // it could not be kept
		if got, _ := a.Fresh(20); !maps.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	_, told := a.Fresh(20)
	told()
	a.End("t", nil, false, 21)
	if got, _ := a.Fresh(30); !maps.Equal(got, map[asks.Queue]int64{{Transport: "t"}: 21}) {
		t.Errorf("got %v", got)
	}
}

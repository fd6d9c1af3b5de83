package groupcommit_test

import (
	"sync"
	"testing"
	"testing/synctest"

	"github.com/symphony-messenger/symphony/internal/groupcommit"
)

func TestQueue_gives_every_item_once_and_in_order(t *testing.T) {
	const producers, each = 8, 1000
	var q groupcommit.Queue[[2]int]
	var all sync.WaitGroup
	for p := range producers {
		all.Go(func() {
			for i := range each {
				if !q.Put([2]int{p, i}) {
					t.Error("Put was refused before Close")
				}
			}
		})
	}
	go func() {
		all.Wait()
		q.Close()
	}()
	var (
		next  [producers]int
		spare [][2]int
	)
	for {
		items, ok := q.Take(spare)
		if !ok {
			break
		}
		for _, it := range items {
			if it[1] != next[it[0]] {
				t.Fatalf("producer %d: got item %d, want %d", it[0], it[1], next[it[0]])
			}
			next[it[0]]++
		}
		spare = items
	}
	for p, n := range next {
		if n != each {
			t.Errorf("producer %d: got %d items, want %d", p, n, each)
		}
	}
}

func TestQueue_takes_what_is_left_after_Close(t *testing.T) {
	var q groupcommit.Queue[int]
	q.Put(1)
	q.Close()
	if q.Put(2) {
		t.Error("Put after Close was not refused")
	}
	if items, ok := q.Take(nil); !ok || len(items) != 1 || items[0] != 1 {
		t.Errorf("got %v, %v, want the item that was there", items, ok)
	}
	if items, ok := q.Take(nil); ok {
		t.Errorf("got %v from a closed and empty queue", items)
	}
}

func TestQueue_wakes_a_waiting_taker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q groupcommit.Queue[int]
		got := make(chan int, 1)
		go func() {
			items, _ := q.Take(nil)
			got <- len(items)
			_, ok := q.Take(items)
			if ok {
				got <- -1
			}
			close(got)
		}()
		synctest.Wait() // the taker waits
		q.Put(7)
		if n := <-got; n != 1 {
			t.Errorf("got %d items, want 1", n)
		}
		synctest.Wait()
		q.Close()
		if n, open := <-got; open {
			t.Errorf("got %d after Close", n)
		}
	})
}

package waitlist_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/symphony-messenger/symphony/internal/waitlist"
)

// crowd is a list of waiters of one transport, the first that came first.
type crowd struct {
	waitlist.List
	waiters []*waitlist.Waiter
}

// newCrowd adds a waiter for each entry: the queues that it wants, none for all.
func newCrowd(wants ...[]string) *crowd {
	c := &crowd{}
	for _, queues := range wants {
		c.waiters = append(c.waiters, c.Add("default", queues, false))
	}
	return c
}

// Wake wakes for messages of a queue that everybody takes.
func (c *crowd) Wake(transport, queue string, n int) {
	c.List.Wake(waitlist.Lane{Transport: transport, Queue: queue}, n)
}

// woken returns who has been woken since the last look.
func (c *crowd) woken() (who []int) {
	for i, w := range c.waiters {
		select {
		case <-w.Woken():
			who = append(who, i)
		default:
		}
	}
	return who
}

func TestWake_for_what_is_pushed_goes_to_who_pushes(t *testing.T) {
	for name, test := range map[string]struct {
		act  func(*crowd)
		want []int
	}{
		"not to others": {func(c *crowd) {
			c.List.Wake(waitlist.Lane{Transport: "default", Queue: "a", Pushed: true}, 3)
		}, []int{1, 3}},
		"and is passed on so": {func(c *crowd) {
			c.List.Wake(waitlist.Lane{Transport: "default", Queue: "a", Pushed: true}, 1)
			c.Leave(c.waiters[1])
		}, []int{3}},
		"who takes all else too": {func(c *crowd) { c.Wake("default", "a", 2) }, []int{0, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			c := &crowd{}
			for i := range 4 {
				c.waiters = append(c.waiters, c.Add("default", nil, i%2 == 1))
			}
			test.act(c)
			if got := c.woken(); !slices.Equal(got, test.want) {
				t.Errorf("woken = %v, want %v", got, test.want)
			}
		})
	}
}

func TestWake(t *testing.T) {
	all, a, b, both := []string(nil), []string{"a"}, []string{"b"}, []string{"a", "b"}
	for name, test := range map[string]struct {
		wants [][]string
		wake  func(*crowd)
		want  []int
	}{
		"goes to the one that has waited longest": {[][]string{all, all, all}, func(c *crowd) { c.Wake("default", "a", 1) }, []int{0}},
		"goes on with the next": {[][]string{all, all, all}, func(c *crowd) {
			c.Wake("default", "a", 1)
			c.Wake("default", "b", 1)
		}, []int{0, 1}},
		"goes to as many as there are messages":               {[][]string{all, all, all}, func(c *crowd) { c.Wake("default", "a", 2) }, []int{0, 1}},
		"goes to everybody if there are more messages":        {[][]string{all, all, all}, func(c *crowd) { c.Wake("default", "a", 9) }, []int{0, 1, 2}},
		"goes to nobody for no message":                       {[][]string{all}, func(c *crowd) { c.Wake("default", "a", 0) }, nil},
		"passes over those that want other queues":            {[][]string{b, b, a, both, all}, func(c *crowd) { c.Wake("default", "a", 2) }, []int{2, 3}},
		"leaves waiters of other transports alone":            {[][]string{all}, func(c *crowd) { c.Wake("email", "a", 1) }, nil},
		"does not come back to one that left":                 {[][]string{all, all}, func(c *crowd) { c.Leave(c.waiters[0]); c.Wake("default", "a", 2) }, []int{1}},
		"of one that leaves is passed on":                     {[][]string{all, all, all}, func(c *crowd) { c.Wake("default", "a", 1); c.Leave(c.waiters[0]) }, []int{1}},
		"is passed on to who wants its queue":                 {[][]string{all, b, a}, func(c *crowd) { c.Wake("default", "a", 1); c.Leave(c.waiters[0]) }, []int{2}},
		"is passed on by its queue, not by those shared":      {[][]string{both, b, a}, func(c *crowd) { c.Wake("default", "a", 1); c.Leave(c.waiters[0]) }, []int{2}},
		"is passed on to nobody if nobody wants its queue":    {[][]string{all, b}, func(c *crowd) { c.Wake("default", "a", 1); c.Leave(c.waiters[0]) }, nil},
		"is not passed on once it was heard":                  {[][]string{all, all}, func(c *crowd) { c.Wake("default", "a", 1); <-c.waiters[0].Woken(); c.Leave(c.waiters[0]) }, nil},
		"is passed on by one after the other":                 {[][]string{all, all, all}, func(c *crowd) { c.Wake("default", "a", 1); c.Leave(c.waiters[0]); c.Leave(c.waiters[1]) }, []int{2}},
		"of each that leaves is passed on":                    {[][]string{all, all, all, all}, func(c *crowd) { c.Wake("default", "a", 2); c.Leave(c.waiters[0]); c.Leave(c.waiters[1]) }, []int{2, 3}},
		"of nobody is passed on by one that was not woken":    {[][]string{all, all}, func(c *crowd) { c.Leave(c.waiters[0]) }, nil},
		"is not passed on twice when its waiter leaves twice": {[][]string{all, all, all}, func(c *crowd) { c.Wake("default", "a", 1); c.Leave(c.waiters[0]); c.Leave(c.waiters[0]) }, []int{1}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCrowd(test.wants...)
			test.wake(c)
			if got := c.woken(); !slices.Equal(got, test.want) {
				t.Errorf("woken: %v, want %v", got, test.want)
			}
		})
	}
}

func TestEmpty(t *testing.T) {
	var l waitlist.List
	empty := func(when string, want bool) {
		t.Helper()
		if got := l.Empty(); got != want {
			t.Errorf("%s: %v, want %v", when, got, want)
		}
	}
	empty("at first", true)
	woken, leaves := l.Add("default", nil, false), l.Add("email", nil, false)
	l.Wake(waitlist.Lane{Transport: "default", Queue: "a"}, 1)
	empty("while one waits", false)
	l.Leave(leaves)
	empty("when all were woken or left", true)
	l.Leave(woken)
	empty("with a wake-up that nobody takes", true)
}

// As many messages as receivers, in two queues. Every receiver waits until it is woken, or gives up and comes back, as
// receivers do whose time is over. If one wake-up got lost or went to a wrong queue, a receiver would wait for ever.
func TestList_loses_no_wake_up(t *testing.T) {
	const receivers, rounds = 8, 500
	var (
		l       waitlist.List
		mu      sync.Mutex
		waiting = map[string]int{} // messages by queue
		all     sync.WaitGroup
	)
	take := func(queue string) bool {
		mu.Lock()
		defer mu.Unlock()
		if waiting[queue] == 0 {
			return false
		}
		waiting[queue]--
		return true
	}
	for i := range receivers {
		queue := fmt.Sprint(i % 2)
		all.Go(func() {
			for range rounds {
				for waited := 0; ; waited++ {
					w := l.Add("default", []string{queue}, false)
					if take(queue) {
						l.Leave(w)
						break
					}
					if waited < i {
						l.Leave(w)
						continue
					}
					<-w.Woken()
				}
			}
		})
		all.Go(func() {
			for range rounds {
				mu.Lock()
				waiting[queue]++
				mu.Unlock()
				l.Wake(waitlist.Lane{Transport: "default", Queue: queue}, 1)
			}
		})
	}
	all.Wait()
	if !l.Empty() {
		t.Error("somebody still waits")
	}
}

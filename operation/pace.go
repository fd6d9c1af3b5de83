package operation

import "time"

// pace spreads the messages of an operation over time: steps of about a twentieth of a second's messages, each begun
// when those before have had their time. What could not be done in time is not made up for, so no second ever has more
// messages than the rate, but for the one step with which the work begins or is carried on elsewhere.
type pace struct {
	rate int // messages per second, 0 for no limit
	next time.Time
}

// chunk is how many messages, at most most, the next step may have.
func (p *pace) chunk(most int) int {
	if p.rate == 0 {
		return most
	}
	return min(max(p.rate/20, 1), most)
}

// wait is how long until the next step may begin.
func (p *pace) wait(now time.Time) time.Duration { return p.next.Sub(now) }

// took notes a step of n messages that was begun at a time.
func (p *pace) took(at time.Time, n int) {
	if p.rate == 0 {
		return
	}
	if at.After(p.next) {
		p.next = at
	}
	p.next = p.next.Add(time.Duration(n) * time.Second / time.Duration(p.rate))
}

package monitor

import (
	"fmt"
	"slices"
	"time"
)

// Status is how well something is.
type Status string

// The statuses, the better first.
const (
	Healthy   Status = "healthy"
	Degraded  Status = "degraded"  // work flows, and somebody should look
	Unhealthy Status = "unhealthy" // work does not flow
)

func (s Status) worse(o Status) bool {
	order := []Status{Healthy, Degraded, Unhealthy}
	return slices.Index(order, s) > slices.Index(order, o)
}

// Health is a judgement: as bad as the worst of its checks. An installation that has nothing to do is healthy.
type Health struct {
	Status Status
	Checks []Check // always all, in the same order
}

// The names of the checks.
const (
	CheckStorage     = "storage"      // every transport's storage answers, in time
	CheckLag         = "lag"          // no message is ready for too long, paused queues aside
	CheckErrorRate   = "error_rate"   // not too many attempts fail
	CheckWorkers     = "workers"      // somebody works where messages wait, and reaches storage
	CheckStuck       = "stuck"        // no handler runs for too long
	CheckScheduler   = "scheduler"    // schedules fire in time
	CheckCircuits    = "circuits"     // no circuit breaker is open
	CheckClock       = "clock"        // the machine's clock was not set within the last hour
	CheckDeadLetters = "dead_letters" // how many there are; never a problem by itself
)

// Check is one thing that was looked at.
type Check struct {
	Name    string
	Status  Status
	Message string // for people: what is wrong and where, or that nothing is
	// Value is what was measured, Threshold from when on it is a problem, in Unit ("ms", "ratio", "messages",
	// "schedules", "workers", "circuits"). Threshold is 0 where there is none.
	Value, Threshold float64
	Unit             string
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// round makes a duration readable.
func round(d time.Duration) time.Duration {
	if d >= time.Minute {
		return d.Round(time.Second)
	}
	return d.Round(time.Millisecond)
}

// Judge decides on signals by the monitor's thresholds. Equal signals are judged equally.
func (m *Monitor) Judge(s Signals) Health {
	h := Health{Status: Healthy, Checks: []Check{
		m.storage(s), m.lag(s), m.errorRate(s), m.workers(s), m.stuck(s), m.scheduler(s), circuits(s), clock(s), deadLetters(s),
	}}
	for _, c := range h.Checks {
		if c.Status.worse(h.Status) {
			h.Status = c.Status
		}
	}
	return h
}

func (m *Monitor) storage(s Signals) Check {
	c := Check{Name: CheckStorage, Status: Healthy, Message: "every storage answers", Threshold: millis(m.t.Latency), Unit: "ms"}
	for _, t := range s.Transports {
		c.Value = max(c.Value, millis(t.Latency))
		switch {
		case t.Err != nil && c.Status != Unhealthy:
			c.Status, c.Message = Unhealthy, fmt.Sprintf("the storage of transport %s does not answer: %v", t.Name, t.Err)
		case t.Err == nil && t.Latency >= m.t.Latency && c.Status == Healthy:
			c.Status, c.Message = Degraded, fmt.Sprintf("the storage of transport %s took %s to answer", t.Name, round(t.Latency))
		}
	}
	return c
}

func (m *Monitor) lag(s Signals) Check {
	c := Check{Name: CheckLag, Status: Healthy, Message: "no message is ready for long", Threshold: millis(m.t.Lag), Unit: "ms"}
	for _, t := range s.Transports {
		age := millis(t.OldestAge)
		if t.Err != nil || !t.Keeps || age <= c.Value {
			continue
		}
		c.Value = age
		if t.OldestAge < m.t.Lag {
			continue
		}
		c.Status = Degraded
		if t.OldestAge >= m.t.LagUnhealthy {
			c.Status, c.Threshold = Unhealthy, millis(m.t.LagUnhealthy)
		}
		c.Message = fmt.Sprintf("a message in queue %s of transport %s has been ready for %s", t.OldestQueue, t.Name, round(t.OldestAge))
	}
	return c
}

func (m *Monitor) errorRate(s Signals) Check {
	c := Check{Name: CheckErrorRate, Status: Healthy, Message: fmt.Sprintf("few attempts fail, or too few were made in %s to tell", s.Window), Threshold: m.t.ErrorRate, Unit: "ratio"}
	if s.AttemptsErr != nil {
		c.Message = fmt.Sprintf("not known: %v", s.AttemptsErr)
		return c
	}
	for _, t := range s.Transports {
		rate := t.Attempts.ErrorRate()
		if t.Attempts.Ended() < int64(m.t.ErrorSample) || rate <= c.Value {
			continue
		}
		if c.Value = rate; rate >= m.t.ErrorRate {
			c.Status = Degraded
			c.Message = fmt.Sprintf("on transport %s, %d of %d attempts failed in %s", t.Name, t.Attempts.Failed, t.Attempts.Ended(), s.Window)
		}
	}
	return c
}

// Unattended reports whether messages wait on a transport and nobody has worked on it lately: no continuous worker, and
// no pull worker, consume or cron run either. since is how long the oldest has been ready. Where it is not known who
// works, nothing counts as unattended.
func (s Signals) Unattended(t Transport) (since time.Duration, ok bool) {
	if t.Err != nil || !t.Keeps || t.OldestAge == 0 || t.Workers > 0 || t.Stats.Processing > 0 || s.AttemptsErr != nil || s.NodesErr != nil {
		return 0, false
	}
	return t.OldestAge, t.Attempts.Ended()+t.Attempts.Released == 0
}

func (m *Monitor) workers(s Signals) Check {
	c := Check{Name: CheckWorkers, Status: Healthy, Unit: "workers"}
	for _, t := range s.Transports {
		c.Value += float64(t.Workers)
	}
	c.Message = fmt.Sprintf("%d at work, and nothing waits for more", int(c.Value))
	for _, n := range s.Nodes {
		for _, w := range n.Workers {
			if len(w.Outages) > 0 {
				o := w.Outages[0]
				c.Status = Degraded
				c.Message = fmt.Sprintf("worker %s of transport %s on node %s cannot reach storage (%s) since %s: %s", w.Name, w.Transport, n.Name, o.Call, o.Since.UTC().Format(time.RFC3339), o.Error)
			}
		}
	}
	for _, t := range s.Transports {
		if t.Workers > 0 || t.Stopped == 0 {
			continue
		}
		c.Message = fmt.Sprintf("the workers of transport %s were stopped by request, and none works until they are started again (symphony workers start)", t.Name)
		if c.Status = Degraded; t.OldestAge > 0 {
			c.Status = Unhealthy
		}
	}
	for _, t := range s.Transports {
		if since, ok := s.Unattended(t); ok && since >= m.t.NoWorkers {
			c.Status = Unhealthy
			c.Message = fmt.Sprintf("nobody works on transport %s, where a message has been ready for %s", t.Name, round(since))
		}
	}
	return c
}

// Stuck returns the message that has been in the hands of a continuous worker for the longest, with its worker and
// node; ok is false where none is.
func (s Signals) Stuck() (stuck StuckMessage, ok bool) {
	for _, n := range s.Nodes {
		for _, w := range n.Workers {
			if len(w.AtWork) == 0 { // the oldest is the first
				continue
			}
			if at := w.AtWork[0]; !ok || at.Since.Before(stuck.Since) {
				stuck, ok = StuckMessage{n.Name, w.Name, w.Transport, at.Type, at.MessageID, at.Since}, true
			}
		}
	}
	return stuck, ok
}

// StuckMessage is a message at work, and where.
type StuckMessage struct {
	Node, Worker, Transport, Type, MessageID string
	Since                                    time.Time
}

func (m *Monitor) stuck(s Signals) Check {
	c := Check{Name: CheckStuck, Status: Healthy, Message: "no handler runs for long", Threshold: millis(m.t.Stuck), Unit: "ms"}
	if at, ok := s.Stuck(); ok {
		took := max(s.At.Sub(at.Since), 0)
		if c.Value = millis(took); took >= m.t.Stuck {
			c.Status = Degraded
			c.Message = fmt.Sprintf("message %s of type %s has been at work for %s at worker %s of transport %s on node %s", at.MessageID, at.Type, round(took), at.Worker, at.Transport, at.Node)
		}
	}
	return c
}

func (m *Monitor) scheduler(s Signals) Check {
	c := Check{Name: CheckScheduler, Status: Healthy, Message: "every schedule fires in time", Value: millis(s.Schedules.Late), Threshold: millis(m.t.Overdue), Unit: "ms"}
	switch {
	case s.Schedules.Err != nil:
		c.Status, c.Message = Unhealthy, fmt.Sprintf("the storage of schedules does not answer: %v", s.Schedules.Err)
	case s.Schedules.Due > 0 && s.Schedules.Late >= m.t.Overdue:
		c.Status, c.Message = Degraded, fmt.Sprintf("%d schedules are due, the first for %s", s.Schedules.Due, round(s.Schedules.Late))
	}
	return c
}

func circuits(s Signals) Check {
	c := Check{Name: CheckCircuits, Status: Healthy, Message: "every handler is called", Unit: "circuits"}
	for _, n := range s.Nodes {
		for _, b := range n.Breakers {
			c.Value++
			c.Status, c.Message = Degraded, fmt.Sprintf("handler %s keeps failing and is not called, on node %s since %s", b.Handler, n.Name, b.OpenedAt.UTC().Format(time.RFC3339))
		}
	}
	return c
}

func deadLetters(s Signals) Check {
	c := Check{Name: CheckDeadLetters, Status: Healthy, Unit: "messages"}
	var recent int64
	for _, t := range s.Transports {
		c.Value += float64(t.Stats.Failed)
		recent += t.Attempts.Dead
	}
	c.Message = fmt.Sprintf("%d messages in the dead letter queue; %d came in the last %s", int(c.Value), recent, s.Window)
	if c.Value == 0 {
		c.Message = "the dead letter queue is empty"
	}
	return c
}

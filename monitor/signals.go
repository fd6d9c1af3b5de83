package monitor

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/metrics"
	"github.com/symphony-messenger/symphony/schedule"
	"github.com/symphony-messenger/symphony/storage"
	"github.com/symphony-messenger/symphony/worker"
)

// Signals are what tells whether work flows, of all nodes that share the storage, at one moment. Health and alerts are
// decided by them alone.
type Signals struct {
	At time.Time
	// Window is the time before At that Attempts are of: Thresholds.ErrorWindow, in whole minutes with the current one.
	Window time.Duration
	// AttemptsErr says why nothing is known of the attempts; nil where it is.
	AttemptsErr error
	// Attempts are those of all transports.
	Attempts   Attempts
	Transports []Transport // in the order of the bus
	Nodes      []Node
	// NodesErr says why nothing is known of the nodes; nil where it is.
	NodesErr  error
	Schedules Schedules
	// Clock is the machine's of the process that collects.
	Clock ClockChange
}

// Transport is what a transport's storage says.
type Transport struct {
	Name string
	// Keeps says that it keeps messages for workers.
	Keeps bool
	// Err is why its storage did not answer; then nothing else is known but its name. Latency is how long it took.
	Err     error
	Latency time.Duration
	// Stats count its messages. Failed among them are those in the dead letter queue.
	Stats symphony.Stats
	// Holds is what is paused or draining.
	Holds []flow.Hold
	// OldestAge is how long the oldest message has been ready that nothing holds up: paused queues are left out.
	OldestAge time.Duration
	// OldestQueue is where that one is.
	OldestQueue string
	// Bytes are what its storage uses, where that is known; only of the first of several transports on one storage.
	Bytes *storage.Bytes
	// Attempts are those of the window.
	Attempts Attempts
	// Workers are the continuous workers that run on it, on all nodes. Stopped are those that a request ended, in
	// processes that still run.
	Workers, Stopped int
}

// Attempts are what happened within the window, as far as it is known.
type Attempts struct {
	Dispatched int64
	Succeeded  int64
	Failed     int64 // with another attempt to come or not
	Dead       int64 // those that went to the dead letter queue
	Released   int64
}

// Ended is how many attempts ended.
func (a Attempts) Ended() int64 { return a.Succeeded + a.Failed }

// ErrorRate is the share of attempts that failed, 0 without any.
func (a Attempts) ErrorRate() float64 {
	if a.Ended() == 0 {
		return 0
	}
	return float64(a.Failed) / float64(a.Ended())
}

// Schedules tell whether the scheduler keeps up.
type Schedules struct {
	// Err is why the storage of schedules did not answer.
	Err error
	// Due is how many schedules are due now, up to 100. Late is for how long the first of them has been.
	Due  int
	Late time.Duration
}

// dueLimit bounds the schedules that are looked at.
const dueLimit = 100

// Collect asks storage. It takes as long as storage does, within ctx; what does not answer has its error in the
// signals. It may be called at any time: it costs a few small reads.
func (m *Monitor) Collect(ctx context.Context) Signals {
	s := Signals{At: m.o.Clock.Now(), Window: m.t.ErrorWindow, Clock: m.clock.look()}
	names := m.o.Bus.Names()
	s.Transports = make([]Transport, len(names))
	var all sync.WaitGroup
	for i, name := range names {
		all.Go(func() { s.Transports[i] = m.transport(ctx, name) })
	}
	attempts := make(map[string]Attempts)
	all.Go(func() { s.Attempts, s.AttemptsErr = m.attempts(ctx, s.At, attempts) })
	all.Go(func() { s.Schedules = m.schedules(ctx) })
	all.Go(func() { s.Nodes, s.NodesErr = m.Nodes(ctx) })
	all.Wait()
	for i := range s.Transports {
		t := &s.Transports[i]
		t.Attempts = attempts[t.Name]
		t.Workers, t.Stopped = WorkersOn(t.Name, s.Nodes)
	}
	return s
}

// WorkersOn counts the continuous workers of a transport: those that run, and those that a request stopped.
func WorkersOn(transport string, nodes []Node) (running, stopped int) {
	for _, n := range nodes {
		for _, w := range n.Workers {
			switch {
			case w.Transport != transport:
			case w.Running:
				running++
			case w.StopReason == worker.StopRequested:
				stopped++
			}
		}
	}
	return running, stopped
}

func (m *Monitor) transport(ctx context.Context, name string) Transport {
	out := Transport{Name: name}
	t, err := m.o.Bus.Transport(name)
	if err != nil {
		out.Err = err
		return out
	}
	out.Keeps = t.Capabilities().Receive
	began := m.o.Clock.Now()
	if out.Stats, err = t.Stats(ctx); err == nil {
		if control := flow.Of(t); control != nil {
			out.Holds, err = control.Holds(ctx)
		}
	}
	if sizes, unknown := storage.SizesOf(t); err == nil && unknown == nil && m.first(t) {
		var b storage.Bytes
		if b, err = sizes.Bytes(ctx); err == nil {
			out.Bytes = &b
		}
	}
	out.Latency = m.o.Clock.Now().Sub(began)
	if err != nil {
		out.Err = err
		return out
	}
	for queue, q := range out.Stats.Queues {
		if q.OldestPendingAge > out.OldestAge && !flow.Held(out.Holds, queue, "") {
			out.OldestAge, out.OldestQueue = q.OldestPendingAge, queue
		}
	}
	return out
}

// first reports whether a transport is the first one on its storage.
func (m *Monitor) first(t symphony.Transport) bool {
	for _, name := range m.o.Bus.Names() {
		if other, err := m.o.Bus.Transport(name); err == nil &&
			other.Capabilities().Storage == t.Capabilities().Storage {
			return name == t.Name()
		}
	}
	return false
}

// attempts returns those of the window, and by transport.
func (m *Monitor) attempts(ctx context.Context, now time.Time, by map[string]Attempts) (all Attempts, err error) {
	if m.o.Metrics == nil {
		return all, errors.New("no metrics are kept")
	}
	got, err := m.o.Metrics.Query(ctx, metrics.Query{From: now.Add(-m.t.ErrorWindow), To: now.Add(time.Second), Step: time.Minute})
	if err != nil {
		return all, err
	}
	for name, s := range got.ByTransport {
		by[name] = attemptsOf(s.Counts)
	}
	return attemptsOf(got.Total.Counts), nil
}

func attemptsOf(c metrics.Counts) Attempts {
	return Attempts{c.Dispatched, c.Succeeded, c.Failed(), c.Dead, c.Released}
}

func (m *Monitor) schedules(ctx context.Context) Schedules {
	if m.o.Schedules == nil {
		return Schedules{}
	}
	due, err := schedule.Due(ctx, m.o.Schedules, schedule.DuePlace{}, dueLimit)
	if err != nil {
		return Schedules{Err: err}
	}
	out := Schedules{Due: len(due.Schedules)}
	if out.Due > 0 {
		out.Late = due.Now.Sub(due.Schedules[0].DueAt)
	}
	return out
}

// Nodes returns the processes that share the storage and are alive, with what each said of itself at its last
// heartbeat, at most ten seconds ago. Where the storage belongs to one process, it is that one, as it is now. The error
// is the storage's.
func (m *Monitor) Nodes(ctx context.Context) ([]Node, error) {
	for _, name := range m.o.Bus.Names() {
		t, err := m.o.Bus.Transport(name)
		if err != nil {
			continue
		}
		registry, err := storage.NodesOf(t)
		if err != nil {
			continue
		}
		list, err := registry.Nodes(ctx)
		if err != nil {
			return nil, err
		}
		nodes := make([]Node, len(list))
		for i, n := range list {
			nodes[i] = NodeOf(n)
		}
		return nodes, nil
	}
	if m.o.Self == nil {
		return nil, nil
	}
	return []Node{NodeOf(m.o.Self())}, nil
}

package monitor

import (
	"cmp"
	"context"
	"math"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/metrics"
	"github.com/symphony-messenger/symphony/worker"
)

const (
	// scaleWindow is the time that rates are of, and runTimeWindow the one of which the run time is where nothing ended
	// within the first.
	scaleWindow   = 5 * time.Minute
	runTimeWindow = time.Hour

	// DefaultDrain is within what time a backlog is to be handled.
	DefaultDrain = time.Minute
)

// ScaleQuery asks how many workers a queue needs.
type ScaleQuery struct {
	Transport string // default: the default one
	Queue     string // default: symphony.DefaultQueue
	// Concurrency is how many messages a worker handles at a time. Default: Options.Concurrency.
	Concurrency int
	// Drain is within what time the backlog is to be handled. Default DefaultDrain.
	Drain time.Duration
}

// Scale is what tells how many workers a queue needs, and how many that are.
type Scale struct {
	ScaleQuery
	// Backlog are the messages that are ready or wait for a retry; those scheduled for later are none.
	Backlog int64
	// Processing are those in hand.
	Processing int64
	// OldestAge is how long the oldest of the backlog has been ready.
	OldestAge time.Duration
	// Rates are in messages per second: dispatched, tried again, and attempts that ended.
	ArrivalRate, RetryRate, HandleRate float64
	// RunTime is how long an attempt takes on average, 0 where none is known.
	RunTime time.Duration
	// Paused says that the queue hands out nothing.
	Paused bool
	// DesiredWorkers is what follows from all that.
	DesiredWorkers int
}

// Scale tells how many workers a queue needs:
//
//	ceil(RunTime * (ArrivalRate + RetryRate + Backlog/Drain) / Concurrency)
//
// It is at least what the messages in hand take up, and at least 1 while there is a backlog, also where no run time is
// known. For a paused queue it is what the messages in hand take up. The error is that of an unknown transport, or the
// storage's. Without Options.Metrics it is symphony.ErrUnsupported.
func (m *Monitor) Scale(ctx context.Context, q ScaleQuery) (Scale, error) {
	s := Scale{ScaleQuery: ScaleQuery{
		Transport: cmp.Or(q.Transport, m.o.Bus.DefaultTransport()), Queue: cmp.Or(q.Queue, symphony.DefaultQueue),
		Concurrency: cmp.Or(q.Concurrency, m.o.Concurrency, worker.DefaultConcurrency),
		Drain:       cmp.Or(q.Drain, DefaultDrain),
	}}
	if m.o.Metrics == nil {
		return s, symphony.ErrUnsupported
	}
	t, err := m.o.Bus.Transport(s.Transport)
	if err != nil {
		return s, err
	}
	stats, err := t.Stats(ctx)
	if err != nil {
		return s, err
	}
	if control := flow.Of(t); control != nil {
		holds, err := control.Holds(ctx)
		if err != nil {
			return s, err
		}
		s.Paused = flow.QueuePaused(holds, s.Queue)
	}
	of := stats.Queues[s.Queue]
	s.Backlog, s.Processing, s.OldestAge = max(of.Pending-of.Scheduled, 0), of.Processing, of.OldestPendingAge
	now := m.o.Clock.Now()
	lately, err := m.queueMetrics(ctx, &s, now, scaleWindow)
	if err != nil {
		return s, err
	}
	seconds := max(now.Sub(lately.From).Seconds(), 1)
	s.ArrivalRate = float64(lately.Total.Dispatched) / seconds
	s.RetryRate = float64(lately.Total.Retried) / seconds
	s.HandleRate = float64(lately.Total.Processed()) / seconds
	if lately.Total.Processing.Count == 0 {
		if lately, err = m.queueMetrics(ctx, &s, now, runTimeWindow); err != nil {
			return s, err
		}
	}
	s.RunTime = time.Duration(lately.Total.Processing.Average * float64(time.Millisecond))
	s.DesiredWorkers = s.desired()
	return s, nil
}

func (m *Monitor) queueMetrics(
	ctx context.Context, s *Scale, now time.Time, span time.Duration,
) (metrics.Result, error) {
	return m.o.Metrics.Query(ctx, metrics.Query{
		From: now.Add(-span), To: now.Add(time.Second), Step: time.Minute, Transport: s.Transport, Queue: s.Queue,
	})
}

// desired is the formula.
func (s *Scale) desired() int {
	concurrency := float64(s.Concurrency)
	least := math.Ceil(float64(s.Processing) / concurrency)
	if s.Paused {
		return int(least)
	}
	if s.Backlog > 0 {
		least = max(least, 1)
	}
	needed := s.RunTime.Seconds() * (s.ArrivalRate + s.RetryRate + float64(s.Backlog)/s.Drain.Seconds()) / concurrency
	return int(min(max(math.Ceil(needed), least), math.MaxInt32))
}

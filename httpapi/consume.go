package httpapi

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/worker"
)

// consumeSetting is one number of a consume request: its range, default and where it goes.
type consumeSetting struct {
	path          string
	given         *int
	min, max, def int
}

func (s consumeSetting) get(list *[]symphony.Problem) int {
	if s.given == nil {
		return s.def
	}
	if n := *s.given; n >= s.min && (s.max == 0 || n <= s.max) {
		return n
	}
	message := fmt.Sprintf("must be %d to %d", s.min, s.max)
	if s.max == 0 {
		message = fmt.Sprintf("must be at least %d", s.min)
	}
	*list = append(*list, symphony.Problem{Path: s.path, Message: message})
	return s.def
}

func consume(c *call) error {
	var req wire.ConsumeRequest
	var o worker.Options
	err := c.accept(&req, func(bool) (list []symphony.Problem) {
		o, list = c.consumeOptions(&req)
		return list
	})
	if err == nil {
		err = c.boundQueues(o.Queues)
	}
	if err != nil {
		return err
	}
	name := c.transportOr(value(req.Transport))
	who := callerOf(c.principal)
	if err := c.api.consumers.take(who); err != nil {
		return err
	}
	defer c.api.consumers.leave(who)
	stats, health, err := c.work(name, o)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, wire.ConsumeResponse{Success: true, Stats: stats, Health: health})
}

// consumeOptions are what a request asks for, or every problem with it.
func (c *call) consumeOptions(req *wire.ConsumeRequest) (o worker.Options, list []symphony.Problem) {
	o = c.api.o.ConsumeWorker(c.transportOr(value(req.Transport)))
	o.Queues = req.Queues
	o.BatchSize = consumeSetting{"batchSize", req.BatchSize, 1, wire.MaxConsumeBatch, wire.DefaultConsumeBatch}.get(&list)
	o.Concurrency = consumeSetting{"maxConcurrency", req.MaxConcurrency, 1, wire.MaxConsumeConcurrency, wire.DefaultConsumeConcurrency}.get(&list)
	o.TimeLimit = time.Duration(consumeSetting{"timeLimit", req.TimeLimit, int(wire.MinConsumeTime.Milliseconds()), int(wire.MaxConsumeTime.Milliseconds()), int(wire.DefaultConsumeTime.Milliseconds())}.get(&list)) * time.Millisecond
	o.MessageLimit = int64(consumeSetting{"messageLimit", req.MessageLimit, 1, 0, 0}.get(&list))
	o.StopWhenEmpty = !value(req.WaitForMessages)
	for i, q := range req.Queues {
		if err := symphony.ValidateName(q); err != nil {
			list = append(list, symphony.Problem{Path: fmt.Sprintf("queues[%d]", i), Message: err.Error()})
		}
	}
	if req.Transport != nil {
		if _, err := c.api.o.Bus.Transport(*req.Transport); err != nil {
			list = append(list, symphony.Problem{Path: "transport", Message: err.Error()})
		}
	}
	return o, list
}

// untilDraining is for routes that run a worker: a server that drains refuses them, and ends those in progress as if
// their callers had gone. All others are answered in no time and are left alone.
func untilDraining(serve func(*call) error) func(*call) error {
	return lasting(func(c *call) error {
		ctx, stop, err := c.whileServing()
		if err != nil {
			return err
		}
		defer stop()
		c.Request = c.WithContext(ctx)
		return serve(c)
	})
}

// whileServing returns the call's context, which ends also when the server drains. One that drains already refuses the
// call.
func (c *call) whileServing() (ctx context.Context, stop func(), err error) {
	draining := c.api.o.Draining
	if draining.Err() != nil {
		return nil, nil, notReady(errDraining)
	}
	ctx, cancel := context.WithCancel(c.Context())
	unwatch := context.AfterFunc(draining, cancel)
	return ctx, func() { unwatch(); cancel() }, nil
}

// work runs a worker for the request. The run ends gracefully when the caller is gone.
func (c *call) work(transport string, o worker.Options) (stats wire.Stats, health wire.Health, err error) {
	t, err := c.api.o.Bus.Transport(transport)
	if err != nil {
		return stats, health, err
	}
	if err := c.freshHandlers(c.Context()); err != nil {
		return stats, health, err
	}
	w, err := worker.New(t, c.api.o.Mux, o)
	if err != nil {
		return stats, health, err
	}
	// The server's deadline is for answers that are made at once.
	deadline := time.Time{}
	if o.TimeLimit > 0 {
		grace := max(cmp.Or(o.Grace, worker.DefaultGrace), 0)
		deadline = time.Now().Add(o.TimeLimit + grace + 30*time.Second)
	}
	c.deadline(deadline)
	report, err := w.Run(c.Context())
	if err != nil {
		return stats, health, err
	}
	count, err := t.Stats(context.WithoutCancel(c.Context()))
	if err != nil {
		return stats, health, err
	}
	stats = wire.Stats{
		TotalProcessed: report.Processed, TotalSucceeded: report.Succeeded, TotalFailed: report.Failed,
		TotalCancelled:        report.Cancelled,
		AverageProcessingTime: float64(report.AverageTime().Microseconds()) / 1000, CurrentQueueDepth: count.Depth(),
	}
	health = wire.Health{Uptime: report.Elapsed.Milliseconds(), MemoryUsage: worker.ProcessMemory(), StopReason: string(report.Reason)}
	return stats, health, nil
}

// deadline sets until when the answer must be written, the zero time for no limit.
func (c *call) deadline(t time.Time) {
	if err := http.NewResponseController(c.w).SetWriteDeadline(t); err != nil {
		c.api.o.Logger.Debug("no write deadline on this connection", "error", err)
	}
}

// cronDuties does what nothing does in the background.
func (c *call) cronDuties() {
	if duties := c.api.o.CronDuties; duties != nil {
		c.deadline(time.Time{}) // they take their time
		duties(c.Context())
	}
}

func cronWorker(c *call) error {
	if !c.api.cronBusy.CompareAndSwap(false, true) {
		return c.answer(http.StatusOK, wire.CronResponse{Success: true, Health: wire.Health{Running: true, Processing: true, MemoryUsage: worker.ProcessMemory()}})
	}
	defer c.api.cronBusy.Store(false)
	c.cronDuties()
	// One run after the other for the transports that workers can work on, within the one time limit.
	var all wire.CronResponse
	begin := time.Now()
	var busy time.Duration
	for _, name := range c.api.o.Bus.Names() {
		t, err := c.api.o.Bus.Transport(name)
		if err != nil {
			return err
		}
		if !t.Capabilities().Receive {
			continue
		}
		o := c.api.o.CronWorker(name)
		run := o
		run.StopWhenEmpty = true
		if o.TimeLimit > 0 {
			if run.TimeLimit = o.TimeLimit - time.Since(begin); run.TimeLimit <= 0 {
				break
			}
		}
		if o.MessageLimit > 0 {
			if run.MessageLimit = o.MessageLimit - all.Processed; run.MessageLimit == 0 {
				break
			}
		}
		stats, health, err := c.work(name, run)
		if err != nil {
			return err
		}
		all.Processed += stats.TotalProcessed
		all.Stats.TotalProcessed += stats.TotalProcessed
		all.Stats.TotalSucceeded += stats.TotalSucceeded
		all.Stats.TotalFailed += stats.TotalFailed
		all.Stats.TotalCancelled += stats.TotalCancelled
		all.Stats.CurrentQueueDepth += stats.CurrentQueueDepth
		busy += time.Duration(stats.AverageProcessingTime * float64(stats.TotalProcessed) * float64(time.Millisecond))
		all.Health.Uptime += health.Uptime
		all.Health.MemoryUsage = health.MemoryUsage
		all.Health.StopReason = health.StopReason
	}
	if all.Processed > 0 {
		all.Stats.AverageProcessingTime = float64(busy.Microseconds()) / 1000 / float64(all.Processed)
	}
	all.Success = true
	return c.answer(http.StatusOK, all)
}

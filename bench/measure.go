package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// payload is the message of every case. As JSON it has about 200 bytes.
type payload struct {
	Seq int    `json:"seq"`
	Pad string `json:"pad"`
}

const padLength = 176

func newPayload(seq int) payload { return payload{seq, strings.Repeat("x", padLength)} }

// settle is how long a worker may take to come to rest before it counts as idle.
const settle = time.Second

// enqueue calls send from some producers at once for a time. Each call sends per messages, numbered from first on.
func enqueue(ctx context.Context, d time.Duration, producers, per int, send func(ctx context.Context, first int) error) (Result, error) {
	var (
		n, failed atomic.Int64
		firstErr  sync.Once
		wg        sync.WaitGroup
		cause     error
	)
	start := time.Now()
	end := start.Add(d)
	for p := range producers {
		wg.Go(func() {
			for i := 0; time.Now().Before(end); i++ {
				if err := send(ctx, (p*10_000_000+i)*per); err != nil {
					failed.Add(1)
					firstErr.Do(func() { cause = err })
					continue
				}
				n.Add(int64(per))
			}
		})
	}
	wg.Wait()
	elapsed := time.Since(start)
	if n.Load() == 0 {
		return Result{}, fmt.Errorf("nothing was sent: %w", cause)
	}
	return Result{N: int(n.Load()), Secs: elapsed.Seconds(), Rate: float64(n.Load()) / elapsed.Seconds(), Errors: int(failed.Load())}, nil
}

// drain works off the e.N messages loaded before. The clock runs from the worker's start until the store says that
// nothing is left.
func drain(ctx context.Context, q Queue, e *Env) (Result, error) {
	left, err := q.Left(ctx)
	if err != nil {
		return Result{}, err
	}
	if left != e.N {
		return Result{}, fmt.Errorf("the store has %d messages instead of %d", left, e.N)
	}
	var handled atomic.Int64
	all := make(chan struct{})
	start := time.Now()
	err = q.Work(ctx, func(int) {
		if handled.Add(1) == int64(e.N) {
			close(all)
		}
	})
	if err != nil {
		return Result{}, err
	}
	select {
	case <-all:
	case <-ctx.Done():
		return Result{}, fmt.Errorf("%d of %d messages handled: %w", handled.Load(), e.N, ctx.Err())
	}
	for left > 0 {
		if left, err = q.Left(ctx); err != nil {
			return Result{}, err
		}
		if left > 0 {
			time.Sleep(2 * time.Millisecond)
		}
	}
	elapsed := time.Since(start)
	return Result{N: e.N, Secs: elapsed.Seconds(), Rate: float64(e.N) / elapsed.Seconds(), Errors: int(handled.Load()) - e.N}, nil
}

// latency sends 100 messages a second into an idle worker of the same process.
func latency(ctx context.Context, q Queue, e *Env) (Result, error) {
	const every = 10 * time.Millisecond
	n := min(e.N, int(2.5*float64(e.Duration/every)))
	var (
		before, after = make([]time.Time, n), make([]time.Time, n)
		started       = make([]atomic.Pointer[time.Time], n)
		got           atomic.Int64
		all           = make(chan struct{})
	)
	err := q.Work(ctx, func(seq int) {
		now := time.Now()
		if started[seq].CompareAndSwap(nil, &now) && got.Add(1) == int64(n) {
			close(all)
		}
	})
	if err != nil {
		return Result{}, err
	}
	time.Sleep(settle)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for i := range n {
		<-tick.C
		before[i] = time.Now()
		if err := q.Enqueue(ctx, i); err != nil {
			return Result{}, err
		}
		after[i] = time.Now()
	}
	select {
	case <-all:
	case <-ctx.Done():
		return Result{}, fmt.Errorf("%d of %d messages arrived: %w", got.Load(), n, ctx.Err())
	}
	e2e, pickup := make([]time.Duration, n), make([]time.Duration, n)
	for i := range n {
		at := *started[i].Load()
		e2e[i], pickup[i] = at.Sub(before[i]), at.Sub(after[i])
	}
	return Result{N: n, EndToEnd: quantiles(e2e), Pickup: quantiles(pickup)}, nil
}

// outstanding bounds the messages that both has on their way.
const outstanding = 20_000

// both sends e.N messages in batches from two producers while a worker of the same process handles them. The clock runs
// from the first batch until the store says that nothing is left.
func both(ctx context.Context, q Queue, e *Env) (Result, error) {
	const per = 500
	before, err := q.Left(ctx)
	if err != nil {
		return Result{}, err
	}
	var sent, handled atomic.Int64
	all := make(chan struct{})
	n := int64(max(e.N/per, 1) * per)
	if err := q.Work(ctx, func(int) {
		if handled.Add(1) == n {
			close(all)
		}
	}); err != nil {
		return Result{}, err
	}
	time.Sleep(settle)
	start := time.Now()
	var (
		producers sync.WaitGroup
		failure   = make(chan error, 2)
	)
	for range 2 {
		producers.Go(func() {
			for {
				first := sent.Add(per) - per
				if first >= n {
					return
				}
				for first-handled.Load() > outstanding && ctx.Err() == nil {
					time.Sleep(time.Millisecond)
				}
				if err := q.EnqueueBatch(ctx, int(first), per); err != nil {
					failure <- err
					return
				}
			}
		})
	}
	select {
	case <-all:
	case err := <-failure:
		return Result{}, err
	case <-ctx.Done():
		return Result{}, fmt.Errorf("%d of %d messages handled: %w", handled.Load(), n, ctx.Err())
	}
	producers.Wait()
	for left := before + 1; left > 0; {
		if left, err = q.Left(ctx); err != nil {
			return Result{}, err
		}
		if left > 0 {
			time.Sleep(2 * time.Millisecond)
		}
	}
	elapsed := time.Since(start)
	return Result{N: int(n), Secs: elapsed.Seconds(), Rate: float64(n) / elapsed.Seconds(), Errors: int(handled.Load() - n)}, nil
}

// idle measures the processor time of a worker that has nothing to do.
func idle(ctx context.Context, q Queue, e *Env) (Result, error) {
	if err := q.Work(ctx, func(int) {}); err != nil {
		return Result{}, err
	}
	time.Sleep(settle)
	return idleCPU(ctx, e, "self")
}

// idleCPU measures the processor time of a process over 1.25 times the length of a timed case (5 s by default).
func idleCPU(ctx context.Context, e *Env, pid string) (Result, error) {
	start := time.Now()
	from, err := cpuTime(pid)
	if err != nil {
		return Result{}, err
	}
	select {
	case <-time.After(e.Duration * 5 / 4):
	case <-ctx.Done():
		return Result{}, ctx.Err()
	}
	to, err := cpuTime(pid)
	if err != nil {
		return Result{}, err
	}
	elapsed := time.Since(start)
	percent := 100 * (to - from).Seconds() / elapsed.Seconds()
	return Result{Secs: elapsed.Seconds(), CPUPercent: &percent}, nil
}

// calls times calls one after the other, for a time.
func calls(ctx context.Context, d time.Duration, call func(ctx context.Context) error) (Result, error) {
	var took []time.Duration
	start := time.Now()
	for time.Since(start) < d {
		t := time.Now()
		if err := call(ctx); err != nil {
			return Result{}, err
		}
		took = append(took, time.Since(t))
	}
	elapsed := time.Since(start)
	return Result{N: len(took), Secs: elapsed.Seconds(), Rate: float64(len(took)) / elapsed.Seconds(), Call: quantiles(took)}, nil
}

// quantiles sorts v.
func quantiles(v []time.Duration) *Quantiles {
	slices.Sort(v)
	return &Quantiles{P50: millis(quantile(v, 0.50)), P99: millis(quantile(v, 0.99)), Max: millis(v[len(v)-1])}
}

// quantile is the smallest value that the share p of the sorted values does not exceed.
func quantile(sorted []time.Duration, p float64) time.Duration {
	i := int(p*float64(len(sorted))+0.999999) - 1
	return sorted[min(max(i, 0), len(sorted)-1)]
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

package exposition

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/metrics"
	"github.com/symphony-messenger/symphony/schedule"
	kept "github.com/symphony-messenger/symphony/storage"
)

// messages are the counts of this process.
type messages struct{ recorder *metrics.Recorder }

var (
	dispatchedDesc = gauge("dispatched_total", "Messages dispatched by this process.", "transport", "type")
	attemptsDesc   = gauge("attempts_total", "Attempts and returns of messages by this process. Outcome: succeeded, retried (failed, with another attempt to come), dead (failed for good), released (given back without an attempt) or cancelled.",
		"transport", "type", "outcome")
	durationDesc = gauge("handler_duration_seconds", "How long handlers took, whatever came of it.", "transport", "type")
	waitDesc     = gauge("wait_seconds", "How long messages that were ready waited for their first attempt.", "transport")

	// The same by queue.
	queueDispatchedDesc = gauge("queue_dispatched_total", "Messages dispatched by this process.", "transport", "queue")
	queueAttemptsDesc   = gauge("queue_attempts_total", "Attempts and returns of messages by this process, with the "+
		"outcomes of symphony_attempts_total.", "transport", "queue", "outcome")
	queueDurationDesc = gauge("queue_handler_duration_seconds", "How long handlers took, whatever came of it.",
		"transport", "queue")
	queueWaitDesc = gauge("queue_wait_seconds", "How long messages that were ready waited for their first attempt.",
		"transport", "queue")
)

// Describe says what may come.
func (messages) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{dispatchedDesc, attemptsDesc, durationDesc, waitDesc,
		queueDispatchedDesc, queueAttemptsDesc, queueDurationDesc, queueWaitDesc} {
		to <- d
	}
}

// counted are added up totals.
type counted struct {
	metrics.Counts
	run, wait metrics.Histogram
}

// place is a type or a queue of a transport, or a transport.
type place struct{ transport, name string }

func sum(to map[place]counted, at place, t *metrics.Total) {
	s := to[at]
	to[at] = counted{s.Plus(t.Counts), s.run.Plus(t.Run), s.wait.Plus(t.Wait)}
}

// Collect shows the counts.
func (m messages) Collect(to chan<- prometheus.Metric) {
	types, all := make(map[place]counted), make(map[place]counted)
	queues := make(map[place]counted)
	for _, t := range m.recorder.Totals() {
		sum(types, place{t.Transport, t.Type}, &t)
		sum(queues, place{t.Transport, t.Queue}, &t)
		sum(all, place{transport: t.Transport}, &t)
	}
	for at, c := range types {
		counts(to, at, c, dispatchedDesc, attemptsDesc, durationDesc)
	}
	for at, c := range queues {
		counts(to, at, c, queueDispatchedDesc, queueAttemptsDesc, queueDurationDesc)
		to <- histogram(queueWaitDesc, c.wait, at.transport, at.name)
	}
	for at, c := range all {
		to <- histogram(waitDesc, c.wait, at.transport)
	}
}

func counts(to chan<- prometheus.Metric, at place, c counted, dispatched, attempts, duration *prometheus.Desc) {
	show := func(d *prometheus.Desc, n int64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	show(dispatched, c.Dispatched, at.transport, at.name)
	for outcome, n := range map[string]int64{"succeeded": c.Succeeded, "retried": c.Retried, "dead": c.Dead,
		"released": c.Released, "cancelled": c.Cancelled} {
		show(attempts, n, at.transport, at.name, outcome)
	}
	to <- histogram(duration, c.run, at.transport, at.name)
}

func histogram(d *prometheus.Desc, h metrics.Histogram, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstHistogram(d, h.Count, h.Sum, h.Buckets, labels...)
}

// workers are those of this process.
type workers struct{ o Options }

var (
	runningDesc     = gauge("worker_running", "1 while the continuous worker of a transport runs in this process, else 0.", "transport")
	concurrencyDesc = gauge("worker_concurrency", "How many handlers the worker runs at the same time at most.", "transport")
	busyDesc        = gauge("worker_busy", "Handlers at work.", "transport")
	bufferedDesc    = gauge("worker_buffered_messages", "Messages that were claimed and have not started.", "transport")
	oldestDesc      = gauge("worker_oldest_handler_seconds", "How long the handler that began first has been at work, 0 without any.", "transport")
	failingDesc     = gauge("worker_storage_failing", "1 while calls of the worker to storage fail, else 0.", "transport")
)

// Describe says what may come.
func (workers) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{runningDesc, concurrencyDesc, busyDesc, bufferedDesc, oldestDesc, failingDesc} {
		to <- d
	}
}

// Collect shows the workers' states.
func (w workers) Collect(to chan<- prometheus.Metric) {
	for _, s := range w.o.Workers() {
		show := func(d *prometheus.Desc, v float64) {
			to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, s.Transport)
		}
		oldest := time.Duration(0)
		if len(s.AtWork) > 0 {
			oldest = max(w.o.Clock.Now().Sub(s.AtWork[0].Since), 0)
		}
		show(runningDesc, truth(s.Running))
		show(concurrencyDesc, float64(s.Concurrency))
		show(busyDesc, float64(s.Processing))
		show(bufferedDesc, float64(s.Buffered))
		show(oldestDesc, oldest.Seconds())
		show(failingDesc, truth(len(s.Outages) > 0))
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// storage is what the storage says, of all processes.
type storage struct{ o Options }

var (
	upDesc        = gauge("storage_up", "1 if the transport's storage answered this scrape, else 0.", "transport")
	messagesDesc  = gauge("messages", "Messages by state: pending (ready, scheduled for later, or waiting for a retry), processing or failed (in the dead letter queue).", "transport", "queue", "state")
	scheduledDesc = gauge("scheduled_messages", "Those pending messages that were dispatched for a time still ahead.", "transport", "queue")
	completedDesc = gauge("completed_total", "Messages completed since the transport was created, by all processes.", "transport", "queue")
	cancelledDesc = gauge("cancelled_total",
		"Messages cancelled since the transport was created, by all processes.", "transport", "queue")
	ageDesc = gauge("oldest_pending_age_seconds",
		"How long the oldest ready message has been ready, 0 without any.", "transport", "queue")
	bytesDesc = gauge("storage_bytes", "Bytes that a storage uses by kind, with indexes. On SQLite they are "+
		"estimates, but for log and free. The transport is the first one on its storage.", "transport", "kind")
	agedDesc = gauge("dead_letters_aged_total", "Dead letters that this process deleted because their period was over.")
	dueDesc  = gauge("schedules_due", "Schedules that are due and have not fired.")
	lateDesc = gauge("schedules_late_seconds", "For how long the first of them has been due, 0 without any.")
)

// Describe says what may come.
func (*storage) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{upDesc, messagesDesc, scheduledDesc, completedDesc, cancelledDesc, ageDesc,
		bytesDesc, agedDesc, dueDesc, lateDesc} {
		to <- d
	}
}

// Collect asks storage. What does not answer is left out.
func (s *storage) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := scraping()
	defer cancel()
	var all sync.WaitGroup
	if s.o.Aged != nil {
		to <- prometheus.MustNewConstMetric(agedDesc, prometheus.CounterValue, float64(s.o.Aged()))
	}
	seen := make(map[any]bool)
	for _, name := range s.o.Bus.Names() {
		if t, err := s.o.Bus.Transport(name); err == nil && !seen[t.Capabilities().Storage] {
			seen[t.Capabilities().Storage] = true
			all.Go(func() { bytes(ctx, to, t) })
		}
		all.Go(func() {
			var stats symphony.Stats
			t, err := s.o.Bus.Transport(name)
			if err == nil {
				stats, err = t.Stats(ctx)
			}
			to <- prometheus.MustNewConstMetric(upDesc, prometheus.GaugeValue, truth(err == nil), name)
			if err == nil {
				queues(to, name, stats)
			}
		})
	}
	if s.o.Schedules != nil {
		all.Go(func() {
			due, err := schedule.Due(ctx, s.o.Schedules, schedule.DuePlace{}, dueLimit)
			if err != nil {
				return
			}
			late := time.Duration(0)
			if len(due.Schedules) > 0 {
				late = max(due.Now.Sub(due.Schedules[0].DueAt), 0)
			}
			to <- prometheus.MustNewConstMetric(dueDesc, prometheus.GaugeValue, float64(len(due.Schedules)))
			to <- prometheus.MustNewConstMetric(lateDesc, prometheus.GaugeValue, late.Seconds())
		})
	}
	all.Wait()
}

// bytes shows what the storage of a transport uses. What is not known is left out.
func bytes(ctx context.Context, to chan<- prometheus.Metric, t symphony.Transport) {
	sizes, err := kept.SizesOf(t)
	if err != nil {
		return
	}
	b, err := sizes.Bytes(ctx)
	if err != nil {
		return
	}
	for kind, n := range b.Kinds {
		to <- prometheus.MustNewConstMetric(bytesDesc, prometheus.GaugeValue, float64(n), t.Name(), kind)
	}
}

func queues(to chan<- prometheus.Metric, transport string, stats symphony.Stats) {
	names := slices.SortedFunc(maps.Keys(stats.Queues), func(a, b string) int {
		return cmp.Or(cmp.Compare(size(stats.Queues[b]), size(stats.Queues[a])), strings.Compare(a, b))
	})
	shown := make(map[string]symphony.QueueStats, len(names))
	for i, name := range names {
		if i >= MaxQueues {
			rest := shown[metrics.Other]
			rest.Add(stats.Queues[name])
			shown[metrics.Other] = rest
			continue
		}
		q := shown[name] // of the rest, where a queue has its name
		q.Add(stats.Queues[name])
		shown[name] = q
	}
	for queue, q := range shown {
		for state, n := range map[symphony.Status]int64{symphony.Pending: q.Pending, symphony.Processing: q.Processing, symphony.Failed: q.Failed} {
			to <- prometheus.MustNewConstMetric(messagesDesc, prometheus.GaugeValue, float64(n), transport, queue, string(state))
		}
		to <- prometheus.MustNewConstMetric(scheduledDesc, prometheus.GaugeValue, float64(q.Scheduled), transport, queue)
		to <- prometheus.MustNewConstMetric(completedDesc, prometheus.CounterValue, float64(q.Completed), transport, queue)
		cancelled := float64(q.Cancelled)
		to <- prometheus.MustNewConstMetric(cancelledDesc, prometheus.CounterValue, cancelled, transport, queue)
		to <- prometheus.MustNewConstMetric(ageDesc, prometheus.GaugeValue, q.OldestPendingAge.Seconds(), transport, queue)
	}
}

// size orders queues: those with messages first, then those that had some.
func size(q symphony.QueueStats) int64 { return (q.Depth()+q.Failed)<<20 + min(q.Completed, 1<<20-1) }

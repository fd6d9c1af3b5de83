package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/symphony-messenger/symphony/client"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// maxTopFailures is how many of the latest failures are shown.
const maxTopFailures = 100

// recentMinutes is the time for which durations and failure rates are told.
const recentMinutes = 5

// look is what there was to see at one moment.
type look struct {
	at       time.Time
	statuses []wire.StatusResponse
	failures []wire.FailedMessage // of all transports, newest first
	workers  []workerLine
	health   wire.HealthReport
	recent   wire.MetricsResponse // of the last recentMinutes
	err      error                // why there is nothing newer to see
}

// watch takes one look.
func (r *reached) watch(ctx context.Context) (l look) {
	first, err := r.Status(ctx, "")
	if err != nil {
		return look{err: err}
	}
	l.at = first.Timestamp
	if l.statuses, err = r.statuses(ctx, first); err != nil {
		return look{err: err}
	}
	for _, status := range l.statuses {
		if status.FailedMessages == 0 {
			continue
		}
		page, err := r.FailedList(ctx, client.FailedQuery{Transport: status.Transport, Limit: maxTopFailures})
		if err != nil {
			return look{err: err}
		}
		l.failures = append(l.failures, page.Messages...)
	}
	slices.SortFunc(l.failures, func(a, b wire.FailedMessage) int { return strings.Compare(b.ID, a.ID) })
	l.failures = l.failures[:min(len(l.failures), maxTopFailures)]
	if l.workers, err = r.watchWorkers(ctx); err != nil {
		return look{err: err}
	}
	if l.health, err = r.Health(ctx); err != nil {
		return look{err: err}
	}
	l.recent, err = r.Metrics(ctx, client.MetricsQuery{Minutes: recentMinutes})
	if err != nil && !client.IsCode(err, "not_supported") { // they may be switched off
		return look{err: err}
	}
	return l
}

// rate is how many of something happened a second between two looks at a count.
func rate(before, now int64, over time.Duration) float64 {
	if over <= 0 || now < before {
		return 0
	}
	return float64(now-before) / over.Seconds()
}

// queueLine is one queue of a transport, or a transport that has none yet, with what became of it since the look before.
type queueLine struct {
	transport, queue string
	wire.Queue
	perSecond float64 // completed
	hold      string  // paused, draining
}

// queues are the lines of all queues: by transport as configured, and by name.
func (l look) queues(before look) []queueLine {
	var list []queueLine
	for _, t := range l.statuses {
		at := slices.IndexFunc(before.statuses, func(s wire.StatusResponse) bool { return s.Transport == t.Transport })
		for name, q := range t.Queues {
			line := queueLine{transport: t.Transport, queue: name, Queue: q, hold: holdOf(t.Holds, name)}
			if at >= 0 {
				line.perSecond = rate(before.statuses[at].Queues[name].Completed, q.Completed, l.at.Sub(before.at))
			}
			list = append(list, line)
		}
		if len(t.Queues) == 0 {
			list = append(list, queueLine{transport: t.Transport, hold: holdOf(t.Holds, "")})
		}
	}
	order := make(map[string]int, len(l.statuses))
	for i, t := range l.statuses {
		order[t.Transport] = i
	}
	slices.SortFunc(list, func(a, b queueLine) int {
		if d := order[a.transport] - order[b.transport]; d != 0 {
			return d
		}
		return strings.Compare(a.queue, b.queue)
	})
	return list
}

// holdOf says whether a queue, or all of its transport, is stopped.
func holdOf(holds []wire.Hold, queue string) string {
	for _, h := range holds {
		if h.Type == "" && (h.Queue == "" || h.Queue == queue) {
			return h.Mode
		}
	}
	return ""
}

// totals are what all transports have together.
func (l look) totals(before look) (pending, processing, failed int64, perSecond float64) {
	var done, doneBefore int64
	for _, t := range l.statuses {
		pending += t.Queue.Pending
		processing += t.Queue.Processing
		failed += t.Queue.Failed
		done += t.Queue.Completed
	}
	for _, t := range before.statuses {
		doneBefore += t.Queue.Completed
	}
	if len(before.statuses) > 0 {
		perSecond = rate(doneBefore, done, l.at.Sub(before.at))
	}
	return pending, processing, failed, perSecond
}

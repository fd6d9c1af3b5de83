package httpapi

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/metrics"
)

// Queues are told by the counters of storages, which have every queue that ever had a message, and by what is held and
// limited.

func queuesList(c *call) error {
	var list []symphony.Problem
	limit := cmp.Or(c.number("limit", 1, symphony.MaxMessagePage, &list), symphony.DefaultMessagePage)
	transport := c.transportFilter(&list)
	if cursor := c.query["cursor"]; cursor != "" {
		t, queue, _ := strings.Cut(cursor, "/")
		if symphony.ValidateName(t) != nil || symphony.ValidateName(queue) != nil {
			list = append(list, symphony.Problem{Path: "cursor", Message: "must be the nextCursor of another page"})
		}
	}
	if len(list) > 0 {
		return invalid(list...)
	}
	s, err := c.steering(transport)
	if err != nil {
		return err
	}
	stats := make(map[string]symphony.QueueStats) // by transport/queue
	for _, name := range s.transports {
		t, err := c.api.o.Bus.Transport(name)
		if err != nil {
			return err
		}
		of, err := t.Stats(c.Context())
		if err != nil {
			return err
		}
		for queue, q := range of.Queues {
			stats[name+"/"+queue] = q
		}
	}
	var names []string
	for name := range stats {
		names = append(names, name)
	}
	for _, l := range s.limits {
		if l.Queue != "" && slices.Contains(s.transports, l.Transport) {
			names = append(names, l.Transport+"/"+l.Queue)
		}
	}
	for _, h := range s.holds {
		if h.Queue != "" {
			names = append(names, h.Transport+"/"+h.Queue)
		}
	}
	slices.Sort(names)
	names, pages := c.pageOfNames(slices.Compact(names), limit)
	counted, err := c.recent(metrics.ByQueue, transport)
	if err != nil {
		return err
	}
	answer := wire.QueuesResponse{Success: true, Queues: make([]wire.QueueInfo, len(names)), Pagination: pages}
	for i, name := range names {
		transport, queue, _ := strings.Cut(name, "/")
		q := stats[name]
		info := wire.QueueInfo{Transport: transport, Queue: queue, Counts: counts(q), ScheduledMessages: q.Scheduled,
			OldestPendingAge: q.OldestPendingAge.Milliseconds(),
			Holds:            []wire.Hold{}, Limits: s.ofQueue(transport, queue),
			UnaskedSince: optional(q.UnaskedSince)}
		info.Figures, info.Series = counted.of(transport, queue)
		for _, h := range s.holds {
			if h.Transport == transport && h.Type == "" && (h.Queue == "" || h.Queue == queue) {
				info.Holds = append(info.Holds, h.Hold)
			}
		}
		answer.Queues[i] = info
	}
	return c.answer(http.StatusOK, answer)
}

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// workerLine is one worker, a node without any, or somebody else who has messages in hand.
type workerLine struct {
	node, name, transport string
	busy, of              int // of is 0 where it is not known
	succeeded, failed     int64
	oldest                *wire.AtWork // what it has been busy with for the longest time, nil where it is idle
	trouble               string
	now                   time.Time
}

// watchWorkers lists the workers of all nodes, and who else has messages in hand.
func (r *reached) watchWorkers(ctx context.Context) ([]workerLine, error) {
	seen, err := r.Workers(ctx)
	if err != nil {
		return nil, err
	}
	var list []workerLine
	for _, n := range seen.Nodes {
		if len(n.Workers) == 0 {
			list = append(list, workerLine{node: n.Name, now: seen.Timestamp})
		}
		for _, w := range n.Workers {
			line := workerLine{node: n.Name, name: w.Name, transport: w.Transport, busy: w.Processing, of: w.Concurrency,
				succeeded: w.Succeeded, failed: w.Failed, trouble: troubleOf(w), now: seen.Timestamp}
			if len(w.AtWork) > 0 {
				line.oldest = &w.AtWork[0]
			}
			list = append(list, line)
		}
	}
	for _, o := range seen.Others {
		list = append(list, workerLine{node: o.Worker, name: o.Transport, transport: o.Transport, busy: o.Processing, oldest: &o.Oldest, now: seen.Timestamp})
	}
	return list, nil
}

// troubleOf is what keeps a worker from its work, empty where nothing does.
func troubleOf(w wire.NodeWorker) string {
	switch {
	case len(w.Outages) > 0:
		return fmt.Sprintf("%s fails since %s", w.Outages[0].Call, shortTime(w.Outages[0].Since))
	case w.StopReason != "":
		return "stopped: " + w.StopReason
	case len(w.AtWork) > 0 && w.AtWork[0].Lost:
		return "goes on without its lease"
	}
	return ""
}

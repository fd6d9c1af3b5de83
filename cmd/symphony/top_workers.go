package main

import (
	"context"
)

// watchWorkers lists the workers of all nodes.
func (r *reached) watchWorkers(ctx context.Context) ([]workerLine, error) {
	status, err := r.Status(ctx, "")
	if err != nil {
		return nil, err
	}
	var list []workerLine
	for _, n := range status.Nodes {
		for _, w := range n.Workers {
			list = append(list, workerLine{node: n.Name, name: w.Name, transport: w.Transport, busy: w.Processing, of: w.Concurrency, succeeded: w.Succeeded, failed: w.Failed})
		}
	}
	return list, nil
}

package worker

import (
	"context"
	"errors"
	"sync"
)

// Group runs workers of several transports side by side.
type Group struct{ workers []*Worker }

// NewGroup makes a group. Each worker keeps its own options and limits.
func NewGroup(workers ...*Worker) *Group { return &Group{workers} }

// Run runs all workers until ctx ends or each has stopped by itself. If one cannot go on, all stop. Reports stand in
// the order of the workers.
func (g *Group) Run(ctx context.Context) ([]Report, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	reports, errs := make([]Report, len(g.workers)), make([]error, len(g.workers))
	var all sync.WaitGroup
	for i, w := range g.workers {
		all.Go(func() {
			if reports[i], errs[i] = w.Run(ctx); errs[i] != nil {
				cancel()
			}
		})
	}
	all.Wait()
	return reports, errors.Join(errs...)
}

// Snapshots returns the state of each worker, in their order.
func (g *Group) Snapshots() []Snapshot {
	list := make([]Snapshot, len(g.workers))
	for i, w := range g.workers {
		list[i] = w.Snapshot()
	}
	return list
}

package worker

import (
	"context"
	"errors"
	"sync"
)

// Group runs several workers as one, such as one for each transport of a server. They share nothing; each keeps its own
// options and limits.
type Group struct{ workers []*Worker }

// NewGroup makes a group.
func NewGroup(workers ...*Worker) *Group { return &Group{workers} }

// Run runs all workers until ctx ends or each has stopped by itself. If one ends with an error, all stop. Reports stand
// in the order of the workers; the error joins theirs.
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

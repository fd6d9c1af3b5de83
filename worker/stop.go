package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

// A request to stop all workers is a record beside the messages: its text changes with each request. A worker reads it
// when it starts, or is told what its process read before, and stops when it has changed. So no clocks are compared,
// and workers started later are not concerned.
//
// A request to start them again is a second record, which repeats the text of the stop that it takes back. Whoever runs
// workers, and saw that stop end them, runs them again when it finds it repeated, however late it looks.
//
// What is asked of single nodes stands in a third record, by node: a stop of its own, and the stop of all that is taken
// back for it alone. Starting all takes all of that away. All three are read at once.
const (
	stopKind = "control"
	stopID   = "workers"
	startID  = "workers.start"
	nodesID  = "workers.nodes"
	// behindIDs is greater than these.
	behindIDs = "workers/"
	// stopEvery is how often a worker looks for a request.
	stopEvery = time.Second
	// conflicts is how often a change is tried that others make at the same time.
	conflicts = 20
)

// Requests is what is asked of workers at a moment; see Join.
type Requests struct {
	stopped string                 // the latest stop of all, "" for none
	started string                 // the stop of all that was last taken back
	nodes   map[string]nodeRequest // by node
	raw     []byte                 // the record of the nodes, nil for none
}

// nodeRequest is what is asked of one node.
type nodeRequest struct {
	Stop    string `json:"stop,omitempty"`    // a stop of this node alone that is not taken back
	Started string `json:"started,omitempty"` // the stop of all that is taken back for this node
}

// stops reports whether the workers of a node are stopped. A node without a name has no requests of its own.
func (r Requests) stops(node string) bool {
	own := r.nodes[node]
	return own.Stop != "" || r.stopped != r.started && r.stopped != own.Started
}

// StopAll asks all workers that use a storage, in all processes, to stop gracefully. Those with Options.StopRequests
// see it within about a second. Workers that are started later are not concerned.
func StopAll(ctx context.Context, records storage.Records, now time.Time) error {
	return storage.Put(ctx, records, stopKind, stopID, []byte(`{"request":"`+symphony.NewID(now)+`"}`))
}

// StartAll takes the latest StopAll back, and every StopNode: processes that called AwaitStart, since their workers
// were stopped, go on. It reports whether there is a stop to take back.
func StartAll(ctx context.Context, records storage.Records) (bool, error) {
	r, err := readRequests(ctx, records)
	if err != nil || r.stopped == r.started && r.raw == nil {
		return false, err
	}
	stopped := r.stopped != r.started
	for _, own := range r.nodes {
		stopped = stopped || own.Stop != ""
	}
	if r.stopped != "" {
		err = storage.Put(ctx, records, stopKind, startID, []byte(r.stopped))
	}
	if err == nil && r.raw != nil {
		_, err = records.DeleteRecords(ctx, stopKind, nodesID, nodesID+"\x00")
	}
	return stopped && err == nil, err
}

// StopNode asks the workers of one process to stop gracefully, as StopAll does those of all. alive are the nodes that
// there are, node among them: what was asked of others is forgotten.
func StopNode(ctx context.Context, records storage.Records, node string, alive []string, now time.Time) error {
	_, err := changeNode(ctx, records, node, alive, func(Requests) (nodeRequest, bool) {
		return nodeRequest{Stop: symphony.NewID(now)}, true
	})
	return err
}

// StartNode takes back for one process what StopNode and StopAll asked of it. It reports whether there is a stop to
// take back. alive are the nodes that there are.
func StartNode(ctx context.Context, records storage.Records, node string, alive []string) (bool, error) {
	return changeNode(ctx, records, node, alive, func(r Requests) (nodeRequest, bool) {
		return nodeRequest{Started: r.stopped}, r.stops(node)
	})
}

// changeNode changes what is asked of one node. It reports whether there was something to change.
func changeNode(
	ctx context.Context, records storage.Records, node string, alive []string,
	change func(Requests) (own nodeRequest, ok bool),
) (bool, error) {
	for range conflicts {
		r, err := readRequests(ctx, records)
		if err != nil {
			return false, err
		}
		own, ok := change(r)
		if !ok {
			return false, nil
		}
		nodes := map[string]nodeRequest{node: own}
		for id, other := range r.nodes {
			if id != node && slices.Contains(alive, id) {
				nodes[id] = other
			}
		}
		raw, err := json.Marshal(nodes)
		if err != nil {
			return false, err
		}
		err = records.SwapRecord(ctx, stopKind, nodesID, r.raw, raw)
		if !errors.Is(err, symphony.ErrConflict) {
			return err == nil, err
		}
	}
	return false, fmt.Errorf("worker: what is asked of nodes is being changed all the time: %w", symphony.ErrConflict)
}

// StoppedNodes returns which of the nodes have their workers stopped by request, as long as they run.
func StoppedNodes(ctx context.Context, records storage.Records, nodes []string) (stopped []string, err error) {
	r, err := readRequests(ctx, records)
	for _, node := range nodes {
		if err == nil && r.stops(node) {
			stopped = append(stopped, node)
		}
	}
	return stopped, err
}

// Join has a process begin, before it can be asked to stop its workers: what was asked of all until now does not
// concern it. It returns what is asked then, for Options.Asked. alive are the other nodes that there are.
func Join(ctx context.Context, records storage.Records, node string, alive []string) (*Requests, error) {
	if _, err := StartNode(ctx, records, node, alive); err != nil {
		return nil, err
	}
	r, err := readRequests(ctx, records)
	return &r, err
}

// AwaitStart waits, after a run of a node's workers that ended with StopRequested, until the stop is taken back, by
// StartAll or StartNode, and returns what is asked then, for Options.Asked. It looks about once a second; a storage
// that does not answer is asked again. The error is ctx's.
func AwaitStart(
	ctx context.Context, records storage.Records, node string, clock symphony.Clock,
) (*Requests, error) {
	for {
		if r, err := readRequests(ctx, records); err == nil && !r.stops(node) {
			return &r, nil
		}
		t := clock.NewTimer(stopEvery)
		select {
		case <-t.C():
		case <-ctx.Done():
			t.Stop()
			return nil, ctx.Err()
		}
	}
}

// readRequests reads what is asked of workers.
func readRequests(ctx context.Context, records storage.Records) (r Requests, err error) {
	list, err := records.RangeRecords(ctx, stopKind, stopID, behindIDs, 3)
	if err != nil {
		return r, err
	}
	for _, record := range list {
		switch record.ID {
		case stopID:
			r.stopped = string(record.Data)
		case startID:
			r.started = string(record.Data)
		case nodesID:
			r.raw = record.Data
			if err := json.Unmarshal(record.Data, &r.nodes); err != nil {
				return r, fmt.Errorf("worker: what is asked of nodes: %w", err)
			}
		}
	}
	return r, nil
}

// noteRequest reads the latest requests when the run starts, unless it was told them. A storage that does not answer is
// asked again.
func (r *run) noteRequest() {
	if r.requests = r.o.Asked; r.o.StopRequests == nil || r.requests != nil {
		return
	}
	if latest, err := readRequests(r.claims, r.o.StopRequests); err == nil {
		r.requests = &latest
	}
}

// watchRequests stops the run when there is another request to stop than at its start.
func (r *run) watchRequests(handled <-chan struct{}) {
	if r.o.StopRequests == nil {
		return
	}
	for {
		t := r.o.Clock.NewTimer(stopEvery)
		select {
		case <-t.C():
		case <-r.stopped:
			t.Stop()
			return
		case <-handled:
			t.Stop()
			return
		}
		if r.requests == nil {
			r.noteRequest()
			continue
		}
		latest, err := readRequests(r.claims, r.o.StopRequests)
		if err != nil {
			continue
		}
		own, then := latest.nodes[r.o.Node].Stop, r.requests.nodes[r.o.Node].Stop
		if latest.stopped != r.requests.stopped || own != "" && own != then {
			r.stop(StopRequested)
			return
		}
	}
}

package worker

import (
	"context"
	"errors"
	"time"

	"github.com/symphony-messenger/symphony"
)

// A request to stop all workers is a record beside the messages: its text changes with each request. A worker reads it
// when it starts, and stops when it has changed. So no clocks are compared, and workers started later are not concerned.
const (
	stopKind = "control"
	stopID   = "workers"
	// stopEvery is how often a worker looks for a request.
	stopEvery = time.Second
)

// StopAll asks all workers that use a storage, in all processes, to stop gracefully. Those with Options.Requests see it
// within about a second. Workers that are started later are not concerned.
func StopAll(ctx context.Context, records symphony.RecordStore, now time.Time) error {
	return records.PutRecord(ctx, stopKind, stopID, []byte(`{"request":"`+symphony.NewID(now)+`"}`))
}

// latestRequest returns the text of the latest request, empty for none.
func latestRequest(ctx context.Context, records symphony.RecordStore) (string, error) {
	raw, err := records.GetRecord(ctx, stopKind, stopID)
	if errors.Is(err, symphony.ErrNotFound) {
		return "", nil
	}
	return string(raw), err
}

// noteRequest reads the latest request when the run starts. A storage that does not answer is asked again.
func (r *run) noteRequest() {
	if r.o.Requests == nil {
		return
	}
	if latest, err := latestRequest(r.claims, r.o.Requests); err == nil {
		r.request = &latest
	}
}

// watchRequests stops the run when there is another request than at its start.
func (r *run) watchRequests(handled <-chan struct{}) {
	if r.o.Requests == nil {
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
		if r.request == nil {
			r.noteRequest()
			continue
		}
		if latest, err := latestRequest(r.claims, r.o.Requests); err == nil && latest != *r.request {
			r.stop(StopRequested)
			return
		}
	}
}

package worker

import (
	"context"
	"errors"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

// A request to stop all workers is a record beside the messages: its text changes with each request. A worker reads it
// when it starts, and stops when it has changed. So no clocks are compared, and workers started later are not
// concerned.
//
// A request to start them again is a second record, which repeats the text of the stop that it takes back. Whoever runs
// workers, and saw that stop end them, runs them again when it finds it repeated, however late it looks.
const (
	stopKind = "control"
	stopID   = "workers"
	startID  = "workers.start"
	// stopEvery is how often a worker looks for a request.
	stopEvery = time.Second
)

// StopAll asks all workers that use a storage, in all processes, to stop gracefully. Those with Options.StopRequests
// see it within about a second. Workers that are started later are not concerned.
func StopAll(ctx context.Context, records storage.Records, now time.Time) error {
	return storage.Put(ctx, records, stopKind, stopID, []byte(`{"request":"`+symphony.NewID(now)+`"}`))
}

// StartAll takes the latest StopAll back: processes that called AwaitStart, since their workers were stopped, go on. It
// reports whether there is a stop to take back.
func StartAll(ctx context.Context, records storage.Records) (bool, error) {
	stopped, started, err := requests(ctx, records)
	if err != nil || stopped == started {
		return false, err
	}
	return true, storage.Put(ctx, records, stopKind, startID, []byte(stopped))
}

// AwaitStart waits, after a run that ended with StopRequested, until StartAll takes the stop back. It looks about once
// a second; a storage that does not answer is asked again. The error is ctx's.
func AwaitStart(ctx context.Context, records storage.Records, clock symphony.Clock) error {
	for {
		if stopped, started, err := requests(ctx, records); err == nil && stopped == started {
			return nil
		}
		t := clock.NewTimer(stopEvery)
		select {
		case <-t.C():
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		}
	}
}

// requests returns the latest stop and the one that was last taken back, empty for none.
func requests(ctx context.Context, records storage.Records) (stopped, started string, err error) {
	if stopped, err = latestRequest(ctx, records, stopID); err != nil {
		return "", "", err
	}
	started, err = latestRequest(ctx, records, startID)
	return stopped, started, err
}

// latestRequest returns the text of the latest request with an id, empty for none.
func latestRequest(ctx context.Context, records storage.Records, id string) (string, error) {
	raw, err := storage.Get(ctx, records, stopKind, id)
	if errors.Is(err, symphony.ErrNotFound) {
		return "", nil
	}
	return string(raw), err
}

// noteRequest reads the latest request when the run starts. A storage that does not answer is asked again.
func (r *run) noteRequest() {
	if r.o.StopRequests == nil {
		return
	}
	if latest, err := latestRequest(r.claims, r.o.StopRequests, stopID); err == nil {
		r.request = &latest
	}
}

// watchRequests stops the run when there is another request than at its start.
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
		if r.request == nil {
			r.noteRequest()
			continue
		}
		if latest, err := latestRequest(r.claims, r.o.StopRequests, stopID); err == nil && latest != *r.request {
			r.stop(StopRequested)
			return
		}
	}
}

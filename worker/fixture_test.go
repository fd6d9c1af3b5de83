package worker_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/transport/sqlite"
	"github.com/symphony-messenger/symphony/transport/transporttest"
	"github.com/symphony-messenger/symphony/worker"
)

// fixture is a fresh queue with a mux. In a synctest bubble its clock is the bubble's, and a goroutine that a worker
// leaves behind fails the test.
type fixture struct {
	*testing.T
	tr  *faulty
	bus *symphony.Bus
	mux *symphony.Mux
	log *journal
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	tr, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "queue.db"), sqlite.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tr.Close(); err != nil {
			t.Error(err)
		}
	})
	f := &fixture{T: t, tr: &faulty{Transport: tr}, mux: symphony.NewMux(), log: &journal{}}
	if f.bus, err = symphony.NewBus([]symphony.Transport{f.tr}, symphony.BusOptions{}); err != nil {
		t.Fatal(err)
	}
	return f
}

var errStorage = errors.New("storage is away")

// faulty is a transport whose calls fail when they are told to.
type faulty struct {
	*sqlite.Transport
	mu      sync.Mutex
	receive func(symphony.ReceiveOptions) error
	claimed func(messages int) // is called before a claim that was made is answered
	settle  func(symphony.Settlement) error
	extend  func(symphony.Lease) error
	claims  []symphony.ReceiveOptions // of all calls
}

// set changes the faults.
func (f *faulty) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *faulty) Receive(ctx context.Context, o symphony.ReceiveOptions) ([]symphony.Delivery, error) {
	f.mu.Lock()
	f.claims = append(f.claims, o)
	fault, claimed := f.receive, f.claimed
	f.mu.Unlock()
	if fault != nil {
		if err := fault(o); err != nil {
			return nil, err
		}
	}
	got, err := f.Transport.Receive(ctx, o)
	if claimed != nil && len(got) > 0 {
		claimed(len(got))
	}
	return got, err
}

// Settle fails for all if it fails for one.
func (f *faulty) Settle(ctx context.Context, list []symphony.Settlement) []error {
	f.mu.Lock()
	fault := f.settle
	f.mu.Unlock()
	if fault != nil {
		for _, st := range list {
			if err := fault(st); err != nil {
				return slices.Repeat([]error{err}, len(list))
			}
		}
	}
	return f.Transport.Settle(ctx, list)
}

// Extend fails for those leases only that are faulty.
func (f *faulty) Extend(ctx context.Context, leases []symphony.Lease, d time.Duration) []error {
	f.mu.Lock()
	fault := f.extend
	f.mu.Unlock()
	if fault == nil {
		return f.Transport.Extend(ctx, leases, d)
	}
	errs := make([]error, len(leases))
	for i, l := range leases {
		if errs[i] = fault(l); errs[i] == nil {
			errs[i] = errors.Join(f.Transport.Extend(ctx, []symphony.Lease{l}, d)...)
		}
	}
	return errs
}

// always is a fault that hits every call.
func always[T any](err error) func(T) error { return func(T) error { return err } }

// journal is what a worker logs.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(p)
}

// count returns how many lines contain all the texts.
func (j *journal) count(texts ...string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := 0
	for line := range strings.Lines(j.buf.String()) {
		if !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(line, text) }) {
			n++
		}
	}
	return n
}

func (f *fixture) handle(h func(ctx context.Context, d *symphony.Delivery) error) {
	f.mux.HandleFunc("*", h)
}

// dispatch sends n messages of a type and returns their ids.
func (f *fixture) dispatch(typ string, n int) []string {
	f.Helper()
	batch := make([]symphony.Outgoing, n)
	for i := range batch {
		batch[i].Message = symphony.Message{Type: typ, Payload: []byte(`{"n":1}`)}
	}
	var ids []string
	for part := range slices.Chunk(batch, symphony.MaxBatch) {
		receipts, err := f.bus.DispatchBatch(context.Background(), part)
		if err != nil {
			f.Fatal(err)
		}
		for _, r := range receipts {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

func (f *fixture) worker(o worker.Options) *worker.Worker {
	f.Helper()
	o.Logger = slog.New(slog.NewTextHandler(f.log, nil))
	w, err := worker.New(f.tr, f.mux, o)
	if err != nil {
		f.Fatal(err)
	}
	return w
}

// run is a worker at work.
type run struct {
	*worker.Worker
	cancel context.CancelFunc
	done   chan struct{}
	report worker.Report
	err    error
}

func (f *fixture) start(o worker.Options) *run {
	f.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &run{Worker: f.worker(o), cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		r.report, r.err = r.Run(ctx)
	}()
	return r
}

// stop cancels the worker's context and waits for it.
func (r *run) stop(t *testing.T) worker.Report {
	t.Helper()
	r.cancel()
	<-r.done
	if r.err != nil {
		t.Error(r.err)
	}
	return r.report
}

// run runs a worker until it stops by itself.
func (f *fixture) run(o worker.Options) worker.Report {
	f.Helper()
	report, err := f.worker(o).Run(context.Background())
	if err != nil {
		f.Error(err)
	}
	return report
}

// runDry runs a worker until the queue is empty.
func (f *fixture) runDry(o worker.Options) worker.Report {
	f.Helper()
	o.StopWhenEmpty = true
	return f.run(o)
}

// warmUp teaches a worker that handlers are fast, so that it claims ahead: the fixture's handler must return at once
// for the type "fast".
func (f *fixture) warmUp(w *run) {
	f.Helper()
	f.dispatch("fast", 100)
	for w.Snapshot().Succeeded < 100 {
		<-time.After(time.Millisecond)
	}
}

func (f *fixture) stats() symphony.QueueStats {
	f.Helper()
	s, err := f.tr.Stats(context.Background())
	if err != nil {
		f.Fatal(err)
	}
	return s.QueueStats
}

func (f *fixture) failed() []symphony.MessageInfo {
	f.Helper()
	page, err := transporttest.ListFailed(context.Background(), f.tr, symphony.MessageQuery{Limit: 200})
	if err != nil {
		f.Fatal(err)
	}
	return page.Messages
}

// receive claims all that is ready, as another worker would.
func (f *fixture) receive() []symphony.Delivery {
	f.Helper()
	got, err := f.tr.Transport.Receive(context.Background(), symphony.ReceiveOptions{Max: symphony.MaxReceive, MaxLost: symphony.MaxReceive})
	if err != nil {
		f.Fatal(err)
	}
	return got
}

// wait lets time pass in a bubble.
func wait(d time.Duration) { <-time.After(d) }

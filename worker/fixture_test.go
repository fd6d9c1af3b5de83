package worker_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/transport/sqlite"
	"github.com/symphony-messenger/symphony/worker"
)

// fixture is a fresh queue with a mux.
type fixture struct {
	*testing.T
	tr  *faulty
	bus *symphony.Bus
	mux *symphony.Mux
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	tr, err := sqlite.Open(context.Background(), filepath.Join(t.TempDir(), "queue.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tr.Close(); err != nil {
			t.Error(err)
		}
	})
	f := &fixture{T: t, tr: &faulty{Transport: tr}, mux: symphony.NewMux()}
	if f.bus, err = symphony.NewBus([]symphony.Transport{f.tr}, symphony.BusOptions{}); err != nil {
		t.Fatal(err)
	}
	return f
}

// faulty is a transport whose calls can be made to fail.
type faulty struct {
	*sqlite.Transport
	receive, settle, extend atomic.Pointer[error]
}

var errStorage = errors.New("storage is away")

func fail(p *atomic.Pointer[error], err error) { p.Store(&err) }
func mend(p *atomic.Pointer[error])            { p.Store(nil) }

func (f *faulty) Receive(ctx context.Context, o symphony.ReceiveOptions) ([]symphony.Delivery, error) {
	if err := f.receive.Load(); err != nil {
		return nil, *err
	}
	return f.Transport.Receive(ctx, o)
}

func (f *faulty) Settle(ctx context.Context, list []symphony.Settlement) []error {
	if err := f.settle.Load(); err != nil {
		return repeat(*err, len(list))
	}
	return f.Transport.Settle(ctx, list)
}

func (f *faulty) Extend(ctx context.Context, leases []symphony.Lease, d time.Duration) []error {
	if err := f.extend.Load(); err != nil {
		return repeat(*err, len(leases))
	}
	return f.Transport.Extend(ctx, leases, d)
}

func repeat(err error, n int) []error {
	errs := make([]error, n)
	for i := range errs {
		errs[i] = err
	}
	return errs
}

// dispatch sends n messages of a type and returns their ids.
func (f *fixture) dispatch(typ string, n int) []string {
	f.Helper()
	ids := make([]string, n)
	for i := range ids {
		r, err := f.bus.Dispatch(context.Background(), typ, map[string]int{"n": i}, symphony.DispatchOptions{})
		if err != nil {
			f.Fatal(err)
		}
		ids[i] = r.ID
	}
	return ids
}

// worker makes a worker that logs nothing.
func (f *fixture) worker(o worker.Options) *worker.Worker {
	f.Helper()
	o.Logger = slog.New(slog.DiscardHandler)
	w, err := worker.New(f.tr, f.mux, o)
	if err != nil {
		f.Fatal(err)
	}
	return w
}

// start runs a worker until the returned stop is called, which returns its report.
func (f *fixture) start(w *worker.Worker) (stop func() worker.Report) {
	f.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan worker.Report, 1)
	go func() {
		report, err := w.Run(ctx)
		if err != nil {
			f.Errorf("Run: %v", err)
		}
		done <- report
	}()
	return func() worker.Report {
		cancel()
		return <-done
	}
}

// runUntilEmpty runs a bounded worker.
func (f *fixture) runUntilEmpty(o worker.Options) worker.Report {
	f.Helper()
	o.StopWhenEmpty = true
	report, err := f.worker(o).Run(context.Background())
	if err != nil {
		f.Fatal(err)
	}
	return report
}

func (f *fixture) stats() symphony.Stats {
	f.Helper()
	s, err := f.tr.Stats(context.Background())
	if err != nil {
		f.Fatal(err)
	}
	return s
}

func (f *fixture) failed() []symphony.FailedMessage {
	f.Helper()
	page, err := f.tr.ListFailed(context.Background(), symphony.FailedQuery{Limit: 200})
	if err != nil {
		f.Fatal(err)
	}
	return page.Messages
}

// receive claims everything that is ready.
func (f *fixture) receive() []symphony.Delivery {
	f.Helper()
	got, err := f.tr.Transport.Receive(context.Background(), symphony.ReceiveOptions{Max: symphony.MaxReceive, MaxLost: symphony.MaxReceive})
	if err != nil {
		f.Fatal(err)
	}
	return got
}

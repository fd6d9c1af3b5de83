package operation_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/operation"
	"github.com/symphony-messenger/symphony/storage"
	"github.com/symphony-messenger/symphony/symphonytest"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

// database is a transport that can be worked on in bulk.
type database interface {
	symphony.Transport
	symphony.MessageStore
	storage.Records
	storage.Steps
}

// fixture is a storage in this process, and one node that works on its operations.
type fixture struct {
	*testing.T
	tr  database
	bus *symphony.Bus
	*operation.Operations
	log *logBuffer
}

type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	tr := symphonytest.Storage(t, sqlite.Options{})
	return on(t, tr, symphony.BusOptions{})
}

func on(t *testing.T, tr database, o symphony.BusOptions) *fixture {
	t.Helper()
	f := &fixture{T: t, tr: tr, log: new(logBuffer)}
	var err error
	if f.bus, err = symphony.NewBus([]symphony.Transport{tr}, o); err != nil {
		t.Fatal(err)
	}
	f.Operations = f.node("node")
	return f
}

// node is another process on the storage.
func (f *fixture) node(name string) *operation.Operations {
	f.Helper()
	ops, err := newNode(f.bus, name, f.log)
	if err != nil {
		f.Fatal(err)
	}
	return ops
}

func newNode(bus *symphony.Bus, name string, log *logBuffer) (*operation.Operations, error) {
	return operation.New(bus, operation.Options{Node: name, Logger: log.logger()})
}

func (b *logBuffer) logger() *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }

// running runs a node until the function that is returned is called.
func running(ops *operation.Operations) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- ops.Run(ctx) }()
	return func() {
		cancel()
		<-done
	}
}

// dispatch dispatches n messages of a type.
func (f *fixture) dispatch(n int, typ string) {
	f.Helper()
	for left := n; left > 0; left -= symphony.MaxBatch {
		batch := make([]symphony.Outgoing, min(left, symphony.MaxBatch))
		for i := range batch {
			batch[i] = symphony.Outgoing{Message: symphony.Message{Type: typ, Payload: fmt.Appendf(nil, `{"n":%d}`, n-left+i)}}
		}
		if _, err := f.bus.DispatchBatch(context.Background(), batch); err != nil {
			f.Fatal(err)
		}
	}
}

// settle receives all that is ready and settles it.
func (f *fixture) settle(o symphony.Outcome) {
	f.Helper()
	for {
		got, err := f.tr.Receive(context.Background(), symphony.ReceiveOptions{Max: symphony.MaxReceive, MaxBytes: 1 << 30})
		if err != nil {
			f.Fatal(err)
		}
		if len(got) == 0 {
			return
		}
		list := make([]symphony.Settlement, len(got))
		for i, d := range got {
			list[i] = symphony.Settlement{Lease: d.Lease, Outcome: o, Error: "boom", ErrorClass: "test", StartedAt: d.ClaimedAt, FinishedAt: d.ClaimedAt}
		}
		if errs := f.tr.Settle(context.Background(), list); errs != nil {
			f.Fatal(errs)
		}
	}
}

// fail and complete make failed, and completed, messages.
func (f *fixture) fail(n int, typ string) {
	f.Helper()
	f.dispatch(n, typ)
	f.settle(symphony.Fail)
}

func (f *fixture) complete(n int, typ string) {
	f.Helper()
	f.dispatch(n, typ)
	f.settle(symphony.Ack)
}

// start starts an operation on the transport.
func (f *fixture) start(r operation.Request) operation.Operation {
	f.Helper()
	r.Transport = f.tr.Name()
	op, err := f.Start(context.Background(), r)
	if err != nil {
		f.Fatal(err)
	}
	return op
}

func (f *fixture) get(id string) operation.Operation {
	f.Helper()
	op, err := f.Get(context.Background(), id)
	if err != nil {
		f.Fatal(err)
	}
	return op
}

// counts are pending, completed and failed messages.
func (f *fixture) counts() [3]int64 {
	f.Helper()
	s, err := f.tr.Stats(context.Background())
	if err != nil {
		f.Fatal(err)
	}
	return [3]int64{s.Pending, s.Completed, s.Failed}
}

func (f *fixture) wantCounts(pending, completed, failed int64) {
	f.Helper()
	if got := f.counts(); got != [3]int64{pending, completed, failed} {
		f.Errorf("pending, completed and failed are %v, want %v", got, [3]int64{pending, completed, failed})
	}
}

// want compares what an operation has come to.
func (f *fixture) want(id string, state operation.State, done, skipped int64) {
	f.Helper()
	if op := f.get(id); op.State != state || op.Done != done || op.Skipped != skipped {
		f.Errorf("the operation is %s, done %d, skipped %d; want %s, %d, %d\n%s", op.State, op.Done, op.Skipped, state, done, skipped, f.log)
	}
}

// list returns all messages that match.
func (f *fixture) list(filter symphony.MessageFilter) (list []symphony.MessageInfo) {
	f.Helper()
	q := symphony.MessageQuery{MessageFilter: filter, Limit: symphony.MaxMessagePage, Oldest: true}.WithDefaults()
	for {
		page, err := f.tr.ListMessages(context.Background(), q)
		if err != nil {
			f.Fatal(err)
		}
		list = append(list, page.Messages...)
		if q.After = page.Next; q.After == "" {
			return list
		}
	}
}

// errDead is what a process that was killed gets from its storage.
var errDead = errors.New("this process is dead")

// mortal is a storage as one process sees it that is killed at one of its calls: before the call is made, or after it
// was made and before its result arrives.
type mortal struct {
	database
	mu    sync.Mutex
	calls int
	dieAt int // 0: never
	after bool
	steps []storage.Step // that were taken
}

func (m *mortal) call(do func() error) error {
	m.mu.Lock()
	m.calls++
	n := m.calls
	m.mu.Unlock()
	if m.dieAt > 0 && (n > m.dieAt || n == m.dieAt && !m.after) {
		return fmt.Errorf("%w: %w", errDead, symphony.ErrUnavailable)
	}
	if err := do(); err != nil {
		return err
	}
	if n == m.dieAt {
		return fmt.Errorf("%w: %w", errDead, symphony.ErrUnavailable)
	}
	return nil
}

func (m *mortal) dead() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dieAt > 0 && m.calls >= m.dieAt
}

func (m *mortal) TakeStep(ctx context.Context, s storage.Step) (done int, err error) {
	err = m.call(func() (err error) {
		done, err = m.database.TakeStep(ctx, s)
		return err
	})
	if err == nil {
		m.mu.Lock()
		m.steps = append(m.steps, s)
		m.mu.Unlock()
	}
	return done, err
}

func (m *mortal) SwapRecord(ctx context.Context, kind, id string, old, new []byte) error {
	return m.call(func() error { return m.database.SwapRecord(ctx, kind, id, old, new) })
}

func (m *mortal) RangeRecords(ctx context.Context, kind, from, to string, limit int) (list []storage.Record, err error) {
	err = m.call(func() (err error) {
		list, err = m.database.RangeRecords(ctx, kind, from, to, limit)
		return err
	})
	return list, err
}

func (m *mortal) ListMessages(ctx context.Context, q symphony.MessageQuery) (page symphony.MessagePage, err error) {
	err = m.call(func() (err error) {
		page, err = m.database.ListMessages(ctx, q)
		return err
	})
	return page, err
}

func (m *mortal) CancelMessage(
	ctx context.Context, id string, c symphony.Cancellation,
) (status symphony.Status, err error) {
	err = m.call(func() (err error) {
		status, err = m.database.CancelMessage(ctx, id, c)
		return err
	})
	return status, err
}

func (m *mortal) EditMessage(ctx context.Context, id string, edit func(*symphony.Envelope) error) error {
	return m.call(func() error { return m.database.EditMessage(ctx, id, edit) })
}

func (m *mortal) DeleteMessage(ctx context.Context, id string) error {
	return m.call(func() error { return m.database.DeleteMessage(ctx, id) })
}

// payloads are the numbers in the payloads of messages, with how often each is there.
func payloads(list []symphony.MessageInfo) map[int]int {
	numbers := make(map[int]int)
	for _, m := range list {
		var p struct{ N int }
		if json.Unmarshal(m.Payload, &p) == nil {
			numbers[p.N]++
		}
	}
	return numbers
}

// wait lets time pass in a bubble of synctest.
func wait(d time.Duration) {
	timer := time.NewTimer(d)
	<-timer.C
}

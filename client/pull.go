package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// Defaults of PullOptions.
const (
	DefaultPullConcurrency = 10
	DefaultPullWait        = 20 * time.Second
	DefaultPullGrace       = 20 * time.Second
)

// PullOptions are the optional settings of Pull.
type PullOptions struct {
	Transport string   // default: the server's
	Queues    []string // default: all
	// Concurrency is how many handlers run at once, default DefaultPullConcurrency.
	Concurrency int
	// Lease is how long a message belongs to the worker between two heartbeats, symphony.MinLease to symphony.MaxLease.
	// Default symphony.DefaultLease.
	Lease time.Duration
	// Wait is how long one request waits for messages, up to 30 s. Default DefaultPullWait.
	Wait time.Duration
	// Grace is how long running handlers may go on when Pull is to end. Default DefaultPullGrace.
	Grace time.Duration
	// Worker names the worker in the history of attempts. Default: its API key.
	Worker string
	// Logger reports what an operator must know. Default slog.Default().
	Logger *slog.Logger
}

// Pull receives messages and calls handle for each, until ctx ends; then it lets the handlers finish and returns nil. A
// nil error acks. Any other is a nack: retried by the policy of the message's type on the server, unless it is
// symphony.Permanent or symphony.RetryAfter. handle runs concurrently, and its context ends when the lease is lost, the
// message is cancelled (the cause is symphony.ErrCancelled) or the grace period is over. By that context SetOutput sets
// what the message leaves, and Progress and Log tell how far it is. While the server is away Pull
// tries again, at growing intervals; what it returns then is the error of a request that can never succeed, such as one
// without a valid key.
func (c *Client) Pull(ctx context.Context, o PullOptions, handle func(context.Context, *wire.Pulled) error) error {
	o.Concurrency = cmp.Or(o.Concurrency, DefaultPullConcurrency)
	o.Lease = cmp.Or(o.Lease, symphony.DefaultLease)
	o.Wait = cmp.Or(o.Wait, DefaultPullWait)
	o.Grace = cmp.Or(o.Grace, DefaultPullGrace)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	p := &puller{
		Client: c, o: o, handle: handle,
		free: make(chan struct{}, o.Concurrency), acks: make(chan wire.AckItem, o.Concurrency),
	}
	p.base, p.interrupt = context.WithCancelCause(context.WithoutCancel(ctx))
	defer p.interrupt(nil)
	for range o.Concurrency {
		p.free <- struct{}{}
	}
	acked := make(chan struct{})
	go func() {
		defer close(acked)
		p.ackAll()
	}()
	err := p.receive(ctx)
	done := make(chan struct{})
	go func() {
		p.handlers.Wait()
		close(done)
	}()
	grace := time.NewTimer(o.Grace)
	defer grace.Stop()
	select {
	case <-done:
	case <-grace.C:
		p.interrupt(symphony.ErrInterrupted)
		<-done
	}
	close(p.acks)
	<-acked
	return err
}

// puller is one call of Pull.
type puller struct {
	*Client
	o         PullOptions
	handle    func(context.Context, *wire.Pulled) error
	base      context.Context // of all handlers
	interrupt context.CancelCauseFunc
	free      chan struct{} // a token for each handler that may start
	handlers  sync.WaitGroup
	acks      chan wire.AckItem
}

// receive claims messages for the handlers that are free, until ctx ends.
func (p *puller) receive(ctx context.Context) error {
	pause := minPause
	for {
		n := 0
		select {
		case <-p.free:
			n = 1
		case <-ctx.Done():
			return nil
		}
		for ; n < min(cap(p.free), 100) && len(p.free) > 0; n++ {
			<-p.free
		}
		wait, lease := int(p.o.Wait.Milliseconds()), int(p.o.Lease.Milliseconds())
		req := wire.ReceiveRequest{Queues: p.o.Queues, Max: &n, Wait: &wait, Lease: &lease}
		if p.o.Transport != "" {
			req.Transport = &p.o.Transport
		}
		if p.o.Worker != "" {
			req.Worker = &p.o.Worker
		}
		got, err := p.Receive(ctx, req)
		for i := range got.Messages {
			p.handlers.Add(1)
			go p.run(&got.Messages[i])
		}
		for range n - len(got.Messages) {
			p.free <- struct{}{}
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			pause = minPause
			continue
		case isFinal(err):
			return err
		}
		p.o.Logger.Warn("receiving messages failed; it is tried again", "error", err, "delay", pause)
		pause = p.rest(ctx, err, pause)
	}
}

const (
	minPause = 100 * time.Millisecond
	maxPause = 10 * time.Second
)

// rest waits before the next try, as long as the server asks for, or longer each time. It returns the next pause.
func (p *puller) rest(ctx context.Context, err error, pause time.Duration) time.Duration {
	d := time.Duration(float64(pause) * (0.75 + rand.Float64()/2))
	if e := (*Error)(nil); errors.As(err, &e) {
		d = max(d, e.RetryAfter)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
	return min(2*pause, maxPause)
}

// isFinal reports whether trying again is of no use.
func isFinal(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status < 500 && e.Status != http.StatusTooManyRequests && e.Status != http.StatusRequestTimeout
}

// run handles one message and tells the server what came of it.
func (p *puller) run(m *wire.Pulled) {
	defer p.handlers.Done()
	defer func() { p.free <- struct{}{} }()
	ctx, cancel := context.WithCancelCause(p.base)
	defer cancel(nil)
	lease := int(p.o.Lease.Milliseconds())
	hand := &pulling{client: p.Client, receipt: m.Receipt, lease: lease}
	beating := make(chan struct{})
	go func() {
		defer close(beating)
		p.heartbeat(ctx, cancel, m.Receipt)
	}()
	err := p.call(context.WithValue(ctx, pullingKey{}, hand), m)
	cause := context.Cause(ctx)
	cancel(nil)
	<-beating
	switch {
	case errors.Is(cause, symphony.ErrLeaseLost):
		return
	case err == nil && !errors.Is(cause, symphony.ErrCancelled):
		p.acks <- hand.item()
		return
	}
	req := wire.NackRequest{Receipt: m.Receipt}
	// A nack ends a message that was cancelled, whatever it says.
	if yes := true; errors.Is(cause, symphony.ErrInterrupted) || errors.Is(cause, symphony.ErrCancelled) {
		req.Release = &yes
	} else {
		text, class := symphony.ClipError(err.Error()), symphony.ErrorClass(err)
		req.Error = &text
		req.ErrorClass = &class
		if after, ok := symphony.RetryDelay(err); ok {
			ms := int(after.Milliseconds())
			req.RetryAfter = &ms
		}
		if symphony.IsPermanent(err) {
			req.Permanent, req.RetryAfter = &yes, nil
		}
	}
	p.settle(func(ctx context.Context) error {
		_, err := p.Nack(ctx, req)
		return err
	})
}

// call calls the handler. A panic is a failure.
func (p *puller) call(ctx context.Context, m *wire.Pulled) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &symphony.PanicError{Value: v, Stack: debug.Stack()}
			p.o.Logger.Error("handler panicked", "message_id", m.ID, "type", m.Type, "stack", string(debug.Stack()))
		}
	}()
	return p.handle(ctx, m)
}

// heartbeat extends the lease at thirds of it, until ctx ends.
func (p *puller) heartbeat(ctx context.Context, lost context.CancelCauseFunc, receipt string) {
	t := time.NewTicker(p.o.Lease / 3)
	defer t.Stop()
	lease := int(p.o.Lease.Milliseconds())
	for {
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
		if _, err := p.Extend(ctx, wire.ExtendRequest{Receipts: []string{receipt}, Lease: &lease}); IsCode(err, CodeLeaseLost) || IsCode(err, CodeForeignReceipt) {
			lost(symphony.ErrLeaseLost)
			return
		} else if IsCode(err, CodeMessageCancelled) {
			lost(symphony.ErrCancelled)
			return
		}
	}
}

// ackAll acks what comes, as many as have come at a time.
func (p *puller) ackAll() {
	for first := range p.acks {
		list, size := []wire.AckItem{first}, len(first.Output)
		for more := true; more && len(list) < cap(p.acks) && size < maxAckBytes; {
			select {
			case it, ok := <-p.acks:
				if more = ok; ok {
					list, size = append(list, it), size+len(it.Output)
				}
			default:
				more = false
			}
		}
		p.settle(func(ctx context.Context) error {
			_, err := p.Ack(ctx, ackRequest(list))
			again := tooLarge(err, list)
			if len(again) == 0 {
				return err
			}
			p.o.Logger.Warn("outputs were too large; their messages are completed without", "error", err)
			list = again
			_, err = p.Ack(ctx, ackRequest(list))
			return err
		})
	}
}

// settle tells the server a result, for as long as the lease may last.
func (p *puller) settle(do func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.base), p.o.Lease)
	defer cancel()
	for pause := minPause; ; {
		err := do(ctx)
		if err == nil {
			return
		}
		if IsCode(err, CodeMessageCancelled) {
			return // it does not come again
		}
		if isFinal(err) || ctx.Err() != nil {
			p.o.Logger.Warn("a result could not be told to the server; the message is delivered again", "error", fmt.Errorf("pull: %w", err))
			return
		}
		pause = p.rest(ctx, err, pause)
	}
}

// Receive claims messages, waiting for one as long as the request says. See Pull for a worker that does all of it.
func (c *Client) Receive(ctx context.Context, r wire.ReceiveRequest) (wire.ReceiveResponse, error) {
	return send(ctx, c, wire.ReceiveMessages, "", nil, r)
}

// Ack completes messages. Where leases were lost the error has code lease_lost, else message_cancelled where messages
// were cancelled, or foreign_receipt for receipts of another installation or version, and Error.Lost names their
// receipts; the others are completed.
func (c *Client) Ack(ctx context.Context, r wire.AckRequest) (wire.ReceiptsResponse, error) {
	return send(ctx, c, wire.AckMessages, "", nil, r)
}

// Nack reports that a message was not handled. Error and ErrorClass may be any texts: they are cleaned and cut.
func (c *Client) Nack(ctx context.Context, r wire.NackRequest) (out wire.NackResponse, err error) {
	if r.Error != nil {
		text := symphony.ClipError(*r.Error)
		r.Error = &text
	}
	if r.ErrorClass != nil {
		class := symphony.CleanClass(*r.ErrorClass)
		r.ErrorClass = &class
	}
	return send(ctx, c, wire.NackMessage, "", nil, r)
}

// Extend keeps messages for longer. Errors as with Ack.
func (c *Client) Extend(ctx context.Context, r wire.ExtendRequest) (wire.ReceiptsResponse, error) {
	return send(ctx, c, wire.ExtendLeases, "", nil, r)
}

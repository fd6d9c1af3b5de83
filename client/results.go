package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// Handlers of Pull leave outputs and tell how far they are, as handlers of Go workers do.

var errNotPulled = errors.New("client: this is no context of a handler of Pull")

// pulling is a message in the hands of a handler of Pull.
type pulling struct {
	client  *Client
	receipt string
	lease   int // milliseconds

	mu     sync.Mutex
	output jsontext.Value
}

type pullingKey struct{}

func pullingOf(ctx context.Context) (*pulling, error) {
	p, ok := ctx.Value(pullingKey{}).(*pulling)
	if !ok {
		return nil, errNotPulled
	}
	return p, nil
}

// SetOutput sets what the message in whose handler ctx is leaves once the handler returns nil; the last call wins. v is
// encoded as JSON. Where it is larger than the server takes, the message is completed without, which Pull logs. Errors:
// v cannot be encoded; ctx is of no handler of Pull.
func SetOutput(ctx context.Context, v any) error {
	p, err := pullingOf(ctx)
	if err != nil {
		return err
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("client: encode the output: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.output = raw
	return nil
}

// Progress tells how far the handling of the message has come in whose handler ctx is; total 0 means that it is not
// known of how much. It is a call to the server, and returns its error.
func Progress(ctx context.Context, done, total int64, text string) error {
	report := &wire.Report{Done: &done}
	if total > 0 {
		report.Total = &total
	}
	if text != "" {
		report.Text = &text
	}
	return tell(ctx, wire.ExtendRequest{Progress: report})
}

// Log keeps lines, at most 100, with the attempt in whose handler ctx is. It is a call to the server, and returns its
// error.
func Log(ctx context.Context, lines ...string) error {
	return tell(ctx, wire.ExtendRequest{Log: lines})
}

func tell(ctx context.Context, r wire.ExtendRequest) error {
	p, err := pullingOf(ctx)
	if err != nil {
		return err
	}
	r.Receipts, r.Lease = []string{p.receipt}, &p.lease
	_, err = p.client.Extend(ctx, r)
	return err
}

// item is the ack of a message that was handled.
func (p *pulling) item() wire.AckItem {
	p.mu.Lock()
	defer p.mu.Unlock()
	return wire.AckItem{Receipt: p.receipt, Output: p.output}
}

// ackRequest acks some messages.
func ackRequest(list []wire.AckItem) (r wire.AckRequest) {
	for _, it := range list {
		if it.Output == nil {
			r.Receipts = append(r.Receipts, it.Receipt)
		} else {
			r.Items = append(r.Items, it)
		}
	}
	return r
}

// maxAckBytes is from how many bytes of outputs on no more messages are acked in one call.
const maxAckBytes = 256 << 10

// undone are the receipts for which a call did nothing, with their codes.
func (e *Error) undone() (list []wire.LostReceipt) {
	if json.Unmarshal(e.Details, &list) != nil {
		return nil // the details are of another kind
	}
	return list
}

// tooLarge are those of some acks whose outputs were too large for the server, without them.
func tooLarge(err error, list []wire.AckItem) (again []wire.AckItem) {
	var answer *Error
	if !errors.As(err, &answer) {
		return nil
	}
	large := make(map[string]bool)
	for _, u := range answer.undone() {
		large[u.Receipt] = u.Code == CodeOutputTooLarge
	}
	all := answer.Status == http.StatusRequestEntityTooLarge && answer.Code != CodeOutputTooLarge // the whole request is
	for _, it := range list {
		if (all || large[it.Receipt]) && it.Output != nil {
			again = append(again, wire.AckItem{Receipt: it.Receipt})
		}
	}
	return again
}

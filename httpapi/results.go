package httpapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/worker"
)

// What workers leave and tell, and those who wait for it.

// look shows a message, at once or when it has ended.
func (c *call) look(messages *symphony.Messages, id string) (symphony.MessageInfo, error) {
	var list []symphony.Problem
	wait := millis(c.number("wait", 1, wire.MaxWait, &list))
	if len(list) > 0 {
		return symphony.MessageInfo{}, invalid(list...)
	}
	if wait == 0 {
		return messages.Look(c.Context(), id, 0)
	}
	who := callerOf(c.principal)
	if err := c.api.receivers.take(who); err != nil {
		return symphony.MessageInfo{}, err
	}
	defer c.api.receivers.leave(who)
	c.lasts(wait)
	if end := c.ends(); !end.IsZero() {
		wait = min(wait, max(end.Sub(c.api.o.Clock.Now()), time.Millisecond))
	}
	// A server that shuts down answers with what the message is now.
	ctx, stop := context.WithCancel(c.Context())
	defer stop()
	defer context.AfterFunc(c.api.o.Draining, stop)()
	began := c.api.o.Clock.Now()
	m, err := messages.Look(ctx, id, wait)
	if err == nil && c.api.o.Clock.Now().Sub(began) > auth.KeyCacheTTL {
		err = c.stillAllowed(c.Request)
	}
	return m, err
}

// acks are the receipts of a request with what each leaves, those of its items behind the others, or every problem with
// them. What is too large is told of in large, by its place.
func (c *call) acks(s *seal, req *wire.AckRequest) (all []receipt, outputs []symphony.Settlement, large []undone,
	list []symphony.Problem) {
	n := len(req.Receipts) + len(req.Items)
	if n == 0 || n > wire.MaxReceipts {
		message := fmt.Sprintf("receipts and items together must have 1 to %d entries, have %d", wire.MaxReceipts, n)
		return nil, nil, nil, []symphony.Problem{{Path: "receipts", Message: message}}
	}
	all, outputs = make([]receipt, n), make([]symphony.Settlement, n)
	for i := range n {
		text := req.Text(i)
		r, err := c.receipt(s, text)
		if err == nil && r.push {
			err = errPushReceipt
		}
		if err != nil {
			list = append(list, symphony.Problem{Path: req.Path(i), Message: err.Error()})
		}
		if all[i] = r; i < len(req.Receipts) {
			continue
		}
		output := req.Items[i-len(req.Receipts)].Output
		if len(output) == 0 {
			continue
		}
		switch err := symphony.CheckOutput(output, c.api.o.MaxOutput); {
		case errors.Is(err, symphony.ErrOutputTooLarge):
			large = append(large, undone{i, codeOutputTooLarge, err.Error() + "; nothing was changed. Ack it without"})
		case err != nil:
			path := fmt.Sprintf("items[%d].output", i-len(req.Receipts))
			list = append(list, symphony.Problem{Path: path, Message: err.Error()})
		default:
			outputs[i].Output = []byte(output)
		}
	}
	return all, outputs, large, list
}

// reported is what an extend tells of a message, nil where it tells nothing, or every problem with it.
func reported(req *wire.ExtendRequest) (n *symphony.Note, list []symphony.Problem) {
	if req.Progress == nil && req.Log == nil {
		return nil, nil
	}
	if len(req.Receipts) != 1 {
		message := fmt.Sprintf("must have exactly one entry with progress or log, has %d", len(req.Receipts))
		list = append(list, symphony.Problem{Path: "receipts", Message: message})
	}
	n = &symphony.Note{Log: req.Log}
	if p := req.Progress; p != nil {
		if p.Done == nil {
			list = append(list, symphony.Problem{Path: "progress.done", Message: "is required"})
		}
		if p.Total != nil && *p.Total < 1 {
			list = append(list, symphony.Problem{Path: "progress.total", Message: "must be at least 1"})
		}
		n.Progress = &symphony.ProgressState{Done: value(p.Done), Total: max(value(p.Total), 0), Text: value(p.Text)}
		list = append(list, n.Progress.Problems("progress.")...)
	}
	if len(req.Log) > wire.MaxLogLines {
		message := fmt.Sprintf("must have at most %d entries, has %d", wire.MaxLogLines, len(req.Log))
		list = append(list, symphony.Problem{Path: "log", Message: message})
	}
	return n, list
}

// errPushReceipt says that a receipt came with a push, and may do less than others.
var errPushReceipt = errors.New("came with a push, and is good for extend with progress and log only")

// extending checks the receipts of an extend: what came with a push tells something and extends nothing, and is all
// that a caller without another credential may use.
func (c *call) extending(req *wire.ExtendRequest, receipts []receipt, note *symphony.Note) (list []symphony.Problem) {
	for i, r := range receipts {
		if r.push && (note == nil || req.Lease != nil) {
			list = append(list, symphony.Problem{Path: fmt.Sprintf("receipts[%d]", i), Message: errPushReceipt.Error()})
		}
	}
	return list
}

// byReceipt lets in a caller whose only credential is the receipt of a push.
func (c *call) byReceipt(receipts []receipt) error {
	if c.principal.Kind != bearerKind {
		return nil
	}
	if len(receipts) != 1 || !receipts[0].push {
		return c.api.o.Auth.Missing()
	}
	return c.api.callers.admit(caller{bearerKind, receipts[0].lease.MessageID})
}

// bearerKind is the kind of callers who are let in for what is in their body.
const bearerKind auth.Kind = "receipt"

// tell keeps what a worker tells of its message.
func (c *call) tell(ctx context.Context, t symphony.Transport, r *receipt, n *symphony.Note) []error {
	store, ok := t.(symphony.MessageStore)
	if !ok || !t.Capabilities().Messages {
		return []error{fmt.Errorf("transport %q does not show its messages: %w", t.Name(), symphony.ErrUnsupported)}
	}
	n.Lease, n.KeepLog = r.lease, c.api.o.Mux.KeepsLogs(r.typ)
	errs := store.NoteMessages(ctx, []symphony.Note{*n})
	if errs == nil || errs[0] == nil {
		for _, o := range symphony.ObserversAs[worker.NoteObserver](c.api.o.Observer) {
			o.MessagesNoted(r.transport, []symphony.Note{*n})
		}
	}
	return errs
}

// PushReceipt is the receipt that goes along with a push of a delivery by a worker: its endpoint may tell by it how far
// it has come, as long as the delivery is in hand. Empty where the key of receipts cannot be read now.
func (a *API) PushReceipt(ctx context.Context, worker string, d *symphony.Delivery) string {
	s, err := a.seals.get(ctx)
	if err != nil {
		return ""
	}
	r := receiptOf(d.Transport, worker, d)
	r.push = true
	return r.text(s)
}

// maxOutputOr is how many bytes an output may have.
func maxOutputOr(n int) int {
	return min(cmp.Or(n, symphony.DefaultMaxOutputBytes), symphony.MaxOutputBytes)
}

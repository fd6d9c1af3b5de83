package client

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// MessageQuery asks for messages. Zero fields select everything.
type MessageQuery struct {
	Transport string
	Status    string
	wire.MessageFilter
	Sort   string // createdAt or -createdAt; "" is the server's default
	Limit  int    // of one page; 0: the server's default
	Cursor string // NextCursor of the page before
}

func (q *MessageQuery) values() url.Values {
	values := inTransport(q.Transport)
	for name, value := range map[string]string{"status": q.Status, "queue": q.Queue, "type": q.Type, "q": q.Q, "sort": q.Sort, "cursor": q.Cursor} {
		if value != "" {
			values.Set(name, value)
		}
	}
	for name, n := range map[string]int{"priority": q.Priority, "limit": q.Limit} {
		if n != 0 {
			values.Set(name, strconv.Itoa(n))
		}
	}
	for name, t := range map[string]*time.Time{"since": q.Since, "until": q.Until} {
		if t != nil {
			values.Set(name, t.UTC().Format(time.RFC3339Nano))
		}
	}
	return values
}

// Messages returns a page of messages. It may have fewer than the limit, or none, and a next page: then nothing more
// matched among as many messages as one search looks at.
func (c *Client) Messages(ctx context.Context, q MessageQuery) (wire.MessagesResponse, error) {
	return ask(ctx, c, wire.ListMessages, "", q.values())
}

// Message returns one message with its attempts and timeline.
func (c *Client) Message(ctx context.Context, transport, id string) (wire.MessageResponse, error) {
	return ask(ctx, c, wire.GetMessage, id, c.reading(inTransport(transport)))
}

// EditMessage changes a pending message: what is given replaces what is there, nil takes it away. The members are those
// of wire.MessageChange.
func (c *Client) EditMessage(
	ctx context.Context, transport, id string, change map[string]any,
) (wire.MessageResponse, error) {
	return send(ctx, c, wire.PatchMessage, id, inTransport(transport), change)
}

// DeleteMessage deletes a pending message.
func (c *Client) DeleteMessage(ctx context.Context, transport, id string) (wire.DoneResponse, error) {
	return ask(ctx, c, wire.DeleteMessage, id, inTransport(transport))
}

// RunMessageNow drops the delay of a pending message.
func (c *Client) RunMessageNow(ctx context.Context, transport, id string) (wire.DoneResponse, error) {
	return ask(ctx, c, wire.RunMessageNow, id, inTransport(transport))
}

// ReplayMessage dispatches a completed message again.
func (c *Client) ReplayMessage(ctx context.Context, transport, id string, r wire.ReplayRequest) (wire.ReplayResponse, error) {
	return send(ctx, c, wire.ReplayMessage, id, inTransport(transport), r)
}

// PreviewReplay counts the messages that a replay selects.
func (c *Client) PreviewReplay(ctx context.Context, r wire.ReplayManyRequest) (wire.PreviewCountResponse, error) {
	yes := true
	r.DryRun = &yes
	return send(ctx, c, wire.ReplayMessages, "", nil, r)
}

// ReplayMessages dispatches many completed messages again, in the background.
func (c *Client) ReplayMessages(ctx context.Context, r wire.ReplayManyRequest) (wire.OperationResponse, error) {
	r.DryRun = nil
	return send(ctx, c, wire.StartReplay, "", nil, r)
}

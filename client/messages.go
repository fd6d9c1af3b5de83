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
	Transport string // "": all transports
	wire.MessageFilter
	Sort   string // createdAt or -createdAt; "" is the server's default
	Limit  int    // of one page; 0: the server's default
	Cursor string // NextCursor of the page before
}

func (q *MessageQuery) values() url.Values {
	values := inTransport(q.Transport)
	q.Values(values)
	for name, value := range map[string]string{"sort": q.Sort, "cursor": q.Cursor} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if q.Limit != 0 {
		values.Set("limit", strconv.Itoa(q.Limit))
	}
	return values
}

// Messages returns a page of messages. It may have fewer than the limit, or none, and a next page: then nothing more
// matched among as many messages as one search looks at.
func (c *Client) Messages(ctx context.Context, q MessageQuery) (wire.MessagesResponse, error) {
	return ask(ctx, c, wire.ListMessages, "", q.values())
}

// FindMessage says which transport has the message with an id, or with an id in the dead letter queue, and its status.
func (c *Client) FindMessage(ctx context.Context, id string) (wire.SearchResponse, error) {
	return ask(ctx, c, wire.FindMessage, "", url.Values{"id": {id}})
}

// CountMessages counts messages by status; exact has all counted where an index or a counter carries the filter. Sort,
// limit and cursor of the query say nothing.
func (c *Client) CountMessages(ctx context.Context, q MessageQuery, exact bool) (wire.CountsResponse, error) {
	values := inTransport(q.Transport)
	q.Values(values)
	if exact {
		values.Set("exact", "true")
	}
	return ask(ctx, c, wire.CountMessages, "", values)
}

// Message returns one message with its attempts and timeline.
func (c *Client) Message(ctx context.Context, transport, id string) (wire.MessageResponse, error) {
	return ask(ctx, c, wire.GetMessage, id, c.reading(inTransport(transport)))
}

// EditMessage changes a pending message: what is given replaces what is there, nil takes it away. The members are those
// of wire.MessageEdit.
func (c *Client) EditMessage(
	ctx context.Context, transport, id string, change map[string]any,
) (wire.MessageResponse, error) {
	return send(ctx, c, wire.PatchMessage, id, inTransport(transport), change)
}

// WaitMessage returns one message as soon as it has ended, or as it is when so much time, 1 ms to 30 s, is over.
func (c *Client) WaitMessage(ctx context.Context, transport, id string, d time.Duration) (wire.MessageResponse, error) {
	values := inTransport(transport)
	values.Set("wait", strconv.FormatInt(max(d.Milliseconds(), 1), 10))
	return ask(ctx, c, wire.GetMessage, id, values)
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

// PreviewCancel counts the messages that would be cancelled.
func (c *Client) PreviewCancel(ctx context.Context, r wire.CancelManyRequest) (wire.PreviewCountResponse, error) {
	r.DryRun = new(true)
	return send(ctx, c, wire.CancelMessages, "", nil, r)
}

// PreviewEdit counts the messages that would be changed.
func (c *Client) PreviewEdit(ctx context.Context, r wire.EditManyRequest) (wire.PreviewCountResponse, error) {
	r.DryRun = new(true)
	return send(ctx, c, wire.EditMessages, "", nil, r)
}

// PreviewDelete counts the messages that would be deleted.
func (c *Client) PreviewDelete(ctx context.Context, r wire.DeleteManyRequest) (wire.PreviewCountResponse, error) {
	r.DryRun = new(true)
	return send(ctx, c, wire.DeleteMessages, "", nil, r)
}

// CancelMessages cancels many messages, in the background: those that wait, and those that workers have in hand.
func (c *Client) CancelMessages(ctx context.Context, r wire.CancelManyRequest) (wire.OperationResponse, error) {
	r.DryRun = nil
	return send(ctx, c, wire.StartCancel, "", nil, r)
}

// EditMessages changes many pending messages, in the background. The members of Set are those of wire.MessageEdit;
// null takes away what is there.
func (c *Client) EditMessages(ctx context.Context, r wire.EditManyRequest) (wire.OperationResponse, error) {
	r.DryRun = nil
	return send(ctx, c, wire.StartEdit, "", nil, r)
}

// DeleteMessages deletes many pending messages, in the background.
func (c *Client) DeleteMessages(ctx context.Context, r wire.DeleteManyRequest) (wire.OperationResponse, error) {
	r.DryRun = nil
	return send(ctx, c, wire.StartDelete, "", nil, r)
}

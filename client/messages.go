package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/symphony-messenger/symphony/httpapi/wire"
)

const messagesPath = "/api/symphony/messages"

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
func (c *Client) Messages(ctx context.Context, q MessageQuery) (out wire.MessagesResponse, err error) {
	err = c.do(ctx, http.MethodGet, messagesPath, q.values(), nil, &out)
	return out, err
}

// Message returns one message with its attempts and timeline.
func (c *Client) Message(ctx context.Context, transport, id string) (out wire.MessageResponse, err error) {
	err = c.do(ctx, http.MethodGet, messagesPath+"/"+url.PathEscape(id), inTransport(transport), nil, &out)
	return out, err
}

// CancelMessage deletes a pending message.
func (c *Client) CancelMessage(ctx context.Context, transport, id string) (out wire.DoneResponse, err error) {
	err = c.do(ctx, http.MethodDelete, messagesPath+"/"+url.PathEscape(id), inTransport(transport), nil, &out)
	return out, err
}

// RunMessageNow drops the delay of a pending message.
func (c *Client) RunMessageNow(ctx context.Context, transport, id string) (out wire.DoneResponse, err error) {
	err = c.do(ctx, http.MethodPost, messagesPath+"/"+url.PathEscape(id)+"/run-now", inTransport(transport), nil, &out)
	return out, err
}

// ReplayMessage dispatches a completed message again.
func (c *Client) ReplayMessage(ctx context.Context, transport, id string, r wire.ReplayRequest) (out wire.ReplayResponse, err error) {
	err = c.do(ctx, http.MethodPost, messagesPath+"/"+url.PathEscape(id)+"/replay", inTransport(transport), r, &out)
	return out, err
}

// PreviewReplay counts the messages that a replay selects.
func (c *Client) PreviewReplay(ctx context.Context, r wire.ReplayManyRequest) (out wire.PreviewCountResponse, err error) {
	yes := true
	r.DryRun = &yes
	err = c.do(ctx, http.MethodPost, messagesPath+"/replay", nil, r, &out)
	return out, err
}

// ReplayMessages dispatches many completed messages again, in the background.
func (c *Client) ReplayMessages(ctx context.Context, r wire.ReplayManyRequest) (out wire.OperationResponse, err error) {
	r.DryRun = nil
	err = c.do(ctx, http.MethodPost, messagesPath+"/replay", nil, r, &out)
	return out, err
}

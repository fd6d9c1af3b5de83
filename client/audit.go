package client

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// AuditQuery asks for a page of the audit trail. Zero fields select everything.
type AuditQuery struct {
	Action       string // exact, or a pattern such as failed.*
	Who          string // id or name
	Target       string // a value in what it was done to, or in what it made: an id, the name of a queue
	Since, Until time.Time
	Limit        int    // 0: the server's default
	Cursor       string // NextCursor of the page before
}

// Audit returns a page of what people did, newest first.
func (c *Client) Audit(ctx context.Context, q AuditQuery) (out wire.AuditResponse, err error) {
	values := url.Values{}
	for name, value := range map[string]string{
		"action": q.Action, "who": q.Who, "target": q.Target, "cursor": q.Cursor,
	} {
		if value != "" {
			values.Set(name, value)
		}
	}
	for name, at := range map[string]time.Time{"since": q.Since, "until": q.Until} {
		if !at.IsZero() {
			values.Set(name, at.UTC().Format(time.RFC3339Nano))
		}
	}
	if q.Limit != 0 {
		values.Set("limit", strconv.Itoa(q.Limit))
	}
	return ask(ctx, c, wire.ListAuditEntries, "", values)
}

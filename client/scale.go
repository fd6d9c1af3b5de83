package client

import (
	"context"
	"strconv"
	"time"

	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// ScaleQuery asks how many workers a queue needs. Zero fields leave the choice to the server.
type ScaleQuery struct {
	Transport, Queue string
	Concurrency      int           // how many messages a worker handles at a time
	Drain            time.Duration // within what time the backlog is to be handled, in whole milliseconds
}

// Scale tells how many workers a queue needs, and what that follows from.
func (c *Client) Scale(ctx context.Context, q ScaleQuery) (wire.ScaleResponse, error) {
	values := inTransport(q.Transport)
	if q.Queue != "" {
		values.Set("queue", q.Queue)
	}
	for name, n := range map[string]int64{"concurrency": int64(q.Concurrency), "drain": q.Drain.Milliseconds()} {
		if n != 0 {
			values.Set(name, strconv.FormatInt(n, 10))
		}
	}
	return ask(ctx, c, wire.GetScale, "", values)
}

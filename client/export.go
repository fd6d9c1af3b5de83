package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// send sends a request with a body that is none of JSON, or none, and returns the answer, whose body is to be closed.
func (c *Client) send(ctx context.Context, method, path string, query url.Values, contentType string, body io.Reader) (*http.Response, error) {
	u := *c.base
	u.Path += path
	u.RawPath = ""
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	req.Header.Set("User-Agent", c.agent)
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	if resp.StatusCode >= 300 {
		defer resp.Body.Close()
		raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
		if err != nil {
			return nil, fmt.Errorf("client: read answer: %w", err)
		}
		return nil, answerError(resp, raw)
	}
	return resp, nil
}

// export copies what a route streams.
func (c *Client) export(ctx context.Context, path string, query url.Values, format string, w io.Writer) error {
	if format != "" {
		query.Set("format", format)
	}
	resp, err := c.send(ctx, http.MethodGet, path, query, "", nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("client: the export broke off: %w", err)
	}
	return nil
}

// ExportMessages writes all messages that match to w, as "jsonl" or "csv", as they arrive. After an error what was
// written is not all. Limit and Cursor do not matter.
func (c *Client) ExportMessages(ctx context.Context, q MessageQuery, format string, w io.Writer) error {
	q.Limit, q.Cursor = 0, ""
	return c.export(ctx, wire.ExportMessages.Path, c.reading(q.values()), format, w)
}

// ExportFailed writes all failed messages that match to w, as ExportMessages does it.
func (c *Client) ExportFailed(ctx context.Context, q FailedQuery, format string, w io.Writer) error {
	q.Limit, q.Offset, q.Cursor = 0, 0, ""
	return c.export(ctx, wire.ExportFailedMessages.Path, c.reading(q.values()), format, w)
}

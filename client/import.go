package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// ImportOptions are the optional settings of an import.
type ImportOptions struct {
	Transport string   // "": the one that each message was exported from
	Statuses  []string // none: all but completed
	DryRun    bool     // check only
}

// ImportMessages imports what was exported, as "jsonl" or "csv". The file is read as it is sent, whatever its length.
// An import that broke off can be repeated.
func (c *Client) ImportMessages(ctx context.Context, file io.Reader, format string, o ImportOptions) (out wire.ImportResponse, err error) {
	query := inTransport(o.Transport)
	if len(o.Statuses) > 0 {
		query.Set("status", strings.Join(o.Statuses, ","))
	}
	if o.DryRun {
		query.Set("dryRun", strconv.FormatBool(true))
	}
	media := "application/x-ndjson"
	if format == "csv" {
		media = "text/csv"
	}
	resp, err := c.send(ctx, http.MethodPost, wire.ImportMessages.Path, query, media, file)
	if err != nil {
		return out, err
	}
	defer resp.Body.Close()
	if err := json.UnmarshalRead(io.LimitReader(resp.Body, maxAnswer), &out); err != nil {
		return out, fmt.Errorf("client: the import was not answered as expected: %w", err)
	}
	return out, nil
}

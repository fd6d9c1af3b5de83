package client

import (
	"context"

	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// FailureGroups returns a page of groups of failures, those that failed last first. Offset is not used.
func (c *Client) FailureGroups(ctx context.Context, q FailedQuery) (wire.FailureGroupsResponse, error) {
	return ask(ctx, c, wire.ListFailureGroups, "", q.values())
}

// PreviewGroupRetry tells what the retry of a group of failures would do.
func (c *Client) PreviewGroupRetry(
	ctx context.Context, transport, group string, r wire.GroupRetryRequest,
) (wire.GroupPreviewResponse, error) {
	r.DryRun = new(true)
	return send(ctx, c, wire.RetryFailureGroup, group, inTransport(transport), r)
}

// RetryGroup dispatches the failed messages of a group again, in the background.
func (c *Client) RetryGroup(
	ctx context.Context, transport, group string, r wire.GroupRetryRequest,
) (wire.OperationResponse, error) {
	r.DryRun = nil
	return send(ctx, c, wire.StartRetryGroup, group, inTransport(transport), r)
}

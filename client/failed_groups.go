package client

import (
	"context"

	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// GroupQuery selects groups of failures. Offset is not used.
type GroupQuery struct {
	FailedQuery
	State string // "": all; open, ignored, resolved or regressed
	Left  bool   // only those of which dead letters are there
}

// FailureGroups returns a page of groups of failures, those that failed last first.
func (c *Client) FailureGroups(ctx context.Context, q GroupQuery) (wire.FailureGroupsResponse, error) {
	values := q.values()
	if q.State != "" {
		values.Set("state", q.State)
	}
	if q.Left {
		values.Set("left", "true")
	}
	return ask(ctx, c, wire.ListFailureGroups, "", values)
}

// PreviewGroupRetry tells what the retry of a group of failures would do.
func (c *Client) PreviewGroupRetry(
	ctx context.Context, transport, group string, r wire.GroupRetryRequest,
) (wire.GroupPreviewResponse, error) {
	r.DryRun = new(true)
	return send(ctx, c, wire.RetryFailureGroup, group, inTransport(transport), r)
}

// PreviewGroupDelete counts the failed messages of a group. An empty transport is whichever has the group.
func (c *Client) PreviewGroupDelete(ctx context.Context, transport, group string) (wire.PreviewCountResponse, error) {
	r := wire.GroupDeleteRequest{DryRun: new(true)}
	return send(ctx, c, wire.DeleteFailureGroup, group, inTransport(transport), r)
}

// DeleteGroup deletes the failed messages of a group, in the background.
func (c *Client) DeleteGroup(
	ctx context.Context, transport, group string, r wire.GroupDeleteRequest,
) (wire.OperationResponse, error) {
	r.DryRun = nil
	return send(ctx, c, wire.StartDeleteGroup, group, inTransport(transport), r)
}

// IgnoreGroup has a group ignored, for a time or a number of failures.
func (c *Client) IgnoreGroup(
	ctx context.Context, transport, group string, r wire.GroupIgnoreRequest,
) (wire.FailureGroupResponse, error) {
	return send(ctx, c, wire.IgnoreFailureGroup, group, inTransport(transport), r)
}

// ResolveGroup says that the cause of a group's failures is removed.
func (c *Client) ResolveGroup(
	ctx context.Context, transport, group string, r wire.GroupResolveRequest,
) (wire.FailureGroupResponse, error) {
	return send(ctx, c, wire.ResolveFailureGroup, group, inTransport(transport), r)
}

// RetryGroup dispatches the failed messages of a group again, in the background.
func (c *Client) RetryGroup(
	ctx context.Context, transport, group string, r wire.GroupRetryRequest,
) (wire.OperationResponse, error) {
	r.DryRun = nil
	return send(ctx, c, wire.StartRetryGroup, group, inTransport(transport), r)
}

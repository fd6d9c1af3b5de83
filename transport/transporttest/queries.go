package transporttest

import (
	"context"

	"github.com/symphony-messenger/symphony"
)

// The queries and moves that tests make of a store, where no Bus stands before it.

// GetMessage asks for one message, or symphony.ErrNotFound.
func GetMessage(ctx context.Context, store symphony.MessageStore, id string) (symphony.MessageInfo, error) {
	return one(ctx, store, symphony.MessageQuery{ID: id})
}

// GetFailed asks for one failed message by its FailedID, or symphony.ErrNotFound.
func GetFailed(ctx context.Context, store symphony.MessageStore, id string) (symphony.MessageInfo, error) {
	return one(ctx, store, symphony.MessageQuery{ID: id, ByFailure: true})
}

func one(ctx context.Context, store symphony.MessageStore, q symphony.MessageQuery) (symphony.MessageInfo, error) {
	if q.ID == "" {
		return symphony.MessageInfo{}, symphony.ErrNotFound // the query would be about all
	}
	switch page, err := store.ListMessages(ctx, q.WithDefaults()); {
	case err != nil:
		return symphony.MessageInfo{}, err
	case len(page.Messages) == 0:
		return symphony.MessageInfo{}, symphony.ErrNotFound
	default:
		return page.Messages[0], nil
	}
}

// CountMessages counts messages in the order of dispatch.
func CountMessages(ctx context.Context, store symphony.MessageStore, q symphony.MessageQuery) (symphony.MessagePage, error) {
	q.CountOnly = true
	return store.ListMessages(ctx, q.WithDefaults())
}

// ListFailed lists messages in the order of their failure.
func ListFailed(ctx context.Context, store symphony.MessageStore, q symphony.MessageQuery) (symphony.MessagePage, error) {
	q.ByFailure = true
	return store.ListMessages(ctx, q.WithDefaults())
}

// SelectFailed returns FailedIDs, oldest failure first.
func SelectFailed(ctx context.Context, store symphony.MessageStore, f symphony.MessageFilter, limit int) ([]string, error) {
	page, err := ListFailed(ctx, store, symphony.MessageQuery{MessageFilter: f, Oldest: true, Limit: limit, Bytes: symphony.NoBodies})
	return failedIDs(page), err
}

// DeleteFailed deletes failed messages.
func DeleteFailed(ctx context.Context, store symphony.MessageStore, ids ...string) (int, error) {
	return store.MoveFailed(ctx, deletes(ids))
}

// deletes are the moves that delete failed messages.
func deletes(ids []string) []symphony.FailedMove {
	moves := make([]symphony.FailedMove, len(ids))
	for i, id := range ids {
		moves[i].ID = id
	}
	return moves
}

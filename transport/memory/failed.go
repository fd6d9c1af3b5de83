package memory

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

func (t *Transport) matches(f *failure, q symphony.FailedFilter) bool {
	text := lower(q.Text)
	return f.Transport == t.name && (q.Queue == "" || f.Queue == q.Queue) && (q.Type == "" || f.Type == q.Type) &&
		(q.ErrorClass == "" || f.ErrorClass == q.ErrorClass) && (q.DispatchedBy == "" || f.DispatchedBy == q.DispatchedBy) && !f.FailedAt.Before(q.Since) && (q.Until.IsZero() || f.FailedAt.Before(q.Until)) &&
		(text == "" || strings.Contains(lower(f.Type), text) || strings.Contains(lower(f.Error), text) || strings.Contains(lower(string(f.Payload)), text))
}

// lower folds the letters of ASCII only, as FailedFilter.Text promises.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

func copyFailed(f *failure) symphony.FailedMessage {
	c := f.FailedMessage
	c.Envelope = stored(&f.Envelope)
	c.Attempts, c.Done = slices.Clone(f.Attempts), slices.Clone(f.Done)
	return c
}

// ListFailed returns a page of failed messages, newest failure first.
func (t *Transport) ListFailed(ctx context.Context, q symphony.FailedQuery) (page symphony.FailedPage, err error) {
	if err := t.enter(ctx); err != nil {
		return page, err
	}
	defer t.mu.Unlock()
	bytes := storage.NewPageBytes(q.Bytes)
	skip := q.Offset
	if q.After != "" {
		skip = 0
	}
	for _, f := range slices.Backward(t.failed) {
		if !t.matches(f, q.FailedFilter) {
			continue
		}
		if q.NoTotal && page.HasMore {
			break
		}
		page.Total++
		switch {
		case q.After != "" && f.ID >= q.After:
		case skip > 0:
			skip--
		case len(page.Messages) == q.Limit:
			page.HasMore = true
		default:
			m := *f
			if bytes.Left() == 0 {
				m.Omitted = storage.Bare(&m.Envelope, &m.Attempts)
			} else {
				bytes.Message(&m.Envelope, m.Attempts)
			}
			page.Messages = append(page.Messages, copyFailed(&m))
		}
	}
	if q.NoTotal {
		page.Total = 0
	}
	if page.HasMore {
		page.Next = page.Messages[len(page.Messages)-1].ID
	}
	return page, nil
}

// find returns the place of a failed message of this transport, -1 if there is none.
func (t *Transport) find(id string) int {
	i, ok := slices.BinarySearchFunc(t.failed, id, func(f *failure, id string) int { return strings.Compare(f.ID, id) })
	if !ok || t.failed[i].Transport != t.name {
		return -1
	}
	return i
}

// GetFailed returns one failed message.
func (t *Transport) GetFailed(ctx context.Context, id string) (symphony.FailedMessage, error) {
	if err := t.enter(ctx); err != nil {
		return symphony.FailedMessage{}, err
	}
	defer t.mu.Unlock()
	if i := t.find(id); i >= 0 {
		return copyFailed(t.failed[i]), nil
	}
	return symphony.FailedMessage{}, fmt.Errorf("failed message %s: %w", id, symphony.ErrNotFound)
}

// SelectFailed returns ids of failed messages, oldest failure first.
func (t *Transport) SelectFailed(ctx context.Context, q symphony.FailedFilter, limit int) (ids []string, err error) {
	if err := t.enter(ctx); err != nil {
		return nil, err
	}
	defer t.mu.Unlock()
	for _, f := range t.failed {
		if len(ids) == limit {
			break
		}
		if t.matches(f, q) {
			ids = append(ids, f.ID)
		}
	}
	return ids, nil
}

// remove takes a failed message out of the dead letter queue.
func (t *Transport) remove(i int) *failure {
	f := t.failed[i]
	t.failed = slices.Delete(t.failed, i, i+1)
	t.lane(t.name, f.Queue).counts.Failed--
	t.drop(f.message)
	return f
}

// RetryFailed dispatches failed messages again.
func (t *Transport) RetryFailed(ctx context.Context, retries []symphony.FailedRetry) ([]string, error) {
	if err := t.enter(ctx); err != nil {
		return nil, err
	}
	defer t.mu.Unlock()
	return t.retryFailed(retries), nil
}

// retryFailed is RetryFailed under the lock.
func (t *Transport) retryFailed(retries []symphony.FailedRetry) (done []string) {
	now := t.now()
	for _, r := range retries {
		i := t.find(r.ID)
		if i < 0 {
			continue
		}
		f := t.remove(i)
		m := &message{Envelope: f.Envelope, lane: t.lane(t.name, f.Queue), available: now, done: f.Done}
		m.ID, m.CreatedAt, m.ScheduledAt, m.Flow = r.NewID, t.shown(now), time.Time{}, f.Flow.Again()
		if r.Payload != nil {
			m.Payload = slices.Clone(r.Payload)
		}
		t.add(m)
		done = append(done, r.ID)
	}
	t.wake()
	return done
}

// DeleteFailed deletes failed messages.
func (t *Transport) DeleteFailed(ctx context.Context, ids []string) (int, error) {
	if err := t.enter(ctx); err != nil {
		return 0, err
	}
	defer t.mu.Unlock()
	return t.deleteFailed(ids), nil
}

// deleteFailed is DeleteFailed under the lock.
func (t *Transport) deleteFailed(ids []string) (n int) {
	for _, id := range ids {
		if i := t.find(id); i >= 0 {
			t.remove(i)
			n++
		}
	}
	return n
}

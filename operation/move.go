package operation

import (
	"context"
	"slices"
	"time"

	"github.com/symphony-messenger/symphony"
)

// What fails after the work began is left alone: else messages that fail again at once would be retried for ever.
// That is so by the time of the failure, which must be before the beginning. A clock that was set back leaves
// failures of times to come: these are listed at the beginning, and moved last.

// maxAhead bounds how many failures of times to come are moved. The next request moves the rest.
const maxAhead = 100_000

// bound has a filter select nothing that fails from a time on, by the storage's clock. It returns the FailedIDs of
// what it selected and was dated after that.
func bound(
	ctx context.Context, dead *symphony.DeadLetters, f *symphony.MessageFilter, now time.Time,
) (ahead []string, err error) {
	if !f.Until.IsZero() && !f.Until.After(now) {
		return nil, nil
	}
	later := *f
	if later.Since.Before(now) {
		later.Since = now
	}
	f.Until = now
	return dead.Select(ctx, later, "", maxAhead)
}

// moves are what is to become of some failed messages.
func moves(kind Kind, ids []string, now time.Time) []symphony.FailedMove {
	list := make([]symphony.FailedMove, len(ids))
	for i, id := range ids {
		if list[i].ID = id; kind == FailedRetry {
			list[i].NewID = symphony.NewID(now)
		}
	}
	return list
}

// last is where a selection goes on.
func last(ids []string) string {
	if len(ids) == 0 {
		return ""
	}
	return ids[len(ids)-1]
}

// Do retries or deletes failed messages, in several transactions, and returns how many when all is done. dead are the
// messages of the request's transport, or those of one caller. progress, if not nil, is called with the count so far.
// On an error the count says what was done before it. Errors: *symphony.ValidationError, and those of the storage.
func Do(ctx context.Context, dead *symphony.DeadLetters, r Request, progress func(done int)) (int, error) {
	list := r.Problems()
	if r.Kind.OfMessages() {
		list = append(list, symphony.Problem{Path: "kind", Message: "this is done in the background only"})
	}
	if r.Rate != 0 {
		list = append(list, symphony.Problem{Path: "rate", Message: "is for work in the background"})
	}
	if len(list) > 0 {
		return 0, &symphony.ValidationError{Problems: list}
	}
	ids, done := r.IDs, 0
	step := func(ids []string) error {
		list, _, err := patched(ctx, dead, r.Patch, moves(r.Kind, ids, dead.Now()))
		if err != nil {
			return err
		}
		n, err := dead.Move(ctx, list)
		if done += n; err == nil && progress != nil {
			progress(done)
		}
		return err
	}
	if r.Filter != nil {
		f := *r.Filter
		var err error
		if ids, err = bound(ctx, dead, &f, dead.Now()); err != nil {
			return 0, err
		}
		for after := ""; ; {
			some, err := dead.Select(ctx, f, after, stepMessages)
			if err != nil {
				return done, err
			}
			if len(some) == 0 {
				break
			}
			if err := step(some); err != nil {
				return done, err
			}
			after = last(some)
		}
	}
	for some := range slices.Chunk(ids, stepMessages) {
		if err := step(some); err != nil {
			return done, err
		}
	}
	return done, nil
}

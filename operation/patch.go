package operation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/triage"
)

// A retry may correct payloads by a patch. Each is checked as at a dispatch; what would be refused stays where it is.

// patchedAtOnce is how many bodies a step with a patch reads.
const patchedAtOnce = symphony.MaxMessagePage

// patched corrects the payloads of retries. It returns the moves that can be made, and the failed messages that cannot.
func patched(
	ctx context.Context, dead *symphony.DeadLetters, patch json.RawMessage, moves []symphony.FailedMove,
) (good []symphony.FailedMove, refused []symphony.Refused, err error) {
	if patch == nil {
		return moves, nil, nil
	}
	p, err := triage.ParsePatch(patch)
	if err != nil {
		return nil, nil, fmt.Errorf("operation: patch: %w", err)
	}
	for _, move := range moves {
		f, err := dead.Get(ctx, move.ID)
		if errors.Is(err, symphony.ErrNotFound) {
			continue // it has been moved meanwhile
		}
		if err != nil {
			return nil, nil, err
		}
		after, err := correct(ctx, dead, p, &f)
		if err != nil && !refusal(err) {
			return nil, nil, err
		}
		if err != nil {
			refused = append(refused, symphony.Refused{ID: f.FailedID, Err: err})
			continue
		}
		move.ID, move.Payload = f.FailedID, after
		good = append(good, move)
	}
	return good, refused, nil
}

// correct is the payload that a patch makes of a failed message's, as it is stored.
func correct(
	ctx context.Context, dead *symphony.DeadLetters, p triage.Patch, f *symphony.MessageInfo,
) (json.RawMessage, error) {
	plain, err := dead.Plain(ctx, f)
	if err != nil {
		return nil, err
	}
	after, err := p.Apply(plain)
	if err != nil {
		return nil, &symphony.ValidationError{Problems: []symphony.Problem{{Path: "payload", Message: err.Error()}}}
	}
	return dead.Corrected(ctx, f, after)
}

// refusal reports whether an error says that a payload would be refused.
func refusal(err error) bool {
	var invalid *symphony.ValidationError
	return errors.As(err, &invalid)
}

// Example is a failed message as a patch would have it, and what would be wrong with it then.
type Example struct {
	symphony.MessageInfo
	After    json.RawMessage // nil where the patch cannot be applied
	Problems []symphony.Problem
}

// MaxExamples is how many examples a preview has.
const MaxExamples = 3

// Examples shows what a retry's patch would make of the first messages that it selects, of dead. Without a patch they
// stay as they are. Errors: *symphony.ValidationError, and those of the storage.
func Examples(ctx context.Context, dead *symphony.DeadLetters, r Request) (list []Example, err error) {
	if err := r.validate(); err != nil {
		return nil, err
	}
	if r.Patch == nil {
		r.Patch = json.RawMessage(`{}`)
	}
	p, err := triage.ParsePatch(r.Patch)
	if err != nil {
		return nil, err
	}
	ids := r.IDs[:min(len(r.IDs), MaxExamples)]
	if r.Filter != nil {
		if ids, err = dead.Select(ctx, *r.Filter, "", MaxExamples); err != nil {
			return nil, err
		}
	}
	for _, id := range ids {
		f, err := dead.Get(ctx, id)
		if errors.Is(err, symphony.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		example := Example{MessageInfo: f}
		if example.Payload, err = dead.Plain(ctx, &f); err != nil {
			return nil, err
		}
		example.After, err = p.Apply(example.Payload)
		if err == nil {
			_, err = dead.Corrected(ctx, &f, example.After)
		}
		var invalid *symphony.ValidationError
		switch {
		case errors.As(err, &invalid):
			example.Problems = invalid.Problems
		case err != nil:
			return nil, err
		}
		list = append(list, example)
	}
	return list, nil
}

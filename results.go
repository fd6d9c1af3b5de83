package symphony

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// A message that is completed may leave a result, its output: any JSON value, kept with the completed message for as
// long as that is. Of several handlers of a message, the last that set one in the attempt that completed it wins; what
// a failed attempt set is dropped.

// Reasons why a message was completed without the output that it should have, in MessageInfo.OutputError.
const (
	OutputTooLarge = "too_large"
	OutputNotJSON  = "invalid_json"
)

var (
	// ErrNoOutput says that a message has no output.
	ErrNoOutput = errors.New("the message has no output")
	// ErrOutputTooLarge says that an output has more bytes than are kept.
	ErrOutputTooLarge = errors.New("the output is too large")
	// errNotHandling says that a context is not that of a handler of one message.
	errNotHandling = errors.New("no message is being handled in this context; in a batch handler there are several, " +
		"and OfBatch returns the context of one")
)

// outcome is what a running handler has set for when it succeeds.
type outcome struct {
	output json.RawMessage
	err    string // in place of an output: why there is none
}

// SetOutput sets the output of the message that is being handled, in place of one that was set before. It is marshalled
// to JSON unless it is a json.RawMessage, and is encoded by the codec of the Mux, as payloads are. It is stored when
// the message is completed.
//
// Errors, with which nothing is changed: ErrOutputTooLarge if it has more bytes, as it is stored, than the worker keeps
// (DefaultMaxOutputBytes by default); one that says why it cannot be stored; and one where ctx is not that of a handler
// of a single message, nor one of OfBatch.
func SetOutput(ctx context.Context, v any) error {
	h, _ := ctx.Value(handlingKey{}).(*handling)
	if h == nil || h.delivery == nil {
		return fmt.Errorf("set output: %w", errNotHandling)
	}
	raw, err := marshalOutput(v)
	if err != nil {
		return fmt.Errorf("set output: %w", err)
	}
	if codec := h.codec(); codec != nil {
		if raw, err = sealOutput(ctx, codec, h.delivery.Type, raw); err != nil {
			return fmt.Errorf("set output: encode: %w", err)
		}
	}
	if most := reportingOf(ctx).maxOutput; len(raw) > most {
		return fmt.Errorf("set output: %w: it has %d bytes, %d are kept", ErrOutputTooLarge, len(raw), most)
	}
	h.outcome.Store(&outcome{output: raw})
	return nil
}

// SetOutputError notes why the message that is being handled has no output although it should: OutputTooLarge or
// OutputNotJSON. It is for handlers that pass messages on to programs whose work is done by then; others have the error
// of SetOutput. Outside of a handler it does nothing.
func SetOutputError(ctx context.Context, reason string) {
	if h, _ := ctx.Value(handlingKey{}).(*handling); h != nil && h.delivery != nil {
		h.outcome.Store(&outcome{err: reason})
	}
}

// OutputFrom returns what was set by SetOutput, or by SetOutputError, in the handler of ctx so far. It is for
// transports that complete a message from within its handler.
func OutputFrom(ctx context.Context) (output json.RawMessage, reason string) {
	if h, _ := ctx.Value(handlingKey{}).(*handling); h != nil {
		if o := h.outcome.Load(); o != nil {
			return o.output, o.err
		}
	}
	return nil, ""
}

// MaxOutput is how many bytes the output of the message may have that is being handled in ctx.
func MaxOutput(ctx context.Context) int { return reportingOf(ctx).maxOutput }

// Output returns the output of a message decoded into T. The error is ErrNoOutput where it has none.
func Output[T any](m MessageInfo) (v T, err error) {
	switch {
	case m.OutputError != "":
		return v, fmt.Errorf("message %s: %w: it was %s", m.ID, ErrNoOutput, m.OutputError)
	case len(m.Output) == 0:
		return v, fmt.Errorf("message %s: %w", m.ID, ErrNoOutput)
	}
	if err = json.Unmarshal(m.Output, &v); err != nil {
		err = fmt.Errorf("message %s: decode the output: %w", m.ID, err)
	}
	return v, err
}

// CheckOutput returns why a text cannot be stored as an output of at most so many bytes, as an error that is
// ErrOutputTooLarge where only its length is wrong.
func CheckOutput(raw []byte, most int) error {
	switch {
	case len(raw) > most:
		return fmt.Errorf("%w: it has %d bytes, %d are kept", ErrOutputTooLarge, len(raw), most)
	case TooDeep(raw):
		return fmt.Errorf("it must have at most %d levels", MaxDepth)
	case !json.Valid(raw) || !utf8.Valid(raw):
		return errors.New("it must be valid JSON in UTF-8")
	}
	return nil
}

func marshalOutput(v any) (json.RawMessage, error) {
	raw, ok := v.(json.RawMessage)
	if !ok {
		var err error
		if raw, err = json.Marshal(v); err != nil {
			return nil, err
		}
	}
	if err := CheckOutput(raw, len(raw)); err != nil {
		return nil, err
	}
	return bytes.Clone(raw), nil
}

// sealed is what a codec gets of an output: codecs take objects.
type sealed struct {
	Output json.RawMessage `json:"output"`
}

func sealOutput(ctx context.Context, c Codec, typ string, raw json.RawMessage) (json.RawMessage, error) {
	whole, err := json.Marshal(sealed{raw})
	if err != nil {
		return nil, err
	}
	return c.Encode(ctx, typ, whole)
}

// openOutput is the reverse of sealOutput. What was never encoded, such as what an endpoint answered, stays as it is.
func openOutput(ctx context.Context, c Codec, typ string, stored json.RawMessage) (json.RawMessage, error) {
	if !isObject(stored) {
		return stored, nil
	}
	plain, err := c.Decode(ctx, typ, stored)
	if err != nil || bytes.Equal(plain, stored) {
		return stored, err
	}
	var whole sealed
	if err := json.Unmarshal(plain, &whole); err != nil {
		return nil, err
	}
	return whole.Output, nil
}

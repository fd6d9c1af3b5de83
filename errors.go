package symphony

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Sentinel errors. Callers branch on them with errors.Is.
var (
	// ErrInvalid is matched by every *ValidationError.
	ErrInvalid = errors.New("invalid message")
	// ErrNotFound says that no message, failed message, schedule or record has the given id.
	ErrNotFound = errors.New("not found")
	// ErrConflict is matched by *IdempotencyConflictError, *MessageStatusError and the errors of package schedule, and says
	// that a record was changed by somebody else.
	ErrConflict = errors.New("conflict")
	// ErrLeaseLost says that a delivery no longer belongs to the caller: its lease ran out, was settled already,
	// or is held by another worker. Nothing was changed; the caller must drop its result.
	ErrLeaseLost = errors.New("lease lost")
	// ErrClosed says that the transport was closed.
	ErrClosed = errors.New("transport is closed")
	// ErrUnsupported says that a transport cannot do what was asked; see Capabilities.
	ErrUnsupported = errors.New("not supported by this transport")
	// ErrUnknownTransport is matched by every *UnknownTransportError.
	ErrUnknownTransport = errors.New("unknown transport")
	// ErrUnavailable is matched when storage cannot serve now (disk full, unreachable, read-only) and the same call
	// may succeed later. It is certain that nothing was stored or changed.
	ErrUnavailable = errors.New("storage unavailable")
	// ErrOutcomeUnknown is matched when storage was asked to commit and did not say whether it has: a connection that
	// broke before the answer, a disk that failed to make a transaction durable. What was asked for was done as a whole
	// or not at all. A dispatch is repeated safely with an idempotency key; a settlement that is repeated answers
	// ErrLeaseLost if the first one took effect. It goes before ErrUnavailable where an error matches both: then a part was done.
	ErrOutcomeUnknown = errors.New("outcome unknown")
	// ErrHandlerFailed is matched by a dispatch to a transport that handles at once (transport/inline), when the
	// handler failed. The message was not stored.
	ErrHandlerFailed = errors.New("handler failed")
	// ErrInterrupted is the cause of a handler's context when its worker stops and the grace period is over.
	ErrInterrupted = errors.New("worker is stopping")
)

// Problem is one mistake in a message: where it is and what is wrong with it.
type Problem struct {
	Path    string `json:"path"`    // as in the HTTP contract, e.g. "options.priority", "messages[1].message.type"
	Message string `json:"message"` // for people, e.g. "must be 1 to 10"
}

// ValidationError lists every problem of a dispatch at once. It matches ErrInvalid.
type ValidationError struct {
	Problems []Problem
}

// Error tells the first MaxProblems problems, and how many more there are.
func (e *ValidationError) Error() string {
	told := e.Problems[:min(len(e.Problems), MaxProblems)]
	parts := make([]string, len(told), len(told)+1)
	for i, p := range told {
		parts[i] = p.Path + " " + p.Message
	}
	if more := len(e.Problems) - len(told); more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return "invalid message: " + strings.Join(parts, "; ")
}

// Is reports whether target is ErrInvalid.
func (e *ValidationError) Is(target error) bool { return target == ErrInvalid }

// UnknownTransportError says that no transport of a name is configured. It matches ErrUnknownTransport.
type UnknownTransportError struct {
	Name  string
	Known []string // the names that are configured
}

func (e *UnknownTransportError) Error() string {
	text := fmt.Sprintf("unknown transport %q", e.Name)
	if len(e.Known) > 0 {
		text += " (known: " + strings.Join(e.Known, ", ") + ")"
	}
	return text
}

// Is reports whether target is ErrUnknownTransport.
func (e *UnknownTransportError) Is(target error) bool { return target == ErrUnknownTransport }

// IdempotencyConflictError says that an idempotency key is taken, within its window, by a message with another type
// or payload. It matches ErrConflict.
type IdempotencyConflictError struct {
	Key       string
	Transport string
	MessageID string // the message that took the key
}

func (e *IdempotencyConflictError) Error() string {
	return fmt.Sprintf("idempotency key %q on transport %q was used by message %s with another type or payload", e.Key, e.Transport, e.MessageID)
}

// Is reports whether target is ErrConflict.
func (e *IdempotencyConflictError) Is(target error) bool { return target == ErrConflict }

// NoHandlerError says that no handler is registered for a message's type. It is permanent.
type NoHandlerError struct{ Type string }

func (e *NoHandlerError) Error() string { return fmt.Sprintf("no handler for type %q", e.Type) }

// ErrorClass is "no_handler".
func (e *NoHandlerError) ErrorClass() string { return "no_handler" }

// DecodeError says that a stored message, or its payload, could not be decoded. It is permanent.
type DecodeError struct{ Err error }

func (e *DecodeError) Error() string { return "decode: " + e.Err.Error() }
func (e *DecodeError) Unwrap() error { return e.Err }

// ErrorClass is "undecodable".
func (e *DecodeError) ErrorClass() string { return "undecodable" }

// PanicError is what a handler's panic becomes: a failed attempt.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// ErrorClass is "panic".
func (e *PanicError) ErrorClass() string { return "panic" }

// LostError is the failure of a message whose deliveries were used up by workers that died or lost their lease.
type LostError struct{ Deliveries int }

func (e *LostError) Error() string {
	return fmt.Sprintf("attempts used up: %d deliveries ended with their worker lost", e.Deliveries)
}

// ErrorClass is "worker_lost".
func (e *LostError) ErrorClass() string { return "worker_lost" }

// UsedUpError is the failure of a message that has had more attempts than its policy allows by now, none of which lost its
// worker. A storage that knows the error of the last attempt keeps that.
type UsedUpError struct {
	Attempts int // that were made
	Allowed  int
}

func (e *UsedUpError) Error() string {
	return fmt.Sprintf("attempts used up: %d were made, and %d are allowed by now", e.Attempts, e.Allowed)
}

// ErrorClass is "used_up".
func (e *UsedUpError) ErrorClass() string { return "used_up" }

// ExpiredError is the failure of a message that no handler had begun when its ExpiresAt came. It is permanent.
type ExpiredError struct{ At time.Time }

func (e *ExpiredError) Error() string {
	return "expired at " + e.At.UTC().Format(time.RFC3339Nano) + " before it was begun"
}

// ErrorClass is "expired".
func (e *ExpiredError) ErrorClass() string { return "expired" }

type permanentError struct{ err error }

func (e *permanentError) Error() string { return e.err.Error() }
func (e *permanentError) Unwrap() error { return e.err }

// Permanent marks an error that no retry can mend: the message goes to the dead letter queue at once.
// Permanent(nil) is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanentError{err}
}

// IsPermanent reports whether err fails its message without further attempts. Where several handlers of one message
// failed, all of them must have failed permanently.
func IsPermanent(err error) bool {
	var several handlerErrors
	if errors.As(err, &several) {
		return !slices.ContainsFunc(several, func(e error) bool { return !IsPermanent(e) })
	}
	var (
		permanent *permanentError
		noHandler *NoHandlerError
		decode    *DecodeError
		expired   *ExpiredError
	)
	return errors.As(err, &permanent) || errors.As(err, &noHandler) || errors.As(err, &decode) || errors.As(err, &expired)
}

type retryAfterError struct {
	err   error
	delay time.Duration
}

func (e *retryAfterError) Error() string { return e.err.Error() }
func (e *retryAfterError) Unwrap() error { return e.err }

// RetryAfter asks for the next attempt in d instead of the policy's backoff, if the policy allows another attempt at
// all. d is bounded to [0, MaxRetryDelay]. RetryAfter(nil, d) is nil.
func RetryAfter(err error, d time.Duration) error {
	if err == nil {
		return nil
	}
	return &retryAfterError{err, min(max(d, 0), MaxRetryDelay)}
}

type deferError struct {
	err   error
	delay time.Duration
}

func (e *deferError) Error() string { return e.err.Error() }
func (e *deferError) Unwrap() error { return e.err }

// Defer gives the message back without counting the attempt, to be ready again in d, bounded to [0, MaxRetryDelay]. It is
// for handlers that did not try, such as one behind a circuit breaker. Defer(nil, d) is nil.
func Defer(err error, d time.Duration) error {
	if err == nil {
		return nil
	}
	return &deferError{err, min(max(d, 0), MaxRetryDelay)}
}

// DeferDelay returns the delay that Defer has asked for, if it has. Where several handlers of one message failed, all of
// them must have deferred, and the longest delay counts.
func DeferDelay(err error) (d time.Duration, ok bool) {
	var several handlerErrors
	if errors.As(err, &several) {
		for _, e := range several {
			one, ok := DeferDelay(e)
			if !ok {
				return 0, false
			}
			d = max(d, one)
		}
		return d, len(several) > 0
	}
	var deferred *deferError
	if !errors.As(err, &deferred) {
		return 0, false
	}
	return deferred.delay, true
}

// RetryDelay returns the delay that RetryAfter has asked for, if it has.
func RetryDelay(err error) (time.Duration, bool) {
	var after *retryAfterError
	if !errors.As(err, &after) {
		return 0, false
	}
	return after.delay, true
}

// ErrorClass is a short stable word for the kind of an error, by which failed messages are filtered: what the error
// (or one it wraps) says with a method ErrorClass() string; else "timeout" or "canceled" for a context's end; else the
// Go type of the innermost error, "error" for a plain one. Of several errors joined, the first counts.
func ErrorClass(err error) string {
	var classed interface{ ErrorClass() string }
	switch {
	case err == nil:
		return ""
	case errors.As(err, &classed):
		return CleanClass(classed.ErrorClass())
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, context.Canceled):
		return "canceled"
	}
	for next := err; next != nil; next = inner(err) {
		err = next
	}
	name := strings.TrimPrefix(fmt.Sprintf("%T", err), "*")
	switch name {
	case "errors.errorString", "fmt.wrapError":
		return "error"
	}
	return name
}

// inner is the error that err wraps, the first one if there are several.
func inner(err error) error {
	var several interface{ Unwrap() []error }
	if one := errors.Unwrap(err); one != nil || !errors.As(err, &several) || len(several.Unwrap()) == 0 {
		return one
	}
	return several.Unwrap()[0]
}

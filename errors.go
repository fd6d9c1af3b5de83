package symphony

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Errors to compare with errors.Is.
var (
	// ErrInvalid is matched by every *ValidationError.
	ErrInvalid = errors.New("invalid message")
	// ErrNotFound says that no message, failed message, schedule or record has the given id.
	ErrNotFound = errors.New("not found")
	// ErrConflict is matched by *IdempotencyConflictError, *MessageStatusError and the errors of package schedule. It
	// also says that somebody else has changed a record.
	ErrConflict = errors.New("conflict")
	// ErrLeaseLost says that a delivery no longer belongs to the caller: its lease expired, it was settled already, or
	// another worker holds it. Nothing was changed; the caller must discard its result.
	ErrLeaseLost = errors.New("lease lost")
	// ErrCancelled says that a message was cancelled while the caller had it in hand. Nothing that the caller did with
	// it counts; the caller must discard its result. It is the cause of a handler's context that ended because of that.
	ErrCancelled = errors.New("message cancelled")
	// ErrClosed says that the transport is closed.
	ErrClosed = errors.New("transport is closed")
	// ErrUnsupported says that a transport cannot do what was asked of it; see Capabilities.
	ErrUnsupported = errors.New("not supported by this transport")
	// ErrUnknownTransport is matched by every *UnknownTransportError.
	ErrUnknownTransport = errors.New("unknown transport")
	// ErrUnavailable is matched when storage cannot serve at present (unreachable, read-only, disk full) and the same
	// call may succeed later. Nothing was stored or changed.
	ErrUnavailable = errors.New("storage unavailable")
	// ErrOutcomeUnknown is matched when storage was asked to commit and did not say whether it had: a connection broke
	// before the answer, or a disk failed to make the transaction durable. The call took effect completely or not at
	// all. A dispatch can be repeated safely under an idempotency key; a repeated settlement answers ErrLeaseLost if
	// the first one took effect. Check for it before ErrUnavailable: an error that matches both comes from a call that
	// did part of its work.
	ErrOutcomeUnknown = errors.New("outcome unknown")
	// ErrHandlerFailed is matched when a transport that handles messages during the dispatch (transport/inline) ran a
	// handler that failed. The message was not stored.
	ErrHandlerFailed = errors.New("handler failed")
	// ErrInterrupted is the cause of a handler's context that ended because the worker's grace period was over.
	ErrInterrupted = errors.New("worker is stopping")
)

// Problem is one mistake in a message: where it is, and what is wrong.
type Problem struct {
	Path    string `json:"path"`    // as in the HTTP contract, e.g. "options.priority", "messages[1].message.type"
	Message string `json:"message"` // for people, e.g. "must be 1 to 10"
}

// ValidationError lists all problems of a call. It matches ErrInvalid.
type ValidationError struct {
	Problems []Problem
}

// Error lists the first MaxProblems problems and counts the rest.
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

// UnknownTransportError says that there is no transport of that name. It matches ErrUnknownTransport.
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

// IdempotencyConflictError says that an idempotency key was used, within its window, for a message with another type or
// payload. It matches ErrConflict.
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

// NoHandlerError says that no handler is registered for the type of a message or, of a message that is Pushed to a URL
// of its own, that nothing is pushed here. It is permanent.
type NoHandlerError struct {
	Type   string
	Pushed bool
}

func (e *NoHandlerError) Error() string {
	if e.Pushed {
		return "no handler pushes messages to URLs of their own"
	}
	return fmt.Sprintf("no handler for type %q", e.Type)
}

// ErrorClass is "no_handler".
func (e *NoHandlerError) ErrorClass() string { return "no_handler" }

// DecodeError says that a stored message, or its payload, could not be decoded. It is permanent.
type DecodeError struct{ Err error }

func (e *DecodeError) Error() string { return "decode: " + e.Err.Error() }
func (e *DecodeError) Unwrap() error { return e.Err }

// ErrorClass is "undecodable".
func (e *DecodeError) ErrorClass() string { return "undecodable" }

// PanicError is the error of an attempt whose handler panicked.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// ErrorClass is "panic".
func (e *PanicError) ErrorClass() string { return "panic" }

// UsedUpError is the failure of a message that has had all the attempts that its policy allows, without one that says
// why it failed: the last ones lost their worker, or the policy has become stricter. A storage that knows the error of
// the last attempt keeps that error instead.
type UsedUpError struct {
	Attempts int // that were made
	Allowed  int
	Lost     int // attempts that ended with a worker that died or lost its lease
}

func (e *UsedUpError) Error() string {
	if e.Lost > 0 {
		return fmt.Sprintf("attempts used up: %d deliveries ended with their worker lost", e.Lost)
	}
	return fmt.Sprintf("attempts used up: %d were made, and %d are allowed by now", e.Attempts, e.Allowed)
}

// ErrorClass is LostClass if workers were lost, else "used_up".
func (e *UsedUpError) ErrorClass() string {
	if e.Lost > 0 {
		return LostClass
	}
	return "used_up"
}

// ExpiredError is the failure of a message that no handler had begun by its ExpiresAt. It is permanent.
type ExpiredError struct{ At time.Time }

func (e *ExpiredError) Error() string {
	return "expired at " + e.At.UTC().Format(time.RFC3339Nano) + " before it was begun"
}

// ErrorClass is "expired".
func (e *ExpiredError) ErrorClass() string { return "expired" }

type permanentError struct{ err error }

func (e *permanentError) Error() string { return e.err.Error() }
func (e *permanentError) Unwrap() error { return e.err }

// Permanent marks an error that retrying cannot fix: the message goes to the dead letter queue at once.
// Permanent(nil) is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanentError{err}
}

// IsPermanent reports whether err fails its message without further attempts. If several handlers of a message failed,
// all of them must have failed permanently.
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

// RetryAfter asks for the next attempt after d instead of the policy's backoff, provided that the policy allows another
// attempt. d is clamped to [0, MaxRetryDelay]. RetryAfter(nil, d) is nil.
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

// Defer gives the message back without counting the attempt; it becomes ready again after d, clamped to [0,
// MaxRetryDelay]. It is for handlers that did not try, such as one behind an open circuit breaker. Defer(nil, d) is
// nil.
func Defer(err error, d time.Duration) error {
	if err == nil {
		return nil
	}
	return &deferError{err, min(max(d, 0), MaxRetryDelay)}
}

// DeferDelay returns the delay that Defer asked for, if any. If several handlers of a message failed, all of them must
// have deferred; the longest delay counts.
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

// RetryDelay returns the delay that RetryAfter asked for, if any.
func RetryDelay(err error) (time.Duration, bool) {
	var after *retryAfterError
	if !errors.As(err, &after) {
		return 0, false
	}
	return after.delay, true
}

// ErrorClass returns a short, stable word for the kind of an error, by which failed messages can be filtered: the
// result of a method ErrorClass() string of the error or one that it wraps; otherwise "timeout" or "canceled" if a
// context ended; otherwise the Go type of the innermost error, or "error" for a plain one. Of joined errors the first
// counts.
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

// inner returns the error that err wraps, the first if there are several.
func inner(err error) error {
	var several interface{ Unwrap() []error }
	if one := errors.Unwrap(err); one != nil || !errors.As(err, &several) || len(several.Unwrap()) == 0 {
		return one
	}
	return several.Unwrap()[0]
}

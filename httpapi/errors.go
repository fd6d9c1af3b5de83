package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/operation"
	"github.com/symphony-messenger/symphony/schedule"
)

// apiError is an answer that is not a success.
type apiError struct {
	status     int
	code       string
	message    string
	details    any
	more       int // problems that are not among the details
	retryAfter int // seconds, 0: none
	allow      string
	cause      error // for the log, and for development
}

func (e *apiError) Error() string {
	if e.cause != nil {
		return e.code + ": " + e.cause.Error()
	}
	return e.code + ": " + e.message
}

func (e *apiError) Unwrap() error { return e.cause }

// retrySeconds is what Retry-After says when storage is away or a limit is hit: long enough for a restart, short enough
// not to be noticed.
const retrySeconds = 2

// seconds rounds up, for Retry-After.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// What is told of a problem is bounded, in bytes: names and values that a caller made up are part of it.
const (
	maxPathTold    = 300
	maxProblemTold = 1000
)

// invalid answers problems with a request: at most symphony.MaxProblems of them, and how many more there are.
func invalid(list ...symphony.Problem) *apiError {
	n := len(list)
	message := "The request has a problem."
	if n > 1 {
		message = "The request has " + strconv.Itoa(n) + " problems."
	}
	e := &apiError{status: http.StatusBadRequest, code: "validation_failed", message: message, more: max(n-symphony.MaxProblems, 0)}
	told := slices.Clone(list[:n-e.more])
	for i := range told {
		told[i].Path, told[i].Message = shortened(told[i].Path, maxPathTold), shortened(told[i].Message, maxProblemTold)
	}
	e.details = told
	return e
}

// invalid answers what does not fit.
func (m *mistakes) invalid() *apiError {
	e := invalid(m.list...)
	if e.more += m.more; m.more > 0 {
		e.message = "The request has " + strconv.Itoa(len(m.list)+m.more) + " problems."
	}
	return e
}

// shortened cuts a text to so many bytes.
func shortened(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most] + "…"
}

// describe is the one table from errors to answers.
func describe(err error) *apiError {
	var (
		answer     *apiError
		authError  *auth.Error
		validation *symphony.ValidationError
		conflict   *symphony.IdempotencyConflictError
		unknown    *symphony.UnknownTransportError
		held       *flow.HeldError
		name       *schedule.NameError
		status     *symphony.MessageStatusError
		state      *operation.StateError
	)
	switch {
	case errors.As(err, &answer):
		return answer
	case errors.As(err, &authError):
		e := &apiError{code: authError.Code, message: authError.Message, cause: err, status: http.StatusUnauthorized}
		switch {
		case errors.Is(err, auth.ErrForbidden):
			e.status = http.StatusForbidden
		case errors.Is(err, auth.ErrUnavailable):
			e.status, e.retryAfter = http.StatusServiceUnavailable, max(retrySeconds, seconds(authError.RetryAfter))
		}
		return e
	case errors.As(err, &validation):
		return invalid(validation.Problems...)
	case errors.As(err, &conflict):
		return &apiError{status: http.StatusConflict, code: "idempotency_conflict", cause: err,
			message: "The idempotency key was used within its window by a message with another type or payload.",
			details: map[string]string{"idempotencyKey": conflict.Key, "transport": conflict.Transport, "messageId": conflict.MessageID}}
	case errors.As(err, &held):
		return &apiError{status: http.StatusConflict, code: "queue_draining", cause: err, message: "Nothing was stored: " + held.Error() + "."}
	case errors.As(err, &name):
		return &apiError{status: http.StatusConflict, code: "schedule_name_taken", cause: err, message: "Another schedule has this name.", details: map[string]string{"name": name.Name}}
	case errors.As(err, &status):
		e := &apiError{status: http.StatusConflict, code: "message_not_pending", cause: err, message: "Nothing was done: " + status.Error() + ".",
			details: map[string]string{"messageId": status.ID, "status": string(status.Status)}}
		if status.Want == symphony.Completed {
			e.code = "message_not_completed"
			if status.Status == symphony.Failed {
				e.message += " Failed messages are retried, not replayed."
			}
		}
		return e
	case errors.As(err, &state):
		return &apiError{status: http.StatusConflict, code: "operation_ended", cause: err, message: "Nothing was done: " + state.Error() + ".",
			details: map[string]string{"state": string(state.State)}}
	case errors.Is(err, symphony.ErrConflict):
		return &apiError{status: http.StatusConflict, code: "conflict", cause: err, message: "It was changed meanwhile. Nothing was done; read it again."}
	case errors.As(err, &unknown):
		return invalid(symphony.Problem{Path: "transport", Message: unknown.Error()})
	case errors.Is(err, symphony.ErrNotFound), errors.Is(err, auth.ErrKeyNotFound):
		return &apiError{status: http.StatusNotFound, code: "not_found", message: "There is nothing with this id.", cause: err}
	case errors.Is(err, symphony.ErrHandlerFailed):
		return &apiError{status: http.StatusInternalServerError, code: "handler_failed", cause: err,
			message: "The message was handled during the dispatch, as its transport does, and its handler failed. It was not stored."}
	case errors.Is(err, symphony.ErrUnsupported):
		return &apiError{status: http.StatusNotImplemented, code: "not_supported", message: "The transport cannot do this: " + err.Error() + ".", cause: err}
	case errors.Is(err, symphony.ErrOutcomeUnknown): // before ErrUnavailable, which says more
		return &apiError{status: http.StatusServiceUnavailable, code: "outcome_unknown", retryAfter: retrySeconds, cause: err,
			message: "Storage did not confirm that this was done: it may have been, or not. Repeat a dispatch with an idempotency key, and it is stored once; look what has become of anything else before it is repeated."}
	case errors.Is(err, symphony.ErrUnavailable), errors.Is(err, symphony.ErrClosed):
		return &apiError{status: http.StatusServiceUnavailable, code: "storage_unavailable", retryAfter: retrySeconds, cause: err,
			message: "Storage cannot serve now. Nothing was stored; try again."}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &apiError{status: http.StatusServiceUnavailable, code: "canceled", retryAfter: retrySeconds, cause: err, message: "The request ended before it was answered."}
	}
	return &apiError{status: http.StatusInternalServerError, code: "internal_error", message: "The server failed. The log tells why, under the request id.", cause: err}
}

// partly is the error of a request of which something has been done: that nothing was is not true any more.
func partly(err error) error {
	if errors.Is(err, symphony.ErrUnavailable) || errors.Is(err, symphony.ErrClosed) {
		return fmt.Errorf("%w: a part was done before: %w", symphony.ErrOutcomeUnknown, err)
	}
	return err
}

// wireError is the body of an error.
func (a *API) wireError(e *apiError) wire.Error {
	body := wire.Error{Error: e.message, Code: e.code, MoreProblems: e.more}
	details := e.details
	if e.status == http.StatusInternalServerError && a.o.Development && e.cause != nil {
		details = e.cause.Error()
	}
	if details != nil {
		if raw, err := json.Marshal(details); err == nil {
			body.Details = jsontext.Value(raw)
		}
	}
	return body
}

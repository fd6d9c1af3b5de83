package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/event"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/handler/dynamic"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/operation"
	"github.com/symphony-messenger/symphony/schedule"
	"github.com/symphony-messenger/symphony/scheduler"
)

// failure is an answer that is not a success.
type failure struct {
	status     int
	code       string
	message    string
	details    any
	more       int // problems that are not among the details
	retryAfter int // seconds, 0: none
	allow      string
	cause      error // for the log, and for development
}

// Kinds of what goes wrong here. What goes wrong in the domain has errors of its own.
var (
	errBodyTooLarge     = errors.New("the body is too large")
	errBodyTooSlow      = errors.New("the body came too slowly")
	errBodyUnreadable   = errors.New("the body could not be read")
	errBodyMisencoded   = errors.New("the body is not what its Content-Encoding says")
	errMediaType        = errors.New("the body is of another media type")
	errNoRoute          = errors.New("there is no such route")
	errNotHeld          = errors.New("nothing is held")
	errOwnMessagesOnly  = errors.New("the caller sees and steers messages of its own only")
	errMaskedParameter  = errors.New("the parameter selects by what is hidden from the caller")
	errTooManyConsumers = errors.New("too many runs of consume")
	errTooManyReceivers = errors.New("too many calls of receive")
	errTooManyReaders   = errors.New("too many readers of events")
	errRateLimited      = errors.New("the caller has its share")
	errNotOffered       = errors.New("the API was made without what this needs")
	errOverloaded       = errors.New("too many bytes are in flight")
	errNotReady         = errors.New("the server is not ready")
	errNoAudit          = errors.New("the audit trail cannot be written")
	errSignInEnded      = errors.New("somebody broke off signing in")
	errNotHere          = errors.New("the browser is not on this machine")
	errReadOnly         = errors.New("sessions only read here")
	errNoAuth           = errors.New("no authentication is configured")
)

// said is an error of one of the kinds, in words of its own.
type said struct {
	kind error
	text string
}

func (s *said) Error() string { return s.text }
func (s *said) Unwrap() error { return s.kind }

// say makes an error of a kind. Callers are told the text, as a sentence.
func say(kind error, format string, args ...any) error {
	return &said{kind, fmt.Sprintf(format, args...)}
}

// sentence is a text with a capital letter and a full stop.
func sentence(text string) string { return strings.ToUpper(text[:1]) + text[1:] + "." }

// row is a line of the table from errors to answers.
type row struct {
	status int
	code   string // empty where the error has its own
	// tell reports whether the row is for an error, and fills in what callers are told of it. The cause, for the log,
	// is the error itself unless tell takes it away.
	tell func(err error, f *failure) bool
}

// is is the row of sentinels. Without a message it is what was said, as a sentence.
func is(status int, code, message string, kinds ...error) row {
	return row{status, code, func(err error, f *failure) bool {
		if !slices.ContainsFunc(kinds, func(kind error) bool { return errors.Is(err, kind) }) {
			return false
		}
		f.message = message
		var words *said
		if message == "" && errors.As(err, &words) {
			f.message = sentence(words.text)
		}
		return true
	}}
}

// as is the row of errors of a type.
func as[E error](status int, code string, tell func(e E, f *failure)) row {
	return when(status, code, func(E) bool { return true }, tell)
}

// when is the row of those errors of a type that fit.
func when[E error](status int, code string, fits func(e E) bool, tell func(e E, f *failure)) row {
	return row{status, code, func(err error, f *failure) bool {
		var e E
		if !errors.As(err, &e) || !fits(e) {
			return false
		}
		tell(e, f)
		return true
	}}
}

// answers is the one table from errors to answers. The first row that an error fits counts.
var answers = []row{
	// What is wrong with a request. The log has nothing of it: names and values are the caller's.
	as(http.StatusBadRequest, "invalid_json", func(e *notJSON, f *failure) {
		f.tellProblems([]symphony.Problem{e.problem}, 0)
		f.message = "The body is not one valid JSON value."
	}),
	as(http.StatusBadRequest, codeInvalid, func(e *mistakes, f *failure) { f.tellProblems(e.list, e.more) }),
	is(http.StatusBadRequest, "body_too_slow", "The body came too slowly to be waited for.", errBodyTooSlow),
	is(http.StatusBadRequest, "body_unreadable", "The body is not what its Content-Encoding says.", errBodyMisencoded),
	is(http.StatusBadRequest, "body_unreadable", "The body could not be read to its end.", errBodyUnreadable),
	is(http.StatusRequestEntityTooLarge, "body_too_large", "", errBodyTooLarge),
	is(http.StatusUnsupportedMediaType, "unsupported_media_type", "", errMediaType),
	as(http.StatusConflict, "older_nodes", func(e *flow.OlderNodesError, f *failure) {
		f.message = sentence(e.Error())
	}),
	as(http.StatusConflict, "older_nodes", func(e *dynamic.OlderNodesError, f *failure) {
		f.message = sentence(e.Error())
	}),
	as(http.StatusConflict, "handler_configured", func(e *dynamic.RegisteredError, f *failure) {
		f.message = "Nothing was done: " + e.Error() + "."
		f.details = map[string]string{"pattern": e.Pattern, "by": e.By}
	}),
	as(http.StatusConflict, "handler_unable", func(e *dynamic.UnableError, f *failure) {
		f.message = "Nothing was done: " + e.Error() + ". Delete it, and set it anew."
	}),
	is(http.StatusUnauthorized, auth.CodeTokenExpired, "The token is over. Get another one from who gave it to you.",
		errTokenOver),
	is(http.StatusUnauthorized, auth.CodeTokenInvalid, "The token is not one of this server's for this message.",
		errToken),
	is(http.StatusUnauthorized, auth.CodeMissingCredentials,
		"This takes the message's token, as Authorization: Bearer smt_….",
		errTokenMissing),
	is(http.StatusUnauthorized, auth.CodeCredentialsConflict,
		"A token is given in the header and in the query. Give one.",
		errTokenTwice),
	is(http.StatusForbidden, auth.CodeInsufficientScope,
		"Somebody else has dispatched the message, or it is not known "+
			"who: its token takes the scope operate. options.token has one in the answer to a dispatch.", errNotOurs),
	is(http.StatusConflict, "no_rotation", "Nothing was done: the handler has one secret. Rotate makes the next one.",
		dynamic.ErrNoRotation),
	is(http.StatusNotFound, "not_found", "There is no such route. The routes are described at /docs.", errNoRoute),
	as(http.StatusMethodNotAllowed, "method_not_allowed", func(e *methodError, f *failure) { f.message, f.allow = sentence(e.Error()), e.allow }),

	// Who may not, or has too much already.
	whenAuth(http.StatusForbidden, auth.ErrForbidden),
	whenAuth(http.StatusServiceUnavailable, auth.ErrUnavailable),
	whenAuth(http.StatusUnauthorized, auth.ErrUnauthenticated),
	as(http.StatusForbidden, "outside_binding", (*boundError).tell),
	is(http.StatusForbidden, "own_messages_only", "Users see and steer the messages that they have dispatched themselves (auth.visibility: own). "+
		"This is about those of all, and needs the scope operate.", errOwnMessagesOnly),
	is(http.StatusForbidden, auth.CodeInsufficientScope, "", errMaskedParameter),
	is(http.StatusUnauthorized, auth.CodeSignInRefused, "", errSignInEnded),
	is(http.StatusForbidden, "not_on_this_machine", "", errNotHere),
	is(http.StatusForbidden, "read_only", "The dashboard of this installation only reads (dashboard.read_only). "+
		"The command line, and whoever sends a key or a token, can do this.", errReadOnly),
	as(http.StatusTooManyRequests, "rate_limited", func(e *rateError, f *failure) {
		f.message, f.retryAfter = sentence(e.Error()), max(seconds(e.wait), 1)
	}),
	is(http.StatusTooManyRequests, "rate_limited", "", errRateLimited),
	is(http.StatusTooManyRequests, "too_many_consumers", "", errTooManyConsumers),
	is(http.StatusTooManyRequests, "too_many_receivers", "", errTooManyReceivers),
	is(http.StatusTooManyRequests, "too_many_readers", "", errTooManyReaders),
	is(http.StatusTooManyRequests, "too_many_readers", "As many read events as may at one time.", event.ErrTooManyReaders),

	// What this server cannot do, or not now.
	is(http.StatusServiceUnavailable, "overloaded", "", errOverloaded),
	is(http.StatusServiceUnavailable, "audit_unavailable", "The audit trail cannot be written now. Nothing was done; try again.", errNoAudit),
	is(http.StatusServiceUnavailable, "auth_not_configured", "No authentication is configured, so nobody can be let in.", errNoAuth),
	is(http.StatusServiceUnavailable, "not_ready", "The server is not ready for requests.", errNotReady),
	as(http.StatusServiceUnavailable, "unhealthy", func(e *unhealthyError, f *failure) { f.message, f.details = sentence(e.Error()), e.report }),
	is(http.StatusNotImplemented, "not_supported", "", errNotOffered),

	// What the domain says.
	as(http.StatusBadRequest, codeInvalid, func(e *symphony.ValidationError, f *failure) { f.tellProblems(e.Problems, 0) }),
	as(http.StatusConflict, "idempotency_conflict", func(e *symphony.IdempotencyConflictError, f *failure) {
		f.message = "The idempotency key was used within its window by a message with another type or payload."
		f.details = map[string]string{"idempotencyKey": e.Key, "transport": e.Transport, "messageId": e.MessageID}
	}),
	when(http.StatusConflict, codeLeaseLost, func(e *receiptsError) bool { return e.lost > 0 }, (*receiptsError).tell),
	when(http.StatusConflict, codeMessageCancelled, func(e *receiptsError) bool { return e.cancelled > 0 },
		(*receiptsError).tell),
	when(http.StatusRequestEntityTooLarge, codeOutputTooLarge, func(e *receiptsError) bool { return e.large > 0 },
		(*receiptsError).tell),
	as(http.StatusConflict, codeForeignReceipt, (*receiptsError).tell),
	as(http.StatusConflict, "queue_draining", func(e *flow.HeldError, f *failure) { f.message = "Nothing was stored: " + e.Error() + "." }),
	as(http.StatusConflict, "schedule_name_taken", func(e *schedule.NameError, f *failure) {
		f.message, f.details = "Another schedule has this name.", map[string]string{"name": e.Name}
	}),
	when(http.StatusConflict, "message_not_completed", func(e *symphony.MessageStatusError) bool { return e.Want == symphony.Completed },
		func(e *symphony.MessageStatusError, f *failure) {
			tellStatus(e, f)
			if e.Status == symphony.Failed {
				f.message += " Failed messages are retried, not replayed."
			}
		}),
	when(http.StatusConflict, "message_final", func(e *symphony.MessageStatusError) bool {
		return e.Want == symphony.Processing
	}, tellStatus),
	as(http.StatusConflict, "message_not_pending", tellStatus),
	as(http.StatusConflict, "operation_ended", func(e *operation.StateError, f *failure) {
		f.message, f.details = "Nothing was done: "+e.Error()+".", map[string]string{"state": string(e.State)}
	}),
	is(http.StatusConflict, "no_next_run", "Nothing was done: the schedule is disabled or completed, so nothing is next.",
		scheduler.ErrNoNext),
	is(http.StatusConflict, "conflict", "It was changed meanwhile. Nothing was done; read it again.", symphony.ErrConflict),
	as(http.StatusBadRequest, codeInvalid, func(e *symphony.UnknownTransportError, f *failure) {
		f.tellProblems([]symphony.Problem{{Path: "transport", Message: e.Error()}}, 0)
	}),
	is(http.StatusNotFound, "not_found", "", errNotHeld), // before ErrNotFound, which says less
	as(http.StatusNotFound, "retried", func(e *symphony.RetriedError, f *failure) {
		f.message = "The message was retried: another one took its place."
		f.details = map[string]string{"newMessageId": e.NewID}
	}),
	is(http.StatusNotFound, "not_found", "There is nothing with this id.", symphony.ErrNotFound, auth.ErrKeyNotFound),
	is(http.StatusInternalServerError, "handler_failed", "The message was handled during the dispatch, as its transport does, and its handler failed. "+
		"It was not stored.", symphony.ErrHandlerFailed),
	{http.StatusNotImplemented, "not_supported", func(err error, f *failure) bool {
		f.message = "The transport cannot do this: " + err.Error() + "."
		return errors.Is(err, symphony.ErrUnsupported)
	}},
	is(http.StatusServiceUnavailable, "outcome_unknown", "Storage did not confirm that this was done: it may have been, or not. Repeat a dispatch "+
		"with an idempotency key, and it is stored once; look what has become of anything else before it is repeated.",
		symphony.ErrOutcomeUnknown), // before ErrUnavailable, which says more
	is(http.StatusServiceUnavailable, "storage_unavailable", "Storage cannot serve now. Nothing was stored; try again.",
		symphony.ErrUnavailable, symphony.ErrClosed),
	is(http.StatusServiceUnavailable, "canceled", "The request ended before it was answered.", context.Canceled, context.DeadlineExceeded),
	{http.StatusInternalServerError, "internal_error", func(_ error, f *failure) bool {
		f.message = "The server failed. The log tells why, under the request id."
		return true
	}},
}

// Codes that something depends on here.
const (
	codeInvalid          = "validation_failed"
	codeLeaseLost        = "lease_lost"
	codeMessageCancelled = "message_cancelled"
	codeForeignReceipt   = "foreign_receipt"
	codeOutputTooLarge   = "output_too_large"
)

// whenAuth is the row of errors of authentication, which have codes of their own.
func whenAuth(status int, kind error) row {
	return when(status, "", func(e *auth.Error) bool { return errors.Is(e, kind) }, func(e *auth.Error, f *failure) {
		f.code, f.message = e.Code, e.Message
		if kind == auth.ErrUnavailable { //nolint:errorlint // it is the row's own
			f.retryAfter = max(retrySeconds, seconds(e.RetryAfter))
		}
	})
}

func tellStatus(e *symphony.MessageStatusError, f *failure) {
	f.message = "Nothing was done: " + e.Error() + "."
	f.details = map[string]string{"messageId": e.ID, "status": string(e.Status)}
}

// retrySeconds is what Retry-After says when storage is away or a limit is hit: long enough for a restart, short enough
// not to be noticed.
const retrySeconds = 2

// seconds rounds up, for Retry-After.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// describe is what callers are told of an error.
func describe(err error) *failure {
	var f failure
	for _, row := range answers {
		f = failure{status: row.status, code: row.code, cause: err}
		if row.tell(err, &f) {
			break
		}
	}
	if f.retryAfter == 0 && (f.status == http.StatusServiceUnavailable || f.status == http.StatusTooManyRequests) {
		f.retryAfter = retrySeconds
	}
	var broken *importError
	if errors.As(err, &broken) {
		broken.tell(&f)
	}
	return &f
}

// What is told of a problem is bounded, in bytes: names and values that a caller made up are part of it.
const (
	maxPathTold    = 300
	maxProblemTold = 1000
)

// invalid is the error of problems with a request.
func invalid(list ...symphony.Problem) error { return &symphony.ValidationError{Problems: list} }

// tellProblems tells problems with a request: at most symphony.MaxProblems of them, and how many more there are.
func (f *failure) tellProblems(list []symphony.Problem, more int) {
	f.message = "The request has a problem."
	if n := len(list) + more; n > 1 {
		f.message = "The request has " + strconv.Itoa(n) + " problems."
	}
	over := max(len(list)-symphony.MaxProblems, 0)
	told := slices.Clone(list[:len(list)-over])
	for i := range told {
		told[i].Path, told[i].Message = shortened(told[i].Path, maxPathTold), shortened(told[i].Message, maxProblemTold)
	}
	f.details, f.more, f.cause = told, more+over, nil
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

// partly is the error of a request of which something has been done: that nothing was is not true any more.
func partly(err error) error {
	if errors.Is(err, symphony.ErrUnavailable) || errors.Is(err, symphony.ErrClosed) {
		return fmt.Errorf("%w: a part was done before: %w", symphony.ErrOutcomeUnknown, err)
	}
	return err
}

// wireError is the body of an error.
func (a *API) wireError(e *failure) wire.Error {
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

// unsupported says that the server was made without what a route needs.
func unsupported(what string) error { return say(errNotOffered, "this server %s", what) }

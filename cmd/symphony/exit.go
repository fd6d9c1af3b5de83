package main

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/client"
	"github.com/symphony-messenger/symphony/config"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

// The exit codes. exitCodesText documents them.
const (
	exitOK          = 0
	exitFailure     = 1
	exitUsage       = 2
	exitNotFound    = 3
	exitConflict    = 4
	exitUnavailable = 5
	exitDenied      = 6
	exitInterrupted = 130
)

const exitCodesText = `Every command ends with one of these codes:

  0    done
  1    failed, for a reason without a code of its own
  2    a mistake in the command, the configuration or the message, or something that
       the transport cannot do
  3    not found: no failed message or API key has this id
  4    conflict: the idempotency key belongs to another message, or the database is
       open in another process that does not serve this one
  5    unavailable: the server cannot be reached, or storage cannot serve now
       (disk full, read-only); the same command may succeed later. Where the error
       says that the outcome is unknown, it may have succeeded already: a dispatch
       with an idempotency key can be repeated, anything else is to be looked at
  6    not allowed: no API key, one that is not valid, or one without the scope
  130  interrupted: by Ctrl-C, or a second signal while draining

With --json an error is one line of JSON on standard error: error, code (the API's, or one
word for the exit code), exitCode, and details where the API gave some.`

// exitName is what an exit code is called in errors for programs.
func exitName(code int) string {
	switch code {
	case exitUsage:
		return "usage"
	case exitNotFound:
		return "not_found"
	case exitConflict:
		return "conflict"
	case exitUnavailable:
		return "unavailable"
	case exitDenied:
		return "denied"
	case exitInterrupted:
		return "interrupted"
	}
	return "failed"
}

func exitCodesTopic() *cobra.Command {
	return &cobra.Command{Use: "exit-codes", Short: "What the exit codes mean", Long: exitCodesText}
}

// usageError is a mistake in the command that only shows while it runs.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// errInterrupted is what a command returns that a signal ended before it was done.
var errInterrupted = errors.New("interrupted")

// exitCode is the one table from error to exit code.
func exitCode(err error) int {
	var (
		usage  usageError
		bad    *config.Error
		locked *sqlite.LockedError
		served servedError
		answer *client.Error
		net    *url.Error
	)
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errInterrupted), errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.As(err, &answer):
		return exitCodeOf(answer.Status)
	case errors.As(err, &usage), errors.As(err, &bad), errors.Is(err, symphony.ErrInvalid),
		errors.Is(err, symphony.ErrUnsupported):
		return exitUsage
	case errors.Is(err, symphony.ErrNotFound), errors.Is(err, auth.ErrKeyNotFound):
		return exitNotFound
	case errors.Is(err, symphony.ErrConflict), errors.As(err, &locked), errors.As(err, &served):
		return exitConflict
	case errors.Is(err, symphony.ErrUnavailable), errors.Is(err, symphony.ErrOutcomeUnknown), errors.Is(err, auth.ErrUnavailable), errors.As(err, &net),
		errors.Is(err, syscall.EROFS), errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EIO):
		return exitUnavailable
	case errors.Is(err, auth.ErrUnauthenticated), errors.Is(err, auth.ErrForbidden):
		return exitDenied
	}
	return exitFailure
}

// exitCodeOf is the code for a status that the API answers.
func exitCodeOf(status int) int {
	switch status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusNotImplemented:
		return exitUsage
	case http.StatusUnauthorized, http.StatusForbidden:
		return exitDenied
	case http.StatusNotFound:
		return exitNotFound
	case http.StatusConflict:
		return exitConflict
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusBadGateway, http.StatusGatewayTimeout:
		return exitUnavailable
	}
	return exitFailure
}

package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/puddle/v2"
	"github.com/symphony-messenger/symphony"
)

// errClosed is what calls get after Close.
var errClosed = fmt.Errorf("postgres: %w", symphony.ErrClosed)

// errSlow is the cause of a transaction's end that took longer than Options.Timeout.
var errSlow = errors.New("the database did not answer in time")

// doubtError says that a transaction was to be committed, and that nobody knows whether it was.
type doubtError struct{ error }

func (e *doubtError) Unwrap() error { return e.error }

// undoubted takes the doubt from the error of what is repeated by whoever needs it, and is harmless if nobody does.
func undoubted(err error) error {
	var doubt *doubtError
	if errors.As(err, &doubt) {
		return doubt.error
	}
	return err
}

// inDoubt reports whether a transaction whose commit was sent may have been committed, although an error came. answered
// says that all its statements were executed before.
func inDoubt(err error, answered bool) bool {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) {
		return !errors.Is(err, errRolledBack) && !pgconn.SafeToRetry(err) // the latter: nothing was sent
	}
	switch code := pgErr.Code; {
	case code == pgerrcode.StatementCompletionUnknown, pgerrcode.IsConnectionException(code): // by a pooler, too
		return true
	case pgErr.SeverityUnlocalized == "ERROR":
		return false // is the end of its transaction
	}
	// What ends a session may come after the commit. But the server does one thing after the other and tells of them in
	// this order.
	return answered
}

// storageError says what an error of the database means for the caller, and for people what to do about it.
func (s *store) storageError(doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, puddle.ErrClosedPool):
		return errClosed
	}
	var doubt *doubtError
	inDoubt := errors.As(err, &doubt)
	if errors.Is(err, context.DeadlineExceeded) {
		err = errSlow // says more than that a deadline was exceeded
	}
	if inDoubt {
		return fmt.Errorf("postgres: %s: the database did not confirm that it was done: %w", doing, errors.Join(symphony.ErrOutcomeUnknown, err))
	}
	if advice, ok := unavailable(err); ok {
		return fmt.Errorf("postgres: %s: %s: %w", doing, advice, errors.Join(symphony.ErrUnavailable, err))
	}
	return fmt.Errorf("postgres: %s: %w", doing, err)
}

// afterwards is an error of what follows a change that was committed.
func afterwards(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("it was done, but is not known everywhere yet: %w", errors.Join(symphony.ErrOutcomeUnknown, err))
}

// unavailable reports whether the same call may succeed later, and what stands in its way.
func unavailable(err error) (advice string, ok bool) {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) {
		switch {
		case errors.Is(err, errRolledBack):
			return "try again", true
		case isUnreachable(err):
			return "the database cannot be reached", true
		}
		return "", false
	}
	switch code := pgErr.Code; {
	case code == pgerrcode.DiskFull:
		return "the server's disk is full; free some space", true
	case code == pgerrcode.TooManyConnections:
		return "the server has no connection left; raise max_connections or lower database.max_connections", true
	case code == pgerrcode.ReadOnlySQLTransaction:
		return "the server is read-only; is this a standby, or is its disk almost full?", true
	case code == pgerrcode.QueryCanceled, code == pgerrcode.LockNotAvailable:
		return "the database did not answer in time", true
	case pgerrcode.IsConnectionException(code), pgerrcode.IsOperatorIntervention(code):
		return "the server is going down or starting", true
	case pgerrcode.IsInsufficientResources(code), pgerrcode.IsSystemError(code), pgerrcode.IsInternalError(code):
		return "the server has a problem; see its log", true
	case pgerrcode.IsTransactionRollback(code):
		return "try again", true
	case pgerrcode.IsInvalidAuthorizationSpecification(code):
		return "the server refuses this user", true
	}
	return "", false
}

// isUnreachable reports whether an error that is not the server's own comes from the way to it.
func isUnreachable(err error) bool {
	var (
		connecting *pgconn.ConnectError
		network    net.Error
	)
	return errors.Is(err, errSlow) || errors.As(err, &connecting) || errors.As(err, &network) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, pgconn.ErrConnClosed) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, context.Canceled) || pgconn.SafeToRetry(err)
}

// isRetryable reports whether a transaction failed for a reason that passes at once: a deadlock, plans made before the
// tables were changed, or statements prepared in another session of a pooler. Nothing of it was stored.
func isRetryable(err error) bool {
	var pgErr *pgconn.PgError
	var doubt *doubtError
	if !errors.As(err, &pgErr) || errors.As(err, &doubt) {
		return false
	}
	switch pgErr.Code {
	case pgerrcode.FeatureNotSupported, pgerrcode.InvalidSQLStatementName, pgerrcode.DuplicatePreparedStatement:
		return true
	}
	return isRolledBack(err)
}

// isRolledBack reports whether the server ended a transaction for the sake of others, as in a deadlock.
func isRolledBack(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgerrcode.IsTransactionRollback(pgErr.Code)
}

// isRefusal reports whether the server refuses the data itself, so that the same call can never succeed and must not
// take others with it.
func isRefusal(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && (pgerrcode.IsDataException(pgErr.Code) || pgerrcode.IsIntegrityConstraintViolation(pgErr.Code))
}

// cleanText makes any text storable: PostgreSQL takes only UTF-8, without NUL.
func cleanText(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// isLocked reports whether a statement gave up waiting for a lock.
func isLocked(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code == pgerrcode.LockNotAvailable
}

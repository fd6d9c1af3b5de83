package postgres

import (
	"context"
	"errors"
	"fmt"
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

// storageError says what an error of the database means for the caller, and for people what to do about it.
func (s *store) storageError(doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, puddle.ErrClosedPool):
		return errClosed
	case errors.Is(err, context.DeadlineExceeded):
		err = errSlow // says more than that a deadline was exceeded
	}
	if advice, ok := unavailable(err); ok {
		return fmt.Errorf("postgres: %s: %s: %w", doing, advice, errors.Join(symphony.ErrUnavailable, err))
	}
	return fmt.Errorf("postgres: %s: %w", doing, err)
}

// unavailable reports whether the same call may succeed later, and what stands in its way.
func unavailable(err error) (advice string, ok bool) {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) {
		return "the database cannot be reached", true
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

// isRetryable reports whether a transaction failed for a reason that passes at once: a deadlock, plans made before the
// tables were changed, or statements prepared in another session of a pooler. Nothing of it was stored.
func isRetryable(err error) bool {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) {
		return false
	}
	switch pgErr.Code {
	case pgerrcode.FeatureNotSupported, pgerrcode.InvalidSQLStatementName, pgerrcode.DuplicatePreparedStatement:
		return true
	}
	return pgerrcode.IsTransactionRollback(pgErr.Code)
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

package postgres

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// query is a statement on the way of every message. Its parameters carry their types in casts ($1::uuid[]).
type query struct {
	name string // of the prepared statement; none where the text is made for one call
	sql  string // with {schema} before each name
}

func newQuery(name, sql string) *query { return &query{name: "symphony_" + name, sql: sql} }

// reads reports whether a query leaves everything as it is. Whatever changes something begins with another word, besides
// the one that calls a function of the schema's.
func (q *query) reads() bool { return strings.HasPrefix(q.sql, "SELECT") && q != rollQuery }

// call is one execution of a query. row is called for each row of the result, with values that are valid during the
// call only.
type call struct {
	query  *query
	params [][]byte
	row    func(values [][]byte) error
}

// link is a connection taken from the pool, in the hands of one goroutine.
type link struct {
	*store
	pooled *pgxpool.Conn
	pg     *pgconn.PgConn
	state  *linkState
	began  int64 // when it was asked for, on the clock of this process
	open   bool  // a transaction of several round trips was begun
}

// linkState stays with a connection as long as it lives.
type linkState struct {
	prepared map[*query]bool
	// shard is which rows of the counters this connection changes, so that none waits for another.
	shard int64
	uses  int
	// behindPooler says that the server's session may be another one in each transaction: no prepared statements.
	behindPooler bool
}

// shardUses is after how many transactions a connection changes to new counter rows. Every change of a row leaves an
// old version of it behind, and where an old snapshot keeps those from being removed, finding the row would become
// slower and slower.
const shardUses = 512

const linkKey = "symphony"

// acquire takes a connection from the pool.
func (s *store) acquire(ctx context.Context) (*link, error) {
	c, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	pg := c.Conn().PgConn()
	state, ok := pg.CustomData()[linkKey].(*linkState)
	if !ok {
		state = &linkState{prepared: make(map[*query]bool), behindPooler: s.behindPooler.Load()}
		pg.CustomData()[linkKey] = state
	}
	return &link{store: s, pooled: c, pg: pg, state: state}, nil
}

func (l *link) release() { l.pooled.Release() }

// nextShard is the shard for one more transaction.
func (l *link) nextShard() []byte {
	if l.state.uses%shardUses == 0 {
		l.state.shard = 1 + rand.Int64N(1<<62)
	}
	l.state.uses++
	return int8Param(l.state.shard)
}

// binaryFormat is the format of all parameters and results.
var binaryFormat = []int16{1}

// transact runs the calls in one round trip and one transaction: all of them take effect or none does. A *doubtError says
// that it is unknown which.
func (l *link) transact(ctx context.Context, calls ...call) error {
	// Without BEGIN all that is sent together is one transaction. Behind a pooler it must be an explicit one, because
	// the settings below end with it.
	return l.send(ctx, l.state.behindPooler, l.state.behindPooler, calls)
}

// begin starts a transaction of several round trips with these calls. finish or rollback must follow, unless it fails.
func (l *link) begin(ctx context.Context, calls ...call) error {
	return l.send(ctx, true, false, calls)
}

// proceed executes further calls in a transaction that was begun.
func (l *link) proceed(ctx context.Context, calls ...call) error {
	return l.send(ctx, false, false, calls)
}

// finish ends a transaction with these calls, by a commit. A *doubtError says that it is unknown whether that took place.
func (l *link) finish(ctx context.Context, calls ...call) error {
	return l.send(ctx, false, true, calls)
}

// rollback ends a transaction and undoes it.
func (l *link) rollback(ctx context.Context) {
	l.open = false
	if _, err := l.pg.Exec(ctx, "ROLLBACK").ReadAll(); err != nil {
		l.close()
	}
}

// send runs calls in one round trip.
func (l *link) send(ctx context.Context, begin, commit bool, calls []call) error {
	several := l.open // round trips
	commits := commit || !begin && !l.open
	l.open = (l.open || begin) && !commit
	p := l.pg.StartPipeline(ctx)
	var preparing []*query
	before := 0 // results that come before those of the calls
	if begin {
		before++
		if l.state.behindPooler {
			// Settings of a session do not reach the server through a pooler, so they are made in each transaction.
			d := l.defaults.Load()
			p.SendQueryParams(d.begin, nil, nil, nil, nil)
			p.SendQueryParams(d.settings, nil, nil, nil, nil)
			before++
		} else {
			p.SendQueryParams(beginText, nil, nil, nil, nil)
		}
	}
	for i := range calls {
		q := calls[i].query
		switch {
		case l.state.behindPooler || q.name == "":
			p.SendQueryParams(l.text(q), calls[i].params, nil, binaryFormat, binaryFormat)
		case !l.state.prepared[q] && !slices.Contains(preparing, q):
			p.SendPrepare(q.name, l.text(q), nil)
			preparing = append(preparing, q)
			fallthrough
		default:
			p.SendQueryPrepared(q.name, calls[i].params, binaryFormat, binaryFormat)
		}
	}
	if commit {
		p.SendQueryParams("COMMIT", nil, nil, nil, nil)
	}
	answered := 0
	err := p.Sync()
	if err == nil {
		answered, err = l.results(p, before, calls, preparing)
	}
	if cerr := p.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		return nil
	}
	l.open = false
	if !l.pg.IsClosed() {
		l.recover(ctx, err)
	}
	// What reads can be asked for again by anybody.
	if commits && inDoubt(err, answered >= len(calls)) && (several || slices.ContainsFunc(calls, changes)) {
		return &doubtError{err}
	}
	return err
}

func changes(c call) bool { return !c.query.reads() }

// recover makes a connection usable again after an error, or closes it.
func (l *link) recover(ctx context.Context, err error) {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		switch pgErr.Code {
		case pgerrcode.InvalidSQLStatementName, pgerrcode.DuplicatePreparedStatement:
			// The server's session is not the one in which the statement was prepared: there is a pooler in between.
			l.behindPooler.Store(true)
			fallthrough
		case pgerrcode.FeatureNotSupported: // a prepared plan does not fit the tables any more
			l.close()
			return
		}
	}
	if l.pg.TxStatus() != 'I' {
		l.rollback(ctx)
	}
}

// close ends the connection; the pool makes another one.
func (l *link) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = l.pg.Close(ctx) // nobody waits for what it says
}

// errRolledBack is a COMMIT that the server answered with a rollback.
var errRolledBack = errors.New("the transaction was rolled back")

// results reads what a pipeline returns, and tells how many of the calls were executed.
func (l *link) results(p *pgconn.Pipeline, before int, calls []call, preparing []*query) (next int, err error) {
	next = -before
	for {
		result, err := p.GetResults()
		if err != nil {
			return next, err
		}
		switch r := result.(type) {
		case *pgconn.StatementDescription:
			l.state.prepared[preparing[0]] = true
			preparing = preparing[1:]
		case *pgconn.ResultReader:
			var row func([][]byte) error
			if next >= 0 && next < len(calls) {
				row = calls[next].row
			}
			for r.NextRow() {
				if row != nil && err == nil {
					err = row(r.Values())
				}
			}
			tag, cerr := r.Close()
			if err := errors.Join(cerr, err); err != nil {
				return next, err
			}
			if next == len(calls) && tag.String() == "ROLLBACK" {
				return next, errRolledBack
			}
			next++
		case *pgconn.PipelineSync, nil:
			return next, nil
		}
	}
}

// text is a query for this store's schema.
func (s *store) text(q *query) string {
	if t, ok := s.texts.Load(q); ok {
		return t.(string)
	}
	t := s.qualify(q.sql)
	s.texts.Store(q, t)
	return t
}

// do runs calls on a connection of its own, within the time that a transaction may take.
func (s *store) do(ctx context.Context, doing string, calls ...call) error {
	return s.with(ctx, doing, func(ctx context.Context, l *link) error { return l.transact(ctx, calls...) })
}

// with runs f with a connection, within the time that a transaction may take, and says what its error means. The end of
// ctx does not interrupt it: what was claimed or stored by then must be told.
func (s *store) with(ctx context.Context, doing string, f func(context.Context, *link) error) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	return s.storageError(doing, s.bounded(f))
}

// withAgain is with for what is done again by whoever comes next, or given back, if nobody knows whether it was done. So
// its caller can be told for certain that nothing of his was stored. f runs again if it fails for a reason that passes
// at once.
func (s *store) withAgain(ctx context.Context, doing string, f func(context.Context, *link) error) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	return s.storageError(doing, undoubted(s.retrying(f)))
}

// bounded runs f with a connection, within the time that a transaction may take.
func (s *store) bounded(f func(context.Context, *link) error) error {
	ctx, cancel := context.WithTimeoutCause(context.Background(), s.timeout, errSlow)
	defer cancel()
	began := s.now()
	l, err := s.acquire(ctx)
	if err != nil {
		return err
	}
	defer l.release()
	l.began = began
	err = f(ctx, l)
	if l.pg.IsClosed() {
		// What ended this connection, such as a restart of the server, has likely ended the others.
		s.pool.Reset()
	}
	return err
}

// usable is the reason for which a call cannot even begin.
func (s *store) usable(ctx context.Context) error {
	if s.isClosing() {
		return errClosed
	}
	return ctx.Err()
}

func (s *store) isClosing() bool {
	select {
	case <-s.closing:
		return true
	default:
		return false
	}
}

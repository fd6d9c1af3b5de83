package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// oldestServer is the lowest major version of PostgreSQL that works.
const oldestServer = 13

// newPool makes the pool of connections, without connecting yet.
func newPool(url string, o Options) (*pgxpool.Pool, error) {
	c, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err) // pgx leaves the password out
	}
	if o.MaxConns > 0 {
		c.MaxConns = int32(o.MaxConns)
	}
	if c.ConnConfig.ConnectTimeout == 0 {
		c.ConnConfig.ConnectTimeout = max(o.Timeout, DefaultTimeout)
	}
	if c.ConnConfig.RuntimeParams["application_name"] == "" {
		c.ConnConfig.RuntimeParams["application_name"] = "symphony"
	}
	for name, value := range startSettings {
		c.ConnConfig.RuntimeParams[name] = value
	}
	// What does not run through conn.go must work behind a pooler too.
	c.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	timeout := max(o.Timeout, DefaultTimeout)
	c.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		pooled, err := isPooled(ctx, conn.PgConn())
		if err != nil || pooled {
			return err
		}
		return conn.PgConn().Exec(ctx, setConfig(timeout, synchronous, false)).Close()
	}
	pool, err := pgxpool.NewWithConfig(context.Background(), c)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	return pool, nil
}

// isPooled reports whether a pooler stands before the server: then the process that the connection was told about when
// it was made is not the one that executes its statements.
func isPooled(ctx context.Context, c *pgconn.PgConn) (bool, error) {
	result := c.ExecParams(ctx, "SELECT pg_backend_pid()", nil, nil, nil, nil).Read()
	if result.Err != nil {
		return false, result.Err
	}
	if len(result.Rows) != 1 {
		return false, errors.New("a pooler in statement mode does not work: each call needs a transaction")
	}
	return string(result.Rows[0][0]) != strconv.FormatUint(uint64(c.PID()), 10), nil
}

// greet connects for the first time: it looks what stands behind the connection.
func (s *store) greet(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.storageError("connect", s.bounded(func(ctx context.Context, l *link) error {
		pooled, err := isPooled(ctx, l.pg)
		if err != nil {
			return err
		}
		s.behindPooler.Store(pooled)
		l.state.behindPooler = pooled
		if v := serverVersion(l.pg); v < oldestServer {
			return fmt.Errorf("the server is PostgreSQL %d; %d or newer is needed", v, oldestServer)
		}
		if err := s.readDefaults(ctx, l); err != nil {
			return err
		}
		return s.measureOffset(ctx, l)
	}))
}

// serverVersion is the server's major version.
func serverVersion(c *pgconn.PgConn) int {
	v := c.ParameterStatus("server_version") // such as "15.4 (Debian 15.4-1)" or "19beta1"
	end := strings.IndexFunc(v, func(r rune) bool { return r < '0' || r > '9' })
	if end >= 0 {
		v = v[:end]
	}
	n, _ := strconv.Atoi(v) // 0 where a pooler does not tell: too old
	return n
}

var clockQuery = newQuery("clock", "SELECT clock_timestamp()")

// measureOffset compares the clocks. Of a few looks the quickest counts: the answer was made somewhere in its time.
func (s *store) measureOffset(ctx context.Context, l *link) error {
	if s.given {
		return nil
	}
	best := int64(math.MaxInt64)
	for range 3 {
		var server int64
		began := s.now()
		if err := l.transact(ctx, call{query: clockQuery, row: func(v [][]byte) error {
			server = timeColumn(v[0])
			return nil
		}}); err != nil {
			return err
		}
		ended := s.now()
		if took := ended - began; took < best {
			best = took
			s.offset.Store(server - (began+ended)/2)
		}
	}
	return nil
}

// compareClocks is measureOffset on a connection of its own.
func (s *store) compareClocks(ctx context.Context) error {
	return s.with(ctx, "compare the clocks", s.measureOffset)
}

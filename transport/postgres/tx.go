package postgres

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/symphony-messenger/symphony"
)

// Tx works inside a transaction of the caller's on the database of the transport, so that messages are dispatched, or a
// delivery is acked, if and only if the caller's own changes are committed:
//
//	bus.In(transport.Tx(tx)).Dispatch(ctx, "OrderPlaced", order, symphony.DispatchOptions{})
//
// The transaction's role needs the rights on the schema that the transport's has. An error of the database leaves the
// transaction failed, as any other error in it does. A Tx is for one goroutine at a time, like the transaction.
type Tx struct {
	store *store
	query func(ctx context.Context, sql string, args []any, row func(scan func(...any) error) error) error
	added []added
}

// Tx works inside a transaction of pgx's.
func (t *Transport) Tx(tx pgx.Tx) *Tx {
	return &Tx{store: t.store, query: func(ctx context.Context, sql string, args []any, row func(func(...any) error) error) error {
		// Prepares nothing on the caller's connection, which may go through a pooler.
		rows, err := tx.Query(ctx, sql, append([]any{pgx.QueryExecModeExec}, args...)...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			if err := row(rows.Scan); err != nil {
				return err
			}
		}
		return rows.Err()
	}}
}

// SQLTx works inside a transaction of database/sql's, with any driver for PostgreSQL.
func (t *Transport) SQLTx(tx *sql.Tx) *Tx {
	return &Tx{store: t.store, query: func(ctx context.Context, sql string, args []any, row func(func(...any) error) error) (err error) {
		rows, err := tx.QueryContext(ctx, sql, args...)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, rows.Close()) }()
		for rows.Next() {
			if err := row(rows.Scan); err != nil {
				return err
			}
		}
		return rows.Err()
	}}
}

// Storage is the store, so that a Bus accepts messages for its transports only.
func (x *Tx) Storage() any { return x.store }

// Committed tells workers of the messages. Call it when the transaction has been committed; without it they are found
// within a few of Options.PollInterval.
func (x *Tx) Committed() {
	x.store.arrived(x.added)
	x.added = nil
}

// txRow is a message as the statements below take it. Everything is text, which every driver can pass on.
type txRow struct {
	ID          string  `json:"id"`
	CreatedAt   string  `json:"created_at"`
	ScheduledAt *string `json:"scheduled_at,omitempty"`
	Lane        int     `json:"lane"`
	Transport   string  `json:"transport"`
	Queue       string  `json:"queue"`
	Priority    int     `json:"priority"`
	Type        string  `json:"type"`
	Key         *string `json:"key,omitempty"`
	Fingerprint string  `json:"fingerprint,omitempty"`
	Lifetime    int64   `json:"lifetime,omitempty"` // µs
	Headers     *string `json:"headers,omitempty"`
	Metadata    *string `json:"metadata,omitempty"`
	Extras      *string `json:"extras,omitempty"`
	Payload     string  `json:"payload"`
	Controlled  *bool   `json:"controlled,omitempty"`
	ExpiresAt   *string `json:"expires_at,omitempty"`
	Ord         int     `json:"ord"`
	Size        int     `json:"size"`
}

const txRows = `jsonb_to_recordset($2::jsonb) AS r(id uuid, created_at timestamptz, scheduled_at timestamptz, lane int4, transport text, queue text,
	priority int2, type text, key text, fingerprint text, lifetime int8, headers text, metadata text, extras text, payload text, controlled bool, expires_at timestamptz, ord int4, size int4)`

const (
	txClaimKeys = `INSERT INTO {schema}.messenger_idempotency AS i (transport, key, message_id, fingerprint, expires_at, queue, scheduled_at)
		SELECT transport, key, id, decode(fingerprint, 'hex'), coalesce($1::timestamptz, now()) + lifetime * interval '1 microsecond', queue, scheduled_at
		FROM ` + txRows + ` ORDER BY transport, key
		ON CONFLICT (transport, key) DO UPDATE SET message_id = excluded.message_id, fingerprint = excluded.fingerprint,
			expires_at = excluded.expires_at, queue = excluded.queue, scheduled_at = excluded.scheduled_at
			WHERE i.expires_at <= coalesce($1::timestamptz, now())
		RETURNING message_id::text`

	txReadKeys = `SELECT i.transport, i.key, i.message_id::text, encode(i.fingerprint, 'hex'), i.queue, (extract(epoch FROM i.scheduled_at) * 1000000)::int8
		FROM ` + txRows + ` JOIN {schema}.messenger_idempotency i ON i.transport = r.transport AND i.key = r.key WHERE $1::text IS NULL OR true`

	txForgetKeys = `DELETE FROM {schema}.messenger_idempotency i USING ` + txRows + `
		WHERE i.transport = r.transport AND i.key = r.key AND i.message_id = r.id AND ($1::text IS NULL OR true)`

	// A transaction may last long, and its now() is when it began: messages are available from when they were stored.
	txInsert = `WITH r AS MATERIALIZED (SELECT *, coalesce($1::timestamptz, clock_timestamp()) AS stored_at FROM ` + txRows + `
		), messages AS (
			INSERT INTO {schema}.messenger_messages (id, created_at, scheduled_at, lane, priority, type, idempotency_key, headers, metadata, extras, payload)
			SELECT id, created_at, scheduled_at, lane, priority, type, key, headers, metadata, extras, payload FROM r
		), ready AS (
			INSERT INTO {schema}.messenger_ready (lane, rank, ord, available_at, id, attempt, lost, size, controlled)
			SELECT lane, $4::int4 - priority, ord, greatest(stored_at, scheduled_at), id, 0, 0, size, controlled FROM r
		), expiring AS (
			INSERT INTO {schema}.messenger_expiring (expires_at, id) SELECT expires_at, id FROM r WHERE expires_at IS NOT NULL
		), later AS (
			INSERT INTO {schema}.messenger_scheduled (scheduled_at, id, lane)
			SELECT scheduled_at, id, lane FROM r WHERE scheduled_at > stored_at RETURNING id
		)
		INSERT INTO {schema}.messenger_counters (shard, lane, pending, processing, completed, failed, scheduled)
		SELECT $3::int8, r.lane, count(*), 0, 0, 0, count(later.id) FROM r LEFT JOIN later ON later.id = r.id GROUP BY r.lane
		RETURNING (extract(epoch FROM coalesce($1::timestamptz, clock_timestamp())) * 1000000)::int8`
)

// Send stores the envelopes in the transaction. It is what a Bus calls.
func (x *Tx) Send(ctx context.Context, envelopes []*symphony.Envelope) ([]symphony.Receipt, error) {
	s := x.store
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	if err := s.understood(envelopes); err != nil {
		return nil, err
	}
	o, err := newSendOp(envelopes, s.limits)
	if err != nil {
		return nil, err
	}
	for i := range o.list {
		if f := o.list[i].Flow; f != nil && (f.GroupKey != "" || f.DebounceKey != "" || f.ThrottleKey != "") {
			// Deciding these takes a lock that all flow control of the database shares, for as long as the caller's
			// transaction lasts.
			return nil, fmt.Errorf("postgres: send in a transaction: group, debounce and throttle keys: %w", symphony.ErrUnsupported)
		}
	}
	// Queues are made outside of the transaction, which others would have to wait for.
	err = s.with(ctx, "send", func(ctx context.Context, l *link) error {
		return s.findLanes(ctx, l, o)
	})
	if err != nil {
		return nil, err
	}
	store, err := x.decide(ctx, o)
	if err != nil {
		return nil, err
	}
	return o.receipts, x.insert(ctx, store)
}

// decide claims the idempotency keys and returns the messages to store.
func (x *Tx) decide(ctx context.Context, o *sendOp) ([]*messageRow, error) {
	k := &keys{ops: []*sendOp{o}}
	firsts := k.firsts()
	if len(firsts) > 0 {
		if err := x.ask(ctx, txClaimKeys, firsts, func(scan func(...any) error) error {
			var id string
			err := scan(&id)
			key, _ := parseUUID(id) // is one
			k.won[key] = true
			return err
		}); err != nil {
			return nil, err
		}
		if err := x.ask(ctx, txReadKeys, firsts, func(scan func(...any) error) error {
			var (
				name      keyName
				t         takenKey
				print     string
				scheduled sql.NullInt64
			)
			err := scan(&name.transport, &name.key, &t.id, &print, &t.queue, &scheduled)
			t.scheduled = scheduled.Int64
			_, herr := hex.Decode(t.fingerprint[:], []byte(print))
			k.taken[name] = &t
			return errors.Join(err, herr)
		}); err != nil {
			return nil, err
		}
	}
	store, undo := k.decide(x.store)
	if len(undo) > 0 {
		if err := x.ask(ctx, txForgetKeys, undo, nil); err != nil {
			return nil, err
		}
	}
	if len(k.later) > 0 {
		return nil, fmt.Errorf("postgres: send: an idempotency key has just expired; try again: %w", symphony.ErrUnavailable)
	}
	return store, o.err
}

// insert stores messages.
func (x *Tx) insert(ctx context.Context, list []*messageRow) error {
	if len(list) == 0 {
		return nil
	}
	shard := 1 + rand.Int64N(1<<62)
	var now int64
	err := x.ask(ctx, txInsert, list, func(scan func(...any) error) error { return scan(&now) }, shard, symphony.MaxPriority)
	if err != nil {
		return err
	}
	for _, row := range list {
		// now was read at the end of the statement, a moment after the messages got their times.
		x.added = append(x.added, added{stream{row.lane, rankOf(row.Priority)}, max(now-time.Second.Microseconds(), row.scheduled), 1})
	}
	return nil
}

// ask executes a statement about some messages.
func (x *Tx) ask(ctx context.Context, sql string, list []*messageRow, row func(func(...any) error) error, args ...any) error {
	rows := make([]txRow, len(list))
	ord := x.store.nextOrd(len(list))
	for i, m := range list {
		rows[i] = txRow{
			ID: m.ID, CreatedAt: timeText(m.CreatedAt), Lane: m.lane, Transport: m.Transport, Queue: m.Queue, Priority: m.Priority, Type: m.Type,
			Headers: optional(string(m.headers)), Metadata: optional(string(m.metadata)), Extras: optional(string(m.extras)), Payload: string(m.Payload),
			Ord: ord + i, Size: len(m.Payload) + len(m.metadata) + len(m.headers),
		}
		if m.controlled {
			rows[i].Controlled = &m.controlled
		}
		if m.Flow != nil && !m.Flow.ExpiresAt.IsZero() {
			rows[i].ExpiresAt = optional(timeText(m.Flow.ExpiresAt))
		}
		if m.scheduled != 0 {
			rows[i].ScheduledAt = optional(timeText(m.ScheduledAt))
		}
		if m.IdempotencyKey != "" {
			name := m.IdempotencyName()
			rows[i].Key, rows[i].Fingerprint, rows[i].Lifetime = &name, hex.EncodeToString(m.Fingerprint[:]), m.IdempotencyWindow.Microseconds()
		}
	}
	raw, err := json.Marshal(rows)
	if err != nil {
		return fmt.Errorf("postgres: send: %w", err)
	}
	return x.run(ctx, "send", sql, append([]any{x.now(), string(raw)}, args...), row)
}

func (x *Tx) run(ctx context.Context, doing, sql string, args []any, row func(func(...any) error) error) error {
	if row == nil {
		row = func(func(...any) error) error { return nil }
	}
	err := x.query(ctx, x.store.qualify(sql), args, row)
	if why := txProblem(err); why != "" {
		return fmt.Errorf("postgres: %s in the given transaction: %s: %w", doing, why, err)
	}
	return x.store.storageError(doing, err)
}

// txProblem is what is wrong with the caller's transaction itself, so that the same call in it can never succeed.
func txProblem(err error) string {
	var refused *pgconn.PgError
	switch {
	case errors.Is(err, pgx.ErrTxClosed), errors.Is(err, sql.ErrTxDone):
		return "it is over: it was committed or rolled back, or its context ended"
	case !errors.As(err, &refused):
	case refused.Code == pgerrcode.ReadOnlySQLTransaction:
		return "it is read-only; begin one that may write"
	case refused.Code == pgerrcode.InFailedSQLTransaction:
		return "a statement before failed in it; roll it back"
	}
	return ""
}

// now is the time of a test's clock, nil for the server's own.
func (x *Tx) now() any {
	if x.store.given {
		return timeText(x.store.clock.Now())
	}
	return nil
}

func timeText(t time.Time) string { return fromMicros(micros(t)).Format("2006-01-02T15:04:05.999999Z") }

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// Ack acks a delivery of the transport's in the transaction: where that is committed, what the handler did in it took
// effect exactly once. The handler then returns nil, or the error of its commit. The error is symphony.ErrLeaseLost if
// the delivery is another worker's by now, and symphony.ErrCancelled if its message was cancelled; the handler must
// roll back. What the handler has set with symphony.SetOutput until then, in the context that it gives, is kept with
// the message. It may stand anywhere in the transaction: until that ends it locks this message alone.
func (x *Tx) Ack(ctx context.Context, d *symphony.Delivery) error {
	token, ok := parseUUID(d.Lease.Token)
	id, ok2 := parseUUID(d.Lease.MessageID)
	if !ok || !ok2 {
		return symphony.ErrLeaseLost
	}
	output, reason := symphony.OutputFrom(ctx)
	q, leaves := ackAndKeepInTx, len(output) > 0 || reason != ""
	switch {
	case x.store.kept.Nothing(symphony.Completed) && !leaves:
		q = ackAndDeleteInTx
	case leaves:
		if q = ackAndKeepOutputInTx; x.store.kept.Nothing(symphony.Completed) {
			q = ackAndDeleteOutputInTx
		}
	}
	list := func(v any) string { return fmt.Sprintf("{%v}", v) }
	started := list("NULL")
	if !d.ClaimedAt.IsZero() {
		started = list(timeText(d.ClaimedAt))
	}
	if err := x.lock(ctx, token, id, d.Lease.Index); err != nil {
		return x.lostFor(ctx, d, err)
	}
	args := []any{x.now(), list(token), list(id), list(token), list(d.Lease.Index), list(d.Attempt), started,
		1 + rand.Int64N(1<<62)}
	if leaves {
		args = append(args, oneText(string(output)), oneText(reason))
	}
	acked := false
	err := x.run(ctx, "ack", q.sql, args, func(func(...any) error) error {
		acked = true
		return nil
	})
	if err == nil && !acked {
		return x.lostFor(ctx, d, symphony.ErrLeaseLost)
	}
	if err == nil {
		err = x.follow(ctx, d)
	}
	if err == nil {
		x.store.leases.ackInTx(token, d.Lease.Index)
	}
	return err
}

// lostFor is the error of an ack, with the reason where the delivery is lost. It is asked for beside the transaction,
// which may not see the present.
func (x *Tx) lostFor(ctx context.Context, d *symphony.Delivery, err error) error {
	if errs := []error{err}; errors.Is(err, symphony.ErrLeaseLost) {
		x.store.lostFor(ctx, []symphony.Lease{d.Lease}, errs, []int{0}, false)
		return errs[0]
	}
	return err
}

// oneText is an array of one text as PostgreSQL reads it, with NULL for none.
func oneText(s string) string {
	if s == "" {
		return "{NULL}"
	}
	return `{"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"}`
}

// lock locks the message of a delivery, so that nobody else can end it, and makes sure that nobody has.
func (x *Tx) lock(ctx context.Context, token, id uuid, place int) error {
	level := ""
	err := x.run(ctx, "ack", txLockItem, []any{id.String(), token.String(), place}, func(scan func(...any) error) error { return scan(&level) })
	switch {
	case err != nil:
		return err
	case level == "":
		return symphony.ErrLeaseLost
	case level == "read committed":
		return nil // the statement after this one sees for itself
	}
	held := false
	err = x.store.do(ctx, "ack", call{query: txStillHeld, params: [][]byte{x.store.nowParam(), token[:], int4Param(place), id[:]}, row: func([][]byte) error {
		held = true
		return nil
	}})
	if err == nil && !held {
		err = symphony.ErrLeaseLost
	}
	return err
}

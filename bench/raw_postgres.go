package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// rawPostgresPeer is what plain SQL does without any guarantee beyond the commit: rows are deleted when they are
// claimed, so a worker that dies loses what it holds. It shows what the server and the driver allow.
func rawPostgresPeer() Peer {
	cases := queueCases(openRawPostgres, nil)
	cases = slices.DeleteFunc(cases, func(c Case) bool {
		return c.Name != "enqueue1" && c.Name != "enqueue16" && c.Name != "batch-1000" && c.Name != "drain-tuned"
	})
	return Peer{
		Name: "raw-sql", Postgres: true, Relaxed: true,
		Settings: "pgx; a send is one autocommitted INSERT, a batch one COPY; the worker deletes 1000 rows at a time with SKIP LOCKED, at most once, keeps nothing",
		Cases:    cases,
	}
}

type rawPostgres struct{ pool *pgxpool.Pool }

func openRawPostgres(ctx context.Context, place string, _ bool) (Queue, error) {
	config, err := pgxpool.ParseConfig(place)
	if err != nil {
		return nil, err
	}
	config.MaxConns = 16
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	_, err = pool.Exec(ctx, "CREATE TABLE IF NOT EXISTS raw_queue (id bigserial PRIMARY KEY, payload jsonb NOT NULL)")
	return &rawPostgres{pool}, err
}

func (r *rawPostgres) Enqueue(ctx context.Context, seq int) error {
	_, err := r.pool.Exec(ctx, "INSERT INTO raw_queue (payload) VALUES ($1)", newPayload(seq))
	return err
}

func (r *rawPostgres) EnqueueBatch(ctx context.Context, first, n int) error {
	_, err := r.pool.CopyFrom(ctx, pgx.Identifier{"raw_queue"}, []string{"payload"}, pgx.CopyFromSlice(n, func(i int) ([]any, error) {
		return []any{newPayload(first + i)}, nil
	}))
	return err
}

func (r *rawPostgres) Work(ctx context.Context, handled func(seq int)) error {
	for range 2 {
		go func() {
			for ctx.Err() == nil {
				rows, err := r.pool.Query(ctx, `DELETE FROM raw_queue WHERE id = ANY (ARRAY(
					SELECT id FROM raw_queue ORDER BY id LIMIT 1000 FOR UPDATE SKIP LOCKED)) RETURNING payload`)
				if err != nil {
					return
				}
				payloads, err := pgx.CollectRows(rows, pgx.RowTo[json.RawMessage])
				if err != nil {
					return
				}
				for _, raw := range payloads {
					var p payload
					if err := json.Unmarshal(raw, &p); err != nil {
						panic(fmt.Sprintf("payload %s: %v", raw, err))
					}
					handled(p.Seq)
				}
			}
		}()
	}
	return nil
}

func (r *rawPostgres) Left(ctx context.Context) (n int, err error) {
	err = r.pool.QueryRow(ctx, "SELECT count(*) FROM raw_queue").Scan(&n)
	return n, err
}

func (r *rawPostgres) Close() error {
	r.pool.Close()
	return nil
}

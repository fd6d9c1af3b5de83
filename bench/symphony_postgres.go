package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/transport/postgres"
)

func symphonyPostgresPeer() Peer {
	open := openPostgresQueue(0)
	return Peer{
		Name: "symphony-pg", Ours: true, Postgres: true,
		Settings: "pgx, postgres.Options{} (10 connections), worker.Options{}; tuned: Concurrency 4, BatchSize 2000, no handler timeout; a batch is one DispatchBatch of 1,000; keeps completed messages for 24 h",
		Cases:    slices.Concat(queueCases(open, nil), scaleCases("symphony-pg", open), symphonyCases(open), symphonyHTTPCases("")),
	}
}

// symphonyPostgresNonePeer deletes completed messages at once, as Graphile Worker does.
func symphonyPostgresNonePeer() Peer {
	cases := slices.DeleteFunc(queueCases(openPostgresQueue(symphony.KeepNothing), nil), func(c Case) bool {
		return !strings.HasPrefix(c.Name, "drain-") && c.Name != "both"
	})
	return Peer{
		Name: "symphony-pg-none", Ours: true, Postgres: true, Settings: "symphony-pg with retention 0: completed messages are deleted at once",
		Cases: cases,
	}
}

// openPostgresQueue opens the transport with a retention, 0 for the default.
func openPostgresQueue(retention time.Duration) OpenQueue {
	return func(ctx context.Context, place string, tuned bool) (Queue, error) {
		tr, err := postgres.Open(ctx, place, postgres.Options{Retention: retention, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			return nil, err
		}
		return newSymphonyQueue(tr, tuned)
	}
}

// retain adds n completed messages of today to a database, by SQL: handling them all would take longer than all else.
func retain(ctx context.Context, url string, n int) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, fmt.Sprintf(`INSERT INTO symphony.messenger_completed
			(id, created_at, started_at, completed_at, lane, priority, attempt, type, worker, payload)
		SELECT gen_random_uuid(), now(), now(), now(), (SELECT min(lane) FROM symphony.messenger_lanes), 5, 1, 'noop', 'bench', $1
		FROM generate_series(1, %d)`, n), strings.Repeat("x", padLength))
	return err
}

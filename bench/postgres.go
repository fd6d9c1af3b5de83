package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/symphony-messenger/symphony/bench/harness"
	"github.com/symphony-messenger/symphony/internal/pgtest"
)

// postgresServer has the databases of the peers on PostgreSQL: one for each fixture, and a copy of it for each
// measurement.
type postgresServer struct {
	url   string // of a database in which nothing is measured
	at    func(database string) string
	end   func()
	count int
}

// startPostgres starts a private server with stock settings, or uses the one at a URL.
func startPostgres(url string) (s *postgresServer, err error) {
	if url != "" {
		config, err := pgx.ParseConfig(url)
		if err != nil {
			return nil, err
		}
		at := func(database string) string {
			return fmt.Sprintf("host=%s port=%d user=%s password='%s' dbname=%s", config.Host, config.Port, config.User, config.Password, database)
		}
		return &postgresServer{url: url, at: at, end: func() {}}, nil
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	t := new(harness.Harness)
	server := pgtest.Start(t, pgtest.Options{Fsync: true})
	return &postgresServer{url: server.URL("postgres"), at: server.URL, end: t.End}, nil
}

// exec executes a statement that stands for itself.
func (s *postgresServer) exec(ctx context.Context, sql string) error {
	conn, err := pgx.Connect(ctx, s.url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sql)
	return errors.Join(err, conn.Close(ctx))
}

// create makes a database, as a copy of another one unless that is empty.
func (s *postgresServer) create(ctx context.Context, template string) (name string, err error) {
	s.count++
	name = fmt.Sprintf("symphony_bench_%d", s.count)
	sql := "CREATE DATABASE " + name
	if template != "" {
		sql += " TEMPLATE " + template
	}
	if err := s.exec(ctx, sql); err != nil {
		return "", err
	}
	// What the copy has to write back does not fall into the measurement.
	return name, s.exec(ctx, "CHECKPOINT")
}

func (s *postgresServer) drop(name string) error {
	return s.exec(context.Background(), "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
}

package postgres

import (
	"context"
	"embed"
	"fmt"
	"strings"
)

//go:embed migrations
var files embed.FS

func validateSchema(string) error { return nil }
func (s *store) qualify(sql string) string {
	return strings.ReplaceAll(strings.ReplaceAll(sql, "{schema}", `"`+s.schema+`"`), "{name}", s.schema)
}
func (s *store) migrate(ctx context.Context, apply bool) error {
	b, _ := files.ReadFile("migrations/001_queue.sql")
	var n int
	if err := s.pool.QueryRow(ctx, "select count(*) from pg_namespace where nspname=$1", s.schema).Scan(&n); err != nil || n > 0 {
		return err
	}
	c, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer c.Release()
	_, err = c.Conn().PgConn().Exec(ctx, fmt.Sprintf("CREATE SCHEMA %q;", s.schema)+s.qualify(string(b))).ReadAll()
	return err
}

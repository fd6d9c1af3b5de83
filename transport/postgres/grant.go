package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// A node that does not migrate works with these privileges on the tables of the schema. Partitions are reached through
// their parent, and identity columns need none on their sequences.
const nodePrivileges = "SELECT, INSERT, UPDATE, DELETE"

// fewerPrivileges are what suffices on some tables.
var fewerPrivileges = map[string]string{
	"messenger_migrations": "SELECT",
	"messenger_lanes":      "SELECT, INSERT",
}

// privilegesOn is what a node needs on a table.
func privilegesOn(table string) string {
	if fewer, ok := fewerPrivileges[table]; ok {
		return fewer
	}
	return nodePrivileges
}

// Grant gives a role what a process needs that does not migrate (Options.KeepSchema, or a schema that is up to date):
// reading and writing the tables of the schema, and calling its functions, also of tables and partitions that this
// user makes later. It cannot make, alter or drop anything. The role must exist, the schema must be up to date, and the
// user must own it. It is safe to call again.
func Grant(ctx context.Context, url string, o Options, role string) error {
	return onStore(ctx, url, o, func(s *store) error {
		if err := s.migrate(ctx, false); err != nil {
			return err
		}
		err := pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: s.accessMode()}, func(tx pgx.Tx) error { return s.grant(ctx, tx, role) })
		return s.storageError("grant privileges to "+role, err)
	})
}

func (s *store) grant(ctx context.Context, tx pgx.Tx, role string) error {
	tables, functions, err := s.relations(ctx, tx)
	if err != nil {
		return err
	}
	to := pgx.Identifier{role}.Sanitize()
	grants := []string{
		"GRANT USAGE ON SCHEMA {schema} TO " + to,
		"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT " + nodePrivileges + " ON TABLES TO " + to,
		"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT EXECUTE ON FUNCTIONS TO " + to,
	}
	for _, table := range tables {
		grants = append(grants, fmt.Sprintf("GRANT %s ON {schema}.%s TO %s", privilegesOn(table), pgx.Identifier{table}.Sanitize(), to))
	}
	for _, function := range functions {
		grants = append(grants, fmt.Sprintf("GRANT EXECUTE ON FUNCTION %s TO %s", function, to))
	}
	for _, sql := range grants {
		if _, err := tx.Exec(ctx, s.qualify(sql)); err != nil {
			return err
		}
	}
	// Whoever may not grant gets a warning only.
	missing, err := s.missingPrivileges(ctx, tx, role)
	if err == nil && len(missing) > 0 {
		err = fmt.Errorf("the server did not grant %s; the user must own the schema and its tables", strings.Join(missing, ", "))
	}
	return err
}

// relations lists the tables of the schema, without partitions, and the signatures of its functions.
func (s *store) relations(ctx context.Context, q queryer) (tables, functions []string, err error) {
	list := func(sql string) ([]string, error) {
		rows, err := q.Query(ctx, sql, s.schema)
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, pgx.RowTo[string])
	}
	// The partition for days that have none of their own is emptied by nodes, not dropped.
	tables, err = list(`SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND c.relname LIKE 'messenger\_%'
		AND (NOT c.relispartition OR c.relname = 'messenger_completed_default') ORDER BY c.relname`)
	if err != nil {
		return nil, nil, err
	}
	functions, err = list(`SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
		WHERE n.nspname = $1 AND p.proname LIKE 'messenger\_%' ORDER BY 1`)
	return tables, functions, err
}

// missingPrivileges lists what a role lacks of what Grant gives, such as "UPDATE on messenger_ready".
func (s *store) missingPrivileges(ctx context.Context, q queryer, role string) ([]string, error) {
	tables, functions, err := s.relations(ctx, q)
	if err != nil {
		return nil, err
	}
	var needs, objects, names []string
	for _, table := range tables {
		for _, privilege := range strings.Split(privilegesOn(table), ", ") {
			needs, objects = append(needs, privilege), append(objects, s.qualify("{schema}."+pgx.Identifier{table}.Sanitize()))
			names = append(names, table)
		}
	}
	for _, function := range functions {
		needs, objects, names = append(needs, "EXECUTE"), append(objects, function), append(names, function)
	}
	rows, err := q.Query(ctx, `SELECT 'USAGE on the schema' WHERE NOT has_schema_privilege($1::text, $2::text, 'USAGE')
		UNION ALL
		SELECT need || ' on ' || name FROM unnest($3::text[], $4::text[], $5::text[]) AS n(need, object, name)
		WHERE NOT CASE need WHEN 'EXECUTE' THEN has_function_privilege($1, object, need) ELSE has_table_privilege($1, object, need) END`,
		role, s.schema, needs, objects, names)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/config"
	"github.com/symphony-messenger/symphony/server"
	"github.com/symphony-messenger/symphony/transport/postgres"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

func (a *app) migrateCommand() *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database's schema up to date",
		Long: `Without a subcommand this is "symphony migrate up", and with --dry-run "symphony
migrate plan".

The schema is made in steps, which are never taken back: keep a copy of the database
before upgrading. Every command that opens the database takes the steps that are due;
"migrate" is for those who want to see them first or take them at a time of their
choice. With database.migrate set to manual, on PostgreSQL, nothing else takes them.`,
		Example: "  symphony migrate plan\n  symphony migrate up --database /var/lib/symphony/symphony.db",
		Args:    noSubcommand,
		RunE: a.run(func(cmd *cobra.Command, _ []string) error {
			if dryRun {
				return a.migratePlan(cmd)
			}
			return a.migrateUp(cmd, "")
		}),
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only show what is due")
	a.databaseFlag(cmd)
	a.jsonFlag(cmd)
	cmd.AddCommand(a.migratePlanCommand(), a.migrateUpCommand(), a.migrateStatusCommand())
	return cmd
}

func (a *app) migratePlanCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "plan",
		Short:   "Show the steps that are due and their SQL, without taking them",
		Long:    "List the steps of the schema that are due, with the SQL that they execute where the database is PostgreSQL. Nothing is changed.",
		Example: "  symphony migrate plan\n  symphony migrate plan --json",
		Args:    cobra.NoArgs,
		RunE:    a.run(func(cmd *cobra.Command, _ []string) error { return a.migratePlan(cmd) }),
	}
	a.databaseFlag(cmd)
	a.jsonFlag(cmd)
	return cmd
}

func (a *app) migrateUpCommand() *cobra.Command {
	var role string
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Take the steps that are due",
		Long: `Take the steps of the schema that are due, each in a transaction of its own. Several of
these at once do no harm: one does the work, the others find it done.

On PostgreSQL --grant gives a role what a node needs and no more: it reads and writes
the tables, and makes, alters and drops nothing. Nodes that use it start as long as no
step is due. Run this as the role that owns, or shall own, the schema.`,
		Example: `  symphony migrate up
  SYMPHONY_DATABASE_URL=postgres://symphony_owner@db.internal/app symphony migrate up --grant symphony_node`,
		Args: cobra.NoArgs,
		RunE: a.run(func(cmd *cobra.Command, _ []string) error { return a.migrateUp(cmd, role) }),
	}
	cmd.Flags().StringVar(&role, "grant", "", "PostgreSQL: give this `ROLE` what a node needs")
	a.databaseFlag(cmd)
	a.jsonFlag(cmd)
	return cmd
}

func (a *app) migrateStatusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "status",
		Short:   "List the steps and when they were taken",
		Long:    "List the steps of the schema, those taken and those due. Nothing is changed.",
		Example: "  symphony migrate status\n  symphony migrate status --json",
		Args:    cobra.NoArgs,
		RunE: a.run(func(cmd *cobra.Command, _ []string) error {
			s, err := a.migrations(cmd)
			if err != nil {
				return err
			}
			return errors.Join(a.showSteps(s, false), s.tooNew)
		}),
	}
	a.databaseFlag(cmd)
	a.jsonFlag(cmd)
	return cmd
}

// schema is the state of a database's schema.
type schema struct {
	config   *config.Config
	database string // for people
	steps    []step
	tooNew   error // for this program
}

// step is a step of the schema.
type step struct {
	Version   int        `json:"version"`
	Name      string     `json:"name"`
	Status    string     `json:"status"`
	AppliedAt *time.Time `json:"appliedAt,omitempty"` // not known of SQLite
	SQL       string     `json:"sql,omitempty"`
}

const (
	stepDue     = "due"
	stepApplied = "applied before"
	stepTaken   = "applied now"
)

func (s *schema) due() (n int) {
	for _, step := range s.steps {
		if step.Status == stepDue {
			n++
		}
	}
	return n
}

// migrations reads the state of the schema.
func (a *app) migrations(cmd *cobra.Command) (*schema, error) {
	c, err := a.config(cmd)
	if err != nil {
		return nil, err
	}
	if c.Database.PostgreSQL() {
		return a.postgresMigrations(cmd.Context(), c)
	}
	list, err := sqlite.Migrations(cmd.Context(), c.Database.Path)
	if err != nil {
		return nil, err
	}
	s := &schema{config: c, database: c.Database.Path}
	for _, m := range list {
		status := stepDue
		if m.Applied {
			status = stepApplied
		}
		s.steps = append(s.steps, step{Version: m.Version, Name: m.Name, Status: status})
	}
	return s, nil
}

func (a *app) postgresMigrations(ctx context.Context, c *config.Config) (*schema, error) {
	o := server.PostgresOptions(c, a.quietLogger(c), build().Version)
	address, err := postgres.Check(string(c.Database.URL), o)
	if err != nil {
		return nil, usageError{err}
	}
	s := &schema{config: c, database: address}
	list, err := postgres.Migrations(ctx, string(c.Database.URL), o)
	var newer *postgres.VersionError
	if err != nil && !errors.As(err, &newer) {
		return nil, err
	}
	s.tooNew = err
	for _, m := range list {
		one := step{Version: m.Version, Name: m.Name, Status: stepDue, SQL: m.SQL}
		if !m.AppliedAt.IsZero() {
			one.Status, one.AppliedAt = stepApplied, &m.AppliedAt
		}
		s.steps = append(s.steps, one)
	}
	return s, nil
}

func (a *app) migratePlan(cmd *cobra.Command) error {
	s, err := a.migrations(cmd)
	if err != nil {
		return err
	}
	if err := errors.Join(a.showSteps(s, true), s.tooNew); err != nil || a.json {
		return err
	}
	if due := s.due(); due > 0 {
		fmt.Fprintf(a.out, "%s is due for %s. Nothing was changed.\n", s.database, plural(due, "step"))
	} else {
		fmt.Fprintf(a.out, "%s is up to date.\n", s.database)
	}
	return nil
}

func (a *app) migrateUp(cmd *cobra.Command, role string) error {
	s, err := a.migrations(cmd)
	switch {
	case err != nil:
		return err
	case s.tooNew != nil:
		return s.tooNew
	case role != "" && !s.config.Database.PostgreSQL():
		return usageError{errors.New("--grant is for PostgreSQL: whoever may read and write a SQLite file may do everything with it")}
	}
	ctx, c := cmd.Context(), s.config
	due := s.due()
	switch {
	case due == 0:
	case c.Database.PostgreSQL():
		if _, err := postgres.Migrate(ctx, string(c.Database.URL), server.PostgresOptions(c, a.quietLogger(c), build().Version)); err != nil {
			return err
		}
	default:
		opened, err := sqlite.Open(ctx, c.Database.Path, server.SQLiteOptions(c, a.quietLogger(c)))
		if err != nil {
			return err
		}
		if err := opened.Close(); err != nil {
			return err
		}
	}
	if role != "" {
		if err := postgres.Grant(ctx, string(c.Database.URL), server.PostgresOptions(c, a.quietLogger(c), build().Version), role); err != nil {
			return err
		}
	}
	for i := range s.steps {
		if s.steps[i].Status == stepDue {
			s.steps[i].Status = stepTaken
		}
	}
	if err := a.showSteps(s, false); err != nil || a.json {
		return err
	}
	if due > 0 {
		fmt.Fprintf(a.out, "%s took %s.\n", s.database, plural(due, "step"))
	} else {
		fmt.Fprintf(a.out, "%s is up to date.\n", s.database)
	}
	if role != "" {
		fmt.Fprintf(a.out, "The role %s may do what a node does.\n", printable(role))
	}
	return nil
}

// showSteps prints the steps, and the SQL of those that are due if it is asked for.
func (a *app) showSteps(s *schema, sql bool) error {
	steps := make([]step, len(s.steps))
	copy(steps, s.steps)
	for i := range steps {
		if !sql || steps[i].Status != stepDue {
			steps[i].SQL = ""
		}
	}
	return tell(a, stepList{s.database, steps}, a.showStepList)
}

// stepList is what the command prints for programs.
type stepList struct {
	Database string `json:"database"`
	Steps    []step `json:"steps"`
}

func (a *app) showStepList(list stepList) {
	steps := list.Steps
	rows := make([][]string, len(steps))
	for i, m := range steps {
		at := ""
		if m.AppliedAt != nil {
			at = shortTime(*m.AppliedAt)
		}
		rows[i] = []string{fmt.Sprint(m.Version), m.Name, m.Status, at}
	}
	a.table([]string{"VERSION", "STEP", "STATUS", "AT"}, rows, nil)
	for _, m := range steps {
		if m.SQL != "" {
			fmt.Fprintf(a.out, "\n-- Step %d (%s)\n%s\n", m.Version, m.Name, strings.TrimRight(m.SQL, "\n"))
		}
	}
}

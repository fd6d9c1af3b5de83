package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

func (a *app) migrateCommand() *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database's schema up to date",
		Long: `List the steps of the schema, those taken and those due, and take those that are due.

Every command that opens the database does so by itself; this one is for those who
want to see it first (--dry-run) or do it at a time of their choice. Steps are never
taken back: keep a copy of the file before upgrading.`,
		Example: "  symphony migrate --dry-run\n  symphony migrate --database /var/lib/symphony/symphony.db",
		Args:    cobra.NoArgs,
		RunE: a.run(func(cmd *cobra.Command, _ []string) error {
			c, err := a.config(cmd)
			if err != nil {
				return err
			}
			path := c.Database.Path
			before, err := sqlite.Migrations(cmd.Context(), path)
			if err != nil {
				return err
			}
			due := 0
			for _, m := range before {
				if !m.Applied {
					due++
				}
			}
			if due > 0 && !dryRun {
				tr, err := openDatabase(cmd.Context(), c, a.logger(c))
				if err != nil {
					return err
				}
				if err := tr.Close(); err != nil {
					return err
				}
			}
			return a.showMigrations(path, before, due, dryRun)
		}),
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only show what is due")
	a.databaseFlag(cmd)
	a.jsonFlag(cmd)
	return cmd
}

func (a *app) showMigrations(path string, steps []sqlite.Migration, due int, dryRun bool) error {
	if a.json {
		type step struct {
			Version int    `json:"version"`
			Name    string `json:"name"`
			Status  string `json:"status"`
		}
		report := struct {
			Database string `json:"database"`
			Steps    []step `json:"steps"`
		}{Database: path}
		for _, m := range steps {
			report.Steps = append(report.Steps, step{m.Version, m.Name, migrationStatus(m, dryRun)})
		}
		return a.printJSON(report)
	}
	rows := make([][]string, len(steps))
	for i, m := range steps {
		rows[i] = []string{fmt.Sprint(m.Version), m.Name, migrationStatus(m, dryRun)}
	}
	a.table([]string{"VERSION", "STEP", "STATUS"}, rows, nil)
	switch {
	case due == 0:
		fmt.Fprintf(a.out, "%s is up to date.\n", path)
	case dryRun:
		fmt.Fprintf(a.out, "%s is due for %s. Nothing was changed.\n", path, plural(due, "step"))
	default:
		fmt.Fprintf(a.out, "%s took %s.\n", path, plural(due, "step"))
	}
	return nil
}

func migrationStatus(m sqlite.Migration, dryRun bool) string {
	switch {
	case m.Applied:
		return "applied before"
	case dryRun:
		return "due"
	}
	return "applied now"
}

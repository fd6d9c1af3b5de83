package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/config"
	"github.com/symphony-messenger/symphony/server"
	"github.com/symphony-messenger/symphony/transport/postgres"
)

// finding is what the doctor says of any database.
type finding = postgres.Finding

func (a *app) doctorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look for what is wrong with the database",
		Long: `Look at the database, its server and its tables, and say what is wrong and what to do.
Nothing is changed, and servers may go on working meanwhile. Each finding is one of:

  ok       as it should be
  note     good to know
  warning  will become a problem, or costs speed
  problem  keeps nodes from working, or can lose messages

Exit code 1 means that there are problems.`,
		Example: "  symphony doctor\n  symphony doctor --json | jq '.findings[] | select(.level != \"ok\")'",
		Args:    cobra.NoArgs,
		RunE: a.run(func(cmd *cobra.Command, _ []string) error {
			c, err := a.config(cmd)
			if err != nil {
				return err
			}
			findings := a.diagnose(cmd.Context(), c)
			if err := cmd.Context().Err(); err != nil {
				return errInterrupted
			}
			return errors.Join(tell(a, diagnosis{findings}, a.showFindings), problems(findings))
		}),
	}
	a.databaseFlag(cmd)
	a.jsonFlag(cmd)
	return cmd
}

func (a *app) diagnose(ctx context.Context, c *config.Config) []finding {
	if c.Database.PostgreSQL() {
		return postgres.Diagnose(ctx, string(c.Database.URL), server.PostgresOptions(c, a.quietLogger(c), build().Version))
	}
	return diagnoseFile(ctx, c.Database.Path)
}

// problems is an error if there are any.
func problems(findings []finding) error {
	n := 0
	for _, f := range findings {
		if f.Level == postgres.LevelProblem {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return errors.New("the database has " + plural(n, "problem"))
}

// diagnosis is what the command prints for programs.
type diagnosis struct {
	Findings []finding `json:"findings"`
}

func (a *app) showFindings(d diagnosis) {
	findings, st := d.Findings, a.style(a.out)
	width := 0
	for _, f := range findings {
		width = max(width, len(f.Check))
	}
	for _, f := range findings {
		level := fmt.Sprintf("%-7s", f.Level)
		switch f.Level {
		case postgres.LevelProblem:
			level = st.red(level)
		case postgres.LevelWarning:
			level = st.bold(level)
		case postgres.LevelOK:
			level = st.green(level)
		}
		fmt.Fprintf(a.out, "%s  %-*s  %s\n", level, width, f.Check, printable(f.Detail))
		if f.Advice != "" {
			fmt.Fprintf(a.out, "%s→ %s\n", strings.Repeat(" ", len("problem")+2+width+2), printable(f.Advice))
		}
	}
}

package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/config"
	"github.com/symphony-messenger/symphony/server"
)

func (a *app) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Check and show the configuration",
		Long: `Settings come from defaults, symphony.yaml (or --config FILE), environment variables
and flags, each overriding the ones before. docs/configuration.md lists them all.`,
		Args: noSubcommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.configCheckCommand(), a.configShowCommand())
	return cmd
}

func (a *app) configCheckCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Look for mistakes without starting anything",
		Long: `Read the file, the environment and the files that they name as "symphony serve" would, and
list every mistake with its line or variable. Nothing is started, and the database is not
opened. Exit code 2 means mistakes.`,
		Example: "  symphony config check\n  symphony config check --config /etc/symphony.yaml --json",
		Args:    cobra.NoArgs,
		RunE: a.run(func(cmd *cobra.Command, _ []string) error {
			c, err := a.config(cmd)
			if err == nil {
				err = server.Check(cmd.Context(), c)
			}
			var mistakes *config.Error
			if a.json && (err == nil || errors.As(err, &mistakes)) {
				report := struct {
					Valid    bool             `json:"valid"`
					Problems []config.Problem `json:"problems"`
				}{err == nil, []config.Problem{}}
				if mistakes != nil {
					report.Problems = mistakes.Problems
				}
				return errors.Join(a.printJSON(report), err)
			}
			if err != nil {
				return err
			}
			from := c.File
			if from == "" {
				from = "no file"
			}
			fmt.Fprintf(a.out, "The configuration is valid (%s, %s, %s).\n", from, plural(len(c.Transports), "transport"), plural(len(c.Handlers), "handler"))
			return nil
		}),
	}
	a.jsonFlag(cmd)
	return cmd
}

func (a *app) configShowCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Show what is in force and where it comes from",
		Long: `Print all settings in the form of symphony.yaml, each with its source: a line, a
variable, or "default". Secrets are masked.`,
		Example: "  symphony config show\n  symphony config show --json",
		Args:    cobra.NoArgs,
		RunE: a.run(func(cmd *cobra.Command, _ []string) error {
			c, err := a.config(cmd)
			if err != nil {
				return err
			}
			type settings struct {
				File     string           `json:"file,omitempty"`
				Settings []config.Setting `json:"settings"`
			}
			return tell(a, settings{c.File, c.Settings()}, func(settings) { fmt.Fprint(a.out, c.YAML()) })
		}),
	}
	a.jsonFlag(cmd)
	return cmd
}

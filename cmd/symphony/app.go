package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/symphony-messenger/symphony/client"
	"github.com/symphony-messenger/symphony/config"
	"github.com/symphony-messenger/symphony/handler/command"
)

// app is what all commands share.
type app struct {
	in      io.Reader
	out     io.Writer // results
	err     io.Writer // everything else
	environ []string

	configFile string
	json       bool
	verbose    bool
	began      bool // a command runs: errors before are mistakes in its usage

	programs command.Programs // what handlers run
}

// main runs the command line and returns the exit code.
func (a *app) main(args []string) int {
	root := a.root()
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	// Handlers whose run had to be left behind must not leave their programs behind.
	defer a.programs.Kill()
	ctx, stop := a.signals(context.Background())
	defer stop()
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	code := exitCode(err)
	if !a.began {
		code = exitUsage
	}
	a.complain(err)
	if !a.began && !a.json {
		fmt.Fprintf(a.err, "Run %q for usage.\n", cmd.CommandPath()+" --help")
	}
	return code
}

// complain tells what went wrong: a person, or with --json a program.
func (a *app) complain(err error) {
	if a.json {
		a.complainJSON(err)
		return
	}
	name := a.style(a.err).red("symphony:")
	var mistakes *config.Error
	if !errors.As(err, &mistakes) {
		fmt.Fprintf(a.err, "%s %s\n", name, printable(err.Error()))
		return
	}
	fmt.Fprintf(a.err, "%s the configuration has %s:\n", name, plural(len(mistakes.Problems), "mistake"))
	for _, p := range mistakes.Problems {
		fmt.Fprintf(a.err, "  %s\n", printable(p.String()))
	}
}

// failure is an error for programs. Code is the API's where it has answered.
type failure struct {
	Error    string         `json:"error"`
	Code     string         `json:"code"`
	ExitCode int            `json:"exitCode"`
	Details  jsontext.Value `json:"details,omitempty"`
}

// complainJSON prints an error as the API does, on standard error.
func (a *app) complainJSON(err error) {
	f := failure{Error: printable(err.Error()), ExitCode: exitCode(err)}
	if !a.began {
		f.ExitCode = exitUsage
	}
	f.Code = exitName(f.ExitCode)
	var answer *client.Error
	if errors.As(err, &answer) && answer.Code != "" {
		f.Code, f.Details = answer.Code, answer.Details
	}
	raw, merr := json.Marshal(f, json.Deterministic(true))
	if merr != nil { // details that are no JSON
		f.Details = nil
		raw, _ = json.Marshal(f, json.Deterministic(true))
	}
	fmt.Fprintf(plain(a.err), "%s\n", raw)
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "symphony",
		Short: "A durable message queue",
		Long: `Symphony Messenger stores messages durably, hands them to workers, retries what
fails, and keeps what cannot be handled in the dead letter queue.

Start with "symphony serve" in an empty folder: it makes a database and an API key,
and prints a link to the dashboard and a curl line to try. The other commands find the running server by the
database in the working directory; --server reaches one elsewhere.

For many nodes use PostgreSQL: SYMPHONY_DATABASE_URL=postgres://… is all it takes.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noSubcommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.AddGroup(
		&cobra.Group{ID: "run", Title: "Run:"},
		&cobra.Group{ID: "messages", Title: "Messages:"},
		&cobra.Group{ID: "operate", Title: "Operate:"},
	)
	root.SetHelpCommandGroupID("operate")
	root.SetCompletionCommandGroupID("operate")
	root.PersistentFlags().StringVar(&a.configFile, "config", "", "configuration `FILE` (default symphony.yaml, if there is one)")
	root.PersistentFlags().BoolVarP(&a.verbose, "verbose", "v", false, "say what is done, on standard error")
	root.AddCommand(
		grouped("run", a.serveCommand(), a.devCommand(), a.dashboardCommand(), a.workerCommand(), a.consumeCommand())...)
	root.AddCommand(
		grouped("messages", a.dispatchCommand(), a.statusCommand(), a.queuesCommand(), a.typesCommand(),
			a.messagesCommand(), a.failedCommand(), a.operationsCommand(),
			a.schedulesCommand(), a.receiveCommand(), a.ackCommand(), a.nackCommand(), a.extendCommand())...)
	root.AddCommand(
		grouped("operate", a.topCommand(), a.healthCommand(), a.metricsCommand(), a.scaleCommand(), a.workersCommand(), a.nodesCommand(), a.pauseCommand(), a.resumeCommand(), a.drainCommand(), a.holdsCommand(), a.limitsCommand(), a.handlersCommand(), a.purgeCommand(), a.stopWorkersCommand(),
			a.alertsCommand(), a.eventsCommand(), a.auditCommand(), a.keysCommand(), a.tokensCommand(),
			a.secretsCommand(), a.migrateCommand(), a.backupCommand(), a.restoreCommand(), a.compactCommand(), a.doctorCommand(),
			a.configCommand(), a.versionCommand())...)
	root.AddCommand(exitCodesTopic())
	a.completeNames(root)
	return root
}

func grouped(group string, commands ...*cobra.Command) []*cobra.Command {
	for _, c := range commands {
		c.GroupID = group
	}
	return commands
}

// noSubcommand refuses arguments of a command that only has subcommands, with a suggestion.
func noSubcommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := ""
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = fmt.Sprintf("; did you mean %s?", strings.Join(near, " or "))
	}
	return fmt.Errorf("unknown command %q for %q%s", args[0], cmd.CommandPath(), hint)
}

// run is the RunE of a command: whatever it returns is not a mistake in its usage, unless it says so.
func (a *app) run(f func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		a.began = true
		if err := refuseEmpty(cmd); err != nil {
			return err
		}
		return f(cmd, args)
	}
}

// jsonFlag offers --json.
func (a *app) jsonFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&a.json, "json", false, "print JSON, for programs")
}

// settingKey annotates a flag with the key of the configuration that it sets.
const settingKey = "symphony-key"

// setting offers a flag that sets a key of the configuration, above all other sources.
func setting(cmd *cobra.Command, flag, key, usage string) {
	cmd.Flags().String(flag, "", usage)
	if err := cmd.Flags().SetAnnotation(flag, settingKey, []string{key}); err != nil {
		panic(err) // the flag does not exist
	}
}

func (a *app) databaseFlag(cmd *cobra.Command) {
	setting(cmd, "database", "database.path", "SQLite `FILE` or postgres:// URL (default symphony.db)")
}

func (a *app) logFlags(cmd *cobra.Command) {
	setting(cmd, "log-level", "log.level", "least important `LEVEL` to log: debug, info, warn or error (default info)")
	setting(cmd, "log-format", "log.format", "`FORM` of the log: text or json (default text)")
	complete(cmd, "log-level", "debug", "info", "warn", "error")
	complete(cmd, "log-format", "text", "json")
}

// reachFlags are for commands that work on the local database or on a server; see reach.go.
func (a *app) reachFlags(cmd *cobra.Command) {
	a.databaseFlag(cmd)
	setting(cmd, "server", "client.server", "work on the server at this `URL`, not on the local database")
	setting(cmd, "api-key", "client.api_key", "API `KEY` for that server; others can see it in the list of processes, so rather use SYMPHONY_API_KEY or --api-key-file")
	setting(cmd, "api-key-file", "client.api_key_file", "`FILE` with the API key for that server")
	cmd.MarkFlagsMutuallyExclusive("server", "database")
	cmd.MarkFlagsMutuallyExclusive("api-key", "api-key-file")
}

// config loads the configuration with the command's flags on top.
func (a *app) config(cmd *cobra.Command) (*config.Config, error) {
	s := config.Sources{File: a.configFile, Environ: a.environ}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if key := f.Annotations[settingKey]; len(key) == 1 {
			s.Flags = append(s.Flags, config.Flag{Name: "--" + f.Name, Key: key[0], Value: f.Value.String()})
		}
	})
	return config.Load(s)
}

// logger writes to standard error in the configured form.
func (a *app) logger(c *config.Config) *slog.Logger { return c.Log.Logger(a.err) }

// environment returns a variable's value, "" if it is not set.
func (a *app) environment(name string) string {
	for _, entry := range slices.Backward(a.environ) {
		if n, value, ok := strings.Cut(entry, "="); ok && n == name {
			return value
		}
	}
	return ""
}

// note tells how a command goes about its work, with --verbose only.
func (a *app) note(format string, args ...any) {
	if a.verbose {
		fmt.Fprintf(a.err, format+"\n", args...)
	}
}

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/client"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// shownProblems is how many problems of an import a person is shown.
const shownProblems = 20

func (a *app) messagesImportCommand() *cobra.Command {
	var (
		o      client.ImportOptions
		format string
	)
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Dispatch the messages of an export",
		Long: `Read a file that was exported, JSON lines or CSV, and dispatch each message as a new one,
with its type, payload, metadata, headers, queue, priority, keys and times. What was
completed is left out unless --status says otherwise. "-" reads standard input.

A message is told by its idempotency key, or by the id it was exported with: to import a
file again, such as after it broke off, makes no second messages, for as long as keys are
remembered (24 hours by default). Lines with problems are told with their numbers and left
out; --dry-run checks all of them first. The command ends with code 2 if there were any.`,
		Example: `  symphony messages import done.jsonl --status completed --dry-run
  symphony messages import failed.csv --transport email
  symphony messages export --server https://old | symphony messages import - --server https://new`,
		Args: cobra.ExactArgs(1),
		RunE: a.run(func(cmd *cobra.Command, args []string) error {
			form, err := formatOf(format, args[0])
			if err != nil {
				return err
			}
			file, size := a.in, int64(-1)
			if args[0] != "-" {
				opened, err := os.Open(args[0])
				if err != nil {
					return usageError{err}
				}
				defer opened.Close()
				if info, err := opened.Stat(); err == nil && info.Mode().IsRegular() {
					size = info.Size()
				}
				file = opened
			}
			r, err := a.reach(cmd, withHandlers)
			if err != nil {
				return err
			}
			defer r.close()
			return a.importFrom(cmd.Context(), r, file, size, form, o)
		}),
	}
	cmd.Flags().StringVarP(&o.Transport, "transport", "t", "", "`NAME` of the transport (default: the one that each message was exported from)")
	cmd.Flags().StringSliceVar(&o.Statuses, "status", nil, "import messages of these: all, or some of pending,processing,completed,failed (default all but completed)")
	cmd.Flags().BoolVar(&o.DryRun, "dry-run", false, "only check")
	cmd.Flags().StringVar(&format, "format", "", "`FORM` of the file: jsonl or csv (default by the file's name, else jsonl)")
	complete(cmd, "format", "jsonl", "csv")
	a.jsonFlag(cmd)
	a.reachFlags(cmd)
	return cmd
}

func (a *app) importFrom(ctx context.Context, r *reached, file io.Reader, size int64, format string, o client.ImportOptions) error {
	bar := a.progress(size, "Importing", progressbar.OptionShowBytes(true))
	read := progressbar.NewReader(file, bar)
	done, err := r.ImportMessages(ctx, &read, format, o)
	_ = bar.Finish()
	if err != nil {
		return err
	}
	if err := tell(a, done, a.showImport); err != nil {
		return err
	}
	if done.Invalid > 0 {
		return usageError{fmt.Errorf("%s could not be imported", plural(int(done.Invalid), "line"))}
	}
	return nil
}

func (a *app) showImport(done wire.ImportResponse) {
	verb := "Imported"
	if done.DryRun {
		verb = "Would import"
	}
	text := fmt.Sprintf("%s %s", verb, plural(int(done.Imported), "message"))
	for _, part := range []struct {
		n    int64
		what string
	}{{done.Duplicates, "there already"}, {done.Skipped, "skipped for their status"}, {done.Invalid, "with problems"}} {
		if part.n > 0 {
			text += fmt.Sprintf(", %d %s", part.n, part.what)
		}
	}
	fmt.Fprintln(a.out, text+".")
	s := a.style(a.err)
	for _, p := range done.Problems[:min(len(done.Problems), shownProblems)] {
		fmt.Fprintf(a.err, "  line %d: %s\n", p.Line, s.red(printable(strings.TrimSpace(p.Path+" "+p.Message))))
	}
	if more := int64(len(done.Problems)-min(len(done.Problems), shownProblems)) + done.ProblemsOmitted; more > 0 {
		fmt.Fprintf(a.err, "  and %s more; --json has more of them\n", plural(int(more), "problem"))
	}
}

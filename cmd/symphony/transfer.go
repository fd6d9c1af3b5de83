package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/client"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// exportFlags say where an export goes.
type exportFlags struct{ file, format string }

func (f *exportFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&f.file, "output", "o", "-", "`FILE` to write, which appears when it is complete; - for standard output")
	cmd.Flags().StringVar(&f.format, "format", "", "`FORM` of the file: jsonl or csv (default by the file's name, else jsonl)")
	complete(cmd, "format", "jsonl", "csv")
}

// formatOf is the format that is asked for, or the file's by its name.
func formatOf(format, file string) (string, error) {
	switch format {
	case "jsonl", "csv":
		return format, nil
	case "":
		if strings.EqualFold(filepath.Ext(file), ".csv") {
			return "csv", nil
		}
		return "jsonl", nil
	}
	return "", usageError{fmt.Errorf("--format must be jsonl or csv, is %q", format)}
}

// export writes what a server streams, to a file under another name until it is complete.
func (a *app) export(f *exportFlags, do func(format string, w io.Writer) error) (err error) {
	format, err := formatOf(f.format, f.file)
	if err != nil {
		return err
	}
	if f.file == "-" {
		out := bufio.NewWriterSize(plain(a.out), 64<<10)
		return errors.Join(do(format, out), out.Flush())
	}
	part, err := os.OpenFile(f.file+".part", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return usageError{err}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(part.Name()))
		}
	}()
	bar := a.progress(-1, "Exporting", progressbar.OptionShowBytes(true))
	defer bar.Close() //nolint:errcheck // it is only drawn
	counted := &lineCounter{w: io.MultiWriter(part, bar)}
	err = do(format, counted)
	if err == nil {
		err = part.Sync()
	}
	if err = errors.Join(err, part.Close()); err != nil {
		return err
	}
	if err := os.Rename(part.Name(), f.file); err != nil {
		return err
	}
	_ = bar.Finish()
	if a.json {
		return a.printJSON(map[string]any{"success": true, "file": f.file, "bytes": counted.bytes})
	}
	fmt.Fprintf(a.out, "Wrote %s, %d bytes.\n", f.file, counted.bytes)
	return nil
}

// lineCounter counts what passes.
type lineCounter struct {
	w     io.Writer
	bytes int64
}

func (c *lineCounter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.bytes += int64(n)
	return n, err
}

func (a *app) messagesExportCommand() *cobra.Command {
	var (
		f      messageFlags
		to     exportFlags
		newest bool
	)
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write messages to a file, as JSON lines or CSV",
		Long: `Write all messages that match, the oldest first, however many there are: as JSON lines,
one message on each, or as CSV, which spreadsheets open. Both can be imported again.
What is dispatched while the export runs is left out.`,
		Example: `  symphony messages export --status completed -o done.jsonl
  symphony messages export --type invoice.send --since 24h -o invoices.csv
  symphony messages export | jq -r .message.type | sort | uniq -c`,
		Args: cobra.NoArgs,
		RunE: a.run(func(cmd *cobra.Command, _ []string) error {
			q, err := f.query()
			if err != nil {
				return err
			}
			if newest {
				q.Sort = "-createdAt"
			}
			r, err := a.reach(cmd, storageOnly)
			if err != nil {
				return err
			}
			defer r.close()
			return a.export(&to, func(format string, w io.Writer) error { return r.ExportMessages(cmd.Context(), q, format, w) })
		}),
	}
	f.add(cmd, true)
	to.add(cmd)
	cmd.Flags().BoolVar(&newest, "newest", false, "the newest first")
	a.jsonFlag(cmd)
	a.reachFlags(cmd)
	return cmd
}

func (a *app) failedExportCommand() *cobra.Command {
	var (
		f  filterFlags
		to exportFlags
	)
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write failed messages to a file, as JSON lines or CSV",
		Long: `Write all failed messages that match, the newest failure first, with their attempts. The
file can be imported with "symphony messages import", which dispatches them again.`,
		Example: `  symphony failed export --since 24h -o failed.csv
  symphony failed export --error-class timeout | jq -r .error`,
		Args: cobra.NoArgs,
		RunE: a.run(func(cmd *cobra.Command, _ []string) error {
			filter, err := f.filter()
			if err != nil {
				return err
			}
			r, err := a.reach(cmd, storageOnly)
			if err != nil {
				return err
			}
			defer r.close()
			q := client.FailedQuery{Transport: f.transport, FailedFilter: filter}
			return a.export(&to, func(format string, w io.Writer) error { return r.ExportFailed(cmd.Context(), q, format, w) })
		}),
	}
	f.add(cmd)
	to.add(cmd)
	a.jsonFlag(cmd)
	a.reachFlags(cmd)
	return cmd
}

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
	if a.json {
		if err := a.printJSON(done); err != nil {
			return err
		}
	} else {
		a.showImport(done)
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

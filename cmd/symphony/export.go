package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/client"
)

// exportFlags say where an export goes.
type exportFlags struct {
	file, format string
	unmask       bool
}

func (f *exportFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&f.file, "output", "o", "-", "`FILE` to write, which appears when it is complete; - for standard output")
	cmd.Flags().StringVar(&f.format, "format", "", "`FORM` of the file: jsonl or csv (default by the file's name, else jsonl)")
	complete(cmd, "format", "jsonl", "csv")
	unmaskFlag(cmd, &f.unmask)
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
	return tell(a, map[string]any{"success": true, "file": f.file, "bytes": counted.bytes}, func(map[string]any) {
		fmt.Fprintf(a.out, "Wrote %s, %d bytes.\n", f.file, counted.bytes)
	})
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
			return a.export(&to, func(format string, w io.Writer) error {
				return r.seeing(to.unmask).ExportMessages(cmd.Context(), q, format, w)
			})
		}),
	}
	f.add(cmd)
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
			return a.export(&to, func(format string, w io.Writer) error {
				return r.seeing(to.unmask).ExportFailed(cmd.Context(), q, format, w)
			})
		}),
	}
	f.add(cmd, "status")
	to.add(cmd)
	a.jsonFlag(cmd)
	a.reachFlags(cmd)
	return cmd
}

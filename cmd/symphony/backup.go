package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/config"
	"github.com/symphony-messenger/symphony/transport/postgres"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

func (a *app) backupCommand() *cobra.Command {
	var overwrite bool
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the SQLite database to a file, also while a server runs",
		Long: `Write a copy of the SQLite database to FILE: one moment of it, complete, without the
room that the database does not use. A server may run and goes on meanwhile. FILE has its
name only when it is complete and on the disk; only its owner can read it. It holds every
payload.

"symphony restore FILE" puts the copy back. Messages that were handled since are then
waiting again, and what was dispatched since is not there.

On PostgreSQL nothing is done: the command says which pg_dump makes a backup.`,
		Example: `  symphony backup /backup/symphony-monday.db
  symphony backup /backup/symphony.db --overwrite --database /var/lib/symphony/symphony.db`,
		Args: cobra.ExactArgs(1),
		RunE: a.run(func(cmd *cobra.Command, args []string) error {
			c, err := a.fileConfig(cmd, "pg_dump --format=custom --schema=%[1]s --file=%[2]s \"$SYMPHONY_DATABASE_URL\"", args[0])
			if err != nil {
				return err
			}
			var size int64
			err = a.copying(cmd.Context(), "Copying", func(ctx context.Context, p sqlite.Progress) (err error) {
				size, err = sqlite.Backup(ctx, c.Database.Path, args[0], overwrite, p)
				return err
			})
			if errors.Is(err, fs.ErrExist) {
				return usageError{fmt.Errorf("%s exists; add --overwrite to replace it", args[0])}
			}
			if err != nil {
				return err
			}
			done := map[string]any{"success": true, "database": c.Database.Path, "file": args[0], "bytes": size}
			return tell(a, done, func(map[string]any) {
				fmt.Fprintf(a.out, "Copied %s to %s, %s.\n", c.Database.Path, args[0], plural(int(size), "byte"))
			})
		}),
	}
	cmd.Flags().BoolVar(&overwrite, "overwrite", false, "replace FILE if it exists")
	a.databaseFlag(cmd)
	a.jsonFlag(cmd)
	return cmd
}

func (a *app) restoreCommand() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Put a backup in the place of the SQLite database",
		Long: `Put a copy of FILE, which "symphony backup" has made, in the place of the SQLite database.
No server may run. FILE is looked through for damage first. A database that is there is
kept beside it under another name, with its log, and is told; the command asks before.

The queue is then as it was at the time of the backup: messages that were handled since
are waiting again and are handled again, and what was dispatched since is not there.

On PostgreSQL nothing is done: the command says which pg_restore puts a backup back.`,
		Example: `  symphony restore /backup/symphony-monday.db
  symphony restore /backup/symphony.db --yes --database /var/lib/symphony/symphony.db`,
		Args: cobra.ExactArgs(1),
		RunE: a.run(func(cmd *cobra.Command, args []string) error {
			c, err := a.fileConfig(cmd, "pg_restore --dbname=\"$SYMPHONY_DATABASE_URL\" %[2]s   # into a database without the schema %[1]s, while no node runs", args[0])
			if err != nil {
				return err
			}
			path := c.Database.Path
			if _, err := os.Stat(path); err == nil {
				if err := a.confirm(fmt.Sprintf("Put %s in the place of %s, which is kept under another name?", args[0], path), yes); err != nil {
					return err
				}
			}
			var kept string
			err = a.copying(cmd.Context(), "Restoring", func(ctx context.Context, p sqlite.Progress) (err error) {
				kept, err = sqlite.Restore(ctx, args[0], path, p)
				return err
			})
			if err != nil {
				return stopFirst(err)
			}
			done := map[string]any{"success": true, "database": path, "file": args[0], "kept": kept}
			return tell(a, done, func(map[string]any) {
				fmt.Fprintf(a.out, "Restored %s from %s.\n", path, args[0])
				if kept != "" {
					fmt.Fprintf(a.out, "What was there is kept in %s.\n", kept)
				}
			})
		}),
	}
	yesFlag(cmd, &yes)
	a.databaseFlag(cmd)
	a.jsonFlag(cmd)
	return cmd
}

func (a *app) compactCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "compact",
		Short: "Give room that the SQLite database does not use back to the disk",
		Long: `Write the SQLite database anew without the room that it does not use, and put that in its
place. No server may run, and the disk needs room for the copy meanwhile. The file of a
running server keeps its size and uses the room again, so this is for after a time with
very many messages.

On PostgreSQL nothing is done: autovacuum keeps the tables, and the command says what gives
room back to the disk.`,
		Example: "  symphony compact\n  symphony compact --database /var/lib/symphony/symphony.db --json",
		Args:    cobra.NoArgs,
		RunE: a.run(func(cmd *cobra.Command, _ []string) error {
			c, err := a.fileConfig(cmd, "vacuumdb --full --schema=%[1]s --dbname=\"$SYMPHONY_DATABASE_URL\"   # locks each table while it is written anew", "")
			if err != nil {
				return err
			}
			var before, after int64
			err = a.copying(cmd.Context(), "Compacting", func(ctx context.Context, p sqlite.Progress) (err error) {
				before, after, err = sqlite.Compact(ctx, c.Database.Path, p)
				return err
			})
			if err != nil {
				return stopFirst(err)
			}
			done := map[string]any{"success": true, "database": c.Database.Path, "bytesBefore": before, "bytes": after}
			return tell(a, done, func(map[string]any) {
				fmt.Fprintf(a.out, "%s had %s and has %s.\n", c.Database.Path, plural(int(before), "byte"), plural(int(after), "byte"))
			})
		}),
	}
	a.databaseFlag(cmd)
	a.jsonFlag(cmd)
	return cmd
}

// fileConfig is the configuration of a command that works on the file of a SQLite database. Where the database is another,
// or elsewhere, the error says what to do instead; line is that for PostgreSQL, of the schema and a file.
func (a *app) fileConfig(cmd *cobra.Command, line, file string) (*config.Config, error) {
	c, err := a.config(cmd)
	switch {
	case err != nil:
		return nil, err
	case c.Database.PostgreSQL():
		return nil, usageError{fmt.Errorf("the database is PostgreSQL, whose own programs do this; nothing was done. Use:\n  "+line, cmp.Or(c.Database.Schema, postgres.DefaultSchema), file)}
	case c.Client.Server != "" && !cmd.Flags().Changed("database"):
		return nil, usageError{fmt.Errorf("this works on the database's file, on the machine of the server %s: name the file with --database", c.Client.Server)}
	}
	return c, nil
}

// copying does what copies a database, with a bar that shows how far it is.
func (a *app) copying(ctx context.Context, what string, do func(context.Context, sqlite.Progress) error) error {
	bar := a.progress(-1, what, progressbar.OptionShowBytes(true))
	err := do(ctx, func(done, total int64) {
		bar.ChangeMax64(max(total, done))
		_ = bar.Set64(done) // it is only drawn
	})
	_ = bar.Finish()
	return err
}

// stopFirst says what to do about a database that is open elsewhere.
func stopFirst(err error) error {
	var locked *sqlite.LockedError
	if !errors.As(err, &locked) {
		return err
	}
	return fmt.Errorf("%w. Stop it first; nothing was done", err)
}

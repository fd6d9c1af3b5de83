package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/symphony-messenger/symphony/transport/postgres"
	"github.com/symphony-messenger/symphony/transport/sqlite"
	engine "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

const (
	// quickFile is up to which size, in bytes, a file is read as a whole.
	quickFile = 1 << 30
	// scarceSpace is how many free bytes on the disk are few.
	scarceSpace = 256 << 20
)

// fileDoctor looks at a SQLite file.
type fileDoctor struct {
	path     string
	findings []finding
}

func (d *fileDoctor) add(check string, level postgres.Level, detail, advice string) {
	d.findings = append(d.findings, finding{Check: check, Level: level, Detail: detail, Advice: advice})
}

// diagnoseFile looks at a SQLite file, which another process may have open. It only reads.
func diagnoseFile(ctx context.Context, path string) []finding {
	d := &fileDoctor{path: path}
	d.space()
	if d.file() && d.schema(ctx) {
		d.contents(ctx)
		d.sizes(ctx)
	}
	return d.findings
}

// space looks at what is free on the disk of the folder.
func (d *fileDoctor) space() {
	free, err := freeSpace(filepath.Dir(d.path))
	switch {
	case errors.Is(err, errors.ErrUnsupported):
	case err != nil:
		d.add("disk", postgres.LevelProblem, err.Error(), "The folder must exist, and this user must be able to enter it.")
	case free < scarceSpace:
		d.add("disk", postgres.LevelWarning, fmt.Sprintf("%d MB are free", free>>20), "Free some space: on a full disk dispatches are refused.")
	default:
		d.add("disk", postgres.LevelOK, fmt.Sprintf("%d MB are free", free>>20), "")
	}
}

// file looks at the file from outside, and reports whether to look inside.
func (d *fileDoctor) file() bool {
	info, err := os.Stat(d.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.add("file", postgres.LevelNote, d.path+" does not exist", "The next start makes it.")
		return false
	case err != nil:
		d.add("file", postgres.LevelProblem, err.Error(), "")
		return false
	case !info.Mode().IsRegular():
		d.add("file", postgres.LevelProblem, d.path+" is not a file", "Name another path (database.path).")
		return false
	}
	f, err := os.OpenFile(d.path, os.O_RDWR, 0)
	if err != nil {
		d.add("file", postgres.LevelProblem, err.Error(), "The user that runs Symphony Messenger must be able to read and write the file and to make others beside it.")
		return false
	}
	if err := f.Close(); err != nil {
		d.add("file", postgres.LevelProblem, err.Error(), "")
		return false
	}
	size := info.Size()
	if wal, err := os.Stat(d.path + "-wal"); err == nil {
		size += wal.Size()
	}
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o077 != 0 {
		d.add("file", postgres.LevelWarning, fmt.Sprintf("other users of this machine have access to %s (mode %04o)", d.path, mode), fmt.Sprintf("chmod 600 %s", d.path))
	} else {
		d.add("file", postgres.LevelOK, fmt.Sprintf("%s can be read and written, %d kB with its log", d.path, size>>10), "")
	}
	return true
}

// schema looks at the version, and reports whether it is a database at all.
func (d *fileDoctor) schema(ctx context.Context) bool {
	steps, err := sqlite.Migrations(ctx, d.path)
	if err != nil {
		d.add("schema", postgres.LevelProblem, err.Error(), "Is it the right file? If it was one of ours and is damaged: restore a copy.")
		return false
	}
	due := 0
	for _, m := range steps {
		if !m.Applied {
			due++
		}
	}
	if due > 0 {
		d.add("schema", postgres.LevelNote, "it is due for "+plural(due, "step"), `The next start takes them; or run "symphony migrate up" now.`)
	} else {
		d.add("schema", postgres.LevelOK, fmt.Sprintf("it has version %d", len(steps)), "")
	}
	return true
}

// sizes tells what the file is used for.
func (d *fileDoctor) sizes(ctx context.Context) {
	b, err := sqlite.Measure(ctx, d.path)
	if err != nil {
		d.add("sizes", postgres.LevelNote, "could not be looked at: "+err.Error(), "")
		return
	}
	d.add("sizes", postgres.LevelOK, b.String(), "")
}

// contents looks at the file from inside.
func (d *fileDoctor) contents(ctx context.Context) {
	conn, err := engine.OpenConn(d.path, engine.OpenReadOnly)
	if err != nil {
		d.add("contents", postgres.LevelProblem, err.Error(), "")
		return
	}
	defer conn.Close() //nolint:errcheck // it has only read
	conn.SetInterrupt(ctx.Done())
	ask := func(pragma string) string {
		var value string
		if err := sqlitex.ExecuteTransient(conn, "PRAGMA "+pragma, &sqlitex.ExecOptions{ResultFunc: func(stmt *engine.Stmt) error {
			value = stmt.ColumnText(0)
			return nil
		}}); err != nil {
			return err.Error()
		}
		return value
	}
	if mode := ask("journal_mode"); mode != "wal" {
		d.add("journal", postgres.LevelNote, "the journal mode is "+mode, "The next start sets it to WAL.")
	} else {
		d.add("journal", postgres.LevelOK, "the journal mode is WAL", "")
	}
	if info, err := os.Stat(d.path); err == nil && info.Size() > quickFile {
		d.add("contents", postgres.LevelNote, "the file is too large for a quick check", fmt.Sprintf("When there is time: sqlite3 %s 'PRAGMA integrity_check'", d.path))
	} else if result := ask("quick_check(1)"); result != "ok" {
		d.add("contents", postgres.LevelProblem, "the file is damaged: "+result, "Stop what uses it, keep the file for a look, and restore a copy.")
	} else {
		d.add("contents", postgres.LevelOK, "the file is not damaged", "")
	}
}

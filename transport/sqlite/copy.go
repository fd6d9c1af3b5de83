package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/symphony-messenger/symphony"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// Copies of a database: Backup makes one, Restore puts one in a database's place, Compact replaces a database by a copy
// without the room that it does not need. A copy is written by VACUUM INTO, which reads one state of the database, in the
// log or out of it, whoever writes meanwhile. It goes to a file of another name first, which gets its own when it is
// complete and on the disk; so there is the old file or the whole new one, whenever the machine stops.

// Progress is told from time to time how many bytes of about how many have been written. It may be nil.
type Progress func(done, total int64)

// progressEvery is how often Progress is called.
const progressEvery = 200 * time.Millisecond

// partSuffix is what the name of an incomplete copy has at its end.
const partSuffix = ".part"

// Backup copies the database at path to a file that does not exist yet, or with overwrite replaces that. Another process may
// have the database open and go on. It returns the size of the copy.
func Backup(ctx context.Context, path, to string, overwrite bool, progress Progress) (int64, error) {
	if info, err := os.Stat(to); err == nil {
		db, err := os.Stat(path)
		switch {
		case err == nil && os.SameFile(info, db):
			return 0, fmt.Errorf("sqlite: back up %s: %s is the database itself", path, to)
		case !overwrite:
			return 0, fmt.Errorf("sqlite: back up %s: %s: %w", path, to, fs.ErrExist)
		}
		if err := unused(to); err != nil {
			return 0, err
		}
	}
	s := &store{path: path}
	conn, err := s.source(sqlite.OpenReadOnly)
	if err != nil {
		return 0, err
	}
	size, err := s.copy(ctx, conn, to+partSuffix, progress)
	if err := errors.Join(err, conn.Close()); err != nil {
		return 0, errors.Join(err, discard(to+partSuffix))
	}
	return size, install(to+partSuffix, to)
}

// unused refuses a file that a process has open as its database. No lock file is made beside it.
func unused(path string) error {
	var lock inodeLock
	if err := lock.acquire(path, false); err != nil {
		return err
	}
	return lock.release()
}

// Restore puts a copy of the backup from in the place of the database at path, which no process may have open, else the
// error is a *LockedError. What is there is kept under another name, which is returned, "" if nothing is. The backup is
// looked through first; a damaged one is ErrCorrupt, one of a newer release a *VersionError.
func Restore(ctx context.Context, from, path string, progress Progress) (kept string, err error) {
	path, err = resolve(path)
	if err != nil {
		return "", err
	}
	if a, err := os.Stat(from); err == nil {
		if b, err := os.Stat(path); err == nil && os.SameFile(a, b) {
			return "", fmt.Errorf("sqlite: restore: %s is the database itself", from)
		}
	}
	backup := &store{path: from}
	conn, err := backup.source(sqlite.OpenReadOnly)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := backup.sound(ctx, conn); err != nil {
		return "", err
	}
	lock, err := acquire(path, false)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, lock.release()) }()
	if _, err := backup.copy(ctx, conn, path+partSuffix, progress); err != nil {
		return "", errors.Join(err, discard(path+partSuffix))
	}
	if kept, err = setAside(path); err != nil {
		return "", errors.Join(err, discard(path+partSuffix))
	}
	return kept, install(path+partSuffix, path)
}

// setAside gives a database and its log another name. The log goes first: beside a restored file it would be taken for
// that one's.
func setAside(path string) (kept string, err error) {
	name := path + ".before-" + symphony.SystemClock().Now().UTC().Format("20060102T150405.000")
	for _, suffix := range []string{"-wal", "-shm", ""} {
		switch err := os.Rename(path+suffix, name+suffix); {
		case err == nil && suffix == "":
			kept = name
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return "", fmt.Errorf("sqlite: set aside: %w", err)
		}
	}
	if err := discard(name + "-shm"); err != nil { // an index of the log, which is made again
		return "", err
	}
	return kept, nil
}

// Compact gives room that the database does not use back to the disk, which needs room for a copy meanwhile. No process may
// have the database open, else the error is a *LockedError. It returns the sizes before and after.
func Compact(ctx context.Context, path string, progress Progress) (before, after int64, err error) {
	path, err = resolve(path)
	if err != nil {
		return 0, 0, err
	}
	if _, err := os.Stat(path); err != nil {
		return 0, 0, noDatabase(path, err)
	}
	lock, err := acquire(path, false)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, lock.release()) }()
	s := &store{path: path}
	conn, err := s.source(sqlite.OpenReadWrite | sqlite.OpenWAL)
	if err != nil {
		return 0, 0, err
	}
	err = s.sound(ctx, conn)
	if err == nil {
		err = s.storageError("checkpoint", execScript(conn, "PRAGMA wal_checkpoint(TRUNCATE)"))
	}
	if err == nil {
		after, err = s.copy(ctx, conn, path+partSuffix, progress)
	}
	if err := errors.Join(err, conn.Close()); err != nil {
		return 0, 0, errors.Join(err, discard(path+partSuffix))
	}
	// The last connection that closes takes the log away. A log that is left is somebody's who reads the old file, and would
	// be mistaken for the new one's.
	if _, err := os.Stat(path + "-wal"); err == nil {
		return 0, 0, errors.Join(fmt.Errorf("sqlite: compact %s: another program has the database open: %w", path, symphony.ErrUnavailable), discard(path+partSuffix))
	}
	info, err := os.Stat(path)
	if err != nil {
		return 0, 0, errors.Join(fmt.Errorf("sqlite: %w", err), discard(path+partSuffix))
	}
	return info.Size(), after, install(path+partSuffix, path)
}

func noDatabase(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("sqlite: there is no database %s: %w", path, symphony.ErrNotFound)
	}
	return fmt.Errorf("sqlite: %w", err)
}

// source opens a database of this program's for a copy.
func (s *store) source(flags sqlite.OpenFlags) (*sqlite.Conn, error) {
	if _, err := os.Stat(s.path); err != nil {
		return nil, noDatabase(s.path, err)
	}
	conn, err := sqlite.OpenConn(s.path, flags)
	if err != nil {
		return nil, s.storageError("open", err)
	}
	conn.SetBusyTimeout(10 * time.Second)
	err = s.ours(conn)
	if err == nil {
		return conn, nil
	}
	return nil, errors.Join(err, conn.Close())
}

// ours refuses databases of other programs and of newer releases.
func (s *store) ours(conn *sqlite.Conn) error {
	id, err := pragma(conn, "PRAGMA application_id", sqlitex.ResultInt64)
	if err != nil {
		return s.storageError("read", err)
	}
	if id != appID {
		return fmt.Errorf("sqlite: %s is not a database of this program", s.path)
	}
	names, _, err := readMigrations()
	if err != nil {
		return err
	}
	found, err := s.schemaVersion(conn)
	if err == nil && found > len(names) {
		err = &VersionError{s.path, found, len(names)}
	}
	return err
}

// sound looks a database through for damage.
func (s *store) sound(ctx context.Context, conn *sqlite.Conn) error {
	conn.SetInterrupt(ctx.Done())
	defer conn.SetInterrupt(nil)
	text, err := pragma(conn, "PRAGMA quick_check(1)", sqlitex.ResultText)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return s.storageError("look through", err)
	case text != "ok":
		return fmt.Errorf("sqlite: %s: %s: %w", s.path, text, ErrCorrupt)
	}
	return nil
}

// copy writes a copy to a file, which is made, or made empty first, and returns its size when it is on the disk.
func (s *store) copy(ctx context.Context, conn *sqlite.Conn, to string, progress Progress) (int64, error) {
	file, err := os.OpenFile(to, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return 0, fmt.Errorf("sqlite: copy: %w", err)
	}
	done := s.report(conn, to, progress)
	conn.SetInterrupt(ctx.Done())
	err = sqlitex.ExecuteTransient(conn, "VACUUM INTO ?", &sqlitex.ExecOptions{Args: []any{to}})
	conn.SetInterrupt(nil)
	done()
	if ctx.Err() != nil {
		return 0, errors.Join(ctx.Err(), file.Close())
	}
	if err != nil {
		return 0, errors.Join(s.storageError("copy", err), file.Close())
	}
	info, err := file.Stat()
	if err == nil {
		err = file.Sync() // SQLite does not
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return 0, fmt.Errorf("sqlite: copy: %w", err)
	}
	return info.Size(), nil
}

// report tells progress until done is called. How far a copy is shows in the size of its file.
func (s *store) report(conn *sqlite.Conn, to string, progress Progress) (done func()) {
	if progress == nil {
		return func() {}
	}
	total, err := pragma(conn, "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()", sqlitex.ResultInt64)
	if err != nil {
		total = -1
	}
	clock, stop, stopped := symphony.SystemClock(), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			timer := clock.NewTimer(progressEvery)
			select {
			case <-stop:
				timer.Stop()
				return
			case <-timer.C():
			}
			if info, err := os.Stat(to); err == nil {
				progress(info.Size(), total)
			}
		}
	}()
	return func() {
		close(stop)
		<-stopped
	}
}

// install gives a complete copy its name, durably.
func install(part, name string) error {
	if err := os.Rename(part, name); err != nil {
		return errors.Join(fmt.Errorf("sqlite: copy: %w", err), discard(part))
	}
	return syncFolder(filepath.Dir(name))
}

// discard removes a file that may not exist.
func discard(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("sqlite: %w", err)
	}
	return nil
}

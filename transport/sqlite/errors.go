package sqlite

import (
	"errors"
	"fmt"

	"github.com/symphony-messenger/symphony"
	"zombiezen.com/go/sqlite"
)

// ErrCorrupt says that the file is damaged or is not a SQLite database. It matches symphony.ErrUnavailable too.
var ErrCorrupt = errors.New("database is damaged")

// storageError says what a SQLite error means for the caller, and for people what to do about it. Nothing of the
// transaction in which it happened was stored.
func (s *store) storageError(doing string, err error) error {
	if err == nil {
		return nil
	}
	wrap := func(advice string, sentinels ...error) error {
		return fmt.Errorf("sqlite: %s %s: %s: %w", doing, s.path, advice, errors.Join(append(sentinels, err)...))
	}
	switch code := sqlite.ErrCode(err); code.ToPrimary() {
	case sqlite.ResultFull:
		return wrap("the disk is full; free some space", symphony.ErrUnavailable)
	case sqlite.ResultIOErr:
		return wrap("the disk does not read or write", symphony.ErrUnavailable)
	case sqlite.ResultReadOnly, sqlite.ResultPerm, sqlite.ResultCantOpen:
		return wrap("the file or its folder cannot be written by this user", symphony.ErrUnavailable)
	case sqlite.ResultBusy, sqlite.ResultLocked, sqlite.ResultNoMem:
		return wrap("try again later", symphony.ErrUnavailable)
	case sqlite.ResultNotADB:
		return s.damaged(wrap("the file is not a SQLite database", ErrCorrupt, symphony.ErrUnavailable))
	case sqlite.ResultCorrupt:
		return s.damaged(wrap("stop, keep a copy of the file and its -wal, and restore a backup or use the .recover command of the sqlite3 shell",
			ErrCorrupt, symphony.ErrUnavailable))
	}
	return fmt.Errorf("sqlite: %s: %w", doing, err)
}

// damaged stops the writer at the first sign of damage, whoever met it: what is written to a damaged file may be out of
// reach. Before the writer runs, the error of Open says it.
func (s *store) damaged(err error) error {
	if s.writer == nil {
		return err
	}
	return s.giveUp(err)
}

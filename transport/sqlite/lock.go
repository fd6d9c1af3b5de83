package sqlite

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/gofrs/flock"
)

// LockedError says that another process has the database open.
type LockedError struct {
	Path   string
	PID    int    // 0 if unknown
	Socket string // the unix socket on which that process serves the HTTP API to this user, "" if none
}

func (e *LockedError) Error() string {
	who := "another process"
	if e.PID != 0 {
		who = fmt.Sprintf("process %d", e.PID)
	}
	return fmt.Sprintf("database %s is open in %s; one process may have it open at a time", e.Path, who)
}

// owner is what the lock file says about the process that holds it.
type owner struct {
	PID    int    `json:"pid"`
	Socket string `json:"socket,omitempty"`
}

// fileLock keeps a second process out, twice. The lock file beside the database says who has it, and is the whole lock
// where the operating system cannot do more. Where it can, the database's file itself is locked too, which holds under
// each name that it has and when the lock file is gone. The operating system drops both when the process ends, however it
// ends.
type fileLock struct {
	f  *flock.Flock
	db inodeLock
}

// acquire locks a database. With create, its file is made if there is none.
func acquire(path string, create bool) (*fileLock, error) {
	l := &fileLock{f: flock.New(path+".lock", flock.SetPermissions(0o600))}
	ok, err := l.f.TryLock()
	if err != nil {
		return nil, fmt.Errorf("sqlite: lock: %w", err)
	}
	if !ok {
		locked := &LockedError{Path: path}
		var o owner
		if raw, err := os.ReadFile(path + ".lock"); err == nil && json.Unmarshal(raw, &o) == nil {
			locked.PID, locked.Socket = o.PID, o.Socket
		}
		return nil, locked
	}
	if err := l.db.acquire(path, create); err != nil {
		return nil, errors.Join(err, l.f.Unlock())
	}
	if err := l.announce(""); err != nil {
		return nil, errors.Join(err, l.release())
	}
	return l, nil
}

// announce replaces the contents of the lock file, which stays the same file: the lock is on it.
func (l *fileLock) announce(socket string) error {
	raw, err := json.Marshal(owner{os.Getpid(), socket})
	if err == nil {
		err = os.WriteFile(l.f.Path(), raw, 0o600)
	}
	if err != nil {
		return fmt.Errorf("sqlite: lock: %w", err)
	}
	return nil
}

// release leaves the lock file in place: removing it could take away the lock of a process that has just opened it. No
// connection to the database may be open any more in this process.
func (l *fileLock) release() error {
	err := l.db.release()
	if uerr := l.f.Unlock(); uerr != nil {
		err = errors.Join(err, fmt.Errorf("sqlite: unlock: %w", uerr))
	}
	return err
}

// Announce tells processes that find the database locked on which unix socket this process serves them. An empty
// socket takes it back.
func (s *store) Announce(socket string) error { return s.lock.announce(socket) }

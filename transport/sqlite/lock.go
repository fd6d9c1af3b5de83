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

// fileLock keeps a second process out. The operating system drops it when the process ends, however it ends.
type fileLock struct{ f *flock.Flock }

func acquire(path string) (*fileLock, error) {
	l := &fileLock{flock.New(path+".lock", flock.SetPermissions(0o600))}
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

// release leaves the file in place: removing it could take away the lock of a process that has just opened it.
func (l *fileLock) release() error {
	if err := l.f.Unlock(); err != nil {
		return fmt.Errorf("sqlite: unlock: %w", err)
	}
	return nil
}

// Announce tells processes that find the database locked on which unix socket this process serves them. An empty
// socket takes it back.
func (s *store) Announce(socket string) error { return s.lock.announce(socket) }

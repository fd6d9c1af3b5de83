package sqlite

import (
	"fmt"

	"github.com/symphony-messenger/symphony"
)

// failure is why nothing is written any more until the database is opened again: what is in memory, on the disk and under
// the database's name may be three things by then.
type failure struct{ err error }

// failed returns the failure, nil while there is none. Every write, and Stats for those who ask how storage does, begin
// with it.
func (s *store) failed() error {
	if f := s.failure.Load(); f != nil {
		return f.err
	}
	return nil
}

// giveUp notes the first failure, tells the operator, and returns err.
func (s *store) giveUp(err error) error {
	if s.failure.CompareAndSwap(nil, &failure{err}) {
		s.log.Error("nothing more is written to the database until it is opened again; this process must be restarted", "error", err)
	}
	return err
}

// outcomeUnknown answers calls whose transaction may have been stored or not: whatever they were told by err, they must
// not take it for certain that nothing was.
func outcomeUnknown(ops []*op, err error) {
	err = fmt.Errorf("%w: %v", symphony.ErrOutcomeUnknown, err) //nolint:errorlint // err may match ErrUnavailable
	for _, o := range ops {
		if o.err == nil { // else it took no part
			o.err = err
		}
	}
}

// MovedError says that the database's path, or its log's, does not name the file any more that is open. It matches
// symphony.ErrUnavailable.
type MovedError struct {
	Path     string // of the database or its log
	Replaced bool   // another file is there; else none is
}

func (e *MovedError) Error() string {
	what := "was deleted or moved away"
	if e.Replaced {
		what = "was replaced by another file"
	}
	return fmt.Sprintf("sqlite: %s %s while this process had it open: stop this process, put the database and its -wal back together "+
		"or restore a backup, and start it again", e.Path, what)
}

// Is reports whether target is symphony.ErrUnavailable.
func (e *MovedError) Is(target error) bool { return target == symphony.ErrUnavailable }

// placeEvery is how long the look before a commit may rely on the one before, in microseconds: under load each group is
// looked at once, after its commit.
const placeEvery = 20_000

// place notes which files the path of the database and that of its log name.
func (s *store) place() error {
	for i, suffix := range [...]string{"", "-wal"} {
		s.placed[i].path = s.path + suffix
		found, err := s.placed[i].note()
		if err != nil {
			return fmt.Errorf("sqlite: %w", err)
		}
		if !found {
			return &MovedError{Path: s.placed[i].path}
		}
	}
	return nil
}

// checkPlace looks whether the paths still name the files that are open. It is made after each commit and before its
// answer: what is written to a file without a name is lost with the process. A look that fails says nothing.
func (s *store) checkPlace() error {
	for i := range s.placed {
		p := &s.placed[i]
		if p.path == "" {
			continue // Open has not come that far
		}
		if found, same := p.look(); !same {
			return &MovedError{Path: p.path, Replaced: found}
		}
	}
	return nil
}

// standing is the error that any write would get now.
func (s *store) standing() error {
	if err := s.failed(); err != nil {
		return err
	}
	err := s.checkPlace()
	select {
	case <-s.closing: // which takes the log away
		return fmt.Errorf("sqlite: %w", symphony.ErrClosed)
	default:
	}
	if err != nil {
		return s.giveUp(err)
	}
	return nil
}

// checkPlaceNow is checkPlace before a commit, so that a group is refused while nothing of it is stored. It is left out
// where the last one was just made.
func (w *writer) checkPlaceNow() error {
	if w.now-w.placedAt < placeEvery && w.now >= w.placedAt {
		return nil
	}
	w.placedAt = w.now
	if err := w.checkPlace(); err != nil {
		return w.giveUp(err)
	}
	return nil
}

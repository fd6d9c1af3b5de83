package sqlite

import (
	"time"

	"zombiezen.com/go/sqlite"
)

// worker is a worker's name as a number: it stands in the row of each message that the worker has completed.
type worker struct {
	id   int64
	seen int64 // the time of day when one of its messages was completed, no more than seenEvery ago
}

// seenEvery is how exactly it is kept when a worker was seen last.
const seenEvery = int64(time.Hour / time.Microsecond)

// loadWorkers reads the names at Open.
func (w *writer) loadWorkers() error {
	return w.query("SELECT worker, name, seen FROM messenger_workers", func(s *sqlite.Stmt) bool {
		w.workers[s.ColumnText(1)] = worker{s.ColumnInt64(0), s.ColumnInt64(2)}
		return true
	})
}

// workerID returns a worker's number, for a message that is being completed.
func (w *writer) workerID(name string) (int64, error) {
	known, ok := w.workers[name]
	if ok && w.wall-known.seen < seenEvery {
		return known.id, nil
	}
	now := known
	now.seen = w.wall
	if ok {
		if err := w.exec("UPDATE messenger_workers SET seen=? WHERE worker=?", w.wall, now.id); err != nil {
			return 0, err
		}
	} else {
		if err := w.exec("INSERT INTO messenger_workers (name, seen) VALUES (?, ?)", name, w.wall); err != nil {
			return 0, err
		}
		now.id = w.conn.LastInsertRowID()
	}
	w.workers[name] = now
	w.undo = append(w.undo, func() {
		if delete(w.workers, name); ok {
			w.workers[name] = known
		}
	})
	return now.id, nil
}

// purgeWorkersOp deletes the names of workers none of whose messages was completed since a time.
type purgeWorkersOp struct{ before int64 }

func (o *purgeWorkersOp) rows() int { return 1 }

func (o *purgeWorkersOp) apply(w *writer) error {
	for name, known := range w.workers {
		if known.seen >= o.before-2*seenEvery {
			continue
		}
		if err := w.exec("DELETE FROM messenger_workers WHERE worker=?", known.id); err != nil {
			return err
		}
		delete(w.workers, name)
		w.undo = append(w.undo, func() { w.workers[name] = known })
	}
	return nil
}

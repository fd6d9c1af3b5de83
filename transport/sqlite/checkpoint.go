package sqlite

import (
	"sync/atomic"

	"zombiezen.com/go/sqlite"
)

// Checkpoints copy the write-ahead log into the database. Left to SQLite, they happen inside somebody's commit. Here a
// connection of its own does the work beside the writer; since commits go on meanwhile, it cannot finish, so the log
// would never start over. Whenever it has caught up but for a little, the writer copies the rest itself between two
// transactions, and the next commit starts the log at its beginning.
const (
	walCheckpoint = 4 << 20  // a checkpoint is made when the log has grown by about this much
	walKeep       = 64 << 20 // the log's file is cut to this size when it starts over
	// What a commit and a row in it add to the log, besides the row's own bytes. Estimates do: only the time of the
	// next checkpoint depends on them.
	walPerCommit = 16 << 10
	walPerRow    = 512
)

// checkpointer is how the writer and the checkpoint goroutine talk.
type checkpointer struct {
	grown   int           // bytes since the last request; the writer's
	request chan struct{} // writer → goroutine: the log has grown
	finish  atomic.Bool   // goroutine → writer: the rest is yours
}

// committed is called by the writer after each commit.
func (c *checkpointer) committed(rows int) {
	if c.grown += walPerCommit + rows*walPerRow; c.grown < walCheckpoint {
		return
	}
	c.grown = 0
	select {
	case c.request <- struct{}{}:
	default:
	}
}

// checkpoint runs until the store closes.
func (s *store) checkpoint(conn *sqlite.Conn) {
	defer func() {
		if err := conn.Close(); err != nil {
			s.log.Error("closing the connection for checkpoints", "error", err)
		}
	}()
	for {
		select {
		case <-s.closing:
			return
		case <-s.checker.request:
		}
		if err := execScript(conn, "PRAGMA wal_checkpoint(PASSIVE)"); err != nil {
			s.log.Error("checkpoint", "error", s.storageError("checkpoint", err))
			continue
		}
		s.checker.finish.Store(true)
	}
}

// finishCheckpoint copies the little that was written during a checkpoint, between two transactions.
func (w *writer) finishCheckpoint() {
	if !w.checker.finish.CompareAndSwap(true, false) {
		return
	}
	if err := w.exec("PRAGMA wal_checkpoint(PASSIVE)"); err != nil {
		w.log.Error("checkpoint", "error", w.storageError("checkpoint", err))
	}
}

// Package sqlite is the default transport: messages in one SQLite file, in this process, without a server.
//
// A dispatch is durable when it is answered (WAL, synchronous=FULL). One writer goroutine owns the writing connection
// and takes whatever calls have queued up into one transaction (group commit), so that concurrent dispatches share the
// cost of reaching the disk; readers have connections of their own and never block it. One process may have the file
// open; a second one gets a [LockedError]. A process that dies loses nothing: what its workers had claimed is returned
// to its queue at the next Open, as lost deliveries, and what was claimed for workers elsewhere stays theirs for the
// time that remains of their leases.
//
// # Where to begin
//
// sqlite.go (what transports of one file share, and how calls reach the writer), then writer.go (one transaction of
// many calls, and how it is undone) and reader.go. A message's way: send.go, lanes.go (where it waits), receive.go,
// lease.go, settle.go, house.go (what time brings), recover.go (what a crash left). What does not fit a plain queue:
// flow.go (package flow decides, this one keeps), with gates.go, parked.go and waiting.go. What people look for:
// messages.go with message_info.go, message_search.go and message_walk.go, failed.go. What the server keeps:
// records.go, log.go, schedules.go, steps.go. The file itself: schema.go, lock.go, checkpoint.go, clock.go, failure.go,
// copy.go, temporary.go.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/internal/asks"
	"github.com/symphony-messenger/symphony/internal/groupcommit"
	"github.com/symphony-messenger/symphony/internal/scratch"
	"github.com/symphony-messenger/symphony/internal/steady"
	"github.com/symphony-messenger/symphony/internal/waitlist"
	"github.com/symphony-messenger/symphony/internal/watchers"
	"github.com/symphony-messenger/symphony/retention"
	"github.com/symphony-messenger/symphony/schedule"
	"github.com/symphony-messenger/symphony/storage"
	"github.com/symphony-messenger/symphony/triage"
	"zombiezen.com/go/sqlite"
)

// Options are the optional settings of a database.
type Options struct {
	// Name is the transport's name. Default symphony.DefaultTransport. Named gives further ones on the same file.
	Name string
	// Retention is how long completed and cancelled messages are kept, where Periods are nil. Default
	// symphony.DefaultRetention; symphony.KeepNothing for not at all.
	Retention time.Duration
	// Periods say how long which messages are kept, of the transports of this file. They hold for what is stored
	// already as well.
	Periods *retention.Rules
	// Aged is told of dead letters that were deleted because their period was over, once for each run that deleted
	// some. It is called by housekeeping, which waits for it. Default: nobody is told.
	Aged func(context.Context, retention.Aged)
	// Steering is told of holds, and where it is a flow.LimitObserver of limits, that end by themselves.
	// Default: nobody is told.
	Steering flow.Observer
	// Limits bound how many messages are handled at once, or started in a time. Default: none but one message at a time
	// for each concurrency key.
	Limits *flow.Limits
	// Indexes are the members of metadata by which messages are looked up. What is stored already is made findable in
	// the background.
	Indexes []storage.Index
	// Clock is the store's clock. Default symphony.SystemClock.
	Clock symphony.Clock
	// Logger reports what an operator must know, such as a failing disk. Default: slog.Default.
	Logger *slog.Logger
}

// Transport is one named transport on a database. Safe for concurrent use.
type Transport struct {
	*store
	name string
}

var (
	_ symphony.Transport    = (*Transport)(nil)
	_ storage.Records       = (*Transport)(nil)
	_ schedule.Store        = (*Transport)(nil)
	_ triage.Store          = (*Transport)(nil)
	_ flow.Control          = (*Transport)(nil)
	_ storage.Log           = (*Transport)(nil)
	_ symphony.MessageStore = (*Transport)(nil)
	_ storage.Steps         = (*Transport)(nil)
	_ storage.Cancels       = (*Transport)(nil)
	_ storage.Sizes         = (*Transport)(nil)
	_ storage.Types         = (*Transport)(nil)
)

// store is what the transports of one file share. What the writer alone knows stands in writer.
type store struct {
	// Set by open and never changed after that.
	path      string
	temporary *scratch.Folder // to delete in the end; nil for a database that stays
	kept      *kept
	aged      func(context.Context, retention.Aged)
	steered   flow.Observer // nil for nobody
	limits    *flow.Limits
	indexes   []storage.Index
	clock     symphony.Clock
	log       *slog.Logger
	lock      *fileLock

	// Safe for concurrent use.
	ops       groupcommit.Queue[*op]
	readers   chan *reader // closed when the store is
	searchers chan *reader // for what may take long
	opened    int          // readers and searchers there are
	waiters   waitlist.List
	asks      asks.Asks
	begun     int64                  // since when asks are noted, in steady time
	marked    atomic.Pointer[string] // behind this id all messages have their marks; set by open
	cancels   watchers.List[storage.CancelWatch]
	checker   checkpointer
	carefully int // as the constant; less in tests, which set it before there are goroutines

	writer  *sqlite.Conn  // while the writer runs, its goroutine's
	steady  *steady.Clock // set before the goroutines run
	placed  [2]placed     // the database and its log, as they were opened; never changed
	failure atomic.Pointer[failure]

	mu    sync.RWMutex       // guards the counts of lanes, and lanes itself
	lanes map[string][]*lane // by transport, committed ones only

	purged purged
	sizes  atomic.Pointer[storage.Bytes] // nil before the first look

	nextEvent atomic.Int64  // when housekeeping is due, µs
	rearm     chan struct{} // nextEvent moved to an earlier time

	closing chan struct{}
	closed  sync.Once
	done    sync.WaitGroup
	err     error // of closing
}

// readerConns is how many connections read at the same time, and searcherConns how many searches run so. Each has a
// page cache of its own (readerCacheKiB).
const (
	readerConns    = 3
	searcherConns  = 2
	writerCacheKiB = 8 << 10
	readerCacheKiB = 2 << 10
)

// Open opens the database at path, creating it if there is none, and brings its schema up to date. Errors: *LockedError
// if another process has it open, *VersionError if a newer release wrote it, ErrCorrupt if it is damaged or no
// database.
func Open(ctx context.Context, path string, o Options) (*Transport, error) {
	return open(ctx, path, o, nil)
}

// open opens a database. A temporary one is given the folder that goes with it.
func open(ctx context.Context, path string, o Options, temporary *scratch.Folder) (*Transport, error) {
	if o.Name == "" {
		o.Name = symphony.DefaultTransport
	}
	if err := symphony.ValidateName(o.Name); err != nil {
		return nil, fmt.Errorf("sqlite: transport name %q %w", o.Name, err)
	}
	if o.Clock == nil {
		o.Clock = symphony.SystemClock()
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	rules, err := retention.Or(o.Periods, o.Retention)
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	if path, err = resolve(path); err != nil {
		return nil, err
	}
	// The file is made with these rights before SQLite sees it; its WAL takes them over.
	lock, err := acquire(path, true)
	if err != nil {
		return nil, err
	}
	s := &store{
		path: path, temporary: temporary, lock: lock,
		kept: newKept(rules), aged: o.Aged, steered: o.Steering, limits: o.Limits, clock: o.Clock,
		log: o.Logger, indexes: o.Indexes,
		lanes: make(map[string][]*lane), rearm: make(chan struct{}, 1), closing: make(chan struct{}),
		readers: make(chan *reader, readerConns), searchers: make(chan *reader, searcherConns), carefully: carefully,
	}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.release())
	}
	return &Transport{store: s, name: o.Name}, nil
}

// resolve makes one name of all the ways to name a file, so that they share one lock.
func resolve(path string) (string, error) {
	if path == "" || path == ":memory:" {
		return "", fmt.Errorf("sqlite: path %q is not a file; use OpenTemporary for messages that need not survive", path)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("sqlite: %w", err)
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		return real, nil
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(abs))
	if err != nil {
		return "", fmt.Errorf("sqlite: folder of %s: %w", path, err)
	}
	return filepath.Join(dir, filepath.Base(abs)), nil
}

// start opens the connections, migrates, recovers and starts the goroutines.
func (s *store) start(ctx context.Context) error {
	conn, err := s.connect(sqlite.OpenReadWrite|sqlite.OpenWAL, writerCacheKiB)
	if err != nil {
		return err
	}
	w := newWriter(s, conn)
	if err := w.open(ctx); err != nil {
		return errors.Join(err, conn.Close())
	}
	for _, readers := range []chan *reader{s.readers, s.searchers} {
		for range cap(readers) {
			conn, err := s.connect(sqlite.OpenReadOnly|sqlite.OpenWAL, readerCacheKiB)
			if err != nil {
				return errors.Join(err, w.conn.Close())
			}
			readers <- newReader(conn)
			s.opened++
		}
	}
	checkpoints, err := s.connect(sqlite.OpenReadWrite|sqlite.OpenWAL, readerCacheKiB)
	if err != nil {
		return errors.Join(err, w.conn.Close())
	}
	if err := s.place(); err != nil {
		return errors.Join(err, checkpoints.Close(), w.conn.Close())
	}
	s.writer, s.begun = conn, s.now()
	s.checker.request = make(chan struct{}, 1)
	s.done.Go(w.run)
	s.done.Go(s.keepHouse)
	s.done.Go(s.watchClock)
	s.done.Go(func() { s.checkpoint(checkpoints) })
	return nil
}

// connect opens one connection with the settings that all share.
func (s *store) connect(flags sqlite.OpenFlags, cacheKiB int) (*sqlite.Conn, error) {
	conn, err := sqlite.OpenConn(s.path, flags)
	if err != nil {
		return nil, s.storageError("open", err)
	}
	conn.SetBusyTimeout(10 * time.Second)
	synchronous := "FULL"
	if s.temporary != nil {
		synchronous = "OFF"
	}
	for _, pragma := range []string{
		"PRAGMA synchronous=" + synchronous,
		"PRAGMA temp_store=MEMORY",
		fmt.Sprintf("PRAGMA cache_size=-%d", cacheKiB),
		// Checkpoints are made aside of the writer; see checkpoint.go.
		"PRAGMA wal_autocheckpoint=0",
		fmt.Sprintf("PRAGMA journal_size_limit=%d", walKeep),
	} {
		if err := execScript(conn, pragma); err != nil {
			return nil, errors.Join(s.storageError(pragma, err), conn.Close())
		}
	}
	return conn, nil
}

// Name is the transport's name.
func (t *Transport) Name() string { return t.name }

// Named returns the transport of another name on the same file. It panics on an invalid name.
func (t *Transport) Named(name string) *Transport {
	if err := symphony.ValidateName(name); err != nil {
		panic(fmt.Sprintf("sqlite: transport name %q %v", name, err))
	}
	return &Transport{store: t.store, name: name}
}

// Path is the database's file, with symbolic links resolved.
func (s *store) Path() string { return s.path }

// Capabilities says that this transport can do everything; a temporary database does not survive.
func (t *Transport) Capabilities() symphony.Capabilities {
	return symphony.Capabilities{Storage: t.store, Durable: t.temporary == nil, Receive: true, Idempotency: true,
		Records: true, Flow: true, Terms: true, Schedules: true, Messages: true, Log: true, Steps: true}
}

// Close closes the database for all its transports, after the calls in progress. It is safe to call again.
func (s *store) Close() error {
	s.closed.Do(func() {
		if err := s.do(context.Background(), saveClockOp{}); err != nil && s.failed() == nil {
			s.log.Warn("the time could not be written at the end; leases of workers elsewhere may last a little longer", "error", err)
		}
		close(s.closing)
		s.ops.Close()
		s.done.Wait()
		s.err = s.release()
	})
	return s.err
}

// release closes the connections and gives up the lock. The writer's is closed last, after it has copied the log into
// the database and cut it, so that the database's file alone has everything. Where the files of that name are no longer
// those that are open, or are damaged, nothing is touched: the connection that is closed last would delete the log by
// its name.
func (s *store) release() error {
	var errs []error
	whole := s.failed() == nil && s.checkPlace() == nil
	if s.writer != nil && !whole {
		errs = append(errs, s.writer.Close())
	}
	for range s.opened {
		var r *reader // waits for one that is in use
		select {
		case r = <-s.readers:
		case r = <-s.searchers:
		}
		errs = append(errs, r.conn.Close())
	}
	close(s.readers)
	close(s.searchers)
	if s.writer != nil && whole && s.temporary == nil {
		// What another process reads just now may keep the log from being cut; nothing is lost by that.
		if err := execScript(s.writer, "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
			s.log.Warn("the database's log could not be copied into it at the end; keep both files together", "error", s.storageError("checkpoint", err))
		}
	}
	if s.writer != nil && whole {
		errs = append(errs, s.writer.Close())
	}
	errs = append(errs, s.lock.release())
	if s.temporary != nil {
		errs = append(errs, s.temporary.Close())
	}
	return errors.Join(errs...)
}

// op is one call to the writer.
type op struct {
	ctx  context.Context
	do   operation
	err  error
	done chan struct{}
	fate atomic.Int32 // which of the below
}

// A call is queued until the writer begins it, or its caller leaves.
const (
	queued int32 = iota
	begun
	abandoned
)

// left begins the call, unless its caller does not wait for it any more: what he gave must not be looked at then.
func (o *op) left() bool {
	if !o.fate.CompareAndSwap(queued, begun) && o.fate.Load() == abandoned {
		return true
	}
	o.err = o.ctx.Err() // that of a caller who is about to leave
	return o.err != nil
}

// operation is what a call does inside the writer's transaction. An error undoes the transaction; results that change
// nothing (a conflict, a lost lease) are kept in the operation and are not errors.
type operation interface {
	apply(w *writer) error
	// rows is about how many rows the operation touches; it bounds the size of transactions.
	rows() int
}

// do hands an operation to the writer and waits until it is committed. The end of ctx ends the wait for the writer, and
// then nothing was done; an operation that was begun is waited for, so that what it did is told.
func (s *store) do(ctx context.Context, operation operation) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	o := &op{ctx: ctx, do: operation, done: make(chan struct{})}
	if !s.ops.Put(o) {
		return fmt.Errorf("sqlite: %w", symphony.ErrClosed)
	}
	select {
	case <-o.done:
		return o.err
	case <-ctx.Done():
	}
	if o.fate.CompareAndSwap(queued, abandoned) {
		return ctx.Err()
	}
	<-o.done
	return o.err
}

// micros is a time as it is kept. 0 stands for none everywhere, so the first microsecond of 1970 is kept as the second.
func micros(t time.Time) int64 {
	if us := t.UnixMicro(); us != 0 {
		return us
	}
	return 1
}

// microsUp is the first whole microsecond that is not before t: what is kept in microseconds is before t if it is
// before that.
func microsUp(t time.Time) int64 { return t.Add(time.Microsecond - 1).UnixMicro() }

// fromMicros is the inverse of micros, with 0 for the zero time.
func fromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

const never = math.MaxInt64

// Package postgres is the transport for production with many nodes: messages in a PostgreSQL database (13 or newer).
//
// Any number of processes use one database, and one database holds any number of transports. What waits stands in a
// narrow ready table; a claim moves rows from there into one lease row for the whole batch, and settling checks that
// row. Concurrent calls of a process share transactions (group commit). docs/adr/005-postgres-engine.md has the moves
// with their SQL and the argument why none of them can lose a message, hand it to two workers or let a stale one settle
// it.
//
// # Where to begin
//
// postgres.go (what transports of one database share), then conn.go (a transaction in one round trip, on wire.go and
// pool.go) and committer.go (many calls in one transaction). A message's way: send.go with idempotency.go, heads.go
// (where waiting messages begin) and listen.go (who is woken), receive.go, lease.go, settle.go with ack_query.go and
// settle_back.go, expiry.go (leases that ran out), house.go (the duties of every node), sweep.go (what was committed
// late), unanswered.go (claims whose answer was lost). What does not fit a plain queue: flow.go (package flow decides,
// this one keeps), with gates.go, parked.go and waiting.go. In a transaction of the caller's: tx.go. What people look
// for: messages.go, search.go, steer.go, failed.go. What the server keeps: records.go, log.go, schedules.go, steps.go,
// nodes.go. The schema: schema.go, migrate_live.go, grant.go. What an operator asks: doctor.go, stats.go.
package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/internal/asks"
	"github.com/symphony-messenger/symphony/internal/waitlist"
	"github.com/symphony-messenger/symphony/internal/watchers"
	"github.com/symphony-messenger/symphony/retention"
	"github.com/symphony-messenger/symphony/schedule"
	"github.com/symphony-messenger/symphony/storage"
	"github.com/symphony-messenger/symphony/triage"
)

// Defaults of Options.
const (
	DefaultSchema   = "symphony"
	DefaultMaxConns = 10
	DefaultTimeout  = 5 * time.Second
	// DefaultPollInterval is how often idle workers look for messages that nobody announced; unannouncedPoll where
	// announcements do not reach this process, see Options.ListenURL.
	DefaultPollInterval = time.Second
)

// Options are the optional settings of a store.
type Options struct {
	// Name is the transport's name. Default symphony.DefaultTransport. Named gives further ones on the same store.
	Name string
	// Schema holds all tables. Default DefaultSchema. It is created where it does not exist.
	Schema string
	// Retention is how long completed and cancelled messages are kept, where Periods are nil. Default
	// symphony.DefaultRetention; symphony.KeepNothing for not at all.
	Retention time.Duration
	// Periods say how long which messages are kept, of all transports of the schema. They hold for what is stored
	// already as well. All processes must have the same: what is over by the rules of one is deleted. Default:
	// all as Retention says, and failed messages for ever.
	Periods *retention.Rules
	// Aged is told of dead letters that this process deleted because their period was over, once for each run that
	// deleted some. It is called by housekeeping, which waits for it. Default: nobody is told.
	Aged func(context.Context, retention.Aged)
	// Steering is told of holds, and where it is a flow.LimitObserver of limits, that end by themselves: by this
	// process, which of all that share the storage may be any. Default: nobody is told.
	Steering flow.Observer
	// Limits bound how many messages are handled at once, or started in a time, by all processes together. All must
	// have the same. Default: none but one message at a time for each concurrency key.
	Limits *flow.Limits
	// MaxConns bounds the connections of this process, besides one that listens. Default DefaultMaxConns, at least 4.
	MaxConns int
	// ListenURL is a connection that reaches the server itself where the main URL goes through a pooler in transaction
	// mode: announcements of new messages need a session. Without it idle workers behind such a pooler poll.
	ListenURL string
	// Indexes are the members of metadata by which messages are looked up, on all nodes: one that no node has named for
	// a day is dropped. What is stored already is made findable in the background.
	Indexes []storage.Index
	// PollInterval is how often idle workers look for messages that nobody announced. Default DefaultPollInterval, or a
	// tenth of a second where announcements cannot reach this process.
	PollInterval time.Duration
	// Timeout bounds each transaction, 100 ms or more. A dispatch that takes longer is symphony.ErrUnavailable.
	// Default DefaultTimeout.
	Timeout time.Duration
	// KeepSchema leaves the schema as it is: Open fails where a migration is missing. Default: Open migrates.
	KeepSchema bool
	// Node describes this process to others; see Nodes.
	Node NodeInfo
	// Clock replaces the server's clock, for tests.
	Clock symphony.Clock
	// Logger reports what an operator must know, such as a database that is gone. Default: slog.Default.
	Logger *slog.Logger
}

// Transport is one named transport on a store. Safe for concurrent use.
type Transport struct {
	*store
	name string
}

var (
	_ symphony.Transport    = (*Transport)(nil)
	_ schedule.Store        = (*Transport)(nil)
	_ triage.Store          = (*Transport)(nil)
	_ storage.Records       = (*Transport)(nil)
	_ symphony.MessageStore = (*Transport)(nil)
	_ storage.Steps         = (*Transport)(nil)
	_ storage.Cancels       = (*Transport)(nil)
	_ storage.Log           = (*Transport)(nil)
	_ storage.Types         = (*Transport)(nil)
	_ flow.Control          = (*Transport)(nil)

	_ storage.Nodes                      = (*Transport)(nil)
	_ interface{ StoreTime() time.Time } = (*Transport)(nil) // see symphony.StoreClock
)

// store is what the transports of one database share. No lock guards it as a whole: each field says who may touch it,
// and ARCHITECTURE.md has the order of the locks.
type store struct {
	// Set by newStore and never changed after that.
	pool    *pgxpool.Pool
	schema  string
	kept    *kept
	aged    func(context.Context, retention.Aged)
	steered flow.Observer // nil for nobody
	limits  *flow.Limits
	indexes []storage.Index
	timeout time.Duration
	poll    time.Duration // 0: the default for the way in which messages are announced
	log     *slog.Logger
	clock   symphony.Clock // of this process: what timers run on
	given   bool           // clock is the store's too, in place of the server's
	opened  int64          // what clock showed when nothing had elapsed, µs since 1970

	// Written by any goroutine, each atomically.
	texts        sync.Map // *query → its text for this schema
	behindPooler atomic.Bool
	defaults     atomic.Pointer[defaults]
	offset       atomic.Int64 // by how many µs the server's clock is ahead of this process's

	// What this process knows of the tables. Each has a lock of its own, and the tables are right where they differ.
	lanes      lanes
	heads      heads
	leases     leaseCache
	unanswered unanswered
	heldKeys   heldKeys
	fair       fairShares
	failures   failureTimes
	types      interner
	holds      holdsKnown
	inForce    atomic.Pointer[limitsInForce] // replaced, never changed
	ord        atomic.Uint32                 // the last place given out among messages of one moment

	// Calls that wait: for a transaction, for a slot, for a message. Safe for concurrent use.
	sends     committer[*sendOp]
	patient   committer[*sendOp] // those that wait for a key
	settles   committer[*settleOp]
	searches  chan struct{} // slots
	waiters   waitlist.List
	asks      asks.Asks
	allMarked atomic.Bool // see markedAfter
	cancels   watchers.List[storage.CancelWatch]

	// The goroutines of this process: housekeeping, the watch and the announcer run from start to Close.
	node   node // written by join, and its mu by heartbeats
	purged purged
	sizes  sizes
	house  house        // keepHouse's, but for what its own locks guard
	markAt atomic.Int64 // when housekeeping looks for messages without marks again; set earlier by declareIndexes
	notify notifier     // filled by any goroutine, emptied by announce

	life    context.Context // ends with Close
	closing <-chan struct{} // its end
	end     context.CancelFunc
	closed  sync.Once
	done    sync.WaitGroup // of those goroutines
}

// Open connects to the database and brings its schema up to date. url is a connection string or URL as libpq knows
// them; what it leaves out comes from the environment (PGHOST, PGPASSWORD, PGSSLMODE, …) and the password file. Errors:
// *VersionError if a newer release changed the schema beyond what this one can use, *MigrationError if it may not or
// must not be migrated, symphony.ErrUnavailable if the database cannot be reached.
func Open(ctx context.Context, url string, o Options) (*Transport, error) {
	s, o, err := newStore(url, o)
	if err != nil {
		return nil, err
	}
	if err := s.start(ctx, o); err != nil {
		s.end()
		s.pool.Close()
		return nil, err
	}
	return &Transport{store: s, name: o.Name}, nil
}

// newStore checks and completes the options.
func newStore(url string, o Options) (*store, Options, error) {
	if o.Name == "" {
		o.Name = symphony.DefaultTransport
	}
	if err := symphony.ValidateName(o.Name); err != nil {
		return nil, o, fmt.Errorf("postgres: transport name %q %w", o.Name, err)
	}
	if o.Schema == "" {
		o.Schema = DefaultSchema
	}
	if err := validateSchema(o.Schema); err != nil {
		return nil, o, err
	}
	rules, err := retention.Or(o.Periods, o.Retention)
	if err != nil {
		return nil, o, fmt.Errorf("postgres: %w", err)
	}
	if o.MaxConns == 0 {
		o.MaxConns = DefaultMaxConns
	}
	o.MaxConns = max(o.MaxConns, 4)
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	o.Timeout = max(o.Timeout, 100*time.Millisecond)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	s := &store{
		schema: o.Schema, kept: newKept(rules), purged: purged{passed: make(map[string]int64)}, aged: o.Aged,
		steered: o.Steering, limits: o.Limits, indexes: o.Indexes,
		timeout: o.Timeout, poll: o.PollInterval, log: o.Logger,
		clock: o.Clock, given: o.Clock != nil, searches: make(chan struct{}, searchesAtOnce),
	}
	s.defaults.Store(newDefaults(o.Timeout, synchronous, false))
	s.life, s.end = context.WithCancel(context.Background())
	s.closing = s.life.Done()
	if s.clock == nil {
		s.clock = symphony.SystemClock()
	}
	s.opened = openedAt(s.clock)
	pool, err := newPool(url, o)
	if err != nil {
		return nil, o, err
	}
	s.pool = pool
	return s, o, nil
}

// start prepares the database and starts the goroutines.
func (s *store) start(ctx context.Context, o Options) error {
	if err := s.greet(ctx); err != nil {
		return err
	}
	if err := s.migrate(ctx, !o.KeepSchema); err != nil {
		return err
	}
	s.heads.init()
	s.leases.init()
	s.notify.init()
	s.house.init(s.duties())
	if err := s.join(ctx, o.Node); err != nil {
		return err
	}
	if err := s.loadHolds(ctx); err != nil {
		return err
	}
	s.sends.next, s.patient.next = &s.patient, &s.patient
	s.sends.start(s, sendCommitters, s.commitSends)
	s.patient.start(s, patientCommitters, s.commitPatiently)
	s.settles.start(s, settleCommitters, s.commitSettles)
	s.done.Go(s.keepHouse)
	s.done.Go(s.watch)
	s.done.Go(s.announce)
	s.done.Go(s.watchCancels)
	if len(s.indexes) > 0 {
		s.declareIndexes(ctx)
	}
	return s.listen(o)
}

// Name is the transport's name.
func (t *Transport) Name() string { return t.name }

// Named returns the transport of another name on the same store. It panics on an invalid name.
func (t *Transport) Named(name string) *Transport {
	if err := symphony.ValidateName(name); err != nil {
		panic(fmt.Sprintf("postgres: transport name %q %v", name, err))
	}
	return &Transport{store: t.store, name: name}
}

// Capabilities says that this transport can do everything.
func (t *Transport) Capabilities() symphony.Capabilities {
	return symphony.Capabilities{Storage: t.store, Durable: true, Receive: true, Idempotency: true, Records: true,
		Schedules: true, Flow: true, Terms: true, Messages: true, Log: true, Steps: true}
}

// Close ends the connections, for all transports of the store, when the calls in progress have ended. It is safe to
// call again.
func (s *store) Close() error {
	s.closed.Do(func() {
		s.end()
		s.sends.close()
		s.patient.close()
		s.settles.close()
		s.done.Wait()
		s.leave()
		s.pool.Close()
	})
	return nil
}

// now is the time of this process in microseconds since 1970: the machine's clock when the store was opened, and what
// has elapsed since, whatever that clock has been set to meanwhile. The server's clock decides about messages; this one
// runs the timers.
func (s *store) now() int64 { return s.opened + symphony.Elapsed(s.clock).Microseconds() }

// nowParam is the time that a statement works with: NULL stands for the server's own.
func (s *store) nowParam() []byte {
	if s.given {
		return timeParam(micros(s.clock.Now()))
	}
	return nil
}

// storeNow is what the server's clock shows, as far as this process knows, in microseconds since 1970.
func (s *store) storeNow() int64 { return s.now() + s.ahead() }

// ahead is by how many microseconds the store's clock is ahead of this process's.
func (s *store) ahead() int64 {
	if s.given {
		return micros(s.clock.Now()) - s.now()
	}
	return s.offset.Load()
}

// StoreTime is what the server's clock shows, as far as this process knows: it is compared every ten seconds, and at
// once where the machine slept.
func (s *store) StoreTime() time.Time { return fromMicros(s.storeNow()) }

// openedAt is what a clock would have shown when nothing had elapsed, had it not been set since, in µs since 1970.
func openedAt(c symphony.Clock) int64 {
	now, elapsed := c.Read()
	return micros(now.Add(-elapsed))
}

// nextOrd is the first of n places among messages that become available at the same time.
func (s *store) nextOrd(n int) int {
	return int((s.ord.Add(uint32(n)) - uint32(n)) & math.MaxInt32)
}

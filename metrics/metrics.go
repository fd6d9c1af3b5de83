// Package metrics counts what becomes of messages and how long it takes, by transport, type, queue, worker and what
// became of them, and keeps that by minute beside the messages, for all nodes together and across restarts.
//
// A [Recorder] observes the messages of one process and writes its figures as records; [Reader.Query] adds up those of
// all processes:
//
//	rec, err := metrics.New(records, metrics.Options{})
//	bus, err := symphony.NewBus(transports, symphony.BusOptions{Observer: rec})
//	w, err := worker.New(tr, mux, worker.Options{Observer: rec})
//	go rec.Run(ctx) // writes every ten seconds, and once more when ctx ends
//	result, err := rec.Query(ctx, metrics.Query{From: from, To: to})
//
// # What is kept
//
// One record for each minute and writer (kind "metrics", id "2026-11-28T04:30/<writer>"), with the minute's figures so
// far: it is written again as long as the minute lasts, so that a write that is repeated counts nothing twice. A writer
// is one process's run; no two ever write the same record. Records of a minute are kept for DetailRetention. One record
// for each hour (kind "metrics.hours", id "2026-11-28T04/<writer>"), written once a minute, is kept for all of
// Options.Retention.
//
// Beside that a record for each type of a transport (kind "metrics.types") says when it was first and last seen.
//
// A process that is killed loses what it counted since its last write, ten seconds at most, and of the figures by hour
// one minute at most. Storage that fails is waited for: two hours of records wait in memory meanwhile.
//
// A message counts in the minute, on the clock of its process, in which its result was stored. A clock that is set back
// makes the process a new writer, so that nothing written before is overwritten.
//
// Within a record the same figures stand four times: by type, by queue, by worker and by what became of messages.
//
// # Percentiles
//
// Durations are kept in DDSketches, which merge without loss: a percentile over any number of nodes and minutes is
// within RelativeAccuracy of the exact one. Averages and maxima are exact.
package metrics

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

// Defaults and limits.
const (
	// DefaultRetention is how long figures are kept; MinRetention to MaxRetention is the range of that.
	DefaultRetention = 7 * 24 * time.Hour
	MinRetention     = time.Hour
	MaxRetention     = 90 * 24 * time.Hour
	// DetailRetention is how long figures are kept by minute, unless they are kept for less at all.
	DetailRetention = 48 * time.Hour
	// MaxSeries bounds the types that a process tells apart, each with its transport, and as well the queues and the
	// workers, within a minute and, for Prometheus, in its life. All others of a transport count as Other.
	MaxSeries = 200
	// MaxErrorClasses bounds the classes of errors told apart within a series; all others count as the class Other.
	MaxErrorClasses = 20
	// Other stands for the names, or classes of errors, beyond what is told apart.
	Other = "other"
	// RelativeAccuracy is how far a percentile may be off: 2%.
	RelativeAccuracy = 0.02

	// flushEvery is how often figures are written.
	flushEvery = 10 * time.Second
	// flushTimeout bounds one write, closeTimeout the last ones.
	flushTimeout = 10 * time.Second
	closeTimeout = 5 * time.Second
	// trimEvery is how often old records are deleted.
	trimEvery = 10 * time.Minute
	// maxEnded bounds the minutes, and maxHours the hours, that wait for storage. Beyond that the oldest are given up.
	maxEnded = 120
	maxHours = 48
)

// The kinds of records, and how their ids begin.
const (
	minutesKind   = "metrics"
	hoursKind     = "metrics.hours"
	minutesLayout = "2006-01-02T15:04"
	hoursLayout   = "2006-01-02T15"
)

// Options are the optional settings of a Recorder.
type Options struct {
	// Retention is how long figures are kept, MinRetention to MaxRetention. Default DefaultRetention.
	Retention time.Duration
	// Node tells people which process counted. Default: nothing.
	Node string
	// Clock decides in which minute something counts. Where the store has a clock of its own
	// that one does, so that all nodes count in the same one. Default symphony.SystemClock.
	Clock symphony.Clock
	// Logger reports that figures cannot be stored. Default slog.Default.
	Logger *slog.Logger
}

// New makes a recorder that writes to a store. It writes nothing before Run, and counts at once.
func New(store storage.Records, o Options) (*Recorder, error) {
	if store == nil {
		return nil, errors.New("metrics: a store is required")
	}
	if o.Retention == 0 {
		o.Retention = DefaultRetention
	}
	if o.Retention < MinRetention || o.Retention > MaxRetention {
		return nil, fmt.Errorf("metrics: retention %s: must be %s to %s", o.Retention, MinRetention, MaxRetention)
	}
	if o.Clock == nil {
		o.Clock = symphony.SystemClock()
	}
	o.Clock = symphony.StoreClock(store, o.Clock)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return &Recorder{
		store: store, o: o, writer: symphony.NewID(o.Clock.Now()),
		totals: make(map[totalKey]*total), typeNames: make(map[key]bool), queueNames: make(map[key]bool),
	}, nil
}

// Counts are what became of messages.
type Counts struct {
	Dispatched int64 // stored by a dispatch; a duplicate or what was dropped is none
	Succeeded  int64 // attempts
	Retried    int64 // attempts that failed, with another to come
	Dead       int64 // attempts that failed for good
	Released   int64 // deliveries that were given back; they are no attempts
	Cancelled  int64 // messages that were cancelled, before they were handled or meanwhile; they are no attempts
}

// Failed is how many attempts failed, and Processed how many ended.
func (c Counts) Failed() int64    { return c.Retried + c.Dead }
func (c Counts) Processed() int64 { return c.Succeeded + c.Failed() }

func (c *Counts) add(o Counts) {
	c.Dispatched += o.Dispatched
	c.Succeeded += o.Succeeded
	c.Retried += o.Retried
	c.Dead += o.Dead
	c.Released += o.Released
	c.Cancelled += o.Cancelled
}

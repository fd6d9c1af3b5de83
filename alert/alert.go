// Package alert watches the signals of an installation by rules and tells webhooks when one of them holds, and when it
// does no more.
//
// # Rules
//
// A rule is judged for each transport by itself: whether more messages failed for good than may, whether one waits for
// too long, whether too many attempts fail, whether messages wait and nobody works. What a rule says must hold for a
// time before it fires, so that a moment does not wake anybody; and it is resolved only when its value has been below a
// lower bound for that time, so that one that goes up and down around the threshold is one alert. Where a value is not
// known, because storage does not answer, nothing changes.
//
// # One notification for each change
//
// Any number of nodes judge the same rules. The state of each is a record that is changed by comparing and swapping,
// together with the notifications that the change makes; so one node makes each of them, and it survives the node. Each
// is posted to each webhook until that has taken it, at least once, always with the same webhook-id and body. A webhook
// that is dead holds up neither other webhooks nor anything else.
package alert

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/handler/httppush"
	"github.com/symphony-messenger/symphony/monitor"
	"github.com/symphony-messenger/symphony/storage"
)

// recordKind is the kind of the records that hold the states.
const recordKind = "alert"

// The rules.
const (
	DeadLetters   = "dead_letters_growing"
	OldestMessage = "oldest_message_too_old"
	ErrorRate     = "error_rate"
	NoWorkers     = "no_workers"
	StorageBytes  = "storage_bytes"
	Regression    = "regression"
)

// Defaults of Rules and Options.
const (
	DefaultInterval    = 15 * time.Second
	DefaultReminder    = 4 * time.Hour
	DefaultWindow      = 5 * time.Minute
	DefaultFor         = time.Minute
	DefaultDeadLetters = 10
	DefaultOldest      = 10 * time.Minute
	DefaultErrorRate   = monitor.DefaultErrorRate
	DefaultErrorSample = monitor.DefaultErrorSample
	DefaultNoWorkers   = monitor.DefaultNoWorkers
	// DefaultStorageBytes is 10 GiB.
	DefaultStorageBytes = 10 << 30
	DefaultRegressions  = 1
	DefaultClearRatio   = 0.5
	// Off switches a rule off.
	Off = -1
)

// Rules are the thresholds. Zero values mean the defaults, Off that there is no such rule.
type Rules struct {
	// DeadLetters fires when so many messages, or more, failed for good within Window.
	DeadLetters int
	// Oldest fires when a message that is ready, and not paused, has waited for so long.
	Oldest time.Duration
	// ErrorRate, 0 to 1, fires when that share of attempts, or more, failed within Window, where there were ErrorSample
	// of them.
	ErrorRate   float64
	ErrorSample int
	// NoWorkers fires when a message has been ready for so long and nobody works on its transport.
	NoWorkers time.Duration
	// StorageBytes fires when a storage uses so many bytes, without what is free in it.
	StorageBytes int64
	// Regressions fires when so many groups of failures that were resolved, or more, have failed since. It holds until
	// they are resolved or ignored again, or their dead letters are gone.
	Regressions int
	// Window is the time that DeadLetters and ErrorRate count in, in whole minutes.
	Window time.Duration
	// For is how long a rule must hold before it fires, and not hold before it is resolved. Off: it does at once.
	For time.Duration
	// ClearRatio times the threshold is the lower bound: an alert is resolved at or below it. 0 to 1.
	ClearRatio float64
}

// WithDefaults returns r with every zero value replaced by its default.
func (r Rules) WithDefaults() Rules {
	r.DeadLetters, r.ErrorSample = cmp.Or(r.DeadLetters, DefaultDeadLetters), cmp.Or(r.ErrorSample, DefaultErrorSample)
	r.Regressions = cmp.Or(r.Regressions, DefaultRegressions)
	r.Oldest, r.NoWorkers, r.Window, r.For = cmp.Or(r.Oldest, DefaultOldest), cmp.Or(r.NoWorkers, DefaultNoWorkers), cmp.Or(r.Window, DefaultWindow), cmp.Or(r.For, DefaultFor)
	r.StorageBytes = cmp.Or(r.StorageBytes, DefaultStorageBytes)
	r.ErrorRate, r.ClearRatio = cmp.Or(r.ErrorRate, DefaultErrorRate), cmp.Or(r.ClearRatio, DefaultClearRatio)
	return r
}

// Signals are where readings come from: a monitor whose ErrorWindow is Rules.Window.
type Signals interface {
	Collect(context.Context) monitor.Signals
}

// Options are what an Engine works with. Signals and Records are required.
type Options struct {
	Signals Signals
	Records storage.Records
	Rules   Rules
	// Regressed tells the groups of failures of a transport that were resolved and have failed since. Nil: nobody
	// resolves any, and there is no such rule.
	Regressed func(ctx context.Context, transport string) (samples []string, err error)
	// Webhooks are told. Their endpoints must differ.
	Webhooks []*httppush.Handler
	// Interval is the time between two looks at the signals. Default DefaultInterval.
	Interval time.Duration
	// Reminder is after how long an alert that goes on is told again. Default DefaultReminder; Off: never.
	Reminder time.Duration
	// Node names this process in notifications.
	Node string
	// Changed is called with each alert that fires or is resolved, by the node that made the change. It must return at
	// once.
	Changed func(Notification)
	Clock   symphony.Clock
	Logger  *slog.Logger
}

// Engine judges rules and delivers notifications. Safe for concurrent use.
type Engine struct {
	o        Options
	hooks    []*hook
	delivery sync.WaitGroup
}

// New makes an engine. Nothing happens before Run.
func New(o Options) (*Engine, error) {
	if o.Signals == nil || o.Records == nil {
		return nil, errors.New("alert: Signals and Records are required")
	}
	o.Rules = o.Rules.WithDefaults()
	o.Interval, o.Reminder = cmp.Or(o.Interval, DefaultInterval), cmp.Or(o.Reminder, DefaultReminder)
	if o.Clock == nil {
		o.Clock = symphony.SystemClock()
	}
	o.Clock = symphony.StoreClock(o.Records, o.Clock)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Changed == nil {
		o.Changed = func(Notification) {}
	}
	e := &Engine{o: o}
	for _, h := range o.Webhooks {
		e.hooks = append(e.hooks, &hook{Handler: h, key: hookKey(h)})
	}
	for i, h := range e.hooks {
		for _, other := range e.hooks[:i] {
			if h.key == other.key {
				return nil, fmt.Errorf("alert: two webhooks for %s", h.Endpoint())
			}
		}
	}
	return e, nil
}

// Run judges the rules once in an interval until ctx ends, and delivers meanwhile. What is being delivered then is cut
// off and delivered by another node, or after the next start.
func (e *Engine) Run(ctx context.Context) error {
	defer e.delivery.Wait()
	for {
		if err := e.Judge(ctx); err != nil && ctx.Err() == nil {
			e.o.Logger.Warn("alerts could not be judged; it is tried again", "error", err)
		}
		pause := e.o.Clock.NewTimer(e.o.Interval)
		select {
		case <-ctx.Done():
			pause.Stop()
			return nil
		case <-pause.C():
		}
	}
}

// Judge looks at the signals once and has notifications delivered in the background. Run calls it.
func (e *Engine) Judge(ctx context.Context) error {
	looking, cancel := context.WithTimeout(ctx, storageTime)
	defer cancel()
	states, err := e.states(looking)
	if err != nil {
		return err
	}
	now := e.o.Clock.Now()
	var errs []error
	for _, r := range e.readings(looking, e.o.Signals.Collect(looking)) {
		before := states[r.id()]
		after, err := e.advance(looking, r, before, now)
		if err != nil {
			errs = append(errs, err)
		}
		states[r.id()] = after
	}
	e.deliver(ctx, states)
	return errors.Join(errs...)
}

// JudgeOnce looks at the signals once and returns when the notifications that were due are delivered or have failed,
// for a process that does not go on between calls and has no Run. Those that failed are tried again by the next call.
// Errors are the storage's.
func (e *Engine) JudgeOnce(ctx context.Context) error {
	defer e.delivery.Wait()
	return e.Judge(ctx)
}

// storageTime bounds one look at storage.
const storageTime = 10 * time.Second

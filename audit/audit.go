// Package audit keeps a record of what people did: who retried, deleted, purged, paused, made keys and the like, when,
// from where, and what came of it. It is kept in a log of the storage, shared by all processes, and nothing in it is
// ever changed.
//
// # Nothing happens unrecorded
//
// An action is recorded in two steps. Begin writes who is about to do what, durably; only then is it done, and where
// this cannot be written it is not done at all. End writes what came of it. A process that dies between the two leaves
// an entry without an outcome, which reads as Unfinished: it may have been done, in part or not at all. Readers see one
// Entry for each action, the two steps put together.
//
// What an entry says about its target is for the caller to choose. Payloads and secrets must not be among it.
package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

// LogName is the log of the storage that holds the trail.
const LogName = "audit"

// DefaultRetention is how long entries are kept unless Options.Retention says otherwise.
const DefaultRetention = 90 * 24 * time.Hour

// trimInterval is how often Run deletes entries that are older.
const trimInterval = time.Hour

// outcomeKind is the kind of the second step's entries. Actions have a dot in their names, so none has this one.
const outcomeKind = "outcome"

// Outcome is what came of an action.
type Outcome string

// The outcomes.
const (
	OK         Outcome = "ok"
	Refused    Outcome = "refused"    // nothing was done: not allowed, not valid, not there
	Failed     Outcome = "failed"     // the server failed; a part may have been done
	Unfinished Outcome = "unfinished" // goes on, or the process ended before its outcome was recorded
)

// Who did it.
type Who struct {
	// Kind is "user", "api_key", "service" or "local".
	Kind string `json:"kind"`
	// ID is unique within a kind: a user's subject, a key's id, "service_role", "cron", or "local".
	ID string `json:"id"`
	// Name is for people: a user's e-mail address, a key's name, the user of the operating system. It may be personal
	// data.
	Name string `json:"name,omitempty"`
}

// Entry is one action.
type Entry struct {
	Seq int64 // orders entries; 1 and up, with gaps
	At  time.Time
	// Action is what was done, like "failed.retry": a thing and a verb.
	Action string
	Who    Who
	// RequestID is that of the HTTP request, under which the server's log tells more.
	RequestID string
	// Remote is the address that the request came from, "" where it came over a local socket. Behind a proxy it is the
	// proxy's.
	Remote string
	// Target is what it was done to, a JSON object.
	Target json.RawMessage
	// Outcome and the rest are what came of it.
	Outcome Outcome
	// Code is the error's stable word, like "not_found", of a Refused or Failed action.
	Code string
	// Result tells ids and counts, a JSON object or nil.
	Result     json.RawMessage
	FinishedAt time.Time // zero while Unfinished
	// Count is how often the caller was refused this action within a minute: the entry is of the first time, FinishedAt
	// of the last. 0 and 1 are once, as all other entries are.
	Count int64
	// DecodeErr is set where the entry could not be read. Then only Seq, At and Action are known.
	DecodeErr error
}

// Options are the optional settings of a Trail.
type Options struct {
	// Retention is how long entries are kept. Default DefaultRetention.
	Retention time.Duration
	// Recorded is called with each entry of this process once its outcome is known. It must return at once.
	Recorded func(Entry)
	Clock    symphony.Clock
	Logger   *slog.Logger
}

// Trail is the audit trail of one storage. Safe for concurrent use.
type Trail struct {
	store storage.Log
	o     Options

	mu     sync.Mutex
	minute time.Time         // that folds are of
	folds  map[foldKey]*fold // what was refused in it
	due    []*fold           // of minutes that are over, not recorded yet
}

// New makes a trail in a store.
func New(store storage.Log, o Options) *Trail {
	if o.Retention == 0 {
		o.Retention = DefaultRetention
	}
	if o.Clock == nil {
		o.Clock = symphony.SystemClock()
	}
	o.Clock = symphony.StoreClock(store, o.Clock)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return &Trail{store: store, o: o}
}

// intent is the data of an action's first entry. Of an action that was refused outright it has the outcome as well.
type intent struct {
	Who       Who             `json:"who"`
	RequestID string          `json:"requestId,omitempty"`
	Remote    string          `json:"remote,omitempty"`
	Target    json.RawMessage `json:"target,omitempty"`
	Outcome   Outcome         `json:"outcome,omitempty"`
	Code      string          `json:"code,omitempty"`
}

// outcome is the data of its second.
type outcome struct {
	Of      int64           `json:"of"`
	Outcome Outcome         `json:"outcome"`
	Code    string          `json:"code,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	// Count and Last are those of an action that was refused several times in a minute, see refuse.go.
	Count int64     `json:"count,omitempty"`
	Last  time.Time `json:"last,omitzero"`
}

// Action is an action that has begun.
type Action struct {
	trail *Trail
	entry Entry
}

// Begin records that an action is about to be done, durably. Of e it takes Action, Who, RequestID, Remote and Target.
// On an error the action must not be done.
func (t *Trail) Begin(ctx context.Context, e Entry) (*Action, error) {
	seq, err := t.append(ctx, e.Action, intent{Who: e.Who, RequestID: e.RequestID, Remote: e.Remote, Target: e.Target})
	if err != nil {
		return nil, err
	}
	e.Seq, e.At, e.Outcome = seq, t.o.Clock.Now(), Unfinished
	return &Action{t, e}, nil
}

// End records what came of the action. It is to be called once. On an error the entry stays Unfinished.
func (a *Action) End(ctx context.Context, o Outcome, code string, result json.RawMessage) error {
	if _, err := a.trail.append(ctx, outcomeKind, outcome{Of: a.entry.Seq, Outcome: o, Code: code, Result: result}); err != nil {
		return err
	}
	e := a.entry
	e.Outcome, e.Code, e.Result, e.FinishedAt = o, code, result, a.trail.o.Clock.Now()
	a.trail.recorded(e)
	return nil
}

func (t *Trail) recorded(e Entry) {
	if t.o.Recorded != nil {
		t.o.Recorded(e)
	}
}

func (t *Trail) append(ctx context.Context, kind string, data any) (int64, error) {
	raw, err := json.Marshal(data)
	if err != nil {
		return 0, fmt.Errorf("audit: %w", err)
	}
	seq, err := t.store.AppendLog(ctx, LogName, []storage.Entry{{Kind: kind, Data: raw}})
	if err != nil {
		return 0, fmt.Errorf("audit: record %s: %w", kind, err)
	}
	return seq, nil
}

// Trim deletes entries that are older than the retention and returns how many steps these were.
func (t *Trail) Trim(ctx context.Context) (int, error) {
	n, err := t.store.TrimLog(ctx, LogName, t.o.Clock.Now().Add(-t.o.Retention), 0)
	if err != nil {
		return n, fmt.Errorf("audit: %w", err)
	}
	return n, nil
}

// Flush records how often callers were refused so far, for a process that does not go on between calls and has no Run.
func (t *Trail) Flush(ctx context.Context) error { return t.settle(ctx, true) }

// Run deletes old entries once an hour, and each minute records how often callers were refused, until ctx ends. Any
// number of processes may run it.
func (t *Trail) Run(ctx context.Context) error {
	for round := 0; ; round++ {
		var err error
		if round%int(trimInterval/foldTime) == 0 {
			_, err = t.Trim(ctx)
			if level, failed := levelOf(ctx, err); failed {
				t.o.Logger.Log(ctx, level, "old entries of the audit trail were not deleted", "error", err)
			}
		}
		err = t.settle(ctx, false)
		if level, failed := levelOf(ctx, err); failed {
			t.o.Logger.Log(ctx, level, "how often callers were refused is missing in the audit trail; it is tried again", "error", err)
		}
		pause := t.o.Clock.NewTimer(foldTime)
		select {
		case <-ctx.Done():
			pause.Stop()
			return t.last(ctx)
		case <-pause.C():
		}
	}
}

// levelOf is how a failure is logged; failed is false where there is none, or the run ends.
func levelOf(ctx context.Context, err error) (level slog.Level, failed bool) {
	switch {
	case err == nil, ctx.Err() != nil:
		return 0, false
	case errors.Is(err, symphony.ErrUnavailable), errors.Is(err, symphony.ErrOutcomeUnknown):
		return slog.LevelWarn, true // it comes back, and so does this
	}
	return slog.LevelError, true
}

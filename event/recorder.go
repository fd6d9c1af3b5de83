package event

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/storage"
)

// How many events a Recorder takes.
const (
	// maxWaiting is how many events may wait to be written. Further ones are dropped and counted.
	maxWaiting = 4096
	// maxRetrying and maxFailed are how many events of a type one process writes in a second. Where a thousand messages
	// fail in a second, a hundred tell the story, and how many there were is told in one event more.
	maxRetrying = 10
	maxFailed   = 100
	// appendSize is how many events are written at a time.
	appendSize = 500
	// appendTime bounds one write, and the last one when the process ends.
	appendTime = 10 * time.Second
	// failurePause is the pause after a write that failed. What it was to write is tried again.
	failurePause = time.Second
)

// Recorder writes events to the log, asynchronously: nobody waits for it, and it holds up nothing. It is a
// symphony.Observer that costs a few nanoseconds for each attempt that succeeds. Safe for concurrent use.
type Recorder struct {
	o    RecorderOptions
	wake chan struct{}

	mu      sync.Mutex
	waiting []storage.Entry
	dropped map[string]int64 // by type, not told yet
	since   time.Time        // of the first among these
	second  int64            // that the following count for
	counts  map[string]int
}

// RecorderOptions are the optional settings of a Recorder.
type RecorderOptions struct {
	// Appended is called when events were written.
	Appended func()
	Clock    symphony.Clock
	Logger   *slog.Logger
}

// NewRecorder makes a recorder. What it takes waits for Run to write it.
func NewRecorder(o RecorderOptions) *Recorder {
	if o.Clock == nil {
		o.Clock = symphony.SystemClock()
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Appended == nil {
		o.Appended = func() {}
	}
	return &Recorder{o: o, wake: make(chan struct{}, 1), dropped: make(map[string]int64), counts: make(map[string]int)}
}

// Publish takes an event; data becomes a JSON object. A nil Recorder takes nothing.
func (r *Recorder) Publish(typ string, data any) {
	if r == nil {
		return
	}
	raw, err := json.Marshal(data)
	if err != nil {
		r.o.Logger.Error("an event cannot be encoded", "type", typ, "error", err)
		return
	}
	r.mu.Lock()
	r.take(typ, raw)
	r.mu.Unlock()
	r.nudge()
}

// take has an event wait, or counts it as dropped. r.mu is held.
func (r *Recorder) take(typ string, raw []byte) {
	if len(r.waiting) >= maxWaiting {
		r.drop(typ)
		return
	}
	r.waiting = append(r.waiting, storage.Entry{Kind: typ, Data: raw})
}

func (r *Recorder) drop(typ string) {
	if len(r.dropped) == 0 {
		r.since = r.o.Clock.Now()
	}
	r.dropped[typ]++
}

func (r *Recorder) nudge() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// HoldChanged records that something was paused, drained or resumed, or that this ended by itself.
func (r *Recorder) HoldChanged(h flow.HoldChange) {
	change := string(h.Mode)
	switch {
	case h.Over:
		change = "ended"
	case h.Mode == "":
		change = "resumed"
	}
	r.Publish(HoldChanged, struct {
		By        string `json:"by,omitempty"`
		Change    string `json:"change"`
		Queue     string `json:"queue,omitempty"`
		Transport string `json:"transport"`
		Type      string `json:"type,omitempty"`
	}{h.By, change, h.Queue, h.Transport, h.Type})
}

// LimitChanged records that a limit was set at run time, or deleted, or that it ended by itself.
func (r *Recorder) LimitChanged(l flow.LimitChange) {
	data := struct {
		By          string     `json:"by,omitempty"`
		Change      string     `json:"change"`
		Key         string     `json:"key,omitempty"`
		Queue       string     `json:"queue,omitempty"`
		Transport   string     `json:"transport,omitempty"`
		Type        string     `json:"type,omitempty"`
		Concurrency int        `json:"concurrency,omitempty"`
		Rate        string     `json:"rate,omitempty"`
		Until       *time.Time `json:"until,omitempty"`
	}{Change: "deleted", Key: l.Key, Queue: l.Queue, Type: l.Type, Transport: l.Transport}
	if l.Over {
		data.Change = "ended"
	}
	if s := l.Set; s != nil {
		data.Change, data.By = "set", s.By
		data.Concurrency, data.Rate = s.Limit.Concurrency, s.Limit.Rate.String()
		if until := s.Until.UTC(); !s.Until.IsZero() {
			data.Until = &until
		}
	}
	r.Publish(LimitChanged, data)
}

// MessagesDispatched does nothing.
func (r *Recorder) MessagesDispatched([]*symphony.Envelope, []symphony.Receipt) {}

// attempt is the data of MessageFailed and MessageRetrying.
type attempt struct {
	MessageID  string `json:"messageId"`
	Transport  string `json:"transport"`
	Queue      string `json:"queue"`
	Type       string `json:"type"`
	Attempts   int    `json:"attempts"`
	ErrorClass string `json:"errorClass"`
	Worker     string `json:"worker,omitempty"`
	RetryIn    *int64 `json:"retryIn,omitempty"` // milliseconds
	// DispatchedBy is who had the message dispatched; see Filter.Of.
	DispatchedBy string `json:"dispatchedBy,omitempty"`
}

// AttemptsEnded makes events of attempts that failed.
func (r *Recorder) AttemptsEnded(ended []symphony.EndedAttempt) {
	taken := false
	for i := range ended {
		switch ended[i].Settlement.Outcome {
		case symphony.Fail:
			r.attempt(MessageFailed, maxFailed, &ended[i])
			taken = true
		case symphony.Retry:
			r.attempt(MessageRetrying, maxRetrying, &ended[i])
			taken = true
		}
	}
	if taken {
		r.nudge()
	}
}

func (r *Recorder) attempt(typ string, most int, e *symphony.EndedAttempt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := r.o.Clock.Now().Unix(); now != r.second {
		r.second = now
		clear(r.counts)
	}
	if r.counts[typ]++; r.counts[typ] > most || len(r.waiting) >= maxWaiting {
		r.drop(typ)
		return
	}
	data := attempt{MessageID: e.MessageID, Transport: e.Transport, Queue: e.Queue, Type: e.Type, Attempts: e.Attempt, ErrorClass: e.Settlement.ErrorClass, Worker: e.Worker, DispatchedBy: e.DispatchedBy}
	if typ == MessageRetrying {
		wait := e.Settlement.Delay.Milliseconds()
		data.RetryIn = &wait
	}
	raw, err := json.Marshal(data)
	if err != nil {
		return // it has texts and numbers only
	}
	r.take(typ, raw)
}

// Run writes events to a store, and deletes old ones, until ctx ends; then it writes what waits and returns. It runs
// once. A storage that is away for a time costs the events that find no room meanwhile.
func (r *Recorder) Run(ctx context.Context, store storage.Log) error {
	trim := r.o.Clock.NewTimer(trimInterval)
	defer func() { trim.Stop() }()
	for {
		pause, err := r.write(ctx, store)
		if err != nil && ctx.Err() == nil {
			r.o.Logger.Warn("events could not be written; they are kept and tried again", "error", err)
			pause = failurePause
		}
		var timer symphony.Timer
		var again <-chan time.Time
		if pause > 0 {
			timer = r.o.Clock.NewTimer(pause)
			again = timer.C()
		}
		wake := r.wake
		if err != nil {
			wake = nil
		}
		select {
		case <-ctx.Done():
		case <-wake:
		case <-again:
		case <-trim.C():
			r.trim(ctx, store)
			trim = r.o.Clock.NewTimer(trimInterval)
		}
		if timer != nil {
			timer.Stop()
		}
		if ctx.Err() != nil {
			return r.last(ctx, store)
		}
	}
}

// Flush writes what waits, for a process that does not go on between calls and has no Run.
func (r *Recorder) Flush(ctx context.Context, store storage.Log) error {
	_, err := r.write(ctx, store)
	return err
}

// Trim deletes old events, which Run does by itself every now and then.
func (r *Recorder) Trim(ctx context.Context, store storage.Log) { r.trim(ctx, store) }

// last writes what waits when the process ends.
func (r *Recorder) last(ctx context.Context, store storage.Log) error {
	r.mu.Lock()
	r.summarize()
	r.mu.Unlock()
	if _, err := r.write(context.WithoutCancel(ctx), store); err != nil {
		r.o.Logger.Warn("the last events could not be written", "error", err)
	}
	return nil
}

// write writes all that waits. It returns after what time there is a summary to write, 0 for none.
func (r *Recorder) write(ctx context.Context, store storage.Log) (pause time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, appendTime)
	defer cancel()
	for {
		r.mu.Lock()
		if len(r.dropped) > 0 && len(r.waiting) <= maxWaiting {
			// Counted for a second, so that a flood makes one event a second.
			if pause = time.Second - r.o.Clock.Now().Sub(r.since); pause <= 0 {
				pause = 0
				r.summarize()
			}
		}
		batch := r.waiting[:min(len(r.waiting), appendSize):min(len(r.waiting), appendSize)]
		r.mu.Unlock()
		if len(batch) == 0 {
			return pause, nil
		}
		if _, err := store.AppendLog(ctx, LogName, batch); err != nil {
			return 0, err
		}
		r.mu.Lock()
		if r.waiting = r.waiting[len(batch):]; len(r.waiting) == 0 {
			r.waiting = nil
		}
		r.mu.Unlock()
		r.o.Appended()
	}
}

// droppedEvents is the data of Dropped.
type droppedEvents struct {
	Since  time.Time        `json:"since"`
	Counts map[string]int64 `json:"counts"`
}

// summarize makes an event of what was dropped, for which there always is room. r.mu is held.
func (r *Recorder) summarize() {
	if len(r.dropped) == 0 {
		return
	}
	raw, err := json.Marshal(droppedEvents{r.since.UTC(), r.dropped})
	if err != nil {
		return // it has texts and numbers only
	}
	r.waiting = append(r.waiting, storage.Entry{Kind: Dropped, Data: raw})
	r.dropped = make(map[string]int64)
}

func (r *Recorder) trim(ctx context.Context, store storage.Log) {
	if _, err := store.TrimLog(ctx, LogName, symphony.StoreClock(store, r.o.Clock).Now().Add(-KeepFor), Keep); err != nil && ctx.Err() == nil {
		r.o.Logger.Warn("old events were not deleted", "error", err)
	}
}

package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

// Who may not do something may still ask for it without end. So that this does not fill the trail, what one caller is
// refused of one action within a minute is one entry: the first is recorded at once, and those that follow are counted.
// When the minute is over their number is recorded in one step more.

// foldTime is the time whose refusals are one entry.
const foldTime = time.Minute

// maxFolds bounds the entries of one such time at one process. What is beyond is counted under the name others.
const maxFolds = 10_000

const others = "others"

// foldKey tells what is counted together.
type foldKey struct{ kind, id, action, code string }

// fold is one entry with those that followed it.
type fold struct {
	code  string
	seq   int64 // of the entry; 0 while it is being recorded
	times int64 // that followed
	last  time.Time
}

// Refuse records an action that is not done, because the caller may not.
func (t *Trail) Refuse(ctx context.Context, e Entry, code string) error {
	now := t.o.Clock.Now()
	key := foldKey{e.Who.Kind, e.Who.ID, e.Action, code}
	t.mu.Lock()
	t.turn(now)
	if _, known := t.folds[key]; !known && len(t.folds) >= maxFolds {
		e.Who = Who{Kind: e.Who.Kind, ID: others}
		key.id = others
	}
	f := t.folds[key]
	if f != nil {
		f.times++
		f.last = now
		t.mu.Unlock()
		return t.flush(ctx)
	}
	f = &fold{code: code}
	t.folds[key] = f
	t.mu.Unlock()
	seq, err := t.append(ctx, e.Action, intent{Who: e.Who, RequestID: e.RequestID, Remote: e.Remote, Target: e.Target, Outcome: Refused, Code: code})
	t.mu.Lock()
	if f.seq = seq; err != nil {
		f.times = 0
		if t.folds[key] == f {
			delete(t.folds, key) // the next one is recorded
		}
	}
	t.mu.Unlock()
	if err != nil {
		return err
	}
	e.Seq, e.At, e.Outcome, e.Code, e.Count = seq, now, Refused, code, 1
	e.FinishedAt = e.At
	t.recorded(e)
	return t.flush(ctx)
}

// turn has what was counted in a minute that is over be recorded. t.mu is held.
func (t *Trail) turn(now time.Time) {
	if minute := now.Truncate(foldTime); !minute.Equal(t.minute) {
		for _, f := range t.folds {
			t.due = append(t.due, f)
		}
		t.folds, t.minute = make(map[foldKey]*fold), minute
	}
}

// flush records what is due. What cannot be recorded stays due.
func (t *Trail) flush(ctx context.Context) error {
	t.mu.Lock()
	due := t.due
	t.due = nil
	t.mu.Unlock()
	var steps []storage.Entry
	var taken []*fold
	for _, f := range due {
		t.mu.Lock()
		o := outcome{Of: f.seq, Outcome: Refused, Code: f.code, Count: f.times + 1, Last: f.last.UTC()}
		if o.Of == 0 && o.Count > 1 {
			t.due = append(t.due, f) // its entry is being recorded
		}
		t.mu.Unlock()
		if o.Of == 0 || o.Count == 1 {
			continue
		}
		raw, err := json.Marshal(o)
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		steps, taken = append(steps, storage.Entry{Kind: outcomeKind, Data: raw}), append(taken, f)
	}
	for len(steps) > 0 {
		n := min(len(steps), readSize)
		if _, err := t.store.AppendLog(ctx, LogName, steps[:n]); err != nil {
			t.mu.Lock()
			t.due = append(t.due, taken...)
			t.mu.Unlock()
			return fmt.Errorf("audit: record what was refused: %w", err)
		}
		steps, taken = steps[n:], taken[n:]
	}
	return nil
}

// settle records what was counted in minutes that are over, or all where the process ends.
func (t *Trail) settle(ctx context.Context, all bool) error {
	now := t.o.Clock.Now()
	if all {
		now = now.Add(foldTime)
	}
	t.mu.Lock()
	t.turn(now)
	t.mu.Unlock()
	return t.flush(ctx)
}

// counted gives entries of this process the numbers that are not recorded yet.
func (t *Trail) counted(entries []Entry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.folds) == 0 {
		return
	}
	open := make(map[int64]*fold, len(t.folds))
	for _, f := range t.folds {
		open[f.seq] = f
	}
	for i := range entries {
		if f := open[entries[i].Seq]; f != nil && f.times > 0 {
			entries[i].Count, entries[i].FinishedAt = f.times+1, f.last
		}
	}
}

// countedSoon is how long after an entry the number of those that followed it is recorded at the latest, unless the
// storage was away.
const countedSoon = 3 * foldTime

// repeated gives refused entries the numbers that were recorded later than what was read of the trail.
func (t *Trail) repeated(ctx context.Context, refused map[int64]*Entry) error {
	if len(refused) == 0 {
		return nil
	}
	ask := storage.LogQuery{Log: LogName, Kinds: []string{outcomeKind}, Limit: readSize}
	for seq, e := range refused {
		if ask.After == 0 || seq < ask.After {
			ask.After = seq
		}
		if until := e.At.Add(countedSoon); until.After(ask.Until) {
			ask.Until = until
		}
	}
	for range maxReads {
		found, err := t.store.ReadLog(ctx, ask)
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		steps := found.Entries
		for _, step := range steps {
			var o outcome
			if err := json.Unmarshal(step.Data, &o); err != nil {
				return fmt.Errorf("audit: entry %d: %w", step.Seq, err)
			}
			if e := refused[o.Of]; e != nil {
				if err := e.end(step); err != nil {
					return err
				}
			}
		}
		if len(steps) < readSize {
			return nil
		}
		ask.After = steps[len(steps)-1].Seq
	}
	return nil
}

// last records what was counted when the process ends.
func (t *Trail) last(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastTime)
	defer cancel()
	if err := t.settle(ctx, true); err != nil && !errors.Is(err, symphony.ErrClosed) {
		return err
	}
	return nil
}

// lastTime bounds what is recorded when the process ends.
const lastTime = 10 * time.Second

package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

// MaxPage is the most entries that one page may hold; DefaultPage is what it holds unasked.
const (
	MaxPage     = 200
	DefaultPage = 50
)

// One page looks at no more than maxReads times readSize steps, however few match, and so costs the same however long
// the trail is. The outcome of an action is looked for among as many that were recorded after it.
const (
	maxReads = 20
	readSize = 500
)

// Query asks for a page of entries, newest first.
type Query struct {
	// Action selects an action, or those of a pattern like "failed.*".
	Action string
	// Who selects whose id or name this is.
	Who string
	// Target selects what was done to, or made, something of this name: an id, a queue, a type, as a whole value
	// anywhere in an entry's target or result.
	Target string
	// Since and Until, unless zero, select entries that began at or after, and before.
	Since, Until time.Time
	// Limit is 1 to MaxPage, default DefaultPage.
	Limit int
	// Cursor continues behind a page: its Next.
	Cursor string
}

// Page is one page.
type Page struct {
	Entries []Entry
	// Next is the Cursor of the next page, "" where there is none. A page may have fewer entries than asked for, or
	// none, and a Next: then nothing more was found in as much as is looked at for one page.
	Next string
}

// List returns a page of entries. Mistakes in q are a *symphony.ValidationError.
func (t *Trail) List(ctx context.Context, q Query) (Page, error) {
	before, err := q.check()
	if err != nil {
		return Page{}, err
	}
	var wanted symphony.Patterns[bool]
	if q.Action == "" {
		q.Action = "*"
	}
	if err := wanted.Set(q.Action, true); err != nil {
		return Page{}, err // check has seen that it is valid
	}
	ask := storage.LogQuery{Log: LogName, Newest: true, Before: before, Since: q.Since, Until: q.Until, Limit: readSize}
	if !strings.HasSuffix(q.Action, "*") {
		ask.Kinds = []string{q.Action, outcomeKind}
	}
	var (
		page     Page
		outcomes = make(map[int64]storage.Entry) // by the action's Seq
	)
	// Where reading begins with the newest step, every outcome there is comes by.
	all := before == 0 && q.Until.IsZero()
	for range maxReads {
		found, err := t.store.ReadLog(ctx, ask)
		if err != nil {
			return Page{}, fmt.Errorf("audit: %w", err)
		}
		steps := found.Entries
		for _, step := range steps {
			if step.Kind == outcomeKind {
				var o outcome
				if json.Unmarshal(step.Data, &o) == nil { // else its action stays unfinished, as far as anybody can tell
					outcomes[o.Of] = step
				}
				continue
			}
			e := read(step)
			if _, ok := wanted.Match(e.Action); !ok || q.Who != "" && q.Who != e.Who.ID && q.Who != e.Who.Name {
				continue
			}
			if q.Target != "" && !e.touches(q.Target, outcomes[e.Seq]) {
				continue
			}
			if page.Entries = append(page.Entries, e); len(page.Entries) == q.Limit {
				page.Next = cursor(step.Seq)
				return page, t.complete(ctx, page.Entries, outcomes, all)
			}
		}
		if len(steps) < readSize {
			return page, t.complete(ctx, page.Entries, outcomes, all)
		}
		ask.Before = steps[len(steps)-1].Seq
	}
	page.Next = cursor(ask.Before)
	return page, t.complete(ctx, page.Entries, outcomes, all)
}

func cursor(seq int64) string { return strconv.FormatInt(seq, 10) }

// check fills in the default and returns where to read on, 0 for the newest.
func (q *Query) check() (before int64, err error) {
	var list []symphony.Problem
	if q.Limit == 0 {
		q.Limit = DefaultPage
	}
	if q.Limit < 1 || q.Limit > MaxPage {
		list = append(list, symphony.Problem{Path: "limit", Message: fmt.Sprintf("must be 1 to %d", MaxPage)})
	}
	if q.Cursor != "" {
		if before, err = strconv.ParseInt(q.Cursor, 10, 64); err != nil || before < 1 {
			list = append(list, symphony.Problem{Path: "cursor", Message: "must be the nextCursor of a page"})
		}
	}
	if q.Action != "" {
		if err := symphony.ValidatePattern(q.Action); err != nil {
			list = append(list, symphony.Problem{Path: "action", Message: err.Error()})
		}
	}
	list = append(list, symphony.RangeProblems("", q.Since, q.Until)...)
	if !q.Since.IsZero() && !q.Until.IsZero() && !q.Since.Before(q.Until) {
		list = append(list, symphony.Problem{Path: "until", Message: "must be after since"})
	}
	if list != nil {
		return 0, &symphony.ValidationError{Problems: list}
	}
	return before, nil
}

// touches reports whether a text is a value in what an entry is about, or in what came of it as far as its outcome has
// come by.
func (e *Entry) touches(text string, step storage.Entry) bool {
	var o outcome
	if step.Data != nil {
		_ = json.Unmarshal(step.Data, &o) // what cannot be read has no result
	}
	for _, raw := range [][]byte{e.Target, o.Result} {
		var v any
		if json.Unmarshal(raw, &v) == nil && hasValue(v, text) {
			return true
		}
	}
	return false
}

// hasValue reports whether a text is a value in JSON.
func hasValue(v any, text string) bool {
	switch v := v.(type) {
	case string:
		return v == text
	case []any:
		return slices.ContainsFunc(v, func(v any) bool { return hasValue(v, text) })
	case map[string]any:
		for _, v := range v {
			if hasValue(v, text) {
				return true
			}
		}
	}
	return false
}

// read makes an entry of its first step. One that cannot be read costs nothing but itself.
func read(step storage.Entry) Entry {
	var i intent
	if err := json.Unmarshal(step.Data, &i); err != nil {
		return Entry{Seq: step.Seq, At: step.At, Action: step.Kind, Outcome: Unfinished, DecodeErr: &symphony.DecodeError{Err: err}}
	}
	e := Entry{Seq: step.Seq, At: step.At, Action: step.Kind, Who: i.Who, RequestID: i.RequestID, Remote: i.Remote, Target: i.Target, Outcome: Unfinished}
	if i.Outcome != "" {
		e.Outcome, e.Code, e.FinishedAt = i.Outcome, i.Code, step.At
	}
	return e
}

// complete gives entries their outcomes: those that came by on the way and, unless these are all, those that were
// recorded later than what was read.
func (t *Trail) complete(ctx context.Context, entries []Entry, outcomes map[int64]storage.Entry, all bool) error {
	t.counted(entries)
	missing, refused := make(map[int64]*Entry), make(map[int64]*Entry)
	oldest := int64(0)
	for i := range entries {
		e := &entries[i]
		if step, ok := outcomes[e.Seq]; ok {
			if err := e.end(step); err != nil {
				return err
			}
		} else if e.Outcome == Unfinished && !all {
			missing[e.Seq], oldest = e, e.Seq
		} else if e.Outcome == Refused && e.Count == 0 && !all {
			refused[e.Seq] = e
		}
	}
	if err := t.repeated(ctx, refused); err != nil {
		return err
	}
	ask := storage.LogQuery{Log: LogName, After: oldest, Kinds: []string{outcomeKind}, Limit: readSize}
	for range maxReads {
		if len(missing) == 0 {
			return nil
		}
		found, err := t.store.ReadLog(ctx, ask)
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		steps := found.Entries
		for _, step := range steps {
			var o outcome
			if json.Unmarshal(step.Data, &o) != nil {
				continue
			}
			if e := missing[o.Of]; e != nil {
				if err := e.end(step); err != nil {
					return err
				}
				delete(missing, o.Of)
			}
		}
		if len(steps) < readSize {
			return nil
		}
		ask.After = steps[len(steps)-1].Seq
	}
	return nil
}

// end completes an entry by its second step.
func (e *Entry) end(step storage.Entry) error {
	var o outcome
	if err := json.Unmarshal(step.Data, &o); err != nil {
		return fmt.Errorf("audit: entry %d: %w", step.Seq, err)
	}
	e.Outcome, e.Code, e.Result, e.FinishedAt, e.Count = o.Outcome, o.Code, o.Result, step.At, o.Count
	if o.Count > 0 {
		e.FinishedAt = o.Last
	}
	return nil
}

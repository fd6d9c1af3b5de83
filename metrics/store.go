package metrics

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

// The records' JSON. Later versions may add fields. Releases before Queues know Series only.
type storedBucket struct {
	Node     string         `json:"node,omitempty"`
	Events   int64          `json:"events"`
	Series   []storedSeries `json:"series"` // by type
	Queues   []storedSeries `json:"queues"`
	Workers  []storedSeries `json:"workers,omitempty"`
	Statuses []storedSeries `json:"statuses,omitempty"`
}

// lists are where the tables stand.
func (b *storedBucket) lists() map[By]*[]storedSeries {
	return map[By]*[]storedSeries{ByType: &b.Series, ByQueue: &b.Queues, ByWorker: &b.Workers, ByStatus: &b.Statuses}
}

type storedSeries struct {
	Transport  string           `json:"transport"`
	Type       string           `json:"type,omitempty"` // of Series
	Name       string           `json:"name,omitempty"` // of all others
	Dispatched int64            `json:"dispatched,omitempty"`
	Succeeded  int64            `json:"succeeded,omitempty"`
	Retried    int64            `json:"retried,omitempty"`
	Dead       int64            `json:"dead,omitempty"`
	Released   int64            `json:"released,omitempty"`
	Cancelled  int64            `json:"cancelled,omitempty"`
	Run        *storedDurations `json:"run,omitempty"`
	Wait       *storedDurations `json:"wait,omitempty"`
	Errors     map[string]int64 `json:"errors,omitempty"`
	// All stands for Run and Wait that are those of all types of the transport together, as where there is one queue.
	All bool `json:"all,omitempty"`
}

type storedDurations struct {
	Sum    float64 `json:"sum"` // milliseconds
	Max    float64 `json:"max"`
	Sketch []byte  `json:"sketch"`
}

func (b *bucket) encode(node string) []byte {
	out := storedBucket{Node: node, Events: b.events, Series: []storedSeries{}, Queues: []storedSeries{}}
	pack := func(d *durations) *storedDurations {
		if d.sketch == nil {
			return nil
		}
		return &storedDurations{d.sum, d.max, d.encode()}
	}
	figures := b.figures()
	all := figures[ByType].byTransport()
	for by, list := range out.lists() {
		for k, s := range figures[by] {
			one := storedSeries{
				Transport: k.transport, Name: k.name, Dispatched: s.Dispatched, Succeeded: s.Succeeded, Retried: s.Retried,
				Dead: s.Dead, Released: s.Released, Cancelled: s.Cancelled, Errors: s.errors,
			}
			switch whole := all[k.transport]; {
			case by == ByType:
				one.Type, one.Name = k.name, ""
				one.Run, one.Wait = pack(&s.run), pack(&s.wait)
			case s.run.sketch != nil && s.run.count() == whole.run.count() && s.wait.count() == whole.wait.count():
				one.All = true
			default:
				one.Run, one.Wait = pack(&s.run), pack(&s.wait)
			}
			*list = append(*list, one)
		}
	}
	raw, _ := json.Marshal(out) // cannot fail: the numbers are finite
	return raw
}

// decode reads a record.
func decode(raw []byte) (*bucket, error) {
	var in storedBucket
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, fmt.Errorf("metrics: decode a record: %w", err)
	}
	b := &bucket{events: in.Events, tables: newTables()}
	lists := in.lists()
	var all map[string]*series
	for _, by := range Groupings() { // ByType is the first
		for _, s := range *lists[by] {
			if err := b.decode(by, &s, all[s.Transport]); err != nil {
				return nil, err
			}
		}
		if by == ByType {
			all = b.tables[by].byTransport()
		}
	}
	if in.Queues == nil {
		b.tellApart()
	}
	return b, nil
}

// decode adds a series to a table; all are the figures of all types of its transport.
func (b *bucket) decode(by By, s *storedSeries, all *series) error {
	out := &series{
		Counts: Counts{s.Dispatched, s.Succeeded, s.Retried, s.Dead, s.Released, s.Cancelled}, errors: s.Errors,
	}
	if s.Run != nil {
		if err := out.run.decode(s.Run.Sketch, s.Run.Sum, s.Run.Max); err != nil {
			return err
		}
	}
	if s.Wait != nil {
		if err := out.wait.decode(s.Wait.Sketch, s.Wait.Sum, s.Wait.Max); err != nil {
			return err
		}
	}
	if s.All && all != nil {
		out.run.merge(&all.run)
		out.wait.merge(&all.wait)
	}
	k := key{s.Transport, s.Name}
	if by == ByType {
		k.name = s.Type
	}
	b.tables[by][k] = out
	return nil
}

// tellApart fills what a release left out that told types apart only: what it counted is of other queues and workers,
// and has a status without times.
func (b *bucket) tellApart() {
	for k, s := range b.tables[ByType] {
		other := key{k.transport, Other}
		b.tables[ByQueue].at(other).merge(s)
		b.tables[ByWorker].at(other).merge(s)
		b.tables.byStatus(k.transport, s.Counts, &[ends]end{})
	}
}

// Run writes figures every ten seconds and deletes old ones, until ctx ends; then it writes what is left, for at most
// five seconds. Its error is that of this last write. Nothing that is counted afterwards is written.
func (r *Recorder) Run(ctx context.Context) error {
	r.writing.Lock()
	r.trimmed = r.o.Clock.Now().Add(time.Minute - trimEvery) // not by those who are here for a moment
	r.writing.Unlock()
	for {
		t := r.o.Clock.NewTimer(flushEvery)
		select {
		case <-t.C():
		case <-ctx.Done():
			t.Stop()
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
			defer cancel()
			return r.flush(last, true)
		}
		if err := r.flush(ctx, false); err == nil {
			r.trim(ctx)
		}
	}
}

// Flush writes what has changed since the last time.
func (r *Recorder) Flush(ctx context.Context) error { return r.flush(ctx, false) }

// Housekeep writes what has changed and deletes what is older than the retention, at most once in trimEvery, for a
// process that does not go on between calls and has no Run. What fails is logged, and done the next time.
func (r *Recorder) Housekeep(ctx context.Context) {
	if err := r.Flush(ctx); err == nil {
		r.trim(ctx)
	}
}

// flush is Flush. The last one writes the hour, too, without waiting for the minute's end.
func (r *Recorder) flush(ctx context.Context, last bool) error {
	r.writing.Lock()
	defer r.writing.Unlock()
	err := r.write(ctx, last)
	now := r.o.Clock.Now()
	switch {
	case err != nil && (errors.Is(err, symphony.ErrClosed) || ctx.Err() != nil): // the process ends
	case err != nil && r.failing == nil:
		r.since = now
		r.o.Logger.Error("metrics cannot be stored; trying again", "error", err)
	case err == nil && r.failing != nil:
		r.o.Logger.Info("metrics are stored again", "duration", now.Sub(r.since))
	}
	r.failing = err
	return err
}

func (r *Recorder) write(ctx context.Context, last bool) error {
	now := r.o.Clock.Now()
	minute := now.UTC().Truncate(time.Minute)
	r.mu.Lock()
	if b := r.current; b != nil && (last || b.at.Before(minute)) {
		r.endMinuteLocked()
		if last { // what is counted after this must not begin the same record anew
			r.generation++
		}
	}
	ended := slices.Clone(r.ended)
	var current *bucket
	if r.current != nil && r.current.events > r.current.stored {
		current = r.current.copy()
	}
	r.mu.Unlock()
	for _, b := range ended {
		r.addToHour(b)
	}
	for _, b := range ended {
		if err := r.noteTypes(ctx, b); err != nil {
			return err
		}
		if b.events > b.stored {
			if err := r.put(ctx, b); err != nil {
				return err
			}
		}
		r.mu.Lock()
		if len(r.ended) > 0 && r.ended[0] == b { // else it was given up meanwhile
			r.ended = r.ended[1:]
		}
		r.mu.Unlock()
	}
	if current != nil {
		if err := r.noteTypes(ctx, current); err != nil {
			return err
		}
		if err := r.put(ctx, current); err != nil {
			return err
		}
		r.mu.Lock()
		if r.current != nil && r.current.id == current.id {
			r.current.stored = current.events
		}
		r.mu.Unlock()
	}
	for len(r.hours) > 0 {
		if err := r.put(ctx, r.hours[0]); err != nil {
			return err
		}
		r.hours = r.hours[1:]
	}
	return nil
}

// addToHour adds a minute that is over to its hour, once.
func (r *Recorder) addToHour(b *bucket) {
	if b.added {
		return
	}
	b.added = true
	_, writer, _ := strings.Cut(b.id, "/")
	at := b.at.Truncate(time.Hour)
	id := at.Format(hoursLayout) + "/" + writer
	if r.hour == nil || r.hour.id != id {
		r.hour = &bucket{kind: hoursKind, id: id, at: at, tables: newTables()}
	}
	for by, t := range b.figures() {
		r.hour.tables[by].merge(t)
	}
	r.hour.events += b.events
	if len(r.hours) == 0 || r.hours[len(r.hours)-1] != r.hour {
		if r.hours = append(r.hours, r.hour); len(r.hours) > maxHours {
			r.hours = r.hours[1:]
		}
	}
}

func (r *Recorder) put(ctx context.Context, b *bucket) error {
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	if err := storage.Put(ctx, r.store, b.kind, b.id, b.encode(r.o.Node)); err != nil {
		return fmt.Errorf("metrics: store: %w", err)
	}
	return nil
}

// trim deletes what has been kept for long enough, from time to time.
func (r *Recorder) trim(ctx context.Context) {
	now := r.o.Clock.Now()
	r.writing.Lock()
	defer r.writing.Unlock()
	if now.Sub(r.trimmed) < trimEvery && !now.Before(r.trimmed) {
		return
	}
	r.trimmed = now
	detail := min(r.o.Retention, DetailRetention)
	_, err := r.store.DeleteRecords(ctx, minutesKind, "", now.UTC().Add(-detail).Format(minutesLayout))
	if err == nil {
		_, err = r.store.DeleteRecords(ctx, hoursKind, "", now.UTC().Add(-r.o.Retention).Format(hoursLayout))
	}
	if err == nil {
		err = r.trimTypes(ctx, now)
	}
	if err != nil && ctx.Err() == nil {
		r.o.Logger.Warn("old metrics cannot be deleted; trying again later", "error", err)
	}
}

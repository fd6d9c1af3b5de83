package metrics

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

// Which types there are is told by what was counted. A record for each type of a transport (kind "metrics.types", id
// "<transport>/<type>") has when it was first and last seen. It is written when a process first counts the type, and
// then once an hour in which it does: nothing is written for a message.

const (
	// SeenFor is how long a type is remembered that is not seen any more, MaxSeenTypes how many are.
	SeenFor      = MaxRetention
	MaxSeenTypes = 10_000

	typesKind = "metrics.types"
	// trimTypesEvery is how often types are forgotten.
	trimTypesEvery = 24 * time.Hour
)

// SeenType is a type of messages of one transport that was dispatched, or whose attempts ended.
type SeenType struct {
	Transport, Type string
	// First and Last are when it was first and last seen. Last may be up to an hour early.
	First, Last time.Time
}

// storedType is a record's JSON.
type storedType struct {
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
}

// Types lists the types that were seen by all processes, in the order of transports and types. Those beyond MaxSeries,
// which are counted as Other, are not among them. Others than this process are up to about ten seconds late.
func (r *Recorder) Types(ctx context.Context) ([]SeenType, error) {
	seen := make(map[key]SeenType)
	add := func(t SeenType) {
		k := key{t.Transport, t.Type}
		if before, ok := seen[k]; ok {
			t.First, t.Last = earlier(before.First, t.First), later(before.Last, t.Last)
		}
		seen[k] = t
	}
	stored, err := r.storedTypes(ctx)
	if err != nil {
		return nil, err
	}
	for _, t := range stored {
		add(t)
	}
	for _, b := range r.live() {
		for k := range b.types() {
			if k.name != Other {
				add(SeenType{k.transport, k.name, b.at, b.at})
			}
		}
	}
	return slices.SortedFunc(maps.Values(seen), func(a, b SeenType) int {
		return cmp.Or(strings.Compare(a.Transport, b.Transport), strings.Compare(a.Type, b.Type))
	}), nil
}

// storedTypes reads the records.
func (r *Recorder) storedTypes(ctx context.Context) ([]SeenType, error) {
	records, err := storage.List(ctx, r.store, typesKind)
	if err != nil {
		return nil, fmt.Errorf("metrics: read types: %w", err)
	}
	list := make([]SeenType, 0, len(records))
	for _, record := range records {
		var s storedType
		transport, typ, ok := strings.Cut(record.ID, "/")
		if err := json.Unmarshal(record.Data, &s); err != nil || !ok {
			r.o.Logger.Warn("a record of a type cannot be read", "record", record.ID, "error", err)
			continue
		}
		list = append(list, SeenType{transport, typ, s.First, s.Last})
	}
	return list, nil
}

// noteTypes writes which types were counted in a minute, as far as that is not known for its hour. r.writing is held.
func (r *Recorder) noteTypes(ctx context.Context, b *bucket) error {
	hour := b.at.Truncate(time.Hour)
	for k := range b.types() {
		known, ok := r.types[k]
		if ok && !known.Before(hour) || k.name == Other || !ok && len(r.types) >= MaxSeenTypes {
			continue
		}
		if err := r.noteType(ctx, k, b.at); err != nil {
			return err
		}
		if r.types == nil {
			r.types = make(map[key]time.Time)
		}
		r.types[k] = hour
	}
	return nil
}

func (r *Recorder) noteType(ctx context.Context, k key, at time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	id, seen := k.transport+"/"+k.name, storedType{at, at}
	raw, err := storage.Get(ctx, r.store, typesKind, id)
	var before storedType
	switch {
	case err == nil && json.Unmarshal(raw, &before) == nil:
		seen = storedType{earlier(before.First, at), later(before.Last, at)}
	case err != nil && !errors.Is(err, symphony.ErrNotFound):
		return fmt.Errorf("metrics: read a type: %w", err)
	}
	raw, _ = json.Marshal(seen) // cannot fail: the times are of minutes that were counted
	if err := storage.Put(ctx, r.store, typesKind, id, raw); err != nil {
		return fmt.Errorf("metrics: store a type: %w", err)
	}
	return nil
}

// trimTypes forgets types that have not been seen for long, and of too many those that have not been for the longest.
// r.writing is held.
func (r *Recorder) trimTypes(ctx context.Context, now time.Time) error {
	if now.Sub(r.typesTrimmed) < trimTypesEvery && !now.Before(r.typesTrimmed) {
		return nil
	}
	list, err := r.storedTypes(ctx)
	if err != nil {
		return err
	}
	slices.SortFunc(list, func(a, b SeenType) int { return b.Last.Compare(a.Last) })
	for i, t := range list {
		if i < MaxSeenTypes && t.Last.After(now.Add(-SeenFor)) {
			continue
		}
		err := storage.Delete(ctx, r.store, typesKind, t.Transport+"/"+t.Type)
		if err != nil && !errors.Is(err, symphony.ErrNotFound) {
			return err
		}
		delete(r.types, key{t.Transport, t.Type})
	}
	r.typesTrimmed = now
	return nil
}

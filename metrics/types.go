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
// "<transport>/<type>") has when it was first and last seen, and in which queues. It is written when a process first
// counts the type, or counts it in another queue, and then once an hour in which it does: nothing is written for a
// message.

const (
	// SeenFor is how long a type is remembered that is not seen any more, MaxSeenTypes how many are.
	SeenFor      = MaxRetention
	MaxSeenTypes = 10_000
	// MaxTypeQueues is how many queues are remembered of a type.
	MaxTypeQueues = 20

	typesKind = "metrics.types"
	// trimTypesEvery is how often types are forgotten.
	trimTypesEvery = 24 * time.Hour
)

// SeenType is a type of messages of one transport that was dispatched, or whose attempts ended.
type SeenType struct {
	Transport, Type string
	// First and Last are when it was first and last seen. Last may be up to an hour early.
	First, Last time.Time
	// Queues are those in which it was seen, in the order of their names; with MoreQueues there were others. Releases
	// that did not remember them have told of it alone where there are none.
	Queues     []string
	MoreQueues bool
}

// storedType is a record's JSON.
type storedType struct {
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	typeQueues
}

// typeQueues are queues in which a type was seen.
type typeQueues struct {
	Queues []string `json:"queues,omitempty"` // in the order of their names, at most MaxTypeQueues
	More   bool     `json:"moreQueues,omitempty"`
}

// add adds a queue, and reports whether it was unknown.
func (q *typeQueues) add(queue string) bool {
	at, known := slices.BinarySearch(q.Queues, queue)
	switch {
	case known || queue == "":
		return false
	case queue == Other || len(q.Queues) >= MaxTypeQueues:
		before := q.More
		q.More = true
		return !before
	}
	q.Queues = slices.Insert(q.Queues, at, queue)
	return true
}

// merge adds other queues, and reports whether any was unknown.
func (q *typeQueues) merge(o typeQueues) (news bool) {
	if o.More && !q.More {
		q.More, news = true, true
	}
	for _, queue := range o.Queues {
		news = q.add(queue) || news
	}
	return news
}

// knownType is what storage knows of a type, as far as this process does.
type knownType struct {
	hour time.Time // in which it was last seen
	typeQueues
}

// Types lists the types that were seen by all processes, in the order of transports and types. Those beyond MaxSeries,
// which are counted as Other, are not among them. Others than this process are up to about ten seconds late.
func (r *Recorder) Types(ctx context.Context) ([]SeenType, error) {
	seen := make(map[key]SeenType)
	add := func(t SeenType) {
		k := key{t.Transport, t.Type}
		if before, ok := seen[k]; ok {
			t.First, t.Last = earlier(before.First, t.First), later(before.Last, t.Last)
			queues := typeQueues{before.Queues, before.MoreQueues}
			queues.merge(typeQueues{t.Queues, t.MoreQueues})
			t.Queues, t.MoreQueues = queues.Queues, queues.More
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
		for k, queues := range b.types() {
			if k.name != Other {
				add(SeenType{k.transport, k.name, b.at, b.at, queues.Queues, queues.More})
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
		list = append(list, SeenType{transport, typ, s.First, s.Last, s.Queues, s.More})
	}
	return list, nil
}

// noteTypes writes which types were counted in a minute, and in which queues, as far as that is not known for its hour.
// r.writing is held.
func (r *Recorder) noteTypes(ctx context.Context, b *bucket) error {
	hour := b.at.Truncate(time.Hour)
	for k, seen := range b.types() {
		known, ok := r.types[k]
		if k.name == Other || !ok && len(r.types) >= MaxSeenTypes {
			continue
		}
		queues := typeQueues{slices.Clone(known.Queues), known.More}
		if news := queues.merge(*seen); ok && !news && !known.hour.Before(hour) {
			continue
		}
		stored, err := r.noteType(ctx, k, storedType{b.at, b.at, queues})
		if err != nil {
			return err
		}
		if r.types == nil {
			r.types = make(map[key]knownType)
		}
		r.types[k] = knownType{later(known.hour, hour), stored.typeQueues}
	}
	return nil
}

// noteType adds what was seen of a type to its record, and returns that.
func (r *Recorder) noteType(ctx context.Context, k key, seen storedType) (storedType, error) {
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	id := k.transport + "/" + k.name
	raw, err := storage.Get(ctx, r.store, typesKind, id)
	var before storedType
	switch {
	case err == nil && json.Unmarshal(raw, &before) == nil:
		seen.First, seen.Last = earlier(before.First, seen.First), later(before.Last, seen.Last)
		before.merge(seen.typeQueues)
		seen.typeQueues = before.typeQueues
	case err != nil && !errors.Is(err, symphony.ErrNotFound):
		return seen, fmt.Errorf("metrics: read a type: %w", err)
	}
	raw, _ = json.Marshal(seen) // cannot fail: the times are of minutes that were counted
	if err := storage.Put(ctx, r.store, typesKind, id, raw); err != nil {
		return seen, fmt.Errorf("metrics: store a type: %w", err)
	}
	return seen, nil
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

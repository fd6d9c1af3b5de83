package event

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

// readersRecord says what the readers of a process ask for, until a time of the storage's clock.
type readersRecord struct {
	Until   time.Time       `json:"until"`
	Filters []MessageFilter `json:"filters"`
}

// lookAround tells others who reads here, looks who reads there, and reads what they tell. It returns after what time
// to look again. announcing is held.
func (l *Singles) lookAround(ctx context.Context, now time.Time) (pause time.Duration, err error) {
	reading := l.count() > 0
	if reading && now.Sub(l.announced) >= renewEvery || !reading && !l.announced.IsZero() {
		if err := l.announce(ctx); err != nil {
			return 0, err
		}
	}
	if pause = readersEvery - now.Sub(l.looked); pause <= 0 || pause > readersEvery || !l.known.Load() {
		pause = 0
		l.known.Store(false) // what happens from now on waits for the look
		if l.busy.Swap(false) || reading {
			if err := l.lookForReaders(ctx); err != nil {
				l.busy.Store(true)
				return 0, err
			}
			l.looked, pause = now, readersEvery
			l.known.Store(true)
		}
	}
	if !reading {
		return pause, nil
	}
	return followEvery, l.follow(ctx)
}

func (l *Singles) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.readers)
}

// announce tells others who reads here. announcing is held.
func (l *Singles) announce(ctx context.Context) error {
	l.mu.Lock()
	filters := make([]MessageFilter, 0, len(l.readers))
	for r := range l.readers {
		filters = append(filters, r.filter)
	}
	l.mu.Unlock()
	if len(filters) == 0 {
		l.announced = time.Time{}
		err := storage.Delete(ctx, l.records, readersKind, l.o.Node)
		if err != nil && !errors.Is(err, symphony.ErrNotFound) {
			return fmt.Errorf("event: %w", err)
		}
		return nil
	}
	if tooMany(filters) {
		filters = []MessageFilter{{}}
	}
	until := symphony.StoreClock(l.records, l.o.Clock).Now().Add(readersLife)
	raw, err := json.Marshal(readersRecord{until, filters})
	if err != nil {
		return err
	}
	if err := storage.Put(ctx, l.records, readersKind, l.o.Node, raw); err != nil {
		return fmt.Errorf("event: %w", err)
	}
	l.announced = l.o.Clock.Now()
	return nil
}

// tooMany reports whether filters are more than what is looked through where something happens.
func tooMany(filters []MessageFilter) bool {
	ids := 0
	for _, f := range filters {
		ids += len(f.IDs)
	}
	return len(filters) > maxFilters || ids > maxFilterIDs
}

// lookForReaders reads what the readers of other processes ask for.
func (l *Singles) lookForReaders(ctx context.Context) error {
	list, err := storage.List(ctx, l.records, readersKind)
	if err != nil {
		return fmt.Errorf("event: %w", err)
	}
	var others []MessageFilter
	now := symphony.StoreClock(l.records, l.o.Clock).Now()
	for _, record := range list {
		var r readersRecord
		if record.ID == l.o.Node || json.Unmarshal(record.Data, &r) != nil {
			continue
		}
		if now.After(r.Until) {
			if now.Sub(r.Until) > 4*readersLife { // its process is gone
				_, _ = l.records.DeleteRecords(ctx, readersKind, record.ID, record.ID+"\x00")
			}
			continue
		}
		others = append(others, r.Filters...)
	}
	l.mu.Lock()
	l.others = others
	l.compile()
	l.mu.Unlock()
	return nil
}

// compile makes wanted of what all readers ask for. l.mu is held.
func (l *Singles) compile() {
	filters := slices.Clone(l.others)
	for r := range l.readers {
		filters = append(filters, r.filter)
	}
	if len(filters) == 0 {
		l.wanted.Store(nil)
		return
	}
	l.wanted.Store(&wanted{any: tooMany(filters), filters: filters})
}

// follow reads what other processes tell. announcing is held.
func (l *Singles) follow(ctx context.Context) error {
	for {
		q := storage.LogQuery{Log: singlesLog, After: l.place, Limit: storage.MaxLogPage}
		page, err := l.log.ReadLog(ctx, q)
		if err != nil {
			return fmt.Errorf("event: %w", err)
		}
		var list []single
		lost := make(map[string]int64)
		for _, e := range page.Entries {
			l.place = e.Seq
			if e.Kind == Dropped {
				var told lostSingles
				if json.Unmarshal(e.Data, &told) == nil && told.Node != l.o.Node {
					for kind, n := range told.Counts {
						lost[kind] += n
					}
				}
				continue
			}
			s := single{Kind: e.Kind}
			if json.Unmarshal(e.Data, &s) == nil && s.Node != l.o.Node {
				list = append(list, s)
			}
		}
		l.deliver(list, lost)
		if len(page.Entries) < q.Limit {
			return nil
		}
	}
}

// trim deletes what was told long ago, as long as anybody reads or tells anything. announcing is held.
func (l *Singles) trim(ctx context.Context, now time.Time) error {
	if l.wanted.Load() == nil || !l.shared.Load() || now.Sub(l.trimmed) < singlesTrim {
		return nil
	}
	l.trimmed = now
	before := symphony.StoreClock(l.log, l.o.Clock).Now().Add(-singlesKept)
	if _, err := l.log.TrimLog(ctx, singlesLog, before, 0); err != nil {
		return fmt.Errorf("event: %w", err)
	}
	return nil
}

package event

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/symphony-messenger/symphony/storage"
)

// FromNow is the place of a reader who wants what happens from now on.
const FromNow = -1

// Reader is a place in the events. It is for one goroutine.
type Reader struct {
	hub     *Hub
	filter  Filter
	after   int64 // Seq of the last event that was looked at
	oldest  bool  // begins with the oldest event there is
	told    int64 // the last Stats
	pending []Frame
}

// Read makes a reader of the events behind after; 0 begins with the oldest that is kept, FromNow with the next. The
// error is ErrTooManyReaders, or the storage's. Close must be called.
func (h *Hub) Read(ctx context.Context, after int64, filter Filter) (*Reader, error) {
	h.mu.Lock()
	if h.readers+h.singles >= h.o.MaxReaders {
		h.mu.Unlock()
		return nil, ErrTooManyReaders
	}
	h.readers++
	first := h.readers == 1
	h.mu.Unlock()
	if first {
		h.Nudge()
	}
	r := &Reader{hub: h, filter: filter, after: after, oldest: after == 0}
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	end, err := storage.LogEnd(ctx, h.store, LogName)
	switch {
	case err != nil:
		r.Close()
		return nil, fmt.Errorf("event: %w", err)
	case after == FromNow:
		r.after = end
	case after > end:
		// Numbers of another log: the storage is not the one that they come from.
		r.reset(end)
	}
	hello, err := notice(Connected, h.o.Clock.Now(), r.after, map[string]int64{"after": r.after})
	if err != nil {
		r.Close()
		return nil, err
	}
	r.pending = append([]Frame{hello}, r.pending...)
	return r, nil
}

// Close frees the reader's place.
func (r *Reader) Close() {
	r.hub.mu.Lock()
	r.hub.readers--
	last := r.hub.readers == 0
	r.hub.mu.Unlock()
	if last {
		r.hub.Nudge()
	}
}

// After is the number of the last event that the reader has looked at, whether it was selected or not.
func (r *Reader) After() int64 { return r.after }

// resetData is the data of Reset.
type resetData struct {
	After  int64 `json:"after"`  // where the reader was
	Oldest int64 `json:"oldest"` // the number with which it goes on
}

// reset tells the reader that it has missed events, and moves it to where it goes on.
func (r *Reader) reset(to int64) {
	f, err := notice(Reset, r.hub.o.Clock.Now(), to, resetData{r.after, to + 1})
	if err == nil { // it has numbers only
		r.pending = append(r.pending, f)
	}
	r.after = to
}

// notice encodes an event of a reader's own, which sets its place.
func notice(typ string, at time.Time, place int64, data any) (Frame, error) {
	raw, err := json.Marshal(data)
	if err != nil {
		return Frame{}, err
	}
	f, err := frame(Event{At: at, Type: typ, Data: raw})
	f.Bytes = append([]byte("id: "+strconv.FormatInt(place, 10)+"\n"), f.Bytes...)
	return f, err
}

// Next returns events, at least one, or none when ctx or the time is over. Frames are shared and must not be changed.
func (r *Reader) Next(ctx context.Context, wait time.Duration) ([]Frame, error) {
	timer := r.hub.o.Clock.NewTimer(wait)
	defer timer.Stop()
	for {
		if list := r.pending; list != nil {
			r.pending = nil
			return list, nil
		}
		list, changed, err := r.look(ctx)
		if err != nil || len(list) > 0 {
			return list, err
		}
		if changed == nil {
			continue // there is more
		}
		select {
		case <-ctx.Done():
			return nil, nil
		case <-timer.C():
			return nil, nil
		case <-changed:
		}
	}
}

// look returns what is there: of the events in memory, else of those in the log. changed, if not nil, is closed when
// there is something new.
func (r *Reader) look(ctx context.Context) (list []Frame, changed <-chan struct{}, err error) {
	h := r.hub
	h.mu.Lock()
	stats, told, end, ring := h.stats, h.told, h.end, h.ring
	changed = h.changed
	h.mu.Unlock()
	switch oldest := end - int64(len(ring)) + 1; {
	case ring == nil, r.after >= end:
		if ring != nil && stats != nil && told != r.told && r.filter.of == "" && r.filter.Selects(Stats) {
			r.told = told
			return []Frame{{Type: Stats, Bytes: stats}}, nil, nil
		}
		return nil, changed, nil
	case r.after+1 >= oldest:
		ring = ring[r.after+1-oldest:]
		ring = ring[:min(len(ring), pageSize)]
		r.after, r.oldest = ring[len(ring)-1].Seq, false
		for _, f := range ring {
			if r.filter.selects(&f) {
				list = append(list, f)
			}
		}
		return list, nil, nil
	}
	list, err = r.catchUp(ctx, end)
	return list, nil, err
}

// catchUp reads from the log, which at the time went up to end.
func (r *Reader) catchUp(ctx context.Context, end int64) (list []Frame, err error) {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	page, err := r.hub.store.ReadLog(ctx, storage.LogQuery{Log: LogName, After: r.after, Limit: pageSize})
	if err != nil {
		return nil, fmt.Errorf("event: %w", err)
	}
	entries := page.Entries
	next := end + 1
	if len(entries) > 0 {
		next = entries[0].Seq
	}
	if next != r.after+1 && !r.oldest {
		r.reset(next - 1)
		list, r.pending = r.pending, nil
	}
	r.oldest, r.after = false, next-1
	for _, e := range entries {
		r.after = e.Seq
		if !r.filter.Selects(e.Kind) {
			continue
		}
		f, err := frame(of(e))
		if err != nil {
			return nil, err
		}
		if r.filter.selects(&f) {
			list = append(list, f)
		}
	}
	return list, nil
}

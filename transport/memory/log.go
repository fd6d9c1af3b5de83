package memory

import (
	"bytes"
	"context"
	"slices"
	"sort"
	"time"

	"github.com/symphony-messenger/symphony/storage"
)

// journal is a log. Its entries are consecutive, and their times never go back.
type journal struct {
	entries []storage.Entry
	end     int64
	endAt   time.Time
}

// AppendLog adds entries to a log.
func (s *store) AppendLog(ctx context.Context, log string, entries []storage.Entry) (int64, error) {
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	j := s.logs[log]
	if j == nil {
		if len(entries) == 0 {
			return 0, nil
		}
		j = &journal{}
		s.logs[log] = j
	}
	if now := s.shown(s.now()); now.After(j.endAt) {
		j.endAt = now
	}
	for _, e := range entries {
		j.end++
		j.entries = append(j.entries, storage.Entry{Seq: j.end, At: j.endAt, Kind: e.Kind, Data: bytes.Clone(e.Data)})
	}
	return j.end, nil
}

// ReadLog returns entries of a log.
func (s *store) ReadLog(ctx context.Context, q storage.LogQuery) (list []storage.Entry, err error) {
	q = q.WithDefaults()
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	j := s.logs[q.Log]
	if j == nil {
		return nil, nil
	}
	from, to := j.at(q.Since), len(j.entries)
	if !q.Until.IsZero() {
		to = j.at(q.Until)
	}
	first := j.end - int64(len(j.entries)) + 1
	from = max(from, int(min(max(q.After-first+1, 0), int64(len(j.entries)))))
	if q.Newest && q.Before != 0 {
		to = min(to, int(max(q.Before-first, 0)))
	}
	if from >= to {
		return nil, nil
	}
	entries := j.entries[from:to]
	for i := range entries {
		e := entries[i]
		if q.Newest {
			e = entries[len(entries)-1-i]
		}
		if len(list) == q.Limit {
			break
		}
		if len(q.Kinds) == 0 || slices.Contains(q.Kinds, e.Kind) {
			e.Data = bytes.Clone(e.Data)
			list = append(list, e)
		}
	}
	return list, nil
}

// at is the place of the first entry written at a time or later.
func (j *journal) at(t time.Time) int {
	return sort.Search(len(j.entries), func(i int) bool { return !j.entries[i].At.Before(t) })
}

// LogEnd returns the number of the newest entry ever written.
func (s *store) LogEnd(ctx context.Context, log string) (int64, error) {
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	if j := s.logs[log]; j != nil {
		return j.end, nil
	}
	return 0, nil
}

// TrimLog deletes old entries of a log.
func (s *store) TrimLog(ctx context.Context, log string, before time.Time, keep int64) (int, error) {
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	j := s.logs[log]
	if j == nil {
		return 0, nil
	}
	n := j.at(before)
	if keep > 0 {
		n = max(n, len(j.entries)-int(min(keep, int64(len(j.entries)))))
	}
	j.entries = slices.Clone(j.entries[n:]) // else those deleted would be kept alive
	return n, nil
}

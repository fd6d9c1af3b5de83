package memory

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

// GetRecord returns one record.
func (s *store) GetRecord(ctx context.Context, kind, id string) ([]byte, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	data, ok := s.records[kind][id]
	if !ok {
		return nil, fmt.Errorf("record %s/%s: %w", kind, id, symphony.ErrNotFound)
	}
	return bytes.Clone(data), nil
}

// PutRecord creates or replaces a record.
func (s *store) PutRecord(ctx context.Context, kind, id string, data []byte) error {
	if err := storage.ValidateRecord(kind, id); err != nil {
		return err
	}
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	if s.records[kind] == nil {
		s.records[kind] = make(map[string][]byte)
	}
	s.records[kind][id] = bytes.Clone(data)
	return nil
}

// ListRecords returns all records of a kind.
func (s *store) ListRecords(ctx context.Context, kind string) (list []storage.Record, err error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(s.records[kind])) {
		list = append(list, storage.Record{ID: id, Data: bytes.Clone(s.records[kind][id])})
	}
	return list, nil
}

// DeleteRecord deletes a record.
func (s *store) DeleteRecord(ctx context.Context, kind, id string) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	if _, ok := s.records[kind][id]; !ok {
		return fmt.Errorf("record %s/%s: %w", kind, id, symphony.ErrNotFound)
	}
	delete(s.records[kind], id)
	return nil
}

// SwapRecord replaces a record that still is old.
func (s *store) SwapRecord(ctx context.Context, kind, id string, old, new []byte) error {
	if err := storage.ValidateRecord(kind, id); err != nil && new != nil {
		return err
	}
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	data, ok := s.records[kind][id]
	if ok != (old != nil) || !bytes.Equal(data, old) {
		return fmt.Errorf("record %s/%s: %w", kind, id, symphony.ErrConflict)
	}
	if new == nil {
		delete(s.records[kind], id)
		return nil
	}
	if s.records[kind] == nil {
		s.records[kind] = make(map[string][]byte)
	}
	s.records[kind][id] = bytes.Clone(new)
	return nil
}

// RangeRecords returns records by their ids.
func (s *store) RangeRecords(ctx context.Context, kind, from, to string, limit int) (list []storage.Record, err error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	for _, id := range s.recordIDs(kind, from, to) {
		if len(list) == limit {
			break
		}
		list = append(list, storage.Record{ID: id, Data: bytes.Clone(s.records[kind][id])})
	}
	return list, nil
}

// DeleteRecords deletes records by their ids.
func (s *store) DeleteRecords(ctx context.Context, kind, from, to string) (int, error) {
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	ids := s.recordIDs(kind, from, to)
	for _, id := range ids {
		delete(s.records[kind], id)
	}
	return len(ids), nil
}

// recordIDs are the ids of a kind in [from, to), in their order.
func (s *store) recordIDs(kind, from, to string) []string {
	ids := slices.Sorted(maps.Keys(s.records[kind]))
	return slices.DeleteFunc(ids, func(id string) bool { return id < from || to != "" && id >= to })
}

package auth

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
)

// MemoryKeys is a KeyStore that lives and ends with the process. The zero value is ready to use.
type MemoryKeys struct {
	mu   sync.Mutex
	keys map[string]Key
}

var _ KeyStore = (*MemoryKeys)(nil)

// CreateKey implements KeyStore.
func (m *MemoryKeys) CreateKey(ctx context.Context, key Key) error {
	if err := key.storable(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.keys[key.ID]; ok {
		return ErrKeyExists
	}
	if m.keys == nil {
		m.keys = map[string]Key{}
	}
	key.Hash, key.Binding = bytes.Clone(key.Hash), key.Binding.clone()
	m.keys[key.ID] = key
	return nil
}

// Lookup implements KeyStore.
func (m *MemoryKeys) Lookup(ctx context.Context, id string) (Key, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key, ok := m.keys[id]
	if !ok {
		return Key{}, ErrKeyNotFound
	}
	key.Hash, key.Binding = bytes.Clone(key.Hash), key.Binding.clone()
	return key, nil
}

// ListKeys implements KeyStore.
func (m *MemoryKeys) ListKeys(ctx context.Context) ([]Key, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	keys := make([]Key, 0, len(m.keys))
	for _, key := range m.keys {
		key.Hash, key.Binding = bytes.Clone(key.Hash), key.Binding.clone()
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b Key) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return keys, nil
}

// Touch implements KeyStore.
func (m *MemoryKeys) Touch(ctx context.Context, id string, at time.Time) error {
	return m.update(id, func(key *Key) {
		if at = at.UTC().Truncate(time.Millisecond); at.After(key.LastUsedAt) {
			key.LastUsedAt = at
		}
	})
}

// RevokeKey implements KeyStore.
func (m *MemoryKeys) RevokeKey(ctx context.Context, id string, at time.Time) error {
	return m.update(id, func(key *Key) {
		if key.RevokedAt.IsZero() {
			key.RevokedAt = at.UTC().Truncate(time.Millisecond)
		}
	})
}

func (m *MemoryKeys) update(id string, change func(*Key)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	key, ok := m.keys[id]
	if !ok {
		return ErrKeyNotFound
	}
	change(&key)
	m.keys[id] = key
	return nil
}

package auth

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

// The kinds of a key's records. What changes after a key was made stands in records of its own, which are only ever
// written whole: so noting a key's use can't undo its revocation by another process at the same moment.
const (
	recordKey     = "api_key"
	recordUsed    = "api_key_used"
	recordRevoked = "api_key_revoked"
)

// RecordKeys is a KeyStore on a transport's records: the keys live beside the messages.
type RecordKeys struct {
	records storage.Records
	mu      sync.Mutex // held from reading to writing, so that the later of two times stays
}

var _ KeyStore = (*RecordKeys)(nil)

// storedKey is the form of a key's record, apart from Key so that no change of that type touches what is stored.
type storedKey struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Hash      []byte    `json:"hash"`
	Scopes    ScopeSet  `json:"scopes"`
	CreatedAt time.Time `json:"createdAt"`
	ExpiresAt time.Time `json:"expiresAt,omitzero"`
	// Operate says whether the scope operate is among the key's, which Scopes leaves out: releases that do not know
	// this scope could not read it there. Keys that they have made lack this member. There consume included what
	// operate is now, so such a key keeps it.
	Operate *bool `json:"operate,omitempty"`
	// Bound is the binding of a key that has one, with its scopes. Then there are none in Scopes: releases that know
	// of no bindings open nothing for such a key.
	Bound *storedBinding `json:"bound,omitempty"`
}

// storedBinding is the form of a binding.
type storedBinding struct {
	Scopes ScopeSet `json:"scopes"`
	Types  []string `json:"types,omitempty"`
	Queues []string `json:"queues,omitempty"`
}

// UnmarshalJSON refuses what this release does not know, which could bind the key further.
func (s *storedBinding) UnmarshalJSON(raw []byte) error {
	type plain storedBinding
	in := json.NewDecoder(bytes.NewReader(raw))
	in.DisallowUnknownFields()
	if err := in.Decode((*plain)(s)); err != nil {
		return err
	}
	if list := s.binding().Problems(s.Scopes); len(list) > 0 {
		return fmt.Errorf("%s %s", list[0].Path, list[0].Message)
	}
	return nil
}

func (s *storedBinding) binding() *Binding { return &Binding{Types: s.Types, Queues: s.Queues} }

// stored is the form in which a key is stored.
func stored(key Key) storedKey {
	var bound *storedBinding
	if b := key.Binding; b != nil {
		bound = &storedBinding{Scopes: key.Scopes, Types: b.Types, Queues: b.Queues}
		key.Scopes = 0
	}
	operate := key.Scopes&ScopeSet(ScopeOperate) != 0
	return storedKey{
		ID: key.ID, Name: key.Name, Hash: key.Hash, Scopes: key.Scopes &^ ScopeSet(ScopeOperate),
		CreatedAt: key.CreatedAt, ExpiresAt: key.ExpiresAt, Operate: &operate, Bound: bound,
	}
}

// scopes are those of a stored key.
func (s *storedKey) scopes() ScopeSet {
	if s.Bound != nil {
		return s.Bound.Scopes
	}
	operates := s.Scopes&ScopeSet(ScopeConsume) != 0
	if s.Operate != nil {
		operates = *s.Operate
	}
	if operates {
		return s.Scopes | ScopeSet(ScopeOperate)
	}
	return s.Scopes
}

// NewRecordKeys returns the KeyStore of a storage.
func NewRecordKeys(records storage.Records) *RecordKeys { return &RecordKeys{records: records} }

// CreateKey implements KeyStore.
func (r *RecordKeys) CreateKey(ctx context.Context, key Key) error {
	if err := key.storable(); err != nil {
		return err
	}
	switch _, err := storage.Get(ctx, r.records, recordKey, key.ID); {
	case err == nil:
		return ErrKeyExists
	case !errors.Is(err, symphony.ErrNotFound):
		return fmt.Errorf("auth: create key %s: %w", key.ID, err)
	}
	return r.put(ctx, recordKey, key.ID, stored(key))
}

// Lookup implements KeyStore.
func (r *RecordKeys) Lookup(ctx context.Context, id string) (Key, error) {
	var stored storedKey
	if err := r.get(ctx, recordKey, id, &stored); err != nil {
		return Key{}, err
	}
	key := Key{ID: stored.ID, Name: stored.Name, Hash: stored.Hash, Scopes: stored.scopes(), CreatedAt: stored.CreatedAt, ExpiresAt: stored.ExpiresAt}
	if stored.Bound != nil {
		key.Binding = stored.Bound.binding()
	}
	for kind, at := range map[string]*time.Time{recordUsed: &key.LastUsedAt, recordRevoked: &key.RevokedAt} {
		if err := r.get(ctx, kind, id, at); err != nil && !errors.Is(err, ErrKeyNotFound) {
			return Key{}, err
		}
	}
	return key, nil
}

// ListKeys implements KeyStore.
func (r *RecordKeys) ListKeys(ctx context.Context) ([]Key, error) {
	list, err := storage.List(ctx, r.records, recordKey)
	if err != nil {
		return nil, fmt.Errorf("auth: list keys: %w", err)
	}
	keys := make([]Key, 0, len(list))
	for _, record := range list {
		key, err := r.Lookup(ctx, record.ID)
		var damaged *symphony.DecodeError
		if errors.As(err, &damaged) {
			key, err = Key{ID: record.ID, DecodeErr: damaged}, nil
			_ = r.get(ctx, recordRevoked, record.ID, &key.RevokedAt) // as far as it is known
		}
		if errors.Is(err, ErrKeyNotFound) {
			continue // deleted meanwhile
		}
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b Key) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return keys, nil
}

// Touch implements KeyStore.
func (r *RecordKeys) Touch(ctx context.Context, id string, at time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	key, err := r.Lookup(ctx, id)
	if err != nil {
		return err
	}
	if at = at.UTC().Truncate(time.Millisecond); !at.After(key.LastUsedAt) {
		return nil
	}
	return r.put(ctx, recordUsed, id, at)
}

// RevokeKey implements KeyStore.
func (r *RecordKeys) RevokeKey(ctx context.Context, id string, at time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	key, err := r.Lookup(ctx, id)
	var damaged *symphony.DecodeError
	if err != nil && !errors.As(err, &damaged) || !key.RevokedAt.IsZero() {
		return err
	}
	return r.put(ctx, recordRevoked, id, at.UTC().Truncate(time.Millisecond))
}

func (r *RecordKeys) get(ctx context.Context, kind, id string, to any) error {
	raw, err := storage.Get(ctx, r.records, kind, id)
	switch {
	case errors.Is(err, symphony.ErrNotFound):
		return ErrKeyNotFound
	case err == nil:
		if err = json.Unmarshal(raw, to); err != nil {
			err = &symphony.DecodeError{Err: err}
		}
	}
	if err != nil {
		return fmt.Errorf("auth: read key %s: %w", id, err)
	}
	return nil
}

func (r *RecordKeys) put(ctx context.Context, kind, id string, value any) error {
	raw, err := json.Marshal(value)
	if err == nil {
		err = storage.Put(ctx, r.records, kind, id, raw)
	}
	if err != nil {
		return fmt.Errorf("auth: store key %s: %w", id, err)
	}
	return nil
}

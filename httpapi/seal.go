package httpapi

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"hash"
	"sync"
	"sync/atomic"

	"github.com/symphony-messenger/symphony/storage"
)

// The key that authenticates receipts is one record of the store, so that every node takes what another has given and
// receipts outlive processes. The first node that needs it makes it.
const (
	sealKind  = "receipt_key"
	sealID    = "current"
	sealBytes = 32
	// sealIDSize is how many bytes of a receipt name the key, sumSize how many authenticate it.
	sealIDSize = 4
	sumSize    = 16
)

// seal authenticates receipts with one key. Safe for concurrent use.
type seal struct {
	id     [sealIDSize]byte
	hashes sync.Pool // of hash.Hash, ready for the next text
}

func newSeal(key []byte) *seal {
	s := &seal{hashes: sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}
	// The id tells keys apart and nothing about them.
	digest := sha256.Sum256(append([]byte("receipt key id:"), key...))
	copy(s.id[:], digest[:])
	return s
}

// appendSum appends what authenticates text to b, which may be text itself.
func (s *seal) appendSum(b, text []byte) []byte {
	h := s.hashes.Get().(hash.Hash)
	defer s.hashes.Put(h)
	h.Reset()
	h.Write(text)
	var sum [sha256.Size]byte
	return append(b, h.Sum(sum[:0])[:sumSize]...)
}

// holds reports whether sum authenticates text, in a time that does not depend on where they differ.
func (s *seal) holds(text, sum []byte) bool {
	var want [sumSize]byte
	return hmac.Equal(s.appendSum(want[:0], text), sum)
}

// seals has the seal of a store. Safe for concurrent use.
type seals struct {
	records storage.Records // nil: the key is the process's own
	current atomic.Pointer[seal]
	mu      sync.Mutex // held while the key is read or made
}

// storedSeal is the record of the key.
type storedSeal struct {
	Key []byte `json:"key"`
}

// get returns the seal. The first call reads the key or makes it; its error is the store's, and the next call tries
// again.
func (s *seals) get(ctx context.Context) (*seal, error) {
	if current := s.current.Load(); current != nil {
		return current, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if current := s.current.Load(); current != nil {
		return current, nil
	}
	key, err := s.key(ctx)
	if err != nil {
		return nil, fmt.Errorf("key of receipts: %w", err)
	}
	current := newSeal(key)
	s.current.Store(current)
	return current, nil
}

// key reads the key, or makes it where there is none. Of several nodes that make one at the same time, one does: the
// others read its.
func (s *seals) key(ctx context.Context) ([]byte, error) {
	made := make([]byte, sealBytes)
	_, _ = rand.Read(made) // fills it or ends the program
	if s.records == nil {
		return made, nil
	}
	fresh, err := json.Marshal(storedSeal{made})
	if err != nil {
		return nil, err
	}
	raw, err := storage.Once(ctx, s.records, sealKind, sealID, fresh)
	if err != nil {
		return nil, err
	}
	var stored storedSeal
	if err := json.Unmarshal(raw, &stored); err != nil {
		return nil, err
	}
	if len(stored.Key) != sealBytes {
		return nil, fmt.Errorf("the record has %d bytes, not %d", len(stored.Key), sealBytes)
	}
	return stored.Key, nil
}

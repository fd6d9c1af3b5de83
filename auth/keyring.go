package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
)

// keyring verifies API keys. This runs on every dispatch, so a key found in the store is remembered
// for KeyCacheTTL: meanwhile a request costs one hash and one map lookup. Only keys that exist are
// remembered, so the memory is bounded by the keys issued (some 300 bytes each), and their secrets
// are not, only the hashes.
//
// When a key was last used is noted in memory and written to the store in the background: at its
// first use, and then at the first use that is TouchInterval after the last writing. One flush at a
// time writes all keys that are due, one after the other.
type keyring struct {
	store   KeyStore
	clock   func() time.Time
	log     *slog.Logger
	bg      *background
	lookups singleflight.Group

	flushing atomic.Bool // a flush runs in the background
	flushMu  sync.Mutex  // held by a flush

	mu          sync.RWMutex
	entries     map[string]*keyEntry
	revocations uint64 // counts calls of forget
}

// keyEntry is what is remembered of a key. It does not change, but for usage.
type keyEntry struct {
	principal Principal
	hash      []byte
	revoked   bool
	expires   time.Time // zero: never
	until     time.Time // when the store is to be asked again
	usage     *keyUsage // outlives the entry
}

// keyUsage holds times in nanoseconds since 1970, 0 for never.
type keyUsage struct {
	used    atomic.Int64 // last use, to the second
	written atomic.Int64 // the use that the store knows
	tried   atomic.Int64 // when it was last written, or should have been
}

// due reports whether a flush in the background may write the use.
func (u *keyUsage) due(now time.Time) bool {
	return now.UnixNano()-u.tried.Load() >= int64(TouchInterval)
}

func newKeyring(store KeyStore, clock func() time.Time, log *slog.Logger, bg *background) *keyring {
	return &keyring{store: store, clock: clock, log: log, bg: bg, entries: map[string]*keyEntry{}}
}

// authenticate verifies an API key and returns its holder.
func (k *keyring) authenticate(ctx context.Context, key string) (Principal, error) {
	id, secret, ok := splitKey(key)
	if k == nil || !ok {
		return Principal{}, errAPIKeyInvalid()
	}
	now := k.clock()
	e, err := k.entry(ctx, id, now)
	if err != nil {
		return Principal{}, err
	}
	var text [secretLength]byte
	copy(text[:], secret)
	hash := sha256.Sum256(text[:])
	// Who lacks the secret learns nothing more, not even that the id exists.
	if subtle.ConstantTimeCompare(hash[:], e.hash) != 1 {
		return Principal{}, errAPIKeyInvalid()
	}
	return k.admit(e, now)
}

// holder returns the holder of a key by its id, for who has shown the key before.
func (k *keyring) holder(ctx context.Context, id string) (Principal, error) {
	if k == nil {
		return Principal{}, errAPIKeyInvalid()
	}
	now := k.clock()
	e, err := k.entry(ctx, id, now)
	if err != nil {
		return Principal{}, err
	}
	return k.admit(e, now)
}

// entry is what is known of a key.
func (k *keyring) entry(ctx context.Context, id string, now time.Time) (*keyEntry, error) {
	k.mu.RLock()
	e := k.entries[id]
	k.mu.RUnlock()
	if e == nil || !now.Before(e.until) {
		return k.lookup(ctx, id)
	}
	return e, nil
}

// admit lets the holder of a key in, if it is in force.
func (k *keyring) admit(e *keyEntry, now time.Time) (Principal, error) {
	if e.revoked {
		return Principal{}, unauthenticated(CodeAPIKeyRevoked, "The API key has been revoked.")
	}
	if !e.expires.IsZero() && !now.Before(e.expires) {
		return Principal{}, Expired(KindAPIKey)
	}
	k.use(e.usage, now)
	return e.principal, nil
}

func errAPIKeyInvalid() error {
	return unauthenticated(CodeAPIKeyInvalid, "The API key is not valid.")
}

// lookup asks the store. Concurrent calls for one id ask once.
func (k *keyring) lookup(ctx context.Context, id string) (*keyEntry, error) {
	// The id is part of the header's text, which holds the secret and must not be kept.
	id = strings.Clone(id)
	v, err, _ := k.lookups.Do(id, func() (any, error) {
		// The answer serves everybody who waits: asking must outlive the caller who began it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keyStoreTimeout)
		defer cancel()
		return k.load(ctx, id)
	})
	if err != nil {
		return nil, err
	}
	return v.(*keyEntry), nil
}

func (k *keyring) load(ctx context.Context, id string) (*keyEntry, error) {
	k.mu.RLock()
	revocations := k.revocations
	k.mu.RUnlock()
	now := k.clock()

	key, err := k.store.Lookup(ctx, id)
	if errors.Is(err, ErrKeyNotFound) {
		return nil, errAPIKeyInvalid()
	}
	if err != nil {
		return nil, unavailable(CodeStorageUnavailable, "Storage cannot serve now: the API keys can't be read. Nothing was stored; try again.", err)
	}
	e := &keyEntry{
		principal: Principal{
			Kind: KindAPIKey, ID: id, Name: key.Name, Scopes: key.Scopes, Binding: key.Binding, Expires: key.ExpiresAt,
		},
		hash:    key.Hash,
		revoked: !key.RevokedAt.IsZero(),
		expires: key.ExpiresAt,
		until:   now.Add(KeyCacheTTL),
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if old := k.entries[id]; old != nil {
		e.usage = old.usage
	} else {
		e.usage = &keyUsage{}
	}
	// A revocation that came in between may not be in this answer: it serves those who asked before,
	// and is not remembered.
	if revocations == k.revocations {
		k.entries[id] = e
	}
	return e, nil
}

func (k *keyring) revoke(ctx context.Context, id string) error {
	err := k.store.RevokeKey(ctx, id, k.clock())
	// Also after an error: the store may have done it.
	k.forget(id)
	if err != nil {
		return fmt.Errorf("auth: revoke key %s: %w", id, err)
	}
	return nil
}

// forget has the next use of the key ask the store, and no lookup under way answer for it.
func (k *keyring) forget(id string) {
	k.mu.Lock()
	k.revocations++
	if e := k.entries[id]; e != nil {
		stale := *e
		stale.until = time.Time{}
		k.entries[id] = &stale
	}
	k.mu.Unlock()
	k.lookups.Forget(id)
}

// use notes a use of a key and starts a flush if the key is due.
func (k *keyring) use(u *keyUsage, now time.Time) {
	if at := now.UnixNano(); at-u.used.Load() >= int64(time.Second) {
		u.used.Store(at)
	}
	if !u.due(now) || !k.flushing.CompareAndSwap(false, true) {
		return
	}
	started := k.bg.start(keyStoreTimeout, func(ctx context.Context) {
		defer k.flushing.Store(false)
		if err := k.flush(ctx, func(u *keyUsage) bool { return u.due(now) }); err != nil {
			k.log.Warn("the last use of API keys can't be written", "error", err)
		}
	})
	if !started {
		k.flushing.Store(false)
	}
}

// flush writes the uses that the store does not know yet, of the keys that which selects. The error
// names the keys that could not be written; their times stay in memory.
func (k *keyring) flush(ctx context.Context, which func(*keyUsage) bool) error {
	k.flushMu.Lock()
	defer k.flushMu.Unlock()
	usages := map[string]*keyUsage{}
	k.mu.RLock()
	for id, e := range k.entries {
		if e.usage.used.Load() != e.usage.written.Load() && which(e.usage) {
			usages[id] = e.usage
		}
	}
	k.mu.RUnlock()

	var errs []error
	for id, u := range usages {
		used := u.used.Load()
		u.tried.Store(k.clock().UnixNano())
		if err := k.store.Touch(ctx, id, time.Unix(0, used).UTC()); err != nil {
			errs = append(errs, fmt.Errorf("auth: touch key %s: %w", id, err))
			continue
		}
		u.written.Store(used)
	}
	return errors.Join(errs...)
}

// Package keystoretest is the conformance test of auth.KeyStore.
package keystoretest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/auth"
)

// Run checks a KeyStore. open returns an empty one for each test.
func Run(t *testing.T, open func(*testing.T) auth.KeyStore) {
	t.Run("keeps every field", func(t *testing.T) {
		store, key := open(t), newKey(t, "all fields – ü", 0)
		key.ExpiresAt = created.Add(time.Hour)
		create(t, store, key)
		want(t, store, key)
	})
	t.Run("keeps absent times absent", func(t *testing.T) {
		store, key := open(t), newKey(t, "plain", 0)
		create(t, store, key)
		want(t, store, key)
	})
	t.Run("keeps what a key is bound to", func(t *testing.T) {
		store := open(t)
		var keys []auth.Key
		for i, b := range []*auth.Binding{
			{Types: []string{"order.*", "signup"}, Queues: []string{"web", "mail"}},
			{Queues: []string{"mail"}},
			{Types: []string{"*"}},
			nil,
		} {
			key := newKey(t, fmt.Sprint("bound ", i), time.Duration(i)*time.Second)
			if b != nil {
				key.Scopes, key.Binding = auth.Scopes(auth.ScopeDispatch), b
			}
			create(t, store, key)
			keys = append(keys, key)
		}
		want(t, store, keys...)
	})
	t.Run("refuses what cannot be bound", func(t *testing.T) {
		store, key := open(t), newKey(t, "bound", 0) // which has the scope read
		key.Binding = &auth.Binding{Queues: []string{"mail"}}
		var invalid *symphony.ValidationError
		if err := store.CreateKey(t.Context(), key); !errors.As(err, &invalid) {
			t.Errorf("got %v, want a ValidationError", err)
		}
		want(t, store)
	})
	t.Run("refuses an id twice and keeps the first", func(t *testing.T) {
		store, key := open(t), newKey(t, "first", 0)
		create(t, store, key)
		again := key
		again.Name = "second"
		if err := store.CreateKey(t.Context(), again); !errors.Is(err, auth.ErrKeyExists) {
			t.Errorf("CreateKey again: got %v, want ErrKeyExists", err)
		}
		want(t, store, key)
	})
	t.Run("does not share memory", func(t *testing.T) {
		store, key := open(t), newKey(t, "copied", 0)
		given := key
		key.Scopes, key.Binding = auth.Scopes(auth.ScopeDispatch), &auth.Binding{
			Types: []string{"a"}, Queues: []string{"b"},
		}
		given.Scopes = key.Scopes
		given.Hash = slices.Clone(key.Hash)
		given.Binding = &auth.Binding{Types: []string{"a"}, Queues: []string{"b"}}
		create(t, store, given)
		given.Hash[0]++
		given.Binding.Types[0] = "x"
		want(t, store, key)
		for range 2 {
			got, err := store.Lookup(t.Context(), key.ID)
			if err != nil {
				t.Fatal(err)
			}
			got.Hash[0]++
			got.Binding.Queues[0] = "x"
			listed, err := store.ListKeys(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			listed[0].Hash[1]++
			listed[0].Binding.Types = nil
		}
		want(t, store, key)
	})
	t.Run("lists oldest first, then by id", func(t *testing.T) {
		store := open(t)
		var keys []auth.Key
		for i := range 6 {
			key := newKey(t, fmt.Sprint("key ", i), time.Duration(i/2)*time.Second)
			keys = append(keys, key)
		}
		slices.SortFunc(keys[0:2], byID)
		slices.SortFunc(keys[2:4], byID)
		slices.SortFunc(keys[4:6], byID)
		for _, i := range []int{3, 0, 5, 1, 4, 2} {
			create(t, store, keys[i])
		}
		want(t, store, keys...)
	})
	t.Run("lists nothing when empty", func(t *testing.T) { want(t, open(t)) })
	t.Run("does not know other ids", func(t *testing.T) {
		store, ctx := open(t), t.Context()
		create(t, store, newKey(t, "other", 0))
		for _, id := range []string{"", "aaaaaaaaaaaaaaaa", "' or '1'='1"} {
			if _, err := store.Lookup(ctx, id); !errors.Is(err, auth.ErrKeyNotFound) {
				t.Errorf("Lookup(%q): got %v, want ErrKeyNotFound", id, err)
			}
			if err := store.Touch(ctx, id, created); !errors.Is(err, auth.ErrKeyNotFound) {
				t.Errorf("Touch(%q): got %v, want ErrKeyNotFound", id, err)
			}
			if err := store.RevokeKey(ctx, id, created); !errors.Is(err, auth.ErrKeyNotFound) {
				t.Errorf("RevokeKey(%q): got %v, want ErrKeyNotFound", id, err)
			}
		}
	})
	t.Run("touches forward only", func(t *testing.T) {
		store, key := open(t), newKey(t, "touched", 0)
		other := newKey(t, "untouched", time.Second)
		create(t, store, key)
		create(t, store, other)
		last := created.Add(time.Hour)
		for _, at := range []time.Time{created.Add(time.Minute), last.In(time.FixedZone("", 3600)).Add(999 * time.Microsecond), created} {
			if err := store.Touch(t.Context(), key.ID, at); err != nil {
				t.Fatal(err)
			}
		}
		key.LastUsedAt = last
		want(t, store, key, other)
	})
	t.Run("revokes once", func(t *testing.T) {
		store, key := open(t), newKey(t, "revoked", 0)
		other := newKey(t, "in force", time.Second)
		create(t, store, key)
		create(t, store, other)
		for _, after := range []time.Duration{time.Hour, 2 * time.Hour, time.Minute} {
			if err := store.RevokeKey(t.Context(), key.ID, created.Add(after)); err != nil {
				t.Fatal(err)
			}
		}
		key.RevokedAt = created.Add(time.Hour)
		want(t, store, key, other)
	})
	t.Run("is safe for concurrent use", func(t *testing.T) {
		store, key := open(t), newKey(t, "busy", 0)
		create(t, store, key)
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				errs := []error{store.Touch(context.Background(), key.ID, created.Add(time.Duration(i)*time.Second))}
				_, err := store.Lookup(context.Background(), key.ID)
				errs = append(errs, err, store.RevokeKey(context.Background(), key.ID, created))
				_, err = store.ListKeys(context.Background())
				if err := errors.Join(append(errs, err)...); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		key.RevokedAt, key.LastUsedAt = created, created.Add(7*time.Second)
		want(t, store, key)
	})
}

var created = time.Date(2026, 11, 23, 12, 0, 0, 123_000_000, time.UTC)

func byID(a, b auth.Key) int {
	if a.ID < b.ID {
		return -1
	}
	return 1
}

func newKey(t *testing.T, name string, after time.Duration) auth.Key {
	t.Helper()
	_, key, err := auth.GenerateKey(name, auth.Scopes(auth.ScopeDispatch, auth.ScopeRead), created.Add(after))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func create(t *testing.T, store auth.KeyStore, key auth.Key) {
	t.Helper()
	if err := store.CreateKey(t.Context(), key); err != nil {
		t.Fatal(err)
	}
}

// want checks that the store holds exactly these keys, in this order.
func want(t *testing.T, store auth.KeyStore, keys ...auth.Key) {
	t.Helper()
	got, err := store.ListKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(got)+len(keys) > 0 {
		if diff := cmp.Diff(keys, got); diff != "" {
			t.Errorf("ListKeys (-want +got):\n%s", diff)
		}
	}
	for _, key := range keys {
		got, err := store.Lookup(t.Context(), key.ID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(key, got); diff != "" {
			t.Errorf("Lookup (-want +got):\n%s", diff)
		}
	}
}

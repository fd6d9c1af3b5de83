package auth_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/auth/keystoretest"
)

func TestMemoryKeys(t *testing.T) {
	keystoretest.Run(t, func(*testing.T) auth.KeyStore { return &auth.MemoryKeys{} })
}

func TestGenerateKey(t *testing.T) {
	at := time.Date(2026, 11, 23, 13, 0, 0, 123_456_789, time.FixedZone("CET", 3600))
	plaintext, key, err := auth.GenerateKey("deploy", auth.Scopes(auth.ScopeDispatch, auth.ScopeRead), at)
	if err != nil {
		t.Fatal(err)
	}
	form := regexp.MustCompile(`^sym_([a-z2-7]{16})_([a-z2-7]{52})$`).FindStringSubmatch(plaintext)
	if form == nil {
		t.Fatalf("key %q has another form", plaintext)
	}
	hash := sha256.Sum256([]byte(form[2]))
	want := auth.Key{
		ID: form[1], Name: "deploy", Hash: hash[:], Scopes: auth.Scopes(auth.ScopeRead, auth.ScopeDispatch),
		CreatedAt: time.Date(2026, 11, 23, 12, 0, 0, 123_000_000, time.UTC),
	}
	if diff := cmp.Diff(want, key); diff != "" {
		t.Errorf("key (-want +got):\n%s", diff)
	}
	if key.Prefix() != "sym_"+form[1] {
		t.Errorf("prefix: got %s", key.Prefix())
	}
	if strings.Contains(fmt.Sprintf("%v %+v %q", key, key, key), form[2]) {
		t.Error("the stored key shows the secret")
	}
	again, other, err := auth.GenerateKey("deploy", want.Scopes, at)
	if err != nil || again == plaintext || other.ID == key.ID || bytes.Equal(other.Hash, key.Hash) {
		t.Errorf("a second key is like the first (error %v)", err)
	}
}

func TestGenerateKey_refuses(t *testing.T) {
	for what, tc := range map[string]struct {
		name   string
		scopes auth.ScopeSet
	}{
		"no name":         {"", auth.DefaultScopes},
		"a long name":     {strings.Repeat("ü", 101), auth.DefaultScopes},
		"a line break":    {"a\nb", auth.DefaultScopes},
		"an escape":       {"a\x1b[31m", auth.DefaultScopes},
		"invalid UTF-8":   {"a\xff", auth.DefaultScopes},
		"no scope at all": {"a", 0},
	} {
		t.Run(what, func(t *testing.T) {
			if plaintext, _, err := auth.GenerateKey(tc.name, tc.scopes, time.Now()); err == nil || plaintext != "" {
				t.Errorf("got %q, %v, want an error", plaintext, err)
			}
		})
	}
	if _, _, err := auth.GenerateKey(strings.Repeat("ü", 100), auth.DefaultScopes, time.Now()); err != nil {
		t.Errorf("a name of 100 characters: %v", err)
	}
}

// countingKeys counts and may disturb the calls to a MemoryKeys.
type countingKeys struct {
	auth.MemoryKeys
	lookups, touches      atomic.Int64
	failLookup, failTouch atomic.Pointer[error]
	// during is called within a lookup, after the answer was found, if set.
	during func()
}

func (s *countingKeys) Lookup(ctx context.Context, id string) (auth.Key, error) {
	s.lookups.Add(1)
	if err := s.failLookup.Load(); err != nil {
		return auth.Key{}, *err
	}
	key, err := s.MemoryKeys.Lookup(ctx, id)
	if s.during != nil {
		s.during()
	}
	return key, errors.Join(err, ctx.Err())
}

func (s *countingKeys) Touch(ctx context.Context, id string, at time.Time) error {
	s.touches.Add(1)
	if err := s.failTouch.Load(); err != nil {
		return *err
	}
	return s.MemoryKeys.Touch(ctx, id, at)
}

func TestAPIKey(t *testing.T) {
	store, clock := &countingKeys{}, &clock{}
	clock.Advance(1_790_000_000 * time.Second)
	key := createKey(t, store, clock.Now())
	a := newAuthenticator(t, auth.Options{Keys: store, Clock: clock.Now})
	want := auth.Principal{Kind: auth.KindAPIKey, ID: keyID(key), Name: "a key", Scopes: auth.Scopes(auth.ScopeDispatch)}
	for _, headers := range [][]string{{"Authorization", "Bearer " + key}, {"X-API-Key", key}} {
		if diff := cmp.Diff(want, wantPrincipal(t, a, request("POST", headers...))); diff != "" {
			t.Errorf("principal by %s (-want +got):\n%s", headers[0], diff)
		}
	}

	other := createKey(t, store, clock.Now())
	secretOf := func(key string) string { return key[len("sym_")+17:] }
	for name, bad := range map[string]string{
		"another key's secret": "sym_" + keyID(key) + "_" + secretOf(other),
		"another key's id":     "sym_" + keyID(other) + "_" + secretOf(key),
		"unknown id":           "sym_aaaaaaaaaaaaaaaa_" + secretOf(key),
		"no secret":            "sym_" + keyID(key),
		"empty secret":         "sym_" + keyID(key) + "_",
		"prefix only":          "sym_",
		"upper case":           "sym_" + strings.ToUpper(key[4:]),
		"too long":             key + "a",
		"quote in the id":      "sym_" + "aaaaaaa' or '1'='" + key[len("sym_")+17:],
		"other separator":      key[:20] + "-" + key[21:],
		"a blank at the end":   key + " ",
		"the hash as secret":   "sym_" + keyID(key) + "_" + fmt.Sprintf("%x", sha256.Sum256([]byte(secretOf(key))))[:52],
	} {
		t.Run(name, func(t *testing.T) {
			wantRefused(t, a, request("POST", "X-API-Key", bad), auth.CodeAPIKeyInvalid)
			wantRefused(t, a, bearer(bad), auth.CodeAPIKeyInvalid)
		})
	}
	t.Run("malformed ones never reach the store", func(t *testing.T) {
		before := store.lookups.Load()
		for _, bad := range []string{"aaaaaaa' or '1'='", "AAAAAAAAAAAAAAAA", "aaaaaaaaaaaaaaa1", "aaaaaaaaaaaaaaa\x00", "aaaaaaaaaaaaaa\xc3\xbc"} {
			wantRefused(t, a, bearer("sym_"+bad+key[len("sym_")+16:]), auth.CodeAPIKeyInvalid)
		}
		if n := store.lookups.Load() - before; n != 0 {
			t.Errorf("the store was asked %d times", n)
		}
	})
	t.Run("truncated", func(t *testing.T) {
		for i := len("sym_"); i < len(key); i++ {
			wantRefused(t, a, bearer(key[:i]), auth.CodeAPIKeyInvalid)
		}
	})
	t.Run("one character changed", func(t *testing.T) {
		for i := len("sym_"); i < len(key); i++ {
			for _, c := range "a2_" {
				if changed := key[:i] + string(c) + key[i+1:]; changed != key {
					wantRefused(t, a, bearer(changed), auth.CodeAPIKeyInvalid)
				}
			}
		}
	})
	t.Run("without a key store", func(t *testing.T) {
		p, _ := newProject(t)
		wantRefused(t, p.authenticator(t), bearer(key), auth.CodeAPIKeyInvalid)
	})
}

func TestAPIKey_expiry(t *testing.T) {
	store, clock := &countingKeys{}, &clock{}
	key := createKey(t, store, clock.Now(), func(k *auth.Key) { k.ExpiresAt = clock.Now().Add(time.Second) })
	a := newAuthenticator(t, auth.Options{Keys: store, Clock: clock.Now})
	wantPrincipal(t, a, bearer(key))
	clock.Advance(time.Second - 1)
	wantPrincipal(t, a, bearer(key))
	clock.Advance(1)
	wantRefused(t, a, bearer(key), auth.CodeAPIKeyExpired)
	if n := store.lookups.Load(); n != 1 {
		t.Errorf("the store was asked %d times, want once: expiry must not wait for it", n)
	}
	wrong := key[:len(key)-1] + string('a'+(key[len(key)-1]-'a'+1)%2)
	wantRefused(t, a, bearer(wrong), auth.CodeAPIKeyInvalid)
}

func TestAPIKey_revocation(t *testing.T) {
	t.Run("in this process works at once", func(t *testing.T) {
		store, clock := &countingKeys{}, &clock{}
		key, other := createKey(t, store, clock.Now()), createKey(t, store, clock.Now())
		a := newAuthenticator(t, auth.Options{Keys: store, Clock: clock.Now})
		wantPrincipal(t, a, bearer(key))
		if err := a.RevokeKey(t.Context(), keyID(key)); err != nil {
			t.Fatal(err)
		}
		wantRefused(t, a, bearer(key), auth.CodeAPIKeyRevoked)
		wantPrincipal(t, a, bearer(other))
		wrong := "sym_" + keyID(key) + other[len("sym_")+16:]
		wantRefused(t, a, bearer(wrong), auth.CodeAPIKeyInvalid)
	})
	t.Run("in another process works within the cache's time", func(t *testing.T) {
		store, clock := &countingKeys{}, &clock{}
		key := createKey(t, store, clock.Now())
		a := newAuthenticator(t, auth.Options{Keys: store, Clock: clock.Now})
		wantPrincipal(t, a, bearer(key))
		if err := store.RevokeKey(t.Context(), keyID(key), clock.Now()); err != nil {
			t.Fatal(err)
		}
		clock.Advance(auth.KeyCacheTTL)
		wantRefused(t, a, bearer(key), auth.CodeAPIKeyRevoked)
	})
	t.Run("is not undone by a lookup that began before it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			found, release := make(chan struct{}), make(chan struct{})
			store := &countingKeys{}
			key := createKey(t, store, time.Now())
			store.during = func() {
				found <- struct{}{}
				<-release
			}
			a := newAuthenticator(t, auth.Options{Keys: store})
			var wg sync.WaitGroup
			wg.Go(func() { wantPrincipal(t, a, bearer(key)) })
			<-found
			store.during = nil
			if err := a.RevokeKey(t.Context(), keyID(key)); err != nil {
				t.Fatal(err)
			}
			wantRefused(t, a, bearer(key), auth.CodeAPIKeyRevoked)
			close(release)
			wg.Wait()
			wantRefused(t, a, bearer(key), auth.CodeAPIKeyRevoked)
		})
	})
	t.Run("of an unknown key", func(t *testing.T) {
		a := newAuthenticator(t, auth.Options{Keys: &auth.MemoryKeys{}})
		if err := a.RevokeKey(t.Context(), "aaaaaaaaaaaaaaaa"); !errors.Is(err, auth.ErrKeyNotFound) {
			t.Errorf("got %v, want ErrKeyNotFound", err)
		}
	})
	t.Run("without a key store", func(t *testing.T) {
		p, _ := newProject(t)
		if err := p.authenticator(t).RevokeKey(t.Context(), "aaaaaaaaaaaaaaaa"); !errors.Is(err, auth.ErrKeyNotFound) {
			t.Errorf("got %v, want ErrKeyNotFound", err)
		}
	})
}

func TestAPIKey_asks_the_store_rarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		store := &countingKeys{during: func() { <-release }}
		key := createKey(t, store, time.Now())
		a := newAuthenticator(t, auth.Options{Keys: store})
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() { wantPrincipal(t, a, bearer(key)) })
		}
		synctest.Wait()
		close(release)
		wg.Wait()
		for range 100 {
			wantPrincipal(t, a, bearer(key))
		}
		if n := store.lookups.Load(); n != 1 {
			t.Errorf("the store was asked %d times for 150 requests, want once", n)
		}
	})
}

func TestAPIKey_store_out_of_order(t *testing.T) {
	store, clock := &countingKeys{}, &clock{}
	key := createKey(t, store, clock.Now())
	a := newAuthenticator(t, auth.Options{Keys: store, Clock: clock.Now})
	wantPrincipal(t, a, bearer(key))
	down := errors.New("disk on fire")
	store.failLookup.Store(&down)
	wantPrincipal(t, a, bearer(key))
	clock.Advance(auth.KeyCacheTTL)
	wantRefused(t, a, bearer(key), auth.CodeStorageUnavailable)
	if _, err := a.Authenticate(bearer(key)); !errors.Is(err, down) {
		t.Errorf("got %v, want it to wrap the store's error", err)
	}
	store.failLookup.Store(nil)
	wantPrincipal(t, a, bearer(key))
}

func TestAPIKey_caller_who_leaves_does_not_fail_the_others(t *testing.T) {
	store := &countingKeys{}
	key := createKey(t, store, time.Now())
	a := newAuthenticator(t, auth.Options{Keys: store})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantPrincipal(t, a, bearer(key).WithContext(ctx))
}

func TestAPIKey_last_use(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &countingKeys{}
		busy, rare := createKey(t, store, time.Now()), createKey(t, store, time.Now())
		a := newAuthenticator(t, auth.Options{Keys: store})
		start := time.Now()
		lastUse := func(key string) time.Duration {
			t.Helper()
			synctest.Wait()
			got, err := store.MemoryKeys.Lookup(t.Context(), keyID(key))
			if err != nil {
				t.Fatal(err)
			}
			return got.LastUsedAt.Sub(start)
		}
		wantTouches := func(want int64) {
			t.Helper()
			synctest.Wait()
			if got := store.touches.Load(); got != want {
				t.Errorf("after %s: %d writes, want %d", time.Since(start), got, want)
			}
		}

		for range 30 { // 30 s: the first use is written, no other
			wantPrincipal(t, a, bearer(busy))
			<-time.After(time.Second)
		}
		wantTouches(1)
		wantPrincipal(t, a, bearer(rare))
		wantTouches(2)  // and not busy's again
		for range 270 { // to 300 s: at 60, 120, 180 and 240 s
			wantPrincipal(t, a, bearer(busy))
			<-time.After(time.Second)
		}
		wantTouches(6)
		if got := lastUse(busy); got != 240*time.Second {
			t.Errorf("last use of the busy key: %s, want 4m", got)
		}
		wantRefused(t, a, bearer(rare[:len(rare)-1]), auth.CodeAPIKeyInvalid)
		if got := lastUse(rare); got != 30*time.Second {
			t.Errorf("last use of the rare key: %s, want 30s", got)
		}

		if err := a.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantTouches(7)
		if got := lastUse(busy); got != 299*time.Second {
			t.Errorf("last use after Flush: %s, want 299s", got)
		}
		if err := a.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantTouches(7)

		wantPrincipal(t, a, bearer(rare))
		synctest.Wait()
		<-time.After(2 * time.Second)
		wantPrincipal(t, a, bearer(rare))
		if err := a.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := lastUse(rare); got != 302*time.Second {
			t.Errorf("last use after Close: %s, want 302s", got)
		}

		<-time.After(auth.TouchInterval)
		written := store.touches.Load()
		wantPrincipal(t, a, bearer(rare))
		wantTouches(written) // nothing runs in the background any more
	})
}

func TestAPIKey_last_use_survives_a_failing_store(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		store, full := &countingKeys{}, errors.New("disk full")
		key := createKey(t, store, time.Now())
		a := newAuthenticator(t, auth.Options{Keys: store, Logger: logTo(&log)})
		store.failTouch.Store(&full)
		for range 90 { // writes at 0 and 60 s
			wantPrincipal(t, a, bearer(key))
			<-time.After(time.Second)
		}
		synctest.Wait()
		if got, logged := store.touches.Load(), strings.Count(log.String(), "disk full"); got != 2 || logged != 2 {
			t.Errorf("a failing store was written to %d times and logged %d times, want twice", got, logged)
		}
		if err := a.Flush(t.Context()); !errors.Is(err, full) || !strings.Contains(err.Error(), keyID(key)) {
			t.Errorf("Flush: got %v, want it to name the key and wrap the store's error", err)
		}
		store.failTouch.Store(nil)
		if err := a.Flush(t.Context()); err != nil {
			t.Errorf("Flush once the store works: %v", err)
		}
		got, err := store.MemoryKeys.Lookup(t.Context(), keyID(key))
		if want := time.Now().Add(-time.Second); err != nil || !got.LastUsedAt.Equal(want) {
			t.Errorf("last use %s (%v), want %s", got.LastUsedAt, err, want)
		}
	})
}

package httpapi_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/event"
	"github.com/symphony-messenger/symphony/httpapi"
	"github.com/symphony-messenger/symphony/symphonytest"
	"github.com/symphony-messenger/symphony/transport/sqlite"

	"github.com/golang-jwt/jwt/v5"
)

const jwtSecret = "a secret of the test's own project, long"

// awayKeys is a key store that can be away.
type awayKeys struct {
	auth.MemoryKeys
	away atomic.Bool
}

func (k *awayKeys) Lookup(ctx context.Context, id string) (auth.Key, error) {
	if k.away.Load() {
		return auth.Key{}, errors.New("away")
	}
	return k.MemoryKeys.Lookup(ctx, id)
}

// lasting is a server in a bubble of time, with an API key.
type lasting struct {
	*testing.T
	tr     *sqlite.Transport
	bus    *symphony.Bus
	hub    *event.Hub
	keys   *awayKeys
	key    auth.Key
	secret string
	client *http.Client
	cookie string // the last one that was set
}

// inTime runs f in a bubble of time.
func inTime(t *testing.T, change func(*auth.Key), f func(l *lasting)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := &lasting{T: t, tr: symphonytest.Storage(t, sqlite.Options{}), keys: &awayKeys{}}
		defer l.tr.Close()
		var err error
		if l.bus, err = symphony.NewBus([]symphony.Transport{l.tr}, symphony.BusOptions{}); err != nil {
			t.Fatal(err)
		}
		scopes := auth.Scopes(auth.ScopeRead, auth.ScopeConsume, auth.ScopeOperate)
		if l.secret, l.key, err = auth.GenerateKey("the key", scopes, time.Now()); err != nil {
			t.Fatal(err)
		}
		if change != nil {
			change(&l.key)
		}
		if err := l.keys.CreateKey(t.Context(), l.key); err != nil {
			t.Fatal(err)
		}
		none := ""
		sessions := auth.NewSessions(l.tr, nil, nil)
		a, err := auth.New(auth.Options{
			Keys: l.keys, Sessions: sessions, Supabase: auth.Supabase{JWTSecrets: []string{jwtSecret}, Issuer: &none},
		})
		if err != nil {
			t.Fatal(err)
		}
		l.hub = event.NewHub(l.tr, event.HubOptions{Transports: []symphony.Transport{l.tr}})
		ctx, end := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { l.hub.Run(ctx) })
		log := slog.New(slog.DiscardHandler)
		api, err := httpapi.New(httpapi.Options{Bus: l.bus, Mux: symphony.NewMux(), Auth: a, Keys: l.keys,
			Sessions: sessions, Events: l.hub, Logger: log})
		if err != nil {
			t.Fatal(err)
		}
		network, server := make(pipes), httpapi.NewServer(api.Handler(), log)
		running.Go(func() { server.Serve(network) })
		l.client = &http.Client{Transport: &http.Transport{DialContext: network.dial}}
		f(l)
		l.client.CloseIdleConnections()
		if err := server.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		end()
		running.Wait()
		if err := a.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// call sends a request and returns its answer, whose body is read to its end, and how long that took.
func (l *lasting) call(method, path, body, credential string) (status int, text string, took time.Duration) {
	l.Helper()
	began := time.Now()
	req, err := http.NewRequest(method, "http://pipe"+path, strings.NewReader(body))
	if err != nil {
		l.Fatal(err)
	}
	if strings.HasPrefix(credential, "__Host-") { // a session's cookie, as the page sends it
		req.Header.Set("Cookie", credential)
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	} else {
		req.Header.Set("Authorization", "Bearer "+credential)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := l.client.Do(req)
	if err != nil {
		l.Fatal(err)
	}
	defer resp.Body.Close()
	if cookie := resp.Header.Get("Set-Cookie"); cookie != "" {
		l.cookie, _, _ = strings.Cut(cookie, ";")
	}
	raw, err := io.ReadAll(resp.Body)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		l.Error(err)
	}
	return resp.StatusCode, string(raw), time.Since(began)
}

// after does something while a call is in progress.
func (l *lasting) after(d time.Duration, do func()) {
	time.AfterFunc(d, do)
}

func (l *lasting) token(lifetime time.Duration) string {
	claims := jwt.MapClaims{"sub": "user-1", "role": "authenticated", "aud": "authenticated", "exp": time.Now().Add(lifetime).Unix()}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(jwtSecret))
	if err != nil {
		l.Fatal(err)
	}
	return token
}

// revoke is what another process does: only the store learns of it.
func (l *lasting) revoke() {
	if err := l.keys.RevokeKey(context.Background(), l.key.ID, time.Now()); err != nil {
		l.Error(err)
	}
}

const eventsPath = "/api/symphony/events"

// Streams are never silent here: figures come every two seconds. The credential is looked at all the same.
func TestStreamsEndWhenTheirKeyIsRevoked(t *testing.T) {
	inTime(t, nil, func(l *lasting) {
		l.after(time.Minute+time.Second, l.revoke)
		status, text, took := l.call("GET", eventsPath, "", l.secret)
		if status != 200 || took != 75*time.Second || strings.Count(text, "event: stats") < 30 {
			t.Errorf("got %d after %v with %d figures, want an end at the look after the revocation", status, took, strings.Count(text, "event: stats"))
		}
		if status, text, _ := l.call("GET", eventsPath, "", l.secret); status != 401 || !strings.Contains(text, "api_key_revoked") {
			t.Errorf("again: %d %s", status, text)
		}
	})
}

func TestStreamsEndWhenTheirTokenOrKeyExpires(t *testing.T) {
	soon := func(k *auth.Key) { k.ExpiresAt = time.Now().Add(100 * time.Second) }
	inTime(t, soon, func(l *lasting) {
		if _, _, took := l.call("GET", eventsPath, "", l.token(40*time.Second)); took != 40*time.Second {
			t.Errorf("a token of 40 s: the stream took %v", took)
		}
		if _, _, took := l.call("GET", eventsPath, "", l.secret); took != time.Minute {
			t.Errorf("a key with 60 s left: the stream took %v", took)
		}
		// Clocks may differ by 5 s: who is let in within these is let in for these.
		if status, _, took := l.call("GET", eventsPath, "", l.token(-2*time.Second)); status != 200 || took != 3*time.Second {
			t.Errorf("a token in the leeway: got %d for %v", status, took)
		}
	})
}

// Where the key store is away for a time nobody is thrown out for it.
func TestStreamsOutliveAKeyStoreThatIsAway(t *testing.T) {
	inTime(t, nil, func(l *lasting) {
		l.after(10*time.Second, func() { l.keys.away.Store(true) })
		l.after(100*time.Second, func() { l.keys.away.Store(false) })
		l.after(200*time.Second, l.revoke)
		if _, _, took := l.call("GET", eventsPath, "", l.secret); took != 210*time.Second {
			t.Errorf("the stream took %v", took)
		}
	})
}

// Who was let in before its key was revoked gets no message after that.
func TestWaitsHandOutNothingToWhoIsNoLongerLetIn(t *testing.T) {
	inTime(t, nil, func(l *lasting) {
		dispatch := func() {
			if _, err := l.bus.Dispatch(context.Background(), "Order", struct{}{}, symphony.DispatchOptions{}); err != nil {
				t.Error(err)
			}
		}
		l.after(10*time.Second, dispatch)
		if status, text, took := l.call("POST", receivePath, `{"wait":30000,"lease":1000}`, l.secret); status != 200 || took != 10*time.Second || !strings.Contains(text, "Order") {
			t.Fatalf("got %d %s after %v", status, text, took)
		}
		got, err := l.tr.Receive(l.Context(), symphony.ReceiveOptions{Wait: time.Minute})
		if err != nil || len(got) != 1 || got[0].Attempt != 2 {
			t.Fatalf("got %v, %v", got, err)
		}
		l.tr.Settle(l.Context(), []symphony.Settlement{{Lease: got[0].Lease, Outcome: symphony.Ack}})
		l.after(5*time.Second, l.revoke)
		l.after(10*time.Second, dispatch)
		if status, text, _ := l.call("POST", receivePath, `{"wait":30000}`, l.secret); status != 401 || !strings.Contains(text, "api_key_revoked") {
			t.Errorf("after the revocation: %d %s", status, text)
		}
		if got, err := l.tr.Receive(l.Context(), symphony.ReceiveOptions{}); err != nil || len(got) != 1 || got[0].Attempt != 1 {
			t.Errorf("the message was not given back: %v, %v", got, err)
		}
		if status, _, took := l.call("POST", receivePath, `{"wait":30000}`, l.token(7*time.Second)); status != 401 && took != 7*time.Second && status != 403 {
			t.Errorf("a token of 7 s waited %v", took)
		}
	})
}

// A run of a worker, an export, an import and bulk work end with their callers' credentials.
func TestLongCallsEndWhenTheirKeyIsRevoked(t *testing.T) {
	inTime(t, nil, func(l *lasting) {
		l.after(time.Second, l.revoke)
		status, text, took := l.call("POST", "/api/symphony/consume", `{"waitForMessages":true}`, l.secret)
		if took != 15*time.Second {
			t.Errorf("a run of consume took %v: %d %s", took, status, text)
		}
	})
	inTime(t, nil, func(l *lasting) {
		body, feed := io.Pipe()
		l.after(20*time.Second, l.revoke)
		var feeding sync.WaitGroup
		defer feeding.Wait()
		feeding.Go(func() {
			defer feed.Close()
			for range 100 {
				<-time.After(time.Second)
				if _, err := io.WriteString(feed, `{"id":"x","message":{"type":"T","payload":{}}}`+"\n"); err != nil {
					return
				}
			}
		})
		began := time.Now()
		req, err := http.NewRequest(http.MethodPost, "http://pipe/api/symphony/messages/import", body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+l.secret)
		req.Header.Set("Content-Type", "application/x-ndjson")
		resp, err := l.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		defer body.Close()
		if raw, err := io.ReadAll(resp.Body); resp.StatusCode != http.StatusUnauthorized || time.Since(began) > 31*time.Second {
			t.Errorf("an import got %d %s, %v after %v", resp.StatusCode, raw, err, time.Since(began))
		}
	})
}

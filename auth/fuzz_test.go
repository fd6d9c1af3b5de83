package auth_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/symphony-messenger/symphony/auth"
)

// fixedProject has no server: its tokens are HS256.
func fixedProject(f *testing.F) (*project, *auth.Authenticator, *auth.MemoryKeys) {
	c := &clock{}
	c.Advance(1_790_000_000_000_000_000)
	p := &project{URL: "https://abcdefgh.supabase.co", Now: c.Now}
	store := &auth.MemoryKeys{}
	return p, newAuthenticator(f, auth.Options{
		Supabase: auth.Supabase{JWTSecrets: []string{secret}, Issuer: new("")}, Keys: store, Clock: c.Now,
	}), store
}

// FuzzToken: no token but the genuine ones is accepted.
func FuzzToken(f *testing.F) {
	p, a, _ := fixedProject(f)
	genuine := []string{p.hs256(), p.hs256(set("app_metadata", map[string]any{"symphony_role": "admin"}))}
	for _, token := range genuine {
		parts := strings.Split(token, ".")
		f.Add(parts[0], parts[1], parts[2])
		f.Add(b64([]byte(`{"alg":"none"}`)), parts[1], "")
		f.Add(b64([]byte(`{"alg":"RS256","kid":"rsa"}`)), parts[1], parts[2])
		f.Add(parts[0], b64([]byte(`{"role":"service_role","exp":1e300}`)), parts[2])
	}
	f.Fuzz(func(t *testing.T, header, claims, signature string) {
		token := header + "." + claims + "." + signature
		_, err := a.Authenticate(request("POST", "Authorization", "Bearer "+token))
		checkOutcome(t, err, slices.Contains(genuine, token))
	})
}

// FuzzAPIKey: no key but the one that was issued is accepted.
func FuzzAPIKey(f *testing.F) {
	p, a, store := fixedProject(f)
	key := createKey(f, store, p.Now())
	f.Add(key)
	f.Add("sym_")
	f.Add("sym_" + strings.Repeat("a", 16) + "_" + strings.Repeat("a", 52))
	f.Add("sym_" + strings.Repeat("é", 34))
	f.Fuzz(func(t *testing.T, sent string) {
		_, err := a.Authenticate(request("POST", "X-API-Key", sent))
		checkOutcome(t, err, sent == key)
		if strings.HasPrefix(sent, "sym_") {
			_, err = a.Authenticate(request("POST", "Authorization", "Bearer "+sent))
			checkOutcome(t, err, sent == key)
		}
	})
}

// FuzzCookieHeader: whatever the header holds, the outcome is an *Error or the one user there is.
func FuzzCookieHeader(f *testing.F) {
	p, a, _ := fixedProject(f)
	text := session(p.hs256())
	f.Add("sb-access-token=" + p.hs256())
	f.Add("sb-x-auth-token=" + base64Session(text))
	f.Add("sb-x-auth-token=" + url.PathEscape(text))
	f.Add(strings.Join(chunks("sb-x-auth-token", base64Session(text), 300), "; "))
	f.Add(`a=b; sb-x-auth-token.1="x"; sb-x-auth-token.31=; sb-y-auth-token=["t"]; =; sb-`)
	f.Fuzz(func(t *testing.T, header string) {
		got, err := a.Authenticate(request("GET", "Cookie", header))
		checkOutcome(t, err, err == nil && got.ID == subject)
	})
}

// FuzzCookieForms: a session written in either encoding, cut anywhere, is read back.
func FuzzCookieForms(f *testing.F) {
	p, a, _ := fixedProject(f)
	token := p.hs256()
	f.Add("Zoë; 100%", uint16(3180), false, false)
	f.Add(`","access_token":"`, uint16(1), true, true)
	f.Add("%41%zz\x00", uint16(97), false, true)
	f.Fuzz(func(t *testing.T, name string, size uint16, percent, reverse bool) {
		text, err := json.Marshal(map[string]any{"access_token": token, "user": map[string]any{"name": name}})
		if err != nil {
			t.Fatal(err)
		}
		value := base64Session(string(text))
		if percent {
			// Every byte, so that any multiple of three is a place to cut.
			value = "%" + strings.ReplaceAll(fmt.Sprintf("% X", text), " ", "%")
		}
		// Few enough chunks.
		n := (max(int(size), len(value)/30) + 2) / 3 * 3
		cookies := chunks("sb-x-auth-token", value, n)
		if reverse {
			slices.Reverse(cookies)
		}
		if len(value) > auth.MaxCookieBytes || len(cookies) > 32 {
			t.Skip("too long by design")
		}
		_, err = a.Authenticate(request("GET", "Cookie", strings.Join(cookies, "; ")))
		checkOutcome(t, err, true)
	})
}

func checkOutcome(t *testing.T, err error, accepted bool) {
	t.Helper()
	if accepted {
		if err != nil {
			t.Fatalf("refused: %v", err)
		}
		return
	}
	var e *auth.Error
	if !errors.As(err, &e) || !errors.Is(err, auth.ErrUnauthenticated) {
		t.Fatalf("got %v, want an *Error that is ErrUnauthenticated", err)
	}
}

package auth_test

import (
	"net/http"
	"testing"

	"github.com/symphony-messenger/symphony/auth"
)

func BenchmarkAuthenticate(b *testing.B) {
	p := &project{URL: "http://127.0.0.1:0", Now: (&clock{}).Now}
	store := &auth.MemoryKeys{}
	a := newAuthenticator(b, auth.Options{
		Supabase: auth.Supabase{JWTSecrets: []string{secret}, Issuer: new("")},
		Keys:     store,
	})
	key := createKey(b, store, p.Now())
	token := p.hs256(set("exp", 1<<40))
	for _, bc := range []struct {
		name    string
		request *http.Request
	}{
		{"api_key", request("POST", "Authorization", "Bearer "+key)},
		{"token_hs256", request("POST", "Authorization", "Bearer "+token)},
		{"cookie_hs256", request("GET", "Cookie", "sb-x-auth-token="+base64Session(session(token)))},
	} {
		b.Run(bc.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := a.Authenticate(bc.request); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("api_key_parallel", func(b *testing.B) {
		r := request("POST", "Authorization", "Bearer "+key)
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := a.Authenticate(r); err != nil {
					b.Error(err)
				}
			}
		})
	})
}

// The API key path runs on every dispatch: it must not make garbage.
func TestAPIKey_path_does_not_allocate(t *testing.T) {
	store := &auth.MemoryKeys{}
	clock := &clock{}
	key := createKey(t, store, clock.Now())
	a := newAuthenticator(t, auth.Options{Keys: store, Clock: clock.Now})
	r := bearer(key)
	wantPrincipal(t, a, r)
	allocs := testing.AllocsPerRun(1000, func() {
		if _, err := a.Authenticate(r); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 0 {
		t.Errorf("%v allocations a request, want none", allocs)
	}
}

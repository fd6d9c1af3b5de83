package auth_test

import (
	"testing"

	"github.com/symphony-messenger/symphony/auth"
)

func TestToken_of_an_oauth_app(t *testing.T) {
	p, _ := newProject(t)
	const known, full = "9a8b-known", "9a8b-full"
	a := p.authenticator(t, func(o *auth.Options) {
		o.Supabase.OAuthClients = map[string]auth.ScopeSet{known: auth.Scopes(auth.ScopeDispatch, auth.ScopeRead), full: auth.Scopes(auth.ScopeAdmin)}
	})
	for name, tc := range map[string]struct {
		client, role any
		want         string // "" if refused
	}{
		"not named":                      {"9a8b-other", nil, ""},
		"not a text":                     {8, nil, ""},
		"empty":                          {"", nil, ""},
		"null is none":                   {nil, nil, auth.DefaultScopes.String()},
		"what the app may":               {known, nil, "dispatch,read"},
		"what app and user may":          {known, "read", "read"},
		"no more than the app, an admin": {known, "admin", "dispatch,read"},
		"no more than the user":          {full, "dispatch", "dispatch"},
		"a user who may nothing":         {full, "none", "none"},
	} {
		t.Run(name, func(t *testing.T) {
			token := p.hs256(set("client_id", tc.client), set("app_metadata", map[string]any{"symphony_role": tc.role}))
			if tc.want == "" {
				wantRefused(t, a, bearer(token), auth.CodeOAuthClientNotAllowed)
				return
			}
			if got := wantPrincipal(t, a, bearer(token)).Scopes.String(); got != tc.want {
				t.Errorf("scopes: got %s, want %s", got, tc.want)
			}
		})
	}
	t.Run("where none is named", func(t *testing.T) {
		wantRefused(t, p.authenticator(t), bearer(p.hs256(set("client_id", known))), auth.CodeOAuthClientNotAllowed)
	})
}

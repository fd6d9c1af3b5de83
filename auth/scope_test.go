package auth_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/symphony-messenger/symphony/auth"
)

var allScopes = []auth.Scope{auth.ScopeDispatch, auth.ScopeConsume, auth.ScopeObserve, auth.ScopeRead,
	auth.ScopeOperate, auth.ScopeAdmin}

func TestScopeSet_has(t *testing.T) {
	for _, held := range allScopes {
		for _, asked := range allScopes {
			want := held == asked || held == auth.ScopeAdmin || held == auth.ScopeRead && asked == auth.ScopeObserve
			if got := auth.Scopes(held).Has(asked); got != want {
				t.Errorf("%s has %s: got %t, want %t", held, asked, got, want)
			}
		}
	}
	if auth.ScopeSet(0).Has(auth.ScopeRead) || auth.ScopeSet(0).Has(0) || auth.Scopes(auth.ScopeAdmin).Has(0) {
		t.Error("the empty set, or the empty scope, allows something")
	}
	if auth.Scopes(auth.ScopeRead).Has(auth.ScopeRead | auth.ScopeConsume) {
		t.Error("one scope stands for two")
	}
	if auth.DefaultScopes.Has(auth.ScopeAdmin) {
		t.Error("the defaults hold admin")
	}
}

func TestParseScope(t *testing.T) {
	for _, s := range allScopes {
		if got, err := auth.ParseScope(s.String()); got != s || err != nil {
			t.Errorf("ParseScope(%s): got %s, %v", s, got, err)
		}
	}
	for _, bad := range []string{"", "none", "Admin", "admin ", "read,admin"} {
		if got, err := auth.ParseScope(bad); err == nil || got != 0 {
			t.Errorf("ParseScope(%q): got %s, %v, want an error", bad, got, err)
		}
	}
}

func TestParseScopes(t *testing.T) {
	for set := range auth.ScopeSet(64) {
		got, err := auth.ParseScopes(set.String())
		if got != set || err != nil {
			t.Errorf("ParseScopes(%s): got %s, %v", set, got, err)
		}
		text, err := json.Marshal(set)
		if err != nil {
			t.Fatal(err)
		}
		var back auth.ScopeSet
		if err := json.Unmarshal(text, &back); back != set || err != nil {
			t.Errorf("JSON %s: got %s, %v", text, back, err)
		}
	}
	if got, err := auth.ParseScopes(" read ,dispatch,read "); got != auth.Scopes(auth.ScopeDispatch, auth.ScopeRead) || err != nil {
		t.Errorf("with blanks: got %s, %v", got, err)
	}
	got, err := auth.ParseScopes("raed,dispatch,wirte")
	if got != 0 || err == nil || !strings.Contains(err.Error(), "raed") || !strings.Contains(err.Error(), "wirte") {
		t.Errorf("misspelt: got %s, %v, want an error that names both", got, err)
	}
	set := auth.DefaultScopes
	if err := set.UnmarshalText([]byte("nothing")); err == nil || set != auth.DefaultScopes {
		t.Errorf("UnmarshalText: got %s, %v, want the set unchanged", set, err)
	}
}

func TestPrincipal_require(t *testing.T) {
	p := auth.Principal{Scopes: auth.Scopes(auth.ScopeRead)}
	if err := p.Require(auth.ScopeRead); err != nil {
		t.Error(err)
	}
	err := p.Require(auth.ScopeDispatch)
	var e *auth.Error
	if !errors.Is(err, auth.ErrForbidden) || !errors.As(err, &e) || e.Code != auth.CodeInsufficientScope || !strings.Contains(e.Message, "dispatch") {
		t.Errorf("got %v, want insufficient_scope that names the scope", err)
	}
	for _, s := range allScopes {
		if err := auth.Local().Require(s); err != nil {
			t.Errorf("local: %v", err)
		}
	}
}

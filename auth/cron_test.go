package auth_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony/auth"
)

func TestCron(t *testing.T) {
	const current, former = "the-current-cron-secret", "the-former-cron-secret"
	cron, err := auth.NewCron(current, former)
	if err != nil {
		t.Fatal(err)
	}
	want := auth.Principal{Kind: auth.KindService, ID: "cron", Name: "cron", Scopes: auth.Scopes(auth.ScopeConsume)}
	for name, headers := range map[string][]string{
		"Authorization":                    {"Authorization", "Bearer " + current},
		"Authorization, former secret":     {"Authorization", "bearer " + former},
		"x-vercel-cron-secret":             {"x-vercel-cron-secret", current},
		"x-service-key":                    {"x-service-key", former},
		"all":                              {"Authorization", "Bearer " + current, "x-vercel-cron-secret", current, "x-service-key", current},
		"a gateway's Authorization":        {"Authorization", "Bearer gateway.token", "x-service-key", current},
		"a gateway's Basic Authorization":  {"Authorization", "Basic Z2F0ZXdheQ==", "x-service-key", current},
		"an overlong Authorization beside": {"Authorization", "Bearer " + strings.Repeat("x", 1<<20), "x-service-key", current},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(want, wantPrincipal(t, cron, request("GET", headers...))); diff != "" {
				t.Errorf("principal (-want +got):\n%s", diff)
			}
		})
	}
	for name, tc := range map[string]struct {
		headers []string
		code    string
	}{
		"nothing":             {nil, auth.CodeMissingCredentials},
		"secret in a cookie":  {[]string{"Cookie", "cron=" + current}, auth.CodeMissingCredentials},
		"secret as API key":   {[]string{"X-API-Key", current}, auth.CodeMissingCredentials},
		"wrong":               {[]string{"Authorization", "Bearer another-cron-secret-x"}, auth.CodeCronSecretInvalid},
		"without scheme":      {[]string{"Authorization", current}, auth.CodeCronSecretInvalid},
		"Basic":               {[]string{"Authorization", "Basic " + current}, auth.CodeCronSecretInvalid},
		"beginning":           {[]string{"x-service-key", current[:len(current)-1]}, auth.CodeCronSecretInvalid},
		"with something more": {[]string{"x-service-key", current + "x"}, auth.CodeCronSecretInvalid},
		"another case":        {[]string{"x-service-key", strings.ToUpper(current)}, auth.CodeCronSecretInvalid},
		"both secrets":        {[]string{"x-service-key", current + "," + former}, auth.CodeCronSecretInvalid},
		"empty":               {[]string{"x-service-key", ""}, auth.CodeCronSecretInvalid},
		"too long":            {[]string{"x-service-key", strings.Repeat("x", 1<<20)}, auth.CodeCronSecretInvalid},
		"sent twice":          {[]string{"x-service-key", "x", "x-service-key", current}, auth.CodeCredentialsMalformed},
	} {
		t.Run(name, func(t *testing.T) { wantRefused(t, cron, request("POST", tc.headers...), tc.code) })
	}
}

func TestCron_without_a_secret_is_closed(t *testing.T) {
	cron, err := auth.NewCron()
	if err != nil {
		t.Fatal(err)
	}
	for _, headers := range [][]string{nil, {"x-service-key", ""}, {"Authorization", "Bearer "}, {"Authorization", "Bearer x"}} {
		wantRefused(t, cron, request("GET", headers...), auth.CodeCronSecretNotConfigured)
	}
	wantRefused(t, &auth.Cron{}, request("GET", "x-service-key", ""), auth.CodeCronSecretNotConfigured)
}

func TestNewCron_refuses(t *testing.T) {
	for _, bad := range []string{"", " ", "hush\n", " hush", "hush hush", "hüsh", "hush-hush-hush-", "hush-hush-hush-\n", "hush hush hush hush", strings.Repeat("x", auth.MaxTokenBytes+1)} {
		if cron, err := auth.NewCron("good-secret-of-cron", bad); err == nil || cron != nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("NewCron with %.20q: got %v, %v, want an error that does not quote it", bad, cron, err)
		}
	}
}

package auth_test

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony/auth"
)

func TestToken_of_a_user_is_accepted(t *testing.T) {
	p, _ := newProject(t)
	a := p.authenticator(t)
	want := auth.Principal{Kind: auth.KindUser, ID: subject, Name: "user@example.com", Scopes: auth.DefaultScopes,
		Expires: p.Now().Add(time.Hour)}
	for name, token := range map[string]string{
		"HS256":              p.hs256(),
		"RS256":              p.rs256(),
		"ES256":              p.es256(),
		"audience in array":  p.hs256(set("aud", []string{"other", "authenticated"})),
		"nbf in the past":    p.hs256(set("nbf", p.Now().Unix())),
		"unknown typ":        sign(jwt.SigningMethodHS256, []byte(secret), p.claims(), map[string]any{"typ": "at+jwt"}),
		"HS256 with a kid":   sign(jwt.SigningMethodHS256, []byte(secret), p.claims(), map[string]any{"kid": "rsa"}),
		"anonymous is null":  p.hs256(set("is_anonymous", nil)),
		"no anonymous claim": p.hs256(drop("is_anonymous")),
		"no app_metadata":    p.hs256(drop("app_metadata")),
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(want, wantPrincipal(t, a, bearer(token))); diff != "" {
				t.Errorf("principal (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("scheme in lower case", func(t *testing.T) {
		wantPrincipal(t, a, request("POST", "Authorization", "bearer  "+p.hs256()))
	})
}

func TestToken_claims(t *testing.T) {
	p, _ := newProject(t)
	a := p.authenticator(t)
	now := p.Now()
	for name, tc := range map[string]struct {
		change func(jwt.MapClaims)
		code   string
	}{
		"expired":               {set("exp", now.Add(-auth.ClockLeeway).Unix()), auth.CodeTokenExpired},
		"no exp":                {drop("exp"), auth.CodeTokenInvalid},
		"exp of 0":              {set("exp", 0), auth.CodeTokenInvalid},
		"exp as text":           {set("exp", "2099-01-01"), auth.CodeTokenInvalid},
		"exp beyond all time":   {set("exp", -1e300), auth.CodeTokenExpired},
		"not valid yet":         {set("nbf", now.Add(auth.ClockLeeway+time.Second).Unix()), auth.CodeTokenNotYetValid},
		"nbf as text":           {set("nbf", "soon"), auth.CodeTokenInvalid},
		"other issuer":          {set("iss", "https://evil.example/auth/v1"), auth.CodeTokenInvalid},
		"issuer with a slash":   {set("iss", p.URL+"/auth/v1/"), auth.CodeTokenInvalid},
		"no issuer":             {drop("iss"), auth.CodeTokenInvalid},
		"issuer in array":       {set("iss", []string{p.URL + "/auth/v1"}), auth.CodeTokenInvalid},
		"other audience":        {set("aud", "anon"), auth.CodeTokenInvalid},
		"other audiences":       {set("aud", []string{"a", "b"}), auth.CodeTokenInvalid},
		"audience not a string": {set("aud", []any{"authenticated", 1}), auth.CodeTokenInvalid},
		"audience a number":     {set("aud", 1), auth.CodeTokenInvalid},
		"no audience":           {drop("aud"), auth.CodeTokenInvalid},
		"no subject":            {drop("sub"), auth.CodeTokenInvalid},
		"empty subject":         {set("sub", ""), auth.CodeTokenInvalid},
		"subject a number":      {set("sub", 7), auth.CodeTokenInvalid},
		"subject too long":      {set("sub", strings.Repeat("x", 256)), auth.CodeTokenInvalid},
		"other role":            {set("role", "postgres"), auth.CodeTokenInvalid},
		"no role":               {drop("role"), auth.CodeTokenInvalid},
		"role in another case":  {func(c jwt.MapClaims) { c["Role"] = c["role"]; delete(c, "role") }, auth.CodeTokenInvalid},
		"role in array":         {set("role", []string{"authenticated"}), auth.CodeTokenInvalid},
		"anon role":             {set("role", "anon"), auth.CodeAnonKeyNotAllowed},
		"service role":          {set("role", "service_role"), auth.CodeServiceRoleNotAllowed},
		"anonymous":             {set("is_anonymous", true), auth.CodeAnonymousNotAllowed},
		"anonymous as text":     {set("is_anonymous", "false"), auth.CodeAnonymousNotAllowed},
		"anonymous as number":   {set("is_anonymous", 0), auth.CodeAnonymousNotAllowed},
	} {
		t.Run(name, func(t *testing.T) {
			wantRefused(t, a, bearer(p.hs256(tc.change)), tc.code)
			wantRefused(t, a, bearer(p.es256(tc.change)), tc.code)
		})
	}
}

func TestToken_times_have_leeway(t *testing.T) {
	p, clock := newProject(t)
	a := p.authenticator(t)
	token := p.hs256(set("nbf", p.Now().Unix()), set("exp", p.Now().Add(time.Minute).Unix()))
	for _, step := range []struct {
		advance time.Duration
		code    string
	}{
		{-auth.ClockLeeway - time.Second, auth.CodeTokenNotYetValid},
		{time.Second, ""},
		{auth.ClockLeeway + time.Minute, ""},
		{auth.ClockLeeway - time.Second, ""},
		{time.Second, auth.CodeTokenExpired},
	} {
		clock.Advance(step.advance)
		if step.code == "" {
			wantPrincipal(t, a, bearer(token))
		} else {
			wantRefused(t, a, bearer(token), step.code)
		}
	}
}

// The keys that the project hands out itself: long-lived, without audience and subject.
func TestProject_keys(t *testing.T) {
	p, clock := newProject(t)
	key := func(role string) string {
		return sign(jwt.SigningMethodHS256, []byte(secret), jwt.MapClaims{"iss": "supabase", "ref": "project",
			"role": role, "iat": p.Now().Unix(), "exp": p.Now().AddDate(10, 0, 0).Unix()}, nil)
	}
	allowing := p.authenticator(t, func(o *auth.Options) {
		o.Supabase.AllowServiceRole, o.Supabase.AllowAnonymous, o.Supabase.Remote = true, true, true
	})
	t.Run("anon is refused whatever is allowed", func(t *testing.T) {
		wantRefused(t, allowing, bearer(key("anon")), auth.CodeAnonKeyNotAllowed)
	})
	t.Run("service_role is an admin where allowed, without remote confirmation", func(t *testing.T) {
		want := auth.Principal{Kind: auth.KindService, ID: "service_role", Name: "service_role", Scopes: auth.Scopes(auth.ScopeAdmin),
			Expires: p.Now().AddDate(10, 0, 0)}
		if diff := cmp.Diff(want, wantPrincipal(t, allowing, bearer(key("service_role")))); diff != "" {
			t.Errorf("principal (-want +got):\n%s", diff)
		}
		if n := p.userCalls.Load(); n != 0 {
			t.Errorf("made %d confirmations, want none", n)
		}
	})
	t.Run("service_role is refused elsewhere", func(t *testing.T) {
		wantRefused(t, p.authenticator(t), bearer(key("service_role")), auth.CodeServiceRoleNotAllowed)
	})
	t.Run("service_role must be signed", func(t *testing.T) {
		forged := sign(jwt.SigningMethodHS256, []byte(secret+"!"), jwt.MapClaims{"role": "service_role", "exp": p.Now().Add(time.Hour).Unix()}, nil)
		wantRefused(t, allowing, bearer(forged), auth.CodeTokenInvalid)
	})
	t.Run("service_role expires", func(t *testing.T) {
		old := key("service_role")
		clock.Advance(11 * 366 * 24 * time.Hour)
		wantRefused(t, allowing, bearer(old), auth.CodeTokenExpired)
	})
	for _, key := range []string{"sb_secret_0123456789abcdefghijkl_mnopqrst", "sb_publishable_0123456789abcdefghijkl_mnopqrst"} {
		t.Run("no token, and told so: "+key, func(t *testing.T) {
			wantRefused(t, allowing, bearer(key), auth.CodeSupabaseKeyNotAllowed)
			wantRefused(t, allowing, request("GET", "X-API-Key", key), auth.CodeSupabaseKeyNotAllowed)
		})
	}
}

func TestToken_of_an_anonymous_user_where_allowed(t *testing.T) {
	p, _ := newProject(t)
	a := p.authenticator(t, func(o *auth.Options) { o.Supabase.AllowAnonymous = true })
	if got := wantPrincipal(t, a, bearer(p.hs256(set("is_anonymous", true)))); !got.Anonymous {
		t.Errorf("got %+v, want it marked as anonymous", got)
	}
}

func TestToken_issuer(t *testing.T) {
	p, _ := newProject(t)
	for name, tc := range map[string]struct {
		issuer *string
		iss    any
		ok     bool
	}{
		"default":           {nil, p.URL + "/auth/v1", true},
		"named":             {new("https://auth.example"), "https://auth.example", true},
		"named, default":    {new("https://auth.example"), p.URL + "/auth/v1", false},
		"named, none":       {new("https://auth.example"), "", false},
		"off, none":         {new(""), nil, true},
		"off, another":      {new(""), "https://anything.example", true},
		"default, supabase": {nil, "supabase", false},
	} {
		t.Run(name, func(t *testing.T) {
			a := p.authenticator(t, func(o *auth.Options) { o.Supabase.Issuer = tc.issuer })
			if token := p.hs256(set("iss", tc.iss)); tc.ok {
				wantPrincipal(t, a, bearer(token))
			} else {
				wantRefused(t, a, bearer(token), auth.CodeTokenInvalid)
			}
		})
	}
}

func TestToken_scopes(t *testing.T) {
	p, _ := newProject(t)
	for name, tc := range map[string]struct {
		defaults *auth.ScopeSet
		role     any
		want     string // "" if refused
	}{
		"default":                {nil, nil, "dispatch,consume,read"},
		"configured":             {new(auth.Scopes(auth.ScopeRead)), nil, "read"},
		"configured none":        {new(auth.ScopeSet(0)), nil, "none"},
		"wider":                  {nil, "admin", "admin"},
		"wider than none":        {new(auth.ScopeSet(0)), "read", "read"},
		"narrower":               {nil, "read", "read"},
		"list":                   {nil, "read, dispatch", "dispatch,read"},
		"array":                  {nil, []string{"consume", "read"}, "consume,read"},
		"none":                   {nil, "none", "none"},
		"empty array":            {nil, []string{}, "none"},
		"empty":                  {nil, "", ""},
		"misspelt":               {nil, "raed", ""},
		"partly misspelt":        {nil, "read,adnim", ""},
		"partly misspelt array":  {nil, []string{"read", "adnim"}, ""},
		"another case":           {nil, "Admin", ""},
		"list with none":         {nil, "none,read", ""},
		"array with none":        {nil, []string{"none"}, ""},
		"array with a list":      {nil, []string{"read,admin"}, ""},
		"array with a number":    {nil, []any{"read", 8}, ""},
		"number":                 {nil, 8, ""},
		"true":                   {nil, true, ""},
		"object":                 {nil, map[string]any{"admin": true}, ""},
		"trailing comma is typo": {nil, "read,", ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := p.authenticator(t, func(o *auth.Options) { o.Supabase.DefaultScopes = tc.defaults })
			token := p.hs256(set("app_metadata", map[string]any{"symphony_role": tc.role}))
			if tc.want == "" {
				wantRefused(t, a, bearer(token), auth.CodeSymphonyRoleInvalid)
				return
			}
			if got := wantPrincipal(t, a, bearer(token)).Scopes.String(); got != tc.want {
				t.Errorf("scopes: got %s, want %s", got, tc.want)
			}
		})
	}
	t.Run("what users write themselves does not count", func(t *testing.T) {
		a := p.authenticator(t)
		token := p.hs256(set("user_metadata", map[string]any{"symphony_role": "admin"}), set("symphony_role", "admin"))
		if got := wantPrincipal(t, a, bearer(token)).Scopes; got != auth.DefaultScopes {
			t.Errorf("scopes: got %s, want the defaults", got)
		}
	})
}

func TestToken_forgeries(t *testing.T) {
	p, clock := newProject(t)
	both := p.authenticator(t)
	jwksOnly := p.authenticator(t, func(o *auth.Options) { o.Supabase.JWTSecrets = nil })
	secretOnly := p.authenticator(t, func(o *auth.Options) {
		o.Supabase.URL, o.Supabase.Issuer = "", new(p.URL+"/auth/v1")
	})

	der, err := x509.MarshalPKIXPublicKey(rsaKey().Public())
	if err != nil {
		t.Fatal(err)
	}
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	publicJWK, err := json.Marshal(jwkOf("rsa", rsaKey()))
	if err != nil {
		t.Fatal(err)
	}
	hmac := func(key []byte, header map[string]any) string {
		return sign(jwt.SigningMethodHS256, key, p.claims(), header)
	}
	// header.claims of one token with another header, and the signature kept, dropped or empty.
	withHeader := func(token, header string) string {
		parts := strings.Split(token, ".")
		return b64([]byte(header)) + "." + parts[1] + "." + parts[2]
	}
	unsigned := func(header string) string {
		return b64([]byte(header)) + "." + strings.Split(p.hs256(), ".")[1] + "."
	}
	swapClaims := func(token, claims string) string {
		parts := strings.Split(token, ".")
		return parts[0] + "." + strings.Split(claims, ".")[1] + "." + parts[2]
	}

	for name, token := range map[string]string{
		"alg none":                          sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, p.claims(), nil),
		"alg none with a signature":         withHeader(p.hs256(), `{"alg":"none"}`),
		"alg None":                          unsigned(`{"alg":"None"}`),
		"alg NONE":                          unsigned(`{"alg":"NONE"}`),
		"alg empty":                         unsigned(`{"alg":""}`),
		"alg missing":                       unsigned(`{"typ":"JWT"}`),
		"alg a number":                      unsigned(`{"alg":1}`),
		"alg twice":                         unsigned(`{"alg":"HS256","alg":"none"}`),
		"alg unknown":                       unsigned(`{"alg":"XS256"}`),
		"signature dropped":                 unsigned(`{"alg":"HS256"}`),
		"HS256 signed with the PEM":         hmac(publicPEM, map[string]any{"kid": "rsa"}),
		"HS256 signed with the trimmed PEM": hmac([]byte(strings.TrimSpace(string(publicPEM))), map[string]any{"kid": "rsa"}),
		"HS256 signed with the DER":         hmac(der, map[string]any{"kid": "rsa"}),
		"HS256 signed with the JWK":         hmac(publicJWK, map[string]any{"kid": "rsa"}),
		"HS256 signed with the modulus":     hmac(rsaKey().N.Bytes(), map[string]any{"kid": "rsa"}),
		"HS256 signed with nothing":         hmac([]byte{}, nil),
		"HS256 signed with another secret":  hmac([]byte(strings.Repeat("x", 40)), nil),
		"HS384 with the secret":             sign(jwt.SigningMethodHS384, []byte(secret), p.claims(), nil),
		"HS512 with the secret":             sign(jwt.SigningMethodHS512, []byte(secret), p.claims(), nil),
		"RS512":                             sign(jwt.SigningMethodRS512, rsaKey(), p.claims(), map[string]any{"kid": "rsa"}),
		"PS256":                             sign(jwt.SigningMethodPS256, rsaKey(), p.claims(), map[string]any{"kid": "rsa"}),
		"RS256 by another key":              sign(jwt.SigningMethodRS256, otherRSAKey(), p.claims(), map[string]any{"kid": "rsa"}),
		"ES256 by another key":              sign(jwt.SigningMethodES256, otherECKey(), p.claims(), map[string]any{"kid": "ec"}),
		"ES256 with the kid of RSA":         sign(jwt.SigningMethodES256, ecKey(), p.claims(), map[string]any{"kid": "rsa"}),
		"RS256 with the kid of EC":          sign(jwt.SigningMethodRS256, rsaKey(), p.claims(), map[string]any{"kid": "ec"}),
		"RS256 without kid":                 sign(jwt.SigningMethodRS256, rsaKey(), p.claims(), nil),
		"RS256 with a kid of the wrong type": sign(jwt.SigningMethodRS256, rsaKey(), p.claims(),
			map[string]any{"kid": []string{"rsa"}}),
		"key in the header": sign(jwt.SigningMethodRS256, otherRSAKey(), p.claims(),
			map[string]any{"kid": "mine", "jwk": jwkOf("mine", otherRSAKey())}),
		"key URL in the header": sign(jwt.SigningMethodRS256, otherRSAKey(), p.claims(),
			map[string]any{"kid": "rsa", "jku": "https://evil.example/jwks.json", "x5u": "https://evil.example/cert"}),
		"claims of another token": swapClaims(p.rs256(), p.rs256(set("sub", "somebody-else"))),
		"RS256 header on HS256":   withHeader(p.hs256(), `{"alg":"RS256","kid":"rsa"}`),
	} {
		t.Run(name, func(t *testing.T) {
			clock.Advance(auth.JWKSMinInterval) // a key that is not known may be asked for at once
			wantRefused(t, both, bearer(token), auth.CodeTokenInvalid)
			wantRefused(t, jwksOnly, bearer(token), auth.CodeTokenInvalid)
			wantRefused(t, secretOnly, bearer(token), auth.CodeTokenInvalid)
		})
	}

	t.Run("crit header, though well signed", func(t *testing.T) {
		for _, crit := range []any{[]string{"b64"}, []string{}, "x", nil} {
			header := map[string]any{"kid": "rsa", "crit": crit, "b64": false}
			wantRefused(t, both, bearer(sign(jwt.SigningMethodRS256, rsaKey(), p.claims(), header)), auth.CodeTokenInvalid)
			wantRefused(t, both, bearer(hmac([]byte(secret), header)), auth.CodeTokenInvalid)
		}
	})
	t.Run("HS256 without a secret configured", func(t *testing.T) {
		wantRefused(t, jwksOnly, bearer(p.hs256()), auth.CodeTokenInvalid)
		wantPrincipal(t, jwksOnly, bearer(p.rs256()))
	})
	t.Run("RS256 and ES256 without a URL configured", func(t *testing.T) {
		wantRefused(t, secretOnly, bearer(p.rs256()), auth.CodeTokenInvalid)
		wantRefused(t, secretOnly, bearer(p.es256()), auth.CodeTokenInvalid)
		wantPrincipal(t, secretOnly, bearer(p.hs256()))
	})
	t.Run("any token without Supabase configured", func(t *testing.T) {
		keysOnly := newAuthenticator(t, auth.Options{Keys: &auth.MemoryKeys{}})
		wantRefused(t, keysOnly, bearer(p.hs256()), auth.CodeTokenInvalid)
	})
}

func TestToken_times_beyond_what_can_be_compared(t *testing.T) {
	p, _ := newProject(t)
	a := p.authenticator(t)
	for _, far := range []float64{1e19, 1e300, -1e19} {
		wantRefused(t, a, bearer(p.hs256(set("nbf", far))), auth.CodeTokenInvalid)
	}
	if _, err := a.Authenticate(bearer(p.hs256(set("exp", 1e19)))); err == nil {
		t.Error("a token with an exp of 1e19 is accepted")
	}
}

func TestToken_any_secret_of_several(t *testing.T) {
	p, _ := newProject(t)
	retired := strings.Repeat("retired ", 8)
	a := p.authenticator(t, func(o *auth.Options) { o.Supabase.JWTSecrets = []string{secret, retired} })
	wantPrincipal(t, a, bearer(p.hs256()))
	wantPrincipal(t, a, bearer(sign(jwt.SigningMethodHS256, []byte(retired), p.claims(), nil)))
}

func TestToken_mutilated(t *testing.T) {
	p, clock := newProject(t)
	a := p.authenticator(t)
	lasting := set("exp", p.Now().Add(24*time.Hour).Unix())
	for name, token := range map[string]string{"HS256": p.hs256(lasting), "ES256": p.es256(lasting)} {
		t.Run("truncated "+name, func(t *testing.T) {
			for i := 1; i < len(token); i++ {
				wantRefused(t, a, bearer(token[:i]), auth.CodeTokenInvalid)
			}
		})
		t.Run("one character changed "+name, func(t *testing.T) {
			for i := range token {
				for _, c := range []byte("A.=") {
					if token[i] != c {
						clock.Advance(auth.JWKSMinInterval) // what became of the kid may be asked for at once
						wantRefused(t, a, bearer(token[:i]+string(c)+token[i+1:]), auth.CodeTokenInvalid)
					}
				}
			}
		})
		t.Run("last character's spare bits changed "+name, func(t *testing.T) {
			const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
			last := strings.IndexByte(alphabet, token[len(token)-1])
			wantRefused(t, a, bearer(token[:len(token)-1]+alphabet[last^1:last^1+1]), auth.CodeTokenInvalid)
		})
		for what, bad := range map[string]string{
			"a fourth part": token + ".x", "no dots": strings.ReplaceAll(token, ".", ""), "only dots": "..",
			"padding": token + "=", "a blank": token + " x", "a line break": token[:9] + "\n" + token[9:],
			"a leading dot": "." + token, "a control character": token + "\x00", "not UTF-8": token + "\xff",
		} {
			t.Run(what+" "+name, func(t *testing.T) {
				wantRefused(t, a, bearer(bad), auth.CodeTokenInvalid)
			})
		}
	}
}

func TestToken_size(t *testing.T) {
	p, _ := newProject(t)
	a := p.authenticator(t)
	padded := func(n int) string { return p.hs256(set("padding", strings.Repeat("x", n))) }
	within := padded((auth.MaxTokenBytes-len(padded(0)))*3/4 - 8)
	if len(within) > auth.MaxTokenBytes || len(within) < auth.MaxTokenBytes-64 {
		t.Fatalf("the token has %d bytes, which tests nothing", len(within))
	}
	wantPrincipal(t, a, bearer(within))
	wantRefused(t, a, bearer(padded(auth.MaxTokenBytes)), auth.CodeCredentialsMalformed)
	wantRefused(t, a, bearer(strings.Repeat("x", 1<<20)), auth.CodeCredentialsMalformed)
	wantRefused(t, a, bearer("sym_"+strings.Repeat("x", 1<<20)), auth.CodeCredentialsMalformed)
	wantRefused(t, a, request("GET", "Cookie", "sb-access-token="+padded(auth.MaxTokenBytes)), auth.CodeCredentialsMalformed)
}

func TestHeaders(t *testing.T) {
	p, _ := newProject(t)
	store := &auth.MemoryKeys{}
	key, other := createKey(t, store, p.Now()), createKey(t, store, p.Now())
	a := p.authenticator(t, func(o *auth.Options) { o.Keys = store })
	good, cookie := p.hs256(), "sb-access-token="+p.hs256(set("sub", "cookie-user"))

	for name, tc := range map[string]struct {
		headers []string
		code    string
	}{
		"nothing":                        {nil, auth.CodeMissingCredentials},
		"other cookies":                  {[]string{"Cookie", "a=b; session=xyz"}, auth.CodeMissingCredentials},
		"empty Authorization":            {[]string{"Authorization", ""}, auth.CodeCredentialsMalformed},
		"scheme only":                    {[]string{"Authorization", "Bearer"}, auth.CodeCredentialsMalformed},
		"scheme and blank":               {[]string{"Authorization", "Bearer "}, auth.CodeCredentialsMalformed},
		"token without scheme":           {[]string{"Authorization", good}, auth.CodeCredentialsMalformed},
		"Basic":                          {[]string{"Authorization", "Basic dXNlcjpwYXNzd29yZA=="}, auth.CodeCredentialsMalformed},
		"scheme run together":            {[]string{"Authorization", "Bearer" + good}, auth.CodeCredentialsMalformed},
		"tab after scheme":               {[]string{"Authorization", "Bearer\t" + good}, auth.CodeCredentialsMalformed},
		"two tokens":                     {[]string{"Authorization", "Bearer " + good + ", Bearer " + good}, auth.CodeTokenInvalid},
		"garbage":                        {[]string{"Authorization", "Bearer \x00\xff\x7f"}, auth.CodeTokenInvalid},
		"twice the same":                 {[]string{"Authorization", "Bearer " + good, "Authorization", "Bearer " + good}, auth.CodeCredentialsMalformed},
		"twice, one bad":                 {[]string{"Authorization", "Bearer x", "Authorization", "Bearer " + good}, auth.CodeCredentialsMalformed},
		"empty key":                      {[]string{"X-API-Key", ""}, auth.CodeAPIKeyInvalid},
		"a token as key":                 {[]string{"X-API-Key", good}, auth.CodeAPIKeyInvalid},
		"key twice":                      {[]string{"X-API-Key", key, "X-API-Key", key}, auth.CodeCredentialsMalformed},
		"two keys":                       {[]string{"X-API-Key", key, "Authorization", "Bearer " + other}, auth.CodeCredentialsConflict},
		"token and key":                  {[]string{"X-API-Key", key, "Authorization", "Bearer " + good}, auth.CodeCredentialsConflict},
		"bad header, good key":           {[]string{"X-API-Key", key, "Authorization", "Basic x"}, auth.CodeCredentialsMalformed},
		"bad header, good cookie":        {[]string{"Authorization", "Bearer x.y.z", "Cookie", cookie}, auth.CodeTokenInvalid},
		"empty header, good cookie":      {[]string{"Authorization", "", "Cookie", cookie}, auth.CodeCredentialsMalformed},
		"other scheme, good cookie":      {[]string{"Authorization", "Basic x", "Cookie", cookie}, auth.CodeCredentialsMalformed},
		"bad key, good cookie":           {[]string{"X-API-Key", "sym_x", "Cookie", cookie}, auth.CodeAPIKeyInvalid},
		"expired header, good cookie":    {[]string{"Authorization", "Bearer " + p.hs256(set("exp", 1)), "Cookie", cookie}, auth.CodeTokenExpired},
		"API key in the token cookie":    {[]string{"Cookie", "sb-access-token=" + key}, auth.CodeTokenInvalid},
		"token in a header of Supabase":  {[]string{"Apikey", good}, auth.CodeMissingCredentials},
		"token in a proxy's header":      {[]string{"Proxy-Authorization", "Bearer " + good}, auth.CodeMissingCredentials},
		"service key outside cron route": {[]string{"X-Service-Key", good}, auth.CodeMissingCredentials},
	} {
		t.Run(name, func(t *testing.T) { wantRefused(t, a, request("GET", tc.headers...), tc.code) })
	}
	for name, tc := range map[string]struct {
		headers []string
		kind    auth.Kind
		id      string
	}{
		"header wins over cookie":        {[]string{"Authorization", "Bearer " + good, "Cookie", cookie}, auth.KindUser, subject},
		"header wins over a bad cookie":  {[]string{"Authorization", "Bearer " + good, "Cookie", "sb-access-token=x"}, auth.KindUser, subject},
		"API key wins over cookie":       {[]string{"X-API-Key", key, "Cookie", cookie}, auth.KindAPIKey, keyID(key)},
		"the same key in both headers":   {[]string{"X-API-Key", key, "Authorization", "Bearer " + key}, auth.KindAPIKey, keyID(key)},
		"cookie when there is no header": {[]string{"Cookie", cookie}, auth.KindUser, "cookie-user"},
	} {
		t.Run(name, func(t *testing.T) {
			got := wantPrincipal(t, a, request("GET", tc.headers...))
			if got.Kind != tc.kind || got.ID != tc.id {
				t.Errorf("got %s %s, want %s %s", got.Kind, got.ID, tc.kind, tc.id)
			}
		})
	}
}

package auth_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/symphony-messenger/symphony/auth"
)

// session is what Supabase's libraries keep, as JSON.
func session(token string) string {
	text, err := json.Marshal(map[string]any{
		"access_token": token, "token_type": "bearer", "expires_in": 3600, "refresh_token": "r3fresh",
		"user": map[string]any{"id": subject, "email": "user+tag@example.com", "user_metadata": map[string]any{"name": "Zoë; \"Z\" 100% 🎻"}},
	})
	if err != nil {
		panic(err)
	}
	return string(text)
}

func base64Session(text string) string { return "base64-" + b64([]byte(text)) }

// chunks cuts a value like the libraries do, n bytes to a chunk.
func chunks(name, value string, n int) []string {
	var cookies []string
	for len(value) > 0 {
		n = min(n, len(value))
		cookies = append(cookies, fmt.Sprintf("%s.%d=%s", name, len(cookies), value[:n]))
		value = value[n:]
	}
	return cookies
}

func TestCookies(t *testing.T) {
	p, _ := newProject(t)
	hosted := newAuthenticator(t, auth.Options{
		Supabase: auth.Supabase{URL: "https://abcdefgh.supabase.co", JWTSecrets: []string{secret}, Issuer: new("")},
		Clock:    p.Now,
	})
	token := p.hs256()
	text := session(token)
	const name = "sb-abcdefgh-auth-token"
	encoded, plain := base64Session(text), url.PathEscape(text)
	second := base64Session(session(p.hs256(set("sub", "second"))))

	long := p.hs256(set("padding", strings.Repeat("p", 9000)))
	longChunks := chunks(name, base64Session(session(long)), 3180)
	if len(longChunks) < 4 {
		t.Fatalf("the long session has %d chunks, which tests little", len(longChunks))
	}
	reversed := slices.Clone(longChunks)
	slices.Reverse(reversed)
	many := chunks(name, encoded, len(encoded)/12)
	slices.Sort(many) // .10 before .2

	join := func(cookies ...string) string { return strings.Join(cookies, "; ") }
	for what, header := range map[string]string{
		"the token itself":               "sb-access-token=" + token,
		"the token itself, quoted":       `sb-access-token="` + token + `"`,
		"among others":                   join("a=b", "sb-access-token="+token, "sb-refresh-token=x", "c"),
		"no blanks between":              "a=b;sb-access-token=" + token + ";c=d",
		"base64url":                      name + "=" + encoded,
		"base64url, padded":              name + "=" + encoded + "==",
		"percent-encoded JSON":           name + "=" + plain,
		"percent-encoded JSON in full":   name + "=" + strings.ReplaceAll(url.QueryEscape(text), "+", "%20"),
		"JSON as it is":                  name + "=" + strings.ReplaceAll(text, ";", ","),
		"JSON as it is, with spaces":     name + `={ "access_token" : "` + token + `" }`,
		"array":                          name + "=" + url.PathEscape(`["`+token+`","refresh",null,null]`),
		"array of one":                   name + `=["` + token + `"]`,
		"array, base64url":               name + "=" + base64Session(`["`+token+`","refresh"]`),
		"chunks":                         join(longChunks...),
		"chunks in reverse":              join(reversed...),
		"chunks between others":          join(append([]string{"a=b", "sb-abcdefgh-auth-token-code-verifier=x"}, longChunks...)...),
		"more than ten chunks":           join(many...),
		"chunks of percent-encoded JSON": join(name+".0="+url.PathEscape(text[:100]), name+".1="+url.PathEscape(text[100:])),
		"chunk 00 is not chunk 0":        join(name+".0="+encoded, name+".00=x"),
		"one chunk":                      name + ".0=" + encoded,
		"whole wins over chunks":         join(name+".0=left", name+".1=over", name+"="+encoded),
		"empty whole, then chunks":       join(append([]string{name + "="}, longChunks...)...),
		"chunks, an empty one at the end": join(append(slices.Clone(longChunks),
			fmt.Sprintf("%s.%d=", name, len(longChunks)))...),
		"a chunk left over behind a gap":     join(append(slices.Clone(longChunks), fmt.Sprintf("%s.%d=left-over", name, len(longChunks)+1))...),
		"chunks twice and 99 behind a gap":   join(name+".0="+encoded, name+".2=x", name+".2=y", name+".99=z"),
		"the same twice":                     join(name+"="+encoded, name+"="+encoded),
		"empty sb-access-token":              join("sb-access-token=", name+"="+encoded),
		"sb-access-token wins":               join(name+"="+second, "sb-access-token="+token),
		"a verifier is not a session":        join("sb-abcdefgh-auth-token-code-verifier="+second, name+"="+encoded),
		"another ref is not ours":            join("sb-other-auth-token="+second, name+"="+encoded),
		"odd chunk numbers are not chunks":   join(name+".00=x", name+".-1=x", name+".=x", name+".x=x", name+".1e0=x", name+"="+encoded),
		"the name in another case is not it": join("SB-Access-Token=x", name+"="+encoded),
	} {
		t.Run(what, func(t *testing.T) {
			if got := wantPrincipal(t, hosted, request("GET", "Cookie", header)); got.ID != subject {
				t.Errorf("got user %s, want %s", got.ID, subject)
			}
		})
	}
	t.Run("over several Cookie headers", func(t *testing.T) {
		var headers []string
		for _, c := range longChunks {
			headers = append(headers, "Cookie", c)
		}
		wantPrincipal(t, hosted, request("GET", headers...))
	})

	huge := base64Session(session(token) + strings.Repeat(" ", auth.MaxCookieBytes))
	for what, tc := range map[string]struct{ header, code string }{
		"first chunk missing":                      {join(longChunks[1:]...), auth.CodeCookieInvalid},
		"middle chunk missing":                     {join(longChunks[0], longChunks[2]), auth.CodeCookieInvalid},
		"middle chunk empty":                       {join(longChunks[0], name+".1=", longChunks[2]), auth.CodeCookieInvalid},
		"last chunk missing":                       {join(longChunks[:len(longChunks)-1]...), auth.CodeCookieInvalid},
		"chunks of two sessions":                   {join(append([]string{name + ".0=base64-AAAA"}, longChunks[1:]...)...), auth.CodeCookieInvalid},
		"chunk twice, different":                   {join(append([]string{name + ".0=other"}, longChunks...)...), auth.CodeCookieInvalid},
		"33 chunks":                                {join(chunks(name, strings.Repeat("x", 33), 1)...), auth.CodeCookieInvalid},
		"chunk number 65535":                       {name + ".65535=x", auth.CodeCookieInvalid},
		"chunk number beyond int":                  {name + ".99999999999999999999=x", auth.CodeMissingCredentials},
		"whole too long":                           {name + "=" + huge, auth.CodeCookieInvalid},
		"token cookie too long":                    {"sb-access-token=" + huge, auth.CodeCookieInvalid},
		"chunks too long together":                 {join(chunks(name, huge, 8000)...), auth.CodeCookieInvalid},
		"whole twice, different":                   {join(name+"="+encoded, name+"="+second), auth.CodeCookieInvalid},
		"token twice, different":                   {join("sb-access-token=a", "sb-access-token="+token), auth.CodeCookieInvalid},
		"bad token cookie wins too":                {join("sb-access-token=x", name+"="+encoded), auth.CodeTokenInvalid},
		"not base64":                               {name + "=base64-!!!", auth.CodeCookieInvalid},
		"standard base64":                          {name + "=base64-" + base64.StdEncoding.EncodeToString([]byte(text)), auth.CodeCookieInvalid},
		"base64 of no JSON":                        {name + "=" + base64Session("hello"), auth.CodeCookieInvalid},
		"base64 of JSON and more":                  {name + "=" + base64Session(text+"}"), auth.CodeCookieInvalid},
		"base64 of base64":                         {name + "=" + base64Session(encoded), auth.CodeCookieInvalid},
		"no JSON":                                  {name + "=hello", auth.CodeCookieInvalid},
		"a token, not a session":                   {name + "=" + token, auth.CodeCookieInvalid},
		"JSON null":                                {name + "=null", auth.CodeCookieInvalid},
		"JSON string":                              {name + `=%22x%22`, auth.CodeCookieInvalid},
		"empty object":                             {name + "={}", auth.CodeCookieInvalid},
		"empty array":                              {name + "=[]", auth.CodeCookieInvalid},
		"array of null":                            {name + "=[null]", auth.CodeCookieInvalid},
		"array of objects":                         {name + "=" + url.PathEscape("["+text+"]"), auth.CodeCookieInvalid},
		"token null":                               {name + `={"access_token":null}`, auth.CodeCookieInvalid},
		"token a number":                           {name + `={"access_token":1}`, auth.CodeCookieInvalid},
		"token of a forger":                        {name + `={"access_token":"a.b.c"}`, auth.CodeTokenInvalid},
		"token with a line break in its signature": {name + `={"access_token":"` + token[:len(token)-3] + `\n` + token[len(token)-3:] + `"}`, auth.CodeTokenInvalid},
		"token with a line break":                  {name + `={"access_token":"\n` + token + `"}`, auth.CodeTokenInvalid},
		"deeply nested":                            {name + "=" + strings.Repeat("[", 60000), auth.CodeCookieInvalid},
		"only another project's":                   {"sb-other-auth-token=" + encoded, auth.CodeMissingCredentials},
		"only a verifier":                          {name + "-code-verifier=" + encoded, auth.CodeMissingCredentials},
		"no ref":                                   {"sb--auth-token=" + encoded, auth.CodeMissingCredentials},
		"empty cookies":                            {join("sb-access-token=", name+"=", name+".0="), auth.CodeMissingCredentials},
		"empty header":                             {"", auth.CodeMissingCredentials},
		"expired token":                            {name + "=" + base64Session(session(p.hs256(set("exp", 1)))), auth.CodeTokenExpired},
		"anon key in a cookie":                     {"sb-access-token=" + p.hs256(set("role", "anon")), auth.CodeAnonKeyNotAllowed},
		"garbage all over the place":               {"=;;==; ;sb-=\x00;sb-access-token;\xff=\xff", auth.CodeMissingCredentials},
	} {
		t.Run(what, func(t *testing.T) {
			wantRefused(t, hosted, request("GET", "Cookie", tc.header), tc.code)
		})
	}
	t.Run("are nobody's without Supabase configured", func(t *testing.T) {
		keysOnly := newAuthenticator(t, auth.Options{Keys: &auth.MemoryKeys{}})
		wantRefused(t, keysOnly, request("GET", "Cookie", "sb-access-token="+token), auth.CodeMissingCredentials)
	})
}

// A self-hosted project may have another host name for browsers than for this server.
func TestCookies_of_self_hosted_projects(t *testing.T) {
	p, _ := newProject(t)
	encoded := base64Session(session(p.hs256()))
	other := base64Session(session(p.hs256(set("sub", "other"))))
	for _, tc := range []struct{ url, header, user, code string }{
		{url: "http://127.0.0.1:54321", header: "sb-127-auth-token=" + encoded, user: subject},
		{url: "http://localhost:54321", header: "sb-localhost-auth-token=" + encoded, user: subject},
		{url: "http://kong:8000", header: "sb-supabase-auth-token=" + encoded, user: subject},
		{url: "http://kong:8000", header: "sb-x-auth-token=" + other + "; sb-kong-auth-token=" + encoded, user: subject},
		{url: "http://kong:8000", header: "sb-x-auth-token=" + other + "; sb-y-auth-token=" + encoded, code: auth.CodeCookieInvalid},
		{url: "http://kong:8000", header: "sb--auth-token=" + encoded, code: auth.CodeMissingCredentials},
		{url: "https://db.supabase.co.example", header: "sb-x-auth-token=" + encoded, user: subject},
		{url: "", header: "sb-x-auth-token=" + encoded, user: subject},
		{url: "", header: "sb-x-auth-token=" + other + "; sb-access-token=" + p.hs256(), user: subject},
	} {
		t.Run(fmt.Sprintf("%s %.24s", tc.url, tc.header), func(t *testing.T) {
			a := p.authenticator(t, func(o *auth.Options) { o.Supabase.URL, o.Supabase.Issuer = tc.url, new("") })
			r := request("GET", "Cookie", tc.header)
			if tc.code != "" {
				wantRefused(t, a, r, tc.code)
				return
			}
			if got := wantPrincipal(t, a, r); got.ID != tc.user {
				t.Errorf("got user %s, want %s", got.ID, tc.user)
			}
		})
	}
}

func TestCookies_of_a_configured_name(t *testing.T) {
	p, _ := newProject(t)
	named := p.authenticator(t, func(o *auth.Options) { o.Supabase.CookieName = "shop.session" })
	encoded := base64Session(session(p.hs256()))
	for what, header := range map[string]string{
		"whole":                   "shop.session=" + encoded,
		"in chunks":               strings.Join(chunks("shop.session", encoded, 100), "; "),
		"beside that of Supabase": "sb-other-auth-token=" + base64Session("{}") + "; shop.session=" + encoded,
		"the token itself":        "sb-access-token=" + p.hs256(),
	} {
		t.Run(what, func(t *testing.T) { wantPrincipal(t, named, request("GET", "Cookie", header)) })
	}
	t.Run("another name is not looked at", func(t *testing.T) {
		wantRefused(t, named, request("GET", "Cookie", "sb-other-auth-token="+encoded), auth.CodeMissingCredentials)
	})
	for _, bad := range []string{"a b", "a=b", "sb-access-token", "session.0", "sitzüng"} {
		t.Run("refused: "+bad, func(t *testing.T) {
			if _, err := auth.New(p.options(func(o *auth.Options) { o.Supabase.CookieName = bad })); err == nil {
				t.Errorf("New accepts the cookie name %q", bad)
			}
		})
	}
}

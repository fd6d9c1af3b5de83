package auth

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// The cookies of Supabase's JavaScript libraries:
//
//	sb-access-token        the token itself
//	sb-<ref>-auth-token    the session, whole
//	sb-<ref>-auth-token.0  its first part, .1 the second, …
//
// An application may give the session another name than sb-<ref>-auth-token (cookieOptions.name).
//
// A session is JSON, an object with access_token or, formerly, an array that starts with the
// token. It is written percent-encoded, or as "base64-" and base64url without padding. A whole
// cookie wins over parts. Parts are read up to the first that is missing, as the libraries do: those
// behind it are left over from a longer session.
const (
	accessTokenCookie   = "sb-access-token"
	sessionCookiePrefix = "sb-"
	sessionCookieSuffix = "-auth-token"
	base64Prefix        = "base64-"
)

// sessionCookies finds the access token in the cookies of a Supabase project.
type sessionCookies struct {
	// name is that of the session: the configured one or sb-<ref>-auth-token, "" if neither it nor the
	// project's URL is known.
	name string
	// anyRef also admits other refs: a self-hosted project may have one host name for browsers and
	// another for servers, and the ref comes from the host name.
	anyRef bool
}

// newSessionCookies takes the configured name of the session's cookie or, without one, derives it from
// the project's URL as supabase-js does: the ref is the first label of the host name. u is nil if the
// URL is not known.
func newSessionCookies(name string, u *url.URL) *sessionCookies {
	if name != "" {
		return &sessionCookies{name: name}
	}
	if u == nil {
		return &sessionCookies{anyRef: true}
	}
	ref, domain, _ := strings.Cut(u.Hostname(), ".")
	return &sessionCookies{
		name:   sessionCookiePrefix + ref + sessionCookieSuffix,
		anyRef: domain != "supabase.co",
	}
}

// checkCookieName says what keeps a configured name from being told from other cookies, and from its own parts.
func checkCookieName(name string) error {
	isToken := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	}
	if strings.ContainsFunc(name, func(r rune) bool { return !isToken(r) }) {
		return fmt.Errorf("supabase: cookie name %q has characters that no cookie's name may have", name)
	}
	if name == accessTokenCookie {
		return fmt.Errorf("supabase: cookie name %q is that of the plain access token, which is looked for anyhow", name)
	}
	if _, index, ok := cutChunk(name); ok && index != wholeCookie {
		return fmt.Errorf("supabase: cookie name %q ends like the part of a cookie; leave the number out", name)
	}
	return nil
}

// cookieValue is one cookie as it was sent: whole, in chunks, or both.
type cookieValue struct {
	parts    map[int]cookiePart // by chunk number
	overlong bool               // more chunks than allowed
}

// cookiePart is one chunk.
type cookiePart struct {
	value     string
	ambiguous bool // it was sent twice with different values
}

// wholeCookie is the chunk number of a cookie that is not in chunks.
const wholeCookie = -1

// token returns the access token of the cookies, "" if there is none. It is not verified.
func (c *sessionCookies) token(h http.Header) (string, error) {
	if c == nil {
		return "", nil
	}
	cookies := c.collect(h)
	if access := cookies[accessTokenCookie]; access != nil {
		return access.join()
	}
	session := cookies[c.name]
	if session == nil && len(cookies) > 1 {
		return "", errCookie("There are session cookies of several Supabase projects.")
	}
	if session == nil {
		for _, only := range cookies {
			session = only
		}
	}
	if session == nil {
		return "", nil
	}
	value, err := session.join()
	if err != nil {
		return "", err
	}
	return sessionToken(value)
}

// collect returns the cookies that matter, by name without chunk number. Empty ones count as not
// sent: they are what remains of deleted ones. The Cookie header is read here and not by net/http,
// which drops cookies that hold JSON as it is.
func (c *sessionCookies) collect(h http.Header) map[string]*cookieValue {
	var cookies map[string]*cookieValue
	for _, line := range h["Cookie"] {
		for pair := range strings.SplitSeq(line, ";") {
			name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
			base, index, ok := c.match(name)
			value = unquote(strings.TrimSpace(value))
			if !ok || value == "" {
				continue
			}
			if cookies == nil {
				cookies = map[string]*cookieValue{}
			}
			if cookies[base] == nil {
				cookies[base] = &cookieValue{parts: map[int]cookiePart{}}
			}
			cookies[base].add(index, value)
		}
	}
	return cookies
}

// match takes a cookie's name apart if it may hold the token.
func (c *sessionCookies) match(name string) (base string, index int, ok bool) {
	if name == accessTokenCookie {
		return name, wholeCookie, true
	}
	if name == c.name { // which may have dots
		return name, wholeCookie, name != ""
	}
	if base, index, ok = cutChunk(name); !ok {
		return "", 0, false
	}
	ok = base == c.name || c.anyRef && strings.HasPrefix(base, sessionCookiePrefix) && strings.HasSuffix(base, sessionCookieSuffix) &&
		len(base) > len(sessionCookiePrefix)+len(sessionCookieSuffix)
	return base, index, ok
}

// cutChunk takes the number of a chunk off a cookie's name. It is not ok if what stands behind the last dot is no
// number as the libraries write it.
func cutChunk(name string) (base string, index int, ok bool) {
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 {
		return name, wholeCookie, true
	}
	digits := name[dot+1:]
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || (digits[0] == '0' && digits != "0") {
		return "", 0, false
	}
	return name[:dot], int(n), true
}

func (v *cookieValue) add(index int, value string) {
	if index >= maxCookieChunks {
		v.overlong = true
		return
	}
	old, twice := v.parts[index]
	v.parts[index] = cookiePart{value: value, ambiguous: old.ambiguous || twice && old.value != value}
}

// join returns the cookie's value, its chunks in order and percent-decoded one by one, as they were
// encoded.
func (v *cookieValue) join() (string, error) {
	if whole, ok := v.parts[wholeCookie]; ok {
		switch {
		case whole.ambiguous:
			return "", errCookieTwice()
		case len(whole.value) > MaxCookieBytes:
			return "", errCookieTooLong()
		}
		return percentDecode(whole.value), nil
	}
	var value strings.Builder
	for i := range maxCookieChunks {
		chunk, ok := v.parts[i]
		switch {
		case !ok && i == 0:
			return "", errCookie("The first part of the session cookie is missing.")
		case !ok:
			return value.String(), nil
		case chunk.ambiguous:
			return "", errCookieTwice()
		case value.Len()+len(chunk.value) > MaxCookieBytes:
			return "", errCookieTooLong()
		}
		value.WriteString(percentDecode(chunk.value))
	}
	if v.overlong {
		return "", errCookieTooLong()
	}
	return value.String(), nil
}

// sessionToken returns the access token of a session.
func sessionToken(session string) (string, error) {
	text := []byte(session)
	if encoded, ok := strings.CutPrefix(session, base64Prefix); ok {
		var err error
		if text, err = base64.RawURLEncoding.DecodeString(strings.TrimRight(encoded, "=")); err != nil {
			return "", errCookie("The session cookie is not base64url.")
		}
	}
	var object struct {
		AccessToken string `json:"access_token"`
	}
	var array []json.RawMessage
	if json.Unmarshal(text, &array) == nil && len(array) > 0 {
		if json.Unmarshal(array[0], &object.AccessToken) != nil {
			object.AccessToken = ""
		}
	} else if json.Unmarshal(text, &object) != nil {
		return "", errCookie("The session cookie is not a Supabase session.")
	}
	if object.AccessToken == "" {
		return "", errCookie("The session cookie holds no access token.")
	}
	return object.AccessToken, nil
}

// percentDecode returns s as it is when it is not percent-encoded, like the libraries do.
func percentDecode(s string) string {
	if decoded, err := url.PathUnescape(s); err == nil {
		return decoded
	}
	return s
}

// unquote removes the quotes that RFC 6265 allows around a value.
func unquote(s string) string {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		return s[1 : len(s)-1]
	}
	return s
}

func errCookie(message string) error {
	return unauthenticated(CodeCookieInvalid, message+" Sign in again, or send the token in the Authorization header.")
}

func errCookieTwice() error {
	return errCookie("The session cookie was sent twice with different values.")
}

func errCookieTooLong() error { return errCookie("The session cookie is too long.") }

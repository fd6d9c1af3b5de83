package auth

import (
	"encoding/base64"
	"encoding/json"
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
// A session is JSON, an object with access_token or, formerly, an array that starts with the
// token. It is written percent-encoded, or as "base64-" and base64url without padding. A whole
// cookie wins over parts, which may be left over from a longer session.
const (
	accessTokenCookie   = "sb-access-token"
	sessionCookiePrefix = "sb-"
	sessionCookieSuffix = "-auth-token"
	base64Prefix        = "base64-"
)

// sessionCookies finds the access token in the cookies of a Supabase project.
type sessionCookies struct {
	// name is sb-<ref>-auth-token of the project, "" if its URL is not known.
	name string
	// anyRef also admits other refs: a self-hosted project may have one host name for browsers and
	// another for servers, and the ref comes from the host name.
	anyRef bool
}

// newSessionCookies derives the cookie's name from the project's URL as supabase-js does: the ref
// is the first label of the host name. u is nil if the URL is not known.
func newSessionCookies(u *url.URL) *sessionCookies {
	if u == nil {
		return &sessionCookies{anyRef: true}
	}
	ref, domain, _ := strings.Cut(u.Hostname(), ".")
	return &sessionCookies{
		name:   sessionCookiePrefix + ref + sessionCookieSuffix,
		anyRef: domain != "supabase.co",
	}
}

// cookieValue is one cookie, whole or in chunks, as it was sent.
type cookieValue struct {
	parts     map[int]string // by chunk number
	ambiguous bool           // a part was sent twice with different values
	overlong  bool           // more chunks than allowed
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
				cookies[base] = &cookieValue{parts: map[int]string{}}
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
	if !strings.HasPrefix(name, sessionCookiePrefix) {
		return "", 0, false
	}
	index = wholeCookie
	if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
		digits := name[dot+1:]
		n, err := strconv.ParseUint(digits, 10, 16)
		if err != nil || (digits[0] == '0' && digits != "0") {
			return "", 0, false
		}
		name, index = name[:dot], int(n)
	}
	if name == c.name {
		return name, index, true
	}
	ok = c.anyRef && strings.HasSuffix(name, sessionCookieSuffix) &&
		len(name) > len(sessionCookiePrefix)+len(sessionCookieSuffix)
	return name, index, ok
}

func (v *cookieValue) add(index int, value string) {
	if index >= maxCookieChunks {
		v.overlong = true
		return
	}
	if old, twice := v.parts[index]; twice && old != value {
		v.ambiguous = true
	}
	v.parts[index] = value
}

// join returns the cookie's value, its chunks in order and percent-decoded one by one, as they were
// encoded.
func (v *cookieValue) join() (string, error) {
	if v.ambiguous {
		return "", errCookie("The session cookie was sent twice with different values.")
	}
	if whole, ok := v.parts[wholeCookie]; ok {
		if len(whole) > MaxCookieBytes {
			return "", errCookieTooLong()
		}
		return percentDecode(whole), nil
	}
	if v.overlong {
		return "", errCookieTooLong()
	}
	var value strings.Builder
	for i := range len(v.parts) {
		chunk, ok := v.parts[i]
		if !ok {
			return "", errCookie("A part of the session cookie is missing.")
		}
		if value.Len()+len(chunk) > MaxCookieBytes {
			return "", errCookieTooLong()
		}
		value.WriteString(percentDecode(chunk))
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

func errCookieTooLong() error { return errCookie("The session cookie is too long.") }

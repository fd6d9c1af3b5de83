package auth

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// The cookie of a session is called so, and then by the installation; over TLS __Host- stands before it, which has
// browsers take it from this host alone and over TLS alone. On loopback, where there is no TLS, it is called without.
const (
	sessionCookie = "symphony_session_"
	hostPrefix    = "__Host-"
)

// StartSession begins a session of the caller that a request has authenticated by a key or a token in a header, or by
// a token in Supabase's cookies, and returns the cookie for it. The session that the request's own cookie has is ended.
// Errors: an *Error, ErrForbidden where the browser would not keep the cookie; those of storage.
func (a *Authenticator) StartSession(r *http.Request, p Principal) (Session, *http.Cookie, error) {
	token := ""
	if p.Kind == KindUser || p.Kind == KindService {
		var err error
		if token, _, err = a.credential(r); err != nil {
			return Session{}, nil, err
		}
	}
	return a.startSession(r, p, token)
}

func (a *Authenticator) startSession(r *http.Request, p Principal, token string) (Session, *http.Cookie, error) {
	if err := refuseInsecure(r); err != nil {
		return Session{}, nil, err
	}
	name, err := a.sessions.cookieName(r.Context())
	if err != nil {
		return Session{}, nil, err
	}
	if old, err := sessionValue(r, name); err == nil && old != "" {
		if id, _, _, err := a.sessions.find(r.Context(), old); err == nil {
			if err := a.sessions.delete(r.Context(), recordSession, id); err != nil {
				return Session{}, nil, err
			}
		}
	}
	expires := a.sessions.end(p, SessionTTL)
	plain, id, err := a.sessions.issue(r.Context(), recordSession, p, token, expires)
	if err != nil {
		return Session{}, nil, err
	}
	return Session{id, expires}, a.cookie(r, name, plain, expires), nil
}

// RedeemCode begins the session that a code is for. A code is good once. Errors: an *Error, ErrUnauthenticated with
// CodeLoginInvalid where it is not; those of storage.
func (a *Authenticator) RedeemCode(r *http.Request, code string) (Principal, *http.Cookie, error) {
	if err := a.origins.check(r); err != nil {
		return Principal{}, nil, err
	}
	t, err := a.sessions.redeem(r.Context(), code)
	if err != nil {
		return Principal{}, nil, err
	}
	p, err := a.holder(r.Context(), t, nil, "")
	if err != nil {
		return Principal{}, nil, err
	}
	var cookie *http.Cookie
	p.Session, cookie, err = a.startSession(r, p, "")
	return p, cookie, err
}

// CodeHolder returns the caller whose session a code would begin, and leaves the code as it is. Errors: as of
// RedeemCode.
func (a *Authenticator) CodeHolder(r *http.Request, code string) (Principal, error) {
	if err := a.origins.check(r); err != nil {
		return Principal{}, err
	}
	t, _, err := a.sessions.code(r.Context(), code)
	if err != nil {
		return Principal{}, err
	}
	return a.holder(r.Context(), t, nil, "")
}

// EndSession ends the session of a caller, if he has one, and returns what takes its cookie away. This process knows it
// at once, others within KeyCacheTTL.
func (a *Authenticator) EndSession(r *http.Request, p Principal) (*http.Cookie, error) {
	if p.Session.ID == "" {
		return nil, nil
	}
	if err := a.sessions.delete(r.Context(), recordSession, p.Session.ID); err != nil {
		return nil, err
	}
	return a.ForgetSession(r), nil
}

// ForgetSession returns a cookie that takes the session's away from a browser, nil where none came with the request or
// that can't be told now.
func (a *Authenticator) ForgetSession(r *http.Request) *http.Cookie {
	if a.sessions == nil || !hasSessionCookie(r) {
		return nil
	}
	name, err := a.sessions.cookieName(r.Context())
	if err != nil {
		return nil
	}
	return a.cookie(r, name, "", time.Time{})
}

// RenewSession makes the session of a caller last longer, where that is due, and returns its cookie anew. Otherwise it
// returns nil.
func (a *Authenticator) RenewSession(r *http.Request, p *Principal) *http.Cookie {
	if p.Session.ID == "" || a.sessions.end(*p, SessionTTL).Sub(p.Session.ExpiresAt) < SessionRenewal {
		return nil
	}
	name, err := a.sessions.cookieName(r.Context())
	if err != nil {
		return nil
	}
	plain, err := sessionValue(r, name)
	if err != nil || plain == "" {
		return nil
	}
	id, e, _, err := a.sessions.find(r.Context(), plain)
	if err != nil || id != p.Session.ID {
		return nil
	}
	expires, ok := a.sessions.renew(r.Context(), id, e, *p)
	if p.Session.ExpiresAt = expires; !ok {
		return nil
	}
	return a.cookie(r, name, plain, expires)
}

// SweepSessions deletes the sessions and codes that are over. It is to be called now and then, by any process.
func (a *Authenticator) SweepSessions(ctx context.Context) error {
	if a.sessions == nil {
		return nil
	}
	_, err := a.sessions.Sweep(ctx)
	return err
}

// bySession returns the caller of the session whose cookie a request has. found is false where there is none.
func (a *Authenticator) bySession(r *http.Request) (p Principal, found bool, err error) {
	if a.sessions == nil || !hasSessionCookie(r) {
		return p, false, nil
	}
	name, err := a.sessions.cookieName(r.Context())
	if err != nil {
		return p, true, err
	}
	plain, err := sessionValue(r, name)
	if err != nil || plain == "" {
		return p, err != nil, err // there may be one of another installation
	}
	if err := a.origins.check(r); err != nil {
		return p, true, err
	}
	id, e, secret, err := a.sessions.find(r.Context(), plain)
	if err != nil {
		return p, true, err
	}
	if p, err = a.holder(r.Context(), e.ticket, secret, id); err != nil {
		return Principal{}, true, err
	}
	p.Session = Session{id, e.ticket.ExpiresAt}
	return p, true, nil
}

// holder judges the credential that a ticket stands for.
func (a *Authenticator) holder(ctx context.Context, t ticket, secret []byte, id string) (Principal, error) {
	switch t.Kind {
	case KindAPIKey:
		return a.keys.holder(ctx, t.ID)
	case KindLocal:
		p := Local()
		if t.Name != "" {
			p.Name = t.Name
		}
		return p, nil
	case KindUser, KindService:
		token, err := unseal(secret, id, t.Token)
		if err != nil {
			return Principal{}, errSessionEnded() // the record was changed
		}
		p, err := a.supabase.authenticate(ctx, token)
		if err == nil && (p.Kind != t.Kind || p.ID != t.ID) {
			return Principal{}, errSessionEnded()
		}
		return p, err
	}
	return Principal{}, errSessionEnded() // of a later release
}

// cookie is the cookie of a session; an empty one takes it away.
func (a *Authenticator) cookie(r *http.Request, name, value string, expires time.Time) *http.Cookie {
	c := &http.Cookie{
		Name: name, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, MaxAge: -1,
	}
	if !isLoopback(browserHost(r)) {
		c.Name, c.Secure = hostPrefix+name, true
	}
	if value != "" {
		c.MaxAge = max(int(expires.Sub(a.sessions.clock())/time.Second), 1)
	}
	return c
}

// hasSessionCookie reports whether a request may have the cookie of a session, without asking the store for its name.
func hasSessionCookie(r *http.Request) bool {
	for _, line := range r.Header["Cookie"] {
		if strings.Contains(line, sessionCookie) {
			return true
		}
	}
	return false
}

// sessionValue returns the value of a session's cookie, "" if there is none. Where __Host- is due, the name without it
// does not count: a page of a neighbouring name could have set that one.
func sessionValue(r *http.Request, name string) (string, error) {
	if !isLoopback(browserHost(r)) {
		name = hostPrefix + name
	}
	value := ""
	for _, c := range r.CookiesNamed(name) {
		if value != "" && c.Value != value {
			return "", errCookieTwice()
		}
		value = c.Value
	}
	return value, nil
}

// browserHost is the host that a browser believes to talk to. What a proxy says of it counts: who makes it up gets a
// cookie of another name, and nobody else does.
func browserHost(r *http.Request) string {
	host, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Host"), ",")
	if host = strings.TrimSpace(host); host != "" {
		return host
	}
	return r.Host
}

// isLoopback reports whether a host, with or without a port, is this machine by its name.
func isLoopback(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	ip := net.ParseIP(strings.Trim(name, "[]"))
	return strings.EqualFold(name, "localhost") || ip != nil && ip.IsLoopback()
}

// OnThisMachine reports whether a request was sent by a browser on this machine, straight to this server and under a
// name that always means this machine: not through a proxy, and not by a page of another name that somebody has lead
// here.
func OnThisMachine(r *http.Request) bool {
	for _, name := range []string{
		"Forwarded", "Via", "X-Real-Ip", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port",
		"X-Forwarded-Server", "X-Forwarded-Prefix",
	} {
		if r.Header[name] != nil {
			return false
		}
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	ip := net.ParseIP(host)
	return err == nil && ip != nil && ip.IsLoopback() && isLoopback(r.Host)
}

// refuseInsecure refuses to begin a session of a browser that would not keep its cookie.
func refuseInsecure(r *http.Request) error {
	u, err := url.Parse(r.Header.Get("Origin"))
	if err != nil || u.Scheme != "http" || isLoopback(u.Host) || r.Header["X-Forwarded-Host"] != nil ||
		r.Header["X-Forwarded-Proto"] != nil {
		return nil
	}
	return forbidden(CodeInsecureOrigin, "Browsers keep a session over HTTPS only, or on the machine itself at "+
		"localhost. Serve the dashboard over HTTPS: server.tls, or a proxy.")
}

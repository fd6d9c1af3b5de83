package httpapi

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// Installation is what people are told of where they are.
type Installation struct {
	// Environment is what people call it, "" for nothing, and Color the colour that it has.
	Environment, Color string
	// Storage is what keeps the messages: sqlite, postgres, memory or none.
	Storage string
	// Timezone is the server's, as the IANA names it. Default "UTC".
	Timezone string
	// ReadOnly refuses what sessions would change, whatever their callers may.
	ReadOnly bool
	// TraceURL is where a trace is shown, with {traceId} in it, "" for nowhere.
	TraceURL string
	// Servers are the dashboards of other installations.
	Servers []wire.ServerLink
	// URL is where a browser on this machine finds the server, "" where that is not known.
	URL func() string
}

var errNoSessions = unsupported("keeps no sessions: no transport can, or the API was made without Options.Sessions")

var errNoDashboard = unsupported("has no dashboard to sign in to: dashboard.enabled is false")

// sessionHours is how long a session lasts.
var sessionHours = strconv.Itoa(int(auth.SessionTTL.Hours()))

func sessionsRoutes() []route {
	return []route{
		on(wire.GetSession, route{
			tag: "Sessions", access: callerAccess, binding: true,
			summary: "Who am I, and where",
			doc:     "For callers by a session, a key or a token alike.",
			serve:   sessionShow,
		}),
		on(wire.StartSession, route{
			tag: "Sessions", access: callerAccess, anew: true, audit: "session.start", status: http.StatusCreated,
			summary: "Begin a session of this caller",
			doc: "For browsers. The answer sets a cookie, symphony_session_ and eight digits of the installation, " +
				"which scripts cannot read: it stands for exactly the caller of this request, who shows an API key " +
				"or a Supabase token. A session that the browser has is ended. It lasts " + sessionHours + " hours " +
				"after its last use, and ends with its key, or when its token expires: then the page begins another " +
				"one with a fresh token. A caller has " + strconv.Itoa(auth.MaxSessions) + " at most; a further one " +
				"ends the oldest. On anything but GET and HEAD the cookie counts only with an Origin of this server " +
				"or a configured one, and where a header says who " +
				"calls, not at all.",
			errors: []int{501},
			serve:  sessionStart,
		}),
		on(wire.EndSession, route{
			tag: "Sessions", access: callerAccess, audit: "session.end",
			summary: "End the session",
			doc: fmt.Sprintf("Streams that it has open end within %d seconds. Without a session nothing happens.",
				int(recheck.Seconds())),
			errors: []int{501},
			serve:  sessionEnd,
		}),
		on(wire.CreateLoginCode, route{
			tag: "Sessions", access: callerAccess, audit: "session.code", status: http.StatusCreated,
			summary: "Make a link that signs in a browser on the server's machine",
			doc: "The code begins one session of the caller, within ten minutes: a browser on the machine of the " +
				"server opens its address, and a person presses the button there. It is for API keys, and for the " +
				"command line on the database itself.",
			errors: []int{501},
			serve:  loginCode,
		}),
		on(wire.SignInByPassword, route{
			tag: "Sessions", access: openAccess, audit: traffic, status: http.StatusCreated,
			summary: "Begin a session of a user of the Supabase project, by password",
			example: `{"email":"ada@example.com","password":"correct horse battery staple"}`,
			doc: "For pages of this server, whose Origin it needs. The token stays with the server, and the session " +
				"ends with it, an hour later by default. A success is in the audit trail.",
			errors: []int{401, 403, 429, 501},
			serve:  signInByPassword,
		}),
		on(wire.SendMagicLink, route{
			tag: "Sessions", access: openAccess, audit: traffic,
			summary: "Have the Supabase project send a user a link that signs in",
			example: `{"email":"ada@example.com"}`,
			doc: "For pages of this server, whose Origin it needs. The link is to be opened in the same browser, " +
				"within an hour. Whether there is such a user is not told.",
			errors: []int{403, 429, 501},
			serve:  sendMagicLink,
		}),
		on(wire.GetSignInWays, route{
			tag: "Sessions", access: openAccess,
			summary: "How can a person sign in",
			doc: "What a page that signs people in can offer: passwords, links by mail, and the providers of the " +
				"Supabase project.",
			serve: signInWays,
		}),
	}
}

func sessionShow(c *call) error { return c.answer(http.StatusOK, c.session(c.principal)) }

func sessionStart(c *call) error {
	a := c.api.o.Auth
	if a == nil || c.api.o.Sessions == nil || c.principal.Kind == auth.KindLocal {
		return errNoSessions
	}
	p := c.principal
	var (
		cookie *http.Cookie
		err    error
	)
	if p.Session, cookie, err = a.StartSession(c.Request, p); err != nil {
		return err
	}
	http.SetCookie(c.w, cookie)
	return c.answer(http.StatusCreated, c.session(p))
}

func sessionEnd(c *call) error {
	if c.api.o.Sessions == nil {
		return errNoSessions
	}
	message := "There is no session: this caller showed a key or a token."
	if c.principal.Session.ID != "" {
		cookie, err := c.api.o.Auth.EndSession(c.Request, c.principal)
		if err != nil {
			return err
		}
		if cookie != nil {
			http.SetCookie(c.w, cookie)
		}
		message = "The session was ended."
	}
	return c.answer(http.StatusOK, wire.DoneResponse{Success: true, Message: message})
}

// session is what a caller is told of himself and of where he is.
func (c *call) session(p auth.Principal) wire.SessionResponse {
	in := &c.api.o.Installation
	out := wire.SessionResponse{
		Success: true, Caller: wire.Caller{Kind: string(p.Kind), ID: p.ID, Name: p.Name}, Scopes: []string{},
		Environment: c.api.environment(), Session: p.Session.ID != "",
		Version: c.api.o.Version, Storage: cmp.Or(in.Storage, "none"),
		Timezone: in.Timezone, OwnMessages: c.api.restricted(p), ReadOnly: in.ReadOnly && p.Session.ID != "",
		TraceURL: in.TraceURL, Servers: in.Servers,
	}
	if p.Scopes != 0 {
		out.Scopes = strings.Split(p.Scopes.String(), ",")
	}
	out.Bound = boundOf(p.Binding)
	end := p.Expires
	if p.Session.ID != "" {
		end = p.Session.ExpiresAt
	}
	out.ExpiresAt = optional(end)
	if out.Servers == nil {
		out.Servers = []wire.ServerLink{}
	}
	return out
}

func (a *API) environment() wire.Environment {
	return wire.Environment{Name: a.o.Installation.Environment, Color: a.o.Installation.Color}
}

func signInWays(c *call) error {
	out := wire.SignInWaysResponse{
		Success: true, Environment: c.api.environment(), APIKey: c.api.o.Keys != nil && c.api.o.Sessions != nil,
		Providers: []string{},
	}
	if a := c.api.o.Auth; a != nil {
		ways := a.SignInWays(c.Context())
		out.Password, out.MagicLink = ways.Email, ways.Email
		out.Providers = append(out.Providers, ways.Providers...)
	}
	return c.answer(http.StatusOK, out)
}

func loginCode(c *call) error {
	switch {
	case c.api.o.Sessions == nil:
		return errNoSessions
	case c.api.o.Dashboard == nil:
		return errNoDashboard
	}
	code, expires, err := c.api.o.Sessions.NewCode(c.Context(), c.principal)
	if err != nil {
		return err
	}
	out := wire.LoginCodeResponse{
		Success: true, Code: code, Path: c.api.o.Dashboard.Path + loginPath, ExpiresAt: expires,
	}
	if at := c.api.o.Installation.URL; at != nil {
		if url := at(); url != "" {
			out.URL = url + out.Path + "?code=" + code
		}
	}
	return c.answer(http.StatusCreated, out)
}

// renewSession makes the caller's session last longer by this use, where that is due.
func (c *call) renewSession() {
	if cookie := c.api.o.Auth.RenewSession(c.Request, &c.principal); cookie != nil {
		http.SetCookie(c.w, cookie)
	}
}

// forgetSession takes the cookie of a session that is over away from the browser, so that the next request is not
// refused for it.
func (a *API) forgetSession(w http.ResponseWriter, r *http.Request, err error) {
	var e *auth.Error
	if a.o.Auth == nil || !errors.As(err, &e) || e.Code != auth.CodeSessionEnded {
		return
	}
	if cookie := a.o.Auth.ForgetSession(r); cookie != nil {
		http.SetCookie(w, cookie)
	}
}

// readOnly refuses what a session would change.
func readOnly(p auth.Principal, rt *route, method string) error {
	reads := method == http.MethodGet || method == http.MethodHead
	if p.Session.ID == "" || reads || rt.access == callerAccess || rt.path == wire.PreviewSchedule.Path {
		return nil
	}
	return errReadOnly
}

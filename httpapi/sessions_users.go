package httpapi

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// Users of the Supabase project sign in through this server; see auth/signin.go. What they are asked for goes on to the
// project and is kept nowhere.

// Paths that a browser is led to. They are no part of the API.
const (
	oauthPath    = "/api/symphony/session/oauth"
	callbackPath = "/api/symphony/session/callback"
)

// signInRate is how often somebody may try to sign in from one address: to the project all of them come from this
// server.
func signInRate() flow.Rate { return flow.Rate{Count: 10, Per: time.Minute, Burst: 10} }

// rootPattern is that of a path that a page may give as the server's.
var rootPattern = regexp.MustCompile(`^/([A-Za-z0-9._~-]+/)*$`)

// The longest texts, in characters.
const (
	maxRoot = 200
)

// signInRoutes are those that lead a browser away and back. They come with the dashboard.
func signInRoutes() []route {
	page := func(path string, serve func(*call)) route {
		return route{methods: get, path: path, access: openAccess, hidden: true, page: serve}
	}
	return []route{page(oauthPath, oauthBegin), page(callbackPath, oauthFinish)}
}

// maySignIn refuses who tries too often.
func (c *call) maySignIn() error {
	if c.api.o.Auth == nil || c.api.o.Sessions == nil {
		return errNoSessions
	}
	return c.api.signIns.admit(caller{kind: "address", id: remoteAddress(c.Request, c.api.o.TrustedProxies)})
}

func signInByPassword(c *call) error {
	var req wire.PasswordRequest
	err := c.accept(&req, func(bool) []symphony.Problem {
		list := textProblems("email", req.Email, wire.MaxEmail)
		return append(list, textProblems("password", req.Password, wire.MaxPassword)...)
	})
	if err != nil {
		return err
	}
	if err := c.maySignIn(); err != nil {
		return err
	}
	p, token, err := c.api.o.Auth.SignInByPassword(c.Request, req.Email, req.Password)
	if err == nil {
		p, err = c.startUserSession(p, token)
	}
	if err != nil {
		return err
	}
	return c.answer(http.StatusCreated, c.session(p))
}

// textProblems are those of a text that is required, and has so many characters at most.
func textProblems(path, text string, most int) []symphony.Problem {
	if n := utf8.RuneCountInString(text); n < 1 || n > most {
		return []symphony.Problem{{Path: path, Message: fmt.Sprintf("must have 1 to %d characters, has %d", most, n)}}
	}
	return nil
}

// startUserSession begins a session, once the audit trail has it.
func (c *call) startUserSession(p auth.Principal, token string) (auth.Principal, error) {
	c.principal, c.w.principal = p, p.ID
	recorded := *c.route
	recorded.audit, recorded.methods = "session.login", []string{http.MethodPost}
	if c.Method == http.MethodGet { // who comes back is recorded as who signs in by a form
		asPost := c.Clone(c.Context())
		asPost.Method = http.MethodPost
		defer func(r *http.Request) { c.Request = r }(c.Request)
		c.Request = asPost
	}
	c.begin(&recorded)
	if err := c.noteRequest(nil); err != nil {
		return p, err
	}
	session, cookie, err := c.api.o.Auth.StartUserSession(c.Request, p, token)
	if err != nil {
		return p, err
	}
	p.Session = session
	http.SetCookie(c.w, cookie)
	return p, nil
}

func sendMagicLink(c *call) error {
	var req wire.MagicLinkRequest
	err := c.accept(&req, func(bool) (list []symphony.Problem) {
		if list = textProblems("email", req.Email, wire.MaxEmail); req.Root != "" && !isRoot(req.Root) {
			list = append(list, symphony.Problem{Path: "root", Message: rootProblem})
		}
		return list
	})
	if err != nil {
		return err
	}
	if err := c.maySignIn(); err != nil {
		return err
	}
	cookie, err := c.api.o.Auth.SendMagicLink(c.Request, req.Email, c.callback(req.Root))
	if err != nil {
		return err
	}
	http.SetCookie(c.w, cookie)
	return c.answer(http.StatusOK, wire.DoneResponse{Success: true,
		Message: "If somebody with this address may sign in, a link is on its way. Open it in this browser."})
}

const rootProblem = "must be a path like / or /queue/"

func isRoot(root string) bool { return len(root) <= maxRoot && rootPattern.MatchString(root) }

// callback is the address to which a browser comes back.
func (c *call) callback(root string) string {
	return auth.BrowserOrigin(c.Request) + strings.TrimSuffix(root, "/") + callbackPath
}

// oauthBegin leads a browser to a provider.
func oauthBegin(c *call) {
	query := c.URL.Query()
	err := c.maySignIn()
	if root := query.Get("root"); err == nil && root != "" && !isRoot(root) {
		err = invalid(symphony.Problem{Path: "root", Message: rootProblem})
	}
	if err != nil {
		c.loginFailed(err)
		return
	}
	to, cookie, err := c.api.o.Auth.BeginOAuth(c.Request, query.Get("provider"), c.callback(query.Get("root")))
	if err != nil {
		c.loginFailed(err)
		return
	}
	http.SetCookie(c.w, cookie)
	c.lead(to)
}

// oauthFinish signs in who comes back, from a provider or by a link in a mail.
func oauthFinish(c *call) {
	err := c.maySignIn()
	if said := c.URL.Query().Get("error"); err == nil && said != "" {
		err = say(errSignInEnded, "signing in was broken off (%s). Try again", shortened(said, 60))
	}
	if err != nil {
		c.loginFailed(err)
		return
	}
	p, token, gone, err := c.api.o.Auth.FinishSignIn(c.Request, c.URL.Query().Get("code"))
	if gone != nil {
		http.SetCookie(c.w, gone)
	}
	if err == nil {
		_, err = c.startUserSession(p, token)
	}
	if err = c.noted(err); err != nil {
		c.loginFailed(err)
		return
	}
	c.lead(c.dashboardFromHere())
}

// dashboardFromHere is the way from the request's path up to the root, and down to the dashboard, which is right also
// where a proxy takes a prefix off.
func (c *call) dashboardFromHere() string {
	return strings.Repeat("../", strings.Count(c.URL.Path, "/")-1) + strings.TrimPrefix(c.dashboardPath(), "/") + "/"
}

// lead sends a browser on.
func (c *call) lead(to string) {
	c.w.Header().Set("Referrer-Policy", "no-referrer")
	c.w.Header().Set("Location", to)
	c.w.WriteHeader(http.StatusSeeOther)
}

func (c *call) dashboardPath() string {
	if c.api.o.Dashboard == nil {
		return ""
	}
	return c.api.o.Dashboard.Path
}

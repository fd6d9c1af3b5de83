package httpapi

import (
	_ "embed"
	"errors"
	"html"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/dashboard"
)

// A link with a code signs in a browser on the machine of the server, once. Whoever opens it must be there, must have
// come straight and under a name that means this machine, so that no page of another name can be led here; and a person
// must press the button, so that nothing that merely looks at links (previews, scanners) uses one up. It is not for
// scripts: what it answers is a page.

// loginPath is where a code is redeemed, below the dashboard's path.
const loginPath = "/login"

// maxLoginForm bounds the body that the button sends.
const maxLoginForm = 4 << 10

var (
	//go:embed login.html
	loginHTML string
	//go:embed login.css
	loginCSS []byte
)

// loginPage is what login.html shows: a button with a code, or else a text.
type loginPage struct {
	Base              string // the way to the dashboard, such as "../ops/"
	Title, Text       string
	Code              string
	Name, Environment string // whose session it will be, and where
}

// html is the page. It is not written by html/template, for what that costs: see openapi_page.go.
func (p loginPage) html() string {
	base := html.EscapeString(p.Base)
	content := `<p>` + html.EscapeString(p.Text) + `</p>
        <p><a href="` + base + `">To the dashboard</a></p>`
	if p.Code != "" {
		whose := ""
		if p.Name != "" {
			whose += " as " + p.Name
		}
		if p.Environment != "" {
			whose += " at " + p.Environment
		}
		content = `<p>This link signs in this browser` + html.EscapeString(whose) + `. It is good once.</p>
        <form method="post" action="` + base + `login">
          <input type="hidden" name="code" value="` + html.EscapeString(p.Code) + `">
          <button type="submit" autofocus>Open the dashboard</button>
        </form>`
	}
	title := html.EscapeString(p.Title)
	return strings.NewReplacer("{base}", base, "{title}", title, "{content}", content).Replace(loginHTML)
}

var errElsewhere = say(errNotHere, "this link is for a browser on the machine where the server runs, which opens it "+
	"at localhost or 127.0.0.1 and not through a proxy. Elsewhere, sign in with an API key")

// loginShow answers the link: with a button or, where there is no code, with the dashboard.
func loginShow(c *call) {
	query := c.URL.Query()
	if !query.Has("code") {
		dashboardPage(c)
		return
	}
	p, err := c.codeHolder(query.Get("code"))
	if err != nil {
		c.loginFailed(err)
		return
	}
	c.page(http.StatusOK, loginPage{
		Title: "Sign in", Code: query.Get("code"), Name: p.Name, Environment: c.api.o.Installation.Environment,
	})
}

// codeHolder is whose session a code will begin.
func (c *call) codeHolder(code string) (auth.Principal, error) {
	switch {
	case c.api.o.Auth == nil || c.api.o.Sessions == nil:
		return auth.Principal{}, errNoSessions
	case !auth.OnThisMachine(c.Request):
		return auth.Principal{}, errElsewhere
	}
	return c.api.o.Auth.CodeHolder(c.Request, code)
}

// loginRedeem answers the button: it begins the session and leads to the dashboard.
func loginRedeem(c *call) {
	if err := c.noted(c.redeem()); err != nil {
		c.loginFailed(err)
		return
	}
	h := c.w.Header()
	dashboard.Protect(h)
	h.Set("Location", "./") // a proxy is never between, but the path is the page's own affair
	c.w.WriteHeader(http.StatusSeeOther)
}

// noted has the audit trail say how a sign-in ended, and returns the error that is to be told.
func (c *call) noted(err error) error {
	if err != nil {
		c.noteError(err)
		return err
	}
	return c.noteAnswer(nil)
}

// redeem records who signs in before he is signed in, as all actions are.
func (c *call) redeem() error {
	kind, _, err := mime.ParseMediaType(c.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return say(errMediaType, "the body must be the form of the page")
	}
	c.Body = http.MaxBytesReader(c.w, c.Body, maxLoginForm)
	if err := c.ParseForm(); err != nil {
		return say(errBodyUnreadable, "the form cannot be read")
	}
	code := c.PostForm.Get("code")
	if c.principal, err = c.codeHolder(code); err != nil {
		return err
	}
	c.w.principal = c.principal.ID
	c.begin(c.route)
	if err := c.noteRequest(nil); err != nil {
		return err
	}
	_, cookie, err := c.api.o.Auth.RedeemCode(c.Request, code)
	if err == nil {
		http.SetCookie(c.w, cookie)
	}
	return err
}

// loginFailed says what went wrong, for people.
func (c *call) loginFailed(err error) {
	e := describe(err)
	c.w.cause = e.cause
	title := "You are not signed in"
	if e.status >= http.StatusInternalServerError && !errors.Is(err, errNotOffered) {
		title = "The server cannot sign you in now"
	}
	c.page(e.status, loginPage{Title: title, Text: e.message})
}

// page writes a page.
func (c *call) page(status int, p loginPage) {
	p.Base = c.dashboardFromHere()
	body := p.html()
	h := c.w.Header()
	dashboard.Protect(h)
	// The code in the address goes to nobody else; but without any referrer a browser says of the button's request that
	// it comes from nowhere (Origin: null), which is refused.
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	c.w.WriteHeader(status)
	_, _ = io.WriteString(c.w, body) // a caller that is gone cannot be told so
}

func loginStyle(c *call) {
	dashboard.Protect(c.w.Header())
	c.w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, _ = c.w.Write(loginCSS)
}

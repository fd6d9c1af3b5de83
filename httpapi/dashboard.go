package httpapi

import (
	"net/http"
	"strings"
)

// Dashboard is the page for people.
type Dashboard struct {
	// Path is where it is, as package dashboard checks it.
	Path string
	// Page serves Path and what is below it.
	Page http.Handler
}

// dashboardRoutes are those of the page, none without it. They are for browsers, and no part of the API.
func (a *API) dashboardRoutes() []route {
	d := a.o.Dashboard
	if d == nil {
		return nil
	}
	page := func(path string, serve func(*call)) route {
		return route{methods: get, path: path, access: openAccess, hidden: true, page: serve}
	}
	return append(signInRoutes(), []route{
		page("/{$}", dashboardRedirect),
		page(d.Path, dashboardPage),
		page(d.Path+"/{file...}", dashboardPage),
		page(d.Path+loginPath, loginShow),
		page(d.Path+loginPath+".css", loginStyle),
		{
			methods: []string{http.MethodPost}, path: d.Path + loginPath, access: openAccess, hidden: true,
			audit: "session.login", page: loginRedeem,
		},
	}...)
}

func dashboardPage(c *call) { c.api.o.Dashboard.Page.ServeHTTP(c.w, c.Request) }

// dashboardRedirect leads from the root to the dashboard, where a proxy may have taken a prefix off.
func dashboardRedirect(c *call) {
	c.w.Header().Set("Location", strings.TrimPrefix(c.api.o.Dashboard.Path, "/")+"/")
	c.w.WriteHeader(http.StatusFound)
}

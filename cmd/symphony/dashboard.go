package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/config"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func (a *app) dashboardCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dashboard",
		Short: "Print a link that opens the dashboard signed in",
		Long: `Print a link that opens the dashboard of a running server, signed in. It is for a browser on
the machine of the server, at localhost; it is good once, for ten minutes.

The link signs in as the local administrator, or with --server as the API key. On a
PostgreSQL database the server is looked for where this configuration has it listen
(server.addr). For a server on another machine the address of its dashboard is printed,
where one signs in with an API key.`,
		Example: `  symphony dashboard
  symphony dashboard --json
  symphony dashboard --server http://127.0.0.1:8080 --api-key-file key`,
		Args: cobra.NoArgs,
	}
	return query[wire.LoginCodeResponse]{
		ask: func(ctx context.Context, r *reached, _ []string) (wire.LoginCodeResponse, error) {
			return loginLink(ctx, r)
		},
		show: func(link wire.LoginCodeResponse) {
			fmt.Fprintln(a.out, link.URL)
			if link.Code == "" {
				fmt.Fprintln(a.err, "The server is on another machine, where links do not sign in: "+
					"sign in with an API key.")
			}
		},
	}.command(a, cmd)
}

// loginLink makes a link to the server that r reaches.
func loginLink(ctx context.Context, r *reached) (wire.LoginCodeResponse, error) {
	base := r.URL()
	switch {
	case !r.local && !isLoopbackURL(base):
		return wire.LoginCodeResponse{Success: true, URL: base + "/"}, nil // which leads to the dashboard
	case r.alone && !r.config.Database.PostgreSQL():
		return wire.LoginCodeResponse{}, errNoServer
	case r.alone:
		var err error
		if base, err = listening(ctx, r.config); err != nil {
			return wire.LoginCodeResponse{}, err
		}
	}
	link, err := r.LoginCode(ctx)
	if err != nil {
		return link, err
	}
	if r.local && !r.alone { // the process that serves says where
		if link.URL == "" {
			return link, errors.New("the process that has the database open serves no dashboard at localhost: it " +
				"listens elsewhere, or leaves that to another server. Open its dashboard there, and sign in with an " +
				"API key")
		}
		return link, nil
	}
	link.URL = base + link.Path + "?code=" + url.QueryEscape(link.Code)
	return link, nil
}

var errNoServer = usageError{errors.New(`no server runs on this database: start one with "symphony serve"`)}

// serverPatience is how long a server is waited for that should be running.
const serverPatience = 3 * time.Second

// listening is where the configuration has a server listen on this machine, which must answer.
func listening(ctx context.Context, c *config.Config) (string, error) {
	host, port, err := net.SplitHostPort(c.Server.Addr)
	if err != nil {
		return "", err
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	scheme := "http"
	if c.Server.TLS() {
		scheme = "https"
	}
	base := scheme + "://" + net.JoinHostPort(host, port)
	if port == "0" || !isLoopbackURL(base) {
		return "", usageError{fmt.Errorf("a link needs a server at localhost, and this configuration listens at %s: "+
			"name the server with --server", c.Server.Addr)}
	}
	ctx, cancel := context.WithTimeout(ctx, serverPatience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/healthz", nil)
	if err != nil {
		return "", err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", usageError{fmt.Errorf("no server answers at %s: start one with \"symphony serve\", or name it with "+
			"--server (%w)", base, err)}
	}
	return base, answer.Body.Close()
}

// isLoopbackURL reports whether a URL is one of this machine.
func isLoopbackURL(text string) bool {
	u, err := url.Parse(text)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return strings.EqualFold(u.Hostname(), "localhost") || ip != nil && ip.IsLoopback()
}

package server

import (
	"context"
	"errors"
	"net"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/config"
	"github.com/symphony-messenger/symphony/dashboard"
	"github.com/symphony-messenger/symphony/httpapi"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// newDashboard makes the page for people, nil where it is off.
func newDashboard(c *config.Config) (*httpapi.Dashboard, error) {
	if !c.Dashboard.Enabled {
		return nil, nil
	}
	page, err := dashboard.Page(c.Dashboard.Path)
	if err != nil {
		return nil, err
	}
	return &httpapi.Dashboard{Path: c.Dashboard.Path, Page: page}, nil
}

// installation is what people are told of where they are.
func (n *node) installation() httpapi.Installation {
	d := n.config.Dashboard
	out := httpapi.Installation{
		Environment: d.Environment.Name, Color: d.Environment.Color, Storage: n.storageKind(), Timezone: timezone(),
		ReadOnly: d.ReadOnly, TraceURL: d.TraceURL, URL: n.loopbackURL,
	}
	for _, s := range d.Servers {
		out.Servers = append(out.Servers, wire.ServerLink(s))
	}
	return out
}

// settings are those in force, without what is secret.
func (n *node) settings() wire.ConfigResponse {
	out := wire.ConfigResponse{Success: true, File: n.config.File, Settings: []wire.Setting{}}
	for _, s := range n.config.Settings() {
		out.Settings = append(out.Settings, wire.Setting{Key: s.Key, Value: s.Value, Source: s.Source})
	}
	return out
}

// storageKind says what keeps the messages.
func (n *node) storageKind() string {
	switch {
	case n.storage != nil && n.storage.file != nil:
		return "sqlite"
	case n.storage != nil:
		return "postgres"
	case n.records != nil:
		return "memory"
	}
	return "none"
}

// loopbackURL is where a browser on this machine finds the server under a name that means this machine, "" where there
// is no such address.
func (n *node) loopbackURL() string {
	if n.url == nil {
		return ""
	}
	u, err := url.Parse(n.url())
	if err != nil {
		return ""
	}
	if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return ""
	}
	return u.String()
}

// LoginLink makes a link to the dashboard that signs in a browser on this machine as the local administrator: once,
// within ten minutes. It is "" where there is no dashboard, where nothing can be kept, and where a browser here does
// not reach the server at localhost or a loopback address. Whoever sees it before it is used can use it.
func (s *Server) LoginLink(ctx context.Context) (string, error) {
	at := s.DashboardURL()
	if at == "" || s.sessions == nil || s.loopbackURL() == "" {
		return "", nil
	}
	p := auth.Local()
	if u, err := user.Current(); err == nil {
		p.Name = u.Username
	}
	code, _, err := s.sessions.NewCode(ctx, p)
	if err != nil {
		return "", err
	}
	return at + "/login?code=" + code, nil
}

// DashboardURL is where the dashboard is, "" where there is none or the mode is not Listen.
func (s *Server) DashboardURL() string {
	if url := s.URL(); url != "" && s.config.Dashboard.Enabled && s.o.Mode == Listen {
		return url + s.config.Dashboard.Path
	}
	return ""
}

// timezone is the name of this machine's time zone, as the IANA has it: what TZ says, else where the system's link
// leads to. UTC where neither says one.
func timezone() string {
	name := strings.TrimPrefix(os.Getenv("TZ"), ":")
	if name == "" {
		link, err := filepath.EvalSymlinks("/etc/localtime")
		if err != nil {
			return "UTC"
		}
		_, name, _ = strings.Cut(filepath.ToSlash(link), "zoneinfo/")
	}
	if _, err := time.LoadLocation(name); err != nil || name == "" || name == "Local" || name == "Etc/UTC" {
		return "UTC"
	}
	return name
}

// sweepInterval is how often sessions are deleted that are over.
const sweepInterval = time.Hour

// sweepSessions deletes them until the server drains. Any number of processes may do so.
func (s *Server) sweepSessions() {
	for {
		_, err := s.sessions.Sweep(s.draining)
		if err != nil && s.draining.Err() == nil && !errors.Is(err, symphony.ErrUnavailable) {
			s.log.Warn("sessions that are over can't be deleted; it is tried again", "error", err)
		}
		pause := symphony.SystemClock().NewTimer(sweepInterval)
		select {
		case <-pause.C():
		case <-s.draining.Done():
			pause.Stop()
			return
		}
	}
}

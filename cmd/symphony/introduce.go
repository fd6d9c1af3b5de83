package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/symphony-messenger/symphony/config"
	"github.com/symphony-messenger/symphony/server"
)

// introduce says what runs, where, and on what: in lines for a person at a terminal, else in the log.
func (a *app) introduce(s *server.Server, c *config.Config, started server.Started, noWorker bool, link string) {
	names := make([]string, len(c.Transports))
	for i, t := range c.Transports {
		names[i] = t.Name
	}
	database := cmp.Or(s.Database(), "none: messages are lost at exit")
	if !isTerminal(a.err) {
		log := a.logger(c)
		log.Info("starting", "version", build().Version, "database", database, "transports", strings.Join(names, ","),
			"workers", len(started.Workers), "handlers", strings.Join(handlerNames(c), ","), "env", c.Env, "config", cmp.Or(c.File, "none"))
		if started.Addr != nil {
			log.Info("listening", "url", s.URL(), "addr", started.Addr.String(), "dashboard", s.DashboardURL())
		}
		return
	}
	st := a.style(a.err)
	line := func(name, value string) { fmt.Fprintf(a.err, "  %s %s\n", st.dim(fmt.Sprintf("%-11s", name)), value) }
	fmt.Fprintf(a.err, "%s %s\n", st.bold("Symphony Messenger"), build().Version)
	if started.Addr != nil {
		line("API", s.URL()+"  "+st.dim("(described at "+s.URL()+"/docs)"))
	}
	if at := cmp.Or(link, s.DashboardURL()); at != "" {
		line("dashboard", at)
	}
	line("database", database)
	line("transports", strings.Join(names, ", "))
	if noWorker {
		line("worker", "none (--no-worker)")
	} else {
		line("worker", fmt.Sprintf("up to %s at a time on %s", plural(c.Worker.Continuous.Concurrency, "handler"), plural(len(started.Workers), "transport")))
	}
	line("handlers", strings.Join(handlerNames(c), ", "))
	if c.Push.Enabled() {
		line("pushes", "messages with a URL of their own, to "+strings.Join(c.Push.AllowedOrigins, ", "))
	}
	fmt.Fprintf(a.err, "  %s\n", st.dim("Ctrl-C stops it, finishing what is in hand; twice stops it at once."))
}

// handlerNames lists what is handled and how, each type once.
func handlerNames(c *config.Config) []string {
	if len(c.Handlers) == 0 {
		return []string{demoPattern + " (built in, to try out)"}
	}
	var names []string
	for _, h := range c.Handlers {
		kind := "http"
		if h.Command != nil {
			kind = "command"
		}
		names = append(names, fmt.Sprintf("%s (%s)", h.Pattern, kind))
	}
	return slices.Compact(names)
}

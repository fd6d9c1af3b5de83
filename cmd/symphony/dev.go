package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/client"
	"github.com/symphony-messenger/symphony/config"
	"github.com/symphony-messenger/symphony/handler/httppush"
	"github.com/symphony-messenger/symphony/httpapi"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/internal/scratch"
	"github.com/symphony-messenger/symphony/server"
)

// Timing of the look at the application's types.
const (
	devAwait   = 500 * time.Millisecond // while it does not answer
	devFollow  = 2 * time.Second        // for changes
	devPatient = 10 * time.Second       // for one answer: the first one may have to be compiled
)

// dev is a server for one developer and an application on the same machine.
type dev struct {
	*app
	target   string // the application's route
	port     int
	keep     string // folder of the database; empty: a temporary one
	writeEnv string
	quiet    bool

	url, secret string
	client      *client.Client
	print       sync.Mutex
	types       []string // of the application, as they are set
	said        string   // of the application, so that it is said once
}

func (a *app) devCommand() *cobra.Command {
	d := &dev{app: a}
	cmd := &cobra.Command{
		Use:   "dev --app URL",
		Short: "Run a throw-away server for an application on this machine",
		Long: `Run a server for development: with a database that is deleted at the end, a new API key and a new webhook
secret, which are printed as lines for .env and written with --write-env. It asks the application's
route which types it handles, waits until it answers, follows changes, and pushes messages to it.
Each attempt is a line. The dashboard is open behind the link that is printed.

It listens on 127.0.0.1 only, and answers nobody who calls this machine by another name than
localhost. Of the configuration only the file is read that --config names, such as for types, users
and limits: where the database is and where is pushed to does not count. No SYMPHONY_ variable is read.`,
		Example: `  symphony dev --app http://localhost:3000/api/symphony --write-env .env.local
  symphony dev --app http://localhost:3000/api/symphony --keep ./queue --port 9000`,
		Args: cobra.NoArgs,
		RunE: a.run(func(cmd *cobra.Command, _ []string) error { return d.run(cmd.Context()) }),
	}
	f := cmd.Flags()
	f.StringVar(&d.target, "app", "", "`URL` of the application's route, on this machine")
	f.IntVar(&d.port, "port", 8080, "listen on this `PORT` of 127.0.0.1; 0 takes a free one")
	f.StringVar(&d.keep, "keep", "", "keep the database in this `FOLDER` (default: it is deleted at the end)")
	f.StringVar(&d.writeEnv, "write-env", "",
		"write URL, key and secret to this `FILE`, and leave its other lines alone")
	f.BoolVar(&d.quiet, "quiet", false, "no line for each attempt")
	a.jsonFlag(cmd)
	return cmd
}

// run serves until ctx ends.
func (d *dev) run(ctx context.Context) (err error) {
	origin, err := d.check()
	if err != nil {
		return usageError{err}
	}
	dir := d.keep
	if dir == "" {
		scratch.Sweep("")
		folder, merr := scratch.Make("")
		if merr != nil {
			return merr
		}
		defer func() { err = errors.Join(err, folder.Close()) }()
		dir = folder.Path()
	} else if err = os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(d.port)))
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w\nAnother program listens there; --port 0 takes a free port", err)
	}
	if err != nil {
		return err
	}
	defer listener.Close() //nolint:errcheck // after Shutdown it is closed already
	d.url, d.secret = "http://"+listener.Addr().String(), httppush.NewSecret()
	c, err := devConfig(dir, origin, d.configFile)
	if err != nil {
		return err
	}
	s, err := server.New(ctx, c, server.Options{Mode: server.Mounted, Logger: d.logger(c), Programs: &d.programs,
		Version: build().Version, Commit: build().Commit, Waiting: d.waiting,
		Handlers: func(mux *symphony.Mux) { mux.Use(d.tell(mux)) }})
	if err != nil {
		return explain(ctx, err)
	}
	return d.serve(ctx, s, listener, d.logger(c))
}

// serve runs a server that was made, which it closes.
func (d *dev) serve(ctx context.Context, s *server.Server, listener net.Listener, log *slog.Logger) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	local, err := client.New(localURL, "", client.Options{UserAgent: userAgent(),
		HTTPClient: &http.Client{Transport: inProcess{s.LocalHandler()}}})
	if err != nil {
		return errors.Join(err, s.Close())
	}
	d.client = local
	// Nothing is handled, and so nothing fails for want of a handler, before it is known what the application handles.
	reason := "the application has not answered yet"
	if _, err := local.Pause(ctx, wire.HoldRequest{Reason: &reason}); err != nil {
		return errors.Join(err, s.Close())
	}
	key, err := local.CreateKey(ctx, wire.CreateKeyRequest{Name: "dev", Scopes: []string{"admin"}})
	if err != nil {
		return errors.Join(err, s.Close())
	}
	link, err := local.LoginCode(ctx)
	if err != nil {
		return errors.Join(err, s.Close())
	}
	if err := d.introduce(key.Secret, d.url+link.Path+"?code="+url.QueryEscape(link.Code)); err != nil {
		return errors.Join(err, s.Close())
	}
	answers := httpapi.NewServer(loopbackOnly(s.Handler()), log)
	var parts sync.WaitGroup
	failed := make(chan error, 2)
	parts.Go(func() { failed <- s.Run(ctx); stop() })
	parts.Go(func() { failed <- answers.Serve(listener); stop() })
	parts.Go(func() { d.follow(ctx) })
	<-ctx.Done()
	grace, end := context.WithTimeout(context.WithoutCancel(ctx), closeGrace)
	defer end()
	err = answers.Shutdown(grace)
	parts.Wait()
	return errors.Join(err, <-failed, <-failed)
}

// check tells all that is wrong with what was given, before anything is made, or the application's origin.
func (d *dev) check() (origin string, err error) {
	origin, err = devOrigin(d.target)
	if d.port < 0 || d.port > math.MaxUint16 {
		err = errors.Join(err, fmt.Errorf("--port must be 0 to %d, is %d", math.MaxUint16, d.port))
	}
	if d.writeEnv != "" {
		_, eerr := envFile(d.writeEnv)
		err = errors.Join(err, eerr)
	}
	if info, kerr := os.Stat(d.keep); d.keep != "" && kerr == nil && !info.IsDir() {
		err = errors.Join(err, fmt.Errorf("--keep: %s is not a folder", d.keep))
	}
	return origin, err
}

// devOrigin is the origin of an application, which must be on this machine.
func devOrigin(target string) (string, error) {
	u, err := url.Parse(target)
	switch {
	case target == "":
		return "", errors.New("name the application's route: --app http://localhost:3000/api/symphony")
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil:
		return "", fmt.Errorf("--app must be a URL such as http://localhost:3000/api/symphony, is %q", target)
	case !isLoopbackURL(target):
		return "", fmt.Errorf("--app must be on this machine, at localhost, is at %s", u.Host)
	}
	return u.Scheme + "://" + u.Host, nil
}

// devConfig is the configuration of a server for development: what a file says, where one is given, and above it what
// makes a server one for development. Nothing else is read, and no variable.
func devConfig(dir, origin, file string) (*config.Config, error) {
	if file == "" {
		file = filepath.Join(dir, "symphony.yaml")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			return nil, err
		}
	}
	var flags []config.Flag
	for _, set := range [][2]string{{"env", "development"}, {"dashboard.environment.name", "dev"},
		{"log.level", "warn"}, {"server.access_log", "false"},
		{"database.path", filepath.Join(dir, "symphony.db")}, {"database.retention", "8760h"},
		{"push.allowed_origins", origin}, {"push.allow_private", "true"}, {"push.keep_output", "true"}} {
		flags = append(flags, config.Flag{Name: "dev", Key: set[0], Value: set[1]})
	}
	return config.Load(config.Sources{File: file, Flags: flags})
}

// loopbackOnly refuses requests that name this machine otherwise than as localhost: a page whose name somebody has lead
// here could read the answers.
func loopbackOnly(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLoopbackURL("http://" + r.Host) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"error":"This server is for localhost alone.",`+
				`"code":"not_on_this_machine"}`+"\n")
			return
		}
		h.ServeHTTP(w, r)
	})
}

// introduce says where the server is and how it is reached.
func (d *dev) introduce(key, link string) error {
	values := [][2]string{{"SYMPHONY_URL", d.url}, {"SYMPHONY_API_KEY", key}, {"SYMPHONY_WEBHOOK_SECRET", d.secret}}
	if d.json {
		raw, err := json.Marshal(map[string]string{"event": "started", "url": d.url, "apiKey": key,
			"webhookSecret": d.secret, "dashboard": link})
		if err != nil {
			return err
		}
		fmt.Fprintf(d.out, "%s\n", raw)
	} else {
		for _, v := range values {
			fmt.Fprintf(d.out, "%s=%s\n", v[0], v[1])
		}
		fmt.Fprintf(d.err, "\nDashboard, signed in (good once, for ten minutes): %s\n", link)
	}
	if d.writeEnv == "" {
		return nil
	}
	what, err := writeEnv(d.writeEnv, values)
	if err == nil && !d.json {
		fmt.Fprintf(d.err, "%s. Start the application anew, so that it reads them.\n", what)
	}
	return err
}

// say tells something of the application, once.
func (d *dev) say(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	d.print.Lock()
	defer d.print.Unlock()
	if text != d.said && !d.json {
		fmt.Fprintln(d.err, printable(text))
	}
	d.said = text
}

// follow sets handlers for the types of the application, until ctx ends.
func (d *dev) follow(ctx context.Context) {
	clock, held := symphony.SystemClock(), true
	for {
		wait := devFollow
		types, err := d.ask(ctx)
		if err == nil {
			err = d.set(ctx, types)
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			wait = devAwait
			d.say("Waiting for %s: %v", d.target, err)
		default:
			if d.say("%s handles %s", d.target, strings.Join(types, ", ")); held {
				_, err = d.client.Resume(ctx, wire.HoldTarget{})
				held = err != nil
			}
		}
		t := clock.NewTimer(wait)
		select {
		case <-t.C():
		case <-ctx.Done():
			t.Stop()
			return
		}
	}
}

// ask asks the application for its types, signed as what is pushed to it.
func (d *dev) ask(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, devPatient)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, d.target, nil)
	if err != nil {
		return nil, err
	}
	hook, err := webhooks.NewWebhook(d.secret)
	if err != nil {
		return nil, err
	}
	now := symphony.SystemClock().Now()
	signature, err := hook.Sign("types", now, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set(webhooks.HeaderWebhookID, "types")
	r.Header.Set(webhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	r.Header.Set(webhooks.HeaderWebhookSignature, signature)
	alone := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := alone.Do(r)
	if err != nil {
		var failed *url.Error
		if errors.As(err, &failed) {
			err = failed.Err
		}
		return nil, fmt.Errorf("it does not answer (%w)", err)
	}
	defer answer.Body.Close()
	var told struct {
		Types []string `json:"types"`
	}
	switch raw, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20)); {
	case err != nil:
		return nil, err
	case answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden:
		return nil, fmt.Errorf("it answers %s: start it with the SYMPHONY_WEBHOOK_SECRET above", answer.Status)
	case answer.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("it answers %s to GET", answer.Status)
	case json.Unmarshal(raw, &told) != nil || told.Types == nil:
		return nil, errors.New(`its answer to GET is not {"types": […]}`)
	}
	slices.Sort(told.Types)
	return slices.Compact(told.Types), nil
}

// set has exactly these types pushed to the application.
func (d *dev) set(ctx context.Context, types []string) error {
	if d.types != nil && slices.Equal(types, d.types) {
		return nil
	}
	known, err := d.client.Handlers(ctx)
	if err != nil {
		return err
	}
	var configured []string // which win, and cannot be set
	for _, h := range known.Handlers {
		if h.Source != wire.HandlerSet {
			configured = append(configured, h.Pattern)
			continue
		}
		if slices.Contains(types, h.Pattern) {
			continue
		}
		if _, err := d.client.DeleteHandler(ctx, client.HandlerTarget{Pattern: h.Pattern, Queue: h.Queue}); err != nil {
			return err
		}
	}
	for _, pattern := range types {
		if slices.Contains(configured, pattern) {
			continue
		}
		req := wire.HandlerRequest{URL: d.target, Secret: &d.secret}
		keep := true
		req.KeepOutput = &keep
		if _, err := d.client.SetHandler(ctx, client.HandlerTarget{Pattern: pattern}, req); err != nil {
			return fmt.Errorf("its type %q: %w", pattern, err)
		}
	}
	d.types = append([]string{}, types...)
	return nil
}

// tell tells of each attempt.
func (d *dev) tell(mux *symphony.Mux) symphony.Middleware {
	return func(next symphony.Handler) symphony.Handler {
		return symphony.HandlerFunc(func(ctx context.Context, m *symphony.Delivery) error {
			clock := symphony.SystemClock()
			began := symphony.Elapsed(clock)
			err := next.Handle(ctx, m)
			took := symphony.Elapsed(clock) - began
			decision := mux.PolicyOf(&m.Envelope, symphony.Policy{}).For(m.Terms).Decide(m.Attempt, err, 0.5)
			result := map[symphony.Outcome]string{symphony.Ack: "completed", symphony.Retry: "retrying",
				symphony.Fail: "failed", symphony.Release: "waiting"}[decision.Outcome]
			d.attempt(clock.Now(), m, result, took, err)
			return err
		})
	}
}

// attempt prints the line of an attempt.
func (d *dev) attempt(at time.Time, m *symphony.Delivery, result string, took time.Duration, err error) {
	if d.quiet {
		return
	}
	d.print.Lock()
	defer d.print.Unlock()
	if d.json {
		line := map[string]any{"event": "attempt", "at": at.UTC(), "id": m.ID, "type": m.Type, "queue": m.Queue,
			"attempt": m.Attempt, "result": result, "ms": took.Milliseconds()}
		if err != nil {
			line["error"] = printable(err.Error())
		}
		if raw, merr := json.Marshal(line); merr == nil {
			fmt.Fprintf(d.out, "%s\n", raw)
		}
		return
	}
	st := d.style(d.err)
	mark := st.red(result)
	if result == "completed" {
		mark = st.green(result)
	}
	text := ""
	if err != nil {
		text = "  " + oneLine(err.Error(), 100)
	}
	fmt.Fprintf(d.err, "%s  %s  attempt %d  %s  %s%s\n", st.dim(at.Local().Format(time.TimeOnly)), oneLine(m.Type, 40),
		m.Attempt, mark, took.Round(time.Millisecond), text)
}

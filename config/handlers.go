package config

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/symphony-messenger/symphony/handler/httppush"
)

// Breaker configures handler/breaker.
type Breaker struct {
	Failures int
	Pause    time.Duration
	MaxPause time.Duration
}

// breakerSection is a Breaker as it is set.
type breakerSection struct {
	// Stop calling the handler while it keeps failing, without using up attempts. If not set: `true` for `http`,
	// `false` for `command`.
	Enabled bool `key:"enabled"`
	// Failures in a row that stop it. If not set: [breaker.DefaultFailures].
	Failures int `key:"failures" min:"1" max:"10000"`
	// The time until the first probe. If not set: [breaker.DefaultPause].
	Pause time.Duration `key:"pause" min:"100ms" max:"1h"`
	// The longest time between two probes, of which each waits twice as long as the one before. If not set:
	// [breaker.DefaultMaxPause].
	MaxPause time.Duration `key:"max_pause" min:"100ms" max:"24h"`
}

// HTTPHandler configures handler/httppush.
type HTTPHandler struct {
	// POST each message to this URL, as a Standard Webhook.
	URL string `key:"url" about:"URL" check:"Endpoint" hide:"Endpoint"`
	// Sign with these secrets (whsec_…); several while one is rotated.
	Secrets []Secret `key:"secrets" check:"WebhookSecret"`
	// Further headers of the request.
	Headers map[string]string `key:"headers" about:"a mapping" check:"Headers" secret:"yes"`
}

// CommandHandler configures handler/command.
type CommandHandler struct {
	// Run this program for each message, with the message on its standard input. No shell is involved. An argument
	// marked `!secret` is not shown; other users of the machine see it all the same while the program runs.
	Run        []string `key:"run" secrets:"SecretArgs"`
	SecretArgs []int    // the places in Run that must not be shown
	// Its working directory. If not set: the server's.
	Dir string `key:"dir" about:"path"`
	// Variables for it. Of the server's own it gets PATH, HOME, LANG and TMPDIR only, and so no secrets.
	Env map[string]string `key:"env" about:"a mapping" secret:"yes"`
	// Exit codes that fail the message for good. 0 is success; all others retry, and so does [command.TempFail]
	// always.
	FailExitCodes []int `key:"fail_exit_codes" min:"1" max:"255"`
	// How long it may go on after SIGTERM at its timeout, before it is killed. If not set: [command.DefaultGrace].
	Grace time.Duration `key:"grace" min:"1ms"`
}

// The checks ask package httppush, which owns the rules.

func checkEndpoint(s string) error {
	_, err := httppush.New(s, httppush.Options{})
	return unwrapped(err)
}

func checkWebhookSecret(s string) error {
	_, err := httppush.New("http://localhost", httppush.Options{Secrets: []string{s}})
	return unwrapped(err)
}

func checkHeaders(m map[string]string) error {
	_, err := httppush.New("http://localhost", httppush.Options{Headers: m})
	return unwrapped(err)
}

// masked stands for a password in a longer text.
const masked = "xxxxx"

// ShownEndpoint is the URL of a handler as it may be shown.
func ShownEndpoint(url string) string { return hideEndpoint(url) }

// hideEndpoint masks all of a URL but scheme and host: webhooks often have a secret in their path or query.
func hideEndpoint(s string) string {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return mask
	case strings.Trim(u.Path, "/") == "" && u.RawQuery == "" && u.Fragment == "" && u.User == nil:
		return s
	}
	return u.Scheme + "://" + u.Host + "/" + mask
}

// hidePassword masks the password in a URL.
func hidePassword(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return mask
	}
	if _, has := u.User.Password(); has {
		u.User = url.UserPassword(u.User.Username(), masked)
	}
	return fmt.Sprint(u)
}

// handler is one entry of the list handlers while it is read.
type handler struct {
	settings handlerSettings
	fields   []*field
	place    place
}

// handlerSettings are a Handler as it is set.
type handlerSettings struct {
	// The types it handles: an exact type, `Prefix.*` or `*` (in quotes). Required.
	Type string `key:"type" about:"a pattern" check:"pattern"`
	// Tells several handlers of one type apart; keep it the same across releases. If not set: its place, from 1.
	Name string `key:"name" about:"text" check:"HandlerName"`
	// Ends the handler. If not set: `worker.handler_timeout`, and for `http`, where that is not set either,
	// [httppush.DefaultTimeout].
	Timeout time.Duration `key:"timeout" min:"1ms"`
	// How many of a worker's messages it has at the same time, so that one that hangs leaves the others the rest.
	// Messages beyond are given back for a while, uncounted. If not set: half of the worker's concurrency, or all
	// where it is the only handler.
	Places int `key:"places" min:"1" max:"worker.MaxConcurrency"`
	// `http`: keep the body of a 2xx with Content-Type application/json as the message's output. A command's is what it
	// writes to the file named by SYMPHONY_OUTPUT.
	KeepOutput bool `key:"keep_output"`

	HTTP    HTTPHandler    `key:"http"`
	Command CommandHandler `key:"command"`
	Breaker breakerSection `key:"breaker"`
	Retry   Retry          `key:"retry"`
}

package config

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/symphony-messenger/symphony/handler/breaker"
	"github.com/symphony-messenger/symphony/handler/command"
	"github.com/symphony-messenger/symphony/handler/httppush"
)

// Breaker configures handler/breaker.
type Breaker struct {
	Failures int
	Pause    time.Duration
	MaxPause time.Duration
}

// breakerFields are those of a handler's breaker; on says whether it has one.
func breakerFields(b *Breaker, on *bool) []*field {
	return []*field{
		{key: "breaker.enabled", value: boolean{on},
			doc: "Stop calling the handler while it keeps failing, without using up attempts. If not set: `true` for `http`, `false` for `command`."},
		{key: "breaker.failures", value: number{&b.Failures, 1, 10_000},
			doc: fmt.Sprintf("Failures in a row that stop it. If not set: %d.", breaker.DefaultFailures)},
		{key: "breaker.pause", value: duration{p: &b.Pause, min: 100 * time.Millisecond, max: time.Hour},
			doc: "The time until the first probe. If not set: " + formatDuration(breaker.DefaultPause) + "."},
		{key: "breaker.max_pause", value: duration{p: &b.MaxPause, min: 100 * time.Millisecond, max: 24 * time.Hour},
			doc: "The longest time between two probes, of which each waits twice as long as the one before. If not set: " + formatDuration(breaker.DefaultMaxPause) + "."},
	}
}

// HTTPHandler configures handler/httppush.
type HTTPHandler struct {
	URL     string
	Secrets []Secret
	Headers map[string]string // may hold secrets
}

// CommandHandler configures handler/command.
type CommandHandler struct {
	Run           []string // the program and its arguments
	SecretArgs    []int    // the places in Run that must not be shown
	Dir           string
	Env           map[string]string // may hold secrets
	FailExitCodes []int
	Grace         time.Duration
}

func httpFields(h *HTTPHandler) []*field {
	table := []*field{
		{key: "http.url", value: text{p: &h.URL, about: "URL", check: checkEndpoint, hide: hideEndpoint},
			doc: "POST each message to this URL, as a Standard Webhook."},
	}
	table = append(table, withFile(&field{key: "http.secrets", value: secrets{p: &h.Secrets, check: checkWebhookSecret},
		doc: "Sign with these secrets (whsec_…); several while one is rotated."})...)
	return append(table, &field{key: "http.headers", value: dictionary{p: &h.Headers, about: "a mapping", secret: true, check: checkHeaders},
		doc: "Further headers of the request."})
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

func commandFields(c *CommandHandler) []*field {
	return []*field{
		{key: "command.run", value: words{&c.Run, &c.SecretArgs},
			doc: "Run this program for each message, with the message on its standard input. No shell is involved. An argument marked `!secret` is not shown; other users of the machine see it all the same while the program runs."},
		{key: "command.dir", value: text{p: &c.Dir, about: "path"},
			doc: "Its working directory. If not set: the server's."},
		{key: "command.env", value: dictionary{p: &c.Env, about: "a mapping", secret: true},
			doc: "Variables for it. Of the server's own it gets PATH, HOME, LANG and TMPDIR only, and so no secrets."},
		{key: "command.fail_exit_codes", value: numbers{&c.FailExitCodes, 1, 255},
			doc: fmt.Sprintf("Exit codes that fail the message for good. 0 is success; all others retry, and so does %d always.", command.TempFail)},
		{key: "command.grace", value: duration{p: &c.Grace, min: time.Millisecond},
			doc: "How long it may go on after SIGTERM at its timeout, before it is killed. If not set: " + formatDuration(command.DefaultGrace) + "."},
	}
}

// Package httppush hands messages to an HTTP endpoint, as webhooks signed by the Standard Webhooks convention
// (https://www.standardwebhooks.com), so that handlers can be written in any language.
//
// # The request
//
// Each attempt is one POST of a [handler.Body] as application/json:
//
//	POST /webhooks HTTP/1.1
//	Content-Type: application/json
//	Webhook-Id: 01980a3e-8f4c-7d21-9c63-0f5f2a7f1f10
//	Webhook-Timestamp: 1796116200
//	Webhook-Signature: v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=
//	Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
//
//	{"id": "01980a3e-…", "type": "order.paid", …, "payload": {"order": 42}}
//
// The convention leaves the body free; its names are those of the HTTP API. webhook-id is the message's id: it is the
// same in every attempt, so receivers use it to recognize what they have seen. webhook-timestamp is the time of the
// attempt. There is one signature for each secret. Without secrets there is none, and the endpoint must trust its
// network. Traceparent and Tracestate are the message's headers, or with tracing those of the attempt's span.
//
// The message's other headers go along as headers of the request where they are one line of text, a number, true or
// false, up to 4 KiB together in the order of their names. Left to the body alone are all other values, names that HTTP
// or this package need (Content-*, Webhook-*, Host, Connection, …), names by which endpoints tell who calls
// (Authorization, Cookie, X-Api-Key, Forwarded, X-Forwarded-*, …), and those that the configuration sets.
//
// # The answer
//
// 2xx acks. With Options.KeepOutput, the body of one with Content-Type application/json is the message's output; if
// that is too large or no JSON, the message is completed all the same, and tells so. 408, 425, 429, 5xx and network
// errors are retried by the message's policy, or after the time that a Retry-After header asks for. Everything else
// fails the message for good; redirects are not followed. Only the first MaxErrorBody bytes of an answer are kept, in
// the error's text.
//
// What an endpoint says itself wins over its status: a refusal with Content-Type application/json and a body like
//
//	{"error": "the card is expired", "errorClass": "CardExpired", "permanent": true}
//
// fails the message for good, or with "permanent": false or "retryAfter", in milliseconds, has it retried. Of these
// members only error is required.
//
// # While it is at work
//
// With Options.Receipt each request carries a header Symphony-Receipt. POST /api/symphony/extend takes it, without any
// other credential, to tell progress and lines of a log, as long as the request is in progress.
package httppush

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/handler"
)

// DefaultTimeout bounds one request.
const DefaultTimeout = 30 * time.Second

// NoTimeout leaves it to the context alone, which a Mux ends at the handler's timeout.
const NoTimeout = time.Duration(-1)

// HeaderReceipt is the header by which an endpoint tells how far it has come.
const HeaderReceipt = "Symphony-Receipt"

// MaxErrorBody is how many bytes of an answer are kept in the text of an error.
const MaxErrorBody = 1 << 10

const (
	// maxDrain is how much of an answer is read so that its connection can be used again. A longer answer costs a
	// new connection, which is cheaper than reading on.
	maxDrain = 64 << 10
	// idleConnections are kept for the next messages; a worker rarely has more handlers than that.
	idleConnections = 128
)

// Options are the optional settings of a Handler.
type Options struct {
	// Secrets sign each request, one signature for each, so that a receiver that knows any of them can verify. While
	// a secret is rotated, give the new and the old one. Each is "whsec_" and the base64 of 24 to 64 random bytes.
	// None means that requests are not signed.
	Secrets []string
	// Headers are sent with each request. They cannot replace Content-Type, Content-Length and the webhook headers.
	Headers map[string]string
	// Timeout bounds one request beside the context. Default DefaultTimeout; NoTimeout for none.
	Timeout time.Duration
	// KeepOutput keeps the body of a 2xx with Content-Type application/json as the message's output.
	KeepOutput bool
	// Receipt makes the value of the header Symphony-Receipt; an empty one is not sent. Default: none.
	Receipt func(ctx context.Context, d *symphony.Delivery) string
	// Client sends the requests; redirects are not followed whatever it says. Default: a client of the handler's own
	// that keeps connections open and takes proxies from the environment.
	Client *http.Client
	// Clock gives the webhook-timestamp, and the time until a Retry-After date. Default symphony.SystemClock.
	Clock symphony.Clock
}

// Handler posts messages to one endpoint. Safe for concurrent use.
type Handler struct {
	url      string
	endpoint string // the URL for people, without what may be secret
	signers  []*webhooks.Webhook
	headers  http.Header
	timeout  time.Duration
	output   bool
	receipt  func(context.Context, *symphony.Delivery) string
	client   *http.Client
	clock    symphony.Clock
}

// New makes a handler that posts to an absolute http or https URL. A user and password in the URL are sent as basic
// authentication. Errors name the endpoint by scheme and host alone, as the path of many webhooks is a secret. New
// reports every mistake at once, without repeating a secret.
func New(endpoint string, o Options) (*Handler, error) {
	h := &Handler{headers: make(http.Header), timeout: max(cmp.Or(o.Timeout, DefaultTimeout), 0), clock: o.Clock,
		output: o.KeepOutput, receipt: o.Receipt}
	var errs []error
	u, err := parseURL(endpoint)
	if err != nil {
		errs = append(errs, err)
	} else {
		h.url, h.endpoint = u.String(), u.Scheme+"://"+u.Host
		if strings.Trim(u.Path, "/") != "" {
			h.endpoint += "/…"
		}
	}
	for i, secret := range o.Secrets {
		signer, err := newSigner(secret)
		if err != nil {
			errs = append(errs, fmt.Errorf("secret %d of %d %w", i+1, len(o.Secrets), err))
		}
		h.signers = append(h.signers, signer)
	}
	for _, name := range slices.Sorted(maps.Keys(o.Headers)) {
		if err := h.addHeader(name, o.Headers[name]); err != nil {
			errs = append(errs, fmt.Errorf("header %q %w", name, err))
		}
	}
	if o.Timeout < 0 && o.Timeout != NoTimeout {
		errs = append(errs, fmt.Errorf("timeout %s: must not be negative", o.Timeout))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("httppush: %w", err)
	}
	if h.clock == nil {
		h.clock = symphony.SystemClock()
	}
	client := http.Client{}
	if o.Client != nil {
		client = *o.Client
	} else {
		// The default transport keeps two connections to a host, so a busy worker would open one a message.
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.MaxIdleConns, transport.MaxIdleConnsPerHost = idleConnections, idleConnections
		client.Transport = transport
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	h.client = &client
	return h, nil
}

// Handle posts the message. Its errors are a *StatusError, or what kept an answer from arriving.
func (h *Handler) Handle(ctx context.Context, d *symphony.Delivery) error {
	body, err := handler.Encode(d)
	if err != nil {
		return fmt.Errorf("httppush: %w", err)
	}
	if t := d.Terms; t != nil && t.Timeout > h.timeout {
		h = h.within(t.Timeout)
	}
	receipt := ""
	if h.receipt != nil {
		receipt = h.receipt(ctx, d)
	}
	return h.post(ctx, d.ID, body, receipt, d.Headers, handler.Trace(ctx, d))
}

// within is h with another timeout.
func (h *Handler) within(timeout time.Duration) *Handler {
	other := *h
	other.timeout = timeout
	return &other
}

// Post posts a JSON body of the caller's own in the same way: signed, with id as its webhook-id, which is to be the
// same in every attempt. Errors are those of Handle.
func (h *Handler) Post(ctx context.Context, id string, body []byte) error {
	return h.post(ctx, id, body, "", nil, symphony.TraceContext{})
}

// Endpoint is the URL for people: scheme and host, with an ellipsis for a path.
func (h *Handler) Endpoint() string { return h.endpoint }

// URL is the whole URL, in which there may be secrets.
func (h *Handler) URL() string { return h.url }

func (h *Handler) post(ctx context.Context, id string, body []byte, receipt string, headers map[string]any,
	trace symphony.TraceContext) error {
	if h.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, h.timeout)
		defer cancel()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("httppush: POST %s: %w", h.endpoint, err)
	}
	if err := h.setHeaders(req, id, body, headers, trace); err != nil {
		return fmt.Errorf("httppush: sign message %s: %w", id, err)
	}
	if receipt != "" {
		req.Header.Set(HeaderReceipt, receipt)
	}
	resp, err := h.client.Do(req)
	if err != nil {
		var failed *url.Error
		if errors.As(err, &failed) {
			err = failed.Err // without the whole URL, which url.Error quotes
		}
		return &networkError{h.endpoint, err}
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 == 2 {
		if h.output && isJSON(resp.Header) {
			keepOutput(ctx, resp.Body)
		}
		// Reading is for the connection's sake only: the endpoint has said that the message is handled.
		_, _ = io.CopyN(io.Discard, resp.Body, maxDrain)
		return nil
	}
	return h.failure(resp)
}

func (h *Handler) setHeaders(req *http.Request, id string, body []byte, headers map[string]any, t symphony.TraceContext) error {
	req.Header.Set("User-Agent", "symphony-messenger")
	if t.Parent != "" {
		req.Header.Set(symphony.HeaderTraceParent, t.Parent)
		if t.State != "" {
			req.Header.Set(symphony.HeaderTraceState, t.State)
		}
	}
	maps.Copy(req.Header, h.headers)
	if len(headers) > 0 {
		carry(req.Header, headers)
	}
	if host := h.headers.Get("Host"); host != "" {
		req.Host = host // net/http sends this one and ignores the header
	}
	now := h.clock.Now()
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(webhooks.HeaderWebhookID, id)
	req.Header.Set(webhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	signatures := make([]string, len(h.signers))
	for i, s := range h.signers {
		var err error
		if signatures[i], err = s.Sign(id, now, body); err != nil {
			return err
		}
	}
	if len(signatures) > 0 {
		req.Header.Set(webhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
	}
	// An endpoint may close an idle connection at the moment it is used again. With this entry, which is not sent,
	// net/http tries once more on a new connection instead of wasting the attempt; receivers know webhook-id anyhow.
	req.Header["X-Idempotency-Key"] = []string{}
	return nil
}

func parseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		// The reason is left out: it may quote a part of the URL, such as a password with a slash in it.
		return nil, errors.New("URL cannot be parsed: must be like https://host/path")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("URL has scheme %q: must be http or https", u.Scheme)
	case u.Hostname() == "":
		return nil, errors.New("URL has no host")
	}
	return u, nil
}

// secretBytes is how many random bytes NewSecret takes: as many as the hash has.
const secretBytes = 32

// NewSecret makes a secret for Options.Secrets.
func NewSecret() string {
	key := make([]byte, secretBytes)
	_, _ = rand.Read(key) // fills it or ends the program
	return "whsec_" + base64.StdEncoding.EncodeToString(key)
}

// newSigner checks a secret and makes it a signer. Its error does not repeat the secret.
func newSigner(secret string) (*webhooks.Webhook, error) {
	encoded, ok := strings.CutPrefix(secret, "whsec_")
	if !ok {
		return nil, errors.New(`must begin with "whsec_"`)
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, errors.New(`must be base64 after "whsec_"`)
	}
	if len(key) < 24 || len(key) > 64 {
		return nil, fmt.Errorf("must have 24 to 64 bytes, has %d", len(key))
	}
	return webhooks.NewWebhookRaw(key)
}

// addHeader keeps a configured header, if it can be sent. Its error does not repeat the value.
func (h *Handler) addHeader(name, value string) error {
	if !isToken(name) {
		return errors.New("is not a header's name")
	}
	if !isFieldValue(value) {
		return errors.New("has a control character in its value")
	}
	name = http.CanonicalHeaderKey(name)
	switch name {
	case "Content-Type", "Content-Length", "Transfer-Encoding", "Webhook-Id", "Webhook-Timestamp", "Webhook-Signature",
		HeaderReceipt:
		return errors.New("is set by the handler itself")
	}
	if h.headers[name] != nil {
		return errors.New("is given twice")
	}
	h.headers[name] = []string{value}
	return nil
}

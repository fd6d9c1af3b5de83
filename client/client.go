// Package client calls the HTTP API of a Symphony Messenger server from Go. Shapes are those of package wire. Payloads
// are sent byte for byte as they are given.
package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// maxAnswer bounds what is read of an answer.
const maxAnswer = 512 << 20

// Options are the optional settings of a Client.
type Options struct {
	// HTTPClient sends the requests. Default: one without a timeout of its own; the context bounds each call.
	HTTPClient *http.Client
	// UserAgent names the caller. Default "symphony-client".
	UserAgent string
}

// Client calls one server. Safe for concurrent use.
type Client struct {
	base   *url.URL
	key    string
	http   *http.Client
	agent  string
	unmask bool
}

// New makes a client for the server at a URL such as http://127.0.0.1:8080. key is an API key or a Supabase access
// token, "" for none.
func New(server, key string, o Options) (*Client, error) {
	u, err := url.Parse(strings.TrimSuffix(server, "/"))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("client: server must be a URL such as https://queue.example.com, is %q", server)
	}
	c := &Client{base: u, key: key, http: o.HTTPClient, agent: o.UserAgent}
	if c.http == nil {
		c.http = &http.Client{}
	}
	if c.agent == "" {
		c.agent = "symphony-client"
	}
	return c, nil
}

// URL is the server's address.
func (c *Client) URL() string { return c.base.String() }

// Unmasked is the client with what types.X.redact hides shown in one message, one failed message and exports. It takes
// a key with the scope admin; each call is recorded in the server's audit trail.
func (c *Client) Unmasked() *Client {
	unmasked := *c
	unmasked.unmask = true
	return &unmasked
}

// reading are the parameters of a call that reads what may be masked.
func (c *Client) reading(query url.Values) url.Values {
	if c.unmask {
		query.Set("unmask", "true")
	}
	return query
}

// NewUnix makes a client for the server on a unix socket, where no key is needed.
func NewUnix(socket string, o Options) (*Client, error) {
	if o.HTTPClient == nil {
		o.HTTPClient = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		}}}
	}
	return New("http://local", "", o)
}

// Error is an answer that is not a success.
type Error struct {
	Status  int
	Code    string
	Message string
	Details jsontext.Value // nil without
	// MoreProblems is how many problems there are beside those in Details.
	MoreProblems int
	RequestID    string
	// RetryAfter is what the server asks to wait before another try, 0 if it does not say.
	RetryAfter time.Duration
}

func (e *Error) Error() string {
	s := e.Message
	if s == "" {
		s = http.StatusText(e.Status)
	}
	for _, p := range e.Problems() {
		s += "\n  " + strings.TrimSpace(p.Path+" "+p.Message)
	}
	if e.MoreProblems > 0 {
		s += fmt.Sprintf("\n  and %d more", e.MoreProblems)
	}
	return s
}

// CodeLeaseLost, CodeMessageCancelled and CodeForeignReceipt are the codes of errors with which a call did nothing for
// some of its receipts: their leases were lost, their messages were cancelled, or they come from another installation
// or version of the server. Either way the worker has lost the message.
const (
	CodeLeaseLost = "lease_lost"
	// CodeOutputTooLarge is that of an ack with an output that the server does not take: nothing was done for it.
	CodeOutputTooLarge   = "output_too_large"
	CodeMessageCancelled = "message_cancelled"
	CodeForeignReceipt   = "foreign_receipt"
)

// lostSome reports whether an error has one of these codes.
func (e *Error) lostSome() bool {
	return e.Code == CodeLeaseLost || e.Code == CodeMessageCancelled || e.Code == CodeForeignReceipt
}

// Is reports whether the answer says what a sentinel of package symphony says: ErrOutcomeUnknown where what was asked
// for may have been done, ErrUnavailable where it is certain that nothing was stored.
func (e *Error) Is(target error) bool {
	switch target {
	case symphony.ErrOutcomeUnknown:
		return e.Code == "outcome_unknown"
	case symphony.ErrUnavailable:
		return e.Code == "storage_unavailable"
	}
	return false
}

// Lost are the receipts for which a call did nothing, nil for errors with other codes than CodeLeaseLost,
// CodeMessageCancelled and CodeForeignReceipt. The call did its work for all others.
func (e *Error) Lost() []string {
	var list []wire.LostReceipt
	if !e.lostSome() || json.Unmarshal(e.Details, &list) != nil {
		return nil
	}
	receipts := make([]string, len(list))
	for i, l := range list {
		receipts[i] = l.Receipt
	}
	return receipts
}

// Problem is one mistake in a request.
type Problem struct {
	Path    string `json:"path"`
	Message string `json:"message"`
}

// Problems are the details of a validation error, nil for others.
func (e *Error) Problems() []Problem {
	var list []Problem
	if len(e.Details) == 0 || json.Unmarshal(e.Details, &list) != nil {
		return nil
	}
	return list
}

// ask calls an endpoint that takes no body. id stands in its path, where that has one.
func ask[Res any](
	ctx context.Context, c *Client, e wire.Endpoint[wire.None, Res], id string, query url.Values,
) (out Res, err error) {
	err = c.do(ctx, e.Method, e.Path, id, query, nil, &out)
	return out, err
}

// send calls an endpoint with a body. id stands in its path, where that has one.
func send[Req, Res any](
	ctx context.Context, c *Client, e wire.Endpoint[Req, Res], id string, query url.Values, body Req,
) (out Res, err error) {
	err = c.do(ctx, e.Method, e.Path, id, query, body, &out)
	return out, err
}

// do sends a request, with id in its path, and reads the answer into out.
func (c *Client) do(ctx context.Context, method, path, id string, query url.Values, in, out any) error {
	u := *c.base
	u.RawPath = u.EscapedPath() + strings.Replace(path, "{id}", url.PathEscape(id), 1)
	u.Path += strings.Replace(path, "{id}", id, 1)
	u.RawQuery = query.Encode()
	var body io.Reader
	if in != nil {
		raw, err := encode(in)
		if err != nil {
			return fmt.Errorf("client: encode: %w", err)
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return fmt.Errorf("client: %w", err)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	req.Header.Set("User-Agent", c.agent)
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("client: %w", err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("client: read answer: %w", err)
	}
	if resp.StatusCode >= 300 {
		return answerError(resp, raw)
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return fmt.Errorf("client: %s %s did not answer as expected: %w", method, path, err)
	}
	return nil
}

func answerError(resp *http.Response, raw []byte) error {
	var body wire.Error
	e := &Error{Status: resp.StatusCode, RequestID: resp.Header.Get("X-Request-Id")}
	if json.Unmarshal(raw, &body) == nil {
		e.Code, e.Message, e.Details, e.MoreProblems = body.Code, body.Error, body.Details, body.MoreProblems
	}
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil {
		e.RetryAfter = time.Duration(s) * time.Second
	}
	return e
}

// IsCode reports whether err is an answer with this code.
func IsCode(err error, code string) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == code
}

func inTransport(name string) url.Values {
	values := url.Values{}
	if name != "" {
		values.Set("transport", name)
	}
	return values
}

package client

import (
	"context"

	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// Session tells who the caller is, what it may do, and where it is.
func (c *Client) Session(ctx context.Context) (wire.SessionResponse, error) {
	return ask(ctx, c, wire.GetSession, "", nil)
}

// StartSession begins a session of the caller. It is of use to clients that keep cookies, as browsers do: see
// Options.HTTPClient.
func (c *Client) StartSession(ctx context.Context) (wire.SessionResponse, error) {
	return ask(ctx, c, wire.StartSession, "", nil)
}

// EndSession ends the session that the client has by a cookie.
func (c *Client) EndSession(ctx context.Context) (wire.DoneResponse, error) {
	return ask(ctx, c, wire.EndSession, "", nil)
}

// LoginCode makes a code that signs in a browser on the server's machine, once, within ten minutes.
func (c *Client) LoginCode(ctx context.Context) (wire.LoginCodeResponse, error) {
	return ask(ctx, c, wire.CreateLoginCode, "", nil)
}

// SignInWays tells how a person can sign in. It needs no key.
func (c *Client) SignInWays(ctx context.Context) (wire.SignInWaysResponse, error) {
	return ask(ctx, c, wire.GetSignInWays, "", nil)
}

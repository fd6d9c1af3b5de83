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

// SignInByPassword begins a session of a user of the Supabase project. Like StartSession it is for clients that keep
// cookies; the server takes it from pages of its own origin.
func (c *Client) SignInByPassword(ctx context.Context, r wire.PasswordRequest) (wire.SessionResponse, error) {
	return send(ctx, c, wire.SignInByPassword, "", nil, r)
}

// SendMagicLink has the Supabase project send a user a link that signs in the browser that asks for it.
func (c *Client) SendMagicLink(ctx context.Context, r wire.MagicLinkRequest) (wire.DoneResponse, error) {
	return send(ctx, c, wire.SendMagicLink, "", nil, r)
}

// SignInWays tells how a person can sign in. It needs no key.
func (c *Client) SignInWays(ctx context.Context) (wire.SignInWaysResponse, error) {
	return ask(ctx, c, wire.GetSignInWays, "", nil)
}

package httpapi

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/symphony-messenger/symphony/auth"
)

// Most calls are over before anything can have changed about their caller. Those that last, such as streams, runs,
// exports and waits, are for callers who were let in long ago:
//
//   - a call ends when the caller's token or key expires,
//   - at each recheck, and before a wait that was long hands anything over, its credential is judged once more: a key that
//     was revoked meanwhile, a session that was ended, ends the call.
//
// Where this cannot be judged now, because storage or the issuer is away, the call goes on until the next time.

// recheck is the time between two looks at the credential of a call that lasts.
const recheck = heartbeat

// refusal ends a call whose caller is no longer let in.
type refusal struct{ error }

func (r *refusal) Unwrap() error { return r.error }

// stillAllowed returns why the caller of r, which is the call's request, is no longer let in, nil where it is or where
// that cannot be told now.
func (c *call) stillAllowed(r *http.Request) error {
	if end := c.ends(); !end.IsZero() && !c.api.o.Clock.Now().Before(end) {
		return expired(c.principal)
	}
	_, err := c.who(r, c.route)
	switch {
	case err == nil, errors.Is(err, auth.ErrUnavailable), r.Context().Err() != nil:
		return nil
	case describe(err).status == http.StatusTooManyRequests: // the look itself is one request more; the call goes on
		return nil
	}
	return &refusal{err}
}

// ends is when the caller's credential expires, zero for never. A token that has expired and was let in within the
// leeway of clocks is good until that is over.
func (c *call) ends() time.Time {
	end := c.principal.Expires
	if !end.IsZero() && !c.w.start.Before(end) {
		end = end.Add(auth.ClockLeeway)
	}
	return end
}

func expired(p auth.Principal) error {
	return &refusal{auth.Expired(p.Kind)}
}

// whileAllowed returns a context that ends with ctx, and with the refusal as its cause when the caller is no longer let
// in. The function that it returns must be called: it waits for what looks after this.
func (c *call) whileAllowed(ctx context.Context) (context.Context, func()) {
	if c.route.access != userAccess {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	done, r := make(chan struct{}), c.Request
	go func() {
		defer close(done)
		clock, end := c.api.o.Clock, c.ends()
		for {
			wait := recheck
			if !end.IsZero() {
				wait = min(wait, max(end.Sub(clock.Now()), 0))
			}
			pause := clock.NewTimer(wait)
			select {
			case <-ctx.Done():
				pause.Stop()
				return
			case <-pause.C():
			}
			if err := c.stillAllowed(r); err != nil {
				cancel(err)
				return
			}
		}
	}()
	return ctx, func() {
		cancel(nil)
		<-done
	}
}

// lasting is for routes whose calls may take long: they end when the caller is no longer let in.
func lasting(serve func(*call) error) func(*call) error {
	return func(c *call) error {
		ctx, stop := c.whileAllowed(c.Context())
		defer stop()
		c.Request = c.WithContext(ctx)
		err := serve(c)
		if cause := (*refusal)(nil); err != nil && errors.As(context.Cause(ctx), &cause) {
			return cause
		}
		return err
	}
}

package httppush

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/symphony-messenger/symphony"
)

// OwnURL pushes each message to the URL that it has of its own (Terms.URL), as a Handler pushes to the one of its
// configuration. Safe for concurrent use.
type OwnURL struct {
	origins *Origins
	base    *Handler
}

// NewOwnURL makes a handler for Mux.Push. Of the options, Client is left alone: requests go directly to an address that
// was looked at, through no proxy.
func NewOwnURL(origins *Origins, o Options) (*OwnURL, error) {
	o.Client = origins.Client()
	base, err := New("http://url.invalid", o)
	if err != nil {
		return nil, err
	}
	return &OwnURL{origins, base}, nil
}

// Handle posts the message to its URL. What is not allowed, any more or at all, fails for good. Other errors are those
// of Handler.Handle.
func (h *OwnURL) Handle(ctx context.Context, d *symphony.Delivery) error {
	if !d.Terms.Pushed() {
		return symphony.Permanent(errors.New("httppush: the message has no URL of its own"))
	}
	if err := h.origins.Allows(d.Terms.URL); err != nil {
		return symphony.Permanent(&originError{err})
	}
	u, err := url.Parse(d.Terms.URL)
	if err != nil {
		return symphony.Permanent(&originError{err})
	}
	one := *h.base
	one.url, one.endpoint = u.String(), u.Scheme+"://"+u.Host
	if strings.Trim(u.Path, "/") != "" {
		one.endpoint += "/…"
	}
	err = one.Handle(ctx, d)
	if refused := (*AddressError)(nil); errors.As(err, &refused) {
		return symphony.Permanent(err)
	}
	return err
}

// originError says that a message may not be pushed where it wants.
type originError struct{ err error }

func (e *originError) Error() string { return "httppush: its URL " + e.err.Error() }

// ErrorClass is "url_refused".
func (e *originError) ErrorClass() string { return "url_refused" }

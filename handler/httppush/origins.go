package httppush

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"code.dny.dev/ssrf"
)

// Origins are where messages may be pushed that have a URL of their own. Whoever may dispatch chooses the URL, so an
// origin is what the operator has named, and the address that its host has is looked at when it is connected to: what a
// name service answers then counts, and a name cannot lead into the network that this process is in.
type Origins struct {
	list    []string
	private bool
	guard   *ssrf.Guardian
}

// NewOrigins makes them of origins such as https://hooks.example.com, with a port unless it is that of the scheme.
// private says that their hosts may have addresses that are not on the public internet: loopback, private, link-local,
// and those where clouds tell a machine its secrets. An error names every origin that is none, and those whose host is
// an address that would be refused.
func NewOrigins(origins []string, private bool) (*Origins, error) {
	o := &Origins{private: private, guard: ssrf.New(ssrf.WithAnyPort(),
		// Azure tells its machines of themselves at this address, which is none of the special ones.
		ssrf.WithDeniedV4Prefixes(netip.MustParsePrefix("168.63.129.16/32")))}
	var errs []error
	for _, text := range origins {
		u, err := url.Parse(text)
		switch {
		case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil ||
			strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
			errs = append(errs, fmt.Errorf("%q must be an origin like https://hooks.example.com", text))
			continue
		case strings.Contains(u.Hostname(), "*"):
			errs = append(errs, fmt.Errorf("%q must name one host: there are no wildcards", text))
			continue
		}
		if ip, err := netip.ParseAddr(u.Hostname()); err == nil {
			if err := o.refuse(ip); err != nil {
				errs = append(errs, fmt.Errorf("%q: %w", text, err))
			}
		}
		o.list = append(o.list, originOf(u))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("httppush: %w", err)
	}
	return o, nil
}

// originOf is scheme, host and port of a URL in the one form in which they are compared.
func originOf(u *url.URL) string {
	host, port := strings.TrimSuffix(strings.ToLower(u.Hostname()), "."), u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + net.JoinHostPort(host, port)
}

// Allows says why nothing may be pushed to a URL, nil if it may. It looks at the text alone. The error begins with a
// verb, and does not repeat more of the URL than its origin.
func (o *Origins) Allows(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" {
		return errors.New("must be a URL such as https://example.com/hook")
	}
	if len(o.list) == 0 {
		return errors.New("is not allowed: the server's setting push.allowed_origins names no origin")
	}
	if !slices.Contains(o.list, originOf(u)) {
		return fmt.Errorf("has the origin %s, which is not in the server's setting push.allowed_origins",
			u.Scheme+"://"+u.Host)
	}
	return nil
}

// Client makes a client for requests to these origins. It looks at each address before it connects, and uses no proxy.
// Whoever uses it asks Allows, and follows no redirect.
func (o *Origins) Client() *http.Client {
	dialer := &net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second, Control: o.control}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	// Of a proxy nothing but its own address would be seen here.
	transport.Proxy, transport.DialContext = nil, dialer.DialContext
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = idleConnections, idleConnections
	return &http.Client{Transport: transport}
}

// AddressError says that a host has an address to which nothing is pushed. It is permanent.
type AddressError struct{ Addr netip.Addr }

func (e *AddressError) Error() string {
	return fmt.Sprintf("the address %s is not on the public internet; the server's setting push.allow_private would "+
		"allow it", e.Addr)
}

// ErrorClass is "address_refused".
func (e *AddressError) ErrorClass() string { return "address_refused" }

// control looks at the address of a connection that is about to be made, whatever name it was found by.
func (o *Origins) control(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("address %q: %w", address, err)
	}
	return o.refuse(to.Addr())
}

// refuse says whether nothing may be sent to an address.
func (o *Origins) refuse(ip netip.Addr) error {
	ip = ip.Unmap().WithZone("")
	if !o.private && o.guard.SafeAddr(ip) != nil {
		return &AddressError{ip}
	}
	return nil
}

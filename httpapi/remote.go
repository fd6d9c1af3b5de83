package httpapi

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// remoteAddress is the address that a request came from, for the log and the audit trail: that of the connection or,
// where a trusted proxy made it, the nearest one in X-Forwarded-For that is no trusted proxy. What stands before that
// one was written by strangers. It is empty where there is no network between.
func remoteAddress(r *http.Request, trusted []netip.Prefix) string {
	connected, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	from := connected.Addr()
	if len(trusted) == 0 {
		return from.Unmap().String()
	}
	isTrusted := func(a netip.Addr) bool {
		a = a.Unmap().WithZone("")
		return slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	way := strings.Split(strings.Join(r.Header["X-Forwarded-For"], ","), ",")
	for i := len(way) - 1; i >= 0 && isTrusted(from); i-- {
		before, ok := forwardedAddress(strings.TrimSpace(way[i]))
		if !ok {
			break
		}
		from = before
	}
	return from.Unmap().String()
}

// forwardedAddress reads an entry of X-Forwarded-For, to which some proxies add a port.
func forwardedAddress(s string) (netip.Addr, bool) {
	if a, err := netip.ParseAddr(s); err == nil {
		return a, true
	}
	ap, err := netip.ParseAddrPort(s)
	return ap.Addr(), err == nil
}

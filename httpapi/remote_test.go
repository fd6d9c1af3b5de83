package httpapi

import (
	"net/http"
	"net/netip"
	"testing"
)

func TestRemoteAddress(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")}
	for name, tc := range map[string]struct {
		from      string
		trusted   []netip.Prefix
		forwarded []string
		want      string
	}{
		"who connected":                      {"192.0.2.7:1234", nil, nil, "192.0.2.7"},
		"nobody is trusted":                  {"10.1.1.1:1234", nil, []string{"203.0.113.9"}, "10.1.1.1"},
		"a stranger is not believed":         {"192.0.2.7:1234", proxies, []string{"203.0.113.9"}, "192.0.2.7"},
		"through a proxy":                    {"10.1.1.1:1234", proxies, []string{"203.0.113.9"}, "203.0.113.9"},
		"through two":                        {"10.1.1.1:1234", proxies, []string{"203.0.113.9, 10.2.2.2"}, "203.0.113.9"},
		"over two headers":                   {"10.1.1.1:1234", proxies, []string{"203.0.113.9", "10.2.2.2"}, "203.0.113.9"},
		"what a stranger wrote before it":    {"10.1.1.1:1234", proxies, []string{"127.0.0.1, 10.9.9.9, 203.0.113.9"}, "203.0.113.9"},
		"nothing that is an address":         {"10.1.1.1:1234", proxies, []string{"203.0.113.9, unknown"}, "10.1.1.1"},
		"no header":                          {"10.1.1.1:1234", proxies, nil, "10.1.1.1"},
		"only proxies":                       {"10.1.1.1:1234", proxies, []string{"10.2.2.2"}, "10.2.2.2"},
		"with a port":                        {"10.1.1.1:1234", proxies, []string{"203.0.113.9:5678"}, "203.0.113.9"},
		"IPv6":                               {"[2001:db8::1]:1234", proxies, []string{"2001:4860::8"}, "2001:4860::8"},
		"a proxy's IPv4 address within IPv6": {"[::ffff:10.1.1.1]:1234", proxies, []string{"203.0.113.9"}, "203.0.113.9"},
		"a line break is no address":         {"10.1.1.1:1234", proxies, []string{"203.0.113.9\nadmin"}, "10.1.1.1"},
		"no network between":                 {"@", proxies, []string{"203.0.113.9"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := &http.Request{RemoteAddr: tc.from, Header: http.Header{"X-Forwarded-For": tc.forwarded}}
			if got := remoteAddress(r, tc.trusted); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

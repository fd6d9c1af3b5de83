package httppush_test

import (
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/handler/httppush"
)

func origins(t *testing.T, private bool, list ...string) *httppush.Origins {
	t.Helper()
	o, err := httppush.NewOrigins(list, private)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestNewOrigins_refuses(t *testing.T) {
	for _, origin := range []string{
		"", "hooks.example.com", "ftp://hooks.example.com", "https://", "https://hooks.example.com/path",
		"https://hooks.example.com?a=b", "https://a:b@hooks.example.com", "https://*.example.com", "*", "https://a b",
	} {
		if _, err := httppush.NewOrigins([]string{"https://good.example.com", origin}, true); err == nil ||
			!strings.Contains(err.Error(), "must") {
			t.Errorf("%q: %v", origin, err)
		}
	}
	for _, host := range []string{
		"127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "100.100.100.200",
		"0.0.0.0", "168.63.129.16", "224.0.0.1", "255.255.255.255", "[::1]", "[::]", "[fe80::1]", "[fd00:ec2::254]",
		"[::ffff:10.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[ff02::1]",
	} {
		list := []string{"http://" + host + ":8080"}
		var refused *httppush.AddressError
		if _, err := httppush.NewOrigins(list, false); !errors.As(err, &refused) {
			t.Errorf("%s is taken: %v", host, err)
		}
		if _, err := httppush.NewOrigins(list, true); err != nil {
			t.Errorf("%s is refused although private addresses are allowed: %v", host, err)
		}
	}
	public := []string{"https://93.184.216.34", "https://[2606:4700::1111]"}
	if _, err := httppush.NewOrigins(public, false); err != nil {
		t.Error(err)
	}
}

func TestOrigins_Allows(t *testing.T) {
	some := origins(t, false, "https://hooks.example.com", "http://in.example.com:8080/", "https://EXAMPLE.org:443")
	for url, want := range map[string]string{
		"https://hooks.example.com":              "",
		"https://hooks.example.com/a/b?c=d":      "",
		"https://hooks.example.com:443/a":        "",
		"https://HOOKS.example.com./a":           "",
		"http://in.example.com:8080/":            "",
		"https://example.org/a":                  "",
		"http://hooks.example.com/a":             "push.allowed_origins",
		"https://hooks.example.com:8443/a":       "push.allowed_origins",
		"https://hooks.example.com.evil.test/a":  "push.allowed_origins",
		"https://evil.test/hooks.example.com":    "push.allowed_origins",
		"https://hooks.example.com@evil.test/a":  "push.allowed_origins",
		"http://in.example.com/":                 "push.allowed_origins",
		"https://evil.test#@hooks.example.com/":  "push.allowed_origins",
		"https://evil.test\\@hooks.example.com/": "must be a URL",
		"hooks.example.com":                      "must be a URL",
	} {
		err := some.Allows(url)
		if got := ""; err != nil {
			if got = err.Error(); want == "" || !strings.Contains(got, want) {
				t.Errorf("%s: %v, want %q", url, err, want)
			}
		} else if want != "" {
			t.Errorf("%s is allowed", url)
		}
	}
	if err := origins(t, true).Allows("https://hooks.example.com"); err == nil ||
		!strings.Contains(err.Error(), "push.allowed_origins") {
		t.Errorf("without origins: %v", err)
	}
}

func ownURL(t *testing.T, o *httppush.Origins, opts httppush.Options) *httppush.OwnURL {
	t.Helper()
	h, err := httppush.NewOwnURL(o, opts)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func to(url string) *symphony.Delivery {
	d := delivery()
	d.Terms = &symphony.Terms{URL: url}
	return d
}

func TestOwnURL_posts_to_the_URL_of_the_message(t *testing.T) {
	a, atA := endpoint(t, status(http.StatusNoContent))
	b, atB := endpoint(t, status(http.StatusTeapot))
	h := ownURL(t, origins(t, true, a, b), httppush.Options{Secrets: []string{secretA, secretB}})
	if err := h.Handle(t.Context(), to(a+"/one?x=y")); err != nil {
		t.Fatal(err)
	}
	got := <-atA
	if got.URL.RequestURI() != "/one?x=y" || !strings.Contains(string(got.body), `"type":"order.paid"`) {
		t.Errorf("got %s with %s", got.URL, got.body)
	}
	for _, secret := range []string{secretA, secretB} {
		if verifier, err := webhooks.NewWebhook(secret); err != nil {
			t.Fatal(err)
		} else if err := verifier.VerifyIgnoringTimestamp(got.body, got.Header); err != nil {
			t.Error(err)
		}
	}
	err := h.Handle(t.Context(), to(b+"/secret/two"))
	<-atB
	var refused *httppush.StatusError
	if !errors.As(err, &refused) || !symphony.IsPermanent(err) || refused.Endpoint != b+"/…" {
		t.Errorf("got %v", err)
	}
}

func TestOwnURL_refuses_for_good_what_is_not_allowed(t *testing.T) {
	private, seen := endpoint(t, status(http.StatusNoContent))
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(private, "http://"))
	named := "http://localhost:" + port // which is found to be loopback when it is connected to
	for name, test := range map[string]struct {
		at    *httppush.Origins
		url   string
		class string
	}{
		"another origin":        {origins(t, true, "https://hooks.example.com"), private, "url_refused"},
		"no URL":                {origins(t, true, private), "", "error"},
		"a name that leads in":  {origins(t, false, named), named + "/a", "address_refused"},
		"no origin at all":      {origins(t, false), named, "url_refused"},
		"what is not a URL now": {origins(t, false, named), "http://[", "url_refused"},
	} {
		t.Run(name, func(t *testing.T) {
			err := ownURL(t, test.at, httppush.Options{}).Handle(t.Context(), to(test.url))
			if !symphony.IsPermanent(err) || symphony.ErrorClass(err) != test.class {
				t.Errorf("got %v of class %s, want a permanent one of %s", err, symphony.ErrorClass(err), test.class)
			}
		})
	}
	if len(seen) > 0 {
		t.Error("the endpoint was asked")
	}
	if err := ownURL(t, origins(t, true, named), httppush.Options{}).Handle(t.Context(), to(named)); err != nil {
		t.Errorf("with private addresses allowed: %v", err)
	}
}

func TestOwnURL_follows_no_redirect(t *testing.T) {
	elsewhere, seen := endpoint(t, status(http.StatusNoContent))
	url, _ := endpoint(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere, http.StatusTemporaryRedirect)
	})
	err := ownURL(t, origins(t, true, url), httppush.Options{}).Handle(t.Context(), to(url))
	if !symphony.IsPermanent(err) || len(seen) > 0 {
		t.Errorf("got %v after %d requests elsewhere", err, len(seen))
	}
}

package httppush_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony/handler/httppush"
)

func TestNew_refuses(t *testing.T) {
	const url = "https://shop.example.com/hooks"
	for name, test := range map[string]struct {
		url  string
		o    httppush.Options
		want string
	}{
		"an empty URL":              {"", httppush.Options{}, `scheme ""`},
		"a relative URL":            {"/hooks", httppush.Options{}, `scheme ""`},
		"another scheme":            {"ftp://host/x", httppush.Options{}, `scheme "ftp": must be http or https`},
		"no host":                   {"https:///hooks", httppush.Options{}, "no host"},
		"a URL that does not parse": {"https://h\x00st/%zz", httppush.Options{}, "cannot be parsed"},
		"a secret without prefix":   {url, httppush.Options{Secrets: []string{strings.TrimPrefix(secretA, "whsec_")}}, `secret 1 of 1 must begin with "whsec_"`},
		"a secret not in base64":    {url, httppush.Options{Secrets: []string{secretA, "whsec_!!!!"}}, "secret 2 of 2 must be base64"},
		"a secret too short":        {url, httppush.Options{Secrets: []string{"whsec_c2hvcnQ="}}, "must have 24 to 64 bytes, has 5"},
		"a secret too long":         {url, httppush.Options{Secrets: []string{"whsec_" + strings.Repeat("AAAA", 22)}}, "must have 24 to 64 bytes, has 66"},
		"a header's odd name":       {url, httppush.Options{Headers: map[string]string{"a b": "v"}}, `header "a b" is not a header's name`},
		"a header without a name":   {url, httppush.Options{Headers: map[string]string{"": "v"}}, `header "" is not a header's name`},
		"a header's odd value":      {url, httppush.Options{Headers: map[string]string{"a": "v\r\nb: c"}}, `header "a" has a control character`},
		"a header of its own":       {url, httppush.Options{Headers: map[string]string{"Webhook-ID": "v"}}, `header "Webhook-ID" is set by the handler itself`},
		"a header given twice":      {url, httppush.Options{Headers: map[string]string{"X-A": "1", "x-a": "2"}}, `header "x-a" is given twice`},
		"a negative timeout":        {url, httppush.Options{Timeout: -time.Second}, "timeout -1s"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := httppush.New(test.url, test.o)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error = %v, want it to say %q", err, test.want)
			}
		})
	}
}

func TestNew_reports_every_mistake_at_once(t *testing.T) {
	_, err := httppush.New("ftp://x", httppush.Options{
		Secrets: []string{"one", secretA, "three"}, Headers: map[string]string{"a b": "", "Content-Type": "text/plain"}, Timeout: -time.Second,
	})
	for _, want := range []string{`scheme "ftp"`, "secret 1 of 3", "secret 3 of 3", `header "a b"`, `header "Content-Type"`, "timeout"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %q:\n%v", want, err)
		}
	}
}

// Whatever goes wrong, no secret is in the error.
func TestErrors_hold_no_secret(t *testing.T) {
	const (
		password = "pa55word"
		token    = "t0ken"
		query    = "s1gnature"
	)
	badSecret := "whsec_" + "h1dden!"
	headers := map[string]string{"Authorization": token}
	refusing, _ := endpoint(t, status(http.StatusForbidden))
	withSecrets := func(base string) string {
		return strings.Replace(base, "http://", "http://ada:"+password+"@", 1) + "/hooks?key=" + query
	}
	var texts []string
	for _, url := range []string{withSecrets(refusing), withSecrets("http://127.0.0.1:1")} {
		h := open(t, url, httppush.Options{Secrets: []string{secretA}, Headers: headers})
		err := h.Handle(t.Context(), delivery())
		if err == nil {
			t.Fatalf("%s: no error", url)
		}
		texts = append(texts, err.Error(), fmt.Sprintf("%+v", err))
	}
	for _, url := range []string{"http://ada:" + password + "@h\x00st/?key=" + query, "http://ada:" + password + "/@host", "http://ada:%" + password + "@host"} {
		_, err := httppush.New(url, httppush.Options{Secrets: []string{badSecret}, Headers: map[string]string{"A": token + "\n"}})
		texts = append(texts, err.Error())
	}
	for _, text := range texts {
		for _, secret := range []string{password, token, query, strings.TrimPrefix(badSecret, "whsec_"), strings.TrimPrefix(secretA, "whsec_")} {
			if strings.Contains(text, secret) {
				t.Errorf("%q is in %q", secret, text)
			}
		}
	}
}

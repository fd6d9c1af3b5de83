package httppush_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/handler/httppush"
)

// steady is a policy whose every delay is a second, so that any other delay was asked for.
var steady = symphony.Policy{InitialDelay: time.Second, Multiplier: 1, Jitter: symphony.NoJitter}

func TestHandle_decides_by_status(t *testing.T) {
	retry := symphony.Decision{Outcome: symphony.Retry, Delay: time.Second}
	fail := symphony.Decision{Outcome: symphony.Fail}
	for code, want := range map[int]symphony.Decision{
		200: {Outcome: symphony.Ack}, 201: {Outcome: symphony.Ack}, 202: {Outcome: symphony.Ack}, 204: {Outcome: symphony.Ack}, 299: {Outcome: symphony.Ack},
		300: fail, 301: fail, 302: fail, 304: fail, 307: fail, 308: fail,
		400: fail, 401: fail, 403: fail, 404: fail, 405: fail, 409: fail, 410: fail, 413: fail, 422: fail, 451: fail,
		408: retry, 425: retry, 429: retry,
		500: retry, 501: retry, 502: retry, 503: retry, 504: retry, 599: retry,
	} {
		t.Run(strconv.Itoa(code), func(t *testing.T) {
			url, seen := endpoint(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(code)
			})
			err := open(t, url, httppush.Options{}).Handle(t.Context(), delivery())
			if diff := cmp.Diff(want, steady.Decide(1, err, 0.5)); diff != "" {
				t.Errorf("decision (-want +got):\n%s", diff)
			}
			if len(seen) != 1 {
				t.Errorf("the endpoint was asked %d times, want once: redirects are not followed", len(seen))
			}
			if want.Outcome == symphony.Ack {
				return
			}
			var refused *httppush.StatusError
			if !errors.As(err, &refused) || refused.Status != code {
				t.Errorf("error = %v, want a *StatusError of %d", err, code)
			}
			if got, want := symphony.ErrorClass(err), "http_"+strconv.Itoa(code); got != want {
				t.Errorf("class = %q, want %q", got, want)
			}
		})
	}
}

func TestHandle_does_not_follow_redirects_of_the_given_client_either(t *testing.T) {
	url, seen := endpoint(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	client := &http.Client{CheckRedirect: func(_ *http.Request, via []*http.Request) error {
		if len(via) > 1 {
			return errors.New("redirected twice")
		}
		return nil
	}}
	err := open(t, url, httppush.Options{Client: client}).Handle(t.Context(), delivery())
	if !symphony.IsPermanent(err) || len(seen) != 1 {
		t.Errorf("error = %v after %d requests, want a permanent one after 1", err, len(seen))
	}
	if client.CheckRedirect(nil, nil) != nil {
		t.Error("the caller's client was changed")
	}
}

func TestHandle_honours_Retry_After(t *testing.T) {
	now := time.Date(2026, 12, 1, 9, 30, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		status int
		header string
		want   symphony.Decision
	}{
		"seconds":                {503, "120", symphony.Decision{Outcome: symphony.Retry, Delay: 2 * time.Minute}},
		"zero seconds":           {429, "0", symphony.Decision{Outcome: symphony.Retry}},
		"a date":                 {429, now.Add(90 * time.Second).Format(http.TimeFormat), symphony.Decision{Outcome: symphony.Retry, Delay: 90 * time.Second}},
		"a date that is over":    {503, now.Add(-time.Hour).Format(http.TimeFormat), symphony.Decision{Outcome: symphony.Retry}},
		"too many seconds":       {503, "999999999999", symphony.Decision{Outcome: symphony.Retry, Delay: symphony.MaxRetryDelay}},
		"a date too far":         {503, "Fri, 01 Jan 2100 00:00:00 GMT", symphony.Decision{Outcome: symphony.Retry, Delay: symphony.MaxRetryDelay}},
		"negative seconds":       {503, "-5", symphony.Decision{Outcome: symphony.Retry, Delay: time.Second}},
		"nonsense":               {503, "soon", symphony.Decision{Outcome: symphony.Retry, Delay: time.Second}},
		"not with a final error": {404, "120", symphony.Decision{Outcome: symphony.Fail}},
	} {
		t.Run(name, func(t *testing.T) {
			url, _ := endpoint(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", test.header)
				w.WriteHeader(test.status)
			})
			err := open(t, url, httppush.Options{Clock: clock{now: now}}).Handle(t.Context(), delivery())
			if diff := cmp.Diff(test.want, steady.Decide(1, err, 0.5)); diff != "" {
				t.Errorf("decision (-want +got):\n%s", diff)
			}
		})
	}
}

func TestHandle_keeps_the_beginning_of_a_refusal(t *testing.T) {
	for name, test := range map[string]struct{ answer, want string }{
		"short":               {"no such order\n", "no such order"},
		"empty":               {"", ""},
		"long":                {strings.Repeat("x", 300_000), strings.Repeat("x", httppush.MaxErrorBody)},
		"control characters":  {"a\x1b[2Jb\r\nc", "a [2Jb \nc"},
		"bytes that are none": {"a\xff", "a\uFFFD"},
	} {
		t.Run(name, func(t *testing.T) {
			url, _ := endpoint(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusUnprocessableEntity)
				io.WriteString(w, test.answer)
			})
			err := open(t, url+"/hooks?token=x", httppush.Options{}).Handle(t.Context(), delivery())
			want := "httppush: POST " + url + "/…: 422 Unprocessable Entity"
			if test.want != "" {
				want += ": " + test.want
			}
			if diff := cmp.Diff(want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestHandle_acks_an_endpoint_that_breaks_off_after_its_2xx(t *testing.T) {
	url, _ := endpoint(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	if err := open(t, url, httppush.Options{}).Handle(t.Context(), delivery()); err != nil {
		t.Error(err)
	}
}

func TestHandle_retries_network_errors(t *testing.T) {
	refusing, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refusing.Close()
	breaking, _ := endpoint(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	for name, url := range map[string]string{
		"nobody listens": "http://" + refusing.Addr().String(),
		"breaks off":     breaking,
		"no TLS there":   strings.Replace(breaking, "http:", "https:", 1),
	} {
		t.Run(name, func(t *testing.T) {
			err := open(t, url, httppush.Options{}).Handle(t.Context(), delivery())
			if got := steady.Decide(1, err, 0.5).Outcome; got != symphony.Retry {
				t.Errorf("outcome = %s, want retry; error: %v", got, err)
			}
			if got := symphony.ErrorClass(err); got != "network" {
				t.Errorf("class = %q, want network; error: %v", got, err)
			}
		})
	}
}

// silence is a network from which nothing comes back.
type silence struct{}

func (silence) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestHandle_ends_with_its_context(t *testing.T) {
	hanging := func(t *testing.T) (string, <-chan request) {
		end := make(chan struct{})
		url, seen := endpoint(t, func(http.ResponseWriter, *http.Request) { <-end })
		t.Cleanup(func() { close(end) })
		return url, seen
	}
	t.Run("by its own timeout", func(t *testing.T) {
		url, _ := hanging(t)
		err := open(t, url, httppush.Options{Timeout: time.Millisecond}).Handle(t.Context(), delivery())
		if !errors.Is(err, context.DeadlineExceeded) || symphony.ErrorClass(err) != "timeout" || symphony.IsPermanent(err) {
			t.Errorf("error = %v of class %q", err, symphony.ErrorClass(err))
		}
	})
	t.Run("by the default timeout, or none", func(t *testing.T) {
		for timeout, want := range map[time.Duration]time.Duration{0: httppush.DefaultTimeout, httppush.NoTimeout: time.Hour} {
			synctest.Test(t, func(t *testing.T) {
				client := &http.Client{Transport: silence{}}
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				start := time.Now()
				err := open(t, "http://endpoint.test", httppush.Options{Timeout: timeout, Client: client}).Handle(ctx, delivery())
				if got := time.Since(start); got != want || symphony.ErrorClass(err) != "timeout" {
					t.Errorf("timeout %s: %v after %s, want a timeout after %s", timeout, err, got, want)
				}
			})
		}
	})
	t.Run("by the caller", func(t *testing.T) {
		url, seen := hanging(t)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-seen
			cancel()
		}()
		err := open(t, url, httppush.Options{}).Handle(ctx, delivery())
		if !errors.Is(err, context.Canceled) || symphony.ErrorClass(err) != "canceled" || symphony.IsPermanent(err) {
			t.Errorf("error = %v of class %q", err, symphony.ErrorClass(err))
		}
	})
	t.Run("while a refusal is still arriving", func(t *testing.T) {
		end := make(chan struct{})
		url, _ := endpoint(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusServiceUnavailable)
			io.WriteString(w, "overloaded")
			w.(http.Flusher).Flush()
			<-end
		})
		t.Cleanup(func() { close(end) })
		ctx, cancel := context.WithCancel(t.Context())
		client := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			defer cancel()
			return http.DefaultTransport.RoundTrip(r)
		})}
		err := open(t, url, httppush.Options{Client: client}).Handle(ctx, delivery())
		if got := symphony.ErrorClass(err); got != "http_503" {
			t.Errorf("error = %v of class %q, want http_503", err, got)
		}
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

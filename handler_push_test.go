package symphony_test

import (
	"context"
	"errors"
	"testing"

	"github.com/symphony-messenger/symphony"
)

func withURL(url string) *symphony.Delivery {
	d := &symphony.Delivery{Attempt: 1}
	d.ID, d.Type, d.Terms = "m", "order.paid", &symphony.Terms{URL: url}
	return d
}

// A message with a URL of its own goes to what pushes, and never to a handler of its type.
func TestMux_Push(t *testing.T) {
	var handled []string
	note := func(by string) symphony.HandlerFunc {
		return func(ctx context.Context, d *symphony.Delivery) error {
			pattern, name, _ := symphony.HandlerFrom(ctx)
			handled = append(handled, by+" "+pattern+" "+name)
			return nil
		}
	}
	mux := symphony.NewMux()
	mux.Handle("*", note("handler"), symphony.HandlerOptions{})
	if mux.Pushes() {
		t.Error("it pushes")
	}
	err := mux.Run(t.Context(), withURL("https://a.test"), 0).Err
	var none *symphony.NoHandlerError
	if !errors.As(err, &none) || !none.Pushed || !symphony.IsPermanent(err) {
		t.Errorf("without Push: %v", err)
	}
	mux.Push(note("push"), symphony.HandlerOptions{})
	if !mux.Pushes() {
		t.Error("it does not push")
	}
	for _, d := range []*symphony.Delivery{withURL("https://a.test"), withURL("")} {
		if err := mux.Run(t.Context(), d, 0).Err; err != nil {
			t.Error(err)
		}
	}
	if len(handled) != 2 || handled[0] != "push url: 1" || handled[1] != "handler * 1" {
		t.Errorf("handled by %q", handled)
	}
	for what, f := range map[string]func(){
		"a second one":  func() { mux.Push(note("push"), symphony.HandlerOptions{}) },
		"nil":           func() { symphony.NewMux().Push(nil, symphony.HandlerOptions{}) },
		"fewer than no": func() { symphony.NewMux().Push(note("push"), symphony.HandlerOptions{Places: -2}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s is taken", what)
				}
			}()
			f()
		}()
	}
}

// Each origin has places of its own, so that one that hangs leaves the others the rest.
func TestMux_Places_of_URLs(t *testing.T) {
	mux := symphony.NewMux()
	mux.Push(symphony.HandlerFunc(func(context.Context, *symphony.Delivery) error { return nil }),
		symphony.HandlerOptions{Places: symphony.HalfPlaces})
	if !mux.Bounded() {
		t.Error("not bounded")
	}
	for url, want := range map[string]string{
		"https://a.test/x": "url:https://a.test", "https://A.test/y?z": "url:https://a.test",
		"https://a.test:8443/x": "url:https://a.test:8443", "http://a.test/x": "url:http://a.test",
	} {
		if pattern, places := mux.Places(&withURL(url).Envelope, 10); pattern != want || places != 5 {
			t.Errorf("%s: %s has %d places, want %s with 5", url, pattern, places, want)
		}
	}
}

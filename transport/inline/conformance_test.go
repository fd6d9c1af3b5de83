package inline_test

import (
	"context"
	"testing"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/transport/inline"
	"github.com/symphony-messenger/symphony/transport/transporttest"
)

func TestConformance(t *testing.T) {
	transporttest.Run(t, func(t *testing.T, clock symphony.Clock) transporttest.Harness {
		mux := symphony.NewMux()
		mux.HandleFunc("*", func(context.Context, *symphony.Delivery) error { return nil })
		tr := inline.Open(mux, inline.Options{Name: symphony.DefaultTransport, Clock: clock})
		t.Cleanup(func() {
			if err := tr.Close(); err != nil {
				t.Error(err)
			}
		})
		return transporttest.Harness{Default: tr}
	})
}

package httpapi_test

import (
	"bytes"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi"
)

// large is a dispatch of a payload of so many bytes.
func large(bytes int) string {
	return `{"message":{"type":"Large","payload":{"d":"` + strings.Repeat("a", bytes-8) + `"}}}`
}

// Many large bodies at a time wait for their turn, and none is refused or stored otherwise than it came.
func TestLarge_bodies_take_turns(t *testing.T) {
	const size, n = 2 << 20, 12
	f := newFixture(t, func(o *httpapi.Options) {
		o.MaxBodyBytes, o.MaxBatchBytes, o.MaxBytesInFlight = 3<<20, 3<<20, 16<<20 // three of them at a time
		tr, err := o.Bus.Transport("default")
		if err != nil {
			t.Fatal(err)
		}
		o.Bus, err = symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{MaxMessageBytes: 3 << 20})
		if err != nil {
			t.Fatal(err)
		}
	})
	var (
		calls sync.WaitGroup
		codes [n]int
	)
	body := large(size)
	for i := range n {
		calls.Go(func() { codes[i] = f.call("POST", dispatchPath, body).status })
	}
	calls.Wait()
	for i, code := range codes {
		if code != http.StatusCreated {
			t.Errorf("body %d is answered %d", i, code)
		}
	}
	got, err := f.tr.Receive(t.Context(), symphony.ReceiveOptions{Max: n, MaxBytes: n * 3 << 20})
	if err != nil || len(got) != n {
		t.Fatalf("got %d messages, %v", len(got), err)
	}
	for _, d := range got {
		want := body[len(`{"message":{"type":"Large","payload":`) : len(body)-2]
		if !bytes.Equal(d.Payload, []byte(want)) {
			t.Errorf("a payload of %d bytes came back as another one of %d", size, len(d.Payload))
		}
	}
}

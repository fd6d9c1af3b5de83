package httpapi

import (
	"strings"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
)

func exampleReceipt() receipt {
	claimed := time.UnixMicro(1_795_000_000_123_456).UTC()
	return receipt{transport: "default", typ: "Mail.Welcome ä", attempt: 3, lost: 1, claimed: claimed, queue: "fast", worker: "w:1", created: claimed.Add(-time.Minute), scheduled: claimed.Add(-time.Second),
		lease: symphony.Lease{MessageID: "01a20846-fe04-7000-90d0-4989796f46c5", Token: "00112233445566778899aabbccddeeff", Index: 99}}
}

func TestReceiptsComeBackAsTheyWere(t *testing.T) {
	want := exampleReceipt()
	got, err := parseReceipt(want.String())
	if err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

// A worker that has a receipt of an earlier release settles with it at a later one.
func TestReceiptsOfVersion1AreTaken(t *testing.T) {
	want := exampleReceipt()
	want.queue, want.worker, want.created, want.scheduled = "", "", time.Time{}, time.Time{}
	const text = "AQdkZWZhdWx0JDAxYTIwODQ2LWZlMDQtNzAwMC05MGQwLTQ5ODk3OTZmNDZjNSAwMDExMjIzMzQ0NTU2Njc3ODg5OWFhYmJjY2RkZWVmZg9NYWlsLldlbGNvbWUgw6RjAwGAyYiW4KKwBg"
	got, err := parseReceipt(text)
	if err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func TestWhatIsNoReceiptIsRefused(t *testing.T) {
	good := exampleReceipt()
	text := good.String()
	for _, s := range []string{"", "x", "!!", text[:len(text)-2], text + "AAAAAAAAAAAAAAAAAAAA", "Aw" + text[2:], strings.Repeat("A", 10_000)} {
		if r, err := parseReceipt(s); err == nil {
			t.Errorf("%.40q was taken for %+v", s, r)
		}
	}
}

// Whatever is parsed is written again as it was: there is one text for each receipt.
func FuzzReceipt(f *testing.F) {
	good := exampleReceipt()
	f.Add(good.String())
	f.Add("AQAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, s string) {
		r, err := parseReceipt(s)
		if err != nil {
			return
		}
		again, err := parseReceipt(r.String())
		if err != nil || again != r {
			t.Errorf("%q became %+v, %v; want %+v", s, again, err, r)
		}
	})
}

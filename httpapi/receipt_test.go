package httpapi

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
	"github.com/symphony-messenger/symphony/symphonytest"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

func exampleReceipt() receipt {
	claimed := time.UnixMicro(1_795_000_000_123_456).UTC()
	return receipt{transport: "default", typ: "Mail.Welcome ä", attempt: 3, lost: 1, claimed: claimed, queue: "fast", worker: "w:1", created: claimed.Add(-time.Minute), scheduled: claimed.Add(-time.Second),
		lease: symphony.Lease{MessageID: "01a20846-fe04-7000-90d0-4989796f46c5", Token: "00112233445566778899aabbccddeeff", Index: 99}}
}

func exampleSeal() *seal { return newSeal([]byte("a key of thirty-two bytes, at 32")) }

// sealed makes a receipt of any fields and extras.
func sealed(s *seal, body []byte) string {
	b := append([]byte{receiptVersion}, s.id[:]...)
	b = append(b, body...)
	return base64.RawURLEncoding.EncodeToString(s.appendSum(b, b))
}

// bodyOf are the fields and extras of a receipt.
func bodyOf(t testing.TB, text string) []byte {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b[1+sealIDSize : len(b)-sumSize]
}

func TestReceiptsComeBackAsTheyWere(t *testing.T) {
	s, want := exampleSeal(), exampleReceipt()
	plain := want
	plain.scheduled = time.Time{}
	for _, want := range []receipt{want, plain} {
		got, err := parseReceipt(want.text(s), s)
		if err != nil || got != want {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
}

// Later releases may add what they need. This one takes their receipts and passes over it.
func TestReceiptsMayHaveExtrasThatAreNotKnown(t *testing.T) {
	s, want := exampleSeal(), exampleReceipt()
	body := bodyOf(t, want.text(s))
	for _, extra := range []string{"retries=3", ""} {
		body = binary.AppendUvarint(body, 77)
		body = binary.AppendUvarint(body, uint64(len(extra)))
		body = append(body, extra...)
	}
	if got, err := parseReceipt(sealed(s, body), s); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if _, err := parseReceipt(sealed(s, append(body, 77, 5)), s); !errors.Is(err, errReceipt) {
		t.Errorf("an extra without its bytes: got %v", err)
	}
}

// Nobody without the key changes a field, or makes a receipt.
func TestForgedReceiptsAreRefused(t *testing.T) {
	s, good := exampleSeal(), exampleReceipt()
	forger := newSeal([]byte("a key of the forger's own, 32 by"))
	forger.id = s.id
	forged := map[string]func(*receipt){
		"nothing": func(*receipt) {}, "transport": func(r *receipt) { r.transport = "email" }, "message": func(r *receipt) { r.lease.MessageID = "x" },
		"token": func(r *receipt) { r.lease.Token = "x" }, "index": func(r *receipt) { r.lease.Index++ }, "type": func(r *receipt) { r.typ = "Other" },
		"attempt": func(r *receipt) { r.attempt = 1 }, "lost": func(r *receipt) { r.lost = 0 }, "queue": func(r *receipt) { r.queue = "slow" },
		"worker": func(r *receipt) { r.worker = "you" }, "claimed": func(r *receipt) { r.claimed = r.claimed.Add(time.Hour) },
		"created": func(r *receipt) { r.created = r.created.Add(-time.Hour) }, "scheduled": func(r *receipt) { r.scheduled = time.Time{} },
	}
	sum := good.text(s)[len(good.text(s))-22:] // 16 bytes and a part of one before
	for field, change := range forged {
		r := good
		change(&r)
		texts := []string{r.text(forger)}
		if field != "nothing" {
			b := append([]byte{receiptVersion}, s.id[:]...)
			b = append(b, bodyOf(t, r.text(s))...)
			old, err := base64.RawURLEncoding.DecodeString(good.text(s))
			if err != nil {
				t.Fatal(err)
			}
			texts = append(texts, base64.RawURLEncoding.EncodeToString(append(b, old[len(old)-sumSize:]...)))
		}
		for _, text := range texts {
			if got, err := parseReceipt(text, s); !errors.Is(err, errReceipt) {
				t.Errorf("%s: got %+v, %v", field, got, err)
			}
		}
	}
	text := good.text(s)
	for _, bad := range []string{"", "x", "!!", text[:len(text)-2], text + "AAAAAAAAAAAAAAAAAAAA", "_w" + text[2:], sum, strings.Repeat("A", 10_000)} {
		if got, err := parseReceipt(bad, s); !errors.Is(err, errReceipt) {
			t.Errorf("%.40q was taken for %+v, %v", bad, got, err)
		}
	}
}

func TestReceiptsOfOtherInstallationsAndVersionsAreToldFromForgedOnes(t *testing.T) {
	s, good := exampleSeal(), exampleReceipt()
	const version1 = "AQdkZWZhdWx0JDAxYTIwODQ2LWZlMDQtNzAwMC05MGQwLTQ5ODk3OTZmNDZjNSAwMDExMjIzMzQ0NTU2Njc3ODg5OWFhYmJjY2RkZWVmZg9NYWlsLldlbGNvbWUgw6RjAwGAyYiW4KKwBg"
	for name, text := range map[string]string{
		"another key":      good.text(newSeal([]byte("another key of thirty-two bytes."))),
		"an older release": version1,
		"a newer release":  "BA" + good.text(s)[2:],
	} {
		if got, err := parseReceipt(text, s); !errors.Is(err, errForeignReceipt) {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

// A receipt whose times cannot be shown would break the list of what it settles. None is made, and none is taken.
func TestReceiptsHaveTimesThatCanBeShown(t *testing.T) {
	s, good := exampleSeal(), exampleReceipt()
	body := bodyOf(t, good.text(s))
	var tail []byte // claimed, created, scheduled
	for _, n := range []int64{good.claimed.UnixMicro(), good.claimed.UnixMicro() - good.created.UnixMicro(), good.scheduled.UnixMicro()} {
		tail = binary.AppendVarint(tail, n)
	}
	head := body[:len(body)-len(tail)]
	now := good.claimed.UnixMicro()
	for _, times := range [][3]int64{{math.MaxInt64, 0, 0}, {-1, 0, 0}, {now, now + 1, 0}, {now, math.MinInt64, 0}, {now, 0, -5}, {now, 0, math.MaxInt64}} {
		b := append([]byte(nil), head...)
		for _, n := range times {
			b = binary.AppendVarint(b, n)
		}
		if got, err := parseReceipt(sealed(s, b), s); !errors.Is(err, errReceipt) {
			t.Errorf("%v: got %+v, %v", times, got, err)
		}
	}
	damaged := symphony.Delivery{ClaimedAt: good.claimed, Envelope: symphony.Envelope{ScheduledAt: time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)}}
	r := receiptOf("default", "w", &damaged)
	if got, err := parseReceipt(r.text(s), s); err != nil || got.created != good.claimed || !got.scheduled.IsZero() {
		t.Errorf("a damaged message's receipt: %+v, %v", got, err)
	}
}

// All nodes of a store have one key, whoever makes it, and find it again after a restart.
func TestSealIsTheStores(t *testing.T) {
	store := symphonytest.Storage(t, sqlite.Options{})
	defer store.Close()
	var (
		wg  sync.WaitGroup
		ids [16][sealIDSize]byte
	)
	for i := range ids {
		wg.Go(func() {
			s, err := (&seals{records: store}).get(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = s.id
		})
	}
	wg.Wait()
	for _, id := range ids[1:] {
		if id != ids[0] {
			t.Fatalf("two nodes have two keys: %x", ids)
		}
	}
	one, err := (&seals{}).get(t.Context())
	if err != nil || one.id == ids[0] {
		t.Errorf("without a store: %v, id %x", err, one.id)
	}
	for _, bad := range []string{`{"key":"AAAA"}`, `{}`, `[]`} {
		if err := storage.Put(t.Context(), store, sealKind, sealID, []byte(bad)); err != nil {
			t.Fatal(err)
		}
		if s, err := (&seals{records: store}).get(t.Context()); err == nil {
			t.Errorf("the record %s made a key: %x", bad, s.id)
		}
	}
}

// Whatever fields are parsed are written again as they were.
func FuzzReceipt(f *testing.F) {
	s, good := exampleSeal(), exampleReceipt()
	f.Add(bodyOf(f, good.text(s)))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := parseReceipt(sealed(s, body), s)
		if err != nil {
			return
		}
		again, err := parseReceipt(r.text(s), s)
		if err != nil || again != r {
			t.Errorf("%q became %+v, %v; want %+v", body, again, err, r)
		}
	})
}

// What making and taking the receipts of one message costs, without the HTTP around it.
func BenchmarkReceipt(b *testing.B) {
	s, r := exampleSeal(), exampleReceipt()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parseReceipt(r.text(s), s); err != nil {
			b.Fatal(err)
		}
	}
}

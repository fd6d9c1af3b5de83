package transporttest

import (
	"encoding/base64"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

// sizes asks for what the storage uses, once it has looked again.
func (s *suite) sizes() storage.Bytes {
	s.Helper()
	sizes, err := storage.SizesOf(s.def)
	if err != nil || s.Tidy == nil {
		s.Skipf("transport does not tell its size: %v", err)
	}
	s.clock.Advance(20 * time.Minute)
	s.Tidy(s.T)
	b, err := sizes.Bytes(ctx)
	if err != nil {
		s.Fatal(err)
	}
	sum := int64(0)
	for kind, n := range b.Kinds {
		if sum += n; n < 0 || !slices.Contains(storage.Kinds(), kind) {
			s.Errorf("%s has %d bytes", kind, n)
		}
	}
	if sum != b.Total || b.Total == 0 || b.At.IsZero() {
		s.Errorf("kinds have %d bytes, all together %d, at %s", sum, b.Total, b.At)
	}
	return b
}

// noise is a text that no storage makes smaller.
func noise(n int) string {
	raw := make([]byte, n*3/4)
	for i := range raw {
		raw[i] = byte(rand.Uint32())
	}
	return base64.StdEncoding.EncodeToString(raw)
}

var sizeTests = []test{
	{"kinds add up to all, and each kind of message has its own", func(s *suite) {
		before := s.sizes()
		text := func() json.RawMessage { return json.RawMessage(`{"text":"` + noise(20_000) + `"}`) }
		const each = 30
		for _, status := range []symphony.Status{symphony.Completed, symphony.Failed, symphony.Cancelled,
			symphony.Pending} {
			for range each {
				r, err := s.bus.Dispatch(ctx, "Order", text(), symphony.DispatchOptions{})
				if err != nil {
					s.Fatal(err)
				}
				switch status {
				case symphony.Completed:
					s.ack(s.one())
				case symphony.Failed:
					s.mustSettle(s.one(), symphony.Settlement{Outcome: symphony.Fail, Error: "no", ErrorClass: "test"})
				case symphony.Cancelled:
					if _, err := s.messages().CancelMessage(ctx, r.ID, symphony.Cancellation{}); err != nil {
						s.Fatal(err)
					}
				}
			}
		}
		after := s.sizes()
		// All of them may have left something where messages wait.
		const least, most = each * 20_000 * 8 / 10, 4 * each * 20_000 * 3 / 2
		for _, kind := range []string{storage.BytesWaiting, storage.BytesCompleted, storage.BytesFailed,
			storage.BytesCancelled} {
			if grown := after.Kinds[kind] - before.Kinds[kind]; grown < least || grown > most {
				s.Errorf("%s has grown by %d bytes, want %d to %d", kind, grown, least, most)
			}
		}
	}},
	{"results, attempts, schedules and logs are told apart", func(s *suite) {
		before := s.sizes()
		big := json.RawMessage(`"` + noise(18_000) + `"`)
		for range 20 {
			s.dispatch(symphony.DispatchOptions{})
			s.mustSettle(s.one(), symphony.Settlement{Outcome: symphony.Retry, Error: noise(8000),
				ErrorClass: "test"})
			s.mustSettle(s.one(), symphony.Settlement{Outcome: symphony.Ack, Output: big})
		}
		if log, err := storage.LogOf(s.def); err == nil {
			for range 20 {
				if _, err := log.AppendLog(ctx, "audit", []storage.Entry{{Kind: "a.b", Data: json.RawMessage(`{"a":` + string(big) + `}`)}}); err != nil {
					s.Fatal(err)
				}
			}
		}
		after := s.sizes()
		grown := func(kind string) int64 { return after.Kinds[kind] - before.Kinds[kind] }
		if n := grown(storage.BytesEvents); n < 200_000 {
			s.Errorf("events have grown by %d bytes", n)
		}
		if n := grown(storage.BytesCompleted) + grown(storage.BytesOutputs); n < 200_000 {
			s.Errorf("completed messages with their outputs have grown by %d bytes", n)
		}
		if n := grown(storage.BytesCompleted) + grown(storage.BytesAttempts); n < 10_000 {
			s.Errorf("attempts with completed messages have grown by %d bytes", n)
		}
	}},
}

package sqlite

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/symphony-messenger/symphony"
)

// BenchmarkLarge lists, looks through and drains messages of 200 bytes beside 64 others of a lower priority, which nobody
// takes, one after every 60 of them. The others have 200 bytes too, which is what they would cost if their bodies stood
// elsewhere, or more.
func BenchmarkLarge(b *testing.B) {
	payload := func(n int) []byte { return fmt.Appendf(nil, `{"d":"%s"}`, strings.Repeat("a", n)) }
	for _, kib := range []float64{0.2, 16, 256, 4 << 10} {
		b.Run(fmt.Sprintf("%gKiB", kib), func(b *testing.B) {
			ctx := context.Background()
			tr, err := Open(ctx, filepath.Join(b.TempDir(), "queue.db"), Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer tr.Close()
			bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{MaxMessageBytes: 64 << 20})
			if err != nil {
				b.Fatal(err)
			}
			send := func(n int, body []byte, o symphony.DispatchOptions) {
				batch := make([]symphony.Outgoing, n)
				for i := range batch {
					batch[i] = symphony.Outgoing{Message: symphony.Message{Type: "T", Payload: body}, Options: o}
				}
				if _, err := bus.DispatchBatch(ctx, batch); err != nil {
					b.Fatal(err)
				}
			}
			body, little := payload(int(kib*1024)), payload(192)
			for range 64 {
				send(60, little, symphony.DispatchOptions{Priority: 5})
				send(1, body, symphony.DispatchOptions{Priority: 1})
			}
			b.Run("list", func(b *testing.B) {
				for b.Loop() {
					page, err := tr.ListMessages(ctx, symphony.MessageQuery{Limit: 200, Bytes: 4 << 20}.WithDefaults())
					if err != nil || len(page.Messages) == 0 {
						b.Fatal(len(page.Messages), err)
					}
				}
			})
			b.Run("walk", func(b *testing.B) { // a filter that no index knows
				for b.Loop() {
					q := symphony.MessageQuery{Limit: 200}
					q.ConcurrencyKey = "none"
					if _, err := tr.ListMessages(ctx, q.WithDefaults()); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("drain", func(b *testing.B) {
				for b.Loop() {
					b.StopTimer()
					send(1000, little, symphony.DispatchOptions{Priority: 9})
					b.StartTimer()
					for n := 0; n < 1000; {
						got, err := tr.Receive(ctx, symphony.ReceiveOptions{Max: 100})
						if err != nil {
							b.Fatal(err)
						}
						acks := make([]symphony.Settlement, len(got))
						for i, d := range got {
							acks[i] = symphony.Settlement{Lease: d.Lease, Outcome: symphony.Ack}
						}
						tr.Settle(ctx, acks)
						n += len(got)
					}
				}
			})
		})
	}
}

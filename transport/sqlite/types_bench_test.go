package sqlite_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

// benchWaitingEnv is how many messages wait in BenchmarkTypes, 20,000 unless given.
const benchWaitingEnv = "SYMPHONY_BENCH_MESSAGES"

// BenchmarkTypes counts messages by type, of which many wait: 50 types of 200 bytes in 20 queues, beside as many as one
// receiver has in hand, and a tenth that is completed.
func BenchmarkTypes(b *testing.B) {
	n := benchSize(b, benchWaitingEnv)
	ctx := b.Context()
	tr, err := sqlite.Open(ctx, filepath.Join(b.TempDir(), "symphony.db"), sqlite.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { tr.Close() })
	bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{})
	if err != nil {
		b.Fatal(err)
	}
	payload := fmt.Appendf(nil, `{"pad":"%s"}`, strings.Repeat("x", 190))
	send := func(n int) {
		for sent := 0; sent < n; sent += symphony.MaxBatch {
			batch := make([]symphony.Outgoing, min(symphony.MaxBatch, n-sent))
			for i := range batch {
				at := sent + i
				batch[i].Message = symphony.Message{Type: fmt.Sprintf("Type%d", at*7919%50), Payload: payload}
				batch[i].Options = symphony.DispatchOptions{Queue: fmt.Sprintf("queue%d", at%20)}
			}
			if _, err := bus.DispatchBatch(ctx, batch); err != nil {
				b.Fatal(err)
			}
		}
	}
	take := func(n int) (list []symphony.Settlement) {
		for len(list) < n {
			got, err := tr.Receive(ctx, symphony.ReceiveOptions{Max: symphony.MaxReceive, Lease: symphony.MaxLease})
			if err != nil || len(got) == 0 {
				b.Fatal(len(got), err)
			}
			for _, d := range got {
				list = append(list, symphony.Settlement{Lease: d.Lease, Outcome: symphony.Ack})
			}
		}
		return list
	}
	send(n / 10)
	tr.Settle(ctx, take(n/10))
	send(n + 1000)
	hand := len(take(1000))
	for _, kind := range []struct {
		name string
		hand int
	}{{"little in hand", hand}, {"much in hand", min(symphony.MaxCounted, n/2)}} {
		for hand < kind.hand {
			hand += len(take(kind.hand - hand))
		}
		b.Run(kind.name, func(b *testing.B) {
			for b.Loop() {
				c, err := tr.CountTypes(ctx, []string{tr.Name()}, symphony.MaxCounted)
				if err != nil || len(c.Types) != 50 {
					b.Fatal(len(c.Types), err)
				}
			}
		})
	}
}

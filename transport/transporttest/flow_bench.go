package transporttest

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/storage"
)

// BenchmarkFlow measures what each part of flow control costs on the way of a message: batches of 100 are dispatched,
// claimed and acked, and an operation is one message. open opens a fresh storage with limits.
func BenchmarkFlow(b *testing.B, open func(b *testing.B, limits *flow.Limits) symphony.Transport) {
	limits, err := flow.NewLimits(flow.LimitOptions{Types: map[string]flow.TypeLimit{
		"Wide":  {Limit: flow.Limit{Concurrency: 1_000_000}},
		"Fast":  {Limit: flow.Limit{Rate: flow.Rate{Count: 1_000_000, Per: time.Second, Burst: 1_000_000}}},
		"Keyed": {PerKey: flow.Limit{Concurrency: 100}},
	}})
	if err != nil {
		b.Fatal(err)
	}
	expires := symphony.SystemClock().Now().Add(24 * time.Hour)
	benchmark(b, func(b *testing.B) symphony.Transport { return open(b, limits) }, []feature{
		{"none", "Job", func(int) symphony.DispatchOptions { return symphony.DispatchOptions{} }},
		{"correlation", "Job", func(int) symphony.DispatchOptions {
			return symphony.DispatchOptions{CorrelationID: "story", CausationID: "cause"}
		}},
		{"type-concurrency", "Wide", func(int) symphony.DispatchOptions { return symphony.DispatchOptions{} }},
		{"type-rate", "Fast", func(int) symphony.DispatchOptions { return symphony.DispatchOptions{} }},
		{"key-concurrency", "Keyed", func(i int) symphony.DispatchOptions {
			return symphony.DispatchOptions{ConcurrencyKey: fmt.Sprint(i % 50)}
		}},
		{"group", "Job", func(i int) symphony.DispatchOptions { return symphony.DispatchOptions{GroupKey: fmt.Sprint(i % 50)} }},
		{"ordered", "Job", func(i int) symphony.DispatchOptions {
			return symphony.DispatchOptions{GroupKey: fmt.Sprint(i % 100), Ordered: true}
		}},
		{"expires", "Job", func(int) symphony.DispatchOptions { return symphony.DispatchOptions{ExpiresAt: expires} }},
		{"throttle", "Job", func(i int) symphony.DispatchOptions { return symphony.DispatchOptions{ThrottleKey: fmt.Sprint(i)} }},
		{"debounce", "Job", func(i int) symphony.DispatchOptions { return symphony.DispatchOptions{DebounceKey: fmt.Sprint(i)} }},
	})
}

// BenchmarkTerms measures in the same way what a message costs that has something of its own. open opens a fresh
// storage with BenchmarkIndexes. What follows a message is dispatched, and not handled.
func BenchmarkTerms(b *testing.B, open func(b *testing.B) symphony.Transport) {
	always := func(o symphony.DispatchOptions) func(int) symphony.DispatchOptions {
		return func(int) symphony.DispatchOptions { return o }
	}
	customer := func(i int) symphony.DispatchOptions {
		return symphony.DispatchOptions{Metadata: map[string]any{"customer": map[string]any{"id": i}}}
	}
	benchmark(b, open, []feature{
		{"none", "Job", always(symphony.DispatchOptions{})},
		{"metadata", "Job", customer},
		{"metadata-indexed", "Found", customer},
		{"tags", "Job", always(symphony.DispatchOptions{Tags: []string{"acme", "monthly"}})},
		{"retries", "Job", always(symphony.DispatchOptions{MaxRetries: new(3), RetryDelay: []time.Duration{time.Second}})},
		{"url", "Job", always(pushed(symphony.DispatchOptions{}))},
		{"onFailure", "Job", always(symphony.DispatchOptions{OnFailure: &symphony.Callback{Type: "After", Queue: "after"}})},
		{"onSuccess", "Job", always(symphony.DispatchOptions{OnSuccess: &symphony.Callback{Type: "After", Queue: "after"}})},
	})
}

// BenchmarkIndexes are the indexes of metadata that BenchmarkTerms asks for.
func BenchmarkIndexes() []storage.Index { return []storage.Index{{Type: "Found", Path: "customer.id"}} }

// BenchmarkFailures measures in the same way what a message costs that fails for good, with the groups of failures and
// without. open opens a fresh storage that keeps groups or does not.
func BenchmarkFailures(b *testing.B, open func(b *testing.B, groups bool) symphony.Transport) {
	plain := func(int) symphony.DispatchOptions { return symphony.DispatchOptions{} }
	for _, groups := range []bool{false, true} {
		for _, kinds := range []int{1, 100} {
			name := fmt.Sprintf("of-%d-kinds/groups-%t", kinds, groups)
			benchmarkSettled(b, func(b *testing.B) symphony.Transport { return open(b, groups) },
				[]feature{{name, "Job", plain}}, func(i int) symphony.Settlement {
					class := fmt.Sprint("c", i%kinds)
					return symphony.Settlement{Outcome: symphony.Fail, Error: "no such account", ErrorClass: class}
				})
		}
	}
}

// feature is something that a message may have.
type feature struct {
	name, typ string
	options   func(i int) symphony.DispatchOptions
}

// benchmark dispatches, claims and acks messages in batches of 100.
func benchmark(b *testing.B, open func(b *testing.B) symphony.Transport, features []feature) {
	benchmarkSettled(b, open, features, func(int) symphony.Settlement {
		return symphony.Settlement{Outcome: symphony.Ack}
	})
}

// benchmarkSettled dispatches, claims and settles messages in batches of 100. settle is asked by their places.
func benchmarkSettled(
	b *testing.B, open func(b *testing.B) symphony.Transport, features []feature, settle func(i int) symphony.Settlement,
) {
	for _, feature := range features {
		b.Run(feature.name, func(b *testing.B) {
			tr := open(b)
			bus, err := symphony.NewBus([]symphony.Transport{tr},
				symphony.BusOptions{URLs: func(string) error { return nil }})
			if err != nil {
				b.Fatal(err)
			}
			payload := json.RawMessage(`{"order":42,"items":[{"sku":"a"},{"sku":"b"}]}`)
			b.ResetTimer()
			for sent := 0; sent < b.N; {
				batch := make([]symphony.Outgoing, min(100, b.N-sent))
				for i := range batch {
					batch[i] = symphony.Outgoing{Message: symphony.Message{Type: feature.typ, Payload: payload}, Options: feature.options(sent + i)}
				}
				if _, err := bus.DispatchBatch(ctx, batch); err != nil {
					b.Fatal(err)
				}
				sent += len(batch)
				for done := 0; done < len(batch); {
					got, err := tr.Receive(ctx, symphony.ReceiveOptions{Max: 100, Wait: time.Second,
						Pushes: true, Queues: []string{symphony.DefaultQueue}})
					if err != nil {
						b.Fatal(err)
					}
					acks := make([]symphony.Settlement, len(got))
					for i := range got {
						acks[i] = settle(i)
						acks[i].Lease = got[i].Lease
					}
					if errs := tr.Settle(ctx, acks); errs != nil {
						b.Fatal(errs)
					}
					done += len(got)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}

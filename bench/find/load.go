package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/symphony-messenger/symphony"
)

// load makes the messages of one storage: 45 of a hundred are completed and one has failed, all others wait. Of 10,000
// messages one carries each of what few messages carry.
type load struct {
	o       *options
	tr      symphony.Transport
	bus     *symphony.Bus
	storage string
	began   time.Time
	middle  string // the id of a message in the middle
}

// batch is how many messages are dispatched or settled at a time.
const batch = 1000

// rare is of how many messages one carries something.
const rare = 10_000

func (l *load) fill(ctx context.Context) error {
	list := make([]symphony.Outgoing, 0, batch)
	for i := range l.o.n {
		list = append(list, l.message(i))
		if len(list) < batch && i < l.o.n-1 {
			continue
		}
		receipts, err := l.bus.DispatchBatch(ctx, list)
		if err != nil {
			return err
		}
		if l.middle == "" && i >= l.o.n/2 {
			l.middle = receipts[0].ID
		}
		list = list[:0]
		if err := l.progress("dispatched", i+1); err != nil {
			return err
		}
	}
	for done := 0; ; {
		got, err := l.tr.Receive(ctx, symphony.ReceiveOptions{Queues: []string{"done"}, Max: batch, Worker: "find"})
		if err != nil {
			return err
		}
		if len(got) == 0 {
			break
		}
		now := time.Now()
		settlements := make([]symphony.Settlement, len(got))
		for i, d := range got {
			settlements[i] = symphony.Settlement{Lease: d.Lease, Outcome: symphony.Ack, StartedAt: now, FinishedAt: now}
			if d.Type == "Dead" {
				settlements[i].Outcome, settlements[i].ErrorClass = symphony.Fail, "network"
				settlements[i].Error = fmt.Sprintf("connection %d refused", i)
			}
		}
		for _, err := range l.tr.Settle(ctx, settlements) {
			if err != nil {
				return err
			}
		}
		done += len(got)
		if err := l.progress("handled", done); err != nil {
			return err
		}
	}
	fmt.Fprintln(os.Stderr)
	return nil
}

// progress says how far the work has come, and ends it where it takes too long.
func (l *load) progress(what string, n int) error {
	took := time.Since(l.began)
	fmt.Fprintf(os.Stderr, "\r%s: %d %s in %s      ", l.storage, n, what, took.Round(time.Second))
	if took > l.o.limit {
		return fmt.Errorf("it has taken %s so far, and may take %s", took.Round(time.Second), l.o.limit)
	}
	return nil
}

func (l *load) message(i int) symphony.Outgoing {
	payload := fmt.Sprintf(`{"order":%d,"customer":"customer-%d","pad":"%0110d"}`, i, i*7919%100_003, i)
	m := symphony.Outgoing{Message: symphony.Message{Type: "Order.Placed", Payload: json.RawMessage(payload)}}
	m.Options.Priority = 1 + i%10
	switch {
	case i%100 == 1:
		m.Message.Type, m.Options.Queue = "Dead", "done"
	case i%100 < 46:
		m.Options.Queue = "done"
	case i%500 == 499:
		m.Options.Queue, m.Options.Delay = "later", 1000*time.Hour
	}
	if i%2 == 0 && m.Message.Type != "Dead" {
		m.Message.Type = "Mail.Send"
	}
	switch i % rare {
	case 10:
		m.Message.Type = "Report.Monthly"
	case 20:
		m.Options.Tags = []string{"vip"}
	case 30:
		m.Options.GroupKey = "tenant-7"
	case 40:
		m.Options.ConcurrencyKey = "account-7"
	case 50:
		m.Options.CorrelationID = "story-7"
	case 60:
		m.Options.IdempotencyKey = fmt.Sprintf("order-%d", i)
	case 70:
		m.Options.DispatchedBy = "user:ada"
	case 80:
		m.Message.Metadata = map[string]any{"customer": map[string]any{"id": 42}}
	}
	return m
}

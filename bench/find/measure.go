package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/symphony-messenger/symphony"
)

// question is something that is asked of the storage.
type question struct {
	name  string
	bound time.Duration
	ask   func() (found int64, more bool, err error)
}

// measure asks everything several times and writes a table.
func (l *load) measure(ctx context.Context, out *strings.Builder) error {
	messages, err := l.bus.Messages(l.tr.Name())
	if err != nil {
		return err
	}
	dead, err := l.bus.Failed(l.tr.Name())
	if err != nil {
		return err
	}
	failures, err := dead.List(ctx, symphony.MessageQuery{Limit: 1})
	if err != nil || len(failures.Messages) == 0 {
		return fmt.Errorf("no failed message: %w", err)
	}
	var list []question
	page := func(name string, bound time.Duration, q symphony.MessageQuery) {
		list = append(list, question{name, bound, func() (int64, bool, error) {
			p, err := messages.List(ctx, q)
			return int64(len(p.Messages)), p.Next != "", err
		}})
	}
	type filter = symphony.MessageFilter
	indexed := func(name string, f filter) { page(name, indexedBound, symphony.MessageQuery{MessageFilter: f}) }
	walk := func(name string, f filter) {
		page(name+", a page of a walk", walkBound, symphony.MessageQuery{MessageFilter: f})
	}
	count := func(name string, f filter, exact bool) {
		list = append(list, question{"count of " + name, countBound, func() (int64, bool, error) {
			p, err := messages.Counts(ctx, f, exact)
			return p.Total, p.Next != "", err
		}})
	}
	indexed("all, newest first", filter{})
	page("all, oldest first", indexedBound, symphony.MessageQuery{Oldest: true})
	page("all, from the middle on", indexedBound, symphony.MessageQuery{After: l.middle})
	for _, s := range []symphony.Status{symphony.Pending, symphony.Completed, symphony.Failed} {
		indexed(string(s), filter{Status: s})
	}
	indexed("one of two types", filter{Type: "Mail.*"})
	indexed("one caller of many", filter{DispatchedBy: "user:ada"})
	list = append(list, question{"one message by its id", indexedBound, func() (int64, bool, error) {
		_, err := messages.Get(ctx, l.middle)
		return 1, false, err
	}}, question{"dead letters, newest first", indexedBound, func() (int64, bool, error) {
		p, err := dead.List(ctx, symphony.MessageQuery{})
		return int64(len(p.Messages)), p.Next != "", err
	}})
	if group := failures.Messages[0].FailureGroup; group != "" {
		list = append(list, question{"dead letters of a group", indexedBound, func() (int64, bool, error) {
			p, err := dead.List(ctx, symphony.MessageQuery{MessageFilter: filter{FailureGroup: group}})
			return int64(len(p.Messages)), p.Next != "", err
		}})
	}
	indexed("a tag", filter{Tags: []string{"vip"}})
	indexed("a group key", filter{GroupKey: "tenant-7"})
	indexed("a concurrency key", filter{ConcurrencyKey: "account-7"})
	indexed("a story", filter{CorrelationID: "story-7"})
	indexed("an idempotency key", filter{IdempotencyKey: "order-60"})
	indexed("a class of errors", filter{ErrorClass: "network"})
	indexed("a group of failures", filter{FailureGroup: failures.Messages[0].FailureGroup})
	walk("a rare type", filter{Type: "Report.Monthly"})
	walk("metadata", filter{Metadata: map[string]string{"customer.id": "42"}})
	walk("a text that is nowhere", filter{Text: "nowhere"})
	count("all that wait or failed", filter{Statuses: []symphony.Status{symphony.Pending, symphony.Failed}}, true)
	count("a queue", filter{Queue: "done", Status: symphony.Pending}, true)
	count("all", filter{}, false)
	count("a caller", filter{DispatchedBy: "user:ada"}, true)
	count("a type, as far as one look comes", filter{Type: "Mail.*"}, false)
	count("a tag", filter{Tags: []string{"vip"}}, false)
	return l.table(list, out)
}

// table asks each question several times.
func (l *load) table(list []question, out *strings.Builder) error {
	out.WriteString("| | found | median ms | slowest ms | bound ms | |\n| --- | ---: | ---: | ---: | ---: | --- |\n")
	for _, q := range list {
		var (
			took  []time.Duration
			found int64
			more  bool
		)
		for range l.o.reps {
			began := time.Now()
			var err error
			if found, more, err = q.ask(); err != nil {
				return fmt.Errorf("%s: %w", q.name, err)
			}
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		notes := ""
		if more {
			notes = "there may be more"
		}
		median := took[len(took)/2]
		if median > q.bound {
			notes = strings.TrimPrefix(notes+"; **over**", "; ")
		}
		fmt.Fprintf(out, "| %s | %d | %.1f | %.1f | %.0f | %s |\n", q.name, found, ms(median), ms(took[len(took)-1]),
			ms(q.bound), notes)
	}
	out.WriteString("\n")
	return nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

package postgres_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/internal/pgtest"
	"github.com/symphony-messenger/symphony/storage"
	"github.com/symphony-messenger/symphony/transport/postgres"
)

// openNodes opens n nodes on one database.
func openNodes(t *testing.T, url string, n int, o postgres.Options) []*postgres.Transport {
	t.Helper()
	nodes := make([]*postgres.Transport, n)
	for i := range nodes {
		tr, err := postgres.Open(context.Background(), url, quiet(o))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := tr.Close(); err != nil {
				t.Error(err)
			}
		})
		nodes[i] = tr
	}
	return nodes
}

func logEntries(n int, kind string) []storage.Entry {
	list := make([]storage.Entry, n)
	for i := range list {
		list[i] = storage.Entry{Kind: kind, Data: json.RawMessage(fmt.Sprintf(`{"n": %d}`, i))}
	}
	return list
}

// TestLog_of_several_nodes has nodes write to one log at the same time while readers follow it: each must find every
// entry, in order, though it only ever asks for what comes after the last one that it saw.
func TestLog_of_several_nodes(t *testing.T) {
	for _, pooled := range []bool{false, true} {
		t.Run(fmt.Sprintf("pooler %t", pooled), func(t *testing.T) {
			url := pgtest.URL(t)
			if pooled {
				var name string
				query(t, url, "SELECT current_database()", &name)
				url = pgtest.PgBouncer(t, url, pgtest.BouncerOptions{PoolSize: 8}).URL(name)
			}
			nodes := openNodes(t, url, 3, postgres.Options{})
			const writers, appends, size = 6, 40, 3
			const total = writers * appends * size
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			var group sync.WaitGroup
			for w := range writers {
				group.Go(func() {
					for range appends {
						last, err := nodes[w%len(nodes)].AppendLog(ctx, "events", logEntries(size, "test"))
						if err != nil || last < size {
							t.Errorf("got %d, %v", last, err)
							return
						}
					}
				})
			}
			for _, node := range nodes {
				group.Go(func() {
					var seen int64
					var at time.Time
					for seen < total && !t.Failed() {
						page, err := node.ReadLog(ctx, storage.LogQuery{Log: "events", After: seen, Limit: 50})
						if err != nil {
							t.Error(err)
							return
						}
						for _, e := range page.Entries {
							if e.Seq != seen+1 || e.At.Before(at) {
								t.Errorf("entry %d at %s follows %d at %s", e.Seq, e.At, seen, at)
								return
							}
							seen, at = e.Seq, e.At
						}
					}
				})
			}
			group.Wait()
			if end, err := storage.LogEnd(ctx, nodes[0], "events"); err != nil || end != total {
				t.Errorf("the end is %d, %v, want %d", end, err, total)
			}
		})
	}
}

func TestLog_is_trimmed_in_several_transactions_and_keeps_its_numbers(t *testing.T) {
	nodes := openNodes(t, pgtest.URL(t), 2, postgres.Options{})
	ctx := t.Context()
	const total, keep = 5000, 10
	for range total / 1000 {
		if _, err := nodes[0].AppendLog(ctx, "events", logEntries(1000, "test")); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := nodes[1].TrimLog(ctx, "events", time.Time{}, keep); err != nil || n != total-keep {
		t.Errorf("got %d, %v", n, err)
	}
	page, err := nodes[1].ReadLog(ctx, storage.LogQuery{Log: "events"})
	if err != nil || len(page.Entries) != keep || page.Entries[0].Seq != total-keep+1 {
		t.Errorf("%d are left, %v", len(page.Entries), err)
	}
	if n, err := nodes[1].TrimLog(ctx, "events", page.Entries[keep-1].At.Add(time.Microsecond), 0); err != nil || n != keep {
		t.Errorf("got %d, %v", n, err)
	}
	if last, err := nodes[1].AppendLog(ctx, "events", logEntries(1, "test")); err != nil || last != total+1 {
		t.Errorf("the next is %d, %v", last, err)
	}
}

func TestLog_takes_any_text(t *testing.T) {
	tr := openNodes(t, pgtest.URL(t), 1, postgres.Options{})[0]
	ctx := t.Context()
	if _, err := tr.AppendLog(ctx, "a\x00b", []storage.Entry{{Kind: "k\xff\x00", Data: json.RawMessage("{\"a\": \"\xff\"}")}}); err != nil {
		t.Fatal(err)
	}
	page, err := tr.ReadLog(ctx, storage.LogQuery{Log: "a\x00b", Kinds: []string{"k\xff\x00"}})
	if err != nil || len(page.Entries) != 1 || !json.Valid(page.Entries[0].Data) {
		t.Errorf("got %v, %v", page.Entries, err)
	}
}

func TestLog_while_the_database_is_away(t *testing.T) {
	server := pgtest.Start(t, pgtest.Options{})
	tr := openNodes(t, server.URL("postgres"), 1, postgres.Options{Timeout: time.Second})[0]
	ctx := t.Context()
	server.Stop()
	_, appended := tr.AppendLog(ctx, "events", logEntries(1, "test"))
	_, read := tr.ReadLog(ctx, storage.LogQuery{Log: "events"})
	_, end := storage.LogEnd(ctx, tr, "events")
	_, trimmed := tr.TrimLog(ctx, "events", time.Now(), 1)
	for doing, err := range map[string]error{"append": appended, "read": read, "end": end, "trim": trimmed} {
		if !errors.Is(err, symphony.ErrUnavailable) {
			t.Errorf("%s: %v", doing, err)
		}
	}
	server.Start()
	soon(t, "the log works again", func() error {
		_, err := tr.AppendLog(ctx, "events", logEntries(1, "test"))
		return err
	})
}

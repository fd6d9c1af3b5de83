package postgres_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/internal/pgtest"
	"github.com/symphony-messenger/symphony/transport/postgres"
	"github.com/symphony-messenger/symphony/transport/transporttest"
)

// sendJobs stores n messages and returns their ids.
func sendJobs(t *testing.T, tr *postgres.Transport, n int, o symphony.DispatchOptions) []string {
	t.Helper()
	bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ids := make([]string, 0, n)
	for len(ids) < n {
		batch := make([]symphony.Outgoing, min(n-len(ids), symphony.MaxBatch))
		for i := range batch {
			batch[i] = symphony.Outgoing{Message: symphony.Message{Type: "Job", Payload: json.RawMessage(`{}`)}, Options: o}
		}
		receipts, err := bus.DispatchBatch(t.Context(), batch)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range receipts {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// TestSteer_races_with_claims deletes messages, and has others run now, while workers of several nodes claim them: each
// message is handled or deleted, and never both.
func TestSteer_races_with_claims(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]symphony.DispatchOptions{"plain": {}, "scheduled": {Delay: 300 * time.Millisecond}, "under flow control": {GroupKey: "g"}} {
		t.Run(name, func(t *testing.T) {
			url := pgtest.URL(t)
			nodes := openNodes(t, url, 3, postgres.Options{})
			const n = 300
			ids := sendJobs(t, nodes[0], n, o)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			var (
				mu                 sync.Mutex
				handled            = make(map[string]int)
				deleted            = make(map[string]bool)
				steering, claiming sync.WaitGroup
				over               atomic.Bool
			)
			for _, node := range nodes[:2] {
				claiming.Go(func() {
					for {
						last := over.Load()
						got, err := node.Receive(ctx, symphony.ReceiveOptions{Max: 2, Worker: "w"})
						if err != nil {
							t.Error(err)
							return
						}
						acks := make([]symphony.Settlement, len(got))
						mu.Lock()
						for i, d := range got {
							handled[d.ID]++
							acks[i] = symphony.Settlement{Lease: d.Lease, Outcome: symphony.Ack}
						}
						mu.Unlock()
						if errs := node.Settle(ctx, acks); errs != nil {
							t.Errorf("settle: %v", errs)
						}
						if stats, err := node.Stats(ctx); err != nil || last && stats.Depth() == 0 {
							if err != nil {
								t.Error(err)
							}
							return
						}
					}
				})
			}
			for part := range 2 {
				steering.Go(func() {
					for i := part; i < n; i += 2 {
						id := ids[n-1-i] // claims begin at the other end
						err := nodes[2].RunMessageNow(ctx, id)
						if err == nil && i%3 > 0 {
							if err = nodes[1+part].DeleteMessage(ctx, id); err == nil {
								mu.Lock()
								deleted[id] = true
								mu.Unlock()
							}
						}
						var status *symphony.MessageStatusError
						if err != nil && (!errors.As(err, &status) || status.Status != symphony.Processing && status.Status != symphony.Completed) {
							t.Errorf("message %s: %v", id, err)
						}
					}
				})
			}
			steering.Wait()
			over.Store(true)
			claiming.Wait()
			for _, id := range ids {
				if times := handled[id]; times > 1 || (times == 1) == deleted[id] {
					t.Errorf("message %s was handled %d times, deleted: %t", id, times, deleted[id])
				}
			}
			// Housekeeping takes those whose time has come off the count of scheduled ones.
			soon(t, "rows and counts", func() error {
				left := count(t, url, `SELECT ((SELECT count(*) FROM symphony.messenger_messages) + (SELECT count(*) FROM symphony.messenger_ready) + (SELECT count(*) FROM symphony.messenger_parked) +
				(SELECT count(*) FROM symphony.messenger_scheduled) + (SELECT abs(sum(pending)) + abs(sum(processing)) + abs(sum(scheduled)) FROM symphony.messenger_counters))::int8`)
				if left != 0 {
					return fmt.Errorf("%d are left", left)
				}
				return nil
			})
			t.Logf("%d handled, %d deleted", len(handled), len(deleted))
		})
	}
}

func TestRunMessageNow_wakes_a_worker_of_another_node(t *testing.T) {
	url := pgtest.URL(t)
	nodes := openNodes(t, url, 2, postgres.Options{PollInterval: time.Hour})
	for name, o := range map[string]symphony.DispatchOptions{"plain": {Delay: time.Hour}, "in a group": {Delay: time.Hour, GroupKey: "g"}} {
		t.Run(name, func(t *testing.T) {
			id := sendJobs(t, nodes[0], 1, o)[0]
			got := make(chan []symphony.Delivery, 1)
			go func() {
				list, err := nodes[1].Receive(t.Context(), symphony.ReceiveOptions{Wait: patience})
				if err != nil {
					t.Error(err)
				}
				got <- list
			}()
			if err := nodes[0].RunMessageNow(t.Context(), id); err != nil {
				t.Fatal(err)
			}
			list := <-got
			if len(list) != 1 || list[0].ID != id {
				t.Fatalf("got %v", list)
			}
			if errs := nodes[1].Settle(t.Context(), []symphony.Settlement{{Lease: list[0].Lease, Outcome: symphony.Ack}}); errs != nil {
				t.Fatal(errs)
			}
		})
	}
}

// TestSteer_finds_what_stands_where_nobody_would_look has rows whose times nothing tells: the clock of the node that took
// the message was wrong, or a node of an older release noted the attempt.
func TestSteer_finds_what_stands_where_nobody_would_look(t *testing.T) {
	for name, disturb := range map[string]string{
		"the dispatching node's clock was ahead":  "UPDATE symphony.messenger_messages SET created_at = created_at + interval '1 day' WHERE id = $1",
		"the dispatching node's clock was behind": "UPDATE symphony.messenger_messages SET created_at = created_at - interval '1 day' WHERE id = $1",
	} {
		t.Run(name, func(t *testing.T) {
			url := pgtest.URL(t)
			tr := openNodes(t, url, 1, postgres.Options{})[0]
			ids := sendJobs(t, tr, 120_000, symphony.DispatchOptions{}) // several looks
			id := ids[len(ids)-10]
			exec(t, url, disturb, id)
			if err := tr.RunMessageNow(t.Context(), id); err != nil {
				t.Error(err)
			}
			if err := tr.DeleteMessage(t.Context(), id); err != nil {
				t.Error(err)
			}
			if _, err := transporttest.GetMessage(t.Context(), tr, id); !errors.Is(err, symphony.ErrNotFound) {
				t.Error(err)
			}
		})
	}
	t.Run("an older release noted the attempt", func(t *testing.T) {
		url := pgtest.URL(t)
		tr := openNodes(t, url, 1, postgres.Options{})[0]
		id := sendJobs(t, tr, 3, symphony.DispatchOptions{})[1]
		got, err := tr.Receive(t.Context(), symphony.ReceiveOptions{})
		if err != nil || len(got) != 3 {
			t.Fatalf("got %v, %v", got, err)
		}
		for _, d := range got {
			if errs := tr.Settle(t.Context(), []symphony.Settlement{{Lease: d.Lease, Outcome: symphony.Retry, Delay: time.Hour, Error: "e"}}); errs != nil {
				t.Fatal(errs)
			}
		}
		before, err := transporttest.GetMessage(t.Context(), tr, id)
		if err != nil || before.AvailableAt.IsZero() {
			t.Fatalf("got %+v, %v", before, err)
		}
		exec(t, url, "UPDATE symphony.messenger_attempts SET retry_at = NULL")
		m, err := transporttest.GetMessage(t.Context(), tr, id)
		if err != nil || !m.AvailableAt.Equal(before.AvailableAt) || !m.Attempts[0].RetryAt.IsZero() {
			t.Errorf("ready at %s, was %s; %v", m.AvailableAt, before.AvailableAt, err)
		}
		if err := tr.RunMessageNow(t.Context(), id); err != nil {
			t.Error(err)
		}
		got, err = tr.Receive(t.Context(), symphony.ReceiveOptions{})
		if err != nil || len(got) != 1 || got[0].ID != id {
			t.Errorf("got %v, %v", got, err)
		}
	})
}

func TestMessages_while_the_database_is_away(t *testing.T) {
	server := pgtest.Start(t, pgtest.Options{})
	tr := openNodes(t, server.URL("postgres"), 1, postgres.Options{Timeout: time.Second})[0]
	ctx := t.Context()
	id := sendJobs(t, tr, 1, symphony.DispatchOptions{Delay: time.Hour})[0]
	server.Stop()
	_, list := tr.ListMessages(ctx, symphony.MessageQuery{})
	_, counted := transporttest.CountMessages(ctx, tr, symphony.MessageQuery{})
	_, got := transporttest.GetMessage(ctx, tr, id)
	for doing, err := range map[string]error{"list": list, "count": counted, "get": got, "delete": tr.DeleteMessage(ctx, id), "run": tr.RunMessageNow(ctx, id)} {
		if !errors.Is(err, symphony.ErrUnavailable) {
			t.Errorf("%s: %v", doing, err)
		}
	}
	server.Start()
	soon(t, "messages are listed again", func() error {
		page, err := tr.ListMessages(ctx, symphony.MessageQuery{})
		if err == nil && len(page.Messages) != 1 {
			return fmt.Errorf("got %v", page)
		}
		return err
	})
	if err := tr.DeleteMessage(ctx, id); err != nil {
		t.Error(err)
	}
}

func TestSearch_for_a_text_goes_through_all_that_it_may_look_at(t *testing.T) {
	tr := openNodes(t, pgtest.URL(t), 1, postgres.Options{})[0]
	ctx := t.Context()
	ids := sendJobs(t, tr, 3000, symphony.DispatchOptions{})
	bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{})
	if err != nil {
		t.Fatal(err)
	}
	last, err := bus.Dispatch(ctx, "Job", json.RawMessage(`{"a": "needle"}`), symphony.DispatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	q := symphony.MessageQuery{MessageFilter: symphony.MessageFilter{Text: "NEEDLE"}, Oldest: true}
	var found []string
	for {
		page, err := tr.ListMessages(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		for i := range page.Messages {
			found = append(found, page.Messages[i].ID)
		}
		if q.After = page.Next; q.After == "" {
			break
		}
	}
	if len(found) != 1 || found[0] != last.ID {
		t.Errorf("found %v, want %s", found, last.ID)
	}
	q = symphony.MessageQuery{MessageFilter: symphony.MessageFilter{Text: "job"}, Oldest: true, Limit: 200}
	seen := make(map[string]int)
	for {
		page, err := tr.ListMessages(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		for i := range page.Messages {
			seen[page.Messages[i].ID]++
		}
		if q.After = page.Next; q.After == "" {
			break
		}
	}
	for _, id := range ids {
		if seen[id] != 1 {
			t.Errorf("message %s was listed %d times", id, seen[id])
		}
	}
	// No more than it may look at.
	c, err := transporttest.CountMessages(ctx, tr, symphony.MessageQuery{MessageFilter: symphony.MessageFilter{Text: "job"}, Scan: 1300})
	if err != nil || c.Next == "" || c.Total > 1300 {
		t.Errorf("counted %+v, %v", c, err)
	}
}

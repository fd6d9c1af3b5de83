package postgres_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/internal/pgtest"
	"github.com/symphony-messenger/symphony/schedule"
	"github.com/symphony-messenger/symphony/storage"
	"github.com/symphony-messenger/symphony/transport/postgres"
	"github.com/symphony-messenger/symphony/transport/transporttest"
)

// changing is a call that changes something, and how to find out whether it did.
type changing struct {
	do   func(ctx context.Context) error
	done func(t *testing.T) bool
}

// cutSetup makes the call whose commit is cut off, by a node behind the proxy. others is a node that is not.
type cutSetup func(t *testing.T, cut, others *postgres.Transport) changing

func oneMessage(t *testing.T, tr *postgres.Transport, o symphony.DispatchOptions) {
	t.Helper()
	bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bus.Dispatch(t.Context(), "Order", struct{}{}, o); err != nil {
		t.Fatal(err)
	}
}

func oneDelivery(t *testing.T, tr *postgres.Transport, o symphony.DispatchOptions) symphony.Delivery {
	t.Helper()
	oneMessage(t, tr, o)
	got, err := tr.Receive(t.Context(), symphony.ReceiveOptions{Lease: time.Hour})
	if err != nil || len(got) != 1 {
		t.Fatalf("got %d messages, %v", len(got), err)
	}
	return got[0]
}

func counts(t *testing.T, tr *postgres.Transport) symphony.QueueStats {
	t.Helper()
	stats, err := tr.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stats.OldestPendingAge = 0
	return stats.QueueStats
}

func dispatching(batch int, o symphony.DispatchOptions) cutSetup {
	return func(t *testing.T, cut, others *postgres.Transport) changing {
		bus, err := symphony.NewBus([]symphony.Transport{cut}, symphony.BusOptions{})
		if err != nil {
			t.Fatal(err)
		}
		list := make([]symphony.Outgoing, batch)
		for i := range list {
			list[i] = symphony.Outgoing{Message: symphony.Message{Type: "Order", Payload: json.RawMessage(`{}`)}, Options: o}
		}
		return changing{
			do:   func(ctx context.Context) error { _, err := bus.DispatchBatch(ctx, list); return err },
			done: func(t *testing.T) bool { return counts(t, others).Pending == int64(batch) },
		}
	}
}

func settling(outcome symphony.Outcome, o symphony.DispatchOptions) cutSetup {
	return func(t *testing.T, cut, others *postgres.Transport) changing {
		d := oneDelivery(t, cut, o)
		return changing{
			do: func(ctx context.Context) error {
				errs := cut.Settle(ctx, []symphony.Settlement{{Lease: d.Lease, Outcome: outcome}})
				if errs == nil {
					return nil
				}
				return errs[0]
			},
			done: func(t *testing.T) bool { return counts(t, others).Processing == 0 },
		}
	}
}

func onFailed(do func(ctx context.Context, dead *symphony.DeadLetters, id string) error) cutSetup {
	return func(t *testing.T, cut, others *postgres.Transport) changing {
		d := oneDelivery(t, others, symphony.DispatchOptions{})
		if errs := others.Settle(t.Context(), []symphony.Settlement{{Lease: d.Lease, Outcome: symphony.Fail}}); errs != nil {
			t.Fatal(errs)
		}
		bus, err := symphony.NewBus([]symphony.Transport{cut}, symphony.BusOptions{})
		if err != nil {
			t.Fatal(err)
		}
		dead, err := bus.Failed(cut.Name())
		if err != nil {
			t.Fatal(err)
		}
		ids, err := transporttest.SelectFailed(t.Context(), cut, symphony.MessageFilter{}, 10)
		if err != nil || len(ids) != 1 {
			t.Fatalf("got %v, %v", ids, err)
		}
		return changing{
			do:   func(ctx context.Context) error { return do(ctx, dead, ids[0]) },
			done: func(t *testing.T) bool { return counts(t, others).Failed == 0 },
		}
	}
}

func aSchedule() schedule.Schedule {
	now := time.Now().UTC()
	return schedule.Schedule{
		ID: symphony.NewID(now), Source: schedule.SourceAPI, Message: symphony.Message{Type: "Order", Payload: json.RawMessage(`{}`)},
		Interval: time.Hour, CreatedAt: now, UpdatedAt: now, NextRunAt: now.Add(time.Hour), DueAt: now.Add(time.Hour),
	}
}

// everyCut are calls by what they do, with a statement that shows on which connection they do it.
var everyCut = map[string]struct {
	statement string
	setup     cutSetup
}{
	"dispatch":                    {"insert_messages", dispatching(1, symphony.DispatchOptions{})},
	"batch":                       {"insert_messages", dispatching(20, symphony.DispatchOptions{})},
	"dispatch with a key":         {"insert_messages", dispatching(1, symphony.DispatchOptions{IdempotencyKey: "k"})},
	"dispatch under flow control": {"insert_messages", dispatching(1, symphony.DispatchOptions{GroupKey: "g"})},
	"ack":                         {"ack_and_keep", settling(symphony.Ack, symphony.DispatchOptions{})},
	"retry":                       {"note_attempts", settling(symphony.Retry, symphony.DispatchOptions{})},
	"fail":                        {"move_to_failed", settling(symphony.Fail, symphony.DispatchOptions{})},
	"release":                     {"put_back", settling(symphony.Release, symphony.DispatchOptions{})},
	"ack under flow control":      {"ack_and_keep", settling(symphony.Ack, symphony.DispatchOptions{ConcurrencyKey: "k"})},
	"retry of a failed message": {"take_failed", onFailed(func(ctx context.Context, dead *symphony.DeadLetters, id string) error {
		_, err := dead.Retry(ctx, id, nil)
		return err
	})},
	"deletion of a failed message": {"delete_failed", onFailed(func(ctx context.Context, dead *symphony.DeadLetters, id string) error { return dead.Delete(ctx, id) })},
	"extension": {"set_expiry", func(t *testing.T, cut, others *postgres.Transport) changing {
		d := oneDelivery(t, cut, symphony.DispatchOptions{})
		return changing{
			do: func(ctx context.Context) error {
				errs := cut.Extend(ctx, []symphony.Lease{d.Lease}, time.Hour)
				if errs == nil {
					return nil
				}
				return errs[0]
			},
			done: func(*testing.T) bool { return true },
		}
	}},
	"delete": {"drop_messages", func(t *testing.T, cut, others *postgres.Transport) changing {
		oneMessage(t, others, symphony.DispatchOptions{ScheduledAt: time.Now().Add(time.Hour)})
		page, err := others.ListMessages(t.Context(), symphony.MessageQuery{Limit: 10})
		if err != nil || len(page.Messages) != 1 {
			t.Fatalf("got %+v, %v", page, err)
		}
		return changing{
			do:   func(ctx context.Context) error { return cut.DeleteMessage(ctx, page.Messages[0].ID) },
			done: func(t *testing.T) bool { return counts(t, others).Pending == 0 },
		}
	}},
	"schedule made": {"create_schedule", func(t *testing.T, cut, others *postgres.Transport) changing {
		n := aSchedule()
		return changing{
			do:   func(ctx context.Context) error { _, err := schedule.Create(ctx, cut, n); return err },
			done: func(t *testing.T) bool { _, err := schedule.Get(t.Context(), others, n.ID); return err == nil },
		}
	}},
	"schedule deleted": {"delete_schedule", func(t *testing.T, cut, others *postgres.Transport) changing {
		n := aSchedule()
		if _, err := schedule.Create(t.Context(), others, n); err != nil {
			t.Fatal(err)
		}
		return changing{
			do: func(ctx context.Context) error { return cut.DeleteSchedule(ctx, n.ID) },
			done: func(t *testing.T) bool {
				_, err := schedule.Get(t.Context(), others, n.ID)
				return errors.Is(err, symphony.ErrNotFound)
			},
		}
	}},
	"record such as a key": {"put_record", func(t *testing.T, cut, others *postgres.Transport) changing {
		return changing{
			do:   func(ctx context.Context) error { return storage.Put(ctx, cut, "api_key", "k", []byte("{}")) },
			done: func(t *testing.T) bool { _, err := storage.Get(t.Context(), others, "api_key", "k"); return err == nil },
		}
	}},
	"step": {"save_record", func(t *testing.T, cut, others *postgres.Transport) changing {
		if err := storage.Put(t.Context(), others, "operation", "o", []byte("old")); err != nil {
			t.Fatal(err)
		}
		return changing{
			do: func(ctx context.Context) error {
				_, err := cut.TakeStep(ctx, storage.Step{Kind: "operation", ID: "o", Old: []byte("old"), New: func(int) []byte { return []byte("new") }})
				return err
			},
			done: func(t *testing.T) bool {
				data, err := storage.Get(t.Context(), others, "operation", "o")
				return err == nil && string(data) == "new"
			},
		}
	}},
	"entry of a log": {"append_log", func(t *testing.T, cut, others *postgres.Transport) changing {
		return changing{
			do: func(ctx context.Context) error {
				_, err := cut.AppendLog(ctx, "audit", logEntries(1, "k"))
				return err
			},
			done: func(t *testing.T) bool {
				end, err := storage.LogEnd(t.Context(), others, "audit")
				return err == nil && end > 0
			},
		}
	}},
	"hold": {"set_hold", func(t *testing.T, cut, others *postgres.Transport) changing {
		return changing{
			do: func(ctx context.Context) error {
				return cut.Hold(ctx, flow.Hold{Mode: flow.Paused, HoldTarget: flow.HoldTarget{Queue: "q"}})
			},
			done: func(t *testing.T) bool { list, err := others.Holds(t.Context()); return err == nil && len(list) == 1 },
		}
	}},
}

// cutAt has the proxy cut the connection on which a statement is executed where the server says that it is ready and in
// which state: 'I' outside of a transaction, 'T' within one. The connections of the node's own work are left alone.
func cutAt(proxy *pgtest.Proxy, statement string, state byte) <-chan struct{} {
	var conn atomic.Int64
	name := []byte("\x00symphony_" + statement + "\x00")
	proxy.KillAt(pgtest.ToServer, func(m pgtest.Message) bool {
		if m.Type == 'B' && bytes.Contains(m.Body, name) {
			conn.Store(m.Conn)
		}
		return false
	})
	return proxy.KillAt(pgtest.ToClient, func(m pgtest.Message) bool {
		return m.Conn == conn.Load() && m.Type == 'Z' && m.Body[0] == state
	})
}

// The proxy cuts where the server says that it is ready again: what was asked for is committed by then.
func TestOutcome_is_unknown_where_the_answer_to_the_commit_is_lost(t *testing.T) {
	t.Parallel()
	for name, test := range everyCut {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := pgtest.URL(t)
			proxy := pgtest.NewProxy(t, url)
			cut := openNodes(t, proxy.URL(url), 1, postgres.Options{})[0]
			others := openNodes(t, url, 1, postgres.Options{})[0]
			c := test.setup(t, cut, others)
			hit := cutAt(proxy, test.statement, 'I') // it is not in a transaction any more
			err := c.do(t.Context())
			select {
			case <-hit:
			default:
				t.Fatalf("nothing was cut off: %v", err)
			}
			if !errors.Is(err, symphony.ErrOutcomeUnknown) || errors.Is(err, symphony.ErrUnavailable) {
				t.Errorf("got %v, want ErrOutcomeUnknown alone", err)
			}
			if !c.done(t) {
				t.Error("it was not done, so the test is not about what it says")
			}
		})
	}
}

// Before the server gets the commit nothing can be stored.
func TestOutcome_is_known_where_the_commit_cannot_be_sent(t *testing.T) {
	url := pgtest.URL(t)
	proxy := pgtest.NewProxy(t, url)
	cut := openNodes(t, proxy.URL(url), 1, postgres.Options{})[0]
	others := openNodes(t, url, 1, postgres.Options{})[0]
	for name, o := range map[string]symphony.DispatchOptions{
		"with a key": {IdempotencyKey: "k"}, "under flow control": {IdempotencyKey: "l", GroupKey: "g"},
	} {
		t.Run(name, func(t *testing.T) {
			c := dispatching(1, o)(t, cut, others)
			hit := cutAt(proxy, "claim_keys", 'T')
			err := c.do(t.Context())
			select {
			case <-hit:
			default:
				t.Fatalf("nothing was cut off: %v", err)
			}
			if !errors.Is(err, symphony.ErrUnavailable) || errors.Is(err, symphony.ErrOutcomeUnknown) {
				t.Errorf("got %v, want ErrUnavailable alone", err)
			}
			if n := counts(t, others).Pending; n != 0 {
				t.Errorf("%d messages are stored", n)
			}
		})
	}
	t.Run("refused", func(t *testing.T) {
		c := dispatching(1, symphony.DispatchOptions{})(t, cut, others)
		proxy.Refuse()
		proxy.Reset()
		defer proxy.Restore()
		soon(t, "no connection is left", func() error {
			if err := c.do(t.Context()); !errors.Is(err, symphony.ErrUnavailable) || errors.Is(err, symphony.ErrOutcomeUnknown) {
				return errors.New("still one")
			}
			return nil
		})
	})
}

package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony/storage"
	"github.com/symphony-messenger/symphony/symphonytest/testclock"
	"github.com/symphony-messenger/symphony/transport/transporttest"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"zombiezen.com/go/sqlite"
)

// Searches go along indexes and sort nothing.
func TestSearch_plans(t *testing.T) {
	tr, _ := openTest(t, Options{})
	r := <-tr.readers
	defer func() { tr.readers <- r }()
	filters := []symphony.MessageFilter{{ErrorClass: "e"}, {FailureGroup: "g"}, {ErrorClass: "e", FailureGroup: "g"}}
	for _, status := range []symphony.Status{"", symphony.Pending, symphony.Processing, symphony.Completed, symphony.Failed} {
		filters = append(filters, symphony.MessageFilter{Status: status})
	}
	for _, filter := range filters {
		for _, text := range []string{"", "x"} {
			for _, oldest := range []bool{false, true} {
				filter.Text = text
				q := &symphony.MessageQuery{MessageFilter: filter, Oldest: oldest}
				one, all := &view{transports: []string{"default"}}, &view{transports: []string{"default", "email"}}
				f := one.filter(q)
				for _, query := range []string{f.walkQuery(q), endQuery(q), f.stretchRowsQuery(), stretchQuery + direction(q) + " LIMIT ?)",
					f.markedQuery(q), f.storyQuery(), one.oneFailedQuery(f), all.oneFailedQuery(f),
					one.walkFailedQuery(f, q), one.failedStretchQuery(f) + direction(q) + " LIMIT ?)",
					all.walkFailedQuery(f, q), all.failedStretchQuery(f) + direction(q) + " LIMIT ?)",
				} {
					var plan []string
					err := r.query("EXPLAIN QUERY PLAN "+query, func(s *sqlite.Stmt) bool {
						plan = append(plan, s.ColumnText(3))
						return true
					})
					if err != nil {
						t.Fatal(err)
					}
					t.Logf("%s\n\t%s", query, strings.Join(plan, "\n\t"))
					for _, step := range plan {
						if strings.HasPrefix(step, "SCAN messenger") || strings.HasPrefix(step, "SCAN m") || strings.Contains(step, "TEMP B-TREE") {
							t.Errorf("%s\n\t%s", query, step)
						}
					}
				}
			}
		}
	}
}

// What an older release has stored lacks what is kept since.
func TestMessages_of_older_releases(t *testing.T) {
	clock := testclock.New(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
	tr, _ := openTest(t, Options{Clock: clock})
	bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	dispatch := func(o symphony.DispatchOptions) string {
		t.Helper()
		r, err := bus.Dispatch(ctx, "Job", json.RawMessage(`{}`), o)
		if err != nil {
			t.Fatal(err)
		}
		clock.Advance(time.Millisecond)
		return r.ID
	}
	settle := func(outcome symphony.Outcome, delay time.Duration) {
		t.Helper()
		got, err := tr.Receive(ctx, symphony.ReceiveOptions{Max: 1, Worker: "w"})
		if err != nil || len(got) != 1 {
			t.Fatalf("got %v, %v", got, err)
		}
		if errs := tr.Settle(ctx, []symphony.Settlement{{Lease: got[0].Lease, Outcome: outcome, Delay: delay, Error: "e"}}); errs != nil {
			t.Fatal(errs)
		}
	}
	completed := dispatch(symphony.DispatchOptions{})
	settle(symphony.Ack, 0)
	retried := dispatch(symphony.DispatchOptions{})
	settle(symphony.Retry, time.Hour)
	retryAt := clock.Now().Add(time.Hour)
	ready, scheduled := dispatch(symphony.DispatchOptions{}), dispatch(symphony.DispatchOptions{Delay: time.Minute})
	for _, sql := range []string{"UPDATE messenger_messages SET delay=NULL", "UPDATE messenger_attempts SET retry_at=NULL", "UPDATE messenger_completed SET took=NULL, worker=NULL"} {
		if err := tr.do(ctx, sqlOp{sql}); err != nil {
			t.Fatal(err)
		}
	}
	show := func(id string) symphony.MessageInfo {
		t.Helper()
		m, err := transporttest.GetMessage(ctx, tr, id)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	if m := show(completed); m.Status != symphony.Completed || m.Worker != "" || !m.StartedAt.IsZero() || m.FinishedAt.IsZero() || m.Deliveries != 1 || len(m.Timeline()) != 2 {
		t.Errorf("completed: %+v", m)
	}
	if m := show(retried); m.Status != symphony.Pending || !m.AvailableAt.Equal(retryAt) || m.Deliveries != 1 || !m.Attempts[0].RetryAt.IsZero() {
		t.Errorf("retried: %+v", m)
	}
	if m := show(ready); !m.AvailableAt.Equal(m.CreatedAt) {
		t.Errorf("ready: %+v", m)
	}
	for _, id := range []string{retried, scheduled} {
		if err := tr.RunMessageNow(ctx, id); err != nil {
			t.Fatal(err)
		}
		if m := show(id); !m.AvailableAt.Equal(clock.Now()) {
			t.Errorf("to run now: %+v", m)
		}
	}
	for _, id := range []string{retried, scheduled, ready} {
		if err := tr.DeleteMessage(ctx, id); err != nil {
			t.Fatal(err)
		}
	}
	stats, err := tr.Stats(ctx)
	if err != nil || stats.Pending != 0 || stats.Scheduled != 0 {
		t.Errorf("left: %+v, %v", stats, err)
	}
}

// Searches in bulk find the same as those that look at one message after the other, also where messages are numbered in
// another order than that of their ids.
func TestSearch_in_bulk(t *testing.T) {
	for _, order := range []string{"by id", "shuffled", "far apart"} {
		t.Run(order, func(t *testing.T) {
			tr, _ := openTest(t, Options{})
			ctx, rnd := context.Background(), rand.New(rand.NewPCG(7, 7))
			begin := time.Now().Add(-time.Hour).Truncate(time.Millisecond)
			var list []*symphony.Envelope
			for i := range 1500 {
				at := begin.Add(time.Duration(i) * time.Millisecond)
				e := &symphony.Envelope{ID: symphony.NewID(at), Type: []string{"a", "b", "c"}[i%3], Payload: json.RawMessage(`{"n":1}`), Transport: []string{"default", "default", "other"}[i%7%3],
					Queue: []string{"q", "r"}[i%2], Priority: 1 + i%5, CreatedAt: at}
				list = append(list, e)
			}
			if order == "shuffled" {
				rnd.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
			}
			for part := range slices.Chunk(list, 50) {
				if _, err := tr.Send(ctx, part); err != nil {
					t.Fatal(err)
				}
				if order == "far apart" {
					if err := tr.do(ctx, skipOp{}); err != nil {
						t.Fatal(err)
					}
				}
				got, err := tr.Receive(ctx, symphony.ReceiveOptions{Max: 20})
				if err != nil {
					t.Fatal(err)
				}
				var ends []symphony.Settlement
				for i := range got {
					ends = append(ends, symphony.Settlement{Lease: got[i].Lease, Outcome: []symphony.Outcome{symphony.Fail, symphony.Ack, symphony.Fail}[i%3], Error: "e"})
				}
				if errs := tr.Settle(ctx, ends); errs != nil {
					t.Fatal(errs)
				}
			}
			search := func(q symphony.MessageQuery, carefully int) (ids []string, pages int) {
				t.Helper()
				tr.carefully = carefully
				for {
					page, err := tr.ListMessages(ctx, q)
					if err != nil {
						t.Fatal(err)
					}
					pages++
					for _, m := range page.Messages {
						ids = append(ids, m.ID)
					}
					c, err := transporttest.CountMessages(ctx, tr, q)
					if err != nil || c.Total > int64(q.Scan) {
						t.Fatalf("counted %+v, %v", c, err)
					}
					if q.After = page.Next; q.After == "" {
						return ids, pages
					}
				}
			}
			for range 60 {
				q := symphony.MessageQuery{Limit: 1 + rnd.IntN(200), Scan: 1 + rnd.IntN(2000), Oldest: rnd.IntN(2) == 0}
				q.Status = []symphony.Status{"", "", symphony.Failed, symphony.Pending, symphony.Completed}[rnd.IntN(5)]
				q.Type = []string{"", "a", "z"}[rnd.IntN(3)]
				q.Queue = []string{"", "q"}[rnd.IntN(2)]
				q.Text = []string{"", "N"}[rnd.IntN(2)]
				q.Priority = rnd.IntN(3)
				want, _ := search(q, 1<<30)
				got, _ := search(q, 1+rnd.IntN(30))
				if !slices.Equal(got, want) {
					t.Fatalf("%+v: got %d messages, want %d:\n%s", q, len(got), len(want), cmp.Diff(want, got))
				}
			}
		})
	}
}

// skipOp leaves out numbers of messages.
type skipOp struct{}

func (skipOp) rows() int { return 1 }
func (skipOp) apply(w *writer) error {
	w.nextSeq += 10_000
	return nil
}

// Searches that take long hold up neither workers nor those who look at one message.
func TestSearches_leave_readers_to_others(t *testing.T) {
	tr, bus := openTest(t, Options{})
	ctx := context.Background()
	r, err := bus.Dispatch(ctx, "Job", struct{}{}, symphony.DispatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for range searcherConns {
		busy := <-tr.searchers
		defer func() { tr.searchers <- busy }()
	}
	waiting, cancel := context.WithCancel(ctx)
	searches := []func() error{
		func() error { _, err := tr.ListMessages(waiting, symphony.MessageQuery{}); return err },
		func() error {
			_, err := transporttest.ListFailed(waiting, tr, symphony.MessageQuery{MessageFilter: symphony.MessageFilter{Text: "x"}, Limit: 1})
			return err
		},
		func() error {
			_, err := transporttest.ListFailed(waiting, tr, symphony.MessageQuery{MessageFilter: symphony.MessageFilter{Type: "x"}, Limit: 1})
			return err
		},
		func() error {
			_, err := transporttest.SelectFailed(waiting, tr, symphony.MessageFilter{Text: "x"}, 1)
			return err
		},
	}
	done := make(chan error)
	for _, search := range searches {
		go func() { done <- search() }()
	}
	if _, err := transporttest.ListFailed(ctx, tr, symphony.MessageQuery{Limit: 1}); err != nil {
		t.Error(err)
	}
	if _, err := storage.List(ctx, tr, "key"); err != nil {
		t.Error(err)
	}
	if got, err := tr.Receive(ctx, symphony.ReceiveOptions{Max: 1}); err != nil || len(got) != 1 {
		t.Errorf("received %v, %v", got, err)
	}
	if m, err := transporttest.GetMessage(ctx, tr, r.ID); err != nil || m.Status != symphony.Processing {
		t.Errorf("got %+v, %v", m, err)
	}
	cancel()
	for range searches {
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("a search that waits and is called off: %v", err)
		}
	}
}

func TestSearchOfFailed_goes_through_all_in_parts(t *testing.T) {
	tr, bus := openTest(t, Options{})
	ctx := context.Background()
	if _, err := bus.Dispatch(ctx, "Job", struct{}{}, symphony.DispatchOptions{}); err != nil {
		t.Fatal(err)
	}
	got, err := tr.Receive(ctx, symphony.ReceiveOptions{Max: 1})
	if err != nil || len(got) != 1 {
		t.Fatalf("got %v, %v", got, err)
	}
	if errs := tr.Settle(ctx, []symphony.Settlement{{Lease: got[0].Lease, Outcome: symphony.Fail, Error: "hay"}}); errs != nil {
		t.Fatal(errs)
	}
	const n = 2*failedPartRows + 10
	if err := tr.do(ctx, sqlOp{"CREATE TABLE copies AS SELECT * FROM messenger_failed_messages"}); err != nil {
		t.Fatal(err)
	}
	var columns string
	err = tr.read(ctx, "columns", func(r *reader) error {
		return r.query("SELECT group_concat(name) FROM pragma_table_info('messenger_failed_messages') WHERE name NOT IN ('id', 'error')", func(s *sqlite.Stmt) bool {
			columns = s.ColumnText(0)
			return false
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	err = tr.do(ctx, sqlOp{fmt.Sprintf(`WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i < %d)
		INSERT INTO messenger_failed_messages (id, error, %s)
		SELECT printf('01a20846-fe00-7000-8000-%%012d', i), CASE WHEN i %% 1000 = 0 THEN 'a needle' ELSE 'hay' END, %s FROM copies, c`, n, columns, columns)})
	if err != nil {
		t.Fatal(err)
	}
	filter := symphony.MessageFilter{Text: "NEEDLE"}
	page, err := transporttest.ListFailed(ctx, tr, symphony.MessageQuery{MessageFilter: filter, Limit: 4, Offset: 3, Total: true})
	if err != nil || page.Total != n/1000 || len(page.Messages) != 4 || page.Next == "" {
		t.Errorf("got %d of %d, more: %v, %v; want 4 of %d and more", len(page.Messages), page.Total, page.Next != "", err, n/1000)
	}
	if ids, err := transporttest.SelectFailed(ctx, tr, filter, 100); err != nil || len(ids) != n/1000 {
		t.Errorf("selected %d, %v; want %d", len(ids), err, n/1000)
	}
}

// The names of workers go with the messages that they have completed.
func TestWorkers_are_forgotten_with_their_messages(t *testing.T) {
	clock := testclock.New(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
	tr, _ := openTest(t, Options{Clock: clock, Retention: 10 * time.Hour})
	bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	work := func(worker string) string {
		t.Helper()
		r, err := bus.Dispatch(ctx, "Job", struct{}{}, symphony.DispatchOptions{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := tr.Receive(ctx, symphony.ReceiveOptions{Worker: worker})
		if err != nil || len(got) != 1 {
			t.Fatalf("got %v, %v", got, err)
		}
		if errs := tr.Settle(ctx, []symphony.Settlement{{Lease: got[0].Lease, Outcome: symphony.Ack}}); errs != nil {
			t.Fatal(errs)
		}
		return r.ID
	}
	names := func() (list []string) {
		t.Helper()
		err := tr.read(ctx, "read", func(r *reader) error {
			return r.query("SELECT name FROM messenger_workers ORDER BY name", func(s *sqlite.Stmt) bool {
				list = append(list, s.ColumnText(0))
				return true
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	work("a")
	kept := work("b")
	for range 8 { // b goes on
		clock.Advance(time.Hour - time.Minute)
		kept = work("b")
	}
	if got := names(); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("workers %v", got)
	}
	clock.Advance(6 * time.Hour)
	if err := tr.purge(ctx); err != nil {
		t.Fatal(err)
	}
	if got := names(); !slices.Equal(got, []string{"b"}) {
		t.Errorf("workers %v, want b", got)
	}
	if m, err := transporttest.GetMessage(ctx, tr, kept); err != nil || m.Worker != "b" {
		t.Errorf("got %+v, %v", m, err)
	}
	clock.Advance(20 * time.Hour)
	if err := tr.purge(ctx); err != nil {
		t.Fatal(err)
	}
	if got := names(); len(got) > 0 {
		t.Errorf("workers %v, want none", got)
	}
	if _, err := transporttest.GetMessage(ctx, tr, kept); !errors.Is(err, symphony.ErrNotFound) {
		t.Errorf("a message that is no longer kept: %v", err)
	}
	if m, err := transporttest.GetMessage(ctx, tr, work("a")); err != nil || m.Worker != "a" {
		t.Errorf("a worker that comes again: %+v, %v", m, err)
	}
}

// workerOp looks up a worker and then fails.
type workerOp struct {
	name string
	err  error
}

func (o workerOp) rows() int { return 1 }
func (o workerOp) apply(w *writer) error {
	if _, err := w.workerID(o.name); err != nil {
		return err
	}
	return o.err
}

func TestWorkers_are_not_known_from_a_transaction_that_failed(t *testing.T) {
	tr, _ := openTest(t, Options{})
	ctx, boom := context.Background(), errors.New("boom")
	if err := tr.do(ctx, workerOp{"w", boom}); !errors.Is(err, boom) {
		t.Fatal(err)
	}
	for range 2 {
		if err := tr.do(ctx, workerOp{"w", nil}); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	err := tr.read(ctx, "read", func(r *reader) error {
		return r.query("SELECT count(*) FROM messenger_workers WHERE name='w'", func(s *sqlite.Stmt) bool {
			n = s.ColumnInt(0)
			return true
		})
	})
	if err != nil || cmp.Diff(1, n) != "" {
		t.Errorf("%d rows, %v; want 1", n, err)
	}
}

// Command inspect measures how long it takes to list, search, count and show messages of a SQLite database with very
// many of them. It makes the database, prints a table in Markdown, and deletes it.
package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	_ "github.com/mattn/go-sqlite3" // in C: it fills the tables in a tenth of the time
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/transport/sqlite"
	"github.com/symphony-messenger/symphony/transport/transporttest"
)

func main() {
	n := flag.Int("n", 10_000_000, "how many messages")
	reps := flag.Int("reps", 15, "how often each page is read")
	dir := flag.String("dir", "", "make the database in this folder, and leave it there; used again if it is there")
	flag.Parse()
	if err := run(context.Background(), *n, *reps, *dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, n, reps int, dir string) (err error) {
	if dir == "" {
		if dir, err = os.MkdirTemp("", "inspect"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	path := filepath.Join(dir, "queue.db")
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		began := time.Now()
		if err := fill(ctx, path, n); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "made %d messages in %s\n", n, time.Since(began).Round(time.Second))
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	began := time.Now()
	tr, err := sqlite.Open(ctx, path, options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tr.Close()) }()
	fmt.Printf("%d messages, %d MiB; opened in %s.\n\n", n, info.Size()>>20, time.Since(began).Round(time.Millisecond))
	if _, err := tr.Receive(ctx, symphony.ReceiveOptions{Max: 1000, Lease: time.Hour, Worker: "bench"}); err != nil {
		return err
	}
	return measure(ctx, tr, n, reps)
}

// options keep what was completed.
var options = sqlite.Options{Retention: 10_000 * time.Hour}

// every is the time between two messages.
const every = 8 * time.Millisecond

// fill makes a database as a day of work would leave it: one message in a hundred failed, one in five hundred is
// scheduled for later in a queue of its own, the newest twelfth waits, and all others are completed. Half of them are
// of one type, one in a thousand of another, and ten of a third; five have a word that no other has.
func fill(ctx context.Context, path string, n int) error {
	tr, err := sqlite.Open(ctx, path, options)
	if err != nil {
		return err
	}
	if err := tr.Close(); err != nil {
		return err
	}
	db, err := sql.Open("sqlite3", "file:"+path+"?_journal=WAL&_sync=OFF")
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	exec := func(query string, args ...any) error {
		_, err := db.ExecContext(ctx, query, args...)
		return err
	}
	if err := exec("PRAGMA cache_size=-500000"); err != nil {
		return err
	}
	first := time.Now().Add(-time.Duration(n) * every).UnixMicro()
	numbers := fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT ? UNION ALL SELECT i+1 FROM n WHERE i < ?),
		m AS (SELECT i, %[1]d + i*%[2]d AS at, (%[1]d + i*%[2]d)/1000 AS ms,
			i %% 500 = 3 AS later, i %% 100 = 1 AS failed, i > %[3]d AS waits,
			CASE WHEN abs(i - %[4]d) < 5 THEN 'rare.event' WHEN i %% 1000 = 7 THEN 'report.monthly' WHEN i %% 2 = 0 THEN 'order.placed' ELSE 'mail.send' END AS type,
			'{"order":' || i || ',"customer":"customer-' || (i * 7919 %% 100003) || CASE WHEN abs(i - %[5]d) < 3 THEN ' needle%%42' ELSE '' END || '","pad":"' || substr('%[6]s', 1 + i %% 40, 140) || '"}' AS payload
		FROM n),
		msg AS (SELECT *, printf('%%08x-%%04x-7%%03x-8%%03x-%%012x', ms >> 16, ms & 65535, i %% 4096, i %% 4096, i * 2654435761 %% 281474976710656) AS id FROM m) `,
		first, every.Microseconds(), n-n/12, n/2, n/3, pad)
	const step = 500_000
	for from := 0; from < n; from += step {
		to := min(from+step, n) - 1
		for _, insert := range []string{
			`INSERT INTO messenger_messages (seq, id, lane, type, priority, created_at, scheduled_at, headers, payload, delay)
				` + numbers + `SELECT i+1, id, CASE WHEN later THEN 2 ELSE 1 END, type, 1 + i % 10, at, CASE WHEN later THEN at + 31536000000000 END, '{"traceparent":"00-' || id || '"}', payload,
				CASE WHEN later THEN 31536000000000 ELSE 300 END FROM msg WHERE NOT failed`,
			`INSERT INTO messenger_completed (seq, completed_at, attempt, took, worker) ` + numbers + `SELECT i+1, at + 50000, 1, 20000, 1 FROM msg WHERE NOT failed AND NOT later AND NOT waits`,
			`INSERT INTO messenger_ready (lane, rank, available_at, seq, attempt, lost, size)
				` + numbers + `SELECT CASE WHEN later THEN 2 ELSE 1 END, 10 - (1 + i % 10), at + CASE WHEN later THEN 31536000000000 ELSE 300 END, i+1, 0, 0, 200 FROM msg WHERE NOT failed AND (later OR waits)`,
			`INSERT INTO messenger_scheduled (scheduled_at, seq, lane) ` + numbers + `SELECT at + 31536000000000, i+1, 2 FROM msg WHERE NOT failed AND later`,
			`INSERT INTO messenger_failed_messages (id, transport, queue, message_id, type, priority, created_at, failed_at, error, error_class, retry_count, max_retries, attempts, payload)
				` + numbers + `SELECT printf('%08x-%04x-7%03x-9%03x-%012x', (ms + 60000) >> 16, (ms + 60000) & 65535, i % 4096, i % 4096, i), 'default', 'default', id, type, 1 + i % 10, at, at + 60000000,
				'connection refused', 'net.OpError', 0, 0, '[{"attempt":1,"startedAt":1,"finishedAt":2,"worker":"w","error":"connection refused","errorClass":"net.OpError","retryAt":null}]', payload FROM msg WHERE failed`,
		} {
			if err := exec(insert, from, to); err != nil {
				return err
			}
		}
		fmt.Fprintf(os.Stderr, "\r%d", to+1)
	}
	for _, query := range []string{
		"INSERT INTO messenger_workers VALUES (1, 'host-1', " + fmt.Sprint(time.Now().UnixMicro()) + ")",
		`INSERT INTO messenger_lanes (lane, transport, queue, controlled, pending, completed, failed, scheduled) VALUES
			(1, 'default', 'default', 0, (SELECT count(*) FROM messenger_ready WHERE lane=1), (SELECT count(*) FROM messenger_completed), (SELECT count(*) FROM messenger_failed_messages), 0),
			(2, 'default', 'later', 0, (SELECT count(*) FROM messenger_ready WHERE lane=2), 0, 0, (SELECT count(*) FROM messenger_scheduled))`,
		"PRAGMA wal_checkpoint(TRUNCATE)",
	} {
		if err := exec(query); err != nil {
			return err
		}
	}
	return nil
}

const pad = "Lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore et dolore magna aliqua Ut enim ad minim veniam quis nostrud exercitation ullamco"

// measure reads pages and prints how long they took.
func measure(ctx context.Context, tr *sqlite.Transport, n, reps int) error {
	now := time.Now()
	oldest := now.Add(-time.Duration(n) * every)
	middle := symphony.NewID(oldest.Add(time.Duration(n/2) * every))
	filter := func(change func(*symphony.MessageFilter)) (f symphony.MessageFilter) {
		change(&f)
		return f
	}
	list := func(q symphony.MessageQuery) func() (int, string, error) {
		return func() (int, string, error) {
			page, err := tr.ListMessages(ctx, q.WithDefaults())
			return len(page.Messages), page.Next, err
		}
	}
	page, err := tr.ListMessages(ctx, symphony.MessageQuery{After: middle}.WithDefaults())
	if err != nil || len(page.Messages) == 0 {
		return fmt.Errorf("no message in the middle: %w", err)
	}
	failed, err := tr.ListMessages(ctx, symphony.MessageQuery{MessageFilter: symphony.MessageFilter{Status: symphony.Failed}}.WithDefaults())
	if err != nil || len(failed.Messages) == 0 {
		return fmt.Errorf("no failed message: %w", err)
	}
	type row struct {
		name string
		call func() (int, string, error)
		q    *symphony.MessageQuery
	}
	var rows []row
	add := func(name string, q symphony.MessageQuery) { rows = append(rows, row{name, list(q), &q}) }
	add("no filter, newest", symphony.MessageQuery{})
	add("no filter, oldest", symphony.MessageQuery{Oldest: true})
	add("no filter, from the middle on", symphony.MessageQuery{After: middle})
	add("200 to a page", symphony.MessageQuery{Limit: 200})
	for _, status := range []symphony.Status{symphony.Pending, symphony.Processing, symphony.Completed, symphony.Failed} {
		add(string(status), symphony.MessageQuery{MessageFilter: filter(func(f *symphony.MessageFilter) { f.Status = status })})
	}
	add("pending, queue of 20,000", symphony.MessageQuery{MessageFilter: filter(func(f *symphony.MessageFilter) { f.Status, f.Queue = symphony.Pending, "later" })})
	add("queue of 20,000", symphony.MessageQuery{MessageFilter: filter(func(f *symphony.MessageFilter) { f.Queue = "later" })})
	add("type, 1 of 2", symphony.MessageQuery{MessageFilter: filter(func(f *symphony.MessageFilter) { f.Type = "order.placed" })})
	add("type, 1 of 1,000", symphony.MessageQuery{MessageFilter: filter(func(f *symphony.MessageFilter) { f.Type = "report.monthly" })})
	add("type, 9 in all", symphony.MessageQuery{MessageFilter: filter(func(f *symphony.MessageFilter) { f.Type = "rare.event" })})
	add("text, frequent", symphony.MessageQuery{MessageFilter: filter(func(f *symphony.MessageFilter) { f.Text = "CUSTOMER-1" })})
	add("text, 5 in all", symphony.MessageQuery{MessageFilter: filter(func(f *symphony.MessageFilter) { f.Text = "needle%42" })})
	add("text, 5 in all, in an hour", symphony.MessageQuery{MessageFilter: filter(func(f *symphony.MessageFilter) {
		f.Text = "needle%42"
		f.Since = oldest.Add(time.Duration(n/3)*every - 30*time.Minute)
		f.Until = f.Since.Add(time.Hour)
	})})
	add("an hour of last night", symphony.MessageQuery{MessageFilter: filter(func(f *symphony.MessageFilter) {
		f.Since = oldest.Add(time.Duration(n/4) * every)
		f.Until = f.Since.Add(time.Hour)
	})})
	for name, id := range map[string]string{"one message by its id": page.Messages[0].ID, "one failed message by its id": failed.Messages[0].ID, "an id that is unknown": symphony.NewID(now)} {
		rows = append(rows, row{name: name, call: func() (int, string, error) {
			_, err := transporttest.GetMessage(ctx, tr, id)
			if errors.Is(err, symphony.ErrNotFound) {
				return 0, "", nil
			}
			return 1, "", err
		}})
	}
	rows = append(rows, row{name: "count, no filter, 50,000", call: func() (int, string, error) {
		c, err := transporttest.CountMessages(ctx, tr, symphony.MessageQuery{}.WithDefaults())
		return int(c.Total), c.Next, err
	}})
	fmt.Println("| | found | median ms | slowest ms | CPU ms | until a page is full, or the end |")
	fmt.Println("| --- | ---: | ---: | ---: | ---: | --- |")
	for _, r := range rows {
		var took []time.Duration
		found, next, cpu := 0, "", processorTime()
		for range reps {
			began := time.Now()
			got, after, err := r.call()
			if err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
			took = append(took, time.Since(began))
			found, next = got, after
		}
		slices.Sort(took)
		cpu = (processorTime() - cpu) / time.Duration(reps)
		end := ""
		if r.q != nil && next != "" && found < r.q.WithDefaults().Limit {
			q, began, cpu, pages := *r.q, time.Now(), processorTime(), 0
			total := 0
			for more := true; more; more = q.After != "" && total < q.WithDefaults().Limit {
				page, err := tr.ListMessages(ctx, q.WithDefaults())
				if err != nil {
					return err
				}
				pages++
				total += len(page.Messages)
				q.After = page.Next
			}
			end = fmt.Sprintf("%d on %d pages in %.1f s, CPU %.1f s", total, pages, time.Since(began).Seconds(), (processorTime() - cpu).Seconds())
		}
		fmt.Printf("| %s | %d | %.1f | %.1f | %.1f | %s |\n", r.name, found, ms(took[len(took)/2]), ms(took[len(took)-1]), ms(cpu), end)
	}
	return nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// processorTime is what the process has used: the figure that does not depend on what else the machine does.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // RUSAGE_SELF is always known
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony/symphonytest/testclock"

	"github.com/jackc/pgx/v5"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/internal/pgtest"
	"github.com/symphony-messenger/symphony/transport/postgres"
	"pgregory.net/rapid"
)

// The model knows of each message what the answers said. A call that got no answer, because its connection was cut, may
// have taken effect or not: what it was about becomes uncertain, until an answer tells.

type modelState int

const (
	waiting modelState = iota
	held
	completed
	failed
	deleted
)

// modelMessage is what the model knows of a message.
type modelMessage struct {
	state     modelState
	uncertain bool // it may be in another state, because of a call without an answer
	delivery  symphony.Delivery
	until     time.Time // end of the lease
	attempt   int       // of the last delivery
	released  bool      // that delivery was, or may have been, given back uncounted
	gone      bool      // it was, or may have been, deleted
}

type model struct {
	*rapid.T
	sql      *pgx.Conn
	schema   string
	clock    *testclock.Clock
	nodes    []*postgres.Transport
	buses    []*symphony.Bus
	proxies  []*pgtest.Proxy
	messages map[string]*modelMessage
	order    []string // ids
	keys     map[string]string
	past     []symphony.Delivery // whose leases have ended
	unknown  bool                // a send got no answer: there may be messages that the model has not seen
	cuts     atomic.Int64        // how many connections were cut
}

func TestModel(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	sql, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer sql.Close(context.Background())
	proxies := []*pgtest.Proxy{pgtest.NewProxy(t, url), pgtest.NewProxy(t, url)}
	schemas := 0
	rapid.Check(t, func(rt *rapid.T) {
		schemas++
		m := &model{
			T: rt, sql: sql, schema: fmt.Sprintf("model_%d", schemas), clock: testclock.New(time.Now().Truncate(time.Millisecond)),
			proxies: proxies, messages: make(map[string]*modelMessage), keys: make(map[string]string),
		}
		for _, p := range proxies {
			o := postgres.Options{Schema: m.schema, Clock: m.clock, Logger: silent(),
				Retention: 30 * 24 * time.Hour} // longer than the clock goes on
			tr, err := postgres.Open(context.Background(), p.URL(url), o)
			if err != nil {
				rt.Fatal(err)
			}
			bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{Clock: m.clock})
			if err != nil {
				rt.Fatal(err)
			}
			m.nodes, m.buses = append(m.nodes, tr), append(m.buses, bus)
		}
		defer func() {
			for i, tr := range m.nodes {
				proxies[i].Restore()
				tr.Close()
			}
			exec(t, url, "DROP SCHEMA "+m.schema+" CASCADE")
		}()
		if _, err := sql.Exec(context.Background(), "SET search_path = "+m.schema); err != nil {
			rt.Fatal(err)
		}
		rt.Repeat(map[string]func(*rapid.T){
			"send": m.send, "receive": m.receive, "settle": m.settle, "settle again": m.settleAgain, "extend": m.extend,
			"delete": m.delete, "run": m.run, "list": m.list, "wait": m.wait, "cut": m.cut, "": m.check,
		})
		m.drain()
	})
}

func (m *model) node(t *rapid.T) int { return rapid.IntRange(0, len(m.nodes)-1).Draw(t, "node") }

// answered reports whether a call got an answer, and fails if its error is none of those it may have.
func (m *model) answered(err error, allowed ...error) bool {
	if err == nil {
		return true
	}
	if errors.Is(err, symphony.ErrUnavailable) || unsure(err) {
		m.awaitServer()
		return false
	}
	for _, a := range allowed {
		if errors.Is(err, a) {
			return true
		}
	}
	m.Fatalf("got %v", err)
	return false
}

// unsure reports whether a call that changes something may have done so, although there was no answer. What is unavailable
// has certainly not.
func unsure(err error) bool { return errors.Is(err, symphony.ErrOutcomeUnknown) }

func (m *model) send(t *rapid.T) {
	batch := make([]symphony.Outgoing, rapid.IntRange(1, 4).Draw(t, "n"))
	for i := range batch {
		o := symphony.DispatchOptions{Priority: rapid.IntRange(4, 6).Draw(t, "priority"), Queue: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "queue")}
		if rapid.IntRange(0, 3).Draw(t, "keyed") == 0 {
			o.IdempotencyKey = rapid.SampledFrom([]string{"k1", "k2", "k3"}).Draw(t, "key")
		}
		if rapid.IntRange(0, 3).Draw(t, "delayed") == 0 {
			o.Delay = time.Minute
		}
		if rapid.IntRange(0, 3).Draw(t, "followed") == 0 {
			o.OnSuccess, o.OnFailure = &symphony.Callback{Type: followsSuccess}, &symphony.Callback{Type: followsFailure}
		}
		batch[i] = symphony.Outgoing{Message: symphony.Message{Type: "T", Payload: []byte(`{}`)}, Options: o}
	}
	receipts, err := m.buses[m.node(t)].DispatchBatch(context.Background(), batch)
	if !m.answered(err) {
		m.unknown = m.unknown || unsure(err)
		return
	}
	for _, r := range receipts {
		first, known := m.keys[r.IdempotencyKey]
		switch {
		case r.Duplicate && known && first != r.ID:
			t.Fatalf("key %s belongs to %s, not %s", r.IdempotencyKey, first, r.ID)
		case r.Duplicate && !known && !m.unknown:
			t.Fatalf("key %s was never used before message %s", r.IdempotencyKey, r.ID)
		case !r.Duplicate && known && r.IdempotencyKey != "":
			t.Fatalf("key %s is used by %s and now by %s", r.IdempotencyKey, first, r.ID)
		}
		if r.IdempotencyKey != "" {
			m.keys[r.IdempotencyKey] = r.ID
		}
		if !r.Duplicate {
			m.messages[r.ID] = &modelMessage{}
			m.order = append(m.order, r.ID)
		}
	}
	m.advance(time.Millisecond)
}

func (m *model) receive(t *rapid.T) {
	o := symphony.ReceiveOptions{Max: rapid.IntRange(1, 5).Draw(t, "max"), MaxLost: 10, Worker: "w"}
	got, err := m.nodes[m.node(t)].Receive(context.Background(), o)
	if !m.answered(err) {
		// Whatever waits may be leased now, to nobody.
		for _, msg := range m.messages {
			if msg.state == waiting || m.expired(msg) {
				msg.state, msg.uncertain = waiting, true
			}
		}
		return
	}
	for _, d := range got {
		msg := m.messages[d.ID]
		if msg == nil {
			if !m.unknown && !follows(d.Type) {
				t.Fatalf("message %s was never sent", d.ID)
			}
			msg = &modelMessage{}
			m.messages[d.ID] = msg
			m.order = append(m.order, d.ID)
		}
		switch {
		case msg.uncertain:
		case msg.state == held && !m.expired(msg):
			t.Fatalf("message %s is delivered while it is leased", d.ID)
		case msg.state == completed || msg.state == failed || msg.state == deleted:
			t.Fatalf("message %s is delivered after it has ended", d.ID)
		}
		if d.Attempt < msg.attempt || d.Attempt == msg.attempt && !msg.released && msg.attempt > 0 {
			t.Fatalf("message %s: attempt %d after %d", d.ID, d.Attempt, msg.attempt)
		}
		if msg.delivery.ID != "" {
			m.past = append(m.past, msg.delivery)
		}
		*msg = modelMessage{state: held, delivery: d, until: d.LeasedUntil, attempt: d.Attempt}
	}
}

func (m *model) expired(msg *modelMessage) bool {
	return msg.state == held && !m.clock.Now().Before(msg.until)
}

// some draws one of the messages that were delivered, "" if there are none.
func (m *model) some(t *rapid.T) string {
	delivered := slices.DeleteFunc(slices.Clone(m.order), func(id string) bool { return m.messages[id].delivery.ID == "" })
	if len(delivered) == 0 {
		return ""
	}
	return rapid.SampledFrom(delivered).Draw(t, "message")
}

func (m *model) settle(t *rapid.T) {
	id := m.some(t)
	if id == "" {
		return
	}
	msg := m.messages[id]
	outcome := rapid.SampledFrom([]symphony.Outcome{symphony.Ack, symphony.Ack, symphony.Retry, symphony.Fail, symphony.Release}).Draw(t, "outcome")
	st := symphony.Settlement{Lease: msg.delivery.Lease, Outcome: outcome, Error: "e", ErrorClass: "c"}
	if rapid.IntRange(0, 3).Draw(t, "delayed") == 0 {
		st.Delay = time.Minute
	}
	err := errors.Join(m.nodes[m.node(t)].Settle(context.Background(), []symphony.Settlement{st})...)
	live := msg.state == held && !m.expired(msg)
	switch {
	case !m.answered(err, symphony.ErrLeaseLost):
		if unsure(err) && (live || msg.uncertain) {
			msg.uncertain = true
			msg.released = msg.released || outcome == symphony.Release
		}
		return
	case err != nil && live && !msg.uncertain:
		t.Fatalf("%s of %s: %v, but the lease is held", outcome, id, err)
	case err == nil && !live && !msg.uncertain:
		t.Fatalf("%s of %s succeeded without a lease", outcome, id)
	case err != nil:
		return
	}
	msg.uncertain = false
	switch outcome {
	case symphony.Ack:
		msg.state = completed
	case symphony.Fail:
		msg.state = failed
	default:
		msg.state, msg.released = waiting, outcome == symphony.Release
	}
}

// settleAgain tries leases of deliveries that were followed by others.
func (m *model) settleAgain(t *rapid.T) {
	if len(m.past) == 0 {
		return
	}
	d := rapid.SampledFrom(m.past).Draw(t, "delivery")
	node := m.nodes[m.node(t)]
	for _, err := range []error{
		errors.Join(node.Settle(context.Background(), []symphony.Settlement{{Lease: d.Lease, Outcome: symphony.Ack}})...),
		errors.Join(node.Extend(context.Background(), []symphony.Lease{d.Lease}, symphony.MinLease)...),
	} {
		if m.answered(err, symphony.ErrLeaseLost) && err == nil {
			t.Fatalf("a stale lease of %s was good", d.ID)
		}
	}
}

func (m *model) extend(t *rapid.T) {
	id := m.some(t)
	if id == "" {
		return
	}
	msg := m.messages[id]
	length := rapid.SampledFrom([]time.Duration{symphony.MinLease, 2 * symphony.DefaultLease}).Draw(t, "length")
	err := errors.Join(m.nodes[m.node(t)].Extend(context.Background(), []symphony.Lease{msg.delivery.Lease}, length)...)
	live := msg.state == held && !m.expired(msg)
	switch {
	case !m.answered(err, symphony.ErrLeaseLost):
		msg.uncertain = msg.uncertain || live // its end is
	case err != nil && live && !msg.uncertain:
		t.Fatalf("extending %s: %v, but the lease is held", id, err)
	case err == nil && !live && !msg.uncertain:
		t.Fatalf("extending %s succeeded without a lease", id)
	case err == nil && !msg.uncertain:
		msg.until = m.clock.Now().Add(length)
	}
}

// any draws one of all messages, "" if there are none.
func (m *model) any(t *rapid.T) string {
	if len(m.order) == 0 {
		return ""
	}
	return rapid.SampledFrom(m.order).Draw(t, "message")
}

// status is what a message must be shown as, "" where that is uncertain or it is gone.
func (m *model) status(msg *modelMessage) symphony.Status {
	switch {
	case msg.uncertain || msg.state == deleted:
		return ""
	case msg.state == held && !m.expired(msg):
		return symphony.Processing
	case msg.state == completed:
		return symphony.Completed
	case msg.state == failed:
		return symphony.Failed
	}
	return symphony.Pending
}

func (m *model) delete(t *rapid.T) {
	id := m.any(t)
	if id == "" {
		return
	}
	msg := m.messages[id]
	err := m.nodes[m.node(t)].DeleteMessage(context.Background(), id)
	want := m.status(msg)
	switch {
	case !m.answered(err, symphony.ErrNotFound, symphony.ErrConflict):
		if want == symphony.Pending || msg.uncertain {
			msg.uncertain, msg.gone = true, true
		}
	case err == nil:
		if want != symphony.Pending && !msg.uncertain {
			t.Fatalf("message %s was deleted, and is %q", id, want)
		}
		msg.state, msg.uncertain, msg.gone = deleted, false, true
	case !msg.uncertain && errors.Is(err, symphony.ErrNotFound) != (msg.state == deleted):
		t.Fatalf("delete message %s: %v, and it is %q", id, err, want)
	case !msg.uncertain && want == symphony.Pending:
		t.Fatalf("delete message %s: %v", id, err)
	}
}

func (m *model) run(t *rapid.T) {
	id := m.any(t)
	if id == "" {
		return
	}
	msg := m.messages[id]
	err := m.nodes[m.node(t)].RunMessageNow(context.Background(), id)
	if m.answered(err, symphony.ErrNotFound, symphony.ErrConflict) && !msg.uncertain && (err == nil) != (m.status(msg) == symphony.Pending) {
		t.Fatalf("run message %s: %v, and it is %q", id, err, m.status(msg))
	}
}

// list pages through all messages.
func (m *model) list(t *rapid.T) {
	q := symphony.MessageQuery{Limit: rapid.IntRange(1, 10).Draw(t, "limit"), Oldest: rapid.Bool().Draw(t, "oldest")}
	node := m.nodes[m.node(t)]
	seen := make(map[string]bool)
	for {
		page, err := node.ListMessages(context.Background(), q)
		if !m.answered(err) {
			return
		}
		for i := range page.Messages {
			info := &page.Messages[i]
			if seen[info.ID] {
				t.Fatalf("message %s is listed twice", info.ID)
			}
			seen[info.ID] = true
			msg := m.messages[info.ID]
			switch {
			case msg == nil && !m.unknown && !follows(info.Type):
				t.Fatalf("message %s is listed and was never sent", info.ID)
			case msg == nil || msg.uncertain:
			case m.status(msg) != info.Status:
				t.Fatalf("message %s is listed as %s, and is %q", info.ID, info.Status, m.status(msg))
			case info.Status == symphony.Pending && info.AvailableAt.IsZero():
				t.Fatalf("message %s is listed without the time when it is ready", info.ID)
			}
		}
		if q.After = page.Next; q.After == "" {
			break
		}
	}
	for id, msg := range m.messages {
		if !msg.uncertain && msg.state != deleted && !seen[id] {
			t.Fatalf("message %s is not listed", id)
		}
	}
}

func (m *model) wait(t *rapid.T) {
	m.advance(rapid.SampledFrom([]time.Duration{time.Second, symphony.DefaultLease}).Draw(t, "time"))
}

// check compares places and counts by SQL: every message is in one place, and the counts are those of a recount. It is one
// statement, because housekeeping may move messages at any time.
func (m *model) check(t *rapid.T) {
	var (
		twice, leasedTwice, lost int
		counted, recounted       [4]int
	)
	m.query(t, `WITH leased AS (
			SELECT i.id FROM messenger_leases l, unnest(l.ids) WITH ORDINALITY i(id, place)
			WHERE NOT (i.place - 1)::int = ANY (l.settled) AND EXISTS (SELECT FROM messenger_messages m WHERE m.id = i.id)
		), places AS (
			SELECT id FROM messenger_ready UNION ALL SELECT id FROM leased
			UNION ALL SELECT id FROM messenger_completed UNION ALL SELECT message_id FROM messenger_failed_messages
		), counts AS (
			SELECT coalesce(sum(pending), 0)::int AS pending, coalesce(sum(processing), 0)::int AS processing,
				coalesce(sum(completed), 0)::int AS completed, coalesce(sum(failed), 0)::int AS failed FROM messenger_counters
		)
		SELECT (SELECT count(*) FROM (SELECT id FROM places GROUP BY id HAVING count(*) > 1) x),
			(SELECT count(*) FROM (SELECT id FROM leased GROUP BY id HAVING count(*) > 1) x),
			(SELECT count(*) FROM messenger_messages m WHERE NOT EXISTS (SELECT FROM places p WHERE p.id = m.id)),
			pending, processing, completed, failed,
			(SELECT count(*) FROM messenger_ready), (SELECT count(*) FROM leased),
			(SELECT count(*) FROM messenger_completed), (SELECT count(*) FROM messenger_failed_messages)
		FROM counts`, &twice, &leasedTwice, &lost, &counted[0], &counted[1], &counted[2], &counted[3], &recounted[0], &recounted[1], &recounted[2], &recounted[3])
	if twice+leasedTwice+lost > 0 {
		var detail string
		m.query(t, `SELECT coalesce(string_agg(x, E'\n'), '') FROM (
			SELECT 'message '||id x FROM messenger_messages UNION ALL SELECT 'ready '||r::text FROM messenger_ready r
			UNION ALL SELECT 'lease '||l::text FROM messenger_leases l UNION ALL SELECT 'attempt '||a::text FROM messenger_attempts a) y`, &detail)
		t.Logf("now %v\n%s", m.clock.Now().UTC(), detail)
		t.Fatalf("%d messages are in two places, %d in two leases, %d in none", twice, leasedTwice, lost)
	}
	if counted != recounted {
		t.Fatalf("counts are %v, a recount says %v", counted, recounted)
	}
}

// query reads one row from the model's schema, on a connection that nobody cuts.
func (m *model) query(t *rapid.T, sql string, into ...any) {
	if err := m.sql.QueryRow(context.Background(), sql).Scan(into...); err != nil {
		t.Fatal(err)
	}
}

// drain ends all faults and handles what is left. Everything that was accepted must come, and nothing may stay behind.
func (m *model) drain() {
	for _, p := range m.proxies {
		p.Restore()
	}
	for range 100 {
		m.advance(3 * symphony.DefaultLease)
		got, err := m.nodes[0].Receive(context.Background(), symphony.ReceiveOptions{Max: symphony.MaxReceive, MaxLost: symphony.MaxReceive})
		if !m.answered(err) {
			continue // on a connection that was cut before
		}
		var acks []symphony.Settlement
		for _, d := range got {
			if msg := m.messages[d.ID]; msg != nil && !msg.uncertain && (msg.state == completed || msg.state == failed || msg.state == deleted) {
				m.Fatalf("message %s is delivered after it has ended", d.ID)
			}
			acks = append(acks, symphony.Settlement{Lease: d.Lease, Outcome: symphony.Ack})
		}
		if !m.answered(errors.Join(m.nodes[0].Settle(context.Background(), acks)...)) {
			continue
		}
		stats, err := m.nodes[0].Stats(context.Background())
		if m.answered(err) && stats.Depth() == 0 && len(got) == 0 {
			break
		}
	}
	m.check(m.T)
	var left int
	m.query(m.T, `SELECT (SELECT count(*) FROM messenger_messages) + (SELECT count(*) FROM messenger_ready) + (SELECT count(*) FROM messenger_leases) +
		(SELECT count(*) FROM messenger_attempts) + (SELECT count(*) FROM messenger_scheduled)`, &left)
	if left > 0 {
		m.Fatalf("%d rows stay behind", left)
	}
	m.checkFollowers()
	for _, id := range m.order {
		var ended int
		m.query(m.T, "SELECT (SELECT count(*) FROM messenger_completed WHERE id = '"+id+"') + (SELECT count(*) FROM messenger_failed_messages WHERE message_id = '"+id+"')", &ended)
		msg := m.messages[id]
		if msg.state == deleted {
			ended++
		}
		if ended != 1 && (ended != 0 || !msg.gone) {
			m.Fatalf("message %s has ended %d times", id, ended)
		}
	}
}

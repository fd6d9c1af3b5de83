package postgres

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/symphony-messenger/symphony/internal/asks"
)

// Whether anybody asks for a queue is known by messenger_asks, to which each node adds with its heartbeat what it has
// seen meanwhile: nothing is written for a message, and nothing by a node that nobody asks.

// asksMigration is the migration from which on nodes note who asks.
const asksMigration = "asks"

// noteAsks never goes back: who writes last is not who has seen the latest.
var noteAsks = newQuery("note_asks", `INSERT INTO {schema}.messenger_asks AS a (transport, queue, asked_at, pushed_at)
	SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[])
	ON CONFLICT (transport, queue) DO UPDATE SET
		asked_at = greatest(a.asked_at, excluded.asked_at), pushed_at = greatest(a.pushed_at, excluded.pushed_at)
	WHERE a.asked_at < excluded.asked_at OR excluded.pushed_at > coalesce(a.pushed_at, '-infinity')`)

// askedCall notes what was asked for since it was last told. told must be called when that is stored.
func (s *store) askedCall() (c call, told func()) {
	now := s.storeNow()
	fresh, told := s.asks.Fresh(now)
	plain := make(map[asks.Queue]int64)
	for q, at := range fresh {
		if q.Pushed { // a row tells both, and who pushes has asked for the queue as well
			q.Pushed = false
			at = s.asks.At(q, now)
		}
		plain[q] = at
	}
	transports, queues := texts(len(plain)), texts(len(plain))
	at, pushed := times(len(plain)), times(len(plain))
	inOrder := func(a, b asks.Queue) int { // so that nodes do not wait for one another in a circle
		return cmp.Or(strings.Compare(a.Transport, b.Transport), strings.Compare(a.Name, b.Name))
	}
	for _, q := range slices.SortedFunc(maps.Keys(plain), inOrder) {
		transports.text(cleanText(q.Transport))
		queues.text(cleanText(q.Name))
		at.time(plain[q])
		q.Pushed = true
		pushed.time(fresh[q])
	}
	params := [][]byte{transports.value(), queues.value(), at.value(), pushed.value()}
	return call{query: noteAsks, params: params}, told
}

var readAsks = newQuery("read_asks",
	`SELECT queue, asked_at, pushed_at FROM {schema}.messenger_asks WHERE transport = $1::text`)

// unasked reads since when nobody has asked for the queues of the transport. What is returned tells it of each queue,
// or of its messages that are pushed to URLs of their own, on the store's clock, 0 where it is not known.
func (t *Transport) unasked() (func(queue string, pushed bool) int64, call) {
	at := make(map[asks.Queue]int64)
	read := call{query: readAsks, params: [][]byte{[]byte(t.name)}, row: func(v [][]byte) error {
		at[asks.Queue{Name: string(v[0])}] = timeColumn(v[1])
		if v[2] != nil {
			at[asks.Queue{Name: string(v[0]), Pushed: true}] = timeColumn(v[2])
		}
		return nil
	}}
	return func(queue string, pushed bool) int64 {
		t.node.mu.Lock()
		since := t.node.since
		t.node.mu.Unlock()
		if since == 0 {
			return 0
		}
		now := t.storeNow()
		last := since
		for _, name := range []string{"", queue} {
			own := t.asks.At(asks.Queue{Transport: t.name, Name: name, Pushed: pushed}, now)
			told := at[asks.Queue{Name: name, Pushed: pushed}]
			if last = max(last, own); told > own {
				// Another node may have been asked until the heartbeat that it did not come to any more.
				last = max(last, min(told+beatEvery, now))
			}
		}
		return last
	}, read
}

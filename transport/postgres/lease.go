package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
)

// item is one message of a claim, as it stood in the ready table, with this delivery counted as an attempt.
type item struct {
	id        uuid
	lane      int
	rank      int
	ord       int
	available int64 // µs
	attempt   int
	lost      int
	size      int
	pass      *flow.Pass // of a delivery under flow control
}

// lease is one claim. Its items never change, so a copy of them stays in this process; what has become of them, and until
// when they are leased, is known to the lease's row alone.
type lease struct {
	token   uuid
	worker  string
	claimed int64 // µs on the server's clock
	expires int64 // as it was claimed; it may have been extended since
	items   []item

	// controlled says that its deliveries hold places, which they give up in a flow.
	controlled bool

	// Guarded by the cache's lock.
	settled []bool
	open    int          // items of which this process does not know that they are settled
	inTx    map[int]bool // items that were acked in a transaction of a handler's
}

// leaseCache has the leases that this process made and did not see the end of. Safe for concurrent use.
type leaseCache struct {
	mu     sync.Mutex
	leases map[uuid]*lease
	// finished are leases that were settled by several transactions: their rows are deleted by a later one.
	finished []uuid
	// txAcks counts the items that were acked in transactions of handlers'.
	txAcks atomic.Int64
}

func (c *leaseCache) init() { c.leases = make(map[uuid]*lease) }

func (c *leaseCache) add(l *lease) {
	l.settled, l.open = make([]bool, len(l.items)), len(l.items)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leases[l.token] = l
}

func (c *leaseCache) get(token uuid) *lease {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.leases[token]
}

func (c *leaseCache) drop(token uuid) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(token)
}

// remove forgets a lease. The lock is held.
func (c *leaseCache) remove(token uuid) {
	if l := c.leases[token]; l != nil && len(l.inTx) > 0 {
		c.txAcks.Add(-int64(len(l.inTx)))
	}
	delete(c.leases, token)
}

// forgetBefore drops the leases that ended before a time, unless they were extended. One that was is read again when it
// is settled.
func (c *leaseCache) forgetBefore(t int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for token, l := range c.leases {
		if l.expires < t {
			c.remove(token)
		}
	}
}

// closes reports whether a lease has no open items besides some.
func (c *leaseCache) closes(l *lease, indexes map[int]bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.open > len(indexes) {
		return false
	}
	for i, settled := range l.settled {
		if !settled && !indexes[i] {
			return false
		}
	}
	return true
}

// settle notes that items are settled. deleted says that the lease's row is gone with them.
func (c *leaseCache) settle(token uuid, indexes []int, deleted bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.leases[token]
	if l == nil {
		return
	}
	for _, i := range indexes {
		if !l.settled[i] {
			l.settled[i] = true
			l.open--
		}
	}
	if l.open > 0 && !deleted {
		return
	}
	c.remove(token)
	if !deleted {
		c.finished = append(c.finished, token)
	}
}

// ackInTx notes that a transaction, which may not be committed yet, acks an item.
func (c *leaseCache) ackInTx(token uuid, index int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l := c.leases[token]; l != nil {
		if l.inTx == nil {
			l.inTx = make(map[int]bool)
		}
		if !l.inTx[index] {
			l.inTx[index] = true
			c.txAcks.Add(1)
		}
	}
}

// ackedInTx reports whether ackInTx was called for an item.
func (c *leaseCache) ackedInTx(token uuid, index int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.leases[token]
	return l != nil && l.inTx[index]
}

// takeFinished returns the leases whose rows are to be deleted.
func (c *leaseCache) takeFinished() []uuid {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := c.finished
	c.finished = nil
	return list
}

func (c *leaseCache) giveFinished(list []uuid) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.finished = append(c.finished, list...)
}

const leaseColumns = `token, worker, claimed_at, expires_at, item_expires, settled, ids, lanes, ranks, ords, available, attempts, lost, sizes, passes`

// leaseRow is a lease as it is stored now.
type leaseRow struct {
	lease
	itemExpires []int64 // none: all until expires
}

// until is when an item's lease ends.
func (r *leaseRow) until(i int) int64 {
	if r.itemExpires != nil {
		return r.itemExpires[i]
	}
	return r.expires
}

// holds reports whether an item is leased at a time. Whether its message still exists must be asked beside.
func (r *leaseRow) holds(i int, id uuid, now int64) bool {
	return i >= 0 && i < len(r.items) && r.items[i].id == id && !r.settled[i] && r.until(i) > now
}

// readLease reads leaseColumns.
func readLease(v [][]byte) *leaseRow {
	r := &leaseRow{lease: lease{token: uuidColumn(v[0]), worker: string(v[1]), claimed: timeColumn(v[2]), expires: timeColumn(v[3])}}
	elements(v[4], func(_ int, e []byte) { r.itemExpires = append(r.itemExpires, timeColumn(e)) })
	elements(v[6], func(_ int, e []byte) { r.items = append(r.items, item{id: uuidColumn(e)}) })
	r.settled = make([]bool, len(r.items))
	elements(v[5], func(_ int, e []byte) { r.settled[int4Column(e)] = true })
	elements(v[7], func(i int, e []byte) { r.items[i].lane = int4Column(e) })
	elements(v[8], func(i int, e []byte) { r.items[i].rank = int2Column(e) })
	elements(v[9], func(i int, e []byte) { r.items[i].ord = int4Column(e) })
	elements(v[10], func(i int, e []byte) { r.items[i].available = timeColumn(e) })
	elements(v[11], func(i int, e []byte) { r.items[i].attempt = int4Column(e) })
	elements(v[12], func(i int, e []byte) { r.items[i].lost = int4Column(e) })
	elements(v[13], func(i int, e []byte) { r.items[i].size = int4Column(e) })
	r.controlled = v[14] != nil
	elements(v[14], func(i int, e []byte) {
		r.items[i].pass = new(flow.Pass)
		_ = json.Unmarshal(e, r.items[i].pass) // this package wrote it
	})
	return r
}

// lockLeases keeps leases as they are until the transaction ends. Whoever ends a delivery locks its lease first, so
// what the statements after it read of their messages stays true as well. All lock in one order: nobody waits in a circle.
//
// Only a transaction of a caller's (Tx.Ack) does not: it may last long, and a lease stands for many messages. It locks its
// message, and keeps the lease's row from being deleted, which NO KEY UPDATE here lets it do.
var lockLeases = newQuery("lock_leases", `SELECT coalesce($1::timestamptz, now()), `+leaseColumns+`
	FROM {schema}.messenger_leases WHERE token = ANY ($2::uuid[]) ORDER BY token FOR NO KEY UPDATE`)

// lockItems keeps messages from being acked in a transaction of a caller's, and leaves out those that are being acked so.
// Whoever ends a delivery without deleting its message locks it by this.
var lockItems = newQuery("lock_items", `SELECT id FROM {schema}.messenger_messages WHERE id = ANY ($1::uuid[]) FOR KEY SHARE SKIP LOCKED`)

// findItems tells which of the messages of some leases are not finished.
var findItems = newQuery("find_items", `SELECT id FROM {schema}.messenger_messages
	WHERE id = ANY (ARRAY(SELECT unnest(ids) FROM {schema}.messenger_leases WHERE token = ANY ($1::uuid[])))`)

// locked is what a transaction holds locked.
type locked struct {
	now    int64
	leases map[uuid]*leaseRow
	exists map[uuid]bool // messages
	ours   map[uuid]bool // messages that lockItems has locked
}

func newLocked() *locked {
	return &locked{leases: make(map[uuid]*leaseRow), exists: make(map[uuid]bool), ours: make(map[uuid]bool)}
}

func (k *locked) addLease(v [][]byte) error {
	k.now = timeColumn(v[0])
	r := readLease(v[1:])
	k.leases[r.token] = r
	return nil
}

func (k *locked) addOurs(v [][]byte) error {
	k.ours[uuidColumn(v[0])] = true
	return nil
}

// busy reports whether a message is being acked in a transaction of a caller's that is still open. It was asked for by
// lockItems, and then by findItems.
func (k *locked) busy(id uuid) bool { return k.exists[id] && !k.ours[id] }

func (k *locked) addMessage(v [][]byte) error {
	k.exists[uuidColumn(v[0])] = true
	return nil
}

// held returns the lease of a delivery if it is held still, else nil.
func (k *locked) held(token uuid, index int, id uuid) *leaseRow {
	r := k.leases[token]
	if r == nil || !r.holds(index, id, k.now) || !k.exists[id] {
		return nil
	}
	return r
}

var setExpiry = newQuery("set_expiry", `UPDATE {schema}.messenger_leases l SET expires_at = r.expires_at, item_expires = NULL
	FROM unnest($1::uuid[], $2::timestamptz[]) AS r(token, expires_at) WHERE l.token = r.token`)

// setItemExpiry is for one lease of which some items end at other times than the rest.
var setItemExpiry = newQuery("set_item_expiry", `UPDATE {schema}.messenger_leases SET expires_at = $2::timestamptz, item_expires = $3::timestamptz[] WHERE token = $1::uuid`)

// Extend sets the end of leases.
func (t *Transport) Extend(ctx context.Context, leases []symphony.Lease, d time.Duration) []error {
	if d < symphony.MinLease || d > symphony.MaxLease {
		return allFailed(len(leases), fmt.Errorf("postgres: a lease must be %s to %s long, not %s", symphony.MinLease, symphony.MaxLease, d))
	}
	if len(leases) == 0 {
		return nil
	}
	var errs []error
	err := t.with(ctx, "extend leases", func(ctx context.Context, l *link) (err error) {
		errs, err = t.extend(ctx, l, leases, d.Microseconds())
		return err
	})
	if err != nil {
		return allFailed(len(leases), err)
	}
	if lost := lostPlaces(errs); lost != nil {
		t.lostFor(ctx, leases, errs, lost, false)
	}
	return errs
}

func (s *store) extend(ctx context.Context, l *link, leases []symphony.Lease, length int64) ([]error, error) {
	k := newLocked()
	tokens := tokensOf(leases, func(l symphony.Lease) symphony.Lease { return l })
	if err := l.begin(ctx,
		call{query: lockLeases, params: [][]byte{s.nowParam(), uuidArray(tokens)}, row: k.addLease},
		call{query: findItems, params: [][]byte{uuidArray(tokens)}, row: k.addMessage}); err != nil {
		return nil, err
	}
	var (
		errs  []error
		until = k.now + length
		ends  = make(map[uuid][]int64) // by lease
	)
	for i, ls := range leases {
		token, ok := parseUUID(ls.Token)
		id, ok2 := parseUUID(ls.MessageID)
		r := k.held(token, ls.Index, id)
		if !ok || !ok2 || r == nil {
			errs = lost(errs, len(leases), i)
			continue
		}
		if ends[token] == nil {
			ends[token] = make([]int64, len(r.items))
		}
		ends[token][ls.Index] = until
	}
	var (
		calls []call
		whole = uuids(len(ends))
		times = times(len(ends))
	)
	for token, list := range ends {
		r := k.leases[token]
		all, earliest := true, until
		for i := range list {
			switch {
			case list[i] != 0:
			case r.settled[i] || !k.exists[r.items[i].id]:
				list[i] = until // nobody asks
			default:
				list[i] = r.until(i)
				all, earliest = false, min(earliest, list[i])
			}
		}
		if all {
			whole.uuid(token)
			times.time(until)
			continue
		}
		calls = append(calls, call{query: setItemExpiry, params: [][]byte{token[:], timeParam(earliest), timeArray(list)}})
	}
	if whole.n > 0 {
		calls = append(calls, call{query: setExpiry, params: [][]byte{whole.value(), times.value()}})
	}
	if err := l.finish(ctx, calls...); err != nil {
		return nil, err
	}
	if len(ends) > 0 {
		s.house.expiring(until - s.ahead())
	}
	return errs, nil
}

// tokensOf lists the leases that a call names, each once, without what cannot be a token.
func tokensOf[T any](list []T, lease func(T) symphony.Lease) []uuid {
	seen := make(map[string]bool)
	var tokens []uuid
	for _, e := range list {
		name := lease(e).Token
		if seen[name] {
			continue
		}
		seen[name] = true
		if token, ok := parseUUID(name); ok {
			tokens = append(tokens, token)
		}
	}
	return tokens
}

// lost notes that the i-th of n leases is gone.
func lost(errs []error, n, i int) []error { return failed(errs, n, i, symphony.ErrLeaseLost) }

// failed notes the error of the i-th of n.
func failed(errs []error, n, i int, err error) []error {
	if errs == nil && err != nil {
		errs = make([]error, n)
	}
	if err != nil {
		errs[i] = err
	}
	return errs
}

func allFailed(n int, err error) []error {
	errs := make([]error, n)
	for i := range errs {
		errs[i] = err
	}
	return errs
}

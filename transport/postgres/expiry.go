package postgres

import (
	"context"
	"slices"
	"sync"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
)

// floor is the time below which rows of a table that is ordered by time need not be looked at: everything there has been
// taken away, but PostgreSQL keeps it in the index until vacuum has removed it, which an old snapshot can put off.
// Safe for concurrent use.
type floor struct {
	mu   sync.Mutex
	at   int64
	full int64 // when to look at everything again
}

const (
	// floorMargin is more than a transaction can take: what was not committed when a look found nothing appears not
	// further below it.
	floorMargin = 60_000_000
	// fullLookEvery is how often the floor is not trusted.
	fullLookEvery = 600_000_000
)

// param is the floor as a parameter, NULL for a look at everything.
func (f *floor) param(now int64) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now >= f.full {
		return nil
	}
	return timeParam(f.at)
}

// raise says that a look at time now found nothing before next.
func (f *floor) raise(now, next int64, everything bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at = max(f.at, min(next, now-floorMargin))
	if everything {
		f.full = now + fullLookEvery
	}
}

// expiryRows bounds how many leases one transaction ends.
const expiryRows = 20

var expiredLeases = newQuery("expired_leases", `SELECT coalesce($1::timestamptz, now()), `+leaseColumns+`
	FROM {schema}.messenger_leases
	WHERE expires_at >= coalesce($2::timestamptz, '-infinity') AND expires_at <= coalesce($1, now()) AND passes IS NOT NULL = $4::bool
		AND token <> ALL ($5::uuid[])
	ORDER BY expires_at LIMIT $3::int4 FOR NO KEY UPDATE SKIP LOCKED`)

var nextExpiry = newQuery("next_expiry", `SELECT coalesce($1::timestamptz, now()), (SELECT expires_at FROM {schema}.messenger_leases
	WHERE expires_at >= coalesce($2::timestamptz, '-infinity') AND token <> ALL ($3::uuid[])
	ORDER BY expires_at LIMIT 1),
	(SELECT until FROM {schema}.messenger_cancelling ORDER BY until LIMIT 1)`)

var dropLeases = newQuery("drop_leases", `DELETE FROM {schema}.messenger_leases WHERE token = ANY ($1::uuid[])`)

// expire ends the leases that ran out, and tells when the next one does, on the server's clock.
func (s *store) expire(ctx context.Context) (next int64, err error) {
	next, cancels, err := s.expireLeases(ctx)
	if err != nil || cancels == never {
		return next, err
	}
	if now := s.storeNow(); cancels > now {
		return min(next, cancels), nil
	}
	for more := true; more && err == nil; {
		more, err = s.endCancelling(ctx, nil)
	}
	return next, err // others of these are looked for in a second, with the leases
}

// expireLeases gives back the messages of leases that ran out, and tells when the next one does, and when the next
// message that is to be cancelled is, on the server's clock. Every node does so; a lease that another one is ending is
// skipped.
//
// Leases of deliveries under flow control are ended in a flow, which is begun if such a one has run out.
//
// A message that is being acked in a transaction of a caller's stays in its lease until that is over, and is looked at
// again the next time.
func (s *store) expireLeases(ctx context.Context) (next, cancels int64, err error) {
	var busy []uuid // leases with such messages
	busySince := int64(never)
	for controlled := false; ; {
		var (
			n     int
			list  []added
			found []uuid // that are busy
		)
		now := s.storeNow()
		floor := s.house.leaseFloor.param(now)
		err := s.withAgain(ctx, "end leases", func(ctx context.Context, l *link) error {
			k := newLocked()
			n, list, found, next, cancels = 0, nil, nil, never, never
			look := []call{
				{query: expiredLeases, params: [][]byte{s.nowParam(), floor, int4Param(expiryRows), boolParam(controlled), uuidArray(busy)}, row: k.addLease},
				{query: nextExpiry, params: [][]byte{s.nowParam(), floor, uuidArray(busy)}, row: func(v [][]byte) error {
					k.now = timeColumn(v[0])
					if at := timeColumn(v[1]); at != 0 {
						next = at
					}
					if at := timeColumn(v[2]); at != 0 {
						cancels = at
					}
					return nil
				}}}
			var f *flowTx
			var err error
			if controlled {
				f, err = s.beginFlow(ctx, l, look...)
			} else {
				err = l.begin(ctx, look...)
			}
			if err != nil {
				return err
			}
			now = k.now
			if n = len(k.leases); n == 0 {
				return l.finish(ctx)
			}
			tokens := make([]uuid, 0, n)
			var ending []uuid
			for token, r := range k.leases {
				tokens = append(tokens, token)
				ending = append(ending, r.ranOut(k.now)...)
			}
			if err := l.proceed(ctx,
				call{query: lockItems, params: [][]byte{uuidArray(ending)}, row: k.addOurs},
				call{query: findItems, params: [][]byte{uuidArray(tokens)}, row: k.addMessage}); err != nil {
				return err
			}
			for token, r := range k.leases {
				if slices.ContainsFunc(r.ranOut(k.now), k.busy) {
					found, busySince = append(found, token), min(busySince, r.expires)
				}
			}
			var calls []call
			var ends []flow.Departure
			calls, list, ends = s.endExpired(l, k, controlled)
			if !controlled {
				return l.finish(ctx, calls...)
			}
			if err := f.engine.Depart(ends); err != nil {
				return err
			}
			f.calls = append(f.calls, calls...)
			return f.finish()
		})
		if err != nil {
			return next, cancels, err
		}
		busy = append(busy, found...)
		s.arrived(list)
		if n < expiryRows && next <= now && !controlled {
			controlled = true // what has run out and is still there
			continue
		}
		if n < expiryRows {
			s.house.leaseFloor.raise(now, min(next, busySince), floor == nil)
			if n > 0 {
				controlled = false
				continue // tells when the next one ends
			}
			return next, cancels, nil
		}
	}
}

// ranOut lists the messages of a lease whose time is over, and which nobody has settled.
func (r *leaseRow) ranOut(now int64) (ids []uuid) {
	for i, it := range r.items {
		if !r.settled[i] && r.until(i) <= now {
			ids = append(ids, it.id)
		}
	}
	return ids
}

// endExpired makes the calls that give back what ran out of the leases, and what that adds to the streams.
func (s *store) endExpired(l *link, k *locked, controlled bool) ([]call, []added, []flow.Departure) {
	var (
		ends           []flow.Departure
		back           = newReadyRows(0)
		attempts       = newAttemptRows(0)
		counts         = make(deltas)
		gone           []uuid
		tokens, places = uuids(0), int4s(0)
		calls          []call
	)
	for token, r := range k.leases {
		earliest, busy := int64(never), false
		var ended []int
		for i, it := range r.items {
			switch until := r.until(i); {
			case r.settled[i]:
			case !k.exists[it.id]:
				if controlled { // it was acked in a transaction of its handler's, whose worker did not say so
					ends = append(ends, flow.Departure{Pass: it.pass, Outcome: symphony.Ack})
					ended = append(ended, i)
				}
			case until > k.now:
				earliest = min(earliest, until)
			case k.busy(it.id):
				earliest, busy = min(earliest, until), true
			default:
				ended = append(ended, i)
				ends = append(ends, flow.Departure{Pass: it.pass, Outcome: symphony.Retry, Attempt: it.attempt})
				attempts.add(it, r.claimed, until, until, r.worker, symphony.LostText, symphony.LostClass)
				it.lost++
				it.available = until
				back.add(it)
				counts.of(it.lane).Pending++
				counts.of(it.lane).Processing--
			}
		}
		if !busy { // else its end may yet be heard of
			s.leases.drop(token)
		}
		if earliest == never {
			gone = append(gone, token)
			continue
		}
		for _, i := range ended {
			tokens.uuid(token)
			places.int4(i)
		}
		calls = append(calls, call{query: setItemExpiry, params: [][]byte{token[:], timeParam(earliest), r.expiresParam()}})
	}
	if back.ids.n > 0 {
		calls = append(calls, counts.call(l), attempts.call(), back.call(controlled))
	}
	if tokens.n > 0 {
		calls = append(calls, call{query: markSettled, params: [][]byte{tokens.value(), places.value()}})
	}
	if len(gone) > 0 {
		calls = append(calls, call{query: dropLeases, params: [][]byte{uuidArray(gone)}})
	}
	return calls, back.added, ends
}

// expiresParam is the lease's item_expires as it is.
func (r *leaseRow) expiresParam() []byte {
	if r.itemExpires == nil {
		return nil
	}
	return timeArray(r.itemExpires)
}

// expireIfDue ends leases at once where housekeeping would do it in a moment.
func (s *store) expireIfDue(ctx context.Context) error {
	if s.now() < s.house.expiryAt.Load() {
		return nil
	}
	s.house.expiry.Lock()
	defer s.house.expiry.Unlock()
	if s.now() < s.house.expiryAt.Load() {
		return nil
	}
	// Until this is done the time stays in the past, so that others wait for it. A lease that is made meanwhile cannot
	// run out before the time that is set then, because MinLease is as long as expiryEvery.
	before := s.now()
	next, err := s.expire(ctx)
	if err != nil {
		return err
	}
	if next != never {
		next -= s.ahead()
	}
	s.house.expiryAt.Store(min(next, before+expiryEvery))
	return nil
}

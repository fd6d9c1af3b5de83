package postgres

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/symphony-messenger/symphony"
)

// A claim may be made although its answer never arrives. Nobody has its messages then, and they would come back only when
// the lease runs out, as if a worker had died with them. So a process remembers such claims, and gives back what they
// took when the database answers again, as if it had never been claimed.

// unanswered are the claims of which this process does not know whether they were made. Safe for concurrent use.
type unanswered struct {
	mu     sync.Mutex
	claims map[uuid]int64 // by the token of the lease: until when it may still appear, µs on the store's clock
}

const (
	giveBackEvery = 1_000_000
	// unansweredMax bounds how many claims are remembered. The leases of others run out.
	unansweredMax = 1000
)

// noteUnanswered notes a claim that failed, whatever the error: even the server's own may follow a commit. by is the time
// until which it was waited for.
//
// A claim of one round trip is not made at all if it comes later than that. One under flow control may be committed as
// long as the server lets a transaction idle, which is twice the timeout. Each statement may then take another timeout.
func (s *store) noteUnanswered(token uuid, by int64) {
	u := &s.unanswered
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.claims == nil {
		u.claims = make(map[uuid]int64)
	}
	if len(u.claims) < unansweredMax {
		u.claims[token] = by + 4*s.timeout.Microseconds()
	}
}

func (u *unanswered) tokens() []uuid {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Collect(maps.Keys(u.claims))
}

// forget drops the claims that were found, and those that could not have been made after a look at a time.
func (u *unanswered) forget(found map[uuid]bool, looked int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for token, until := range u.claims {
		if found[token] || until < looked {
			delete(u.claims, token)
		}
	}
}

// answerBy is the time until which the caller waits for what it does with the connection, on the store's clock.
func (l *link) answerBy() int64 { return l.began + l.ahead() + l.timeout.Microseconds() }

// answerByParam is answerBy as a parameter for the server's clock, NULL where that does not decide.
func (s *store) answerByParam(by int64) []byte {
	if s.given {
		return nil
	}
	return timeParam(by)
}

var unansweredLeases = newQuery("unanswered_leases", `SELECT token, ids FROM {schema}.messenger_leases WHERE token = ANY ($1::uuid[])`)

// giveBack releases what was claimed by claims without an answer.
func (s *store) giveBack(ctx context.Context) error {
	tokens := s.unanswered.tokens()
	if len(tokens) == 0 {
		return nil
	}
	looked := s.storeNow()
	found := make(map[uuid]bool)
	var list []symphony.Settlement
	err := s.do(ctx, "look for claims without an answer", call{query: unansweredLeases, params: [][]byte{uuidArray(tokens)}, row: func(v [][]byte) error {
		token := uuidColumn(v[0])
		found[token] = true
		elements(v[1], func(i int, e []byte) {
			list = append(list, symphony.Settlement{
				Lease:   symphony.Lease{MessageID: uuidColumn(e).String(), Token: token.String(), Index: i},
				Outcome: symphony.Release,
			})
		})
		return nil
	}})
	if err == nil && len(list) > 0 {
		// A lease that has run out meanwhile is refused, and ended like any other.
		err = s.settles.do(ctx, s, &settleOp{list: list})
	}
	if err == nil {
		s.unanswered.forget(found, looked)
	}
	return err
}

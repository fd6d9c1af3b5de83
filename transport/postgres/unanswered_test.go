package postgres

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/internal/pgtest"
)

// openForClaims opens a store at a URL, and dispatches a message.
func openForClaims(t *testing.T, url string, o symphony.DispatchOptions) (tr *Transport, id string) {
	t.Helper()
	tr, err := Open(t.Context(), url, Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tr.Close(); err != nil {
			t.Error(err)
		}
	})
	bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := bus.Dispatch(t.Context(), "Order", struct{ Text string }{"a text to know it by"}, o)
	if err != nil {
		t.Fatal(err)
	}
	return tr, r.ID
}

func TestReceive_gives_back_what_was_claimed_without_an_answer(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		options symphony.DispatchOptions
		// answers are what the server's answer to the claim has in turn: the connection is cut at the last one. The server
		// sends all answers of a round trip at its end, so the claim is committed by then.
		answers [][]byte
	}{
		"alone":              {symphony.DispatchOptions{}, [][]byte{[]byte("a text to know it by")}},
		"under flow control": {symphony.DispatchOptions{ConcurrencyKey: "k"}, [][]byte{[]byte("a text to know it by"), []byte("INSERT 0 1\x00")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := pgtest.URL(t)
			proxy := pgtest.NewProxy(t, url)
			tr, id := openForClaims(t, proxy.URL(url), test.options)
			left := test.answers
			conn := int64(0) // where the first was seen
			cut := proxy.KillAt(pgtest.ToClient, func(m pgtest.Message) bool {
				if (conn == 0 || m.Conn == conn) && bytes.Contains(m.Body, left[0]) {
					left, conn = left[1:], m.Conn
				}
				return len(left) == 0
			})
			got, err := tr.Receive(t.Context(), symphony.ReceiveOptions{Max: 1, Lease: time.Hour})
			if !errors.Is(err, symphony.ErrUnavailable) || len(got) > 0 {
				t.Fatalf("got %v, %v; want ErrUnavailable", got, err)
			}
			<-cut
			// Other connections may be found dead as well, and the message must come much sooner than its lease runs out.
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			for len(got) == 0 && ctx.Err() == nil {
				got, err = tr.Receive(ctx, symphony.ReceiveOptions{Max: 1, Wait: time.Hour})
			}
			if len(got) != 1 || got[0].ID != id || got[0].Attempt != 1 || got[0].Lost != 0 {
				t.Fatalf("got %+v, %v; want the first attempt of %s", got, err, id)
			}
			if err := errors.Join(tr.Settle(t.Context(), []symphony.Settlement{{Lease: got[0].Lease, Outcome: symphony.Ack}})...); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestUnanswered_claims_are_remembered_as_long_as_they_may_be_made(t *testing.T) {
	s := &store{timeout: time.Second}
	ended, made, open := uuid{1}, uuid{2}, uuid{3}
	s.noteUnanswered(ended, 1_000_000)
	s.noteUnanswered(made, 9_000_000)
	s.noteUnanswered(open, 3_000_000)
	s.unanswered.forget(map[uuid]bool{made: true}, 6_000_000)
	if tokens := s.unanswered.tokens(); len(tokens) != 1 || tokens[0] != open {
		t.Errorf("got %v, want %v", tokens, open)
	}
	for i := range 2 * unansweredMax {
		s.noteUnanswered(uuid{4, byte(i), byte(i >> 8)}, 0)
	}
	if n := len(s.unanswered.tokens()); n != unansweredMax {
		t.Errorf("%d claims are remembered, want %d", n, unansweredMax)
	}
}

func TestClaim_that_comes_late_takes_nothing(t *testing.T) {
	tr, id := openForClaims(t, pgtest.URL(t), symphony.DispatchOptions{})
	probes := tr.heads.ready(tr.wanted(nil, true), tr.storeNow()+clockSlack)
	defer tr.heads.done(probes)
	c := &claim{Transport: tr, limits: tr.limitsKnown(),
		ReceiveOptions: symphony.ReceiveOptions{Max: 1, Lease: time.Hour}.WithDefaults()}
	tr.offset.Add(-time.Hour.Microseconds()) // what is waited for until a few seconds from now is late
	late := false
	err := tr.with(t.Context(), "claim", func(ctx context.Context, l *link) error {
		params := append(c.streams(probes, repeat(1, len(probes)), 0), int4Param(1), int8Param(1<<30), boolParam(true), int8Param(1),
			make([]byte, 16), []byte(tr.name), nil, int8Param(1), l.nextShard(), tr.answerByParam(l.answerBy()),
			int8Param(c.limits.version))
		return l.transact(ctx, call{query: claimQuery, params: params, row: func(v [][]byte) error {
			late = v[20][0] != 0
			if v[2] != nil {
				t.Error("it took a message")
			}
			return nil
		}})
	})
	if err != nil || !late {
		t.Fatalf("late: %v, %v", late, err)
	}
	// A caller that is there all the same has a clock that is wrong. It is set right, and the claim is made.
	err = tr.with(t.Context(), "claim", func(ctx context.Context, l *link) error {
		return c.take(ctx, l, probes, repeat(1, len(probes)), 0, 1)
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.got) != 1 || c.got[0].ID != id {
		t.Errorf("got %v, want %s", c.got, id)
	}
}

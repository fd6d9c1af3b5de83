package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/transport/postgres"
	"github.com/symphony-messenger/symphony/transport/transporttest"
)

// An open transaction holds a key, and callers that want it come all the time. Nobody else may wait for it.
func TestSend_a_held_key_holds_up_only_those_who_want_it(t *testing.T) {
	for name, o := range map[string]symphony.DispatchOptions{"alone": {}, "under flow control": {ConcurrencyKey: "c"}} {
		t.Run(name, func(t *testing.T) {
			eachTx(t, func(t *testing.T, c txCase) {
				url, tr, bus := openForTx(t, postgres.Options{Timeout: time.Second, Logger: silent(), Limits: transporttest.Limits(t)})
				tx, _, end := c.begin(t, url, tr)
				held := o
				held.IdempotencyKey = "held"
				first, err := bus.In(tx).Dispatch(t.Context(), "Order", struct{}{}, held)
				if err != nil {
					t.Fatal(err)
				}
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				var wanting sync.WaitGroup
				refused := make(chan error, 100)
				for range 4 {
					wanting.Go(func() {
						for ctx.Err() == nil {
							if _, err := bus.Dispatch(ctx, "Order", struct{}{}, held); ctx.Err() == nil {
								refused <- err
							}
						}
					})
				}
				for i := range 150 {
					other := o
					switch i % 3 {
					case 1:
						other.IdempotencyKey = fmt.Sprintf("other %d", i)
					case 2:
						other.ConcurrencyKey = "c"
					}
					if _, err := bus.Dispatch(t.Context(), "Order", struct{}{}, other); err != nil {
						t.Fatalf("dispatch %d, which wants another key or none: %v", i, err)
					}
				}
				if err := <-refused; !errors.Is(err, symphony.ErrUnavailable) || errors.Is(err, symphony.ErrOutcomeUnknown) {
					t.Errorf("a caller who wants the key got %v, want ErrUnavailable", err)
				}
				stop()
				wanting.Wait()
				if err := end(true); err != nil {
					t.Fatal(err)
				}
				r, err := bus.Dispatch(t.Context(), "Order", struct{}{}, held)
				if err != nil || !r.Duplicate || r.ID != first.ID {
					t.Errorf("after the commit: got %+v, %v; want the first message", r, err)
				}
			})
		})
	}
}

// Who wants a held key hears of the end of its transaction as soon as that has come.
func TestSend_a_held_key_is_waited_for(t *testing.T) {
	for name, commit := range map[string]bool{"committed": true, "rolled back": false} {
		t.Run(name, func(t *testing.T) {
			eachTx(t, func(t *testing.T, c txCase) {
				url, tr, bus := openForTx(t, postgres.Options{Timeout: patience, Logger: silent()})
				tx, _, end := c.begin(t, url, tr)
				o := symphony.DispatchOptions{IdempotencyKey: "held"}
				first, err := bus.In(tx).Dispatch(t.Context(), "Order", struct{}{}, o)
				if err != nil {
					t.Fatal(err)
				}
				type answer struct {
					symphony.Receipt
					error
				}
				answers := make(chan answer, 3)
				for range 3 {
					go func() {
						r, err := bus.Dispatch(context.Background(), "Order", struct{}{}, o)
						answers <- answer{r, err}
					}()
				}
				// They are in the way of this one, which is answered all the same.
				for range 20 {
					if _, err := bus.Dispatch(t.Context(), "Order", struct{}{}, symphony.DispatchOptions{}); err != nil {
						t.Fatal(err)
					}
				}
				if err := end(commit); err != nil {
					t.Fatal(err)
				}
				ids := make(map[string]bool)
				for range 3 {
					a := <-answers
					if a.error != nil {
						t.Fatal(a.error)
					}
					ids[a.ID] = true
				}
				if len(ids) != 1 || ids[first.ID] != commit {
					t.Errorf("got the messages %v, want one, and the first (%s) only if that was committed", ids, first.ID)
				}
			})
		})
	}
}

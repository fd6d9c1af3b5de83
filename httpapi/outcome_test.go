package httpapi_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

// unsure is a storage that does not confirm what it stores, and is away then.
type unsure struct {
	*sqlite.Transport
	send, stats, settle error
}

func (u *unsure) Send(ctx context.Context, list []*symphony.Envelope) ([]symphony.Receipt, error) {
	receipts, err := u.Transport.Send(ctx, list)
	if u.send != nil {
		return nil, u.send
	}
	return receipts, err
}

func (u *unsure) Stats(ctx context.Context) (symphony.Stats, error) {
	if u.stats != nil {
		return symphony.Stats{}, u.stats
	}
	return u.Transport.Stats(ctx)
}

// Settle settles the first of its settlements, and has an error for the others.
func (u *unsure) Settle(ctx context.Context, list []symphony.Settlement) []error {
	if u.settle == nil {
		return u.Transport.Settle(ctx, list)
	}
	errs := make([]error, len(list))
	if first := u.Transport.Settle(ctx, list[:1]); first != nil {
		errs[0] = first[0]
	}
	for i := range list[1:] {
		errs[i+1] = u.settle
	}
	return errs
}

func TestUnknownOutcomeIsNotCalledUnavailable(t *testing.T) {
	var storage *unsure
	f := newFixture(t, func(o *httpapi.Options) {
		storage = &unsure{Transport: o.Records.(*sqlite.Transport)}
		bus, err := symphony.NewBus([]symphony.Transport{storage}, symphony.BusOptions{})
		if err != nil {
			t.Fatal(err)
		}
		o.Bus = bus
	})
	away := fmt.Errorf("away: %w", symphony.ErrUnavailable)
	const dispatch = `{"message":{"type":"T","payload":{}}}`
	want := func(what string, a answer, code string) {
		t.Helper()
		if a.status != 503 || a.code() != code || a.header.Get("Retry-After") == "" {
			t.Errorf("%s: got %d %s, want 503 %s with Retry-After", what, a.status, a.raw, code)
		}
	}
	storage.send = fmt.Errorf("no answer: %w", symphony.ErrOutcomeUnknown)
	want("dispatch", f.call("POST", "/api/symphony/dispatch", dispatch), "outcome_unknown")
	want("batch", f.call("POST", "/api/symphony/dispatch/batch", `{"messages":[`+dispatch+`]}`), "outcome_unknown")
	storage.send = away
	want("dispatch", f.call("POST", "/api/symphony/dispatch", dispatch), "storage_unavailable")
	storage.send = nil

	storage.stats = away
	want("purge that is not counted", f.call("POST", "/api/symphony/purge", `{"confirm":"default"}`), "outcome_unknown")
	storage.stats = nil

	for range 2 {
		f.send("T", `{}`, `{}`)
	}
	got := f.receive(`{"max":2}`)
	if len(got) != 2 {
		t.Fatalf("received %d messages", len(got))
	}
	storage.settle = away
	want("ack of which one is stored", f.call("POST", "/api/symphony/ack", fmt.Sprintf(`{"receipts":[%q,%q]}`, got[0]["receipt"], got[1]["receipt"])), "outcome_unknown")
}

// ahead is a storage whose clock is another one than the machine's.
type ahead struct {
	*sqlite.Transport
	by time.Duration
}

func (a *ahead) StoreTime() time.Time { return time.Now().Add(a.by) }

func TestPullJudgesExpiryOnTheStoresClock(t *testing.T) {
	f := newFixture(t, func(o *httpapi.Options) {
		storage := &ahead{o.Records.(*sqlite.Transport), 2 * time.Hour}
		bus, err := symphony.NewBus([]symphony.Transport{storage}, symphony.BusOptions{Clock: o.Clock})
		if err != nil {
			t.Fatal(err)
		}
		o.Bus = bus
	})
	expires := time.Now().Add(time.Hour).UTC().Format(time.RFC3339) // to come by the machine's clock, past by the store's
	f.send("T", `{}`, fmt.Sprintf(`{"expiresAt":%q}`, expires))
	if got := f.receive(`{"max":10}`); len(got) > 0 {
		t.Errorf("received %v, want nothing: it has expired", got)
	}
	if a := f.call("GET", "/api/symphony/failed", ""); !strings.Contains(a.raw, `"errorClass":"expired"`) {
		t.Errorf("got %s, want the message as expired", a.raw)
	}
}

package symphonytest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/symphonytest"
)

// Receipt is a type of messages of the program, with its payload.
const Receipt = symphony.Type[Paid]("receipt.mail")

// Paid is the payload of a Receipt.
type Paid struct {
	Order int
	Mail  string
}

// pay is the program's code under test.
func pay(ctx context.Context, bus *symphony.Bus, order int, mail string) error {
	_, err := Receipt.Dispatch(ctx, bus, Paid{order, mail}, symphony.DispatchOptions{})
	return err
}

// TestPay is what a program's own test looks like: it has an order paid, looks at what was dispatched, and then runs
// the handler through an outage of the mail server, retries included, without waiting.
func TestPay(t *testing.T) {
	q := symphonytest.New(t, symphonytest.Options{Policy: symphony.Policy{MaxRetries: 5, InitialDelay: 10 * time.Minute}})
	outage, mails := 2, 0
	Receipt.Handle(q.Mux, func(context.Context, Paid) error {
		if outage--; outage >= 0 {
			return errors.New("the mail server is away")
		}
		mails++
		return nil
	})

	if err := pay(t.Context(), q.Bus, 7, "ada@example.com"); err != nil {
		t.Fatal(err)
	}
	if got := symphonytest.RequireDispatched(q, Receipt); got.Order != 7 {
		t.Errorf("the receipt is of order %d", got.Order)
	}

	q.Drain()
	q.RequireNoFailed()
	if mails != 1 {
		t.Errorf("%d mails were sent", mails)
	}
}

package httpapi

import (
	"context"
	"errors"
	"net/http/httptest"
	"testing"
	"time"
)

// A large body whose turn does not come is refused, as too much is in progress; one whose caller leaves is given up.
func TestAwaitTurn_does_not_wait_for_ever(t *testing.T) {
	a := &API{large: newLargeBodies(8 << 20)}
	a.large.patience = time.Millisecond
	turn := func(ctx context.Context, size int64) (*call, error) {
		c := &call{Request: httptest.NewRequestWithContext(ctx, "POST", "/", nil), api: a}
		return c, c.awaitTurn(size)
	}
	first, err := turn(t.Context(), 1<<40) // as much as there is, whatever it claims
	if err != nil || first.turn != 4<<20 {
		t.Fatalf("the first has a turn of %d, %v", first.turn, err)
	}
	second, err := turn(t.Context(), 2<<20)
	if !errors.Is(err, errOverloaded) || second.turn != 0 {
		t.Errorf("while it lasts: %v", err)
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, err := turn(gone, 2<<20); err == nil || errors.Is(err, errOverloaded) {
		t.Errorf("of a caller that has left: %v", err)
	}
	second.endTurn() // has none
	first.endTurn()
	for range 2 {
		if _, err := turn(t.Context(), 2<<20); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	}
}

package postgres

import (
	"context"
	"errors"
	"testing"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
	"github.com/symphony-messenger/symphony/transport/transporttest"
)

// deadLetters fills the dead letter queue by n messages of which each hundredth has the needle.
func deadLetters(t *testing.T, b *border, n int) {
	t.Helper()
	b.dispatch(t, 1, symphony.DispatchOptions{})
	d := b.receive(t, 1)[0]
	if errs := b.Settle(t.Context(), []symphony.Settlement{{Lease: d.Lease, Outcome: symphony.Fail, Error: "e"}}); errs != nil {
		t.Fatal(errs)
	}
	if _, err := connect(t, b.url).Exec(t.Context(), `INSERT INTO symphony.messenger_failed_messages
		SELECT (r).* FROM (SELECT jsonb_populate_record(f, jsonb_build_object('id', gen_random_uuid(), 'message_id', gen_random_uuid(),
			'error', CASE WHEN i % 100 = 0 THEN 'a needle' ELSE 'hay' END)) AS r
		FROM symphony.messenger_failed_messages f, generate_series(1, $1::int) i) x`, n); err != nil {
		t.Fatal(err)
	}
}

func TestSearchOfFailedGoesThroughAllInParts(t *testing.T) {
	b := openBorder(t, Options{})
	deadLetters(t, b, 1000)
	filter := symphony.MessageFilter{Text: "NEEDLE"}
	page, err := transporttest.ListFailed(t.Context(), b, symphony.MessageQuery{MessageFilter: filter, Limit: 4, Offset: 3, Total: true})
	if err != nil || page.Total != 10 || len(page.Messages) != 4 || page.Next == "" {
		t.Errorf("got %d of %d, more: %v, %v; want 4 of 10 and more", len(page.Messages), page.Total, page.Next != "", err)
	}
	if ids, err := transporttest.SelectFailed(t.Context(), b, filter, 100); err != nil || len(ids) != 10 {
		t.Errorf("selected %d, %v; want 10", len(ids), err)
	}
}

// TestSearchesOfFailedLeaveConnectionsToOthers has as many searches under way as there may be.
func TestSearchesOfFailedLeaveConnectionsToOthers(t *testing.T) {
	b := openBorder(t, Options{})
	deadLetters(t, b, 1)
	b.dispatch(t, 1, symphony.DispatchOptions{})
	for range cap(b.searches) {
		b.searches <- struct{}{}
	}
	searches := map[string]func(context.Context) error{
		"list by text": func(ctx context.Context) error {
			_, err := transporttest.ListFailed(ctx, b, symphony.MessageQuery{MessageFilter: symphony.MessageFilter{Text: "x"}, Limit: 1})
			return err
		},
		"list by type": func(ctx context.Context) error {
			_, err := transporttest.ListFailed(ctx, b, symphony.MessageQuery{MessageFilter: symphony.MessageFilter{Type: "x"}, Limit: 1})
			return err
		},
		"select by text": func(ctx context.Context) error {
			_, err := transporttest.SelectFailed(ctx, b, symphony.MessageFilter{Text: "x"}, 1)
			return err
		},
	}
	for name, search := range searches {
		ctx, leave := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- search(ctx) }()
		for what, err := range map[string]error{
			"keys":   func() error { _, err := storage.List(t.Context(), b, "key"); return err }(),
			"status": func() error { _, err := b.Stats(t.Context()); return err }(),
			"holds":  func() error { _, err := b.Holds(t.Context()); return err }(),
			"failed": func() error {
				page, err := transporttest.ListFailed(t.Context(), b, symphony.MessageQuery{Limit: 1})
				_, gerr := transporttest.GetFailed(t.Context(), b, page.Messages[0].FailedID)
				return errors.Join(err, gerr)
			}(),
		} {
			if err != nil {
				t.Errorf("%s beside a search (%s): %v", what, name, err)
			}
		}
		select {
		case err := <-done:
			t.Errorf("%s did not wait for its turn: %v", name, err)
		default:
		}
		leave()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("%s that was called off: %v", name, err)
		}
	}
	if got := b.receive(t, 1); len(got) != 1 {
		t.Error("a claim beside searches got nothing")
	}
}

package httpapi

import (
	"bytes"
	"context"
	"testing"

	"github.com/symphony-messenger/symphony/storage"
	"github.com/symphony-messenger/symphony/symphonytest"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

// betweenRecords does something after the first look for a record that finds none.
type betweenRecords struct {
	storage.Records
	then func()
}

func (b *betweenRecords) RangeRecords(ctx context.Context, kind, from, to string, limit int) ([]storage.Record, error) {
	list, err := b.Records.RangeRecords(ctx, kind, from, to, limit)
	if then := b.then; then != nil && err == nil && len(list) == 0 {
		b.then = nil
		then()
	}
	return list, err
}

func TestSeals_of_nodes_that_begin_together_are_one(t *testing.T) {
	store := symphonytest.Storage(t, sqlite.Options{})
	defer store.Close()
	get := func(s *seals) *seal {
		t.Helper()
		got, err := s.get(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	first := &seals{records: store}
	second := &seals{records: &betweenRecords{store, func() { get(first) }}}
	late := get(second)
	text := []byte("a receipt")
	if early := get(first); late.id != early.id || !bytes.Equal(late.appendSum(nil, text), early.appendSum(nil, text)) {
		t.Error("two nodes that made a key at the same time do not take each other's receipts")
	}
	if later := get(&seals{records: store}); later.id != late.id {
		t.Error("a node that begins later has another key")
	}
}

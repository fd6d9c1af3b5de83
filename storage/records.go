package storage

import (
	"context"
	"errors"
	"fmt"

	"github.com/symphony-messenger/symphony"
)

// Records keep small JSON documents of the server itself, such as API keys, beside the messages. They are optional; see
// symphony.Capabilities. Records are shared by all transports of a storage. A record is named by its kind and an id,
// and is never empty. Methods are safe for concurrent use. Get, Once, Put, Delete and List are made of them.
type Records interface {
	// RangeRecords returns the records of a kind with an id in [from, to), ordered by the bytes of their ids, at most
	// limit. An empty to has no end.
	RangeRecords(ctx context.Context, kind, from, to string, limit int) ([]Record, error)
	// SwapRecord replaces a record by new if it still is old, byte for byte, durably. A nil old means that there must
	// be none, Any whatever is there; a nil new deletes it. symphony.ErrConflict if the record is another one, or is
	// there, or is not. A new one that ValidateRecord refuses is its error.
	SwapRecord(ctx context.Context, kind, id string, old, new []byte) error
	// DeleteRecords deletes the records of a kind with an id in [from, to), durably, and returns how many there were.
	DeleteRecords(ctx context.Context, kind, from, to string) (int, error)
}

// Any, as the old record of a swap, means whatever is there, nothing included.
func Any() []byte { return []byte{} }

// IsAny reports whether the old record of a swap is Any.
func IsAny(old []byte) bool { return old != nil && len(old) == 0 }

// Get returns one record, or symphony.ErrNotFound.
func Get(ctx context.Context, r Records, kind, id string) ([]byte, error) {
	list, err := r.RangeRecords(ctx, kind, id, behind(id), 1)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 || list[0].ID != id {
		return nil, unknown(kind, id)
	}
	return list[0].Data, nil
}

// Once returns a record that is made once: where there is none, of data. Of several processes that make it at the same
// time one does, and all get what that one made.
func Once(ctx context.Context, r Records, kind, id string, data []byte) ([]byte, error) {
	raw, err := Get(ctx, r, kind, id)
	if !errors.Is(err, symphony.ErrNotFound) {
		return raw, err
	}
	err = r.SwapRecord(ctx, kind, id, nil, data)
	if errors.Is(err, symphony.ErrConflict) {
		return Get(ctx, r, kind, id)
	}
	return data, err
}

// Put creates or replaces a record, durably. What ValidateRecord refuses is its error.
func Put(ctx context.Context, r Records, kind, id string, data []byte) error {
	return r.SwapRecord(ctx, kind, id, Any(), data)
}

// Delete deletes a record. symphony.ErrNotFound for an unknown id.
func Delete(ctx context.Context, r Records, kind, id string) error {
	if !symphony.ValidText(id) {
		return unknown(kind, id)
	}
	n, err := r.DeleteRecords(ctx, kind, id, behind(id))
	if err == nil && n == 0 {
		err = unknown(kind, id)
	}
	return err
}

// List returns all records of a kind, ordered by the bytes of their ids. It reads them in pages; one that comes or goes
// meanwhile may be in the list or not.
func List(ctx context.Context, r Records, kind string) (list []Record, err error) {
	const limit = 500
	for from := ""; ; from = behind(list[len(list)-1].ID) {
		page, err := r.RangeRecords(ctx, kind, from, "", limit)
		if list = append(list, page...); err != nil || len(page) < limit {
			return list, err
		}
	}
}

// behind is the least id that is greater than another.
func behind(id string) string { return id + "\x00" }

func unknown(kind, id string) error {
	return fmt.Errorf("record %s/%s: %w", kind, id, symphony.ErrNotFound)
}

// RecordsOf returns the records of a transport's storage, or symphony.ErrUnsupported where it keeps none.
func RecordsOf(t symphony.Transport) (Records, error) {
	return Part[Records](t, t.Capabilities().Records, "keeps no records")
}

// ValidateRecord reports whether a record of this kind and id can be kept with this content. Storages call it before they
// write. Whoever reads or deletes a record that cannot be kept finds none.
func ValidateRecord(kind, id string, data []byte) error {
	var problems []symphony.Problem
	for _, text := range []struct{ path, value string }{{"kind", kind}, {"id", id}} {
		if !symphony.ValidText(text.value) {
			problems = append(problems, symphony.Problem{Path: text.path, Message: "must be valid UTF-8 without NUL"})
		}
	}
	if len(data) == 0 {
		problems = append(problems, symphony.Problem{Path: "data", Message: "must not be empty"})
	}
	if problems != nil {
		return &symphony.ValidationError{Problems: problems}
	}
	return nil
}

// Record is one document among Records.
type Record struct {
	ID   string
	Data []byte
}

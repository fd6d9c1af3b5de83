package storage

import (
	"context"

	"github.com/symphony-messenger/symphony"
)

// Records keep small JSON documents of the server itself, such as API keys, beside the messages. They are optional;
// see symphony.Capabilities.Records. Records are shared by all transports of a storage. Methods are safe for concurrent use.
type Records interface {
	// GetRecord returns symphony.ErrNotFound for an unknown id.
	GetRecord(ctx context.Context, kind, id string) ([]byte, error)
	// PutRecord creates or replaces a record, durably. What ValidateRecord refuses is its error.
	PutRecord(ctx context.Context, kind, id string, data []byte) error
	// SwapRecord replaces a record by new if it still is old, byte for byte, durably. A nil old means that there must be
	// none, a nil new that it is deleted. symphony.ErrConflict if the record is another one, or is there, or is not. A new
	// one that ValidateRecord refuses is its error.
	SwapRecord(ctx context.Context, kind, id string, old, new []byte) error
	// ListRecords returns all records of a kind, ordered by the bytes of their ids.
	ListRecords(ctx context.Context, kind string) ([]Record, error)
	// RangeRecords returns the records of a kind with an id in [from, to), in the order of ListRecords, at most limit. An
	// empty to has no end.
	RangeRecords(ctx context.Context, kind, from, to string, limit int) ([]Record, error)
	// DeleteRecords deletes the records of a kind with an id in [from, to) and returns how many there were.
	DeleteRecords(ctx context.Context, kind, from, to string) (int, error)
	// DeleteRecord returns symphony.ErrNotFound for an unknown id.
	DeleteRecord(ctx context.Context, kind, id string) error
}

// RecordsOf returns the records of a transport's storage, or symphony.ErrUnsupported where it keeps none.
func RecordsOf(t symphony.Transport) (Records, error) {
	return Part[Records](t, t.Capabilities().Records, "keeps no records")
}

// ValidateRecord reports whether a record of this kind and id can be kept. Storages call it first. A record that cannot be
// is not there.
func ValidateRecord(kind, id string) error {
	var problems []symphony.Problem
	for _, text := range []struct{ path, value string }{{"kind", kind}, {"id", id}} {
		if !symphony.ValidText(text.value) {
			problems = append(problems, symphony.Problem{Path: text.path, Message: "must be valid UTF-8 without NUL"})
		}
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

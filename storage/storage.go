// Package storage holds what a storage keeps for the server itself, beside the messages: records, logs, the processes
// that share it, and work in bulk that goes on by steps. Applications need none of it.
//
// Each part is an interface that a transport may implement. What a transport has is asked for in one place: RecordsOf,
// LogOf, StepsOf and NodesOf, and for schedules schedule.StoreOf.
package storage

import (
	"fmt"

	"github.com/symphony-messenger/symphony"
)

// Part returns the part P of a transport that says it has it. Else the error says what the transport lacks, and is
// symphony.ErrUnsupported.
func Part[P any](t symphony.Transport, has bool, lacks string) (P, error) {
	part, ok := t.(P)
	if !ok || !has {
		var none P
		return none, fmt.Errorf("transport %q %s: %w", t.Name(), lacks, symphony.ErrUnsupported)
	}
	return part, nil
}

package wire

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Event is the data of a server-sent event.
type Event struct {
	// ID is its number, 0 of those that are not stored: connected, reset, stats.
	ID   int64          `json:"id,omitzero"`
	Type string         `json:"type" required:"true"`
	At   time.Time      `json:"at" required:"true"`
	Data jsontext.Value `json:"data" required:"true"`
}

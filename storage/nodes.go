package storage

import (
	"context"
	"encoding/json"
	"time"

	"github.com/symphony-messenger/symphony"
)

// Node is one process that works on a storage which several processes share.
type Node struct {
	ID string
	// Name tells people which one it is, Version the program's version.
	Name, Version string
	StartedAt     time.Time
	SeenAt        time.Time // its last heartbeat
	// Info is what the process says about itself, a JSON object.
	Info json.RawMessage
}

// Nodes list the processes that share a storage. They are optional: a transport whose storage belongs to one
// process does not implement them.
type Nodes interface {
	// Nodes lists the processes that are alive, the oldest first.
	Nodes(ctx context.Context) ([]Node, error)
}

// NodesOf returns the processes that share a transport's storage, or symphony.ErrUnsupported where the storage belongs
// to one process.
func NodesOf(t symphony.Transport) (Nodes, error) {
	return Part[Nodes](t, true, "belongs to one process")
}

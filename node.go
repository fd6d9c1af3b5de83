package symphony

import (
	"context"
	"encoding/json"
	"time"
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

// NodeRegistry lists the processes that share a storage. It is optional: a transport whose storage belongs to one
// process does not implement it.
type NodeRegistry interface {
	// Nodes lists the processes that are alive, the oldest first.
	Nodes(ctx context.Context) ([]Node, error)
}

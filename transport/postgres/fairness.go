package postgres

import (
	"sync"

	"github.com/symphony-messenger/symphony/flow"
)

// fairShares are the fair shares of the transports, by name. Safe for concurrent use.
type fairShares struct {
	mu     sync.Mutex
	byName map[string]*flow.FairShare
}

// with calls f with the share of a transport.
func (f *fairShares) with(transport string, do func(*flow.FairShare)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.byName == nil {
		f.byName = make(map[string]*flow.FairShare)
	}
	if f.byName[transport] == nil {
		f.byName[transport] = new(flow.FairShare)
	}
	do(f.byName[transport])
}

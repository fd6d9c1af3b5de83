package server

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"github.com/symphony-messenger/symphony/audit"
	"github.com/symphony-messenger/symphony/retention"
)

// agedAction is the audited action of dead letters whose period is over, and agedListed how many places of theirs one
// entry names.
const (
	agedAction = "failed.age"
	agedListed = 100
)

// recordPatience bounds what it takes to record them.
const recordPatience = 10 * time.Second

// aging records dead letters that the storage deleted because their period was over: one entry for each run. Storage is
// open, and may delete, before there is a trail; what it tells until then is recorded once there is.
type aging struct {
	log *slog.Logger

	mu    sync.Mutex
	trail *audit.Trail
	early retention.Aged
	total int64
}

// tell is told of one run.
func (a *aging) tell(ctx context.Context, aged retention.Aged) {
	a.mu.Lock()
	a.total += aged.Total()
	trail := a.trail
	if trail == nil {
		a.early.AddAll(aged)
	}
	a.mu.Unlock()
	if trail != nil {
		a.record(ctx, trail, aged)
	}
}

// deleted is how many this process has deleted.
func (a *aging) deleted() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.total
}

// use has everything recorded in a trail.
func (a *aging) use(ctx context.Context, trail *audit.Trail) {
	a.mu.Lock()
	a.trail = trail
	early := a.early
	a.early = retention.Aged{}
	a.mu.Unlock()
	if early.Total() > 0 {
		a.record(ctx, trail, early)
	}
}

// agedPlace is a place as it is recorded.
type agedPlace struct {
	Transport string `json:"transport"`
	Queue     string `json:"queue"`
	Type      string `json:"type"`
	Count     int64  `json:"count"`
}

func (a *aging) record(ctx context.Context, trail *audit.Trail, aged retention.Aged) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordPatience)
	defer cancel()
	result := struct {
		Deleted int64       `json:"deleted"`
		Of      []agedPlace `json:"of"`
		Others  int64       `json:"others,omitempty"`
	}{Deleted: aged.Total()}
	list, rest := aged.List(agedListed)
	for _, in := range list {
		result.Of = append(result.Of, agedPlace{in.Transport, in.Queue, in.Type, in.Count})
	}
	result.Others = rest
	raw, err := json.Marshal(result)
	if err == nil {
		var action *audit.Action
		if action, err = trail.Begin(ctx, audit.Entry{Action: agedAction, Who: audit.Who{Kind: "service",
			ID: "retention"}}); err == nil {
			err = action.End(ctx, audit.OK, "", raw)
		}
	}
	if err != nil {
		a.log.Error("dead letters whose period is over were deleted; that is missing in the audit trail",
			"deleted", result.Deleted, "error", err)
	}
}

package server

import (
	"context"
	"net/http"
	"time"
)

// Where nothing runs in the background (HandlerOnly), each request writes what it has left to be written, and each
// request to a cron route first does what a process that runs all the time does every now and then.

// settleTime bounds what is written after a request.
const settleTime = 10 * time.Second

// housekeeper is a storage that has duties.
type housekeeper interface {
	Housekeep(ctx context.Context) error
}

// settled has h serve, and writes what that has left to be written before the request is over.
func (s *Server) settled(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), settleTime)
			defer cancel()
			s.settle(ctx)
		}()
		h.ServeHTTP(w, r)
	})
}

// settle writes figures, events and refusals that only this process knows. What fails is logged, and written the next
// time.
func (n *node) settle(ctx context.Context) {
	if n.metrics != nil {
		_ = n.metrics.Flush(ctx) // it logs
	}
	if n.logs == nil {
		return
	}
	if err := n.watch.recorder.Flush(ctx, n.logs); err != nil {
		n.log.Warn("events could not be written; they are kept and tried again", "error", err)
	}
	if err := n.audit.Flush(ctx); err != nil {
		n.log.Warn("how often callers were refused is missing in the audit trail; it is tried again", "error", err)
	}
}

// cronDuties does all that is due, beside handling messages and firing schedules. Work in bulk may take half of the
// time of a run of workers. What fails is logged, holds up nothing else, and is tried by the next request.
func (n *node) cronDuties(ctx context.Context) {
	report := func(duty string, err error) {
		if err != nil && ctx.Err() == nil {
			n.log.Error("a duty of the cron routes fails; the next request tries again", "duty", duty, "error", err)
		}
	}
	seen := make(map[any]bool)
	for _, t := range n.transports {
		if h, ok := t.(housekeeper); ok && !seen[t.Capabilities().Storage] {
			seen[t.Capabilities().Storage] = true
			report("housekeeping of the storage", h.Housekeep(ctx))
		}
	}
	if n.metrics != nil {
		n.metrics.Housekeep(ctx)
	}
	if n.logs != nil {
		n.watch.recorder.Trim(ctx, n.logs)
		_, err := n.audit.Trim(ctx)
		report("retention of the audit trail", err)
	}
	if n.sessions != nil {
		_, err := n.sessions.Sweep(ctx)
		report("sessions that are over", err)
	}
	report("work in bulk", n.bulk(ctx))
	if n.alerts != nil && n.config.Alerts.Enabled {
		report("alerts", n.alerts.JudgeOnce(ctx))
	}
}

// bulk works on operations that wait.
func (n *node) bulk(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, n.config.Worker.TimeLimit/2)
	defer cancel()
	return n.operations.RunWaiting(ctx)
}

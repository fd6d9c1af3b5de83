package server

import (
	"context"
	"encoding/json"
	"slices"
	"sync"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/audit"
	"github.com/symphony-messenger/symphony/config"
	"github.com/symphony-messenger/symphony/event"
	"github.com/symphony-messenger/symphony/operation"
	"github.com/symphony-messenger/symphony/schedule"
	"github.com/symphony-messenger/symphony/storage"
)

// watch is what this process tells those who watch, and what it tells them of. Its events are written until close.
type watch struct {
	recorder *event.Recorder // nil where no log can be kept
	hub      *event.Hub      // nil before open, and where no log can be kept
	singles  *event.Singles  // nil where recorder is
	stop     context.CancelFunc
	running  sync.WaitGroup
}

// newWatch makes the recorder, which observes the transports and so is there before them.
func newWatch(c *config.Config, node string, find findMessage) *watch {
	w := &watch{stop: func() {}}
	if slices.ContainsFunc(c.Transports, func(t config.Transport) bool { return t.Kind != config.Sync }) {
		w.recorder = event.NewRecorder(event.RecorderOptions{Appended: func() {
			if w.hub != nil {
				w.hub.Nudge()
			}
		}})
		w.singles = event.NewSingles(event.SinglesOptions{Node: node, Find: find})
	}
	return w
}

// open begins to write and to follow events.
func (w *watch) open(n *node, logs storage.Log) {
	if w.recorder == nil || logs == nil {
		return
	}
	if n.o.Mode == HandlerOnly {
		return // events are written after each request, and nobody follows them here
	}
	w.hub = event.NewHub(logs, event.HubOptions{Transports: n.transports, Singles: w.singles, Logger: n.log})
	ctx, stop := context.WithCancel(context.Background())
	w.stop = stop
	w.running.Go(func() { _ = w.recorder.Run(ctx, logs) }) // it logs what fails
	w.running.Go(func() { _ = w.hub.Run(ctx) })
	var (
		records storage.Records
		between storage.Log
	)
	if sharedStorage(n.transports) {
		records, between = n.records, logs
	}
	w.running.Go(func() { w.singles.Run(ctx, records, between) })
}

// findMessage looks for a message.
type findMessage func(ctx context.Context, transport, id string) (symphony.MessageInfo, error)

// sharedStorage reports whether other processes may work on the same messages.
func sharedStorage(transports []symphony.Transport) bool {
	return slices.ContainsFunc(transports, func(t symphony.Transport) bool {
		if t == nil { // of kind sync, and not opened yet
			return false
		}
		_, err := storage.NodesOf(t)
		return err == nil
	})
}

// close writes what waits. Storage must be open still.
func (w *watch) close() {
	w.stop()
	w.running.Wait()
}

// audited makes events of an entry of the audit trail. Readers of events need not be administrators: they learn that
// something was done and by whom, without names, filters and addresses.
func (w *watch) audited(e audit.Entry) {
	var target struct {
		Transport string `json:"transport,omitempty"`
		Queue     string `json:"queue,omitempty"`
		Type      string `json:"type,omitempty"`
		ID        string `json:"id,omitempty"`
	}
	if len(e.Target) > 0 {
		_ = json.Unmarshal(e.Target, &target) // what has another shape is left out
	}
	who := map[string]string{"kind": e.Who.Kind, "id": e.Who.ID}
	data := map[string]any{"entry": e.Seq, "action": e.Action, "outcome": e.Outcome, "who": who, "target": target}
	if e.Code != "" {
		data["code"] = e.Code
	}
	w.recorder.Publish(event.Audit, data)
}

// worked tells of work in bulk.
func (w *watch) worked(op operation.Operation) {
	data := map[string]any{"id": op.ID, "kind": op.Kind, "state": op.State, "transport": op.Transport, "done": op.Done, "skipped": op.Skipped}
	if op.Total != nil {
		data["total"] = *op.Total
	}
	w.recorder.Publish(event.OperationChanged, data)
}

// unfired tells of a schedule that could not fire.
func (w *watch) unfired(s schedule.Schedule) {
	w.recorder.Publish(event.ScheduleFailed, map[string]any{"id": s.ID, "name": s.Name, "type": s.Message.Type, "failures": s.Failures, "retryAt": s.DueAt.UTC()})
}

package worker

import (
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

// A message that is cancelled while it is in hand is told of by the transport, or by the answer to a heartbeat. One
// that has not started is dropped. Of one at work the handler's context ends with ErrCancelled; its lease is not
// extended any more, and whatever the handler comes up with is settled, which the transport answers with ErrCancelled:
// then nothing of it is left.

// watchCancels has the transport tell of what is cancelled, if it can, until stop is called.
func (r *run) watchCancels() (stop func()) {
	c := storage.CancelsOf(r.transport)
	if c == nil {
		return func() {}
	}
	return c.WatchCancels(storage.CancelWatch{InHand: r.inHand, Told: r.cancelled})
}

// inHand reports whether anything is in hand that may be cancelled.
func (r *run) inHand() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buffer.len()+r.working+r.waitingLocked() > 0
}

// cancelled drops, or ends, what is in hand of some deliveries.
func (r *run) cancelled(leases []symphony.Lease) {
	told := make(map[symphony.Lease]bool, len(leases))
	for _, l := range leases {
		told[l] = true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []*item
	for _, it := range r.heldLocked() {
		if told[it.Lease] {
			list = append(list, it)
		}
	}
	r.cancelLocked(list)
}

// cancelLocked drops messages that have not started, and ends the contexts of the others' handlers.
func (r *run) cancelLocked(list []*item) {
	dropped := false
	for _, it := range list {
		if it.cancelled || it.gone {
			continue
		}
		if it.cancelled = true; it.slot != nil {
			it.slot.cancel(symphony.ErrCancelled)
			continue
		}
		dropped = true
		r.addResultLocked(it, symphony.Settlement{Lease: it.Lease, Outcome: symphony.Release})
	}
	if !dropped {
		return
	}
	r.dropGoneLocked()
	r.noteRoomLocked()
	r.noteQuietLocked()
}

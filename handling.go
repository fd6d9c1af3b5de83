package symphony

import (
	"context"
	"sync/atomic"
)

// handling is the context of a running handler. It is a type of its own so that all of this costs one context value.
type handling struct {
	context.Context
	delivery *Delivery         // nil for a batch
	members  []context.Context // of a batch, those of its messages, in the order in which its handler has them
	pattern  string
	entry    *entry
	mux      *Mux
	outcome  atomic.Pointer[outcome] // nil unless something was set
}

// codec is what encodes what the handler leaves; nil where it gets payloads as they are stored.
func (h *handling) codec() Codec {
	if h.entry.stored {
		return nil
	}
	return h.mux.codec
}

type handlingKey struct{}

func (h *handling) Value(key any) any {
	if key == (handlingKey{}) {
		return h
	}
	return h.Context.Value(key)
}

// DeliveryFrom returns the delivery that is being handled. It is nil outside of a handler, and in a batch handler but
// with the context of OfBatch.
func DeliveryFrom(ctx context.Context) *Delivery {
	if h, _ := ctx.Value(handlingKey{}).(*handling); h != nil {
		return h.delivery
	}
	return nil
}

// HandlerFrom returns the pattern and name under which the running handler was registered, so that middleware can tell
// which handler it wraps. ok is false outside of a handler.
func HandlerFrom(ctx context.Context) (pattern, name string, ok bool) {
	h, _ := ctx.Value(handlingKey{}).(*handling)
	if h == nil {
		return "", "", false
	}
	return h.pattern, h.entry.name, true
}

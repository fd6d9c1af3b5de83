package symphony

import "context"

// handling is the context of a handler that runs. It is a type of its own to say all of it at the cost of one value.
type handling struct {
	context.Context
	delivery *Delivery // nil for a batch
	pattern  string
	name     string
}

type handlingKey struct{}

func (h *handling) Value(key any) any {
	if key == (handlingKey{}) {
		return h
	}
	return h.Context.Value(key)
}

// DeliveryFrom returns the delivery that a handler is working on, nil outside of one and in a handler of batches.
func DeliveryFrom(ctx context.Context) *Delivery {
	if h, _ := ctx.Value(handlingKey{}).(*handling); h != nil {
		return h.delivery
	}
	return nil
}

// HandlerFrom returns the pattern and the name under which the handler that runs was registered, so that middleware can
// tell which handler it wraps. ok is false outside of a handler.
func HandlerFrom(ctx context.Context) (pattern, name string, ok bool) {
	h, _ := ctx.Value(handlingKey{}).(*handling)
	if h == nil {
		return "", "", false
	}
	return h.pattern, h.name, true
}

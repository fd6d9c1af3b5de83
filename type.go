package symphony

import "context"

// Type ties a message type to the Go type of its payload, so that the two are declared in one place:
//
//	const OrderPaid = symphony.Type[Order]("order.paid")
//
//	OrderPaid.Handle(mux, func(ctx context.Context, order Order) error { … })
//	OrderPaid.Dispatch(ctx, bus, Order{ID: 7}, symphony.DispatchOptions{})
//
// A bus that knows its types (BusOptions.Types) refuses all others, so an undeclared type is noticed where it is
// dispatched.
type Type[T any] string

// Name returns the type as messages carry it.
func (t Type[T]) Name() string { return string(t) }

// Dispatch is Bus.Dispatch for a message of this type.
func (t Type[T]) Dispatch(ctx context.Context, b *Bus, payload T, o DispatchOptions) (Receipt, error) {
	return b.Dispatch(ctx, string(t), payload, o)
}

// Outgoing makes a message for Bus.DispatchBatch. The error is a *ValidationError for a payload that cannot be
// marshalled.
func (t Type[T]) Outgoing(payload T, o DispatchOptions) (Outgoing, error) {
	m, err := NewMessage(string(t), payload)
	if err != nil {
		return Outgoing{}, &ValidationError{[]Problem{{"message.payload", err.Error()}}}
	}
	return Outgoing{m, o}, nil
}

// Handle registers a handler for the type; see the function of the same name.
func (t Type[T]) Handle(m *Mux, f func(ctx context.Context, payload T) error) {
	HandleWith(m, string(t), HandlerOptions{}, f)
}

// HandleWith is Handle with options.
func (t Type[T]) HandleWith(m *Mux, o HandlerOptions, f func(ctx context.Context, payload T) error) {
	HandleWith(m, string(t), o, f)
}

package symphony

import "context"

// Type ties the type of messages to the Go value that is their payload, so that both stand together in one place:
//
//	const OrderPaid = symphony.Type[Order]("order.paid")
//
//	OrderPaid.Handle(mux, func(ctx context.Context, order Order) error { … })
//	OrderPaid.Dispatch(ctx, bus, Order{ID: 7}, symphony.DispatchOptions{})
//
// A bus that is told its types (BusOptions.Types) refuses others, so that a type that nobody has declared is noticed where it
// is dispatched.
type Type[T any] string

// Name is the type as messages have it.
func (t Type[T]) Name() string { return string(t) }

// Dispatch is Bus.Dispatch for messages of the type.
func (t Type[T]) Dispatch(ctx context.Context, b *Bus, payload T, o DispatchOptions) (Receipt, error) {
	return b.Dispatch(ctx, string(t), payload, o)
}

// Outgoing makes a message for Bus.DispatchBatch. The error is a *ValidationError for a payload that cannot be marshalled.
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

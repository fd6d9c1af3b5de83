// Package symphony is a durable message queue: the domain and the Go API of Symphony Messenger.
//
// An application dispatches messages through a [Bus], a [Transport] stores them, and a worker (package worker) hands
// them to the handlers of a [Mux]. Failures are retried by a [Policy] and end in the dead letter queue ([DeadLetters]),
// where they can be inspected, corrected, retried and deleted.
//
//	tr, err := sqlite.Open(ctx, "app.db", sqlite.Options{})
//	bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{})
//	mux := symphony.NewMux()
//	symphony.Handle(mux, "WelcomeEmail", func(ctx context.Context, e WelcomeEmail) error { … })
//	w, err := worker.New(tr, mux, worker.Options{})
//	go w.Run(ctx)
//	bus.Dispatch(ctx, "WelcomeEmail", WelcomeEmail{To: "ada@example.com"}, symphony.DispatchOptions{})
//
// # Guarantees
//
// Durable: when Dispatch returns without an error, the message is on disk (with a durable transport such as
// transport/sqlite), and a crash of the process or the machine right after loses nothing.
//
// At least once, never by two at a time: a claimed message has a lease. While it lives, nobody else gets the message.
// When it is lost, everything the old worker says about the message is refused with [ErrLeaseLost] and changes nothing.
//
// Nothing disappears: a message is pending, processing, completed or failed, and each move is one transaction. What
// cannot be handled ends in the dead letter queue with its reason and its attempts. Deliveries count when they are
// made, so that a message that kills its worker also runs out of attempts.
//
// Order: higher priority first, then the message that has been ready longer; strict with one worker, best effort among
// several. Low priorities are not starved for ever; see flow.StarvationAge.
//
// Once where it can be: an idempotency key makes one message of any number of dispatches within its window. Handlers
// must still bear to see a message again.
//
// This package imports the standard library only.
package symphony

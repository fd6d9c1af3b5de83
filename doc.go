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
// # What to use
//
// Most programs need a [Bus] with [BusOptions] and [DispatchOptions], a [Mux] with [Handle] or a [Type] tied to its
// payload, a [Policy] for what fails, and a worker from package worker. [Bus.Failed] and [Bus.Messages] find, correct
// and repeat messages. Package symphonytest tests all of it without waiting. To dispatch in a transaction with changes
// of your own, see [Bus.In]. Packages scheduler (cron), flow (limits, pausing), operation (work in bulk) and server
// (the HTTP API, in your own process) are there when they are needed.
//
// # What you may ignore
//
// [Transport] with [Envelope], [Delivery], [Lease], [Settlement] and [ReceiveOptions] is what transports promise to
// workers: only who writes a transport or a worker calls it. [Capabilities] and the optional interfaces
// ([MessageStore], and those in packages storage, schedule and flow) are between transports and the server. [Observer],
// [DispatchTracer] and [Clock] are for measuring, tracing and tests.
//
// # What stays compatible
//
// From version 1.0 on, programs that dispatch and handle messages compile and behave as before with each release of the
// same major version: struct types may get fields, and zero values keep their meaning, so name the fields of literals.
// What transports implement (Transport and the optional interfaces) may get methods in any minor release, because
// storages must be able to learn; embed one of our transports rather than writing all methods. Stored messages of every
// release can be read by later ones, and the tables that people query keep their names and the meaning of their
// columns. Before 1.0 anything but what is stored may change; the changelog says what did.
//
// This package imports the standard library only.
package symphony

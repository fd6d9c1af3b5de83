package symphony

import "time"

// The limits and defaults of the domain. Each is defined here and nowhere else;
// configuration, HTTP, storage and documentation take them from this file.
const (
	// MinPriority to MaxPriority is the range of a message's priority; the highest goes first.
	MinPriority     = 1
	MaxPriority     = 10
	DefaultPriority = 5

	// DefaultTransport and DefaultQueue are used where neither the caller, a route nor the configuration names one.
	DefaultTransport = "default"
	DefaultQueue     = "default"

	// MaxTypeLength, MaxKeyLength (of idempotency, concurrency, group and other keys) and MaxNameLength (queues and
	// transports) are in characters.
	MaxTypeLength = 255
	MaxKeyLength  = 255
	MaxNameLength = 100

	// MaxCallerLength bounds, in characters, the name of who dispatches a message: a kind, a colon and an id.
	MaxCallerLength = 300

	// MaxDepth is how many levels of objects and arrays a payload, metadata or the value of a header may have. It is far
	// below what readers of JSON take (the strictest common ones take 1,000 and more), with what answers put around it.
	MaxDepth = 1000

	// MaxHeaders bounds the headers of one message; names and values are in bytes, of values other than strings as JSON.
	MaxHeaders           = 64
	MaxHeaderNameLength  = 128
	MaxHeaderValueLength = 4096

	// DefaultMaxMessageBytes bounds payload and metadata of one message together.
	DefaultMaxMessageBytes = 1 << 20

	// MaxProblems is how many problems of one call are told; further ones are counted.
	MaxProblems = 100

	// MaxBatch is the most messages that one batch dispatch may hold.
	MaxBatch = 1000

	// DefaultIdempotencyWindow is how long, from the first dispatch, a key answers with the first message.
	DefaultIdempotencyWindow = 24 * time.Hour

	// DefaultRetention is how long completed messages are kept for inspection.
	DefaultRetention = 24 * time.Hour

	// KeepNothing as a transport's Options.Retention deletes completed messages at once.
	KeepNothing = time.Duration(-1)

	// DefaultLease is how long a claimed message belongs to its worker without a heartbeat.
	DefaultLease = 30 * time.Second
	MinLease     = time.Second
	MaxLease     = time.Hour

	// DefaultReceiveMax and MaxReceive bound the messages of one Receive.
	DefaultReceiveMax = 10
	MaxReceive        = 2000

	// DefaultReceiveBytes bounds the payloads of one Receive, so that large messages cannot exhaust the worker's
	// memory. A single message above it is still delivered, alone.
	DefaultReceiveBytes = 4 << 20

	// MaxDelay bounds the delay of a dispatch. Later times can be given as such.
	MaxDelay = 10 * 365 * 24 * time.Hour

	// MaxRetryDelay bounds what a handler may ask for with RetryAfter.
	MaxRetryDelay = 24 * time.Hour

	// MaxErrorClass is how many characters of the class of an error are kept.
	MaxErrorClass = 100

	// MaxErrorLength is how many bytes of an error's text are stored with an attempt.
	MaxErrorLength = 8 << 10

	// MaxFailedPage is the most failed messages that one page may hold; DefaultFailedPage is what it holds unasked.
	MaxFailedPage     = 200
	DefaultFailedPage = 50

	// MaxMessagePage is the most messages that one page may hold; DefaultMessagePage is what it holds unasked.
	MaxMessagePage     = 200
	DefaultMessagePage = 50

	// MaxFilterLength bounds, in bytes, each text of a filter.
	MaxFilterLength = 4096

	// MaxPageBytes is what the bodies of one page may have before its further rows come without theirs.
	MaxPageBytes = 4 << 20

	// MaxMessageScan is how many messages one page of a search looks at, matching or not.
	MaxMessageScan = 50_000

	// MaxIDSkew is how far the time in a message's id may be from its CreatedAt, for searches by time: the clocks of nodes
	// and storage differ.
	MaxIDSkew = time.Minute
)

package symphony

import "time"

// The limits and defaults of the domain. Each is defined here and nowhere else; configuration, HTTP, storage and
// documentation take them from this file.
const (
	// MinPriority and MaxPriority bound the priority of a message. Higher priorities go first.
	MinPriority     = 1
	MaxPriority     = 10
	DefaultPriority = 5

	// DefaultTransport and DefaultQueue are used if neither the caller nor a route nor the configuration names one.
	DefaultTransport = "default"
	DefaultQueue     = "default"

	// MaxTypeLength, MaxKeyLength (idempotency, concurrency, group and other keys) and MaxNameLength (queues and
	// transports) count characters.
	MaxTypeLength = 255
	MaxKeyLength  = 255
	MaxNameLength = 100

	// MaxCallerLength limits, in characters, the name of a message's dispatcher: a kind, a colon and an id.
	MaxCallerLength = 300

	// MaxDepth limits how deeply objects and arrays may be nested in a payload, metadata or a header value. It is far
	// below what common JSON parsers accept (1,000 levels and more), even inside the answers that carry it.
	MaxDepth = 1000

	// MaxHeaders limits the headers of a message. Name and value lengths are in bytes; values other than strings count
	// as JSON.
	MaxHeaders           = 64
	MaxHeaderNameLength  = 128
	MaxHeaderValueLength = 4096

	// DefaultMaxMessageBytes limits payload and metadata of a message together.
	DefaultMaxMessageBytes = 1 << 20

	// DefaultMaxOutputBytes is how many bytes the output of a message may have, as it is stored, unless a worker says
	// otherwise. MaxOutputBytes bounds what it may say.
	DefaultMaxOutputBytes = 64 << 10
	MaxOutputBytes        = 1 << 20

	// MaxProgressText is how many characters the text of a progress may have.
	MaxProgressText = 200

	// MaxLogLines, MaxLogLine (bytes) and MaxLogBytes bound the log that is kept of one attempt: its last lines.
	MaxLogLines = 100
	MaxLogLine  = 1 << 10
	MaxLogBytes = 16 << 10

	// MaxProblems is how many problems of one call are listed; the rest are counted.
	MaxProblems = 100

	// MaxBatch is the maximum number of messages in one batch dispatch.
	MaxBatch = 1000

	// DefaultIdempotencyWindow is how long after the first dispatch an idempotency key still answers with that message.
	DefaultIdempotencyWindow = 24 * time.Hour

	// DefaultRetention is how long completed and cancelled messages are kept for inspection.
	DefaultRetention = 24 * time.Hour

	// MaxRetention is the longest time for which messages may be kept that are not kept for ever.
	MaxRetention = 10 * 365 * 24 * time.Hour

	// RetriedFor is how long it is told of a failed message that was dispatched again which one took its place.
	RetriedFor = 30 * 24 * time.Hour

	// KeepNothing, as a transport's Options.Retention, deletes completed messages at once.
	KeepNothing = time.Duration(-1)

	// DefaultLease is how long a claimed message belongs to its worker without a heartbeat.
	DefaultLease = 30 * time.Second
	MinLease     = time.Second
	MaxLease     = time.Hour

	// DefaultReceiveMax and MaxReceive are the default and the maximum of ReceiveOptions.Max.
	DefaultReceiveMax = 10
	MaxReceive        = 2000

	// DefaultReceiveBytes limits the payloads of one Receive, so that large messages cannot exhaust a worker's memory.
	// A single message above the limit is still delivered, alone.
	DefaultReceiveBytes = 4 << 20

	// MaxDelay limits the delay of a dispatch. ScheduledAt can be later.
	MaxDelay = 10 * 365 * 24 * time.Hour

	// MaxRetryDelay limits what a handler may ask for with RetryAfter.
	MaxRetryDelay = 24 * time.Hour

	// MaxRetries and MaxRetryDelays limit what one message may ask for: retries, and delays before them.
	MaxRetries     = 100
	MaxRetryDelays = 100

	// MinTimeout and MaxTimeout bound the time that one message may give each of its attempts.
	MinTimeout = 100 * time.Millisecond
	MaxTimeout = 24 * time.Hour

	// MaxTags limits the tags of a message, MaxTagLength the characters of each, MaxURLLength those of its URL.
	MaxTags      = 20
	MaxTagLength = 64
	MaxURLLength = 2048

	// MaxErrorClass is how many characters of an error's class are kept.
	MaxErrorClass = 100

	// MaxErrorLength is how many bytes of an error's text are stored with an attempt.
	MaxErrorLength = 8 << 10

	// MaxMessagePage is the most messages that one page may hold; DefaultMessagePage is what it holds unasked.
	MaxMessagePage     = 200
	DefaultMessagePage = 50

	// MaxFilterLength limits each text of a filter, in bytes.
	MaxFilterLength = 4096

	// MaxPageBytes limits the bodies of one page. Rows beyond the limit come without bodies.
	MaxPageBytes = 4 << 20

	// MaxMessageScan is how many messages, matching or not, one page of a search examines.
	MaxMessageScan = 50_000

	// MaxCounted is how many messages a count counts unless it is to be exact.
	MaxCounted = 10_000

	// MaxIDSkew is the largest difference between the time in a message's id and its CreatedAt that searches by time
	// allow for, since the clocks of nodes and storage differ.
	MaxIDSkew = time.Minute
)

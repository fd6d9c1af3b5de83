package wire

import (
	"time"

	"github.com/symphony-messenger/symphony"
)

// Defaults and bounds of requests that the domain does not have. Each is defined here and nowhere else; the tags of the
// shapes, configuration, commands and documentation take them from here, which tests hold.
const (
	// A run of consume or of the cron route, which its request waits for.
	DefaultConsumeBatch       = 10
	MaxConsumeBatch           = 100
	DefaultConsumeConcurrency = 5
	MaxConsumeConcurrency     = 20
	DefaultConsumeTime        = 50 * time.Second
	MinConsumeTime            = time.Second
	MaxConsumeTime            = 55 * time.Second

	// DefaultPull and MaxPull are how many messages one receive hands out, MaxPullWait is the longest that it waits for
	// one.
	DefaultPull = symphony.DefaultReceiveMax
	MaxPull     = 100
	MaxPullWait = 30 * time.Second

	// MaxEmail and MaxPassword bound what somebody signs in with, in characters.
	MaxEmail    = 320
	MaxPassword = 1024

	// MaxReceipts bounds the receipts of one call, MaxIDs the ids of a bulk call, MaxNames the names of a selection.
	MaxReceipts = 1000
	MaxIDs      = 10_000
	MaxNames    = 1000

	// MaxAtOnce is how many failed messages are retried or deleted within a request that does not ask for an operation.
	MaxAtOnce = 10_000

	// DefaultPreview is how many occurrences of a schedule are told, MaxListedNext how many of each in a list at most.
	DefaultPreview = 5
	MaxListedNext  = 10

	// DefaultMetricsMinutes is the time that metrics are about.
	DefaultMetricsMinutes = 60

	// MaxEventIDs bounds the messages whose events one stream asks for by their ids.
	MaxEventIDs = 100

	// DefaultDrain is within how many milliseconds a backlog is to be handled, MinDrain to MaxDrain are its bounds.
	DefaultDrain = 60_000
	MinDrain     = 1000
	MaxDrain     = 86_400_000
)

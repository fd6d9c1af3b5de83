package config

import "time"

// Worker configures all workers of serve and worker, and what the cron route runs.
type Worker struct {
	Continuous Continuous `key:"continuous"`

	// How long a message belongs to its worker without a heartbeat. A worker that dies holds its messages up for so
	// long.
	Lease time.Duration `key:"lease" min:"symphony.MinLease" max:"symphony.MaxLease" default:"symphony.DefaultLease"`
	// Ends a handler that takes longer, as a failed attempt.
	HandlerTimeout time.Duration `key:"handler_timeout" min:"1ms" default:"worker.DefaultHandlerTimeout"`
	// How long running handlers may take to finish when the worker stops. Then they are interrupted and their messages
	// given back.
	Grace time.Duration `key:"grace" default:"worker.DefaultGrace"`

	// The contract names the variables of the rest, and gives their defaults and units.

	// Cron route: messages claimed at once.
	BatchSize int `key:"batch_size" min:"1" max:"wire.MaxConsumeBatch" default:"wire.DefaultConsumeBatch"`
	// Cron route: handlers that run at the same time.
	MaxConcurrency int `key:"max_concurrency" min:"1" max:"wire.MaxConsumeConcurrency" default:"wire.DefaultConsumeConcurrency"`
	// Cron route: how often to look for messages unasked; a dispatch wakes workers at once.
	PollInterval time.Duration `key:"poll_interval" min:"1ms" max:"1m" millis:"yes" default:"worker.DefaultPollInterval"`
	// Cron route: stop after so many messages.
	MessageLimit int `key:"message_limit" min:"1"`
	// Cron route: stop claiming after this time.
	TimeLimit time.Duration `key:"time_limit" min:"wire.MinConsumeTime" max:"wire.MaxConsumeTime" millis:"yes" default:"wire.DefaultConsumeTime"`
	// Cron route: stop when the process uses more memory.
	MemoryLimit int64 `key:"memory_limit" min:"1"`
	// Cron route: stop after so many failed attempts.
	FailureLimit int `key:"failure_limit" min:"1"`
}

// Continuous configures the workers that run all the time, in serve and worker.
type Continuous struct {
	// The transports that serve and worker work on. None: all.
	Transports []string `key:"transports" about:"a list of names" check:"name"`
	// The queues that they work on. None: all.
	Queues []string `key:"queues" about:"a list of names" check:"name"`
	// How many handlers run at the same time, for each transport.
	Concurrency int `key:"concurrency" min:"1" max:"worker.MaxConcurrency" default:"worker.DefaultConcurrency"`
}

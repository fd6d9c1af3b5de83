package config

import (
	"math"
	"strconv"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/worker"
)

// Continuous configures the workers that run all the time, in serve and worker.
type Continuous struct {
	Transports  []string // none: all that can be received from
	Queues      []string // none: all
	Concurrency int
}

func workerFields(w *Worker) []*field {
	return []*field{
		{key: "worker.continuous.transports", value: list{p: &w.Continuous.Transports, about: "a list of names", check: symphony.ValidateName},
			doc: "The transports that serve and worker work on. None: all."},
		{key: "worker.continuous.queues", value: list{p: &w.Continuous.Queues, about: "a list of names", check: symphony.ValidateName},
			doc: "The queues that they work on. None: all."},
		{key: "worker.continuous.concurrency", value: number{&w.Continuous.Concurrency, 1, 10_000}, def: strconv.Itoa(worker.DefaultConcurrency),
			doc: "How many handlers run at the same time, for each transport."},
		{key: "worker.lease", value: duration{p: &w.Lease, min: symphony.MinLease, max: symphony.MaxLease}, def: formatDuration(symphony.DefaultLease),
			doc: "How long a message belongs to its worker without a heartbeat. A worker that dies holds its messages up for so long."},
		{key: "worker.handler_timeout", value: duration{p: &w.HandlerTimeout, min: time.Millisecond}, def: formatDuration(worker.DefaultHandlerTimeout),
			doc: "Ends a handler that takes longer, as a failed attempt."},
		{key: "worker.grace", value: duration{p: &w.Grace}, def: formatDuration(worker.DefaultGrace),
			doc: "How long running handlers may take to finish when the worker stops. Then they are interrupted and their messages given back."},

		// The contract names these variables and gives their defaults and units.
		{key: "worker.batch_size", value: number{&w.BatchSize, 1, wire.MaxConsumeBatch}, def: strconv.Itoa(wire.DefaultConsumeBatch),
			doc: "Cron route: messages claimed at once."},
		{key: "worker.max_concurrency", value: number{&w.MaxConcurrency, 1, wire.MaxConsumeConcurrency}, def: strconv.Itoa(wire.DefaultConsumeConcurrency),
			doc: "Cron route: handlers that run at the same time."},
		{key: "worker.poll_interval", value: duration{p: &w.PollInterval, min: time.Millisecond, max: time.Minute, millis: true}, def: formatDuration(worker.DefaultPollInterval),
			doc: "Cron route: how often to look for messages unasked; a dispatch wakes workers at once."},
		{key: "worker.message_limit", value: number{p: &w.MessageLimit, min: 1},
			doc: "Cron route: stop after so many messages."},
		{key: "worker.time_limit", value: duration{p: &w.TimeLimit, min: wire.MinConsumeTime, max: wire.MaxConsumeTime, millis: true}, def: formatDuration(wire.DefaultConsumeTime),
			doc: "Cron route: stop claiming after this time."},
		{key: "worker.memory_limit", value: size{&w.MemoryLimit, 1, math.MaxInt64},
			doc: "Cron route: stop when the process uses more memory."},
		{key: "worker.failure_limit", value: number{p: &w.FailureLimit, min: 1},
			doc: "Cron route: stop after so many failed attempts."},
	}
}

package httpapi

import (
	"net/http"

	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/schedule"
	"github.com/symphony-messenger/symphony/scheduler"
)

func workersRoutes() []route {
	return []route{
		on(wire.ConsumeMessages, route{
			tag: "Workers", scope: auth.ScopeConsume, binding: true, audit: traffic,
			summary: "Run a worker for this request",
			doc: "Returns when nothing is ready or a limit is hit. A caller that disconnects ends the run: what " +
				"is in hand is finished or given back.",
			example:      `{"messageLimit":100,"timeLimit":10000}`,
			optionalBody: true, errors: []int{429, 501},
			serve: untilDraining(consume),
		}),
		on(wire.StopWorkers, route{
			tag: "Workers", scope: auth.ScopeOperate, audit: "workers.stop",
			summary: "Stop all workers",
			doc: "Those of all processes that use the storage end gracefully, within about a second. Workers " +
				"that are started later are not concerned; these come back by workers/start, or when their " +
				"processes are restarted.",
			errors: []int{501},
			serve:  stopWorkers,
		}),
		on(wire.StartWorkers, route{
			tag: "Workers", scope: auth.ScopeOperate, audit: "workers.start",
			summary: "Start workers that were stopped by request",
			doc: "Servers whose workers were stopped by workers/stop start new ones within about a second. " +
				"Processes that ended with their workers are for their supervisors to start.",
			errors: []int{501},
			serve:  startWorkers,
		}),
		on(wire.ListNodes, route{
			tag: "Workers", scope: auth.ScopeRead,
			summary: "List the processes that share the storage",
			doc: "With their workers and what these are busy with, as of their last heartbeats, up to ten seconds " +
				"ago. A storage that belongs to one process has that one.",
			errors: []int{501},
			serve:  nodesList,
		}),
		on(wire.StopNode, route{
			tag: "Workers", scope: auth.ScopeOperate, audit: "node.stop",
			summary: "Stop the workers of one process",
			doc: "They end gracefully, within about a second of being told, and come back by workers/start of the " +
				"node or of all, or when the process is restarted.",
			errors: []int{404, 501},
			serve:  stopNode,
		}),
		on(wire.StartNode, route{
			tag: "Workers", scope: auth.ScopeOperate, audit: "node.start",
			summary: "Start the workers of one process that were stopped by request",
			doc:     "Also where those of all were stopped: the others stay as they are.",
			errors:  []int{404, 501},
			serve:   startNode,
		}),
		on(wire.RunCronWorker, route{
			tag: "Workers", methods: both, access: cronAccess, audit: traffic,
			summary: "Run the worker with the server's settings",
			doc: "For schedulers that call a URL. While one run is in progress, a further call answers at once " +
				"with nothing processed.",
			serve: untilDraining(cronWorker),
		}),
	}
}

func pullWorkersRoutes() []route {
	return []route{
		on(wire.ReceiveMessages, route{
			tag: "Pull workers", scope: auth.ScopeConsume, binding: true, audit: traffic, mask: handling,
			summary: "Claim messages",
			doc: "Each message is leased to the caller, who acks or nacks it by its receipt before the lease " +
				"ends, or extends that. With nothing ready the call waits as long as asked for. Messages of a " +
				"caller that is gone before it has its answer go back to their queues at once.",
			example:      `{"max":10,"lease":60000}`,
			optionalBody: true, errors: []int{429, 501},
			serve: receive,
		}),
		on(wire.AckMessages, route{
			tag: "Pull workers", scope: auth.ScopeConsume, binding: true, audit: traffic,
			summary: "Complete messages that were handled",
			doc: "Where leases were lost the answer is 409 with code lease_lost and names them; the others are " +
				"acked all the same. A receipt of another installation or version is named likewise, with code " +
				"foreign_receipt. What a message leaves goes along in items; where an output is too large, the answer " +
				"is 413 with code output_too_large, nothing is changed for that receipt, and the others are acked.",
			errors: []int{409}, body: longBody,
			serve: ack,
		}),
		on(wire.NackMessage, route{
			tag: "Pull workers", scope: auth.ScopeConsume, binding: true, audit: traffic,
			summary: "Report a failure, or give a message back",
			doc: "The message is retried or fails by the retry policy of its type, as with the server's own " +
				"workers.",
			errors: []int{409},
			body:   diagnosticBody,
			serve:  nack,
		}),
		on(wire.ExtendLeases, route{
			tag: "Pull workers", scope: auth.ScopeConsume, binding: true, audit: traffic,
			summary: "Keep messages for longer",
			doc: "Where leases were lost the answer is 409 with code lease_lost and names them; the others are " +
				"extended all the same. A receipt of another installation or version is named likewise, with " +
				"code foreign_receipt. With exactly one receipt it may tell progress and lines of a log. The receipt " +
				"that comes with a push (the header Symphony-Receipt) is good for that alone, and is a credential of " +
				"its own.",
			errors: []int{409}, bearer: true,
			serve: extend,
		}),
	}
}

// setLimitDoc says what all limits that are set have in common.
const setLimitDoc = "It holds for every claim after the answer, on all nodes, also of messages that wait already; " +
	"what is in workers' hands counts, and is not taken from them. It replaces what was set, takes the place of the " +
	"configured limit of the same, and bounds all messages that match it, whatever else bounds them. A member that " +
	"is left out is unlimited. rate is a number of starts, a slash, and s, m, h, d or a span of time. It is kept " +
	"across restarts."

func flowControlRoutes() []route {
	return []route{
		on(wire.PauseQueue, route{
			tag: "Flow control", scope: auth.ScopeOperate, audit: "queue.pause",
			summary: "Hand no messages to workers",
			doc: "Of a queue, of types, or of the transport, until it is resumed. Messages are accepted " +
				"meanwhile, and those in workers' hands are finished.",
			example:      `{"queue":"mail","reason":"The mail server is being moved."}`,
			optionalBody: true, errors: []int{501},
			serve: pause,
		}),
		on(wire.DrainQueue, route{
			tag: "Flow control", scope: auth.ScopeOperate, audit: "queue.drain",
			summary: "Accept no messages",
			doc: "Of a queue or of the transport, until it is resumed: dispatches answer 409 with code " +
				"queue_draining, and what is there is handled.",
			example:      `{"queue":"mail"}`,
			optionalBody: true, errors: []int{501},
			serve: drain,
		}),
		on(wire.ResumeQueue, route{
			tag: "Flow control", scope: auth.ScopeOperate, audit: "queue.resume",
			summary:      "End a pause or a drain",
			example:      `{"queue":"mail"}`,
			optionalBody: true, errors: []int{404, 501},
			serve: resume,
		}),
		on(wire.ListHolds, route{
			tag: "Flow control", scope: auth.ScopeRead,
			summary: "List what is paused or draining",
			query:   []parameter{ofTransport},
			errors:  []int{501},
			serve:   holds,
		}),
		on(wire.ListLimits, route{
			tag: "Flow control", scope: auth.ScopeRead,
			summary: "List the limits that are configured and set, with their use",
			doc:     "Of the storage of the transport; running and waiting are the messages of all nodes.",
			query:   []parameter{ofTransport},
			errors:  []int{501},
			serve:   listLimits,
		}),
		on(wire.SetTypeLimit, route{
			tag: "Flow control", scope: auth.ScopeOperate, audit: "limit.set",
			summary: "Set the limit of the messages of some types",
			doc:     setLimitDoc,
			query:   []parameter{ofTransport},
			example: `{"rate":"100/s","burst":10}`, errors: []int{409, 501},
			serve: setLimit("type"),
		}),
		on(wire.DeleteTypeLimit, route{
			tag: "Flow control", scope: auth.ScopeOperate, audit: "limit.delete",
			summary: "Go back to the configured limit of the messages of some types",
			query:   []parameter{ofTransport},
			errors:  []int{404, 501},
			serve:   deleteLimit("type"),
		}),
		on(wire.SetQueueLimit, route{
			tag: "Flow control", scope: auth.ScopeOperate, audit: "limit.set",
			summary: "Set the limit of a queue",
			doc:     setLimitDoc,
			query:   nil,
			example: `{"concurrency":5}`, errors: []int{409, 501},
			serve: setLimit("queue"),
		}),
		on(wire.DeleteQueueLimit, route{
			tag: "Flow control", scope: auth.ScopeOperate, audit: "limit.delete",
			summary: "Go back to the configured limit of a queue",
			query:   nil,
			errors:  []int{404, 501},
			serve:   deleteLimit("queue"),
		}),
		on(wire.SetKeyLimit, route{
			tag: "Flow control", scope: auth.ScopeOperate, audit: "limit.set",
			summary: "Set the limit of the messages with a concurrency key",
			doc:     setLimitDoc,
			query:   []parameter{ofTransport, {name: "type", doc: "Only messages whose types match this pattern."}},
			example: `{"concurrency":2}`, errors: []int{409, 501},
			serve: setLimit("key"),
		}),
		on(wire.DeleteKeyLimit, route{
			tag: "Flow control", scope: auth.ScopeOperate, audit: "limit.delete",
			summary: "Go back to the configured limit of the messages with a concurrency key",
			query:   []parameter{ofTransport, {name: "type", doc: "Only messages whose types match this pattern."}},
			errors:  []int{404, 501},
			serve:   deleteLimit("key"),
		}),
		on(wire.PurgeQueue, route{
			tag: "Flow control", scope: auth.ScopeAdmin, audit: "queue.purge",
			summary: "Delete waiting messages",
			doc: "Also those scheduled for later or waiting for a retry. Those in workers' hands and the dead " +
				"letter queue are left alone.",
			example: `{"queue":"mail","confirm":"mail"}`,
			errors:  []int{501},
			serve:   purge,
		}),
	}
}

func schedulesRoutes() []route {
	return []route{
		on(wire.ListSchedules, route{
			tag: "Schedules", scope: auth.ScopeRead,
			summary: "List schedules, newest first",
			query: []parameter{{name: "name"}, {name: "type", doc: "Of the message."},
				{name: "state", oneOf: texts(schedule.Active, schedule.Disabled, schedule.Completed)},
				{name: "source", oneOf: texts(schedule.SourceAPI, schedule.SourceConfig)},
				{name: "next", kind: "integer", high: wire.MaxListedNext,
					doc: "How many of the next occurrences of each to tell. Default: none."},
				limited(schedule.MaxPage, schedule.DefaultPage), nextPage},
			errors: []int{501},
			serve:  scheduled(schedulesList),
		}),
		on(wire.CreateSchedule, route{
			tag: "Schedules", scope: auth.ScopeOperate, audit: "schedule.create", status: http.StatusCreated,
			summary: "Make a schedule",
			doc: "Once (at), by a cron expression, or at an interval. Each occurrence makes one message, " +
				"however many nodes there are.",
			example: `{"name":"daily-report","cron":"0 9 * * *","timezone":"Europe/Berlin",
				"message":{"type":"Report","payload":{}}}`,
			errors: []int{409, 501},
			serve:  scheduled(schedulesCreate),
		}),
		on(wire.PreviewSchedule, route{
			tag: "Schedules", scope: auth.ScopeOperate, audit: traffic,
			summary: "Tell when a schedule would fire",
			doc:     "Nothing is stored, and no message is needed.",
			example: `{"cron":"0 9 * * *","timezone":"Europe/Berlin","next":3}`,
			errors:  []int{501},
			serve:   scheduled(schedulesPreview),
		}),
		on(wire.GetSchedule, route{
			tag: "Schedules", scope: auth.ScopeRead,
			summary: "Show a schedule",
			query: []parameter{{name: "next", kind: "integer", high: scheduler.MaxPreview,
				doc: "How many of its next occurrences to tell. Default: none."}},
			errors: []int{404, 501},
			serve:  scheduled(schedulesShow),
		}),
		on(wire.UpdateSchedule, route{
			tag: "Schedules", scope: auth.ScopeOperate, audit: "schedule.change",
			summary: "Change a schedule",
			doc: "What is given replaces what is there, null takes it away; message and options are merged " +
				"member by member.",
			example: `{"options":{"priority":7},"maxRuns":null}`,
			errors:  []int{404, 409, 501},
			serve:   scheduled(schedulesChange),
		}),
		on(wire.DeleteSchedule, route{
			tag: "Schedules", scope: auth.ScopeOperate, audit: "schedule.delete",
			summary: "Delete a schedule with its history",
			errors:  []int{404, 501},
			serve:   scheduled(schedulesDelete),
		}),
		on(wire.EnableSchedule, route{
			tag: "Schedules", scope: auth.ScopeOperate, audit: "schedule.enable",
			summary: "Switch a schedule on",
			errors:  []int{404, 409, 501},
			serve:   scheduled(schedulesEnable),
		}),
		on(wire.DisableSchedule, route{
			tag: "Schedules", scope: auth.ScopeOperate, audit: "schedule.disable",
			summary: "Switch a schedule off",
			doc:     "Its occurrences do not happen until it is switched on again.",
			errors:  []int{404, 409, 501},
			serve:   scheduled(schedulesDisable),
		}),
		on(wire.SkipSchedule, route{
			tag: "Schedules", scope: auth.ScopeOperate, audit: "schedule.skip", optionalBody: true,
			example: `{}`,
			summary: "Leave its next occurrence out",
			doc: "Also one that is due and cannot be fired. It counts for no limit, and is in the history as " +
				"skipped. With an occurrence that is not the next one any more nothing is done, and the answer is 409 conflict.",
			errors: []int{404, 409, 501},
			serve:  scheduled(schedulesSkip),
		}),
		on(wire.RunSchedule, route{
			tag: "Schedules", scope: auth.ScopeOperate, audit: "schedule.run",
			summary: "Dispatch its message now",
			doc:     "Whether it is enabled or not. This moves no occurrence and counts for no limit.",
			errors:  []int{404, 409, 501},
			serve:   scheduled(schedulesRun),
		}),
		on(wire.ListScheduleRuns, route{
			tag: "Schedules", scope: auth.ScopeRead,
			summary: "The history of a schedule, newest first",
			query:   []parameter{limited(schedule.MaxPage, schedule.DefaultPage), nextPage},
			errors:  []int{404, 501},
			serve:   scheduled(schedulesRuns),
		}),
		on(wire.RunCronScheduler, route{
			tag: "Schedules", methods: both, access: cronAccess, audit: traffic,
			summary: "Fire the schedules that are due",
			doc:     "For schedulers that call a URL. No process needs to run all the time.",
			errors:  []int{501},
			serve:   untilDraining(scheduled(cronScheduler)),
		}),
	}
}

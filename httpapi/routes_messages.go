package httpapi

import (
	"fmt"
	"net/http"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/httpapi/archive"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/operation"
)

// messageParameters select and order messages, in lists and exports.
func messageParameters(order string) []parameter {
	return append(filterParameters(false), parameter{name: "sort", oneOf: []string{"createdAt", "-createdAt"},
		doc: "createdAt has the oldest first, -createdAt the newest. Default " + order + "."})
}

// exportFormat chooses one of exportTypes.
var (
	exportFormat = parameter{name: "format", oneOf: texts(archive.JSONL, archive.CSV), doc: "Default jsonl."}
	exportTypes  = []string{"application/x-ndjson", "text/csv"}
)

func dispatchRoutes() []route {
	return []route{
		on(wire.DispatchMessage, route{
			tag: "Dispatch", scope: auth.ScopeDispatch, own: ownOpen, binding: true,
			audit: traffic, status: http.StatusCreated,
			summary: "Dispatch a message",
			doc: "The answer 201 means that the message is stored durably. With an idempotency key that is " +
				"known, the answer is 200 with the first message; if its type or payload differ, 409.",
			example: `{"message":{"type":"EmailMessage","payload":{"to":"user@example.com"}},"options":{"priority":7}}`,
			also:    map[int]any{200: wire.DispatchResponse{}}, errors: []int{409},
			serve: dispatch,
		}),
		on(wire.DispatchMessages, route{
			tag: "Dispatch", scope: auth.ScopeDispatch, own: ownOpen, binding: true,
			audit: traffic, status: http.StatusCreated,
			summary: fmt.Sprintf("Dispatch up to %d messages, all or nothing", symphony.MaxBatch),
			doc: "Results stand in the order given. A problem names its message in its path, as in " +
				"messages[1].message.type.",
			example: `{"messages":[{"message":{"type":"EmailMessage","payload":{"to":"user@example.com"}}}]}`,
			errors:  []int{409},
			body:    longBody,
			serve:   dispatchBatch,
		}),
	}
}

func messagesRoutes() []route {
	return []route{
		on(wire.ListMessages, route{
			tag: "Messages", scope: auth.ScopeRead, own: ownOpen,
			summary: "Search messages",
			doc: fmt.Sprintf("All that wait, are in hand, completed and kept, or failed. One search looks at %d messages "+
				"at most; where fewer than the limit are found among them, hasMore is true and nextCursor goes on.",
				symphony.MaxMessageScan),
			query: append(messageParameters("-createdAt"),
				limited(symphony.MaxMessagePage, symphony.DefaultMessagePage), nextPage),
			errors: []int{501},
			serve:  messagesList,
		}),
		on(wire.FindMessage, route{
			tag: "Messages", scope: auth.ScopeRead, own: ownOpen,
			summary: "Find a message by its id, or by its id in the dead letter queue",
			doc:     "In all transports: which one has it, and in which state.",
			query:   []parameter{{name: "id", doc: "Required."}},
			errors:  []int{404, 501},
			serve:   findMessage,
		}),
		on(wire.CountMessages, route{
			tag: "Messages", scope: auth.ScopeRead, own: ownOpen,
			summary: "Count messages by status",
			doc: fmt.Sprintf("Up to %d are counted exactly where an index or a counter carries the filter. "+
				"Where there may be more, atLeast is true. What waits, is in hand and failed is always exact for a filter of transport, "+
				"queue and status alone.", symphony.MaxCounted),
			query: append(filterParameters(false),
				parameter{name: "exact", kind: "boolean",
					doc: "Count all, where an index or a counter carries the filter."}),
			errors: []int{501},
			serve:  messagesCounts,
		}),
		on(wire.ExportMessages, route{
			tag: "Messages", scope: auth.ScopeRead, own: ownOpen,
			summary: "Export messages",
			doc: "As JSON lines, each a message as a search tells it, or CSV with payload, metadata and headers " +
				"as JSON. As many as there are, as they stand when the export comes to them; what is " +
				"dispatched meanwhile is left out. An export that cannot be completed breaks the connection " +
				"off.",
			query: append(messageParameters("createdAt"), exportFormat, unmaskParameter), mask: wholly,
			streams: exportTypes, errors: []int{501},
			serve: untilDraining(messagesExport),
		}),
		on(wire.ImportMessages, route{
			tag: "Messages", scope: auth.ScopeOperate, audit: "message.import",
			summary: "Import what was exported",
			doc: "Each message is dispatched as a new one, with its type, payload, metadata, headers, queue, " +
				"priority, scheduledAt, expiresAt, keys, correlationId and causationId. It is told from others " +
				"by its idempotency key, or else by the id it was exported with: importing it again within the " +
				"idempotency window makes no second one. Lines with problems are told and left out. The body " +
				"may be of any length.",
			query: []parameter{
				{name: "transport", doc: "Default: the one that each message was exported from."},
				{name: "status", doc: "Which messages to import: all, or some of pending, processing, " +
					"completed, failed, cancelled, with commas between. Default: all but completed and cancelled."},
				{name: "dryRun", kind: "boolean", doc: "Check everything and store nothing."}},
			takes: exportTypes, errors: []int{409, 415},
			serve: untilDraining(messagesImport),
		}),
		on(wire.GetMessage, route{
			tag: "Messages", scope: auth.ScopeRead, own: ownOpen,
			summary: "Show a message with its attempts and timeline",
			doc: "With wait the answer comes when the message has ended, or when that time is over, with whatever " +
				"it is then. Where completed messages are not kept, the end is told for a minute, without bodies.",
			query: []parameter{ofTransports, unmaskParameter,
				{name: "wait", kind: "integer", low: 1, high: wire.MaxWait, doc: "Milliseconds to wait for its end."}},
			errors: []int{404, 429, 501},
			serve:  messagesShow,
		}),
		on(wire.CreateToken, route{
			tag: "Tokens", scope: auth.ScopeDispatch, or: auth.ScopeOperate, own: ownOpen, binding: true,
			audit: "message.token", status: http.StatusCreated,
			summary: "Make a token that shows one message to an end user",
			doc: "Read-only, for this message and for what takes its place when it is retried: status, " +
				"progress, times, and the output where the type has public_output. With the scope dispatch " +
				"alone, of messages that the caller has dispatched, as far as that is known: of users always." +
				" options.token has a dispatch answer one. Nothing is stored for it, and all nodes take it.",
			optionalBody: true, example: `{"ttl":600}`,
			errors: []int{404, 501},
			serve:  createToken,
		}),
		on(wire.GetPublicMessage, route{
			tag: "Tokens", access: openAccess, token: true,
			summary: "Show the message of a token",
			doc:     "It takes the token as Authorization: Bearer smt_…. Pages of every origin may call it.",
			errors:  []int{401, 404, 429, 501, 503},
			serve:   publicShow,
		}),
		on(wire.StreamPublic, route{
			tag: "Tokens", access: openAccess, token: true,
			summary: "Watch the message of a token, as server-sent events",
			doc: fmt.Sprintf("The event message has in its data what the route beside it shows, at first and whenever it "+
				"changes. The answer ends when the message is completed or cancelled, or the token is over; "+
				"who connects again after the last event is answered 204. The token goes in the header, or as"+
				" token in the query, which is logged nowhere. A token has %d streams at most.", tokenStreams),
			query:   []parameter{{name: "token", doc: "smt_…, for EventSource, which sends no headers."}},
			streams: []string{"text/event-stream"}, also: map[int]any{204: nil}, errors: []int{401, 404, 429, 501, 503},
			serve: publicEvents,
		}),
		on(wire.EditMessage, route{
			tag: "Messages", scope: auth.ScopeOperate, audit: "message.edit",
			summary: "Change a pending message",
			doc: "What is given replaces what is there, null takes it away. It is checked as at its dispatch and " +
				"waits on, with the attempts that it has had. One that is not pending answers 409 with code " +
				"message_not_pending.",
			query:   []parameter{ofTransports},
			example: `{"priority":9,"scheduledAt":null}`,
			errors:  []int{404, 409, 501},
			serve:   messagesEdit,
		}),
		on(wire.DeleteMessage, route{
			tag: "Messages", scope: auth.ScopeOperate, own: ownDispatch, audit: "message.delete",
			summary: "Delete a pending message",
			doc: "One that is not pending answers 409 with code message_not_pending. Its idempotency key stays " +
				"known.",
			query:  []parameter{ofTransports},
			errors: []int{404, 409, 501},
			serve:  messagesDelete,
		}),
		on(wire.CancelMessage, route{
			tag: "Messages", scope: auth.ScopeOperate, own: ownDispatch, audit: "message.cancel",
			summary: "Cancel a message, wherever it is",
			doc: "One that waits is cancelled at once, 200, and kept as long as a completed one. One that a worker " +
				"has in hand is 202: the worker is told, nothing that it does with the message counts any more, and " +
				"the message is cancelled when the worker is heard of, or when its lease ends. To cancel it once " +
				"more changes nothing. One that is completed, failed or cancelled answers 409 with code " +
				"message_final.",
			query: []parameter{{name: "transport", doc: "Default: whichever has the message."}}, optionalBody: true,
			example: `{"reason":"ordered twice"}`,
			also:    map[int]any{202: wire.CancelResponse{}}, errors: []int{404, 409, 501},
			serve: messagesCancel,
		}),
		on(wire.RunMessageNow, route{
			tag: "Messages", scope: auth.ScopeOperate, audit: "message.run_now",
			summary: "Drop the delay of a pending message",
			doc: "Be it scheduled or waiting for a retry. One that is ready is left as it is; one that is not " +
				"pending answers 409 with code message_not_pending.",
			query:  []parameter{ofTransports},
			errors: []int{404, 409, 501},
			serve:  messagesRunNow,
		}),
		on(wire.ReplayMessage, route{
			tag: "Messages", scope: auth.ScopeOperate, audit: "message.replay",
			summary: "Dispatch a completed message again",
			doc: "As a new message with the same type, payload, metadata, headers, queue, priority and " +
				"correlationId, and the first one's id as causationId. One that is not completed answers 409 " +
				"with code message_not_completed.",
			query:        []parameter{ofTransports},
			example:      `{"payload":{"to":"right@example.com"}}`,
			optionalBody: true, errors: []int{404, 409, 501},
			serve: messagesReplay,
		}),
		on(wire.ReplayMessages, route{
			tag: "Messages", scope: auth.ScopeOperate, audit: "message.replay_bulk",
			summary: "Dispatch many completed messages again",
			doc: "By ids or by filter, in the background: the answer is an operation, or with dryRun the number " +
				"of messages. Each message is dispatched again exactly once. Messages that are dispatched " +
				"later are left alone.",
			example: `{"filter":{"type":"EmailMessage"},"dryRun":true}`,
			also:    map[int]any{202: wire.OperationResponse{}}, errors: []int{501},
			body:  longBody,
			serve: messagesReplayMany,
		}),
		on(wire.CancelMessages, route{
			tag: "Messages", scope: auth.ScopeOperate, audit: "message.cancel_bulk",
			summary: "Cancel many messages",
			doc: "As one message is cancelled: those that wait, and those that workers have in hand. By ids or by " +
				"filter, in the background: the answer is an operation, or with dryRun the number of messages. " +
				"Messages that are dispatched later are left alone.",
			example: `{"filter":{"type":"EmailMessage"},"reason":"sold out","dryRun":true}`,
			also:    map[int]any{202: wire.OperationResponse{}}, errors: []int{501},
			body:  longBody,
			serve: messagesCancelMany,
		}),
		on(wire.EditMessages, route{
			tag: "Messages", scope: auth.ScopeOperate, audit: "message.edit_bulk",
			summary: "Change many pending messages",
			doc: "As one message is changed, each checked as at its dispatch; those that the change would spoil stay " +
				"as they are. In the background, as many messages are cancelled.",
			example: `{"filter":{"type":"EmailMessage"},"set":{"priority":1,"scheduledAt":null},"dryRun":true}`,
			also:    map[int]any{202: wire.OperationResponse{}}, errors: []int{501},
			body:  longBody,
			serve: messagesEditMany,
		}),
		on(wire.DeleteMessages, route{
			tag: "Messages", scope: auth.ScopeOperate, audit: "message.delete_bulk",
			summary: "Delete many pending messages",
			doc: "In the background, as many messages are cancelled. Nothing is left of them but the audit's entry; " +
				"their idempotency keys stay known.",
			example: `{"filter":{"type":"EmailMessage"},"dryRun":true}`,
			also:    map[int]any{202: wire.OperationResponse{}}, errors: []int{501},
			body:  longBody,
			serve: messagesDeleteMany,
		}),
	}
}

func deadLettersRoutes() []route {
	return []route{
		on(wire.ListFailedMessages, route{
			tag: "Dead letters", scope: auth.ScopeRead, own: ownOpen,
			summary: "List failed messages, newest failure first",
			query: append(filterParameters(true), limited(symphony.MaxMessagePage, symphony.DefaultMessagePage),
				parameter{name: "offset", kind: "integer", doc: "Default 0."},
				parameter{name: "cursor", doc: "nextCursor of the page before; faster than offset in deep lists."}),
			errors: []int{501},
			serve:  failedList,
		}),
		on(wire.ListFailureGroups, route{
			tag: "Dead letters", scope: auth.ScopeRead,
			summary: "List what failed by kinds of failure",
			doc: "Failures are of one group where type, class of the error and its text are the same but for numbers, " +
				"ids, quoted texts, addresses and times. Those that failed last come first. With state or left " +
				"a page may have fewer than asked for, or none, and a cursor: then nothing more was found in as many " +
				"as are looked at for one.",
			query:  append(groupParameters(), limited(symphony.MaxMessagePage, symphony.DefaultMessagePage), nextPage),
			errors: []int{404, 501},
			serve:  failedGroups,
		}),
		on(wire.RetryFailureGroup, route{
			tag: "Dead letters", scope: auth.ScopeOperate, audit: "failed.retry_group",
			summary: "Dispatch the failed messages of a group again",
			doc: "With a patch their payloads are corrected; those that it breaks stay where they are. The answer is " +
				"an operation, or with dryRun the count and three examples.",
			query:        []parameter{ofGroup},
			example:      `{"patch":{"to":"right@example.com"},"rate":50}`,
			optionalBody: true, also: map[int]any{202: wire.OperationResponse{}}, errors: []int{404, 501},
			serve: failedGroupRetry,
		}),
		on(wire.DeleteFailureGroup, route{
			tag: "Dead letters", scope: auth.ScopeOperate, audit: "failed.delete_group",
			summary:      "Delete the failed messages of a group",
			doc:          "The answer is an operation, or with dryRun the count. The group itself is remembered for a while.",
			query:        []parameter{ofGroup},
			example:      `{"dryRun":true}`,
			optionalBody: true, also: map[int]any{202: wire.OperationResponse{}}, errors: []int{404, 501},
			serve: failedGroupDelete,
		}),
		on(wire.IgnoreFailureGroup, route{
			tag: "Dead letters", scope: auth.ScopeOperate, audit: "failed.ignore_group",
			summary: "Ignore a group of failures",
			doc: "Until a time, until it has failed so often, or until somebody says otherwise. Its dead letters " +
				"stay where they are, and what fails is still counted.",
			query:        []parameter{ofGroup},
			example:      `{"count":100,"note":"the partner's API is down"}`,
			optionalBody: true, errors: []int{404, 501},
			serve: failedGroupIgnore,
		}),
		on(wire.ResolveFailureGroup, route{
			tag: "Dead letters", scope: auth.ScopeOperate, audit: "failed.resolve_group",
			summary: "Say that the cause of a group of failures is removed",
			doc: "Its dead letters stay where they are. When it fails again, it is open and regressed, and the alert " +
				"regression fires.",
			query:        []parameter{ofGroup},
			example:      `{"note":"fixed in 1.4.2"}`,
			optionalBody: true, errors: []int{404, 501},
			serve: failedGroupResolve,
		}),
		on(wire.GetFailedMessage, route{
			tag: "Dead letters", scope: auth.ScopeRead, own: ownOpen,
			summary: "Show a failed message",
			query:   []parameter{ofTransports, unmaskParameter},
			errors:  []int{404, 501},
			serve:   failedShow,
		}),
		on(wire.RetryFailedMessage, route{
			tag: "Dead letters", scope: auth.ScopeConsume, own: ownDispatch, binding: true, audit: "failed.retry",
			summary: "Dispatch a failed message again",
			doc: "In one transaction the failed message leaves the queue and a new one takes its place, with a " +
				"fresh retry budget.",
			query:        []parameter{ofTransports},
			example:      `{"payload":{"to":"right@example.com"}}`,
			optionalBody: true, errors: []int{404, 501},
			serve: failedRetry,
		}),
		on(wire.DeleteFailedMessage, route{
			tag: "Dead letters", scope: auth.ScopeConsume, own: ownDispatch, binding: true, audit: "failed.delete",
			summary: "Delete a failed message",
			query:   []parameter{ofTransports},
			errors:  []int{404, 501},
			serve:   failedDelete,
		}),
		on(wire.RetryFailedMessages, route{
			tag: "Dead letters", scope: auth.ScopeOperate, audit: "failed.retry_bulk",
			summary: "Dispatch many failed messages again",
			doc: fmt.Sprintf("By ids or by filter. Messages that fail while the call runs are left alone. With "+
				"background, with a rate, and where more than %d are selected, the answer is 202 and an operation; "+
				"with dryRun it is the number of messages, and with a patch three examples.", wire.MaxAtOnce),
			example: `{"filter":{"type":"EmailMessage"}}`,
			also:    map[int]any{202: wire.OperationResponse{}}, errors: []int{501},
			body:  longBody,
			serve: lasting(failedRetryBulk),
		}),
		on(wire.DeleteFailedMessages, route{
			tag: "Dead letters", scope: auth.ScopeOperate, audit: "failed.delete_bulk",
			summary: "Delete many failed messages",
			doc:     "As many failed messages are retried.",
			example: `{"filter":{"type":"EmailMessage","until":"2026-01-01T00:00:00Z"}}`,
			also:    map[int]any{202: wire.OperationResponse{}}, errors: []int{501},
			body:  longBody,
			serve: lasting(failedDeleteBulk),
		}),
		on(wire.ExportFailedMessages, route{
			tag: "Dead letters", scope: auth.ScopeRead, own: ownOpen,
			summary: "Export failed messages, newest failure first",
			doc:     "As messages are exported.",
			query:   append(filterParameters(true), exportFormat, unmaskParameter), mask: wholly,
			streams: exportTypes, errors: []int{501},
			serve: untilDraining(failedExport),
		}),
	}
}

func operationsRoutes() []route {
	return []route{
		on(wire.ListOperations, route{
			tag: "Operations", scope: auth.ScopeRead,
			summary: "List work in the background, newest first",
			query: []parameter{
				{name: "state", doc: "Default: all.",
					oneOf: texts(operation.Running, operation.Stopped, operation.Completed, operation.Failed)},
				limited(operation.MaxPage, operation.DefaultPage), nextPage},
			errors: []int{501},
			serve:  operations(operationsList),
		}),
		on(wire.GetOperation, route{
			tag: "Operations", scope: auth.ScopeRead,
			summary: "Show the progress of an operation",
			doc:     "One that has ended is remembered for a week.",
			errors:  []int{404, 501},
			serve:   operations(operationsShow),
		}),
		on(wire.StopOperation, route{
			tag: "Operations", scope: auth.ScopeOperate, audit: "operation.stop",
			summary: "Stop an operation",
			doc: "After the answer nothing more is begun. Of messages that are cancelled, edited or deleted, some that " +
				"were begun by then may still be done, and are counted. What was done stays done. One that has ended " +
				"answers 409 with code operation_ended.",
			errors: []int{404, 409, 501},
			serve:  operations(operationsStop),
		}),
		on(wire.ResumeOperation, route{
			tag: "Operations", scope: auth.ScopeOperate, audit: "operation.resume",
			summary: "Go on with an operation that was stopped or has failed",
			doc:     "From where it was. One that is completed answers 409 with code operation_ended.",
			errors:  []int{404, 409, 501},
			serve:   operations(operationsResume),
		}),
	}
}

package httpapi

import (
	"fmt"
	"net/http"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/operation"
)

// messageParameters select and order messages, in lists and exports.
func messageParameters(transport parameter, order string) []parameter {
	return []parameter{transport,
		{name: "status", kind: "string", doc: "pending, processing, completed or failed. Default: all."},
		{name: "queue", kind: "string"}, {name: "type", kind: "string", doc: "Exact."},
		{name: "priority", kind: "integer", doc: fmt.Sprintf("%d to %d.", symphony.MinPriority, symphony.MaxPriority)},
		{name: "q", kind: "string", doc: "Text in type, payload, metadata or headers, as they are stored; the case of ASCII letters is ignored, every other character is literal."},
		{name: "since", kind: "string", format: "date-time", doc: "Dispatched at or after."},
		{name: "until", kind: "string", format: "date-time", doc: "Dispatched before."},
		{name: "sort", kind: "string", doc: "createdAt (oldest first) or -createdAt (newest first). Default " + order + "."},
	}
}

// exportFormat chooses one of exportTypes.
var (
	exportFormat = parameter{name: "format", kind: "string", doc: "jsonl or csv. Default jsonl."}
	exportTypes  = []string{"application/x-ndjson", "text/csv"}
)

// failedParameters select failed messages, in lists and exports.
func failedParameters(transport parameter) []parameter {
	return []parameter{transport,
		{name: "queue", kind: "string"}, {name: "type", kind: "string"}, {name: "errorClass", kind: "string"},
		{name: "since", kind: "string", format: "date-time", doc: "Failed at or after."}, {name: "until", kind: "string", format: "date-time", doc: "Failed before."},
		{name: "q", kind: "string", doc: "Text in type, payload or error; every character is literal."},
	}
}

// messageRoutes are the routes about messages and operations on them.
func messageRoutes(transport parameter) []route {
	return []route{
		{methods: get, path: "/api/symphony/messages", tag: "Messages", scope: auth.ScopeRead, own: ownOpen, summary: "Search messages",
			doc: fmt.Sprintf("All that wait, are in hand, completed and kept, or failed. One search looks at %d messages at most; where fewer than the limit are found among them, hasMore is true and nextCursor goes on.", symphony.MaxMessageScan),
			query: append(messageParameters(transport, "-createdAt"),
				parameter{name: "limit", kind: "integer", doc: fmt.Sprintf("1 to %d, default %d.", symphony.MaxMessagePage, symphony.DefaultMessagePage)},
				parameter{name: "cursor", kind: "string", doc: "nextCursor of the page before."}),
			answers: map[int]any{200: wire.MessagesResponse{}}, errors: []int{400, 501}, serve: messagesList},
		{methods: get, path: "/api/symphony/messages/export", tag: "Messages", scope: auth.ScopeRead, own: ownOpen, summary: "Export messages",
			doc:   "As JSON lines, each a message as a search tells it, or CSV with payload, metadata and headers as JSON. As many as there are, as they stand when the export comes to them; what is dispatched meanwhile is left out. An export that cannot be completed breaks the connection off.",
			query: append(messageParameters(transport, "createdAt"), exportFormat), streams: exportTypes, errors: []int{400, 501}, serve: untilDraining(messagesExport)},
		{methods: get, path: "/api/symphony/failed/export", tag: "Dead letters", scope: auth.ScopeRead, own: ownOpen, summary: "Export failed messages, newest failure first",
			doc: "As messages are exported.", query: append(failedParameters(transport), exportFormat), streams: exportTypes, errors: []int{400, 501}, serve: untilDraining(failedExport)},
		{methods: post, path: "/api/symphony/messages/import", tag: "Messages", scope: auth.ScopeOperate, summary: "Import what was exported",
			doc: "Each message is dispatched as a new one, with its type, payload, metadata, headers, queue, priority, scheduledAt, expiresAt, keys, correlationId and causationId. It is told from others by its idempotency key, or else by the id it was exported with: importing it again within the idempotency window makes no second one. Lines with problems are told and left out. The body may be of any length.",
			query: []parameter{{name: "transport", kind: "string", doc: "Default: the one that each message was exported from."},
				{name: "status", kind: "string", doc: "Which messages to import: all, or some of pending, processing, completed, failed, with commas between. Default: all but completed."},
				{name: "dryRun", kind: "boolean", doc: "Check everything and store nothing."}},
			takes: exportTypes, answers: map[int]any{200: wire.ImportResponse{}}, errors: []int{400, 409, 415}, audit: "message.import", serve: untilDraining(messagesImport)},
		{methods: get, path: "/api/symphony/messages/{id}", tag: "Messages", scope: auth.ScopeRead, own: ownOpen, summary: "Show a message with its attempts and timeline",
			query: []parameter{transport}, answers: map[int]any{200: wire.MessageResponse{}}, errors: []int{400, 404, 501}, serve: messagesShow},
		{methods: []string{http.MethodDelete}, path: "/api/symphony/messages/{id}", tag: "Messages", scope: auth.ScopeOperate, own: ownDispatch, summary: "Delete a pending message",
			doc:   "One that is not pending answers 409 with code message_not_pending. Its idempotency key stays known.",
			query: []parameter{transport}, answers: map[int]any{200: wire.DoneResponse{}}, errors: []int{400, 404, 409, 501}, audit: "message.cancel", serve: messagesCancel},
		{methods: post, path: "/api/symphony/messages/{id}/run-now", tag: "Messages", scope: auth.ScopeOperate, summary: "Drop the delay of a pending message",
			doc:   "Be it scheduled or waiting for a retry. One that is ready is left as it is; one that is not pending answers 409 with code message_not_pending.",
			query: []parameter{transport}, answers: map[int]any{200: wire.DoneResponse{}}, errors: []int{400, 404, 409, 501}, audit: "message.run_now", serve: messagesRunNow},
		{methods: post, path: "/api/symphony/messages/{id}/replay", tag: "Messages", scope: auth.ScopeOperate, summary: "Dispatch a completed message again",
			doc:   "As a new message with the same type, payload, metadata, headers, queue, priority and correlationId, and the first one's id as causationId. One that is not completed answers 409 with code message_not_completed.",
			query: []parameter{transport}, request: wire.ReplayRequest{}, optionalBody: true, answers: map[int]any{200: wire.ReplayResponse{}},
			errors: []int{400, 404, 409, 413, 415, 501}, audit: "message.replay", serve: messagesReplay},
		{methods: post, path: "/api/symphony/messages/replay", tag: "Messages", scope: auth.ScopeOperate, summary: "Dispatch many completed messages again",
			doc:     "By ids or by filter, in the background: the answer is an operation, or with dryRun the number of messages. Each message is dispatched again exactly once. Messages that are dispatched later are left alone.",
			request: wire.ReplayManyRequest{}, answers: map[int]any{200: wire.PreviewCountResponse{}, 202: wire.OperationResponse{}}, errors: []int{400, 413, 415, 501}, audit: "message.replay_bulk", serve: messagesReplayMany},

		{methods: get, path: "/api/symphony/operations", tag: "Operations", scope: auth.ScopeRead, summary: "List work in the background, newest first",
			query: []parameter{{name: "state", kind: "string", doc: "running, stopped, completed or failed. Default: all."},
				{name: "limit", kind: "integer", doc: fmt.Sprintf("1 to %d, default %d.", operation.MaxPage, operation.DefaultPage)},
				{name: "cursor", kind: "string", doc: "nextCursor of the page before."}},
			answers: map[int]any{200: wire.OperationsResponse{}}, errors: []int{400, 501}, serve: operations(operationsList)},
		{methods: get, path: "/api/symphony/operations/{id}", tag: "Operations", scope: auth.ScopeRead, summary: "Show the progress of an operation",
			doc:     "One that has ended is remembered for a week.",
			answers: map[int]any{200: wire.OperationResponse{}}, errors: []int{404, 501}, serve: operations(operationsShow)},
		{methods: post, path: "/api/symphony/operations/{id}/stop", tag: "Operations", scope: auth.ScopeOperate, summary: "Stop an operation",
			doc:     "With the answer it is at a stand. What was done stays done. One that has ended answers 409 with code operation_ended.",
			answers: map[int]any{200: wire.OperationResponse{}}, errors: []int{404, 409, 501}, audit: "operation.stop", serve: operations(operationsStop)},
		{methods: post, path: "/api/symphony/operations/{id}/resume", tag: "Operations", scope: auth.ScopeOperate, summary: "Go on with an operation that was stopped or has failed",
			doc:     "From where it was. One that is completed answers 409 with code operation_ended.",
			answers: map[int]any{200: wire.OperationResponse{}}, errors: []int{404, 409, 501}, audit: "operation.resume", serve: operations(operationsResume)},
	}
}

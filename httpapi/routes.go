package httpapi

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/audit"
	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// access says how a route's callers are let in.
type access int

const (
	userAccess access = iota // a user or an API key with the route's scope
	cronAccess               // the cron secret
	openAccess               // everybody
)

// parameter is a query parameter.
type parameter struct {
	name, doc, kind string // kind is of JSON Schema: "string", "integer"
	format          string
}

// route is one entry of the table that both registers the routes and makes the OpenAPI document.
type route struct {
	methods []string
	path    string // as http.ServeMux takes it
	summary string
	doc     string
	tag     string
	access  access
	scope   auth.Scope
	own     ownRule // see visibility.go
	query   []parameter
	request any // nil: no body
	// optionalBody says that a request without a body is fine.
	optionalBody bool
	// answers are the successes by status; errors the statuses beside those that every route has.
	answers map[int]any
	errors  []int
	// streams are the media types of a success that is no JSON, takes those of a body that is none.
	streams, takes []string
	serve          func(*call) error
	// audit is the action that the audit trail records, a thing and a verb, or traffic. Every route that changes something
	// has one; see audit.go.
	audit  string
	hidden bool // not in the document
}

var (
	get  = []string{http.MethodGet}
	post = []string{http.MethodPost}
	both = []string{http.MethodGet, http.MethodPost}
)

// table is every route there is.
func (a *API) table() []route {
	transport := parameter{name: "transport", kind: "string", doc: "Default: the default transport."}
	return slices.Concat(messageRoutes(transport), a.monitorRoutes(), []route{
		{methods: post, path: "/api/symphony/dispatch", tag: "Dispatch", scope: auth.ScopeDispatch, own: ownOpen, summary: "Dispatch a message",
			doc:     "The answer 201 means that the message is stored durably. With an idempotency key that is known, the answer is 200 with the first message; if its type or payload differ, 409.",
			request: wire.DispatchRequest{}, answers: map[int]any{201: wire.DispatchResponse{}, 200: wire.DispatchResponse{}}, errors: []int{400, 409, 413, 415}, audit: traffic, serve: dispatch},
		{methods: post, path: "/api/symphony/dispatch/batch", tag: "Dispatch", scope: auth.ScopeDispatch, own: ownOpen, summary: "Dispatch up to 1000 messages, all or nothing",
			doc:     "Results stand in the order given. A problem names its message in its path, as in messages[1].message.type.",
			request: wire.BatchRequest{}, answers: map[int]any{201: wire.BatchResponse{}}, errors: []int{400, 409, 413, 415}, audit: traffic, serve: dispatchBatch},
		{methods: post, path: "/api/symphony/consume", tag: "Workers", scope: auth.ScopeConsume, summary: "Run a worker for this request",
			doc:     "Returns when nothing is ready or a limit is hit. A caller that disconnects ends the run: what is in hand is finished or given back.",
			request: wire.ConsumeRequest{}, optionalBody: true, answers: map[int]any{200: wire.ConsumeResponse{}}, errors: []int{400, 413, 415, 429, 501}, audit: traffic, serve: untilDraining(consume)},
		{methods: post, path: "/api/symphony/receive", tag: "Pull workers", scope: auth.ScopeConsume, summary: "Claim messages",
			doc:     "Each message is leased to the caller, who acks or nacks it by its receipt before the lease ends, or extends that. With nothing ready the call waits as long as asked for. Messages of a caller that is gone before it has its answer go back to their queues at once.",
			request: wire.ReceiveRequest{}, optionalBody: true, answers: map[int]any{200: wire.ReceiveResponse{}}, errors: []int{400, 413, 415, 429, 501}, audit: traffic, serve: receive},
		{methods: post, path: "/api/symphony/ack", tag: "Pull workers", scope: auth.ScopeConsume, summary: "Complete messages that were handled",
			doc:     "Where leases were lost the answer is 409 with code lease_lost and names them; the others are acked all the same. A receipt of another installation or version is named likewise, with code foreign_receipt.",
			request: wire.AckRequest{}, answers: map[int]any{200: wire.ReceiptsResponse{}}, errors: []int{400, 409, 413, 415}, audit: traffic, serve: ack},
		{methods: post, path: "/api/symphony/nack", tag: "Pull workers", scope: auth.ScopeConsume, summary: "Report a failure, or give a message back",
			doc:     "The message is retried or fails by the retry policy of its type, as with the server's own workers.",
			request: wire.NackRequest{}, answers: map[int]any{200: wire.NackResponse{}}, errors: []int{400, 409, 413, 415}, audit: traffic, serve: nack},
		{methods: post, path: "/api/symphony/extend", tag: "Pull workers", scope: auth.ScopeConsume, summary: "Keep messages for longer",
			doc:     "Where leases were lost the answer is 409 with code lease_lost and names them; the others are extended all the same. A receipt of another installation or version is named likewise, with code foreign_receipt.",
			request: wire.ExtendRequest{}, answers: map[int]any{200: wire.ReceiptsResponse{}}, errors: []int{400, 409, 413, 415}, audit: traffic, serve: extend},
		{methods: post, path: "/api/symphony/pause", tag: "Flow control", scope: auth.ScopeOperate, summary: "Hand no messages to workers",
			doc:     "Of a queue, of types, or of the transport, until it is resumed. Messages are accepted meanwhile, and those in workers' hands are finished.",
			request: wire.HoldRequest{}, optionalBody: true, answers: map[int]any{200: wire.HoldsResponse{}}, errors: []int{400, 413, 415, 501}, audit: "queue.pause", serve: pause},
		{methods: post, path: "/api/symphony/drain", tag: "Flow control", scope: auth.ScopeOperate, summary: "Accept no messages",
			doc:     "Of a queue or of the transport, until it is resumed: dispatches answer 409 with code queue_draining, and what is there is handled.",
			request: wire.HoldRequest{}, optionalBody: true, answers: map[int]any{200: wire.HoldsResponse{}}, errors: []int{400, 413, 415, 501}, audit: "queue.drain", serve: drain},
		{methods: post, path: "/api/symphony/resume", tag: "Flow control", scope: auth.ScopeOperate, summary: "End a pause or a drain",
			request: wire.HoldTarget{}, optionalBody: true, answers: map[int]any{200: wire.HoldsResponse{}}, errors: []int{400, 404, 413, 415, 501}, audit: "queue.resume", serve: resume},
		{methods: get, path: "/api/symphony/holds", tag: "Flow control", scope: auth.ScopeRead, summary: "List what is paused or draining",
			query: []parameter{transport}, answers: map[int]any{200: wire.HoldsResponse{}}, errors: []int{400, 501}, serve: holds},
		{methods: post, path: "/api/symphony/purge", tag: "Flow control", scope: auth.ScopeAdmin, summary: "Delete waiting messages",
			doc:     "Also those scheduled for later or waiting for a retry. Those in workers' hands and the dead letter queue are left alone.",
			request: wire.PurgeRequest{}, answers: map[int]any{200: wire.PurgeResponse{}}, errors: []int{400, 413, 415, 501}, audit: "queue.purge", serve: purge},
		{methods: post, path: "/api/symphony/workers/stop", tag: "Workers", scope: auth.ScopeOperate, summary: "Stop all workers",
			doc:     "Those of all processes that use the storage end gracefully, within about a second. Workers that are started later are not concerned; these come back by workers/start, or when their processes are restarted.",
			answers: map[int]any{200: wire.DoneResponse{}}, errors: []int{501}, audit: "workers.stop", serve: stopWorkers},
		{methods: post, path: "/api/symphony/workers/start", tag: "Workers", scope: auth.ScopeOperate, summary: "Start workers that were stopped by request",
			doc:     "Servers whose workers were stopped by workers/stop start new ones within about a second. Processes that ended with their workers are for their supervisors to start.",
			answers: map[int]any{200: wire.DoneResponse{}}, errors: []int{501}, audit: "workers.start", serve: startWorkers},
		{methods: get, path: "/api/symphony/status", tag: "Status", scope: auth.ScopeRead, own: ownOpen, summary: "Count messages", query: []parameter{transport},
			doc: "Its cost does not depend on how many messages there are.", answers: map[int]any{200: wire.StatusResponse{}}, errors: []int{400}, serve: status},

		{methods: get, path: "/api/symphony/failed", tag: "Dead letters", scope: auth.ScopeRead, own: ownOpen, summary: "List failed messages, newest failure first",
			query: []parameter{transport,
				{name: "limit", kind: "integer", doc: "1 to 200, default 50."}, {name: "offset", kind: "integer", doc: "Default 0."},
				{name: "cursor", kind: "string", doc: "nextCursor of the page before; faster than offset in deep lists."},
				{name: "queue", kind: "string"}, {name: "type", kind: "string"}, {name: "errorClass", kind: "string"},
				{name: "since", kind: "string", format: "date-time", doc: "Failed at or after."}, {name: "until", kind: "string", format: "date-time", doc: "Failed before."},
				{name: "q", kind: "string", doc: "Text in type, payload or error; every character is literal."}},
			answers: map[int]any{200: wire.FailedListResponse{}}, errors: []int{400, 501}, serve: failedList},
		{methods: get, path: "/api/symphony/failed/{id}", tag: "Dead letters", scope: auth.ScopeRead, own: ownOpen, summary: "Show a failed message", query: []parameter{transport},
			answers: map[int]any{200: wire.FailedResponse{}}, errors: []int{400, 404, 501}, serve: failedShow},
		{methods: post, path: "/api/symphony/failed/{id}/retry", tag: "Dead letters", scope: auth.ScopeConsume, own: ownDispatch, summary: "Dispatch a failed message again",
			doc: "In one transaction the failed message leaves the queue and a new one takes its place, with a fresh retry budget.", query: []parameter{transport},
			request: wire.RetryRequest{}, optionalBody: true, answers: map[int]any{200: wire.RetryResponse{}}, errors: []int{400, 404, 413, 415, 501}, audit: "failed.retry", serve: failedRetry},
		{methods: []string{http.MethodDelete}, path: "/api/symphony/failed/{id}", tag: "Dead letters", scope: auth.ScopeConsume, own: ownDispatch, summary: "Delete a failed message",
			query: []parameter{transport}, answers: map[int]any{200: wire.DoneResponse{}}, errors: []int{400, 404, 501}, audit: "failed.delete", serve: failedDelete},
		{methods: post, path: "/api/symphony/failed/retry", tag: "Dead letters", scope: auth.ScopeOperate, summary: "Dispatch many failed messages again",
			doc:     "By ids or by filter. Messages that fail while the call runs are left alone. With background the answer is 202 and an operation.",
			request: wire.BulkRequest{}, answers: map[int]any{200: wire.BulkResponse{}, 202: wire.OperationResponse{}}, errors: []int{400, 413, 415, 501}, audit: "failed.retry_bulk", serve: lasting(failedRetryBulk)},
		{methods: post, path: "/api/symphony/failed/delete", tag: "Dead letters", scope: auth.ScopeOperate, summary: "Delete many failed messages",
			doc:     "As many failed messages are retried.",
			request: wire.BulkRequest{}, answers: map[int]any{200: wire.BulkResponse{}, 202: wire.OperationResponse{}}, errors: []int{400, 413, 415, 501}, audit: "failed.delete_bulk", serve: lasting(failedDeleteBulk)},

		{methods: get, path: "/api/symphony/schedules", tag: "Schedules", scope: auth.ScopeRead, summary: "List schedules, newest first",
			query: []parameter{{name: "name", kind: "string"}, {name: "type", kind: "string", doc: "Of the message."}, {name: "state", kind: "string", doc: "active, disabled or completed."},
				{name: "source", kind: "string", doc: "api or config."}, {name: "limit", kind: "integer", doc: fmt.Sprintf("1 to %d, default %d.", symphony.MaxSchedulePage, symphony.DefaultSchedulePage)},
				{name: "cursor", kind: "string", doc: "nextCursor of the page before."}},
			answers: map[int]any{200: wire.SchedulesResponse{}}, errors: []int{400, 501}, serve: scheduled(schedulesList)},
		{methods: post, path: "/api/symphony/schedules", tag: "Schedules", scope: auth.ScopeOperate, summary: "Make a schedule",
			doc:     "Once (at), by a cron expression, or at an interval. Each occurrence makes one message, however many nodes there are.",
			request: wire.ScheduleRequest{}, answers: map[int]any{201: wire.ScheduleResponse{}}, errors: []int{400, 409, 413, 415, 501}, audit: "schedule.create", serve: scheduled(schedulesCreate)},
		{methods: post, path: "/api/symphony/schedules/preview", tag: "Schedules", scope: auth.ScopeOperate, summary: "Tell when a schedule would fire",
			doc: "Nothing is stored, and no message is needed.", request: wire.PreviewRequest{}, answers: map[int]any{200: wire.PreviewResponse{}}, errors: []int{400, 413, 415, 501}, audit: traffic, serve: scheduled(schedulesPreview)},
		{methods: get, path: "/api/symphony/schedules/{id}", tag: "Schedules", scope: auth.ScopeRead, summary: "Show a schedule",
			query:   []parameter{{name: "next", kind: "integer", doc: "How many of its next occurrences to tell, up to 100."}},
			answers: map[int]any{200: wire.ScheduleResponse{}}, errors: []int{400, 404, 501}, serve: scheduled(schedulesShow)},
		{methods: []string{http.MethodPatch}, path: "/api/symphony/schedules/{id}", tag: "Schedules", scope: auth.ScopeOperate, summary: "Change a schedule",
			doc:     "What is given replaces what is there, null takes it away; message and options are merged member by member.",
			request: wire.ScheduleRequest{}, answers: map[int]any{200: wire.ScheduleResponse{}}, errors: []int{400, 404, 409, 413, 415, 501}, audit: "schedule.change", serve: scheduled(schedulesChange)},
		{methods: []string{http.MethodDelete}, path: "/api/symphony/schedules/{id}", tag: "Schedules", scope: auth.ScopeOperate, summary: "Delete a schedule with its history",
			answers: map[int]any{200: wire.DoneResponse{}}, errors: []int{404, 501}, audit: "schedule.delete", serve: scheduled(schedulesDelete)},
		{methods: post, path: "/api/symphony/schedules/{id}/enable", tag: "Schedules", scope: auth.ScopeOperate, summary: "Switch a schedule on",
			answers: map[int]any{200: wire.ScheduleResponse{}}, errors: []int{400, 404, 409, 501}, audit: "schedule.enable", serve: scheduled(schedulesEnable)},
		{methods: post, path: "/api/symphony/schedules/{id}/disable", tag: "Schedules", scope: auth.ScopeOperate, summary: "Switch a schedule off",
			doc: "Its occurrences do not happen until it is switched on again.", answers: map[int]any{200: wire.ScheduleResponse{}}, errors: []int{400, 404, 409, 501}, audit: "schedule.disable", serve: scheduled(schedulesDisable)},
		{methods: post, path: "/api/symphony/schedules/{id}/run", tag: "Schedules", scope: auth.ScopeOperate, summary: "Dispatch its message now",
			doc: "Whether it is enabled or not. This moves no occurrence and counts for no limit.", answers: map[int]any{200: wire.ScheduleRunResponse{}}, errors: []int{400, 404, 409, 501}, audit: "schedule.run", serve: scheduled(schedulesRun)},
		{methods: get, path: "/api/symphony/schedules/{id}/runs", tag: "Schedules", scope: auth.ScopeRead, summary: "The history of a schedule, newest first",
			query:   []parameter{{name: "limit", kind: "integer"}, {name: "cursor", kind: "string", doc: "nextCursor of the page before."}},
			answers: map[int]any{200: wire.ScheduleRunsResponse{}}, errors: []int{400, 404, 501}, serve: scheduled(schedulesRuns)},

		{methods: get, path: "/api/symphony/keys", tag: "API keys", scope: auth.ScopeAdmin, summary: "List API keys",
			answers: map[int]any{200: wire.KeysResponse{}}, errors: []int{501}, serve: keysList},
		{methods: post, path: "/api/symphony/keys", tag: "API keys", scope: auth.ScopeAdmin, summary: "Make an API key",
			doc:     "The answer holds the key itself, which is not stored and cannot be had again.",
			request: wire.CreateKeyRequest{}, answers: map[int]any{201: wire.CreateKeyResponse{}}, errors: []int{400, 413, 415, 501}, audit: "key.create", serve: keysCreate},
		{methods: []string{http.MethodDelete}, path: "/api/symphony/keys/{id}", tag: "API keys", scope: auth.ScopeAdmin, summary: "Revoke an API key",
			answers: map[int]any{200: wire.DoneResponse{}}, errors: []int{404, 501}, audit: "key.revoke", serve: keysRevoke},

		{methods: get, path: "/api/symphony/audit", tag: "Audit", scope: auth.ScopeAdmin, summary: "Who did what, newest first",
			doc: "What people did: retried, deleted, purged, paused, made keys and schedules, and the like. Dispatching and working on messages is not among it. Nothing is done that could not be recorded before.",
			query: []parameter{{name: "action", kind: "string", doc: "An action such as failed.retry, or those of a pattern such as failed.*."},
				{name: "who", kind: "string", doc: "The id or name of who did it."},
				{name: "since", kind: "string", format: "date-time", doc: "Began at or after."}, {name: "until", kind: "string", format: "date-time", doc: "Began before."},
				{name: "limit", kind: "integer", doc: fmt.Sprintf("1 to %d, default %d.", audit.MaxPage, audit.DefaultPage)},
				{name: "cursor", kind: "string", doc: "nextCursor of the page before."}},
			answers: map[int]any{200: wire.AuditResponse{}}, errors: []int{400, 501}, serve: auditList},

		{methods: get, path: "/api/symphony/events", tag: "Events", scope: auth.ScopeRead, own: ownOpen, summary: "Watch what happens, as server-sent events",
			doc: "For EventSource in browsers, curl -N, and the Go client. Each event has a number as its id; who connects again with the last one as Last-Event-ID misses nothing and gets nothing twice. Events are kept for a day, the newest 10,000: who comes later gets the event reset. " +
				"The data of each is an object of id, type, at and data. The answer ends when the server shuts down, when the caller's token or key expires, and within 15 seconds of the key's being revoked.",
			query: []parameter{{name: "types", kind: "string", doc: "Types, or patterns such as message.*, separated by commas. Default: all."},
				{name: "after", kind: "integer", doc: "Begin behind the event with this number; 0: with the oldest that is kept. Default: with what happens from now on. A Last-Event-ID counts instead."}},
			streams: []string{"text/event-stream"}, errors: []int{400, 429, 501}, serve: events},
		{methods: get, path: "/api/symphony/alerts", tag: "Alerts", scope: auth.ScopeRead, summary: "Show how every rule stands",
			doc: "Each rule for each transport, with its value now.", answers: map[int]any{200: wire.AlertsResponse{}}, errors: []int{501}, serve: alertsList},
		{methods: post, path: "/api/symphony/alerts/test", tag: "Alerts", scope: auth.ScopeAdmin, summary: "Send a test notification to every webhook",
			doc: "Once, and the answer tells what came of it.", answers: map[int]any{200: wire.AlertTestResponse{}}, errors: []int{501}, audit: "alert.test", serve: alertsTest},
		{methods: both, path: "/api/cron/symphony-worker", tag: "Workers", access: cronAccess, summary: "Run the worker with the server's settings",
			doc:     "For schedulers that call a URL. While one run is in progress, a further call answers at once with nothing processed.",
			answers: map[int]any{200: wire.CronResponse{}}, errors: []int{400}, audit: traffic, serve: untilDraining(cronWorker)},

		{methods: both, path: "/api/cron/symphony-scheduler", tag: "Schedules", access: cronAccess, summary: "Fire the schedules that are due",
			doc:     "For schedulers that call a URL. No process needs to run all the time.",
			answers: map[int]any{200: wire.SchedulerResponse{}}, errors: []int{501}, audit: traffic, serve: untilDraining(scheduled(cronScheduler))},

		{methods: get, path: "/healthz", tag: "Health", access: openAccess, summary: "Is the process alive", answers: map[int]any{200: wire.HealthResponse{}}, serve: healthz},
		{methods: get, path: "/readyz", tag: "Health", access: openAccess, summary: "Should the process get requests",
			doc: "503 while storage does not answer, and while the server shuts down.", answers: map[int]any{200: wire.HealthResponse{}}, serve: readyz},
		{methods: get, path: "/openapi.json", access: openAccess, hidden: true, serve: openapiJSON},
		{methods: get, path: "/openapi.yaml", access: openAccess, hidden: true, serve: openapiYAML},
		{methods: get, path: "/docs", access: openAccess, hidden: true, serve: docsRedirect},
		{methods: get, path: "/docs/{file...}", access: openAccess, hidden: true, serve: docs},
	})
}

// checkAudited refuses a table with a route that changes something and does not say what the audit trail has of it.
func checkAudited(routes []route) error {
	for i := range routes {
		rt := &routes[i]
		changes := slices.ContainsFunc(rt.methods, func(m string) bool { return m != http.MethodGet && m != http.MethodHead })
		if changes != (rt.audit != "") {
			return fmt.Errorf("httpapi: route %s %s: needs an action for the audit trail, or to be traffic, exactly if it changes something", rt.methods, rt.path)
		}
	}
	return nil
}

// matches reports whether a path is this route's.
func (rt *route) matches(path string) bool {
	want, got := strings.Split(rt.path, "/"), strings.Split(path, "/")
	for i, w := range want {
		if strings.HasSuffix(w, "...}") {
			return len(got) > i
		}
		if i >= len(got) || w != got[i] && (!strings.HasPrefix(w, "{") || got[i] == "") {
			return false
		}
	}
	return len(want) == len(got)
}

package httpapi

import (
	"fmt"
	"net/http"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/audit"
	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/event"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/metrics"
	"github.com/symphony-messenger/symphony/worker"
)

func statusRoutes() []route {
	return []route{
		on(wire.GetStatus, route{
			tag: "Status", scope: auth.ScopeRead, own: ownOpen,
			summary: "Count messages",
			doc:     "Its cost does not depend on how many messages there are.",
			query:   []parameter{ofTransport},
			serve:   status,
		}),
		on(wire.ListQueues, route{
			tag: "Status", scope: auth.ScopeRead,
			summary: "List the queues, with what they have, what stops them and what limits them",
			doc: "Every queue that has ever had a message, or for which a limit or a hold is set. Its cost does not " +
				"depend on how many messages there are.",
			query: []parameter{ofTransports,
				limited(symphony.MaxMessagePage, symphony.DefaultMessagePage), nextPage},
			serve: queuesList,
		}),
		on(wire.ListTypes, route{
			tag: "Status", scope: auth.ScopeRead,
			summary: "List the types of messages, with their handlers, schemas, holds, limits and figures",
			doc: fmt.Sprintf("Types that were dispatched or handled in the last %d days, and patterns for which "+
				"something is configured or set. What was seen is told by what is counted: where metrics are "+
				"switched off nothing is, and of what one process meets in a minute at most %d types are told apart. "+
				"With counts=true each type, but no pattern, has pending and processing, where transports store "+
				"messages. They are up to %d seconds old. At most %d messages that wait and as many in hand are "+
				"looked at in each storage, some of each queue where there are more: pendingAtLeast or "+
				"processingAtLeast is true then. Of the queues of a type %d on each transport are remembered.",
				int(metrics.SeenFor.Hours()/24), metrics.MaxSeries, int(wire.TypeCountsFor.Seconds()),
				symphony.MaxCounted, metrics.MaxTypeQueues),
			query: []parameter{ofTransports, {name: "type", doc: "A type, or a pattern such as Mail.*. Default: all."},
				{name: "counts", kind: "boolean", doc: "Count the messages of each type that have not ended."},
				limited(symphony.MaxMessagePage, symphony.DefaultMessagePage), nextPage},
			serve: typesList,
		}),
	}
}

func monitoringRoutes() []route {
	return []route{
		on(wire.GetMetrics, route{
			tag: "Monitoring", scope: auth.ScopeRead,
			summary: "Count messages and attempts over time, and how long they took",
			doc:     "Of all nodes, and across restarts. Figures of other nodes are up to ten seconds old.",
			query: []parameter{
				{name: "minutes", kind: "integer", low: 1, high: int(metrics.MaxRetention / time.Minute),
					doc: fmt.Sprintf("The last so many, the current one included. Default %d. Not with startTime or endTime.",
						wire.DefaultMetricsMinutes)},
				{name: "startTime", format: "date-time"}, {name: "endTime", format: "date-time", doc: "Default: now."},
				{name: "step", kind: "integer", low: 1, high: int(metrics.MaxRetention / time.Minute),
					doc: fmt.Sprintf("Minutes between two entries of the series, which has at most %d. Default: 1 for a day, "+
						"else what makes a readable number. Whole hours where the time begins more than %d hours ago.",
						metrics.MaxPoints, int(metrics.DetailRetention.Hours()))},
				{name: "transport", doc: "Default: all."},
				{name: "type", doc: "Default: all. Not with queue or worker."},
				{name: "queue", doc: "Default: all."}, {name: "worker", doc: "Default: all."},
				{name: "groupBy", oneOf: groupings(),
					doc: fmt.Sprintf("Adds at most %d groups, and other for the rest, each with a series of at most %d "+
						"points. By status, what was dispatched, and attempts behind which another one follows, are "+
						"pending. With type, queue or worker it can only be that: figures are kept by each, not by two at "+
						"once.", metrics.MaxGroups, metrics.MaxGroupPoints)},
				{name: "groups", kind: "integer", low: 1, high: metrics.MaxGroups,
					doc: fmt.Sprintf("How many groups are told apart. Default %d.", metrics.MaxGroups)}},
			errors: []int{501},
			serve:  metricsOver,
		}),
		on(wire.GetScale, route{
			tag: "Monitoring", scope: auth.ScopeRead,
			summary: "Tell how many workers a queue needs",
			doc: "For autoscalers. desiredWorkers is averageRunTime * (arrivalRate + retryRate + backlog / drain) " +
				"/ concurrency, rounded up, with times in seconds; at least what the messages in hand take up, and " +
				"at least 1 while there is a backlog. Rates are those of the last five minutes. The run time is that " +
				"of the last hour where nothing ended since.",
			query: []parameter{
				ofTransport,
				{name: "queue", doc: "Default: default."},
				{name: "concurrency", kind: "integer", low: 1, high: worker.MaxConcurrency,
					doc: "How many messages a worker handles at a time. Default: worker.continuous.concurrency."},
				{name: "drain", kind: "integer", low: wire.MinDrain, high: wire.MaxDrain,
					doc: fmt.Sprintf("Within how many milliseconds the backlog is to be handled. Default %d.",
						wire.DefaultDrain)}},
			errors: []int{501},
			serve:  scale,
		}),
		on(wire.GetHealth, route{
			tag: "Monitoring", scope: auth.ScopeRead,
			summary: "Tell whether work flows",
			doc: "200 where it is healthy or degraded, 503 with code unhealthy and the same report as details " +
				"where it is not. Being idle is healthy.",
			errors: []int{501},
			serve:  health,
		}),
		on(wire.ListWorkers, route{
			tag: "Monitoring", scope: auth.ScopeRead,
			summary: "Show the workers and what they have in hand",
			errors:  []int{501},
			serve:   workersShow,
		}),
	}
}

// groupings are the values of groupBy.
func groupings() (list []string) {
	for _, by := range metrics.Groupings() {
		list = append(list, string(by))
	}
	return list
}

func eventsRoutes() []route {
	return []route{
		on(wire.StreamEvents, route{
			tag: "Events", scope: auth.ScopeRead, own: ownOpen,
			summary: "Watch what happens, as server-sent events",
			doc: fmt.Sprintf("For EventSource in browsers, curl -N, and the Go client. Each event has a number as its id; "+
				"who connects again with the last one as Last-Event-ID misses nothing and gets nothing twice. "+
				"Events are kept for %d hours, the newest %d: who comes later gets the event reset. "+
				"The data of each is an object of id, type, at and data. The answer ends when the server shuts "+
				"down, when the caller's token or key expires, and within %d seconds of the key's being "+
				"revoked. With id, queue, type or tag it tells each event of those messages, and nothing else: "+
				"message.dispatched, progress, retrying, completed, failed and cancelled. These are kept nowhere and "+
				"have no number; a stream gets at most %d of them a second, and events.dropped counts the others.",
				int(event.KeepFor.Hours()), event.Keep, int(recheck.Seconds()), event.MaxSingles),
			query: []parameter{
				{name: "types", doc: "Of events, or patterns such as message.*, separated by commas. Default: all."},
				{name: "id", many: true,
					doc: fmt.Sprintf("Each event of these messages, at most %d of them.", wire.MaxEventIDs)},
				{name: "queue", doc: "Each event of the messages of this queue."},
				{name: "type", doc: "Each event of the messages of this type, or pattern such as order.*."},
				{name: "tag", many: true, doc: "Each event of the messages with all of these tags."},
				{name: "transport", doc: "Of this transport alone; with id, queue, type or tag."},
				{name: "after", kind: "integer", doc: "Begin behind the event with this number; 0: with the oldest that is " +
					"kept. Default: with what happens from now on. A Last-Event-ID counts instead."}},
			streams: []string{"text/event-stream"}, errors: []int{429, 501},
			serve: events,
		}),
	}
}

func alertsRoutes() []route {
	return []route{
		on(wire.ListAlerts, route{
			tag: "Alerts", scope: auth.ScopeRead,
			summary: "Show how every rule stands",
			doc:     "Each rule for each transport, with its value now.",
			errors:  []int{501},
			serve:   alertsList,
		}),
		on(wire.TestAlerts, route{
			tag: "Alerts", scope: auth.ScopeAdmin, audit: "alert.test",
			summary: "Send a test notification to every webhook",
			doc:     "Once, and the answer tells what came of it.",
			errors:  []int{501},
			serve:   alertsTest,
		}),
	}
}

func apiKeysRoutes() []route {
	return []route{
		on(wire.ListAPIKeys, route{
			tag: "API keys", scope: auth.ScopeAdmin,
			summary: "List API keys",
			errors:  []int{501},
			serve:   keysList,
		}),
		on(wire.CreateAPIKey, route{
			tag: "API keys", scope: auth.ScopeAdmin, audit: "key.create", status: http.StatusCreated,
			summary: "Make an API key",
			doc:     "The answer holds the key itself, which is not stored and cannot be had again.",
			example: `{"name":"shop","scopes":["dispatch"]}`,
			errors:  []int{501},
			serve:   keysCreate,
		}),
		on(wire.RevokeAPIKey, route{
			tag: "API keys", scope: auth.ScopeAdmin, audit: "key.revoke",
			summary: "Revoke an API key",
			errors:  []int{404, 501},
			serve:   keysRevoke,
		}),
	}
}

func auditRoutes() []route {
	return []route{
		on(wire.ListAuditEntries, route{
			tag: "Audit", scope: auth.ScopeAdmin,
			summary: "Who did what, newest first",
			doc: "What people did: retried, deleted, purged, paused, made keys and schedules, and the like. " +
				"Dispatching and working on messages is not among it. Nothing is done that could not be " +
				"recorded before.",
			query: []parameter{
				{name: "action", doc: "An action such as failed.retry, or those of a pattern such as failed.*."},
				{name: "who", doc: "The id or name of who did it."},
				{name: "target", doc: "What it was done to, or what it made: the id of a message, a schedule or a key, " +
					"the name of a queue or a type, as a whole."},
				{name: "since", format: "date-time", doc: "Began at or after."},
				{name: "until", format: "date-time", doc: "Began before."},
				limited(audit.MaxPage, audit.DefaultPage), nextPage},
			errors: []int{501},
			serve:  auditList,
		}),
	}
}

func configRoutes() []route {
	return []route{
		on(wire.GetConfig, route{
			tag: "Configuration", scope: auth.ScopeAdmin,
			summary: "Show the settings in force, with where each comes from",
			doc:     "Of the process that answers. What is secret is masked.",
			errors:  []int{501},
			serve:   configShow,
		}),
	}
}

func healthRoutes() []route {
	return []route{
		on(wire.GetLiveness, route{
			tag: "Health", access: openAccess,
			summary: "Is the process alive",
			doc:     "200 while it serves at all, whatever storage does.",
			serve:   healthz,
		}),
		on(wire.GetReadiness, route{
			tag: "Health", access: openAccess,
			summary: "Should the process get requests",
			doc:     "503 while storage does not answer, and while the server shuts down.",
			serve:   readyz,
		}),
	}
}

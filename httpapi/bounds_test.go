package httpapi_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/audit"
	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/event"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/handler/dynamic"
	"github.com/symphony-messenger/symphony/httpapi"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/metrics"
	"github.com/symphony-messenger/symphony/monitor"
	"github.com/symphony-messenger/symphony/operation"
	"github.com/symphony-messenger/symphony/schedule"
	"github.com/symphony-messenger/symphony/scheduler"
	"github.com/symphony-messenger/symphony/triage"
	"github.com/symphony-messenger/symphony/worker"
)

func millis(d time.Duration) int { return int(d.Milliseconds()) }

// bound is a number that the API's document tells, and the constant that it is taken from.
type bound struct {
	of     string // a shape or an operation; empty for all
	member string
	what   string // a keyword of JSON Schema, or text for the numbers of a description
	want   []int
}

func bounds() []bound {
	is := func(of, member, what string, want ...int) bound { return bound{of, member, what, want} }
	page := func(operation string, most, def int) []bound {
		return []bound{is(operation, "limit", "maximum", most), is(operation, "limit", "default", def)}
	}
	list := []bound{
		is("", "idempotencyKey", "maxLength", symphony.MaxKeyLength),
		is("", "concurrencyKey", "maxLength", symphony.MaxKeyLength),
		is("", "groupKey", "maxLength", symphony.MaxKeyLength),
		is("", "debounceKey", "maxLength", symphony.MaxKeyLength),
		is("", "throttleKey", "maxLength", symphony.MaxKeyLength),
		is("", "correlationId", "maxLength", symphony.MaxKeyLength),
		is("", "causationId", "maxLength", symphony.MaxKeyLength), is("", "type", "maxLength", symphony.MaxTypeLength),
		is("", "queue", "maxLength", symphony.MaxNameLength), is("", "worker", "maxLength", symphony.MaxNameLength),
		is("", "name", "maxLength", symphony.MaxNameLength),
		is("", "priority", "minimum", symphony.MinPriority), is("", "priority", "maximum", symphony.MaxPriority),
		is("", "priority", "text", symphony.MaxPriority, symphony.DefaultPriority),
		is("", "headers", "text", symphony.MaxHeaders),
		is("", "messages", "maxItems", symphony.MaxBatch), is("Handler", "queues", "maxItems", dynamic.MaxQueues),
		is("ReceiveRequest", "queues", "maxItems", wire.MaxNames),
		is("ConsumeRequest", "queues", "maxItems", wire.MaxNames),
		is("Key", "types", "maxItems", auth.MaxBound), is("Key", "queues", "maxItems", auth.MaxBound),
		is("CreateKeyRequest", "types", "maxItems", auth.MaxBound), is("CreateKeyRequest", "queues", "maxItems", auth.MaxBound),
		is("SessionResponse", "types", "maxItems", auth.MaxBound), is("SessionResponse", "queues", "maxItems", auth.MaxBound),
		is("", "ids", "maxItems", wire.MaxIDs), is("", "ids", "maxItems", operation.MaxIDs),
		is("", "note", "maxLength", triage.MaxNote), is("GroupIgnoreRequest", "count", "maximum", triage.MaxIgnoreCount),
		is("BulkRequest", "background", "text", wire.MaxAtOnce),
		is("retryFailedMessages", "description", "text", wire.MaxAtOnce),
		is("", "rate", "maximum", operation.MaxRate), is("", "receipts", "maxItems", wire.MaxReceipts),
		is("", "batchSize", "maximum", wire.MaxConsumeBatch), is("", "batchSize", "text", wire.DefaultConsumeBatch),
		is("", "maxConcurrency", "maximum", wire.MaxConsumeConcurrency),
		is("", "maxConcurrency", "text", wire.DefaultConsumeConcurrency),
		is("", "timeLimit", "minimum", millis(wire.MinConsumeTime)),
		is("", "timeLimit", "maximum", millis(wire.MaxConsumeTime)),
		is("", "timeLimit", "text", millis(wire.DefaultConsumeTime)),
		is("", "lease", "minimum", millis(symphony.MinLease)), is("", "lease", "maximum", millis(symphony.MaxLease)),
		is("", "lease", "text", millis(symphony.DefaultLease)),
		is("", "max", "maximum", wire.MaxPull),
		is("", "max", "text", wire.DefaultPull),
		is("", "wait", "maximum", millis(wire.MaxPullWait)), is("getMessage", "wait", "maximum", wire.MaxWait),
		is("AckRequest", "items", "maxItems", wire.MaxReceipts),
		is("ExtendRequest", "log", "maxItems", wire.MaxLogLines), is("ExtendRequest", "log", "maxItems",
			symphony.MaxLogLines),
		is("Report", "text", "maxLength", symphony.MaxProgressText),
		is("", "retryAfter", "maximum", millis(symphony.MaxRetryDelay)),
		is("", "reason", "maxLength", flow.MaxHoldText),
		is("", "errorClass", "text", symphony.MaxErrorClass),
		is("NackRequest", "error", "text", symphony.MaxErrorLength>>10),
		is("Error", "details", "text", symphony.MaxProblems), is("", "atWork", "text", worker.MaxAtWork),
		is("", "maxRetries", "maximum", symphony.MaxRetries), is("", "url", "maxLength", symphony.MaxURLLength),
		is("", "retryDelay", "text", millis(symphony.MaxRetryDelay), symphony.MaxRetryDelays),
		is("", "timeout", "minimum", millis(symphony.MinTimeout)),
		is("", "timeout", "maximum", millis(symphony.MaxTimeout)),
		is("", "retention", "maximum", millis(symphony.MaxRetention)),
		is("", "tags", "maxItems", symphony.MaxTags), is("", "tags", "text", symphony.MaxTags, symphony.MaxTagLength),
		is("", "interval", "minimum", millis(schedule.MinInterval)),
		is("PreviewRequest", "next", "maximum", scheduler.MaxPreview),
		is("getSchedule", "next", "maximum", scheduler.MaxPreview),
		is("listSchedules", "next", "maximum", wire.MaxListedNext),
		is("PreviewRequest", "next", "text", wire.DefaultPreview),
		is("MetricsResponse", "startTime", "text", int(metrics.DetailRetention.Hours())),
		is("MetricsResponse", "byMessageType", "text", metrics.MaxSeries),
		is("getMetrics", "minutes", "maximum", int(metrics.MaxRetention.Minutes())),
		is("getMetrics", "minutes", "text", wire.DefaultMetricsMinutes),
		is("getMetrics", "step", "maximum", int(metrics.MaxRetention.Minutes())),
		is("getMetrics", "step", "text", metrics.MaxPoints, int(metrics.DetailRetention.Hours())),
		is("getMetrics", "groupBy", "text", metrics.MaxGroups, metrics.MaxGroupPoints),
		is("getMetrics", "groups", "maximum", metrics.MaxGroups), is("getMetrics", "groups", "text", metrics.MaxGroups),
		is("TypeRetry", "delays", "text", wire.MaxTypeDelays),
		is("TokenRequest", "ttl", "minimum", wire.MinTokenTTL), is("TokenRequest", "ttl", "maximum", wire.MaxTokenTTL),
		is("TokenRequest", "ttl", "text", wire.DefaultTokenTTL),
		is("streamPublicEvents", "description", "text", httpapi.TokenStreams),
		is("HandlerRequest", "concurrency", "maximum", worker.MaxConcurrency),
		is("Handler", "concurrency", "maximum", worker.MaxConcurrency),
		is("HandlerRequest", "queues", "maxItems", dynamic.MaxQueues),
		is("getScale", "concurrency", "maximum", worker.MaxConcurrency),
		is("getScale", "drain", "minimum", wire.MinDrain), is("getScale", "drain", "maximum", wire.MaxDrain),
		is("getScale", "drain", "text", wire.DefaultDrain), is("getScale", "drain", "text", millis(monitor.DefaultDrain)),
		is("listMessages", "description", "text", symphony.MaxMessageScan),
		is("countMessages", "description", "text", symphony.MaxCounted),
		is("listTypes", "description", "text", int(metrics.SeenFor.Hours()/24), metrics.MaxSeries,
			int(wire.TypeCountsFor.Seconds()), symphony.MaxCounted, metrics.MaxTypeQueues),
		is("dispatchMessages", "summary", "text", symphony.MaxBatch),
		is("streamEvents", "description", "text", int(event.KeepFor.Hours()), event.Keep,
			int(httpapi.Recheck.Seconds()), event.MaxSingles),
		is("streamEvents", "id", "text", wire.MaxEventIDs),
		is("startSession", "description", "text", int(auth.SessionTTL.Hours()), auth.MaxSessions),
		is("endSession", "description", "text", int(httpapi.Recheck.Seconds())),
		is("", "email", "maxLength", wire.MaxEmail), is("PasswordRequest", "password", "maxLength", wire.MaxPassword),
	}
	return slices.Concat(list, page("listMessages", symphony.MaxMessagePage, symphony.DefaultMessagePage),
		page("listTypes", symphony.MaxMessagePage, symphony.DefaultMessagePage),
		page("listQueues", symphony.MaxMessagePage, symphony.DefaultMessagePage),
		page("listFailureGroups", symphony.MaxMessagePage, symphony.DefaultMessagePage),
		page("listFailedMessages", symphony.MaxMessagePage, symphony.DefaultMessagePage),
		page("listSchedules", schedule.MaxPage, schedule.DefaultPage),
		page("listScheduleRuns", schedule.MaxPage, schedule.DefaultPage),
		page("listOperations", operation.MaxPage, operation.DefaultPage),
		page("listAuditEntries", audit.MaxPage, audit.DefaultPage))
}

var (
	noBound  = regexp.MustCompile(`RFC \d+|version \d|messages\[1\]|\b[2345]\d\d\b|\b[01]\b`)
	aNumber  = regexp.MustCompile(`\d[\d,]*\d|\d`)
	keywords = []string{"minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "default"}
)

// numbers are those of a text that bound something: not 0 and 1, statuses and versions of standards.
func numbers(text string) (list []int) {
	text = regexp.MustCompile(`(?i)at most 200\b`).ReplaceAllString(text, "at most 0200") // no status
	for _, found := range aNumber.FindAllString(noBound.ReplaceAllString(text, ""), -1) {
		if n, err := strconv.Atoi(strings.ReplaceAll(found, ",", "")); err == nil {
			list = append(list, n)
		}
	}
	return list
}

// The document tells each bound and default as the code has it: in its schemas, and in its sentences.
func TestOpenAPI_tells_the_limits_of_the_code(t *testing.T) {
	all := bounds()
	used := make([]bool, len(all))
	check := func(of, member, what string, got []int) {
		if len(got) == 0 {
			return
		}
		known := false
		for i, b := range all {
			if b.member != member || b.what != what || b.of != "" && b.of != of {
				continue
			}
			known, used[i] = true, true
			if !slices.Equal(got, b.want) {
				t.Errorf("%s.%s: %s is %d, and %d in the code", of, member, what, got, b.want)
			}
		}
		if !known {
			t.Errorf("%s.%s: %s %d: name the constant that it is taken from, in bounds()", of, member, what, got)
		}
	}
	schema := func(of, member string, schema map[string]any, description any) {
		for _, keyword := range keywords {
			if n, err := strconv.Atoi(words(schema[keyword])); err == nil && n > 1 {
				check(of, member, keyword, []int{n})
			}
		}
		text, _ := description.(string)
		check(of, member, "text", numbers(text))
	}
	doc, _ := document(t, newFixture(t, nil))
	for of, s := range doc["components"].(map[string]any)["schemas"].(map[string]any) {
		properties, _ := s.(map[string]any)["properties"].(map[string]any)
		for member, p := range properties {
			p := p.(map[string]any)
			schema(of, member, p, p["description"])
		}
	}
	operations(doc, func(_, _ string, op map[string]any) {
		id := op["operationId"].(string)
		schema(id, "summary", nil, op["summary"])
		schema(id, "description", nil, op["description"])
		list, _ := op["parameters"].([]any)
		for _, p := range list {
			p := p.(map[string]any)
			schema(id, p["name"].(string), p["schema"].(map[string]any), p["description"])
		}
	})
	for i, b := range all {
		if !used[i] && b.want[0] > 1 {
			t.Errorf("the document does not tell %s.%s: %s", b.of, b.member, b.what)
		}
	}
}

// thousands writes a number as the documents do.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// What the pages say of bounds and defaults is what the code has.
func TestPagesTellTheLimitsOfTheCode(t *testing.T) {
	page := func(most, def int) string { return fmt.Sprintf("`limit` (1–%d, %d)", most, def) }
	within := func(low, high, def int) string {
		return fmt.Sprintf("%s–%s ms (%s)", thousands(low), thousands(high), thousands(def))
	}
	pull := fmt.Sprintf("1–%d (%d)", wire.MaxPull, wire.DefaultPull)
	for path, sentences := range map[string][]string{
		"../docs/api.md": {
			"at most " + thousands(symphony.MaxDepth) + " levels", fmt.Sprintf("at most %d MiB (`server.max_body_bytes`), batches and bulk calls %d MiB",
				httpapi.DefaultMaxBodyBytes>>20, httpapi.DefaultMaxBatchBytes>>20), fmt.Sprintf("at most %d KiB", symphony.MaxFilterLength>>10), fmt.Sprintf("once %d MiB of payloads", symphony.MaxPageBytes>>20),
			fmt.Sprintf("up to\n  %d of them", symphony.MaxProblems), "1 to " + thousands(symphony.MaxBatch) + ", all or",
			fmt.Sprintf("`batchSize` 1–%d (%d)", wire.MaxConsumeBatch, wire.DefaultConsumeBatch),
			fmt.Sprintf("`maxConcurrency` 1–%d (%d)", wire.MaxConsumeConcurrency, wire.DefaultConsumeConcurrency),
			"`timeLimit` " + within(millis(wire.MinConsumeTime), millis(wire.MaxConsumeTime), millis(wire.DefaultConsumeTime)),
			"`max` " + pull, "`wait` " + within(0, millis(wire.MaxPullWait), 0),
			page(symphony.MaxMessagePage, symphony.DefaultMessagePage),
		},
		"../docs/audit.md":        {page(audit.MaxPage, audit.DefaultPage), fmt.Sprintf("(%d days)", int(audit.DefaultRetention.Hours()/24))},
		"../docs/messages.md":     {page(symphony.MaxMessagePage, symphony.DefaultMessagePage)},
		"../docs/events.md":       {"up to " + thousands(event.DefaultMaxReaders) + " readers"},
		"../docs/guide.md":        {fmt.Sprintf("at most %d, of any JSON value", symphony.MaxHeaders)},
		"../docs/flow-control.md": {fmt.Sprintf("up to %d messages in line", flow.GroupTurn)},
		"../docs/monitoring.md":   {"at most " + thousands(metrics.MaxPoints) + "."},
		"../docs/pull-workers.md": {fmt.Sprintf("(1–%d, default %d)", wire.MaxPull, wire.DefaultPull), "(0–" + thousands(millis(wire.MaxPullWait))},
	} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, sentence := range sentences {
			if !strings.Contains(string(text), sentence) {
				t.Errorf("%s does not say %q", path, sentence)
			}
		}
	}
}

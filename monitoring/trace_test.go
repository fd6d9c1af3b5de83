package monitoring

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

const (
	callersTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	caller       = "00-" + callersTrace + "-00f067aa0ba902b7"
)

// endpoint is a handler's endpoint that fails the first request, and notes the traces of all.
type endpoint struct {
	*httptest.Server
	mu     sync.Mutex
	traces []string
}

func startEndpoint(t *testing.T) *endpoint {
	t.Helper()
	e := &endpoint{}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		e.mu.Lock()
		defer e.mu.Unlock()
		e.traces = append(e.traces, r.Header.Get("Traceparent")+" "+r.Header.Get("Tracestate"))
		if len(e.traces) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			io.WriteString(w, "secret of the answer")
		}
	}))
	t.Cleanup(e.Close)
	return e
}

const tracedConfig = `
retry: {initial_delay: 50ms}
handlers:
  - type: order.*
    http: {url: %s}
tracing:
  enabled: true
`

// One trace leads from the caller's request through the queue into both attempts and out by HTTP push.
func TestTraceFromRequestToPush(t *testing.T) {
	for name, connect := range map[string]func(c *collector) (config string, env []string){
		"configured, http/protobuf": func(c *collector) (string, []string) {
			return "  endpoint: http://" + c.http + "\n  service_name: shop-queue\n", nil
		},
		"configured, grpc": func(c *collector) (string, []string) {
			return "  endpoint: http://" + c.grpc + "\n  protocol: grpc\n  service_name: shop-queue\n", nil
		},
		"by OpenTelemetry's variables": func(c *collector) (string, []string) {
			return "", []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + c.http, "OTEL_SERVICE_NAME=shop-queue"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, e := startCollector(t), startEndpoint(t)
			config, env := connect(c)
			s := start(t, fmt.Sprintf(tracedConfig, e.URL)+config, append(env, "OTEL_BSP_SCHEDULE_DELAY=100")...)
			var receipt struct{ MessageID string }
			body := s.call(201, "POST", "/api/symphony/dispatch", `{"message":{"type":"order.paid","payload":{"card":"4111-secret"}},"options":{"queue":"mail"}}`,
				"Traceparent", caller+"-01", "Tracestate", "shop=1")
			if err := json.Unmarshal([]byte(body), &receipt); err != nil {
				t.Fatal(err)
			}

			request := c.named("POST /api/symphony/dispatch", 1)[0]
			request.is(t, ptrace.SpanKindServer, caller, false, "http.request.method", "POST", "http.route", "/api/symphony/dispatch", "http.response.status_code", 201)
			if got := request.resource["service.name"]; got != "shop-queue" {
				t.Errorf("service.name = %v", got)
			}
			send := c.named("send order.paid", 1)[0]
			message := []any{"messaging.system", "symphony", "messaging.destination.name", "default/mail", "messaging.message.id", receipt.MessageID, "symphony.message.type", "order.paid"}
			send.is(t, ptrace.SpanKindProducer, request.parent(), false, append(message, "messaging.operation.type", "send", "messaging.operation.name", "send")...)
			attempts := c.named("process order.paid", 2)
			attempts[0].is(t, ptrace.SpanKindConsumer, send.parent(), true, append(message, "messaging.operation.type", "process", "symphony.message.attempt", 1, "symphony.outcome", "retry", "error.type", "http_503")...)
			attempts[1].is(t, ptrace.SpanKindConsumer, send.parent(), false, append(message, "symphony.message.attempt", 2, "symphony.outcome", "ack")...)
			for i, attempt := range attempts {
				if got, want := attempt.TraceState().AsRaw(), "shop=1"; got != want {
					t.Errorf("tracestate %q, want %q", got, want)
				}
				if links := attempt.Links(); links.Len() != 1 || traceparent(links.At(0).TraceID(), links.At(0).SpanID()) != send.parent() {
					t.Errorf("attempt %d has no link to the dispatch", i+1)
				}
				if got, want := e.traces[i], attempt.parent()+"-01 shop=1"; got != want {
					t.Errorf("push %d had the trace %q, want that of its attempt, %q", i+1, got, want)
				}
			}
			for _, secret := range []string{"4111-secret", "secret of the answer", s.key} {
				if c.mentions(secret) {
					t.Errorf("%q is in a span", secret)
				}
			}
		})
	}
}

// A caller's trace goes through the queue just the same when nothing is traced here.
func TestTraceGoesThroughWithTracingOff(t *testing.T) {
	e := startEndpoint(t)
	s := start(t, strings.Replace(fmt.Sprintf(tracedConfig, e.URL), "true", "false", 1))
	s.call(201, "POST", "/api/symphony/dispatch", `{"message":{"type":"order.paid","payload":{}}}`, "Traceparent", caller+"-01", "Tracestate", "shop=1")
	until(t, "both attempts", func() bool { e.mu.Lock(); defer e.mu.Unlock(); return len(e.traces) == 2 })
	for i, got := range e.traces {
		if want := caller + "-01 shop=1"; got != want {
			t.Errorf("push %d had the trace %q, want the caller's, %q", i+1, got, want)
		}
	}
}

func TestTraceOfOtherWays(t *testing.T) {
	c := startCollector(t)
	s := start(t, `
handlers:
  - type: audit.*
    command: {run: [sh, -c, 'test -n "$TRACEPARENT" && printenv TRACEPARENT > trace']}
schedules:
  - {name: nightly, type: audit.run, cron: "0 3 1 1 *"}
worker: {continuous: {queues: [default]}}
tracing: {enabled: true, endpoint: "http://`+c.http+`/"}
`, "OTEL_BSP_SCHEDULE_DELAY=100")

	t.Run("a batch has one span of its dispatch", func(t *testing.T) {
		c.T = t
		c.sink.Reset()
		s.call(201, "POST", "/api/symphony/dispatch/batch", `{"messages":[{"message":{"type":"b","payload":{}},"options":{"queue":"pulled"}},
			{"message":{"type":"b","payload":{}},"options":{"queue":"pulled","headers":{"traceparent":"`+caller+`-01"}}}]}`)
		send := c.named("send b", 1)[0]
		request := c.named("POST /api/symphony/dispatch/batch", 1)[0]
		send.is(t, ptrace.SpanKindProducer, request.parent(), false, "messaging.batch.message_count", 2, "messaging.destination.name", "default/pulled")
		if links := send.Links(); links.Len() != 1 || traceparent(links.At(0).TraceID(), links.At(0).SpanID()) != caller {
			t.Error("no link to the trace that a message brought along")
		}
		// Pull workers find the trace in the message.
		var got struct {
			Messages []struct{ Headers map[string]string }
		}
		if err := json.Unmarshal([]byte(s.call(200, "POST", "/api/symphony/receive", `{"queues":["pulled"],"max":10}`)), &got); err != nil || len(got.Messages) != 2 {
			t.Fatalf("got %+v, %v", got, err)
		}
		for i, want := range []string{send.parent() + "-01", caller + "-01"} {
			if got := got.Messages[i].Headers["traceparent"]; got != want {
				t.Errorf("message %d has the trace %q, want %q", i, got, want)
			}
		}
	})

	t.Run("a dispatch of the command line and a command as handler", func(t *testing.T) {
		c.T = t
		c.sink.Reset()
		s.run("dispatch", "audit.now", "{}")
		send, process := c.named("send audit.now", 1)[0], c.named("process audit.now", 1)[0]
		process.is(t, ptrace.SpanKindConsumer, send.parent(), false)
	})

	t.Run("a message of a schedule", func(t *testing.T) {
		c.T = t
		c.sink.Reset()
		var list struct{ Schedules []struct{ ID string } }
		if err := json.Unmarshal([]byte(s.call(200, "GET", "/api/symphony/schedules", "")), &list); err != nil || len(list.Schedules) != 1 {
			t.Fatalf("got %+v, %v", list, err)
		}
		s.call(200, "POST", "/api/symphony/schedules/"+list.Schedules[0].ID+"/run", "")
		request := c.named("POST /api/symphony/schedules/{id}/run", 1)[0]
		send, process := c.named("send audit.run", 1)[0], c.named("process audit.run", 1)[0]
		send.is(t, ptrace.SpanKindProducer, request.parent(), false)
		process.is(t, ptrace.SpanKindConsumer, send.parent(), false)
	})

	t.Run("what callers invent names no span and breaks no export", func(t *testing.T) {
		c.T = t
		c.sink.Reset()
		s.call(404, "GET", "/invented/%ff%fe", "", "User-Agent", "\xff\xfe", "Traceparent", "nonsense")
		s.call(405, "INVENTED", "/api/symphony/dispatch", "")
		s.call(400, "POST", "/api/symphony/dispatch", `{"message":{"type":"","payload":{}}}`)
		c.named("GET", 1)
		c.named("HTTP", 1)
		c.named("send", 1)[0].is(t, ptrace.SpanKindProducer, c.named("POST /api/symphony/dispatch", 1)[0].parent(), true)
	})
}

// A collector that is away costs nothing but the spans, and is told of once; when it is back, they come.
func TestCollectorThatIsAway(t *testing.T) {
	away := freeAddress(t)
	s := start(t, "tracing: {enabled: true, endpoint: \"http://"+away+"\"}\n", "OTEL_BSP_SCHEDULE_DELAY=20")
	for range 20 {
		s.call(201, "POST", "/api/symphony/dispatch", `{"message":{"type":"demo.a","payload":{}}}`)
	}
	const complaint = "traces cannot be sent"
	until(t, "a line about it", func() bool { return strings.Contains(s.log.String(), complaint) })
	s.stop()
	if n := strings.Count(s.log.String(), complaint); n != 1 || s.cmd.ProcessState.ExitCode() != 0 {
		t.Errorf("told %d times, exit code %d", n, s.cmd.ProcessState.ExitCode())
	}
}

package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Tracing configures package tracing/otlp. What is not set is left to the variables of OpenTelemetry, and is nothing here.
type Tracing struct {
	Enabled     bool
	Endpoint    string
	Protocol    string
	Headers     map[string]string
	SampleRatio *float64
	ServiceName string
}

// The settings as they are written; the Config gets those that were set.
type tracingSection struct {
	headers Secret
	ratio   float64
}

func tracingFields(t *Tracing, s *tracingSection) []*field {
	table := []*field{
		{key: "tracing.enabled", value: boolean{&t.Enabled}, def: "false",
			doc: "Send OpenTelemetry traces of requests, dispatches and attempts to a collector, by OTLP. More in [tracing](tracing.md)."},
		{key: "tracing.endpoint", value: text{p: &t.Endpoint, about: "URL", check: checkURL},
			doc: "The collector. Over HTTP, `/v1/traces` is added unless it ends so. If not set: `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, `OTEL_EXPORTER_OTLP_ENDPOINT`, else http://localhost:4318, with gRPC http://localhost:4317."},
		{key: "tracing.protocol", value: choice{&t.Protocol, []string{"http/protobuf", "grpc"}},
			doc: "How to speak to it. If not set: `OTEL_EXPORTER_OTLP_TRACES_PROTOCOL`, `OTEL_EXPORTER_OTLP_PROTOCOL`, else `http/protobuf`."},
	}
	table = append(table, withFile(&field{key: "tracing.headers", value: secrets{one: &s.headers, check: checkTracingHeaders},
		doc: "Headers of the requests to it, such as a vendor's key: `name=value`, several separated by commas, with values escaped as in a URL. If not set: `OTEL_EXPORTER_OTLP_TRACES_HEADERS`, `OTEL_EXPORTER_OTLP_HEADERS`."})...)
	return append(table,
		&field{key: "tracing.sample_ratio", value: decimal{&s.ratio, 0, 1},
			doc: "The share of the traces that begin here and are recorded. Those that callers have begun are recorded if the caller's part is. If not set: `OTEL_TRACES_SAMPLER`, else 1."},
		&field{key: "tracing.service_name", value: text{p: &t.ServiceName, about: "text"},
			doc: "What the traces call this installation. If not set: `OTEL_SERVICE_NAME`, else `symphony`."})
}

// finishTracing keeps apart what was set from what was not.
func (l *loader) finishTracing() {
	t := &l.config.Tracing
	if l.placeOf("tracing.sample_ratio").level > byDefault {
		t.SampleRatio = &l.tracing.ratio
	}
	if l.tracing.headers != "" {
		t.Headers, _ = parseTracingHeaders(string(l.tracing.headers)) // was checked when it was set
	}
}

func checkTracingHeaders(s string) error {
	_, err := parseTracingHeaders(s)
	return err
}

// parseTracingHeaders reads headers in the form of OTEL_EXPORTER_OTLP_HEADERS. Its error repeats no value.
func parseTracingHeaders(s string) (map[string]string, error) {
	headers := make(map[string]string)
	for i, pair := range slices.Collect(strings.SplitSeq(s, ",")) {
		name, value, ok := strings.Cut(pair, "=")
		name = strings.TrimSpace(name)
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if !ok || err != nil || checkHeaders(map[string]string{name: value}) != nil {
			return nil, fmt.Errorf("must be name=value, several separated by commas; entry %d is not", i+1)
		}
		headers[name] = value
	}
	return headers, nil
}

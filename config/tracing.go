package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Tracing configures package tracing/otlp. What is not set is left to the variables of OpenTelemetry, and is nothing here.
type Tracing struct {
	// Send OpenTelemetry traces of requests, dispatches and attempts to a collector, by OTLP. More in
	// [tracing](tracing.md).
	Enabled bool `key:"enabled" default:"false"`
	// The collector. Over HTTP, `/v1/traces` is added unless it ends so. If not set:
	// `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, `OTEL_EXPORTER_OTLP_ENDPOINT`, else http://localhost:4318, with gRPC
	// http://localhost:4317.
	Endpoint string `key:"endpoint" about:"URL" check:"URL"`
	// How to speak to it. If not set: `OTEL_EXPORTER_OTLP_TRACES_PROTOCOL`, `OTEL_EXPORTER_OTLP_PROTOCOL`, else
	// `http/protobuf`.
	Protocol string `key:"protocol" of:"http/protobuf,grpc"`
	// Headers of the requests to it, such as a vendor's key: `name=value`, several separated by commas, with values
	// escaped as in a URL. If not set: `OTEL_EXPORTER_OTLP_TRACES_HEADERS`, `OTEL_EXPORTER_OTLP_HEADERS`.
	Headers Secret `key:"headers" check:"TracingHeaders"`
	// The share of the traces that begin here and are recorded. Those that callers have begun are recorded if the
	// caller's part is. If not set: `OTEL_TRACES_SAMPLER`, else 1.
	SampleRatio *float64 `key:"sample_ratio" min:"0" max:"1"`
	// What the traces call this installation. If not set: `OTEL_SERVICE_NAME`, else `symphony`.
	ServiceName string `key:"service_name" about:"text"`
}

// HeaderMap is Headers by their names, nil without any.
func (t Tracing) HeaderMap() map[string]string {
	if t.Headers == "" {
		return nil
	}
	headers, _ := parseTracingHeaders(string(t.Headers)) // was checked when it was set
	return headers
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

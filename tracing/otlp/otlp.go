// Package otlp makes a tracer provider that sends spans to a collector by OTLP, over HTTP (protobuf) or gRPC, for
// package tracing.
//
// Spans are sent in the background. While the collector cannot be reached, or is slower than spans come, they are
// dropped: nothing ever waits for it. The first failure of a row is logged, and when it is over.
//
// The variables of OpenTelemetry apply where Options say nothing: OTEL_SDK_DISABLED, OTEL_TRACES_EXPORTER (otlp or
// none), OTEL_TRACES_SAMPLER with its _ARG, OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_EXPORTER_OTLP_PROTOCOL,
// _ENDPOINT, _HEADERS, _TIMEOUT, _COMPRESSION, _CERTIFICATE, _CLIENT_CERTIFICATE, _CLIENT_KEY, each also as
// OTEL_EXPORTER_OTLP_TRACES_…, and the OTEL_BSP_ and OTEL_SPAN_ limits. Propagation is always that of the W3C, so
// OTEL_PROPAGATORS is not looked at.
package otlp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/symphony-messenger/symphony"
)

// Defaults of Options, where no variable says otherwise either.
const (
	DefaultEndpoint     = "http://localhost:4318"
	DefaultGRPCEndpoint = "http://localhost:4317"
	DefaultServiceName  = "symphony"
	DefaultSampleRatio  = 1.0
)

// The values of Options.Protocol.
const (
	HTTP = "http/protobuf"
	GRPC = "grpc"
)

// tracesPath is where a collector takes traces, below its endpoint.
const tracesPath = "/v1/traces"

// Options are the settings of a Provider. What is not set is taken from the variables of OpenTelemetry, else it is the
// default.
type Options struct {
	// Endpoint is the URL of the collector, like http://localhost:4318. Over HTTP, /v1/traces is added unless it ends
	// so; over gRPC only scheme and host count.
	Endpoint string
	// Protocol is HTTP or GRPC.
	Protocol string
	// Headers are sent with each request, such as a vendor's key. In place of those in OTEL_EXPORTER_OTLP_HEADERS.
	Headers map[string]string
	// SampleRatio is the share of the traces beginning here that are recorded, 0 to 1. A caller's trace is recorded if
	// the caller's span is.
	SampleRatio *float64
	// ServiceName is the resource's service.name, Version its service.version.
	ServiceName string
	Version     string
	// Logger is told of spans that cannot be sent. Default slog.Default().
	Logger *slog.Logger
}

// Provider makes tracers. Close it.
type Provider struct {
	*sdktrace.TracerProvider
	exporter *exporter
	// Endpoint is where the spans go, for people.
	Endpoint string
}

// New makes a provider, nil without an error where OTEL_SDK_DISABLED or OTEL_TRACES_EXPORTER turn tracing off. It does
// not try to reach the collector. The error names every option and variable that is not valid.
func New(ctx context.Context, o Options) (*Provider, error) {
	env, err := environment()
	if err == nil && env.off {
		return nil, nil
	}
	if err = errors.Join(err, o.complete(env)); err != nil {
		return nil, err
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	res, err := describe(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("otlp: %w", err)
	}
	client, err := o.client(ctx)
	if err != nil {
		return nil, fmt.Errorf("otlp: %w", err)
	}
	p := &Provider{exporter: &exporter{SpanExporter: client, log: o.Logger}, Endpoint: o.Endpoint}
	settings := []sdktrace.TracerProviderOption{sdktrace.WithBatcher(p.exporter), sdktrace.WithResource(res)}
	switch {
	case o.SampleRatio != nil:
		settings = append(settings, sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(*o.SampleRatio))))
	case !env.sampler:
		settings = append(settings, sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(DefaultSampleRatio))))
	}
	p.TracerProvider = sdktrace.NewTracerProvider(settings...)
	return p, nil
}

// Close sends what is left and ends, when ctx does at the latest.
func (p *Provider) Close(ctx context.Context) error {
	err := p.Shutdown(ctx)
	if err != nil {
		// What is on its way is cut off, so that nothing goes on.
		cut, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		err = errors.Join(err, p.exporter.Shutdown(cut))
	}
	if err != nil {
		return fmt.Errorf("otlp: the last spans were not sent: %w", err)
	}
	return nil
}

// describe is the resource that the spans are of.
func describe(ctx context.Context, o Options) (*resource.Resource, error) {
	own := []resource.Option{
		resource.WithTelemetrySDK(), resource.WithHost(), resource.WithAttributes(semconv.ServiceName(DefaultServiceName),
			semconv.ServiceVersion(o.Version), semconv.ServiceInstanceID(symphony.NewID(symphony.SystemClock().Now()))),
		resource.WithFromEnv(),
	}
	if o.ServiceName != "" {
		own = append(own, resource.WithAttributes(semconv.ServiceName(o.ServiceName)))
	}
	return resource.New(ctx, own...)
}

// complete checks the options and fills in endpoint and protocol.
func (o *Options) complete(env env) error {
	var errs []error
	if o.Endpoint != "" {
		if err := CheckEndpoint(o.Endpoint); err != nil {
			errs = append(errs, fmt.Errorf("otlp: endpoint %w", err))
		}
	}
	if r := o.SampleRatio; r != nil && !(*r >= 0 && *r <= 1) {
		errs = append(errs, fmt.Errorf("otlp: sample ratio %v: must be 0 to 1", *r))
	}
	switch o.Protocol = cmp.Or(o.Protocol, env.protocol, HTTP); o.Protocol {
	case GRPC:
		o.Endpoint = cmp.Or(o.Endpoint, env.tracesEndpoint, env.endpoint, DefaultGRPCEndpoint)
	case HTTP:
		if o.Endpoint == "" && env.tracesEndpoint != "" {
			o.Endpoint = env.tracesEndpoint // is the whole URL, by OpenTelemetry's rule
			break
		}
		base := strings.TrimRight(cmp.Or(o.Endpoint, env.endpoint, DefaultEndpoint), "/")
		o.Endpoint = strings.TrimSuffix(base, tracesPath) + tracesPath
	default:
		errs = append(errs, fmt.Errorf("otlp: protocol must be %s or %s, is %q", HTTP, GRPC, o.Protocol))
	}
	return errors.Join(errs...)
}

// client makes what sends the spans. It does not connect yet.
func (o *Options) client(ctx context.Context) (sdktrace.SpanExporter, error) {
	if o.Protocol == GRPC {
		options := []otlptracegrpc.Option{otlptracegrpc.WithEndpointURL(o.Endpoint)}
		if o.Headers != nil {
			options = append(options, otlptracegrpc.WithHeaders(o.Headers))
		}
		return otlptracegrpc.New(ctx, options...)
	}
	options := []otlptracehttp.Option{otlptracehttp.WithEndpointURL(o.Endpoint), otlptracehttp.WithEncoding(otlptracehttp.EncodingProtobuf)}
	if o.Headers != nil {
		options = append(options, otlptracehttp.WithHeaders(o.Headers))
	}
	return otlptracehttp.New(ctx, options...)
}

// CheckEndpoint says what is wrong with the URL of a collector.
func CheckEndpoint(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("must be a URL like " + DefaultEndpoint)
	}
	return nil
}

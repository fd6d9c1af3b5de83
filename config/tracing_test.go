package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What is not set stays nothing, so that the variables of OpenTelemetry can say it.
func TestTracing(t *testing.T) {
	t.Chdir(t.TempDir())
	zero := 0.0
	for name, test := range map[string]struct {
		environ []string
		want    Tracing
		headers map[string]string
		problem string
	}{
		"nothing": {nil, Tracing{}, nil, ""},
		"everything": {[]string{"SYMPHONY_TRACING_ENABLED=true", "SYMPHONY_TRACING_ENDPOINT=http://c:4317", "SYMPHONY_TRACING_PROTOCOL=grpc",
			"SYMPHONY_TRACING_HEADERS=api-key=a%20%2Cb, x=1", "SYMPHONY_TRACING_SAMPLE_RATIO=0", "SYMPHONY_TRACING_SERVICE_NAME=shop"},
			Tracing{Enabled: true, Endpoint: "http://c:4317", Protocol: "grpc", Headers: "api-key=a%20%2Cb, x=1", SampleRatio: &zero, ServiceName: "shop"},
			map[string]string{"api-key": "a ,b", "x": "1"}, ""},
		"a header without a value": {[]string{"SYMPHONY_TRACING_HEADERS=x=1,s3cret"}, Tracing{}, nil, "entry 2 is not"},
		"a header with a bad name": {[]string{"SYMPHONY_TRACING_HEADERS=a b=s3cret"}, Tracing{}, nil, "entry 1 is not"},
		"a ratio out of range":     {[]string{"SYMPHONY_TRACING_SAMPLE_RATIO=1.5"}, Tracing{}, nil, "0 to 1"},
		"a URL with a password":    {[]string{"SYMPHONY_TRACING_ENDPOINT=http://u:s3cret@c"}, Tracing{}, nil, "must be a URL"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := Load(Sources{Environ: test.environ})
			if test.problem != "" {
				if err == nil || !strings.Contains(err.Error(), test.problem) || strings.Contains(err.Error(), "s3cret") {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, c.Tracing); diff != "" {
				t.Errorf("tracing (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.headers, c.Tracing.HeaderMap()); diff != "" {
				t.Errorf("headers (-want +got):\n%s", diff)
			}
			if strings.Contains(c.YAML(), "a%20") {
				t.Error("the headers are shown")
			}
		})
	}
}

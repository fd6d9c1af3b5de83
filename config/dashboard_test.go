package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLoad_of_the_dashboard(t *testing.T) {
	t.Chdir(t.TempDir())
	want := Dashboard{Enabled: true, Path: "/dashboard", Environment: Environment{Color: "gray"}}
	if diff := cmp.Diff(want, load(t, Sources{}).Dashboard); diff != "" {
		t.Errorf("by default (-want +got)\n%s", diff)
	}
	write(t, `
dashboard:
  path: /ops/queue
  read_only: true
  environment: {name: Production, color: red}
  trace_url: https://traces.example.com/t/{traceId}?from=queue
  servers:
    - {name: Staging, url: https://staging.example.com/dashboard}
    - {name: Über uns 🙂, url: "http://10.0.0.7:8080/dashboard"}
`)
	c := load(t, Sources{Environ: []string{"SYMPHONY_DASHBOARD_ENVIRONMENT_COLOR=#C2410c"}})
	want = Dashboard{
		Enabled: true, Path: "/ops/queue", ReadOnly: true, Environment: Environment{"Production", "#C2410c"},
		TraceURL: "https://traces.example.com/t/{traceId}?from=queue",
		Servers: []DashboardServer{
			{"Staging", "https://staging.example.com/dashboard"}, {"Über uns 🙂", "http://10.0.0.7:8080/dashboard"},
		},
	}
	if diff := cmp.Diff(want, c.Dashboard); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if yaml := c.YAML(); !strings.Contains(yaml, "    - name: Staging # symphony.yaml:") {
		t.Errorf("the settings are shown as:\n%s", yaml)
	}
}

func TestLoad_refuses_a_dashboard(t *testing.T) {
	for yaml, want := range map[string]string{
		"path: dashboard":                  "dashboard.path: must be a path like /dashboard",
		"path: /":                          "dashboard.path: must be a path like",
		"path: /api/x":                     "must not be below /api",
		"trace_url: https://x.example.com": "dashboard.trace_url: must have {traceId}",
		"trace_url: 'javascript:alert({traceId})'":                 "dashboard.trace_url: must be a URL like",
		"environment: {color: '#12'}":                              "dashboard.environment.color: must be gray, red",
		"environment: {name: \"a\\u202eb\"}":                       "dashboard.environment.name: must have at most 40",
		"environment: {name: " + strings.Repeat("n", 41) + "}":     "dashboard.environment.name: must have at most 40",
		"servers: {Staging: https://s.example.com}":                "dashboard.servers: must be a list of servers",
		"servers: [{name: Staging}]":                               "dashboard.servers[0]: needs a name and a url",
		"servers: [{name: S, url: 'javascript:alert(1)'}]":         "dashboard.servers[0].url: must be a URL like",
		"servers: [{name: S, url: 'https://u:p@s.example.com'}]":   "dashboard.servers[0].url: must be a URL like",
		"servers: [{name: S, url: 'https://s.example.com', x: 1}]": "dashboard.servers[0].x: unknown key",
	} {
		write(t, "dashboard:\n  "+yaml+"\n")
		got := strings.Join(mistakes(t, Sources{}), "\n")
		if !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", yaml, got, want)
		}
	}
}

package monitoring

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// scrape starts a server, has it handle, retry and fail messages, answer badly and keep a schedule, and returns what it
// then shows to Prometheus. What Prometheus adds itself is there as well.
func scrape(t *testing.T) series {
	t.Helper()
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), "order.bad") {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer hook.Close()
	s := start(t, fmt.Sprintf(`
retry: {initial_delay: 10ms, max_retries: 1}
handlers:
  - type: order.*
    http: {url: %s}
schedules:
  - {name: nightly, type: order.nightly, cron: "0 3 1 1 *"}
`, hook.URL))
	for _, typ := range []string{"order.good", "order.bad", "nobody.handles.it"} {
		s.call(201, "POST", "/api/symphony/dispatch", `{"message":{"type":"`+typ+`","payload":{}}}`)
	}
	s.call(400, "POST", "/api/symphony/dispatch", `{}`)
	until(t, "two dead letters", func() bool {
		return strings.Contains(s.call(200, "GET", "/api/symphony/status", ""), `"failedMessages":2`)
	})
	// The key comes as the example configuration of Prometheus sends it.
	families, err := parse(s.call(200, "GET", "/metrics", ""))
	if err != nil {
		t.Fatal(err)
	}
	shown := series{"up": {"job", "instance"}}
	for name, family := range families {
		labels := []string{}
		for _, m := range family.Metric {
			for _, l := range m.Label {
				if !slices.Contains(labels, l.GetName()) {
					labels = append(labels, l.GetName())
				}
			}
		}
		switch family.GetType() {
		case dto.MetricType_HISTOGRAM:
			shown[name+"_bucket"], shown[name+"_sum"], shown[name+"_count"] = append(slices.Clone(labels), "le"), labels, labels
		default:
			shown[name] = labels
		}
	}
	return shown
}

func parse(text string) (map[string]*dto.MetricFamily, error) {
	p := expfmt.NewTextParser(model.UTF8Validation)
	return p.TextToMetricFamilies(strings.NewReader(text))
}

package httpapi

import (
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/metrics"
)

const (
	// wire.DefaultMetricsMinutes is how far back metrics look unless told.
	// healthTimeout bounds what health and workers wait for storage.
	healthTimeout = 5 * time.Second
)

func metricsOver(c *call) error {
	if c.api.o.Metrics == nil {
		return unsupported("keeps no metrics: metrics.enabled is false, or the API was made without Options.Metrics")
	}
	var list []symphony.Problem
	bad := func(path, message string) { list = append(list, symphony.Problem{Path: path, Message: message}) }
	now := c.api.stored.Now().UTC()
	from, to := c.queryTime("startTime", &list), c.queryTime("endTime", &list)
	minutes := c.queryInt("minutes", wire.DefaultMetricsMinutes, &list)
	step := c.queryInt("step", 0, &list)
	groups := c.number("groups", 1, metrics.MaxGroups, &list)
	_, span := c.query["minutes"]
	if _, given := c.query["step"]; given && len(list) == 0 && (step < 1 || step > int(metrics.MaxRetention/time.Minute)) {
		bad("step", "must be at least 1")
	}
	most := int(c.api.o.Metrics.Retention() / time.Minute)
	switch {
	case len(list) > 0:
	case groups > 0 && c.query["groupBy"] == "":
		bad("groups", "is for groupBy")
	case span && (!from.IsZero() || !to.IsZero()):
		bad("minutes", "cannot be combined with startTime or endTime")
	case minutes < 1 || minutes > most:
		bad("minutes", fmt.Sprintf("must be 1 to %d", most))
	case from.IsZero() && !to.IsZero():
		bad("startTime", "is needed with endTime")
	case from.IsZero():
		to = now.Truncate(time.Minute).Add(time.Minute)
		from = to.Add(-time.Duration(minutes) * time.Minute)
	case to.IsZero():
		to = now.Add(time.Second)
	}
	if name := c.query["transport"]; name != "" {
		if _, err := c.api.o.Bus.Transport(name); err != nil {
			bad("transport", err.Error())
		}
	}
	if len(list) > 0 {
		return invalid(list...)
	}
	got, err := c.api.o.Metrics.Query(c.Context(), metrics.Query{
		From: from, To: to, Step: time.Duration(step) * time.Minute, Transport: c.query["transport"], Type: c.query["type"],
		Queue: c.query["queue"], Worker: c.query["worker"], GroupBy: metrics.By(c.query["groupBy"]), Groups: groups,
	})
	if err != nil {
		return err
	}
	answer := metricsOf(got, now)
	answer.GroupBy = c.query["groupBy"]
	return c.answer(http.StatusOK, answer)
}

func metricsOf(m metrics.Result, now time.Time) wire.MetricsResponse {
	end := m.To
	if now.Before(end) && now.After(m.From) {
		end = now
	}
	seconds := max(end.Sub(m.From).Seconds(), 1)
	out := wire.MetricsResponse{
		Success: true, StartTime: m.From, EndTime: m.To, Step: int(m.Step / time.Minute), Totals: totals(m.Total.Counts), Timing: timing(m.Total, seconds),
		ByMessageType: figures(m.ByType, seconds), ByTransport: figures(m.ByTransport, seconds),
		Errors: errorCounts(m.Errors), Series: points(m.Series),
	}
	if m.Groups == nil {
		return out
	}
	out.Groups = make([]wire.MetricsGroup, len(m.Groups))
	for i, g := range m.Groups {
		out.Groups[i] = wire.MetricsGroup{
			Transport: g.Transport, Name: g.Name, Errors: errorCounts(g.Errors), Series: points(g.Series),
			Figures: wire.Figures{Totals: totals(g.Counts), Timing: timing(g.Summary, seconds)},
		}
	}
	return out
}

// recent are the figures of the last hour by name.
type recent struct {
	groups  map[[2]string]*metrics.Group // by transport, "" for types, and name
	seconds float64
	steps   int
}

// recent adds up the figures of the last hour of all transports or one; nil where nothing is counted.
func (c *call) recent(by metrics.By, transport string) (*recent, error) {
	if c.api.o.Metrics == nil {
		return nil, nil
	}
	const step = wire.TypesStep * time.Minute
	now := c.api.stored.Now().UTC()
	to := now.Truncate(time.Minute).Add(time.Minute)
	span := min(wire.DefaultTypesMinutes*time.Minute, c.api.o.Metrics.Retention())
	got, err := c.api.o.Metrics.Query(c.Context(), metrics.Query{From: to.Add(-span), To: to, Transport: transport,
		Step: step, GroupBy: by, Groups: metrics.MaxSeenTypes})
	if err != nil {
		return nil, err
	}
	out := &recent{
		groups: make(map[[2]string]*metrics.Group, len(got.Groups)), steps: len(got.Series),
		seconds: max(now.Sub(got.From).Seconds(), 1),
	}
	for i, g := range got.Groups {
		out.groups[[2]string{g.Transport, g.Name}] = &got.Groups[i]
	}
	return out, nil
}

// of are the figures and the series of one name, zero where nothing of it was counted.
func (r *recent) of(transport, name string) (*wire.Figures, []int64) {
	if r == nil {
		return nil, nil
	}
	series := make([]int64, r.steps)
	g := r.groups[[2]string{transport, name}]
	if g == nil {
		return &wire.Figures{}, series
	}
	for i, p := range g.Series {
		series[i] = p.Processed()
	}
	return &wire.Figures{Totals: totals(g.Counts), Timing: timing(g.Summary, r.seconds)}, series
}

func errorCounts(list []metrics.ErrorCount) []wire.ErrorCount {
	out := make([]wire.ErrorCount, len(list))
	for i, e := range list {
		out[i] = wire.ErrorCount{ErrorClass: e.Class, Count: e.Count}
	}
	return out
}

func points(series []metrics.Point) []wire.MetricsPoint {
	out := make([]wire.MetricsPoint, len(series))
	for i, p := range series {
		out[i] = wire.MetricsPoint{
			Time: p.At, Totals: totals(p.Counts),
			AverageProcessingTime: p.Processing.Average,
			P50:                   p.Processing.P50, P95: p.Processing.P95, P99: p.Processing.P99,
			AverageWaitingTime: p.Waiting.Average,
			WaitingP50:         p.Waiting.P50, WaitingP95: p.Waiting.P95, WaitingP99: p.Waiting.P99,
		}
		o := &out[i]
		thousandths(&o.AverageProcessingTime, &o.P50, &o.P95, &o.P99,
			&o.AverageWaitingTime, &o.WaitingP50, &o.WaitingP95, &o.WaitingP99)
	}
	return out
}

func totals(c metrics.Counts) wire.Totals {
	return wire.Totals{Dispatched: c.Dispatched, Processed: c.Processed(), Succeeded: c.Succeeded, Failed: c.Failed(), Retried: c.Retried, Dead: c.Dead, Released: c.Released,
		Cancelled: c.Cancelled}
}

func timing(s metrics.Summary, seconds float64) wire.Timing {
	p, w := s.Processing, s.Waiting
	out := wire.Timing{
		AverageProcessingTime: p.Average, P50: p.P50, P95: p.P95, P99: p.P99, MaxProcessingTime: p.Max,
		Waiting: wire.Waiting{Average: w.Average, P50: w.P50, P95: w.P95, P99: w.P99, Max: w.Max}, Throughput: float64(s.Processed()) / seconds,
	}
	thousandths(&out.AverageProcessingTime, &out.P50, &out.P95, &out.P99, &out.MaxProcessingTime, &out.Waiting.Average, &out.Waiting.P50,
		&out.Waiting.P95, &out.Waiting.P99, &out.Waiting.Max)
	if n := float64(s.Processed()); n > 0 {
		out.SuccessRate, out.FailureRate = float64(s.Succeeded)/n, float64(s.Failed())/n
	}
	return out
}

// thousandths rounds to them: microseconds, where a figure is in milliseconds.
func thousandths(figures ...*float64) {
	for _, f := range figures {
		*f = math.Round(*f*1000) / 1000
	}
}

func figures(m map[string]metrics.Summary, seconds float64) map[string]wire.Figures {
	out := make(map[string]wire.Figures, len(m))
	for name, s := range m {
		out[name] = wire.Figures{Totals: totals(s.Counts), Timing: timing(s, seconds)}
	}
	return out
}

// scrape is for Prometheus.
func scrape(c *call) error {
	if c.api.o.Exposition == nil {
		return unsupported("shows nothing to Prometheus")
	}
	c.api.o.Exposition.ServeHTTP(c.w, c.Request)
	return nil
}

// Package exposition shows the state of one process, and of the storage it uses, to Prometheus.
//
// Counters and histograms are those of this process since it began, so each process is scraped; gauges of messages and
// schedules are those of the whole storage, the same on every process. All labels are bounded: transports by the
// configuration, types and the queues of counters by metrics.MaxSeries, the queues of gauges by MaxQueues, routes by
// the API.
package exposition

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/metrics"
	"github.com/symphony-messenger/symphony/schedule"
	"github.com/symphony-messenger/symphony/worker"
)

const (
	// MaxQueues bounds the queues of a transport that are told apart: those with the most messages. All others count as
	// the queue metrics.Other.
	MaxQueues = 100
	// scrapeTimeout bounds what a scrape waits for storage.
	scrapeTimeout = 5 * time.Second
	// maxScrapes bounds the scrapes at one time.
	maxScrapes = 4
	// dueLimit bounds the schedules that are looked at.
	dueLimit = 1000
)

// Options are what is shown. Bus is required.
type Options struct {
	Bus *symphony.Bus
	// Recorder has counted this process's messages. Nil: they are not shown.
	Recorder *metrics.Recorder
	// Workers are the continuous workers of this process. Nil: none.
	Workers func() []worker.Snapshot
	// Aged is how many dead letters this process deleted because their period was over. Nil: it is not shown.
	Aged func() int64
	// Schedules are looked at, too. Nil: there are none.
	Schedules schedule.Store
	// Version and Revision are the program's.
	Version, Revision string
	// Clock is the time of ages. Default symphony.SystemClock.
	Clock symphony.Clock
	// Logger reports scrapes that went wrong. Default slog.Default.
	Logger *slog.Logger
}

// Exposition is what Prometheus scrapes. Safe for concurrent use.
type Exposition struct {
	http.Handler
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
}

// New makes an exposition.
func New(o Options) (*Exposition, error) {
	if o.Bus == nil {
		return nil, errors.New("exposition: Bus is required")
	}
	if o.Clock == nil {
		o.Clock = symphony.SystemClock()
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	x := &Exposition{registry: prometheus.NewRegistry()}
	x.requests = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "symphony_http_request_duration_seconds", Help: "How long requests to the HTTP API took, by route.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60},
	}, []string{"route", "method", "code"})
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "symphony_build_info", Help: "Always 1, with the program's version.",
		ConstLabels: prometheus.Labels{"version": o.Version, "revision": o.Revision, "goversion": runtime.Version()},
	})
	info.Set(1)
	list := []prometheus.Collector{
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), info, x.requests, &storage{o},
	}
	if o.Recorder != nil {
		list = append(list, messages{o.Recorder})
	}
	if o.Workers != nil {
		list = append(list, workers{o})
	}
	for _, c := range list {
		if err := x.registry.Register(c); err != nil {
			return nil, err
		}
	}
	x.Handler = promhttp.HandlerFor(x.registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(o.Logger.Handler(), slog.LevelWarn), MaxRequestsInFlight: maxScrapes, Timeout: 2 * scrapeTimeout,
	})
	return x, nil
}

// Gatherer collects what is shown.
func (x *Exposition) Gatherer() prometheus.Gatherer { return x.registry }

// Request counts an answered request to the HTTP API. An unknown route has an empty name.
func (x *Exposition) Request(route, method string, status int, took time.Duration) {
	x.requests.WithLabelValues(route, knownMethod(method), strconv.Itoa(status)).Observe(took.Seconds())
}

// knownMethod keeps callers from making up labels.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return metrics.Other
}

// gauge describes one; its name begins with symphony_.
func gauge(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("symphony_"+name, help, labels, nil)
}

// scraping bounds what a collector waits for.
func scraping() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), scrapeTimeout)
}

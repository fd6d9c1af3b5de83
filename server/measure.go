package server

import (
	"context"
	"net"
	"net/http"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi"
	"github.com/symphony-messenger/symphony/metrics"
	"github.com/symphony-messenger/symphony/metrics/exposition"
	"github.com/symphony-messenger/symphony/monitor"
	"github.com/symphony-messenger/symphony/schedule"
	"github.com/symphony-messenger/symphony/storage"
	"github.com/symphony-messenger/symphony/transport/sqlite"
	"github.com/symphony-messenger/symphony/worker"
)

// measure begins to count what happens in this process, before anything does. Figures are kept beside the API keys;
// where nothing can be kept, in a temporary database. endMeasure writes the last ones.
func (n *node) measure(ctx context.Context) error {
	if !n.config.Metrics.Enabled {
		return nil
	}
	store := n.records
	if store == nil {
		scratch, err := sqlite.OpenTemporary(ctx, sqlite.Options{Logger: n.log})
		if err != nil {
			return err
		}
		store, n.scratch = scratch, scratch
	}
	var err error
	n.metrics, err = metrics.New(store, metrics.Options{Retention: n.config.Metrics.Retention, Node: monitor.NodeName(), Logger: n.log})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	if n.o.Mode == HandlerOnly {
		cancel() // figures are written after each request; what is run at the end writes the last ones
		n.endMeasure = func() {
			if err := n.metrics.Run(ctx); err != nil {
				n.log.Warn("the last metrics are not stored", "error", err)
			}
			n.endMeasure = nil
		}
		return nil
	}
	written := make(chan error, 1)
	go func() { written <- n.metrics.Run(ctx) }()
	n.endMeasure = func() {
		cancel()
		if err := <-written; err != nil {
			n.log.Warn("the last metrics are not stored", "error", err)
		}
		n.endMeasure = nil
	}
	return nil
}

// self describes this process, where its storage lists no processes.
func (n *node) self() storage.Node {
	return storage.Node{ID: n.id, Name: monitor.NodeName(), Version: n.o.Version, StartedAt: n.started, SeenAt: symphony.SystemClock().Now(), Info: n.info()}
}

// look makes what tells how work flows.
func (n *node) look(schedules schedule.Store) error {
	var err error
	n.monitor, err = monitor.New(monitor.Options{
		Bus: n.bus, Metrics: n.metrics, Self: n.self, Schedules: schedules, Thresholds: n.config.Health.Thresholds(),
		Concurrency: n.config.Worker.Continuous.Concurrency,
	})
	if err != nil {
		return err
	}
	n.exposition, err = exposition.New(exposition.Options{
		Bus: n.bus, Recorder: n.metrics, Workers: n.snapshots, Aged: n.aging.deleted, Schedules: schedules,
		Version: n.o.Version, Revision: n.o.Commit, Logger: n.log,
	})
	return err
}

// snapshots are the states of this process's continuous workers.
func (n *node) snapshots() []worker.Snapshot {
	if group := n.working.Load(); group != nil {
		return group.Snapshots()
	}
	return nil
}

// scrapeServer serves /metrics alone, without authentication, where metrics.addr says.
type scrapeServer struct {
	listener net.Listener
	server   *httpapi.Server
}

// expose listens for Prometheus; nil where it need not.
func (n *node) expose(ctx context.Context) (*scrapeServer, error) {
	addr := n.config.Metrics.Addr
	if addr == "" {
		return nil, nil
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", n.exposition)
	return &scrapeServer{l, httpapi.NewServer(mux, n.log)}, nil
}

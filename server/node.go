package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/alert"
	"github.com/symphony-messenger/symphony/audit"
	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/config"
	"github.com/symphony-messenger/symphony/handler/breaker"
	"github.com/symphony-messenger/symphony/handler/dynamic"
	"github.com/symphony-messenger/symphony/httpapi"
	"github.com/symphony-messenger/symphony/local"
	"github.com/symphony-messenger/symphony/metrics"
	"github.com/symphony-messenger/symphony/metrics/exposition"
	"github.com/symphony-messenger/symphony/monitor"
	"github.com/symphony-messenger/symphony/operation"
	"github.com/symphony-messenger/symphony/schedule"
	"github.com/symphony-messenger/symphony/scheduler"
	payloads "github.com/symphony-messenger/symphony/schema"
	"github.com/symphony-messenger/symphony/storage"
	"github.com/symphony-messenger/symphony/transport/inline"
	"github.com/symphony-messenger/symphony/transport/sqlite"
	"github.com/symphony-messenger/symphony/worker"
)

// node is an installation opened in this process: its storage, handlers, and who may call.
type node struct {
	config     *config.Config
	o          Options
	log        *slog.Logger // that of o
	storage    *database    // nil without a transport of kind database
	transports []symphony.Transport
	bus        *symphony.Bus
	mux        *symphony.Mux
	breakers   []*breaker.Breaker
	lateBus    *lateBus                    // nil without configured handlers
	receipts   *receipts                   // likewise
	late       atomic.Pointer[dynamic.Set] // handlers that are set at run time; nil where none can be kept
	scheduler  *scheduler.Scheduler        // nil where the storage keeps no schedules
	operations *operation.Operations
	records    storage.Records   // nil where nothing can be kept
	scratch    *sqlite.Transport // what metrics have instead then
	logs       storage.Log       // nil as well
	keys       auth.KeyStore
	sessions   *auth.Sessions    // nil where nothing can be kept
	url        func() string     // where the API answers; nil where it does not
	schemas    map[string][]byte // the texts of payloads' schemas, by pattern
	observer   symphony.Observer // of all messages of this process; nil for nobody
	audit      *audit.Trail      // nil where no log can be kept
	metrics    *metrics.Recorder // nil where nothing is counted
	endMeasure func()            // nil as well
	monitor    *monitor.Monitor
	exposition *exposition.Exposition
	id         string // of this process
	started    time.Time
	watch      *watch
	aging      aging
	alerts     *alert.Engine                // nil where no state can be kept
	working    atomic.Pointer[worker.Group] // nil before workers
	traces     traces
	kill       func() // ends programs that were left behind; nil where that is for others
}

// info is what this process tells others that use the same database.
func (n *node) info() json.RawMessage {
	info := monitor.NodeInfo{Process: n.id, Memory: worker.ProcessMemory(), Breakers: n.openBreakers(), Handlers: true}
	for _, s := range n.snapshots() {
		info.Workers = append(info.Workers, monitor.WorkerOf(s))
	}
	return info.Encode()
}

// openBreakers are the circuit breakers of this process that are not closed.
func (n *node) openBreakers() []monitor.OpenBreaker {
	var list []monitor.OpenBreaker
	breakers := n.breakers
	if set := n.late.Load(); set != nil {
		breakers = slices.Concat(breakers, set.Breakers())
	}
	for _, b := range breakers {
		if s := b.Snapshot(); s.State != breaker.Closed {
			list = append(list, monitor.OpenBreaker{
				Handler: s.Name, State: string(s.State), Failures: s.Failures,
				OpenedAt: s.OpenedAt.UTC(), ProbeAt: s.ProbeAt.UTC(),
			})
		}
	}
	return list
}

// openNode opens what the configuration names. The error is a *sqlite.LockedError if another process has the database
// file.
func openNode(ctx context.Context, c *config.Config, h handlers, o Options) (*node, error) {
	now := symphony.SystemClock().Now()
	n := &node{
		config: c, o: o, log: o.Logger, mux: h.mux, breakers: h.breakers, lateBus: h.bus, receipts: h.receipts,
		aging: aging{log: o.Logger}, id: symphony.NewID(now), started: now,
	}
	n.watch = newWatch(c, n.id, n.findMessage)
	if err := n.open(ctx); err != nil {
		return nil, errors.Join(err, n.close())
	}
	return n, nil
}

// observers are told of all messages that this process dispatches and handles, in this order.
func (n *node) observers() []symphony.Observer {
	var list []symphony.Observer
	if n.metrics != nil {
		list = append(list, n.metrics)
	}
	if n.watch.recorder != nil {
		list = append(list, n.watch.recorder, n.watch.singles)
	}
	return list
}

func (n *node) open(ctx context.Context) error {
	if err := n.openStorages(ctx); err != nil {
		return err
	}
	n.records = keeper(n.transports, storage.RecordsOf)
	if err := n.measure(ctx); err != nil {
		return err
	}
	n.observer = symphony.Observers(n.observers()...)
	for i, t := range n.config.Transports {
		if t.Kind == config.Sync {
			n.transports[i] = inline.Open(n.mux, inline.Options{Name: t.Name, Timeout: n.config.Worker.HandlerTimeout, Observer: n.observer})
		}
	}
	if logs := keeper(n.transports, storage.LogOf); logs != nil {
		n.logs = logs
		n.watch.open(n, logs)
		n.audit = audit.New(logs, audit.Options{Retention: n.config.Audit.Retention, Recorded: n.watch.audited, Logger: n.log})
		n.aging.use(ctx, n.audit)
	}
	n.keys = &auth.MemoryKeys{}
	if n.records != nil {
		n.keys = auth.NewRecordKeys(n.records)
		n.sessions = auth.NewSessions(n.records, symphony.SystemClock().Now, n.log)
	}
	var err error
	if err := n.startTracing(ctx); err != nil { // once storage is had: until then this is tried again
		return err
	}
	o := n.config.BusOptions()
	o.Tracer = n.traces.tracer()
	o.Observer = n.observer
	if o.Schemas, n.schemas, err = loadSchemas(n.config); err != nil {
		return err
	}
	if n.bus, err = symphony.NewBus(n.transports, o); err != nil {
		return err
	}
	if n.lateBus != nil {
		n.lateBus.Store(n.bus)
	}
	if n.operations, err = operation.New(n.bus, operation.Options{Node: monitor.NodeName(), Changed: n.watch.worked, Logger: n.log}); err != nil {
		return err
	}
	store, err := schedule.Of(n.bus)
	if err != nil && !errors.Is(err, symphony.ErrUnsupported) {
		return err
	}
	if err == nil {
		if n.scheduler, err = scheduler.New(store, n.bus, scheduler.Options{Failed: n.watch.unfired, Logger: n.log}); err != nil {
			return err
		}
	}
	if err := n.look(store); err != nil {
		return err
	}
	if err := n.openLate(ctx); err != nil {
		return err
	}
	return n.alarm()
}

// findMessage looks for a message for those who watch.
func (n *node) findMessage(ctx context.Context, transport, id string) (symphony.MessageInfo, error) {
	messages, err := n.bus.Messages(transport)
	if err != nil {
		return symphony.MessageInfo{}, err
	}
	return messages.Get(ctx, id)
}

// openStorages opens the transports that keep messages, each at its place among the configured ones. Those of kind sync
// come later: they call observers, which may keep something in a storage.
func (n *node) openStorages(ctx context.Context) error {
	n.transports = make([]symphony.Transport, len(n.config.Transports))
	var shared *sqlite.Transport
	for i, t := range n.config.Transports {
		switch t.Kind {
		case config.Stored:
			if n.storage == nil {
				s, err := openStorage(ctx, n.config, n.o, n.info, n.aging.tell, n.watch.recorder)
				if err != nil {
					return err
				}
				n.storage = s
			}
			n.transports[i] = n.storage.named(t.Name)
		case config.Memory:
			if shared == nil {
				var err error
				shared, err = sqlite.OpenTemporary(ctx, sqlite.Options{Name: t.Name, Periods: n.config.RetentionRules(),
					Aged: n.aging.tell, Steering: n.watch.recorder, Limits: n.config.FlowLimits(),
					Indexes: n.config.Indexes(), Logger: n.log})
				if err != nil {
					return err
				}
			}
			n.transports[i] = shared.Named(t.Name)
		case config.Sync:
		default:
			return fmt.Errorf("transport %q is of the unknown kind %q", t.Name, t.Kind)
		}
	}
	return nil
}

// loadSchemas reads the schemas that the section types names, and their texts by pattern; nil without any. A mistake in
// one is a *config.Error.
func loadSchemas(c *config.Config) (symphony.PayloadChecker, map[string][]byte, error) {
	texts := make(map[string][]byte)
	var problems []config.Problem
	for _, t := range c.Types {
		if t.Schema == "" {
			continue
		}
		key := fmt.Sprintf("types.%s.schema", t.Pattern)
		raw, err := os.ReadFile(t.Schema)
		if err == nil {
			_, err = payloads.New(map[string][]byte{t.Pattern: raw})
		}
		if err != nil {
			problems = append(problems, config.Problem{Source: c.File, Key: key, Message: err.Error()})
		}
		texts[t.Pattern] = raw
	}
	if len(problems) > 0 {
		return nil, nil, &config.Error{Problems: problems}
	}
	if len(texts) == 0 {
		return nil, nil, nil
	}
	checker, err := payloads.New(texts)
	return checker, texts, err
}

// keeper is where something of the server's own is kept: beside the messages, where it lasts if any transport lasts. of
// is the probe for it, such as storage.RecordsOf. The result is the zero value, nil, where nothing can be kept.
func keeper[P any](transports []symphony.Transport, of func(symphony.Transport) (P, error)) (best P) {
	found, lasts := false, false
	for _, t := range transports {
		if t == nil { // of kind sync, and not opened yet
			continue
		}
		part, err := of(t)
		if durable := t.Capabilities().Durable; err == nil && (!found || durable && !lasts) {
			best, found, lasts = part, true, durable
		}
	}
	return best
}

// close closes all transports. Those of one storage are closed together, and closing again does nothing.
func (n *node) close() error {
	n.traces.close(n.log)
	if n.endMeasure != nil {
		n.endMeasure()
	}
	var errs []error
	n.watch.close()
	for _, t := range n.transports {
		if t != nil { // it was not opened
			errs = append(errs, t.Close())
		}
	}
	if n.scratch != nil {
		errs = append(errs, n.scratch.Close())
	}
	if n.kill != nil {
		n.kill()
	}
	return errors.Join(errs...)
}

// file is the database if it is a SQLite file, else nil.
func (n *node) file() *sqlite.Transport {
	if n.storage == nil {
		return nil
	}
	return n.storage.file
}

// join has the process begin, so that it is concerned by what is asked of its workers from now on, and returns what is
// asked now. It is called before anybody can reach the process.
func (n *node) join(ctx context.Context) (*worker.Requests, error) {
	if n.records == nil {
		return nil, nil
	}
	nodes, err := n.monitor.Nodes(ctx)
	if err != nil {
		return nil, err
	}
	var alive []string
	for _, other := range nodes {
		alive = append(alive, other.Process)
	}
	return worker.Join(ctx, n.records, n.id, alive)
}

// makeWorkers makes a continuous worker for each configured transport that keeps messages. asked is what was asked of
// them before.
func (n *node) makeWorkers(asked *worker.Requests) (*worker.Group, []symphony.Transport, error) {
	var (
		workers []*worker.Worker
		on      []symphony.Transport
		wanted  = n.config.Worker.Continuous.Transports
	)
	for i, t := range n.transports {
		if !t.Capabilities().Receive || len(wanted) > 0 && !slices.Contains(wanted, t.Name()) {
			continue
		}
		o := n.workerOptions(n.config.Transports[i])
		o.Asked, o.Queues = asked, n.config.Worker.Continuous.Queues
		o.Concurrency = n.config.Worker.Continuous.Concurrency
		w, err := worker.New(t, n.mux, o)
		if err != nil {
			return nil, nil, err
		}
		workers, on = append(workers, w), append(on, t)
	}
	group := worker.NewGroup(workers...)
	n.working.Store(group)
	return group, on, nil
}

// workerOptions are what all workers of a transport share.
func (n *node) workerOptions(t config.Transport) worker.Options {
	w := n.config.Worker
	grace := w.Grace
	if grace == 0 {
		grace = worker.NoGrace
	}
	o := worker.Options{Lease: w.Lease, HandlerTimeout: w.HandlerTimeout, Grace: grace, Policy: t.Retry.Policy(), Logger: n.log}
	o.Node = n.id
	o.StopRequests, o.Observer, o.MaxOutput = n.records, n.observer, int(n.config.Limits.MaxOutputBytes)
	return o
}

// newAPI makes the HTTP API, which ends runs and takes no more when draining ends. authenticator is nil where only the
// local socket is served.
func (n *node) newAPI(draining context.Context, authenticator *auth.Authenticator, access *slog.Logger) (*httpapi.API, error) {
	c := n.config
	cron, err := auth.NewCron(config.Reveal(c.Cron.Secrets)...)
	if err != nil {
		return nil, err
	}
	consume := func(transport string) worker.Options {
		for _, t := range c.Transports {
			if t.Name == transport {
				return n.workerOptions(t)
			}
		}
		return worker.Options{}
	}
	fromCron := func(transport string) worker.Options {
		o := consume(transport)
		o.BatchSize, o.Concurrency, o.PollInterval = c.Worker.BatchSize, c.Worker.MaxConcurrency, c.Worker.PollInterval
		o.MessageLimit, o.FailureLimit = int64(c.Worker.MessageLimit), int64(c.Worker.FailureLimit)
		o.TimeLimit, o.MemoryLimit = c.Worker.TimeLimit, uint64(c.Worker.MemoryLimit)
		return o
	}
	var duties func(context.Context)
	if n.o.Mode == HandlerOnly {
		duties = n.cronDuties
	}
	page, err := newDashboard(c)
	if err != nil {
		return nil, err
	}
	api, err := httpapi.New(httpapi.Options{
		Dashboard: page, Sessions: n.sessions, Installation: n.installation(),
		PublicOutput: publicOutputs(c), Handlers: n.late.Load(), Configured: n.configuredHandlers(),
		Config: n.settings, Node: n.id,
		CronDuties: duties, MaxOutput: int(c.Limits.MaxOutputBytes), Schemas: n.schemas,
		Bus: n.bus, Mux: n.mux, Auth: authenticator, OwnMessages: c.Auth.Visibility == config.VisibleOwn, Cron: cron, Keys: n.keys, Records: n.records, Scheduler: n.scheduler, Operations: n.operations, Breakers: n.openBreakers,
		Observer: n.observer, Metrics: n.metrics, Monitor: n.monitor, Exposition: n.exposition, MetricsOpen: c.Metrics.Open, Requests: n.exposition.Request, CronWorker: fromCron, ConsumeWorker: consume, Draining: draining,
		Redact: c.RedactRules(), Audit: n.audit, LocalUser: local.User, Events: n.watch.hub, Alerts: n.alerts, AlertsEnabled: n.config.Alerts.Enabled,
		MaxBodyBytes: c.Server.MaxBodyBytes, MaxBytesInFlight: c.Server.MaxBytesInFlight, RateLimit: c.Server.RateLimit, TrustedProxies: c.Server.TrustedProxies, CORSOrigins: c.Server.CORSOrigins,
		Development: c.Env == config.Development, AccessLog: access, Logger: n.log, Version: n.o.Version,
	})
	if err == nil && n.receipts != nil {
		receipt := func(ctx context.Context, d *symphony.Delivery) string { return api.PushReceipt(ctx, "", d) }
		n.receipts.make.Store(&receipt)
	}
	return api, err
}

// Package httpapi serves the HTTP API: it authenticates, decodes strictly, calls the bus and the worker, and answers.
// It decides nothing about messages itself. What the API promises stands in docs/api.md and in the OpenAPI document
// that it serves; both the routes and that document come from the table in routes.go.
//
// # Where to begin
//
// One request: api.go (the handler of all), callers.go and inflight.go (what is let in), visibility.go (who sees what),
// request.go with body.go and shape.go (decoding, all mistakes at once), the file of the concept (dispatch.go,
// failed.go, messages.go, schedules.go, holds.go, pull.go, …), errors.go (every error in one table), audit.go and
// respond.go (the answer). A new route: wire/endpoints.go, then routes.go. What lasts longer than a call: events.go
// with lasting.go, consume.go, pull.go with receipt.go and seal.go.
package httpapi

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/alert"
	"github.com/symphony-messenger/symphony/audit"
	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/event"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/handler/dynamic"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/metrics"
	"github.com/symphony-messenger/symphony/monitor"
	"github.com/symphony-messenger/symphony/operation"
	"github.com/symphony-messenger/symphony/redact"
	"github.com/symphony-messenger/symphony/scheduler"
	"github.com/symphony-messenger/symphony/storage"
	"github.com/symphony-messenger/symphony/worker"
)

// Defaults and limits of the API, beside those of the domain.
const (
	DefaultMaxBodyBytes = 1 << 20
	// DefaultMaxBatchBytes is what the body of a batch, or of a bulk call, may have.
	DefaultMaxBatchBytes = 16 << 20
	// minBatches is how many of the largest bodies must be able to be in flight, whatever the bound is.
	minBatches = 4
	// maxConsumers bounds the consume runs at one time; each has up to 20 handlers.
	maxConsumers = 16
)

// Options are what an API serves. Bus and Mux are required, the others optional.
type Options struct {
	Bus *symphony.Bus
	// Mux has the handlers of consume and cron runs.
	Mux *symphony.Mux
	// Auth authenticates callers of Handler. Nil refuses everybody.
	Auth *auth.Authenticator
	// OwnMessages has users without the scope operate see and steer only the messages that they have dispatched; see
	// visibility.go. Default: whoever has the scope for it sees and steers all.
	OwnMessages bool
	// Redact hides parts of what messages carry from everybody but who handles them; see mask.go. Nil: nothing.
	Redact *redact.Rules
	// Schemas are the JSON Schemas by which the bus checks payloads, by pattern of types, for the list of types.
	Schemas map[string][]byte
	// PublicOutput reports whether tokens for end users show the outputs of a type. Nil: of none.
	PublicOutput func(typ string) bool
	// Sessions keeps the sessions of browsers, which Auth knows. Nil: their routes answer 501.
	Sessions *auth.Sessions
	// Installation is what people are told of where they are.
	Installation Installation
	// Cron guards the cron routes. Nil closes them.
	Cron *auth.Cron
	// Handlers are those that are set at run time, and Configured those that were there before, for the list. Nil
	// Handlers: their routes answer 501.
	Handlers   *dynamic.Set
	Configured []wire.Handler
	// Keys stores API keys for the keys routes. Nil answers 501.
	Keys auth.KeyStore
	// Records is where the request to stop all workers is kept, see worker.StopAll, and the key of receipts. Nil:
	// stopping answers 501, and receipts are good for this API only.
	Records storage.Records
	// Scheduler works on schedules. Nil answers 501.
	Scheduler *scheduler.Scheduler
	// Operations does work in bulk in the background. Nil answers 501.
	Operations *operation.Operations
	// Audit records who did what; see audit.go. Nil: nothing is recorded, and the route to read it answers 501.
	Audit *audit.Trail
	// Events has what happens for those who watch. Nil: the route answers 501.
	Events *event.Hub
	// Alerts judges rules. Nil: its routes answer 501. AlertsEnabled says whether somebody runs it.
	Alerts        *alert.Engine
	AlertsEnabled bool
	// Dashboard is the page for people; see dashboard.go. Nil: there is none.
	Dashboard *Dashboard
	// LocalUser names the user of the operating system behind a request to LocalHandler, "" if it is not known.
	// Default: not known.
	LocalUser func(*http.Request) string
	// Breakers tells which circuit breakers of this process are not closed, for the status. Nil: none.
	Breakers func() []monitor.OpenBreaker
	// CronWorker gives the settings of the run that the cron route starts on a transport, ConsumeWorker those that
	// consume takes where a request does not say. Default: the worker's.
	CronWorker    func(transport string) worker.Options
	ConsumeWorker func(transport string) worker.Options
	// CronDuties is called by each request to a cron route before its own work, where no process does in the background
	// what they would otherwise do. It returns when that is done or the context ends. Default: there are none.
	CronDuties func(context.Context)
	// Observer is told of each attempt of a pull worker that was settled; runs of workers have their own, in their
	// options. Default: nobody.
	Observer symphony.Observer
	// Config tells the settings in force, without what is secret. Nil answers 501.
	Config func() wire.ConfigResponse
	// Node names this process among those of the storage, as worker.Options.Node does.
	Node string
	// Metrics are what the metrics route tells, Monitor what health and workers do. Nil answers 501.
	Metrics *metrics.Recorder
	Monitor *monitor.Monitor
	// Exposition answers GET /metrics, which takes a user with the scope read, unless MetricsOpen lets in everybody.
	// Nil answers 501.
	Exposition  http.Handler
	MetricsOpen bool
	// Requests is told of each request that was answered: the route's path, empty for none, and how long it took. It is
	// called on the way of every request and concurrently. Default: nobody.
	Requests func(route, method string, status int, took time.Duration)
	// Draining ends when the server shuts down. From then on readyz says that the server is not ready, new runs of
	// consume and of the cron route are refused, and those in progress end as if their callers had gone: what is in
	// hand is finished or given back, and they answer. Default: never.
	Draining context.Context
	// MaxOutput is how many bytes the output of a message may have that a pull worker acks, up to
	// symphony.MaxOutputBytes. Default symphony.DefaultMaxOutputBytes.
	MaxOutput int
	// MaxBodyBytes and MaxBatchBytes bound bodies.
	MaxBodyBytes  int64
	MaxBatchBytes int64
	// MaxBytesInFlight bounds the bodies and large answers of all requests together. Default DefaultBytesInFlight();
	// never less than four times MaxBatchBytes.
	MaxBytesInFlight int64
	// RateLimit bounds the requests of each API key and each user that Handler serves; beyond it they are answered 429.
	// A Burst of 0 means what the rate allows in a second. Default: no bound.
	RateLimit flow.Rate
	// CORSOrigins are the origins whose pages may call. Default: none.
	CORSOrigins []string
	// Development tells causes of server faults to callers.
	Development bool
	// TrustedProxies are those whose X-Forwarded-For the log and the audit trail believe. Default: none.
	TrustedProxies []netip.Prefix
	// AccessLog logs each request. Nil: none. Failures of the server go to Logger in any case.
	AccessLog *slog.Logger
	Logger    *slog.Logger
	Version   string
	Clock     symphony.Clock
}

// API is the HTTP API. Safe for concurrent use.
type API struct {
	// Set by New and never changed after that.
	o      Options
	stored symphony.Clock // of what is kept beside the messages, such as keys and metrics
	routes []route
	// methods are those of all routes, as preflights are told.
	methods string

	// What is shared by requests. Each is safe for concurrent use.
	ids       requestIDs
	consumers *places // runs of consume
	receivers *places // receive calls
	streams   *places // of events
	// tokenStreams are those of each token for end users.
	tokenStreams tokenPlaces
	callers      *callers
	signIns      *callers // attempts to sign in, by address
	cronBusy     atomic.Bool
	seals        seals
	flight       inFlight
	large        largeBodies
	typeCounts   typeCounts
	eventMask    *redact.Rules
	schemas      symphony.Patterns[string] // the patterns of Options.Schemas
	document     func() (document, error)  // made when it is first asked for: that takes longer than all else
}

// New makes an API.
func New(o Options) (*API, error) {
	if o.Bus == nil || o.Mux == nil {
		return nil, errors.New("httpapi: Bus and Mux are required")
	}
	if err := validRate(o.RateLimit); err != nil {
		return nil, err
	}
	if o.MaxBodyBytes == 0 {
		o.MaxBodyBytes = DefaultMaxBodyBytes
	}
	if o.MaxBatchBytes == 0 {
		o.MaxBatchBytes = max(DefaultMaxBatchBytes, o.MaxBodyBytes)
	}
	o.MaxOutput = maxOutputOr(o.MaxOutput)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Clock == nil {
		o.Clock = symphony.SystemClock()
	}
	if o.CronWorker == nil {
		o.CronWorker = func(string) worker.Options { return worker.Options{TimeLimit: wire.DefaultConsumeTime} }
	}
	if o.ConsumeWorker == nil {
		o.ConsumeWorker = func(string) worker.Options { return worker.Options{} }
	}
	if o.Cron == nil {
		o.Cron = &auth.Cron{}
	}
	if o.Draining == nil {
		o.Draining = context.Background()
	}
	if o.MaxBytesInFlight == 0 {
		o.MaxBytesInFlight = DefaultBytesInFlight()
	}
	a := &API{o: o, ids: newRequestIDs(),
		consumers: newPlaces(maxConsumers, "consume runs", errTooManyConsumers),
		receivers: newPlaces(maxWaiting, "receive calls", errTooManyReceivers), callers: newCallers(o.RateLimit, o.Clock),
		signIns: newCallers(signInRate(), o.Clock),
		seals:   seals{records: o.Records}, stored: symphony.StoreClock(o.Records, o.Clock)}
	if o.Events != nil {
		a.streams = newPlaces(o.Events.MaxReaders(), "streams of events", errTooManyReaders)
	}
	var err error
	if a.eventMask, err = newEventMask(); err != nil {
		return nil, err
	}
	for pattern := range o.Schemas {
		if err := a.schemas.Set(pattern, pattern); err != nil {
			return nil, err
		}
	}
	a.flight.most = max(o.MaxBytesInFlight, minBatches*o.MaxBatchBytes)
	a.large = newLargeBodies(a.flight.most)
	a.routes = a.table()
	a.methods = methodsOf(a.routes)
	if err := checkAudited(a.routes); err != nil {
		return nil, err
	}
	a.document = sync.OnceValues(func() (document, error) { return generate(a.routes, o.Version) })
	return a, nil
}

// Handler serves callers from the network: each must authenticate.
func (a *API) Handler() http.Handler {
	return a.handler(func(r *http.Request, rt *route) (auth.Principal, error) {
		if rt.access == cronAccess {
			return a.o.Cron.Authenticate(r)
		}
		if a.o.Auth == nil {
			return auth.Principal{}, errNoAuth
		}
		authenticate := a.o.Auth.Authenticate
		if rt.anew {
			authenticate = a.o.Auth.AuthenticateAnew
		}
		p, err := authenticate(r)
		if rt.bearer && auth.IsMissing(err) {
			return auth.Principal{Kind: bearerKind}, nil
		}
		if err == nil {
			err = a.callers.admit(callerOf(p))
		}
		if err == nil {
			err = checkBound(p, rt)
		}
		if err == nil && rt.access != callerAccess {
			err = a.authorize(p, rt)
		}
		if err == nil && a.o.Installation.ReadOnly {
			err = readOnly(p, rt, r.Method)
		}
		return p, err
	})
}

// LocalHandler serves callers who may read and write the database anyway, over a socket that only they can open: each
// is the local administrator.
func (a *API) LocalHandler() http.Handler {
	return a.handler(func(r *http.Request, _ *route) (auth.Principal, error) {
		p := auth.Local()
		if a.o.LocalUser != nil {
			p.Name = cmp.Or(a.o.LocalUser(r), p.Name)
		}
		return p, nil
	})
}

// call is one request on its way through a route.
type call struct {
	*http.Request
	api       *API
	w         *responseWriter
	principal auth.Principal
	by        string // see dispatcher
	route     *route
	who       authenticate // judges the caller once more, see lasting.go
	query     map[string]string
	several   map[string][]string // of parameters with several values; see parseQuery
	record    *recording          // nil where nothing is recorded
	unmasked  bool                // see mask.go
	held      *buffer             // the body, where it counts until the call ends; see accept
	turn      int64               // of a large body; see large.go
}

type authenticate func(*http.Request, *route) (auth.Principal, error)

func (a *API) handler(who authenticate) http.Handler {
	mux := http.NewServeMux()
	for i := range a.routes {
		rt := &a.routes[i]
		if rt.access == cronAccess {
			// To the mux HEAD is a GET, and to those who send it something that changes nothing.
			mux.HandleFunc("HEAD "+rt.path, func(w http.ResponseWriter, r *http.Request) {
				a.fail(w.(*responseWriter), notAllowed(r.Method, rt.methods))
			})
		}
		for _, method := range rt.methods {
			mux.HandleFunc(method+" "+rt.path, func(w http.ResponseWriter, r *http.Request) { a.serve(w.(*responseWriter), r, rt, who) })
		}
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { a.fail(w.(*responseWriter), a.noRoute(r)) })
	return http.HandlerFunc(func(hw http.ResponseWriter, r *http.Request) {
		w := writers.Get().(*responseWriter)
		*w = responseWriter{ResponseWriter: hw, start: time.Now(), id: a.ids.of(r), flight: &a.flight}
		defer a.finish(w, r)
		h := hw.Header()
		h["X-Request-Id"] = []string{w.id}
		h["X-Content-Type-Options"] = nosniff
		h["Cache-Control"] = noStore
		switch {
		case isPublic(r.URL.Path):
			if a.publicCORS(w, r) {
				return
			}
		case len(a.o.CORSOrigins) > 0 && a.cors(w, r):
			return
		}
		mux.ServeHTTP(w, r)
	})
}

var (
	nosniff = []string{"nosniff"}
	noStore = []string{"no-store"}
)

// serve authenticates, checks the query and calls the route.
func (a *API) serve(w *responseWriter, r *http.Request, rt *route, who authenticate) {
	w.route = rt.path
	c := call{Request: r, api: a, w: w, route: rt, who: who}
	if rt.page != nil {
		rt.page(&c)
		return
	}
	var err error
	if rt.access != openAccess {
		if c.principal, err = who(r, rt); err != nil {
			c.refused(rt, err)
			a.forgetSession(w, r, err)
			a.fail(w, err)
			return
		}
		w.principal = c.principal.ID
		if c.principal.Session.ID != "" {
			c.renewSession()
		}
	}
	if err = checkPath(r); err != nil {
		a.fail(w, err)
		return
	}
	if r.URL.RawQuery != "" || rt.query != nil {
		if c.query, c.several, err = rt.parseQuery(r); err != nil {
			a.fail(w, err)
			return
		}
	}
	if err = c.checkMask(); err != nil {
		a.fail(w, err)
		return
	}
	c.begin(rt)
	if err := c.serve(rt); err != nil {
		c.noteError(err)
		a.fail(w, err)
	}
}

// serve calls the route, with its part in the audit trail around it.
func (c *call) serve(rt *route) error {
	if rt.request == nil {
		if err := c.noteRequest(nil); err != nil {
			return err
		}
	}
	defer func() {
		if c.held != nil {
			c.held.free()
		}
		c.endTurn()
		if v := recover(); v != nil {
			c.noteError(errPanic)
			panic(v)
		}
	}()
	if err := rt.serve(c); err != nil {
		return err
	}
	return c.noteAnswer(nil) // of a route that writes its answer itself
}

var errPanic = errors.New("panic")

// noRoute tells an unknown path from a known one with another method.
func (a *API) noRoute(r *http.Request) error {
	var allowed []string
	for i := range a.routes {
		if a.routes[i].matches(r.URL.Path) {
			allowed = append(allowed, a.routes[i].methods...)
		}
	}
	if len(allowed) == 0 {
		return errNoRoute
	}
	return methodNotAllowed(r.Method, allowed)
}

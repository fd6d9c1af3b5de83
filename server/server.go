// Package server is the whole of Symphony Messenger in one process of yours: the HTTP API, continuous workers,
// schedules, work in bulk, metrics, alerts, events and the audit trail, assembled from a configuration. "symphony
// serve" is a few lines on it, and a Go program that embeds it adds its own handlers and its own way to serve HTTP.
//
//	c, err := config.Load(config.Sources{Environ: os.Environ()})
//	s, err := server.New(ctx, c, server.Options{Handlers: func(mux *symphony.Mux) {
//		mux.HandleFunc("order.*", handleOrder)
//	}})
//	err = s.Run(ctx) // until ctx ends; then it finishes what is in hand and closes the storage
//
// Options.Mode says who serves HTTP and what runs in the background: by default the server listens itself; Mounted
// leaves HTTP to the program, which puts Handler on its own mux.
//
// The storage stays locked as long as the server is open: one process at a time has a SQLite file, any number a
// PostgreSQL database.
package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/config"
	"github.com/symphony-messenger/symphony/handler/command"
	"github.com/symphony-messenger/symphony/httpapi"
	"github.com/symphony-messenger/symphony/local"
	"github.com/symphony-messenger/symphony/operation"
	"github.com/symphony-messenger/symphony/scheduler"
	"github.com/symphony-messenger/symphony/transport/sqlite"
	"github.com/symphony-messenger/symphony/worker"
)

// Mode says who serves HTTP, and what Run does.
type Mode int

// The modes.
const (
	// Listen serves the API at the configured address, or on Options.Listener, and does all the work. It is the
	// default.
	Listen Mode = iota
	// Mounted does all the work, and leaves it to the program to serve Handler, on a mux and with a server of its own.
	Mounted
	// WorkOnly does all the work without an API for the network, as "symphony worker". Run also returns when a request
	// has stopped the workers, so that a supervisor can start the process anew.
	WorkOnly
	// HandlerOnly serves Handler and does nothing else: each request leaves nothing to do behind it, and requests to
	// the cron routes do all the work, housekeeping included. It is for serverless functions, which make a server at
	// the cold start and stand still between requests. There is no Run.
	//
	// What cannot be avoided: a storage has goroutines of its own, which go on for as long as the platform lets them
	// and are needed by no request but those that they serve; GET /api/symphony/events is answered 501; and where the
	// platform ends an instance without Close, its latest spans, and the last minute in the hourly metrics, may be
	// missing.
	HandlerOnly
	// Command opens the storage for a while, for a program that looks at it and changes it by LocalHandler. Nothing of
	// the configuration is applied to the storage, and there is no Run.
	Command
)

const (
	// DefaultPatience is Options.Patience unless given.
	DefaultPatience = 30 * time.Second
	// NoPatience as Options.Patience does not wait at all.
	NoPatience = time.Duration(-1)
)

// Options are what a program adds to the configuration. All are optional.
type Options struct {
	// Mode says who serves HTTP. Default Listen.
	Mode Mode
	// Handlers registers the program's own handlers and middleware, beside the handlers of the configuration: it is
	// called once, by New, when those are there. A type may have handlers of both kinds. Default: there are none.
	Handlers func(*symphony.Mux)
	// NoHandlers leaves out the handlers of the configuration, for a Command that runs none.
	NoHandlers bool
	// NoWorker runs no continuous workers. Consume and the cron route still run handlers.
	NoWorker bool
	// Listener is what the mode Listen serves, with the configured certificate if there is one. The server closes it,
	// also where New fails. Who can reach it is for the program to judge; the configured address is refused with an
	// *ExposedError where others can reach it and nobody has decided who may call. Default: New listens at the
	// configured address.
	Listener net.Listener
	// FirstKey has Run make an API key where there has never been one and nobody else could call. Started gets it; it
	// cannot be shown again.
	FirstKey bool
	// Started is called by Run when everything is ready, before the first request is answered and the first message is
	// handled. Default: nobody is told.
	Started func(Started)
	// Patience is how long New waits for a SQLite file that another process has open for a moment, as commands do; one
	// that is served by another process is not waited for. It waits for its address as well, for up to two seconds:
	// what a killed server was about to start may still have it. Default DefaultPatience; NoPatience for not at all.
	Patience time.Duration
	// Waiting is called again and again while New waits so. Default: nobody is told.
	Waiting func(*sqlite.LockedError)
	// Programs are those that handlers of kind command run. A program that ends at once, without Run, kills them.
	// Default: programs of this server, which Close kills if their handlers had to be left behind.
	Programs *command.Programs
	// AccessLog takes the lines of requests, in the configured form, where server.access_log is set; they are gathered
	// for up to a tenth of a second. Default: Logger.
	AccessLog io.Writer
	// Logger reports what an operator must know. Default slog.Default().
	Logger *slog.Logger
	// Version and Commit are the program's, for those who ask. Default: none are told.
	Version, Commit string
}

// Started is what Run has to say when it is ready.
type Started struct {
	// Addr is where the API is served, nil where Run does not serve it.
	Addr net.Addr
	// Workers are the names of the transports that continuous workers of this process work on.
	Workers []string
	// FirstKey is the API key that a first start made, "" for none; see Options.FirstKey.
	FirstKey string
}

// Server is an installation of Symphony Messenger in this process. Safe for concurrent use.
//
// Run stops in this order when its context ends: the API says that it is not ready and takes no more connections, runs
// of consume and of the cron route end as if their callers had gone, and the workers drain; when all that is over, or
// its time is, the private socket closes, the last uses of API keys are written, and the storage closes.
type Server struct {
	*node
	tcp           net.Listener // nil unless it serves HTTP itself
	api           *httpapi.API
	authenticator *auth.Authenticator // nil in the mode Command
	flush         func()              // of the access log
	draining      context.Context
	drain         context.CancelFunc
	requests      requests // of Handler, where the program serves it

	// What follows is Run's.
	ran      atomic.Bool
	http     *httpapi.Server // nil unless it serves HTTP itself
	scraped  *scrapeServer   // nil without metrics.addr
	local    *local.Server   // nil without a SQLite file
	workers  *worker.Group   // nil without workers
	worked   []symphony.Transport
	failures chan error    // of parts that ended by themselves
	idle     chan struct{} // closed when the workers have ended, where there is nothing else to do
	working  sync.WaitGroup
	serving  sync.WaitGroup

	closing sync.Once
	closed  error
}

// New checks a configuration, listens where the mode says so, and opens the storage; nothing is served, handled or
// fired before Run. Call Run, which closes the server, or Close. ctx bounds New alone.
//
// Errors, after which nothing is left open: a *config.Error with mistakes of the configuration (those of its schedules
// come from Run unless the mode is HandlerOnly; Check finds all of them); an *ExposedError; a *sqlite.LockedError where
// another process has the file; otherwise those of listening and of opening the storage.
func New(ctx context.Context, c *config.Config, o Options) (*Server, error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	s := &Server{flush: func() {}, tcp: o.Listener, failures: make(chan error, 8), idle: make(chan struct{})}
	s.draining, s.drain = context.WithCancel(context.WithoutCancel(ctx))
	if err := s.open(ctx, c, o); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Server) open(ctx context.Context, c *config.Config, o Options) error {
	if o.Listener != nil && o.Mode != Listen {
		return errors.New("server: a listener is for the mode Listen only")
	}
	programs := o.Programs
	if programs == nil {
		programs = new(command.Programs)
	}
	made := handlers{mux: symphony.NewMux()}
	var err error
	if !o.NoHandlers {
		if made, err = newMux(c, o.Logger, programs); err != nil {
			return err
		}
	}
	if o.Handlers != nil {
		o.Handlers(made.mux)
	}
	if o.Mode == Listen {
		if err := s.listen(ctx, c, o); err != nil {
			return err
		}
	}
	opening := func() error {
		s.node, err = openNode(ctx, c, made, o)
		return err
	}
	if err := patiently(ctx, o.patience(), o.waitsFor, opening); err != nil {
		return err
	}
	s.url = s.URL
	if o.Programs == nil {
		s.kill = programs.Kill
	}
	if o.Mode == Command {
		s.api, err = s.newAPI(s.draining, nil, nil)
		return err
	}
	if f := s.file(); f != nil {
		warnExposedFile(f.Path(), s.log)
	}
	if o.Mode == Listen && o.Listener == nil {
		if err := s.refuseExposed(ctx); err != nil {
			return err
		}
	}
	if s.authenticator, err = s.newAuthenticator(); err != nil {
		return err
	}
	access := s.log
	if !c.Server.AccessLog {
		access = nil
	} else if o.AccessLog != nil {
		lines := &delayedWriter{to: o.AccessLog}
		access, s.flush = c.Log.Logger(lines), lines.flush
	}
	if s.api, err = s.newAPI(s.draining, s.authenticator, access); err != nil {
		return err
	}
	if o.Mode == HandlerOnly {
		return s.applySchedules(ctx)
	}
	return nil
}

// listen takes the address before anything is created: one that can't be had leaves nothing behind.
func (s *Server) listen(ctx context.Context, c *config.Config, o Options) (err error) {
	if s.tcp == nil {
		if err := refuseExposedFirstStart(c); err != nil {
			return err
		}
	}
	if err := checkTLS(c); err != nil {
		return err
	}
	if s.tcp == nil {
		s.tcp, err = listen(ctx, c.Server.Addr, min(o.patience(), addressPatience))
	}
	return err
}

// Handler is the API for callers from the network, who must authenticate, and who are told of the routes under
// /api/symphony/ and /api/cron/, of /docs, /openapi.json, /metrics, /healthz and /readyz; and the dashboard, at the
// configured path. It may be served at any time until Close, by any number of servers, under these paths. In the mode Mounted, Run lets requests in progress finish
// when it stops, for as long as handlers may take; later ones are answered 503.
func (s *Server) Handler() http.Handler {
	h := s.traces.handler(s.api.Handler())
	switch s.o.Mode {
	case Mounted:
		return s.requests.count(h)
	case HandlerOnly:
		return s.settled(h)
	}
	return h
}

// LocalHandler is the API for callers who may read and write the database anyway, each of whom is the local
// administrator: it must be reachable for nobody else.
func (s *Server) LocalHandler() http.Handler {
	if s.o.Mode == Command {
		return s.api.LocalHandler() // the command that asks is not traced either
	}
	return s.traces.handler(s.api.LocalHandler())
}

// ListenLocal opens the private socket through which commands of this user reach a SQLite file that is open here. Run
// does that, too. It is nil, without an error, where the storage is no file. Whoever calls it closes it before the
// Server.
func (s *Server) ListenLocal(ctx context.Context) (*local.Server, error) {
	if s.file() == nil {
		return nil, nil
	}
	return local.Listen(ctx, s.file(), s.LocalHandler(), s.log)
}

// Bus dispatches messages by the configured routes. It works until Close.
func (s *Server) Bus() *symphony.Bus { return s.bus }

// Scheduler makes and changes schedules, nil where the storage keeps none. Run fires them.
func (s *Server) Scheduler() *scheduler.Scheduler { return s.scheduler }

// Operations starts work in bulk. Run does it.
func (s *Server) Operations() *operation.Operations { return s.operations }

// Database names the storage for people: the path of a file, or host and name of a PostgreSQL database, without a
// password. It is "" where messages are in memory only.
func (s *Server) Database() string {
	if s.storage == nil {
		return ""
	}
	return s.storage.address
}

// URL is where the API answers, as a client on this machine writes it; "" unless the mode is Listen.
func (s *Server) URL() string {
	if s.tcp == nil {
		return ""
	}
	scheme := "http"
	if s.config.Server.TLS() {
		scheme = "https"
	}
	host, port, err := net.SplitHostPort(s.tcp.Addr().String())
	if err != nil {
		return scheme + "://" + s.tcp.Addr().String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

// Close writes what waits to be written and closes the storage, and the listener. Run calls it; those who do not call
// Run call it when they serve no more requests. It is safe to call again.
func (s *Server) Close() error {
	s.closing.Do(func() {
		s.drain()
		s.flush()
		var errs []error
		if s.authenticator != nil {
			errs = append(errs, s.authenticator.Close(context.Background()))
		}
		if s.node != nil {
			errs = append(errs, s.close())
		}
		if s.tcp != nil {
			if err := s.tcp.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
				errs = append(errs, fmt.Errorf("server: close the listener: %w", err))
			}
		}
		s.closed = errors.Join(errs...)
	})
	return s.closed
}

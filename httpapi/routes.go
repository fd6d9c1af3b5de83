package httpapi

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// access says how a route's callers are let in.
type access int

const (
	userAccess   access = iota // a user or an API key with the route's scope
	cronAccess                 // the cron secret
	openAccess                 // everybody
	callerAccess               // a user or an API key, whatever the scopes
)

// bodyKind says how a body is read.
type bodyKind int

const (
	shortBody bodyKind = iota // up to Options.MaxBodyBytes
	longBody                  // up to Options.MaxBatchBytes
	// diagnosticBody tells of a failure, which is not to be lost because of how it is told: it may be as long as
	// either, and what is no UTF-8 in its texts is replaced.
	diagnosticBody
)

// parameter is a query parameter. None may be empty, and only one with many may be given more than once.
type parameter struct {
	name, doc string
	many      bool   // several values
	prefix    string // how the names of parameters begin that stand for this one
	kind      string // of JSON Schema: "integer", "boolean"; empty for a string
	format    string
	oneOf     []string
	low, high int  // of an integer; high 0: no bound but low
	reveals   bool // what it selects by is masked with the scope observe, which therefore cannot use it
	def       int  // of an integer; 0: the documentation says what is meant without it
}

// Parameters that several routes have.
var (
	ofTransports = parameter{name: "transport", doc: "Default: all transports."}

	ofTransport = parameter{name: "transport", doc: "Default: the default transport."}
	nextPage    = parameter{name: "cursor", doc: "nextCursor of the page before."}
)

// limited is how many entries a page may have.
func limited(most, def int) parameter { //nolint:unparam // each list has a constant of its own
	return parameter{name: "limit", kind: "integer", low: 1, high: most, def: def, doc: "The most entries of the page."}
}

// texts are constants of one type as strings.
func texts[T ~string](list ...T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}

// route is one entry of the table that both registers the routes and makes the OpenAPI document. on fills in what its
// endpoint says: methods, unless there are several, path, id, request and success.
type route struct {
	methods []string
	path    string // as http.ServeMux takes it
	id      string // operationId of the document
	summary string
	doc     string
	tag     string
	access  access
	scope   auth.Scope
	or      auth.Scope // opens it, too; 0: no other does
	own     ownRule    // see visibility.go
	binding bool       // it heeds what the caller's key is bound to; see binding.go
	mask    maskRule   // see mask.go
	query   []parameter
	request any // nil: no body
	// optionalBody says that a request without a body is fine. example is a body that the route takes as it stands,
	// beside an id that exists where the path has one.
	optionalBody bool
	body         bodyKind
	example      string
	// status is that of the usual success, 0 for 200, and success its body; also are further successes.
	status  int
	success any // nil: see streams
	also    map[int]any
	// errors are the statuses beside those that the kind of the route has anyway; see statuses.
	errors []int
	// streams are the media types of a success that is no JSON, takes those of a body that is none.
	streams, takes []string
	serve          func(*call) error
	// page serves what is for browsers, of whatever query and path, instead of all that routes of the API do.
	page func(*call)
	// audit is the action that the audit trail records, a thing and a verb, or traffic. Every route that changes
	// something has one; see audit.go.
	audit  string
	hidden bool // not in the document
	// bearer lets callers without a credential in, whom the route itself judges by what their body carries.
	bearer bool
	// token is of an open route that judges the token of a message itself; see tokens.go.
	token bool
	// anew is for who begins a session: the one that he has does not count.
	anew bool
}

// on is the route of an endpoint.
func on[Req, Res any](e wire.Endpoint[Req, Res], rt route) route {
	if rt.methods == nil {
		rt.methods = []string{e.Method}
	}
	rt.path, rt.id = e.Path, e.ID
	var request Req
	if _, none := any(request).(wire.None); !none {
		rt.request = request
	}
	var success Res
	if _, none := any(success).(wire.None); !none {
		rt.success = success
	}
	if rt.status == 0 {
		rt.status = http.StatusOK
	}
	return rt
}

var (
	get  = []string{http.MethodGet}
	both = []string{http.MethodGet, http.MethodPost}
)

// table is every route there is, in the order of the document.
func (a *API) table() []route {
	exposed := route{methods: get, path: "/metrics", scope: auth.ScopeRead, hidden: true, serve: scrape}
	if a.o.MetricsOpen {
		exposed.access = openAccess
	}
	return slices.Concat(
		dispatchRoutes(), messagesRoutes(), deadLettersRoutes(), operationsRoutes(),
		workersRoutes(), pullWorkersRoutes(), handlersRoutes(), flowControlRoutes(), schedulesRoutes(),
		statusRoutes(), monitoringRoutes(), eventsRoutes(), alertsRoutes(), sessionsRoutes(), apiKeysRoutes(), auditRoutes(), configRoutes(), healthRoutes(), a.dashboardRoutes(),
		[]route{
			exposed,
			{methods: get, path: "/openapi.json", access: openAccess, hidden: true, serve: openapiJSON},
			{methods: get, path: "/openapi.yaml", access: openAccess, hidden: true, serve: openapiYAML},
			{methods: get, path: "/docs", access: openAccess, hidden: true, serve: docsRedirect},
			{methods: get, path: "/docs/{file...}", access: openAccess, hidden: true, serve: docs},
		})
}

// methodsOf is all methods that routes have, as a header of CORS lists them.
func methodsOf(routes []route) string {
	var methods []string
	for i := range routes {
		methods = append(methods, routes[i].methods...)
	}
	slices.Sort(methods)
	return strings.Join(slices.Compact(methods), ", ")
}

// checkAudited refuses a table with a route that changes something and does not say what the audit trail has of it.
func checkAudited(routes []route) error {
	for i := range routes {
		rt := &routes[i]
		changes := slices.ContainsFunc(rt.methods, func(m string) bool { return m != http.MethodGet && m != http.MethodHead })
		if changes != (rt.audit != "") {
			return fmt.Errorf("httpapi: route %s %s: needs an action for the audit trail, or to be traffic, exactly if it "+
				"changes something", rt.methods, rt.path)
		}
	}
	return nil
}

// matches reports whether a path is this route's.
func (rt *route) matches(path string) bool {
	want, got := strings.Split(rt.path, "/"), strings.Split(path, "/")
	for i, w := range want {
		if strings.HasSuffix(w, "...}") {
			return len(got) > i
		}
		if w == "{$}" { // nothing, where the path ends
			return i == len(got)-1 && got[i] == ""
		}
		if i >= len(got) || w != got[i] && (!strings.HasPrefix(w, "{") || got[i] == "") {
			return false
		}
	}
	return len(want) == len(got)
}

package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/goccy/go-yaml"
	"github.com/swaggest/jsonschema-go"
	"github.com/swaggest/openapi-go"
	"github.com/swaggest/openapi-go/openapi31"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// document is the OpenAPI document in both forms, made once from the table of routes.
type document struct {
	json, yaml []byte
}

// tags are the parts of the document, in their order.
var tags = [...]struct{ name, doc string }{
	{"Dispatch", "Putting messages into the queue."},
	{"Messages", "Messages of every status: search, show, delete, run, replay, export, import."},
	{"Dead letters", "Messages that failed for good: list, show, retry, delete, export."},
	{"Tokens", "One message, shown to an end user."},
	{"Operations", "Work in bulk that goes on in the background."},
	{"Workers", "The server's own workers, and runs of a worker for one request."},
	{"Pull workers", "Workers in any language: receive, ack, nack, extend."},
	{"Handlers", "Where messages are pushed, set while the server runs."},
	{"Flow control", "Pause, drain, resume and purge."},
	{"Schedules", "Messages that are dispatched later, again and again, or by a cron expression."},
	{"Status", "How many messages there are."},
	{"Monitoring", "Figures, health and workers."},
	{"Events", "What happens, as it happens."},
	{"Alerts", "Rules that tell when somebody should look."},
	{"Sessions", "Browsers that go on as a caller, by a cookie."},
	{"API keys", "The keys that programs call with."},
	{"Audit", "Who did what."},
	{"Configuration", "What is set, and where."},
	{"Health", "Probes for orchestrators. Open to everybody."},
}

// failures are the answers that are not successes, each once in the document. Those with retry carry Retry-After.
var failures = map[int]struct {
	name, doc string
	retry     bool
}{
	http.StatusBadRequest:            {"BadRequest", "The request has problems; details names each of them.", false},
	http.StatusUnauthorized:          {"Unauthorized", "The caller is not authenticated.", false},
	http.StatusForbidden:             {"Forbidden", "The caller is authenticated and may not do this.", false},
	http.StatusNotFound:              {"NotFound", "There is nothing with this id.", false},
	http.StatusConflict:              {"Conflict", "It does not go with what is there; code says why.", false},
	http.StatusRequestEntityTooLarge: {"BodyTooLarge", "The body has more bytes than it may have.", false},
	http.StatusUnsupportedMediaType:  {"UnsupportedMediaType", "The route takes no body of this kind.", false},
	http.StatusTooManyRequests:       {"TooManyRequests", "The caller asks for more than its share.", true},
	http.StatusInternalServerError:   {"InternalError", "The server failed. Its log tells why.", false},
	http.StatusNotImplemented:        {"NotSupported", "This server, or the transport, cannot do this.", false},
	http.StatusServiceUnavailable: {"Unavailable", "The server or its storage cannot serve now. Code " +
		"storage_unavailable: nothing was stored. Code outcome_unknown: it may have been.", true},
}

// statuses are those of a route's errors: what it says itself, and what the kind of the route brings with it.
func (rt *route) statuses() []int {
	// Every route refuses query parameters that it does not know, and paths that are no text.
	list := append(slices.Clone(rt.errors),
		http.StatusBadRequest, http.StatusInternalServerError, http.StatusServiceUnavailable)
	switch rt.access {
	case userAccess, callerAccess:
		list = append(list, http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests)
	case cronAccess:
		list = append(list, http.StatusUnauthorized, http.StatusForbidden)
	case openAccess:
	}
	if rt.request != nil {
		list = append(list, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// openMark stands in the document for an empty list of what a caller must have, which the library leaves out.
const openMark = "x-open-to-everybody"

func generate(routes []route, version string) (d document, err error) {
	r := openapi31.NewReflector()
	r.AddTypeMapping(jsontext.Value(nil), map[string]any{})
	r.AddTypeMapping(wire.Batch(nil), []wire.DispatchRequest(nil))
	r.AddTypeMapping(wire.IDs(nil), []string(nil))
	r.AddTypeMapping(wire.Names(nil), []string(nil))
	r.AddTypeMapping(wire.Delays(nil), []int(nil))
	r.DefaultOptions = append(r.DefaultOptions,
		jsonschema.InterceptDefName(func(_ reflect.Type, name string) string {
			return strings.TrimPrefix(name, "Wire")
		}),
		jsonschema.InterceptNullability(neverNull), jsonschema.InterceptProp(describeProperty))
	describeAPI(r, version)
	for i := range routes {
		if routes[i].hidden {
			continue
		}
		for _, method := range routes[i].methods {
			if err := describeRoute(r, &routes[i], method); err != nil {
				return d, fmt.Errorf("httpapi: describe %s %s: %w", method, routes[i].path, err)
			}
		}
	}
	describeFailures(r)
	describeEnums(r)
	describeChange(r)
	if d.json, err = json.MarshalIndent(r.Spec, "", "  "); err != nil {
		return d, fmt.Errorf("httpapi: %w", err)
	}
	d.json = bytes.ReplaceAll(d.json, []byte(`"`+openMark+`": true`), []byte(`"security": []`))
	if d.yaml, err = yaml.JSONToYAML(d.json); err != nil {
		return d, fmt.Errorf("httpapi: %w", err)
	}
	return d, nil
}

// describeAPI says what concerns all routes.
func describeAPI(r *openapi31.Reflector, version string) {
	r.Spec.Info.WithTitle("Symphony Messenger").WithVersion(version).WithDescription(
		"A durable message queue. JSON in and out; times in RFC 3339 and UTC, durations in milliseconds. Unknown fields " +
			"and query parameters are errors. A member of a request that may be left out may also be null, which means " +
			"the same, except where its absence selects everything. The server may add members to answers. " +
			"Every answer carries X-Request-Id, under which the log tells more.\n\nWhat a scope opens:\n\n" +
			scopesDoc())
	r.Spec.Info.WithContact(*(&openapi31.Contact{}).WithName("Symphony Messenger"))
	r.Spec.Info.WithLicense(*(&openapi31.License{}).WithName("Apache 2.0").WithIdentifier("Apache-2.0"))
	r.Spec.WithServers(*(&openapi31.Server{}).WithURL("/").WithDescription("The server that serves this document."))
	for _, tag := range tags {
		r.Spec.Tags = append(r.Spec.Tags, *(&openapi31.Tag{}).WithName(tag.name).WithDescription(tag.doc))
	}
	r.Spec.SetHTTPBearerTokenSecurity("bearer", "JWT or sym_…", "A Supabase access token, or an API key.")
	r.Spec.SetAPIKeySecurity("apiKey", "X-API-Key", openapi.InHeader, "An API key (sym_…).")
	r.Spec.SetAPIKeySecurity("supabaseCookie", "sb-access-token", openapi.InCookie,
		"A Supabase session in the browser's cookies; other than GET and HEAD need an allowed Origin.")
	r.Spec.SetHTTPBearerTokenSecurity("messageToken", "smt_…", "The token of the one message that is asked for.")
	r.Spec.SetHTTPBearerTokenSecurity("cronSecret", "secret",
		"The cron secret; also as x-vercel-cron-secret or x-service-key.")
}

// scopesDoc lists what each scope opens.
func scopesDoc() string {
	var b strings.Builder
	for _, name := range auth.ScopeNames() {
		scope, _ := auth.ParseScope(name)
		fmt.Fprintf(&b, "- `%s`: %s\n", name, scope.Opens())
	}
	return b.String()
}

// neverNull has what may be left out be left out, and never be null.
func neverNull(p jsonschema.InterceptNullabilityParams) {
	if p.NullAdded && p.Schema.Ref == nil {
		p.Schema.RemoveType(jsonschema.Null)
	}
}

// describeProperty tells what the types of Go do not: payloads and metadata are objects, values of headers, outputs
// and details anything.
// A default goes into the description, since generators take a member with one for a member that must be given.
func describeProperty(p jsonschema.InterceptPropParams) error {
	if !p.Processed {
		return nil
	}
	anything := (&jsonschema.SchemaOrBool{}).WithTypeBoolean(true)
	switch p.Field.Type {
	case reflect.TypeFor[map[string]jsontext.Value]():
		p.PropertySchema.WithAdditionalProperties(*anything)
	case reflect.TypeFor[jsontext.Value]():
		*p.PropertySchema = jsonschema.Schema{Description: p.PropertySchema.Description}
		if p.Name != "details" && p.Name != "output" {
			p.PropertySchema.WithType(jsonschema.Object.Type()).WithAdditionalProperties(*anything)
		}
	}
	if p.Field.Type == delaysType {
		*p.PropertySchema = describeDelays(p.PropertySchema.Description)
	}
	if p.Name == "success" {
		p.PropertySchema.WithConst(true)
	}
	if def := p.Field.Tag.Get("default"); def != "" {
		text := "Default: " + def + "."
		if d := p.PropertySchema.Description; d != nil {
			text = *d + " " + text
		}
		p.PropertySchema.Default = nil
		p.PropertySchema.WithDescription(text)
	}
	return nil
}

// describeDelays is the schema of a number of milliseconds or a list of them.
func describeDelays(doc *string) jsonschema.Schema {
	number := jsonschema.Schema{}
	number.WithType(jsonschema.Integer.Type())
	number.WithMinimum(0).WithMaximum(float64(symphony.MaxRetryDelay.Milliseconds()))
	list := jsonschema.Schema{}
	list.WithType(jsonschema.Array.Type()).WithMinItems(1).WithMaxItems(symphony.MaxRetryDelays).
		WithItems(*(&jsonschema.Items{}).WithSchemaOrBool(number.ToSchemaOrBool()))
	either := []jsonschema.SchemaOrBool{number.ToSchemaOrBool(), list.ToSchemaOrBool()}
	return jsonschema.Schema{Description: doc, OneOf: either}
}

// idDocs say what the id in a path is of, by its tag.
var idDocs = map[string]string{
	"Messages":     "The id of the message.",
	"Tokens":       "The id of the message.",
	"Dead letters": "The id of the failed message, or of the message that failed.",
	"Operations":   "The id of the operation.",
	"Schedules":    "The id of the schedule.",
	"API keys":     "The id of the key, which is not the key itself.",
	"Workers":      "The id of the node.",
	"Handlers":     "The pattern of types: a type, Prefix.* or *.",
	"Flow control": "What is limited: a pattern of types, a queue, or a concurrency key.",
}

func describeRoute(r *openapi31.Reflector, rt *route, method string) error {
	op, err := r.NewOperationContext(method, rt.path)
	if err != nil {
		return err
	}
	op.SetTags(rt.tag)
	op.SetSummary(rt.summary)
	op.SetID(rt.id)
	if method != rt.methods[len(rt.methods)-1] {
		op.SetID(rt.id + "By" + method[:1] + strings.ToLower(method[1:]))
	}
	doc := rt.doc
	switch rt.access {
	case userAccess:
		doc = strings.TrimSpace(doc + " Needs the scope " + rt.scope.String() + "." +
			rt.orDoc() + rt.maskDoc() + rt.own.doc() + rt.bindingDoc())
		op.AddSecurity("bearer")
		op.AddSecurity("apiKey")
		op.AddSecurity("supabaseCookie")
	case callerAccess:
		doc = strings.TrimSpace(doc + " Needs no scope.")
		op.AddSecurity("bearer")
		op.AddSecurity("apiKey")
		op.AddSecurity("supabaseCookie")
	case cronAccess:
		op.AddSecurity("cronSecret")
	case openAccess:
		if rt.token {
			op.AddSecurity("messageToken")
		}
	}
	op.SetDescription(strings.TrimSpace(doc))
	// For the library, which asks for every name of the path, and for the shape among the components: complete says
	// more.
	if strings.Contains(rt.path, "{id}") {
		op.AddReqStructure(struct {
			ID string `path:"id"`
		}{})
	}
	if strings.Contains(rt.path, "{transport}") {
		op.AddReqStructure(struct {
			Transport string `path:"transport"`
		}{})
	}
	op.AddRespStructure(wire.Error{}, openapi.WithHTTPStatus(http.StatusBadRequest))
	if rt.request != nil && method != http.MethodGet {
		op.AddReqStructure(rt.request)
	}
	for _, media := range rt.takes {
		op.AddReqStructure("", openapi.WithContentType(media))
	}
	if rt.success != nil {
		op.AddRespStructure(rt.success, openapi.WithHTTPStatus(rt.status))
	}
	for _, status := range slices.Sorted(maps.Keys(rt.also)) {
		op.AddRespStructure(rt.also[status], openapi.WithHTTPStatus(status))
	}
	for _, media := range rt.streams {
		op.AddRespStructure("", openapi.WithHTTPStatus(rt.status), openapi.WithContentType(media))
	}
	if err := r.AddOperation(op); err != nil {
		return err
	}
	item := r.Spec.Paths.MapOfPathItemValues[rt.path]
	made, err := item.Operation(method)
	if err != nil {
		return err
	}
	return complete(made, rt)
}

// complete adds to an operation what the library has no words for.
func complete(op *openapi31.Operation, rt *route) error {
	if rt.access == openAccess && !rt.token {
		op.MapOfAnything = map[string]any{openMark: true}
	}
	op.Parameters = nil
	if strings.Contains(rt.path, "{transport}") {
		of := parameter{name: "transport", doc: "The queue's transport."}
		op.Parameters = append(op.Parameters, described(openapi31.ParameterInPath, of))
	}
	if strings.Contains(rt.path, "{id}") {
		id := parameter{name: "id", doc: idDocs[rt.tag]}
		op.Parameters = append(op.Parameters, described(openapi31.ParameterInPath, id))
	}
	for _, p := range rt.query {
		op.Parameters = append(op.Parameters, described(openapi31.ParameterInQuery, p))
	}
	for _, status := range rt.statuses() {
		op.Responses.MapOfResponseOrReferenceValues[strconv.Itoa(status)] = openapi31.ResponseOrReference{
			Reference: &openapi31.Reference{Ref: "#/components/responses/" + failures[status].name}}
	}
	if op.RequestBody == nil {
		return nil
	}
	body := op.RequestBody.RequestBody
	body.WithRequired(!rt.optionalBody)
	if rt.example != "" {
		media := body.Content["application/json"]
		var example any
		if err := json.Unmarshal([]byte(rt.example), &example); err != nil {
			return fmt.Errorf("the example: %w", err)
		}
		media.Example = &example
		body.Content["application/json"] = media
	}
	return nil
}

// described is a parameter as the document has it.
func described(in openapi31.ParameterIn, p parameter) openapi31.ParameterOrReference {
	schema := map[string]any{"type": p.kind}
	switch p.kind {
	case "":
		schema["type"], schema["minLength"] = "string", 1
	case "integer":
		schema["minimum"] = p.low
		if p.high != 0 {
			schema["maximum"] = p.high
		}
	}
	if p.def != 0 {
		schema["default"] = p.def
	}
	if p.format != "" {
		schema["format"] = p.format
	}
	if p.oneOf != nil {
		schema["enum"] = p.oneOf
	}
	out := openapi31.Parameter{Name: p.name, In: in, Schema: schema}
	switch {
	case p.many: // repeated: a=1&a=2
		out.Schema = map[string]any{"type": "array", "items": schema, "minItems": 1}
		out.WithStyle(openapi31.ParameterStyleForm).WithExplode(true)
	case p.prefix != "": // each member is a parameter
		out.Schema = map[string]any{"type": "object", "additionalProperties": schema,
			"propertyNames": map[string]any{"pattern": "^" + regexp.QuoteMeta(p.prefix) + "."}}
		out.WithStyle(openapi31.ParameterStyleForm).WithExplode(true)
	}
	if in == openapi31.ParameterInPath {
		out.WithRequired(true)
	}
	if p.doc != "" {
		out.WithDescription(p.doc)
	}
	return openapi31.ParameterOrReference{Parameter: &out}
}

// describeFailures adds the answers that are not successes, which all have the one shape.
func describeFailures(r *openapi31.Reflector) {
	schema := map[string]any{"$ref": "#/components/schemas/Error"}
	components := r.Spec.ComponentsEns()
	components.Responses = make(map[string]openapi31.ResponseOrReference)
	for _, f := range failures {
		response := openapi31.Response{Description: f.doc,
			Content: map[string]openapi31.MediaType{"application/json": {Schema: schema}}}
		if f.retry {
			header := (&openapi31.Header{Schema: map[string]any{"type": "integer", "minimum": 1}}).WithRequired(true).
				WithDescription("Seconds to wait before another try.")
			response.Headers = map[string]openapi31.HeaderOrReference{"Retry-After": {Header: header}}
		}
		components.Responses[f.name] = openapi31.ResponseOrReference{Response: &response}
	}
}

// describeEnums has the values that an array's entries may have stand with its entries: the tag is of the member.
func describeEnums(r *openapi31.Reflector) {
	for _, schema := range r.Spec.Components.Schemas {
		members, _ := schema["properties"].(map[string]any)
		for _, v := range members {
			member, _ := v.(map[string]any)
			items, _ := member["items"].(map[string]any)
			if list, ok := member["enum"]; ok && items != nil {
				items["enum"] = list
				delete(member, "enum")
			}
		}
	}
}

// describeChange makes of the shapes of a schedule's and a message's change what a JSON merge patch is: every member
// may be left out, or null, which takes away what is there.
func describeChange(r *openapi31.Reflector) {
	const suffix = "Change"
	schemas := r.Spec.Components.Schemas
	change := func(from string) map[string]any {
		out := maps.Clone(schemas[from])
		delete(out, "required")
		members := make(map[string]any)
		for name, v := range out["properties"].(map[string]any) {
			member := maps.Clone(v.(map[string]any))
			switch kind, ref := member["type"], member["$ref"]; {
			case kind != nil:
				member["type"] = []any{kind, "null"}
				if list, ok := member["enum"].([]any); ok {
					member["enum"] = append(slices.Clone(list), nil)
				}
			case ref != nil:
				delete(member, "$ref")
				member["anyOf"] = []any{map[string]any{"$ref": ref.(string) + suffix}, map[string]any{"type": "null"}}
			case member["oneOf"] != nil:
				member["oneOf"] = append(slices.Clone(member["oneOf"].([]any)), map[string]any{"type": "null"})
			}
			members[name] = member
		}
		out["properties"] = members
		return out
	}
	schemas["ScheduleChange"] = change("ScheduleChange")
	payload := schemas["MessageEdit"]["properties"].(map[string]any)["payload"]
	schemas["MessageEdit"] = change("MessageEdit")
	schemas["MessageEdit"]["properties"].(map[string]any)["payload"] = payload // which nothing takes away
	for _, name := range []string{"Message", "DispatchOptions", "Callback"} {
		schemas[name+suffix] = change(name)
	}
}

func openapiJSON(c *call) error {
	d, err := c.api.document()
	if err != nil {
		return err
	}
	return c.send("application/json; charset=utf-8", d.json)
}

func openapiYAML(c *call) error {
	d, err := c.api.document()
	if err != nil {
		return err
	}
	return c.send("application/yaml; charset=utf-8", d.yaml)
}

func (c *call) send(contentType string, body []byte) error {
	c.w.Header().Set("Content-Type", contentType)
	_, _ = c.w.Write(body) // a caller that is gone cannot be told so
	return nil
}

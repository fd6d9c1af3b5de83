package httpapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/swaggest/jsonschema-go"
	"github.com/swaggest/openapi-go"
	"github.com/swaggest/openapi-go/openapi31"
	"github.com/swaggest/swgui"
	"github.com/swaggest/swgui/v5emb"

	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// document is the OpenAPI document in both forms, made once from the table of routes.
type document struct {
	json, yaml []byte
	page       http.Handler
}

// everyError are the statuses that every route with authentication may answer beside its own.
var everyError = []int{401, 403, 405, 500, 503}

func generate(routes []route, version string) (document, error) {
	r := openapi31.NewReflector()
	r.AddTypeMapping(jsontext.Value(nil), map[string]any{})
	r.AddTypeMapping(wire.Batch(nil), []wire.DispatchRequest(nil))
	r.AddTypeMapping(wire.IDs(nil), []string(nil))
	r.AddTypeMapping(wire.Names(nil), []string(nil))
	r.DefaultOptions = append(r.DefaultOptions,
		jsonschema.InterceptDefName(func(_ reflect.Type, name string) string { return strings.TrimPrefix(name, "Wire") }),
		jsonschema.InterceptProp(describeProperty))
	r.Spec.Info.WithTitle("Symphony Messenger").WithVersion(version).WithDescription(
		"A durable message queue. JSON in and out; times in RFC 3339 and UTC, durations in milliseconds. Unknown fields and query parameters are errors. " +
			"Every answer carries X-Request-Id, under which the log tells more.\n\nWhat a scope opens:\n\n" + scopesDoc())
	r.Spec.SetHTTPBearerTokenSecurity("bearer", "JWT or sym_…", "A Supabase access token, or an API key.")
	r.Spec.SetAPIKeySecurity("apiKey", "X-API-Key", openapi.InHeader, "An API key (sym_…).")
	r.Spec.SetAPIKeySecurity("supabaseCookie", "sb-access-token", openapi.InCookie, "A Supabase session in the browser's cookies; other than GET and HEAD need an allowed Origin.")
	r.Spec.SetHTTPBearerTokenSecurity("cronSecret", "secret", "The cron secret; also as x-vercel-cron-secret or x-service-key.")
	for i := range routes {
		if routes[i].hidden {
			continue
		}
		for _, method := range routes[i].methods {
			if err := describeRoute(r, &routes[i], method); err != nil {
				return document{}, fmt.Errorf("httpapi: describe %s %s: %w", method, routes[i].path, err)
			}
		}
	}
	var d document
	var err error
	if d.json, err = json.MarshalIndent(r.Spec, "", "  "); err != nil {
		return d, fmt.Errorf("httpapi: %w", err)
	}
	if d.yaml, err = r.Spec.MarshalYAML(); err != nil {
		return d, fmt.Errorf("httpapi: %w", err)
	}
	d.page = v5emb.NewHandlerWithConfig(swgui.Config{Title: "Symphony Messenger", SwaggerJSON: "/openapi.json", BasePath: "/docs/", HideCurl: false})
	return d, nil
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

// describeProperty tells what is free: payloads and metadata are objects, and the values of headers anything.
func describeProperty(p jsonschema.InterceptPropParams) error {
	if p.Processed && p.Field.Type == reflect.TypeFor[map[string]jsontext.Value]() {
		p.PropertySchema.WithAdditionalProperties(*(&jsonschema.SchemaOrBool{}).WithTypeBoolean(true))
	}
	if p.Processed && p.Field.Type == reflect.TypeFor[jsontext.Value]() {
		*p.PropertySchema = jsonschema.Schema{Description: p.PropertySchema.Description}
		if p.Name != "details" {
			p.PropertySchema.WithType(jsonschema.Object.Type())
		}
	}
	return nil
}

func describeRoute(r *openapi31.Reflector, rt *route, method string) error {
	op, err := r.NewOperationContext(method, rt.path)
	if err != nil {
		return err
	}
	op.SetTags(rt.tag)
	op.SetSummary(rt.summary)
	doc := rt.doc
	errorStatuses := slices.Clone(rt.errors)
	switch rt.access {
	case userAccess:
		doc = strings.TrimSpace(doc + " Needs the scope " + rt.scope.String() + "." + rt.own.doc())
		op.AddSecurity("bearer")
		op.AddSecurity("apiKey")
		op.AddSecurity("supabaseCookie")
		errorStatuses = append(append(errorStatuses, everyError...), http.StatusTooManyRequests)
	case cronAccess:
		op.AddSecurity("cronSecret")
		errorStatuses = append(errorStatuses, everyError...)
	case openAccess:
		errorStatuses = append(errorStatuses, http.StatusServiceUnavailable)
	}
	op.SetDescription(doc)
	if strings.Contains(rt.path, "{id}") {
		op.AddReqStructure(struct {
			ID string `path:"id"`
		}{})
	}
	if rt.request != nil && method != http.MethodGet {
		op.AddReqStructure(rt.request, func(cu *openapi.ContentUnit) {
			cu.Customize = func(cor openapi.ContentOrReference) {
				if body, ok := cor.(*openapi31.RequestBodyOrReference); ok && body.RequestBody != nil && !rt.optionalBody {
					body.RequestBody.WithRequired(true)
				}
			}
		})
	}
	for _, media := range rt.takes {
		op.AddReqStructure(new(string), openapi.WithContentType(media))
	}
	for _, status := range slices.Sorted(maps.Keys(rt.answers)) {
		op.AddRespStructure(rt.answers[status], openapi.WithHTTPStatus(status))
	}
	for _, media := range rt.streams {
		op.AddRespStructure(new(string), openapi.WithHTTPStatus(http.StatusOK), openapi.WithContentType(media))
	}
	slices.Sort(errorStatuses)
	for _, status := range slices.Compact(errorStatuses) {
		op.AddRespStructure(wire.Error{}, openapi.WithHTTPStatus(status))
	}
	if err := r.AddOperation(op); err != nil {
		return err
	}
	return addParameters(r, rt, method)
}

// addParameters adds the query's parameters to an operation.
func addParameters(r *openapi31.Reflector, rt *route, method string) error {
	item := r.Spec.Paths.MapOfPathItemValues[rt.path]
	op, err := item.Operation(method)
	if err != nil {
		return err
	}
	for _, p := range rt.query {
		schema := map[string]any{"type": p.kind}
		if p.format != "" {
			schema["format"] = p.format
		}
		param := openapi31.Parameter{Name: p.name, In: openapi31.ParameterInQuery, Schema: schema}
		if p.doc != "" {
			param.WithDescription(p.doc)
		}
		op.Parameters = append(op.Parameters, openapi31.ParameterOrReference{Parameter: &param})
	}
	return nil
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

func docsRedirect(c *call) error {
	http.Redirect(c.w, c.Request, "/docs/", http.StatusFound)
	return nil
}

func docs(c *call) error {
	d, err := c.api.document()
	if err != nil {
		return err
	}
	// The page has an inline script that starts it; everything else comes from this server, and calls go to it only.
	c.w.Header().Set("Content-Security-Policy", "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'")
	d.page.ServeHTTP(c.w, c.Request)
	return nil
}

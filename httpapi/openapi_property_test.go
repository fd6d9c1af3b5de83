package httpapi_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"github.com/symphony-messenger/symphony/monitor"
)

// described is the document with what is needed to make requests from it and to judge answers by it.
type described struct {
	*fixture
	doc      map[string]any
	compiler *jsonschema.Compiler
}

func newDescribed(t *testing.T) *described {
	t.Helper()
	d := &described{fixture: workedFixture(t)}
	var raw string
	d.doc, raw = document(t, d.fixture)
	parsed, err := jsonschema.UnmarshalJSON(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	d.compiler = jsonschema.NewCompiler()
	d.compiler.AssertFormat()
	if err := d.compiler.AddResource("openapi.json", parsed); err != nil {
		t.Fatal(err)
	}
	return d
}

// workedFixture is a server whose health is known.
func workedFixture(t *testing.T) *fixture {
	node := monitor.NodeInfo{Workers: []monitor.NodeWorker{{Name: "w", Transport: "default"}}}
	return monitoredFixture(t, &node, nil)
}

// fits reports whether JSON fits the schema at a place of the document.
func (d *described) fits(raw string, place ...string) error {
	at := "openapi.json#"
	for _, part := range place {
		at += "/" + strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(part)
	}
	schema, err := d.compiler.Compile(at)
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(raw))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// resolve follows a reference within the document.
func (d *described) resolve(v any) (map[string]any, []string) {
	node, _ := v.(map[string]any)
	ref, _ := node["$ref"].(string)
	if ref == "" {
		return node, nil
	}
	place := strings.Split(strings.TrimPrefix(ref, "#/"), "/")
	node = d.doc
	for _, part := range place {
		node = node[part].(map[string]any)
	}
	return node, place
}

// texts are what a caller writes into any member: plain, of several bytes, with what means something elsewhere.
var texts = rapid.SampledFrom([]string{
	"a", "default", "email", "Hello", "a.b", "ä€𝄞", "' OR 1=1 --", "%41", "x*", "0197", "-1", "{}"})

// value draws a value that fits a schema.
func (d *described) value(t *rapid.T, of any, label string) any {
	schema, _ := d.resolve(of)
	if list, ok := schema["anyOf"].([]any); ok {
		return d.value(t, rapid.SampledFrom(list).Draw(t, label), label)
	}
	if list, ok := schema["enum"].([]any); ok {
		return rapid.SampledFrom(list).Draw(t, label)
	}
	kind := schema["type"]
	if list, ok := kind.([]any); ok {
		kind = rapid.SampledFrom(list).Draw(t, label)
	}
	bound := func(keyword string, otherwise int64) int64 {
		if n, ok := schema[keyword].(json.Number); ok {
			otherwise, _ = n.Int64()
		}
		return otherwise
	}
	switch kind {
	case "null":
		return nil
	case "boolean":
		return rapid.Bool().Draw(t, label)
	case "integer":
		low := bound("minimum", 0)
		return rapid.Int64Range(low, bound("maximum", low+1000)).Draw(t, label)
	case "array":
		list := make([]any, rapid.Int64Range(bound("minItems", 0), 3).Draw(t, label))
		for i := range list {
			list[i] = d.value(t, schema["items"], fmt.Sprint(label, i))
		}
		return list
	case "object":
		out := make(map[string]any)
		members, _ := schema["properties"].(map[string]any)
		required, _ := schema["required"].([]any)
		for _, name := range sortedNames(members) {
			if slices.Contains(required, any(name)) || rapid.IntRange(0, 3).Draw(t, label+"."+name+"?") == 0 {
				out[name] = d.value(t, members[name], label+"."+name)
			}
		}
		if schema["additionalProperties"] != nil && rapid.Bool().Draw(t, label+"+") {
			free := rapid.SampledFrom([]any{nil, true, 1.5, "x", []any{}, map[string]any{}})
			out[texts.Draw(t, label+"+name")] = free.Draw(t, label+"+value")
		}
		return out
	}
	if schema["format"] == "date-time" {
		times := []string{"1970-01-01T00:00:00Z", "2026-12-01T09:00:00+02:00", "2100-01-01T00:00:00.123Z"}
		return rapid.SampledFrom(times).Draw(t, label)
	}
	return texts.Draw(t, label)
}

func sortedNames(m map[string]any) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// spoilt draws a value that fits no member whose schema says a type: of another type, or out of its bounds.
func (d *described) spoilt(t *rapid.T, of any, label string) any {
	schema, _ := d.resolve(of)
	switch schema["type"] {
	case "integer":
		if most, ok := schema["maximum"].(json.Number); ok && rapid.Bool().Draw(t, label+" out of bounds") {
			n, _ := most.Int64()
			return n + 1
		}
		return "one"
	case "string":
		if schema["enum"] != nil || schema["format"] != nil {
			return "no-such-value"
		}
	}
	if schema["type"] == "array" {
		return map[string]any{}
	}
	return []any{[]any{}}
}

// body draws the body of a request, and says whether it fits the document. What would have the server wait is left out.
// Sometimes it begins with the example of the document.
func (d *described) body(t *rapid.T, schema, example any) (raw string, valid bool) {
	of, place := d.resolve(schema)
	body, given := example.(map[string]any)
	if !given || rapid.Bool().Draw(t, "made up") {
		body = d.value(t, of, "body").(map[string]any)
	}
	body = maps.Clone(body)
	for _, name := range []string{"wait", "waitForMessages"} {
		delete(body, name)
	}
	members, _ := of["properties"].(map[string]any)
	switch rapid.IntRange(0, 5).Draw(t, "what is wrong") {
	case 0:
		return rapid.SampledFrom([]string{"not json", "[]", "1", "null", `{"a":1}{}`, `{"`}).Draw(t, "no body"), false
	case 1:
		body["noSuchMember"] = 1
		return encoded(body), false
	case 2:
		name := rapid.SampledFrom(sortedNames(members)).Draw(t, "spoilt")
		body[name] = d.spoilt(t, members[name], name)
		raw = encoded(body)
		return raw, d.fits(raw, place...) == nil
	case 3:
		for _, name := range sortedNames(body) {
			delete(body, name)
			break
		}
	}
	raw = encoded(body)
	return raw, d.fits(raw, place...) == nil
}

// lines are bodies of an import. What is wrong with a line is told in the answer, and refuses nothing.
var lines = []string{"", "not json", "{}\n[]\n",
	`{"message":{"type":"A","payload":{}}}`, `{"message":{"type":"","payload":[]}}`}

func encoded(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

// query draws the parameters of a request, and says whether they fit the document.
func (d *described) query(t *rapid.T, op map[string]any) (values url.Values, valid bool) {
	values, valid = make(url.Values), true
	parameters, _ := op["parameters"].([]any)
	for _, p := range parameters {
		p := p.(map[string]any)
		if p["in"] != "query" {
			continue
		}
		name, schema := p["name"].(string), p["schema"].(map[string]any)
		switch rapid.IntRange(0, 8).Draw(t, name+"?") {
		case 0, 1:
			switch schema["type"] {
			case "array": // each value once
				values.Set(name, fmt.Sprint(d.value(t, schema["items"], name)))
			case "object": // each member is a parameter
				values.Set(name+".a.b", fmt.Sprint(d.value(t, schema["additionalProperties"], name)))
			default:
				values.Set(name, fmt.Sprint(d.value(t, schema, name)))
			}
		case 2:
			switch {
			case schema["type"] == "array":
				values.Set(name, "")
			case schema["type"] == "object":
				values.Set(name+".a", "")
			case schema["type"] == "boolean":
				values.Set(name, "maybe")
			case schema["type"] == "string" && schema["enum"] == nil && schema["format"] == nil:
				values.Set(name, "")
			default:
				values.Set(name, fmt.Sprint(d.spoilt(t, schema, name)))
			}
			valid = false
		}
	}
	if rapid.IntRange(0, 9).Draw(t, "unknown?") == 0 {
		values.Set("noSuchParameter", "1")
		valid = false
	}
	return values, valid
}

// Whatever is sent to an operation, valid by the document or not, its answer is one that the document has, and what is
// not valid is refused.
func TestOpenAPI_holds_for_any_request(t *testing.T) {
	d := newDescribed(t)
	operations(d.doc, func(method, path string, op map[string]any) {
		id := op["operationId"].(string)
		if id == "streamEvents" { // does not end
			return
		}
		t.Run(id, func(t *testing.T) {
			fresh := &described{fixture: workedFixture(t), doc: d.doc, compiler: d.compiler}
			rapid.Check(t, func(rt *rapid.T) { fresh.try(rt, method, path, op) })
		})
	})
}

// something makes what a path can be about, and returns its id.
func (d *described) something(path string) string {
	made := func(thing, body string) string {
		a := d.call("POST", "/api/symphony/"+thing+"s", body)
		return a.body[thing].(map[string]any)["id"].(string)
	}
	switch strings.Split(path, "/")[3] {
	case "failed":
		return d.failed()
	case "messages":
		return d.send("Later", `{}`, `{"scheduledAt":"2100-01-01T00:00:00Z"}`)
	case "schedules":
		return made("schedule", `{"interval":60000,"message":{"type":"Report","payload":{}}}`)
	case "keys":
		return made("key", `{"name":"n","scopes":["read"]}`)
	}
	a := d.call("POST", "/api/symphony/failed/retry", `{"ids":["a"],"background":true,"rate":1}`)
	return a.body["operation"].(map[string]any)["id"].(string)
}

// failed puts a message into the dead letter queue, beside whatever waits.
func (d *described) failed() string {
	d.dispatch("Bad", `{"queue":"failing"}`)
	pulled := d.receive(`{"queues":["failing"]}`)
	d.call("POST", nackPath, `{"receipt":"`+pulled[0]["receipt"].(string)+`","permanent":true}`)
	return pulled[0]["id"].(string)
}

func (d *described) try(t *rapid.T, method, path string, op map[string]any) {
	query, valid := d.query(t, op)
	var body string
	var headers []string
	if request, ok := op["requestBody"].(map[string]any); ok {
		if media, ok := request["content"].(map[string]any)["application/json"].(map[string]any); ok {
			var fits bool
			body, fits = d.body(t, media["schema"], media["example"])
			valid = valid && fits
		} else {
			headers = []string{"Content-Type", "application/x-ndjson"}
			body = rapid.SampledFrom(lines).Draw(t, "lines")
		}
	}
	if strings.HasPrefix(path, "/api/cron") {
		headers = []string{"Authorization", "Bearer " + cronSecret}
	}
	at := strings.Replace(path, "{transport}", "default", 1)
	if strings.Contains(path, "{id}") {
		id := texts.Draw(t, "id")
		if rapid.Bool().Draw(t, "of something that is there") {
			id = d.something(path)
		}
		at = strings.ReplaceAll(at, "{id}", url.PathEscape(id))
	}
	if len(query) > 0 {
		at += "?" + query.Encode()
	}
	a := d.call(method, at, body, headers...)
	status := fmt.Sprint(a.status)
	response, place := d.resolve(op["responses"].(map[string]any)[status])
	if response == nil {
		t.Fatalf("%s %s %s: %s, which the document does not have: %s", method, at, body, status, a.raw)
	}
	if a.status >= 500 && a.status != 501 && a.code() != "unhealthy" {
		t.Fatalf("%s %s %s: %s %s", method, at, body, status, a.raw)
	}
	if !valid && a.status < 400 {
		t.Fatalf("%s %s %s: is not valid, and was taken: %s %s", method, at, body, status, a.raw)
	}
	media, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
	if place == nil {
		place = []string{"paths", path, strings.ToLower(method), "responses", status}
	}
	if response["content"].(map[string]any)[media] == nil {
		t.Fatalf("%s %s: answers %s, which the document does not have", method, at, media)
	}
	if media != "application/json" {
		return
	}
	if err := d.fits(a.raw, append(slices.Clone(place), "content", media, "schema")...); err != nil {
		t.Fatalf("%s %s %s: %s %s: %v", method, at, body, status, a.raw, err)
	}
}

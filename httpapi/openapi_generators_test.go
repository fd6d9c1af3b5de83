package httpapi_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// operations calls see with each operation of the document.
func operations(doc map[string]any, see func(method, path string, op map[string]any)) {
	for path, item := range doc["paths"].(map[string]any) {
		for method, op := range item.(map[string]any) {
			see(strings.ToUpper(method), path, op.(map[string]any))
		}
	}
}

// What generators of clients need: names for all methods, answers and members, and nothing that can be null and is not.
func TestOpenAPI_suits_generators(t *testing.T) {
	doc, _ := document(t, newFixture(t, nil))
	var tags []string
	for _, tag := range doc["tags"].([]any) {
		if tag.(map[string]any)["description"] == "" {
			t.Errorf("%v has no description", tag)
		}
		tags = append(tags, tag.(map[string]any)["name"].(string))
	}
	if len(tags) < 5 || !slices.Equal(tags[:3], []string{"Dispatch", "Messages", "Dead letters"}) {
		t.Errorf("tags %v", tags)
	}
	if servers := doc["servers"].([]any); len(servers) != 1 {
		t.Errorf("servers %v", servers)
	}
	schemas := doc["components"].(map[string]any)["schemas"].(map[string]any)
	ids, camel := make(map[string]string), regexp.MustCompile(`^[a-z]+([A-Z][a-z]+)+$`)
	operations(doc, func(method, path string, op map[string]any) {
		id, _ := op["operationId"].(string)
		if other := ids[id]; other != "" || !camel.MatchString(id) {
			t.Errorf("%s %s: operationId %q, %s", method, path, id, other)
		}
		ids[id] = method + " " + path
		// What a Go client calls the answer of an operation must not be the name of a shape.
		if answer := strings.ToUpper(id[:1]) + id[1:] + "Response"; schemas[answer] != nil {
			t.Errorf("%s: there is a shape named %s", id, answer)
		}
		if tag := op["tags"].([]any)[0].(string); !slices.Contains(tags, tag) {
			t.Errorf("%s: tag %q", id, tag)
		}
		security, given := op["security"].([]any)
		signIn := []string{"getSignInWays", "sendMagicLink", "signInByPassword"} // by who has no credential yet
		open := !strings.HasPrefix(path, "/api/") || slices.Contains(signIn, id)
		if !given || open != (len(security) == 0) {
			t.Errorf("%s: security %v", id, op["security"])
		}
		responses := op["responses"].(map[string]any)
		for status, response := range responses {
			if _, shared := response.(map[string]any)["$ref"]; shared != (status >= "400") {
				t.Errorf("%s: %s shared %v", id, status, shared)
			}
		}
		if responses["400"] == nil || responses["500"] == nil {
			t.Errorf("%s: answers %v", id, responses)
		}
		parameters, _ := op["parameters"].([]any)
		for _, p := range parameters {
			schema := p.(map[string]any)["schema"].(map[string]any)
			bound := map[any]string{"integer": "minimum", "string": "minLength"}[schema["type"]]
			if bound != "" && schema[bound] == nil {
				t.Errorf("%s: %v has no bounds", id, p)
			}
			if p.(map[string]any)["in"] == "path" && p.(map[string]any)["description"] == nil {
				t.Errorf("%s: %v is not described", id, p)
			}
		}
	})
	components := doc["components"].(map[string]any)
	for _, name := range []string{"TooManyRequests", "Unavailable"} {
		headers, _ := components["responses"].(map[string]any)[name].(map[string]any)["headers"].(map[string]any)
		if headers["Retry-After"] == nil {
			t.Errorf("%s does not tell of Retry-After", name)
		}
	}
	for name, schema := range components["schemas"].(map[string]any) {
		// In merge patches null takes away.
		if patch := strings.HasSuffix(name, "Change") || name == "MessageEdit"; !patch {
			checkSchema(t, name, schema)
		}
	}
}

// checkSchema looks for what makes generators make something useless.
func checkSchema(t *testing.T, path string, v any) {
	schema, ok := v.(map[string]any)
	if !ok {
		return
	}
	if _, list := schema["type"].([]any); list {
		t.Errorf("%s can be null: %v", path, schema)
	}
	if schema["type"] == "object" && schema["properties"] == nil && schema["additionalProperties"] == nil {
		t.Errorf("%s is an object of nothing", path)
	}
	if schema["default"] != nil {
		t.Errorf("%s has a default, so that generators have it given always", path)
	}
	members, _ := schema["properties"].(map[string]any)
	for name, member := range members {
		if name == "success" && member.(map[string]any)["const"] != true {
			t.Errorf("%s: success is %v", path, member)
		}
		checkSchema(t, path+"."+name, member)
	}
	checkSchema(t, path+"[]", schema["items"])
	checkSchema(t, path+".*", schema["additionalProperties"])
}

// Every example can be posted as it stands, where the path names something that is there.
func TestOpenAPI_examples_work(t *testing.T) {
	doc, _ := document(t, newFixture(t, nil))
	seen := 0
	operations(doc, func(method, path string, op map[string]any) {
		body, _ := op["requestBody"].(map[string]any)
		content, _ := body["content"].(map[string]any)
		media, _ := content["application/json"].(map[string]any)
		if media == nil {
			return
		}
		example := media["example"]
		if example == nil {
			if slices.Contains([]string{"ackMessages", "nackMessage", "extendLeases"}, op["operationId"].(string)) {
				return // take a receipt, which nobody can make up
			}
			t.Errorf("%s %s has no example", method, path)
			return
		}
		if slices.Contains([]string{"signInByPassword", "sendMagicLink"}, op["operationId"].(string)) {
			return // ask a Supabase project
		}
		seen++
		f := newFixture(t, nil)
		switch {
		case strings.HasPrefix(path, "/api/symphony/failed/groups/{id}"):
			f.fail("EmailMessage", `{}`)
			groups := f.call("GET", groupsPath, "").body["groups"].([]any)
			path = strings.ReplaceAll(path, "{id}", groups[0].(map[string]any)["group"].(string))
		case strings.HasPrefix(path, "/api/symphony/failed/{id}"):
			path = strings.ReplaceAll(path, "{id}", f.fail("EmailMessage", `{}`))
		case strings.HasPrefix(path, "/api/symphony/handlers/{id}"):
			path = strings.ReplaceAll(path, "{id}", "order.*")
			if a := f.call("PUT", ofHandlers+"order.*", `{"url":"https://app.example.com/"}`); a.status != 201 {
				t.Fatal(a.raw)
			}
		case path == "/api/symphony/messages/{id}", path == "/api/symphony/messages/{id}/cancel":
			path = strings.ReplaceAll(path, "{id}", f.send("EmailMessage", `{}`, `{}`))
		case strings.HasPrefix(path, "/api/symphony/messages/{id}"):
			path = strings.ReplaceAll(path, "{id}", f.complete("EmailMessage", `{}`, `{}`))
		case strings.HasPrefix(path, "/api/symphony/schedules/{id}"):
			made := f.call("POST", "/api/symphony/schedules", `{"interval":60000,"message":{"type":"Report","payload":{}}}`)
			path = strings.ReplaceAll(path, "{id}", made.body["schedule"].(map[string]any)["id"].(string))
		case strings.Contains(path, "{transport}"):
			path = strings.NewReplacer("{transport}", "default", "{id}", "mail").Replace(path)
		case path == "/api/symphony/resume":
			f.call("POST", "/api/symphony/pause", `{"queue":"mail"}`)
		}
		raw, err := json.Marshal(example)
		if err != nil {
			t.Fatal(err)
		}
		if a := f.call(method, path, string(raw)); a.status >= 300 {
			t.Errorf("%s %s %s: %d %s", method, path, raw, a.status, a.raw)
		}
	})
	if seen < 10 {
		t.Errorf("%d examples", seen)
	}
}

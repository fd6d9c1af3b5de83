package httpapi_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/symphony-messenger/symphony/httpapi"
)

// A page of a listed origin may call every route: the browser asks first whether the method is allowed.
func TestCORS_allows_the_methods_of_all_routes(t *testing.T) {
	const origin = "https://app.example.com"
	f := newFixture(t, func(o *httpapi.Options) { o.CORSOrigins = []string{origin} })
	doc, _ := document(t, f)
	asked := make(map[string]bool)
	for path, operations := range doc["paths"].(map[string]any) {
		if strings.HasSuffix(path, "/public") || strings.HasSuffix(path, "/public/events") {
			continue // pages of every origin may call these, see TestTokens_are_open_to_every_origin
		}
		for name := range operations.(map[string]any) {
			method := strings.ToUpper(name)
			if !slices.Contains([]string{"GET", "POST", "PUT", "PATCH", "DELETE"}, method) {
				continue // parameters and the like
			}
			asked[method] = true
			a := f.call("OPTIONS", path, "", "Authorization", "", "Origin", origin,
				"Access-Control-Request-Method", method)
			allowed := strings.Split(a.header.Get("Access-Control-Allow-Methods"), ", ")
			if a.status != 204 || !slices.Contains(allowed, method) {
				t.Errorf("%s %s: %d, allowed are %q", method, path, a.status, allowed)
			}
		}
	}
	if len(asked) != 5 {
		t.Errorf("the routes have the methods %v only", asked)
	}
}

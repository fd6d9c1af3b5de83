package httpapi

import (
	"net/http"
	"regexp"
	"slices"
	"testing"
)

// Every route that changes something is in the audit trail, but for those that move messages.
func TestRoutes_are_audited(t *testing.T) {
	exempt := []string{
		"/api/symphony/dispatch", "/api/symphony/dispatch/batch", "/api/symphony/consume",
		"/api/symphony/receive", "/api/symphony/ack", "/api/symphony/nack", "/api/symphony/extend",
		"/api/symphony/schedules/preview", // changes nothing
		// A success is recorded as soon as it is known who signs in.
		"/api/symphony/session/password", "/api/symphony/session/magic-link",
		"/api/cron/symphony-worker", "/api/cron/symphony-scheduler",
	}
	routes := (&API{}).table()
	action := regexp.MustCompile(`^[a-z]+\.[a-z_]+$`)
	for i := range routes {
		rt := &routes[i]
		for _, method := range rt.methods {
			read := method == http.MethodGet || method == http.MethodHead
			if want := !read && !slices.Contains(exempt, rt.path); rt.audited(method) != want {
				t.Errorf("%s %s: audited %v, want %v", method, rt.path, !want, want)
			}
		}
		if rt.audit != "" && rt.audit != traffic && !action.MatchString(rt.audit) {
			t.Errorf("%s: action %q", rt.path, rt.audit)
		}
	}
	bad := []route{{methods: []string{http.MethodPost}, path: "/x"}}
	if checkAudited(bad) == nil {
		t.Error("a route that says nothing is accepted")
	}
}

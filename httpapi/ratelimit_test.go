package httpapi_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/httpapi"
)

func TestRateLimit_bounds_each_caller_alone(t *testing.T) {
	f := newFixture(t, func(o *httpapi.Options) { o.RateLimit = flow.Rate{Count: 1, Per: time.Hour, Burst: 2} })
	reader, admin := []string{"Authorization", "Bearer " + f.keys["read"]}, []string{"Authorization", "Bearer " + f.keys["admin"]}
	const path = "/api/symphony/status"
	for range 2 {
		if a := f.call("GET", path, "", reader...); a.status != 200 {
			t.Fatalf("within the burst: %d %s", a.status, a.raw)
		}
	}
	for _, path := range []string{path, "/api/symphony/keys"} { // also where its scope is not enough
		a := f.call("GET", path, "", reader...)
		wait, _ := strconv.Atoi(a.header.Get("Retry-After"))
		if a.status != 429 || a.code() != "rate_limited" || wait < 3000 || wait > 3600 {
			t.Errorf("%s beyond it: %d %s, Retry-After %d", path, a.status, a.raw, wait)
		}
	}
	if a := f.call("GET", path, "", admin...); a.status != 200 {
		t.Errorf("another caller: %d %s", a.status, a.raw)
	}
	for range 5 {
		if a := f.call("GET", "/healthz", ""); a.status != 200 {
			t.Errorf("an open route: %d %s", a.status, a.raw)
		}
		if a := f.call("GET", "/api/cron/symphony-scheduler", "", "Authorization", "Bearer "+cronSecret); a.status != 200 {
			t.Errorf("the cron route: %d %s", a.status, a.raw)
		}
	}
}

func TestRateLimit_is_off_by_default(t *testing.T) {
	f := newFixture(t, nil)
	for range 200 {
		if a := f.call("GET", "/api/symphony/status", ""); a.status != 200 {
			t.Fatalf("got %d %s", a.status, a.raw)
		}
	}
}

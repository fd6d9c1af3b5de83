package main

import (
	"context"
	"net/http"
	"strings"
)

// endRuns has the requests that run a worker end when the service drains, as if their callers had gone: they finish or
// give back what they have in hand and answer. All others are answered in no time and are left alone.
func endRuns(draining context.Context, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/symphony/consume" || strings.HasPrefix(r.URL.Path, "/api/cron/") {
			ctx, cancel := context.WithCancel(r.Context())
			defer cancel()
			defer context.AfterFunc(draining, cancel)()
			r = r.WithContext(ctx)
		}
		h.ServeHTTP(w, r)
	})
}

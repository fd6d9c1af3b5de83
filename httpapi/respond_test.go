package httpapi_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// Whoever hangs up while he waits is no failure of the server's: nobody is to be woken up for him.
func TestHangingUp_is_not_logged_as_an_error(t *testing.T) {
	f := newFixture(t, nil)
	sent := f.call("POST", "/api/symphony/dispatch",
		`{"message":{"type":"Order","payload":{}},"options":{"delay":3600000}}`)
	ctx, hangUp := context.WithCancel(context.Background())
	time.AfterFunc(100*time.Millisecond, hangUp)
	path := "/api/symphony/messages/" + sent.body["messageId"].(string) + "?wait=30000"
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, path, nil)
	r.Header.Set("Authorization", "Bearer "+f.keys["admin"])
	r.Header.Set("X-Request-Id", "hung-up")
	f.api.Handler().ServeHTTP(httptest.NewRecorder(), r)
	for line := range strings.Lines(f.log.String()) {
		if strings.Contains(line, `"request_id":"hung-up"`) {
			if !strings.Contains(line, `"level":"INFO"`) || !strings.Contains(line, `"status":503`) {
				t.Errorf("logged %s", line)
			}
			return
		}
	}
	t.Errorf("the log does not have the request: %s", f.log.String())
}

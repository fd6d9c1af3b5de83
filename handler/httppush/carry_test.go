package httppush_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony/handler"
	"github.com/symphony-messenger/symphony/handler/httppush"
)

func TestHandle_carries_headers_that_HTTP_can_hold(t *testing.T) {
	url, seen := endpoint(t, status(http.StatusNoContent))
	h := open(t, url, httppush.Options{Headers: map[string]string{"X-Configured": "by the operator"}})
	d := delivery()
	d.Headers = map[string]any{
		"X-Text": "é, \"quoted\"", "X-Number": json.Number("1.500e3"), "X-Yes": true, "X-None": nil, "X-List": []any{json.Number("1")}, "X-Object": map[string]any{"a": "b"},
		"X-Lines": "a\nX-Injected: b", "X-Tab": "a\tb", " name": "v", "náme": "v", "X-Space": " v ",
		"Authorization": "Bearer forged", "cookie": "a=b", "Host": "elsewhere", "Content-Length": "1", "Transfer-Encoding": "chunked", "webhook-signature": "v1,forged",
		"X-Forwarded-For": "127.0.0.1", "X-Configured": "by the caller", "Connection": "close", "x-api-key": "k",
		"z-large": strings.Repeat("x", 4096), "zz-small": "v",
	}
	if err := h.Handle(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	got := <-seen
	carried := map[string]string{}
	for name := range d.Headers {
		if values := got.Header.Values(name); len(values) > 0 {
			carried[name] = strings.Join(values, "|")
		}
	}
	want := map[string]string{"X-Text": "é, \"quoted\"", "X-Number": "1.500e3", "X-Yes": "true", "X-Configured": "by the operator", "zz-small": "v",
		"Content-Length": carried["Content-Length"]} // its own
	if diff := cmp.Diff(want, carried); diff != "" {
		t.Errorf("carried (-want +got):\n%s", diff)
	}
	if got.Header.Get("X-Injected") != "" {
		t.Error("a header was injected")
	}
	encoded, err := handler.Encode(d)
	if err != nil || string(encoded) != string(got.body) {
		t.Fatalf("the body is %s, want all headers in %s, %v", got.body, encoded, err)
	}
	var body handler.Body
	if err := json.Unmarshal(got.body, &body); err != nil || len(body.Headers) != len(d.Headers) {
		t.Errorf("the body has %d headers, want %d, %v", len(body.Headers), len(d.Headers), err)
	}
}

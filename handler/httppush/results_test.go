package httppush_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/handler/httppush"
)

func answering(contentType string, status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// result runs a handler on a message by a Mux.
func result(t *testing.T, h symphony.Handler) symphony.Result {
	t.Helper()
	mux := symphony.NewMux()
	mux.Handle("*", h, symphony.HandlerOptions{})
	return mux.Run(symphony.Reporting(t.Context(), 100, nil), delivery(), 0)
}

func TestHandle_keeps_answers_as_outputs(t *testing.T) {
	for name, test := range map[string]struct {
		contentType, body string
		off               bool
		output, why       string
	}{
		"JSON":          {"application/json; charset=utf-8", `{ "rows": 1.50 }`, false, `{ "rows": 1.50 }`, ""},
		"not asked for": {"application/json", `{}`, true, "", ""},
		"another type":  {"text/plain", `{}`, false, "", ""},
		"too large": {"application/json", `"` + strings.Repeat("x", 100) + `"`, false, "",
			symphony.OutputTooLarge},
		"no JSON":           {"application/json", `{"a"`, false, "", symphony.OutputNotJSON},
		"nothing":           {"application/json", ``, false, "", symphony.OutputNotJSON},
		"bytes that are no": {"application/json", "\"\xff\"", false, "", symphony.OutputNotJSON},
	} {
		t.Run(name, func(t *testing.T) {
			url, _ := endpoint(t, answering(test.contentType, 200, test.body))
			res := result(t, open(t, url, httppush.Options{KeepOutput: !test.off}))
			if res.Err != nil || string(res.Output) != test.output || res.OutputError != test.why {
				t.Errorf("got %+v", res)
			}
		})
	}
}

func TestHandle_takes_what_a_refusal_says_itself(t *testing.T) {
	retry := symphony.Decision{Outcome: symphony.Retry, Delay: time.Second}
	fail := symphony.Decision{Outcome: symphony.Fail}
	for name, test := range map[string]struct {
		status      int
		contentType string
		body        string
		want        symphony.Decision
		text, class string
	}{
		"permanent": {503, "application/json",
			`{"error":"expired","errorClass":"CardExpired","permanent":true}`, fail, "expired", "CardExpired"},
		"not permanent": {422, "application/json", `{"error":"later","permanent":false}`, retry, "later",
			"http_422"},
		"retry after": {404, "application/json", `{"error":"later","retryAfter":2500}`,
			symphony.Decision{Outcome: symphony.Retry, Delay: 2500 * time.Millisecond}, "later", "http_404"},
		"nothing of a retry":   {503, "application/json", `{"error":"down"}`, retry, "down", "http_503"},
		"nothing, and a final": {404, "application/json", `{"error":"gone"}`, fail, "gone", "http_404"},
		"cleaned": {500, "application/json", `{"error":"a\u001b[2Jb","errorClass":"x\u0000y"}`,
			retry, "a [2Jb", "x_y"},
		"another type":   {404, "text/plain", `{"error":"x","permanent":false}`, fail, "", "http_404"},
		"no error in it": {404, "application/json", `{"message":"x"}`, fail, "", "http_404"},
		"an error of no text": {503, "application/json", `{"error":{"code":1},"permanent":true}`, retry, "",
			"http_503"},
	} {
		t.Run(name, func(t *testing.T) {
			url, _ := endpoint(t, answering(test.contentType, test.status, test.body))
			err := open(t, url, httppush.Options{}).Handle(t.Context(), delivery())
			if diff := cmp.Diff(test.want, steady.Decide(1, err, 0.5)); diff != "" {
				t.Errorf("decision (-want +got):\n%s", diff)
			}
			if test.text != "" && err.Error() != test.text || symphony.ErrorClass(err) != test.class {
				t.Errorf("got %v of class %s", err, symphony.ErrorClass(err))
			}
		})
	}
}

func TestHandle_sends_a_receipt_that_a_message_cannot_replace(t *testing.T) {
	got := make(chan []string, 1)
	url, _ := endpoint(t, func(_ http.ResponseWriter,
		r *http.Request) {
		got <- r.Header.Values(httppush.HeaderReceipt)
	})
	d := delivery()
	d.Headers = map[string]any{"symphony-receipt": "forged"}
	for _, want := range []string{"made", ""} {
		h := open(t, url, httppush.Options{Receipt: func(context.Context, *symphony.Delivery) string { return want }})
		if err := h.Handle(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		if list := <-got; strings.Join(list, ",") != want {
			t.Errorf("got %q, want %q", list, want)
		}
	}
}

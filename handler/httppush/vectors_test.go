package httppush_test

import (
	"encoding/json"
	"flag"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony/handler/httppush"
)

var update = flag.Bool("update", false, "write the golden file anew")

// vector is a push as an endpoint gets it.
type vector struct {
	Secrets []string          `json:"secrets"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
}

// TestHandle_sends_what_the_vectors_say holds what is sent to the vectors by which clients in other languages test that
// they verify it.
func TestHandle_sends_what_the_vectors_say(t *testing.T) {
	const file = "../../sdk/testdata/pushes.json"
	var got []vector
	for _, c := range []struct {
		secrets []string
		payload string
	}{
		{[]string{secretA}, `{"order": 42}`},
		{[]string{secretB, secretA}, `{"amount":12345678901234567890.10,"text":"Grüße 🎺 \"}\\"}`},
		{[]string{secretB}, "{\n  \"spaces\" :\t[ 1 , {\"payload\": 2} ]\n}"},
	} {
		url, seen := endpoint(t, status(204))
		d := delivery()
		d.Payload = json.RawMessage(c.payload)
		h := open(t, url, httppush.Options{Secrets: c.secrets, Clock: clock{now: time.Unix(1796116200, 0)}})
		if err := h.Handle(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		r := <-seen
		v := vector{Secrets: c.secrets, Headers: map[string]string{}, Body: string(r.body)}
		for _, name := range []string{"Content-Type", "Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"} {
			v.Headers[name] = r.Header.Get(name)
		}
		got = append(got, v)
	}
	if *update {
		raw, err := json.MarshalIndent(got, "", "  ")
		if err == nil {
			err = os.WriteFile(file, append(raw, '\n'), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var want []vector
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("clients verify other pushes than are sent (-want +got); -update writes the file anew:\n%s", diff)
	}
}

package httpapi

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"net/http"
	"reflect"
	"testing"

	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// FuzzDispatchBody holds that no body makes the decoder fail otherwise than with a 400 that says why, and that what it
// takes is valid JSON whose payload it kept byte for byte.
func FuzzDispatchBody(f *testing.F) {
	for _, seed := range []string{
		`{"message":{"type":"a","payload":{"n":1.50}}}`, `{"message":{"type":"a","payload":{"x":1,"x":2}}}`, `{}`, `[]`, `null`, `"`, ``,
		`{"message":{"type":1,"payload":[],"extra":{}},"options":{"priority":"x","scheduledAt":"never","headers":{"a":1},"metadata":3}}`,
		"{\"message\":{\"type\":\"\xff\"}}", `{"message":{"type":"a","payload":{}}} {}`, `{"options":{"priority":1e400}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var req wire.DispatchRequest
		original := bytes.Clone(body)
		err := decode(t.Context(), body, &req)
		if !bytes.Equal(body, original) {
			t.Fatal("decoding changed the body")
		}
		if err == nil {
			if !stdjson.Valid(body) || len(req.Message.Payload) > 0 && !bytes.Contains(body, req.Message.Payload) {
				t.Fatalf("took %q with payload %q", body, req.Message.Payload)
			}
			return
		}
		if answer := describe(err); answer.status != http.StatusBadRequest || reflect.ValueOf(answer.details).Len() == 0 {
			t.Fatalf("%q: %v without a reason", body, err)
		}
		var m *misfit
		if errors.As(err, &m) && m.rest != nil && !stdjson.Valid(m.rest) {
			t.Fatalf("the rest %q is no JSON", m.rest)
		}
	})
}

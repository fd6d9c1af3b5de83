package httpapi_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony"
)

// What a caller says of its trace is checked by the W3C's rules; what breaks them is left out and refuses nothing.
func TestDispatch_continues_the_trace_of_the_request(t *testing.T) {
	const valid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	f := newFixture(t, nil)
	for name, test := range map[string]struct {
		parent, state string
		want          map[string]any
	}{
		"with a state":         {valid, "a=1,b@c=2", map[string]any{"traceparent": valid, "tracestate": "a=1,b@c=2"}},
		"not sampled":          {strings.TrimSuffix(valid, "1") + "0", "", map[string]any{"traceparent": strings.TrimSuffix(valid, "1") + "0"}},
		"of a later version":   {"cc" + valid[2:] + "-more", "", map[string]any{"traceparent": valid}},
		"a state alone":        {"", "a=1", nil},
		"a state that is none": {valid, "a=1,,=,a", map[string]any{"traceparent": valid}},
		"a long state":         {valid, "a=" + strings.Repeat("x", 2000), map[string]any{"traceparent": valid}},
		"too short":            {valid[:54], "a=1", nil},
		"too long":             {valid + "-00", "", nil},
		"upper case":           {strings.ToUpper(valid), "", nil},
		"no trace":             {"00-00000000000000000000000000000000-00f067aa0ba902b7-01", "", nil},
		"no span":              {"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", "", nil},
		"the version ff":       {"ff" + valid[2:], "", nil},
		"nonsense":             {strings.Repeat("é", 5000), "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			for _, request := range [][2]string{
				{dispatchPath, `{"message":{"type":"a","payload":{}}}`},
				{dispatchPath + "/batch", `{"messages":[{"message":{"type":"a","payload":{}}}]}`},
			} {
				if a := f.call("POST", request[0], request[1], "Traceparent", test.parent, "Tracestate", test.state); a.status != 201 {
					t.Fatalf("%s: %d %s", request[0], a.status, a.raw)
				}
			}
			got, err := f.tr.Receive(context.Background(), symphony.ReceiveOptions{})
			if err != nil || len(got) != 2 {
				t.Fatalf("got %d messages, %v", len(got), err)
			}
			for _, d := range got {
				if diff := cmp.Diff(test.want, d.Headers); diff != "" {
					t.Errorf("headers (-want +got):\n%s", diff)
				}
			}
		})
	}
}

package symphony_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/symphonytest"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

// A bus dispatches what is within: by the queue that a message would be stored in, in each of its transports, and by
// the callbacks that would follow it. Nothing of a dispatch is stored otherwise, and its payload is not looked at.
func TestBus_Within(t *testing.T) {
	tr := symphonytest.Storage(t, sqlite.Options{})
	t.Cleanup(func() { tr.Close() })
	all, err := symphony.NewBus([]symphony.Transport{tr, tr.Named("other")}, symphony.BusOptions{
		Routes:   map[string][]string{"both": {"default", "other"}},
		Defaults: map[string]symphony.TransportDefaults{"other": {Queue: "lane"}},
		Types:    []string{"a", "b", "both", "checked"},
		Schemas:  refusing{},
	})
	if err != nil {
		t.Fatal(err)
	}
	refused := errors.New("refused")
	var paths []string
	bus := all.Within(func(typ, queue string) string {
		switch {
		case typ != "a" && typ != "both":
			return "type"
		case queue != "default":
			return "queue"
		}
		return ""
	}, func(list []symphony.Problem) error {
		for _, p := range list {
			paths = append(paths, p.Path)
		}
		return refused
	})
	out := func(typ string, o symphony.DispatchOptions) symphony.Outgoing {
		return symphony.Outgoing{Message: symphony.Message{Type: typ, Payload: []byte(`{}`)}, Options: o}
	}
	for _, tc := range []struct {
		out  symphony.Outgoing
		want []string
	}{
		{out("a", symphony.DispatchOptions{}), nil},
		{out("a", symphony.DispatchOptions{OnSuccess: &symphony.Callback{Type: "both", Transport: "default"}}), nil},
		{out("both", symphony.DispatchOptions{Queue: "default"}), nil},
		{out("a", symphony.DispatchOptions{Queue: "lane"}), []string{"options.queue"}},
		{out("a", symphony.DispatchOptions{Transport: "other"}), []string{"options.queue"}},
		{out("both", symphony.DispatchOptions{}), []string{"options.queue"}}, // of the second transport
		{out("b", symphony.DispatchOptions{}), []string{"message.type"}},
		{out("checked", symphony.DispatchOptions{}), []string{"message.type"}},
		{out("undeclared", symphony.DispatchOptions{}), []string{"message.type"}},
		{out("a", symphony.DispatchOptions{OnFailure: &symphony.Callback{Type: "checked"}}),
			[]string{"options.onFailure.type"}},
		{out("a", symphony.DispatchOptions{OnSuccess: &symphony.Callback{Type: "a", Transport: "other"}}),
			[]string{"options.onSuccess.queue"}},
	} {
		paths = nil
		_, err := bus.DispatchMessage(t.Context(), tc.out.Message, tc.out.Options)
		if diff := cmp.Diff(tc.want, paths); diff != "" || errors.Is(err, refused) != (tc.want != nil) {
			t.Errorf("%s %+v: %v (-want +got)\n%s", tc.out.Message.Type, tc.out.Options, err, diff)
		}
		paths = nil
		_, err = bus.DispatchBatch(t.Context(), []symphony.Outgoing{out("a", symphony.DispatchOptions{}), tc.out})
		for i := range tc.want {
			tc.want[i] = "messages[1]." + tc.want[i]
		}
		if diff := cmp.Diff(tc.want, paths); diff != "" || errors.Is(err, refused) != (tc.want != nil) {
			t.Errorf("a batch with %s %+v: %v (-want +got)\n%s", tc.out.Message.Type, tc.out.Options, err, diff)
		}
		if list := bus.Check(tc.out, ""); len(list) > 0 {
			t.Errorf("Check tells of %s: %v", tc.out.Message.Type, list)
		}
	}
	stats, err := tr.Stats(t.Context())
	if err != nil || stats.Pending != 9 {
		t.Errorf("%d messages wait, %v, want 3 of dispatches and 6 of batches", stats.Pending, err)
	}
}

// refusing refuses every payload of the type checked.
type refusing struct{}

func (refusing) CheckPayload(typ string, _ json.RawMessage) []symphony.Problem {
	if typ == "checked" {
		return []symphony.Problem{{Message: "must be another one"}}
	}
	return nil
}

package symphony_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony"
)

// deadLetters has n failed messages of a type, with payloads {"n": 0}, {"n": 1}, …
func deadLetters(t *testing.T, n int, o symphony.BusOptions) (*symphony.Bus, *symphony.DeadLetters, symphony.Transport) {
	t.Helper()
	c := newClock(time.Millisecond)
	o.Clock = c
	tr := open(t, c, "default")[0]
	bus := newBus(t, o, tr)
	failMore(t, bus, tr, "order.paid", n)
	failed, err := bus.Failed("default")
	if err != nil {
		t.Fatal(err)
	}
	return bus, failed, tr
}

func failMore(t *testing.T, bus *symphony.Bus, tr symphony.Transport, typ string, n int) {
	t.Helper()
	for i := range n {
		if _, err := bus.Dispatch(t.Context(), typ, map[string]int{"n": i}, symphony.DispatchOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	fail(t, tr, "down")
}

func list(t *testing.T, d *symphony.DeadLetters, q symphony.MessageQuery) symphony.MessagePage {
	t.Helper()
	q.Total = true
	page, err := d.List(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

func TestDeadLetters_List(t *testing.T) {
	_, failed, _ := deadLetters(t, 60, symphony.BusOptions{})
	for name, test := range map[string]struct {
		query symphony.MessageQuery
		want  int
		more  bool
	}{
		"as many as by default": {symphony.MessageQuery{}, symphony.DefaultMessagePage, true},
		"a few":                 {symphony.MessageQuery{Limit: 1}, 1, true},
		"the most":              {symphony.MessageQuery{Limit: symphony.MaxMessagePage}, 60, false},
		"the rest":              {symphony.MessageQuery{Offset: 50}, 10, false},
	} {
		t.Run(name, func(t *testing.T) {
			page := list(t, failed, test.query)
			if len(page.Messages) != test.want || (page.Next != "") != test.more || page.Total != 60 {
				t.Errorf("%d messages of %d, more: %v; want %d of 60, more: %v", len(page.Messages), page.Total, (page.Next != ""), test.want, test.more)
			}
		})
	}
	for name, query := range map[string]symphony.MessageQuery{
		"limit must be 1 to 200":                            {Limit: 201},
		"limit must be 1 to 200; offset must be at least 0": {Limit: -1, Offset: -1},
	} {
		_, err := failed.List(t.Context(), query)
		if problemsOf(t, err); err.Error() != "invalid message: "+name {
			t.Errorf("List(%+v): error = %v", query, err)
		}
	}
}

func TestDeadLetters_Get(t *testing.T) {
	_, failed, _ := deadLetters(t, 1, symphony.BusOptions{})
	want := list(t, failed, symphony.MessageQuery{}).Messages[0]
	got, err := failed.Get(t.Context(), want.FailedID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("failed message (-want +got):\n%s", diff)
	}
	if got.Error != "down" || got.ErrorClass != "test" || len(got.Attempts) != 1 || string(got.Payload) != `{"n":0}` {
		t.Errorf("failed message = %+v", got)
	}
	if _, err := failed.Get(t.Context(), "none"); !errors.Is(err, symphony.ErrNotFound) {
		t.Errorf("an unknown id: error = %v, want ErrNotFound", err)
	}
}

func TestDeadLetters_Retry(t *testing.T) {
	for name, test := range map[string]struct{ payload, want string }{
		"as it was": {"", `{"n":0}`},
		"corrected": {`{ "n" : 7.0 }`, `{ "n" : 7.0 }`},
	} {
		t.Run(name, func(t *testing.T) {
			_, failed, tr := deadLetters(t, 1, symphony.BusOptions{})
			old := list(t, failed, symphony.MessageQuery{}).Messages[0]
			var payload json.RawMessage
			if test.payload != "" {
				payload = json.RawMessage(test.payload)
			}
			id, err := failed.Retry(t.Context(), old.FailedID, payload)
			if err != nil {
				t.Fatal(err)
			}
			got := receive(t, tr)
			if len(got) != 1 || got[0].ID != id || id == old.ID || string(got[0].Payload) != test.want || got[0].Attempt != 1 {
				t.Errorf("received %+v, want message %s with payload %s", got, id, test.want)
			}
			if page := list(t, failed, symphony.MessageQuery{}); page.Total != 0 {
				t.Errorf("%d failed messages are left", page.Total)
			}
			if _, err := failed.Retry(t.Context(), old.FailedID, nil); !errors.Is(err, symphony.ErrNotFound) {
				t.Errorf("a second retry: error = %v, want ErrNotFound", err)
			}
		})
	}
}

// Logs and dispatches tell the id of the message; the dead letter queue has ids of its own.
func TestDeadLetters_are_found_by_the_message_id(t *testing.T) {
	_, failed, _ := deadLetters(t, 2, symphony.BusOptions{})
	page := list(t, failed, symphony.MessageQuery{})
	first, second := page.Messages[0], page.Messages[1]
	if got, err := failed.Get(t.Context(), first.ID); err != nil || got.FailedID != first.FailedID {
		t.Errorf("get: %q, %v; want %q", got.FailedID, err, first.FailedID)
	}
	if _, err := failed.Retry(t.Context(), first.ID, nil); err != nil {
		t.Errorf("retry: %v", err)
	}
	if _, err := failed.Retry(t.Context(), first.ID, nil); !errors.Is(err, symphony.ErrNotFound) {
		t.Errorf("retry again: %v, want ErrNotFound", err)
	}
	if err := failed.Delete(t.Context(), second.ID); err != nil {
		t.Errorf("delete: %v", err)
	}
	if _, err := failed.Get(t.Context(), second.ID); !errors.Is(err, symphony.ErrNotFound) {
		t.Errorf("get of what was deleted: %v, want ErrNotFound", err)
	}
	if left := list(t, failed, symphony.MessageQuery{}); left.Total != 0 {
		t.Errorf("%d are left, want none", left.Total)
	}
}

func TestDeadLetters_Retry_refuses_payloads(t *testing.T) {
	_, failed, tr := deadLetters(t, 1, symphony.BusOptions{MaxMessageBytes: 100})
	id := list(t, failed, symphony.MessageQuery{}).Messages[0].FailedID
	for payload, want := range map[string]string{
		"":                 "payload must be a JSON object",
		"[]":               "payload must be a JSON object",
		`{"a":`:            "payload must be valid JSON in UTF-8",
		"{\"a\":\"\xff\"}": "payload must be valid JSON in UTF-8",
		`{"a":"` + strings.Repeat("x", 100) + `"}`: "payload must have at most 100 bytes, has 108",
	} {
		_, err := failed.Retry(t.Context(), id, json.RawMessage(payload))
		if problemsOf(t, err); err.Error() != "invalid message: "+want {
			t.Errorf("payload %s: error = %v, want %s", payload, err, want)
		}
	}
	if list(t, failed, symphony.MessageQuery{}).Total != 1 || len(receive(t, tr)) != 0 {
		t.Error("a refused retry changed something")
	}
}

func TestDeadLetters_Delete(t *testing.T) {
	_, failed, _ := deadLetters(t, 2, symphony.BusOptions{})
	id := list(t, failed, symphony.MessageQuery{}).Messages[0].FailedID
	if err := failed.Delete(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if err := failed.Delete(t.Context(), id); !errors.Is(err, symphony.ErrNotFound) {
		t.Errorf("a second time: error = %v, want ErrNotFound", err)
	}
	if page := list(t, failed, symphony.MessageQuery{}); page.Total != 1 || page.Messages[0].FailedID == id {
		t.Errorf("left are %+v", page)
	}
}

// One caller's dead letters are moved by him alone, also where another's are named by their ids.
func TestDeadLetters_Move_of_one_caller(t *testing.T) {
	bus, failed, tr := deadLetters(t, 1, symphony.BusOptions{})
	o := symphony.DispatchOptions{DispatchedBy: "user:a"}
	if _, err := bus.Dispatch(t.Context(), "order.paid", struct{}{}, o); err != nil {
		t.Fatal(err)
	}
	fail(t, tr, "down")
	var moves []symphony.FailedMove
	for _, m := range list(t, failed, symphony.MessageQuery{}).Messages {
		moves = append(moves, symphony.FailedMove{ID: m.FailedID})
	}
	if n, err := failed.Of("user:a").Move(t.Context(), moves); n != 1 || err != nil || len(moves) != 2 {
		t.Errorf("moved %d of %d, %v; want 1 of 2", n, len(moves), err)
	}
	if left := list(t, failed, symphony.MessageQuery{}); left.Total != 1 || left.Messages[0].DispatchedBy != "" {
		t.Errorf("left are %+v", left)
	}
}

package symphony_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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

func list(t *testing.T, d *symphony.DeadLetters, q symphony.FailedQuery) symphony.FailedPage {
	t.Helper()
	page, err := d.List(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

func TestDeadLetters_List(t *testing.T) {
	_, failed, _ := deadLetters(t, 60, symphony.BusOptions{})
	for name, test := range map[string]struct {
		query symphony.FailedQuery
		want  int
		more  bool
	}{
		"as many as by default": {symphony.FailedQuery{}, symphony.DefaultFailedPage, true},
		"a few":                 {symphony.FailedQuery{Limit: 1}, 1, true},
		"the most":              {symphony.FailedQuery{Limit: symphony.MaxFailedPage}, 60, false},
		"the rest":              {symphony.FailedQuery{Offset: 50}, 10, false},
	} {
		t.Run(name, func(t *testing.T) {
			page := list(t, failed, test.query)
			if len(page.Messages) != test.want || page.HasMore != test.more || page.Total != 60 {
				t.Errorf("%d messages of %d, more: %v; want %d of 60, more: %v", len(page.Messages), page.Total, page.HasMore, test.want, test.more)
			}
		})
	}
	for name, query := range map[string]symphony.FailedQuery{
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
	want := list(t, failed, symphony.FailedQuery{}).Messages[0]
	got, err := failed.Get(t.Context(), want.ID)
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
			old := list(t, failed, symphony.FailedQuery{}).Messages[0]
			var payload json.RawMessage
			if test.payload != "" {
				payload = json.RawMessage(test.payload)
			}
			id, err := failed.Retry(t.Context(), old.ID, payload)
			if err != nil {
				t.Fatal(err)
			}
			got := receive(t, tr)
			if len(got) != 1 || got[0].ID != id || id == old.Envelope.ID || string(got[0].Payload) != test.want || got[0].Attempt != 1 {
				t.Errorf("received %+v, want message %s with payload %s", got, id, test.want)
			}
			if page := list(t, failed, symphony.FailedQuery{}); page.Total != 0 {
				t.Errorf("%d failed messages are left", page.Total)
			}
			if _, err := failed.Retry(t.Context(), old.ID, nil); !errors.Is(err, symphony.ErrNotFound) {
				t.Errorf("a second retry: error = %v, want ErrNotFound", err)
			}
		})
	}
}

// Logs and dispatches tell the id of the message; the dead letter queue has ids of its own.
func TestDeadLetters_are_found_by_the_message_id(t *testing.T) {
	_, failed, _ := deadLetters(t, 2, symphony.BusOptions{})
	page := list(t, failed, symphony.FailedQuery{})
	first, second := page.Messages[0], page.Messages[1]
	if got, err := failed.Get(t.Context(), first.Envelope.ID); err != nil || got.ID != first.ID {
		t.Errorf("get: %q, %v; want %q", got.ID, err, first.ID)
	}
	if _, err := failed.Retry(t.Context(), first.Envelope.ID, nil); err != nil {
		t.Errorf("retry: %v", err)
	}
	if _, err := failed.Retry(t.Context(), first.Envelope.ID, nil); !errors.Is(err, symphony.ErrNotFound) {
		t.Errorf("retry again: %v, want ErrNotFound", err)
	}
	if err := failed.Delete(t.Context(), second.Envelope.ID); err != nil {
		t.Errorf("delete: %v", err)
	}
	if _, err := failed.Get(t.Context(), second.Envelope.ID); !errors.Is(err, symphony.ErrNotFound) {
		t.Errorf("get of what was deleted: %v, want ErrNotFound", err)
	}
	if left := list(t, failed, symphony.FailedQuery{}); left.Total != 0 {
		t.Errorf("%d are left, want none", left.Total)
	}
}

func TestDeadLetters_Retry_refuses_payloads(t *testing.T) {
	_, failed, tr := deadLetters(t, 1, symphony.BusOptions{MaxMessageBytes: 100})
	id := list(t, failed, symphony.FailedQuery{}).Messages[0].ID
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
	if list(t, failed, symphony.FailedQuery{}).Total != 1 || len(receive(t, tr)) != 0 {
		t.Error("a refused retry changed something")
	}
}

func TestDeadLetters_Delete(t *testing.T) {
	_, failed, _ := deadLetters(t, 2, symphony.BusOptions{})
	id := list(t, failed, symphony.FailedQuery{}).Messages[0].ID
	if err := failed.Delete(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if err := failed.Delete(t.Context(), id); !errors.Is(err, symphony.ErrNotFound) {
		t.Errorf("a second time: error = %v, want ErrNotFound", err)
	}
	if page := list(t, failed, symphony.FailedQuery{}); page.Total != 1 || page.Messages[0].ID == id {
		t.Errorf("left are %+v", page)
	}
}

// bulk is RetryAll or DeleteAll.
type bulk func(context.Context, symphony.FailedSelection, func(int)) (int, error)

func bulks(d *symphony.DeadLetters) map[string]bulk {
	return map[string]bulk{"RetryAll": d.RetryAll, "DeleteAll": d.DeleteAll}
}

func TestDeadLetters_in_bulk_goes_in_chunks(t *testing.T) {
	for _, call := range []string{"RetryAll", "DeleteAll"} {
		t.Run(call, func(t *testing.T) {
			_, failed, tr := deadLetters(t, 1203, symphony.BusOptions{})
			var progress []int
			n, err := bulks(failed)[call](t.Context(), symphony.FailedSelection{All: true}, func(done int) { progress = append(progress, done) })
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]int{500, 1000, 1203}, progress); diff != "" || n != 1203 {
				t.Errorf("%d messages, progress (-want +got):\n%s", n, diff)
			}
			if got := list(t, failed, symphony.FailedQuery{}).Total; got != 0 {
				t.Errorf("%d failed messages are left", got)
			}
			want := map[string]int{"RetryAll": 1203, "DeleteAll": 0}[call]
			if got := len(receive(t, tr)); got != want {
				t.Errorf("%d messages are ready, want %d", got, want)
			}
		})
	}
}

func TestDeadLetters_in_bulk_by_id(t *testing.T) {
	for _, call := range []string{"RetryAll", "DeleteAll"} {
		t.Run(call, func(t *testing.T) {
			_, failed, _ := deadLetters(t, 700, symphony.BusOptions{})
			ids := []string{"unknown"}
			for offset := 0; offset < 600; offset += symphony.MaxFailedPage {
				for _, m := range list(t, failed, symphony.FailedQuery{Limit: symphony.MaxFailedPage, Offset: offset}).Messages {
					ids = append(ids, m.ID)
				}
			}
			var progress []int
			n, err := bulks(failed)[call](t.Context(), symphony.FailedSelection{IDs: ids}, func(done int) { progress = append(progress, done) })
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]int{499, 600}, progress); diff != "" || n != 600 {
				t.Errorf("%d messages, progress (-want +got):\n%s", n, diff)
			}
			left := list(t, failed, symphony.FailedQuery{Limit: symphony.MaxFailedPage})
			if left.Total != 100 {
				t.Errorf("%d are left, want 100", left.Total)
			}
			for _, m := range left.Messages {
				if slices.Contains(ids, m.ID) {
					t.Errorf("%s is left", m.ID)
				}
			}
			if n, err := bulks(failed)[call](t.Context(), symphony.FailedSelection{IDs: []string{}}, nil); n != 0 || err != nil {
				t.Errorf("no ids: %d, %v", n, err)
			}
		})
	}
}

func TestDeadLetters_in_bulk_by_filter(t *testing.T) {
	bus, failed, tr := deadLetters(t, 3, symphony.BusOptions{})
	failMore(t, bus, tr, "user.created", 2)
	if n, err := failed.DeleteAll(t.Context(), symphony.FailedSelection{Filter: symphony.FailedFilter{Type: "order.paid"}}, nil); n != 3 || err != nil {
		t.Fatalf("deleted %d, %v; want 3", n, err)
	}
	page := list(t, failed, symphony.FailedQuery{})
	if page.Total != 2 || page.Messages[0].Type != "user.created" {
		t.Errorf("left are %+v", page)
	}
	until := page.Messages[0].FailedAt
	if n, err := failed.DeleteAll(t.Context(), symphony.FailedSelection{Filter: symphony.FailedFilter{Until: until.Add(-time.Hour)}}, nil); n != 0 || err != nil {
		t.Errorf("deleted %d that failed later than the filter says, %v", n, err)
	}
}

// Messages that fail while a bulk call runs are left alone: else those that fail again at once would never end.
func TestDeadLetters_in_bulk_ends(t *testing.T) {
	for name, filter := range map[string]symphony.FailedFilter{"without a bound": {}, "with a bound ahead": {Until: noon.Add(1000 * time.Hour)}} {
		t.Run(name, func(t *testing.T) {
			_, failed, tr := deadLetters(t, 600, symphony.BusOptions{})
			rounds := 0
			n, err := failed.RetryAll(t.Context(), symphony.FailedSelection{Filter: filter}, func(int) {
				if rounds++; rounds > 10 {
					t.Fatal("it does not end")
				}
				fail(t, tr, "down again")
			})
			if n != 600 || err != nil {
				t.Errorf("retried %d, %v; want 600", n, err)
			}
			if got := list(t, failed, symphony.FailedQuery{}).Total; got != 600 {
				t.Errorf("%d have failed again, want 600", got)
			}
		})
	}
}

func TestDeadLetters_in_bulk_says_how_far_it_got(t *testing.T) {
	for _, selection := range []string{"filter", "ids"} {
		for _, call := range []string{"RetryAll", "DeleteAll"} {
			t.Run(fmt.Sprint(call, " by ", selection), func(t *testing.T) {
				_, failed, tr := deadLetters(t, 600, symphony.BusOptions{})
				s := symphony.FailedSelection{All: selection == "filter"}
				if selection == "ids" {
					for offset := range 3 {
						for _, m := range list(t, failed, symphony.FailedQuery{Limit: 200, Offset: 200 * offset}).Messages {
							s.IDs = append(s.IDs, m.ID)
						}
					}
				}
				n, err := bulks(failed)[call](t.Context(), s, func(int) { tr.Close() })
				if n != 500 || !errors.Is(err, symphony.ErrClosed) {
					t.Errorf("%d, %v; want 500 and ErrClosed", n, err)
				}
			})
		}
	}
}

// Failures that a clock dated ahead, before it was set back, are moved like all others, and once.
func TestDeadLetters_bulk_takes_failures_of_times_to_come(t *testing.T) {
	for _, call := range []string{"RetryAll", "DeleteAll"} {
		c := newClock(0)
		tr := open(t, c, "default")[0]
		bus := newBus(t, symphony.BusOptions{Clock: c}, tr)
		failMore(t, bus, tr, "order.paid", 3)
		c.mu.Lock()
		c.now = c.now.Add(-time.Hour)
		c.mu.Unlock()
		failed, err := bus.Failed("default")
		if err != nil {
			t.Fatal(err)
		}
		if n, err := bulks(failed)[call](t.Context(), symphony.FailedSelection{All: true}, nil); n != 3 || err != nil {
			t.Errorf("%s: got %d, %v, want 3", call, n, err)
		}
	}
}

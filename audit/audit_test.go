package audit_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/audit"
	"github.com/symphony-messenger/symphony/symphonytest"
	"github.com/symphony-messenger/symphony/transport/sqlite"

	"github.com/google/go-cmp/cmp"
)

var ada = audit.Who{Kind: "api_key", ID: "k1", Name: "Ada"}

func open(t *testing.T, o audit.Options) (*audit.Trail, *sqlite.Transport) {
	t.Helper()
	tr := symphonytest.Storage(t, sqlite.Options{})
	return audit.New(tr, o), tr
}

func begin(t *testing.T, trail *audit.Trail, action string, who audit.Who) *audit.Action {
	t.Helper()
	a, err := trail.Begin(t.Context(), audit.Entry{Action: action, Who: who, RequestID: "r", Remote: "10.0.0.1", Target: json.RawMessage(`{"id":"x"}`)})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func end(t *testing.T, a *audit.Action, o audit.Outcome, code string) {
	t.Helper()
	if err := a.End(t.Context(), o, code, nil); err != nil {
		t.Fatal(err)
	}
}

// all pages through the trail.
func all(t *testing.T, trail *audit.Trail, q audit.Query) (list []string) {
	t.Helper()
	for {
		page, err := trail.List(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Entries {
			list = append(list, fmt.Sprint(e.Action, " ", e.Who.Name, " ", e.Outcome, " ", e.Code))
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			return list
		}
	}
}

func TestTrail_has_one_entry_for_each_action(t *testing.T) {
	var recorded []audit.Entry
	trail, _ := open(t, audit.Options{Recorded: func(e audit.Entry) { recorded = append(recorded, e) }})
	a := begin(t, trail, "failed.retry", ada)
	if err := a.End(t.Context(), audit.OK, "", json.RawMessage(`{"newMessageId":"y"}`)); err != nil {
		t.Fatal(err)
	}
	page, err := trail.List(t.Context(), audit.Query{})
	if err != nil || len(page.Entries) != 1 || page.Next != "" {
		t.Fatalf("got %+v, %v", page, err)
	}
	got := page.Entries[0]
	if got.At.IsZero() || got.FinishedAt.Before(got.At) {
		t.Errorf("times are %v and %v", got.At, got.FinishedAt)
	}
	got.At, got.FinishedAt = time.Time{}, time.Time{}
	want := audit.Entry{Seq: 1, Action: "failed.retry", Who: ada, RequestID: "r", Remote: "10.0.0.1", Target: json.RawMessage(`{"id":"x"}`),
		Outcome: audit.OK, Result: json.RawMessage(`{"newMessageId":"y"}`)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(recorded) != 1 || recorded[0].Action != "failed.retry" || recorded[0].Outcome != audit.OK {
		t.Errorf("told of %+v", recorded)
	}
}

func TestTrail_shows_what_has_no_outcome(t *testing.T) {
	trail, _ := open(t, audit.Options{})
	slow := begin(t, trail, "queue.purge", ada)
	end(t, begin(t, trail, "key.create", ada), audit.Refused, "validation_failed")
	begin(t, trail, "queue.pause", ada) // the process dies
	want := []string{"queue.pause Ada unfinished ", "key.create Ada refused validation_failed", "queue.purge Ada unfinished "}
	if diff := cmp.Diff(want, all(t, trail, audit.Query{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	end(t, slow, audit.Failed, "internal_error")
	// Its outcome was recorded after younger entries; a page that begins behind these finds it all the same.
	want[2] = "queue.purge Ada failed internal_error"
	for limit := 1; limit <= 3; limit++ {
		if diff := cmp.Diff(want, all(t, trail, audit.Query{Limit: limit})); diff != "" {
			t.Errorf("pages of %d (-want +got):\n%s", limit, diff)
		}
	}
}

func TestTrail_filters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trail, tr := open(t, audit.Options{})
		bob := audit.Who{Kind: "user", ID: "b2", Name: "Bob"}
		start := time.Now()
		end(t, begin(t, trail, "failed.retry", ada), audit.OK, "")
		<-time.After(time.Hour)
		end(t, begin(t, trail, "failed.delete", bob), audit.OK, "")
		<-time.After(time.Hour)
		if err := trail.Refuse(t.Context(), audit.Entry{Action: "key.create", Who: bob}, "insufficient_scope"); err != nil {
			t.Fatal(err)
		}
		tests := map[string]struct {
			q    audit.Query
			want []string
		}{
			"by action":        {audit.Query{Action: "failed.delete"}, []string{"failed.delete Bob ok "}},
			"by pattern":       {audit.Query{Action: "failed.*"}, []string{"failed.delete Bob ok ", "failed.retry Ada ok "}},
			"by id":            {audit.Query{Who: "k1"}, []string{"failed.retry Ada ok "}},
			"by name":          {audit.Query{Who: "Bob"}, []string{"key.create Bob refused insufficient_scope", "failed.delete Bob ok "}},
			"since":            {audit.Query{Since: start.Add(90 * time.Minute)}, []string{"key.create Bob refused insufficient_scope"}},
			"until":            {audit.Query{Until: start.Add(time.Minute)}, []string{"failed.retry Ada ok "}},
			"of another":       {audit.Query{Who: "nobody"}, nil},
			"of no such thing": {audit.Query{Action: "nothing"}, nil},
		}
		for name, test := range tests {
			if diff := cmp.Diff(test.want, all(t, trail, test.q)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
		// Retention.
		old := audit.New(tr, audit.Options{Retention: 90 * time.Minute})
		if n, err := old.Trim(t.Context()); err != nil || n != 2 {
			t.Errorf("trimmed %d, %v", n, err)
		}
		if got := all(t, old, audit.Query{}); len(got) != 2 {
			t.Errorf("got %q", got)
		}
	})
}

// What touched a thing was done to it, or made it.
func TestTrail_of_one_target(t *testing.T) {
	trail, _ := open(t, audit.Options{})
	for _, action := range []struct{ name, target, result string }{
		{"queue.pause", `{"queue":"mail","reason":"m1"}`, ``},
		{"failed.retry_bulk", `{"ids":["m1","m2"]}`, `{"count":2}`},
		{"failed.retry", `{"id":"m3"}`, `{"newMessageId":"m1"}`},
		{"message.delete", `{"id":"m10"}`, ``},
		{"message.edit", `{"id":"m1","changes":["payload"]}`, ``},
		{"keys.none", ``, ``},
	} {
		entry := audit.Entry{Action: action.name, Who: ada, Target: json.RawMessage(action.target)}
		a, err := trail.Begin(t.Context(), entry)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.End(t.Context(), audit.OK, "", json.RawMessage(action.result)); err != nil {
			t.Fatal(err)
		}
	}
	for target, want := range map[string][]string{
		"m1": {"message.edit Ada ok ", "failed.retry Ada ok ", "failed.retry_bulk Ada ok ", "queue.pause Ada ok "},
		"m2": {"failed.retry_bulk Ada ok "}, "mail": {"queue.pause Ada ok "}, "m": nil, "id": nil,
	} {
		for limit := range 2 { // in one page, and in pages of one
			if diff := cmp.Diff(want, all(t, trail, audit.Query{Target: target, Limit: limit})); diff != "" {
				t.Errorf("%s (-want +got):\n%s", target, diff)
			}
		}
	}
}

func TestTrail_is_searched_in_bounded_steps(t *testing.T) {
	trail, _ := open(t, audit.Options{})
	end(t, begin(t, trail, "failed.retry", ada), audit.OK, "")
	other := audit.Who{Kind: "local", ID: "local"}
	for range 7000 {
		end(t, begin(t, trail, "failed.delete", other), audit.OK, "")
	}
	page, err := trail.List(t.Context(), audit.Query{Who: "Ada"})
	if err != nil || len(page.Entries) != 0 || page.Next == "" {
		t.Errorf("got %d entries and the cursor %q, %v", len(page.Entries), page.Next, err)
	}
	if got := all(t, trail, audit.Query{Who: "Ada"}); len(got) != 1 {
		t.Errorf("got %q", got)
	}
	if got := all(t, trail, audit.Query{Limit: 200}); len(got) != 7001 {
		t.Errorf("got %d entries", len(got))
	}
}

func TestTrail_refuses_mistakes(t *testing.T) {
	trail, _ := open(t, audit.Options{})
	now := time.Now()
	_, err := trail.List(t.Context(), audit.Query{Action: "a*b", Limit: 201, Cursor: "x", Since: now, Until: now})
	var invalid *symphony.ValidationError
	if !errors.As(err, &invalid) || len(invalid.Problems) != 4 {
		t.Errorf("got %v", err)
	}
}

func TestTrail_begins_nothing_that_it_cannot_record(t *testing.T) {
	trail, tr := open(t, audit.Options{})
	tr.Close()
	if a, err := trail.Begin(context.Background(), audit.Entry{Action: "queue.purge", Who: ada}); err == nil || a != nil {
		t.Errorf("got %v, %v", a, err)
	}
}

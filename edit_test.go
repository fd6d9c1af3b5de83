package symphony_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/symphonytest"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

// checker refuses payloads without a name.
type checker struct{}

func (checker) CheckPayload(typ string, payload json.RawMessage) []symphony.Problem {
	if typ != "Named" || strings.Contains(string(payload), `"name"`) {
		return nil
	}
	return []symphony.Problem{{Path: "name", Message: "is required"}}
}

func TestMessages_Edit(t *testing.T) {
	tr := symphonytest.Storage(t, sqlite.Options{})
	bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{Schemas: checker{}, MaxMessageBytes: 100,
		Defaults: map[string]symphony.TransportDefaults{"default": {Priority: 3}}})
	if err != nil {
		t.Fatal(err)
	}
	messages, err := bus.Messages("default")
	if err != nil {
		t.Fatal(err)
	}
	day := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	r, err := bus.Dispatch(t.Context(), "Named", json.RawMessage(`{"name":1}`), symphony.DispatchOptions{
		Metadata: map[string]any{"a": "b"}, Priority: 8, ScheduledAt: day, ExpiresAt: day.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	was, err := messages.Get(t.Context(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	type edit = symphony.MessageEdit
	long, old := strings.Repeat("x", 90), time.Unix(-1, 0)
	for name, test := range map[string]struct {
		edit edit
		want []string // paths of problems
	}{
		"payload":             {edit{Payload: json.RawMessage(`[1]`)}, []string{"payload"}},
		"payload and schema":  {edit{Payload: json.RawMessage(`{}`)}, []string{"payload.name"}},
		"size":                {edit{Payload: json.RawMessage(`{"name":"` + long + `"}`)}, []string{"payload"}},
		"size of metadata":    {edit{Metadata: &map[string]any{"a": long}}, []string{"metadata"}},
		"metadata":            {edit{Metadata: &map[string]any{"a": func() {}}}, []string{"metadata"}},
		"priority":            {edit{Priority: new(11)}, []string{"priority"}},
		"tags":                {edit{Tags: &[]string{"a", "b,c"}}, []string{"tags[1]"}},
		"retries":             {edit{MaxRetries: new(101)}, []string{"maxRetries"}},
		"times":               {edit{ScheduledAt: &old, ExpiresAt: &old}, []string{"scheduledAt", "expiresAt"}},
		"due when it is over": {edit{ScheduledAt: new(day.Add(time.Hour))}, []string{"scheduledAt"}},
		"over when it is due": {edit{ExpiresAt: new(day)}, []string{"expiresAt"}},
	} {
		_, err := messages.Edit(t.Context(), r.ID, test.edit)
		var invalid *symphony.ValidationError
		if !errors.As(err, &invalid) {
			t.Errorf("%s: got %v, want problems", name, err)
			continue
		}
		var paths []string
		for _, p := range invalid.Problems {
			paths = append(paths, p.Path)
		}
		if diff := cmp.Diff(test.want, paths); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
	if now, err := messages.Get(t.Context(), r.ID); err != nil || !cmp.Equal(was, now) {
		t.Errorf("a refused edit changed it: %v\n%s", err, cmp.Diff(was, now))
	}
	now, err := messages.Edit(t.Context(), r.ID, edit{Payload: json.RawMessage(`{"name": 2.50}`),
		Metadata: new(map[string]any), Priority: new(0), ScheduledAt: new(time.Time{}), ExpiresAt: new(time.Time{}),
		Tags: &[]string{"x", "x"}, MaxRetries: new(0)})
	if err != nil {
		t.Fatal(err)
	}
	want := was
	want.Payload, want.Metadata, want.Priority = json.RawMessage(`{"name": 2.50}`), nil, 3
	want.ScheduledAt, want.Flow, want.AvailableAt = time.Time{}, nil, now.AvailableAt
	want.Terms = &symphony.Terms{Tags: []string{"x"}, MaxRetries: new(0)}
	now.MaxRetries = want.MaxRetries
	if diff := cmp.Diff(want, now); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if _, err := messages.Of("user:x").Edit(t.Context(), r.ID, edit{}); !errors.Is(err, symphony.ErrNotFound) {
		t.Errorf("somebody else's: %v", err)
	}
	if _, err := messages.Edit(t.Context(), "x", edit{}); !errors.Is(err, symphony.ErrNotFound) {
		t.Errorf("unknown: %v", err)
	}
}

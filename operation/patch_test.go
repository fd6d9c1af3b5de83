package operation_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/operation"
	"github.com/symphony-messenger/symphony/symphonytest/testclock"
	"github.com/symphony-messenger/symphony/transport/sqlite"
	"github.com/symphony-messenger/symphony/triage"
)

// odd refuses payloads with an even number.
type odd struct{}

func (odd) CheckPayload(_ string, payload json.RawMessage) []symphony.Problem {
	var body struct{ N int }
	if json.Unmarshal(payload, &body) != nil || body.N%2 == 1 || !strings.Contains(string(payload), "to") {
		return nil
	}
	return []symphony.Problem{{Path: "n", Message: "must be odd"}}
}

// What a patch would break stays in the dead letter queue, is counted and told of.
func TestRetry_with_a_patch(t *testing.T) {
	clock := testclock.New(time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC))
	tr, err := sqlite.OpenTemporary(t.Context(), sqlite.Options{Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	f := on(t, tr, symphony.BusOptions{Clock: clock, Schemas: odd{}})
	f.fail(10, "Mail")
	clock.Advance(time.Second)
	r := everything(operation.FailedRetry)
	r.Transport, r.Patch = tr.Name(), json.RawMessage(`{"to":"ada@example.com"}`)

	dead, err := f.bus.Failed(r.Transport)
	if err != nil {
		t.Fatal(err)
	}
	examples, err := operation.Examples(t.Context(), dead, r)
	if err != nil || len(examples) != operation.MaxExamples {
		t.Fatalf("%d examples, %v", len(examples), err)
	}
	wrong := 0
	for _, e := range examples {
		if strings.Contains(string(e.Payload), "ada") || !strings.Contains(string(e.After), `"to":"ada@example.com"`) {
			t.Errorf("from %s to %s", e.Payload, e.After)
		}
		wrong += len(e.Problems)
	}
	if wrong == 0 {
		t.Error("no example has the problem that half of the messages have")
	}
	f.wantCounts(0, 0, 10)

	n, err := operation.Do(t.Context(), dead, r, nil)
	if err != nil || n != 5 {
		t.Errorf("%d were retried, %v; want the five that may have it", n, err)
	}
	f.wantCounts(5, 0, 5)
	for _, m := range f.list(symphony.MessageFilter{Status: symphony.Pending}) {
		if !strings.Contains(string(m.Payload), `"to":"ada@example.com"`) {
			t.Errorf("dispatched again with %s", m.Payload)
		}
	}

	for _, bad := range []operation.Request{
		{Kind: operation.FailedRetry, Filter: &symphony.MessageFilter{}, Patch: json.RawMessage(`[]`)},
		{Kind: operation.FailedDelete, Filter: &symphony.MessageFilter{Type: "x"}, Patch: json.RawMessage(`{}`)},
	} {
		var invalid *symphony.ValidationError
		_, err := operation.Do(t.Context(), dead, bad, nil)
		if !errors.As(err, &invalid) || invalid.Problems[0].Path != "patch" {
			t.Errorf("%s: %v", bad.Kind, err)
		}
	}
}

// 300 dead letters of one group are corrected at 50 a second, as docs/triage.md tells it. Others stay.
func TestRetry_of_a_group_with_a_patch_keeps_its_rate(t *testing.T) {
	bubble(t, func(f *fixture) {
		f.fail(300, "payment.send")
		f.fail(5, "Other")
		group := triage.Fingerprint("payment.send", "test", "boom")
		op := f.start(operation.Request{Kind: operation.FailedRetry, Rate: 50,
			Filter: &symphony.MessageFilter{FailureGroup: group}, Patch: json.RawMessage(`{"currency":"EUR"}`)})
		if op.Total == nil || *op.Total != 300 {
			f.Errorf("it began as %+v", op)
		}
		wait(3 * time.Second)
		if got := f.get(op.ID).Done; got < 145 || got > 155 {
			f.Errorf("%d are done after 3 s at 50 a second", got)
		}
		wait(4 * time.Second)
		f.want(op.ID, operation.Completed, 300, 0)
		f.wantCounts(300, 0, 5)
		for _, m := range f.list(symphony.MessageFilter{Status: symphony.Pending}) {
			if !strings.Contains(string(m.Payload), `"currency":"EUR"`) {
				f.Fatalf("dispatched again: %s", m.Payload)
			}
		}
	})
}

package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/retention"
)

func TestRetention_by_outcome_type_queue_and_transport(t *testing.T) {
	c, err := loadText(t, `
database: {retention: 1h}
retention: {failed: 90h, cancelled: 0s}
transports:
  default:
  email: {retention: {completed: 2h}}
queues:
  email/bulk: {retention: {completed: 3h}}
types:
  Audit.*: {retention: {completed: forever}}
`)
	if err != nil {
		t.Fatal(err)
	}
	type of struct {
		outcome               symphony.Status
		transport, queue, typ string
	}
	rules := c.RetentionRules()
	got := make(map[of]time.Duration)
	want := map[of]time.Duration{
		{symphony.Completed, "default", "q", "x"}:        time.Hour,
		{symphony.Failed, "default", "q", "x"}:           90 * time.Hour,
		{symphony.Cancelled, "email", "q", "x"}:          0,
		{symphony.Completed, "email", "q", "x"}:          2 * time.Hour,
		{symphony.Completed, "email", "bulk", "x"}:       3 * time.Hour,
		{symphony.Completed, "email", "bulk", "Audit.x"}: retention.Forever,
	}
	for o := range want {
		got[o] = rules.Period(o.outcome, &symphony.Envelope{Transport: o.transport, Queue: o.queue, Type: o.typ})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestRetention_that_is_refused(t *testing.T) {
	nine := "types:\n"
	for i := range 9 {
		nine += "  T" + string(rune('a'+i)) + ": {retention: {failed: " + (time.Duration(30+i) * time.Hour).String() +
			"}}\n"
	}
	for text, want := range map[string]string{
		"retention: {failed: never}":                       `must be a duration like "72h" from 0s to 87600h, or forever, is "never"`,
		"retention: {completed: -1h}":                      `or forever, is "-1h"`,
		"types: {A: {retention: {cancelled: 87601h}}}":     `or forever, is "87601h"`,
		"queues: {default/a: {retention: {complete: 1h}}}": "complete",
		nine: "10 distinct periods (24h0m0s, 30h0m0s, 31h0m0s, 32h0m0s, 33h0m0s, 34h0m0s, 35h0m0s, 36h0m0s, 37h0m0s, 38h0m0s): there may be 8",
	} {
		if _, err := loadText(t, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q in it", text, err, want)
		}
	}
}
